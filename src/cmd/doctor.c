/* assay doctor: what this machine is, how fast it reads and multiplies, what would disturb a measurement. At most 5 s. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/machine_id.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/sysmem.h"
#include "base/term.h"
#include "cmd/doctor.h"
#include "engine/worker_env.h"
#include "nn/source.h"
#include "telemetry/telemetry.h"

#define PROBE_NS (ASSAY_NS_PER_S * 9 / 10)

const struct assay_opt cmd_doctor_options[] = {
	{ "threads", 't', ASSAY_OPT_INT, "0", 0, 4096, .arg = "N", .help = "threads of the probes; 0 = every CPU that this process may use" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print everything as one JSON object" },
	ASSAY_OPT_END,
};

struct finding { const char *what; char text[300]; };
struct findings { struct finding list[12]; int n; };

static void warn(struct findings *f, const char *what, const char *fmt, double x)
{
	if (f->n < 12) {
		f->list[f->n].what = what;
		snprintf(f->list[f->n].text, sizeof f->list[f->n].text, fmt, x);
		f->n++;
	}
}

/* What would disturb a measurement here. */
static void look(const json_t *m, const json_t *build, struct findings *f)
{
	const json_t *cpu = json_object_get(m, "cpu"), *mem = json_object_get(m, "memory"), *lim = json_object_get(m, "limits");
	double load = atof(assay_json_get_str(m, "load_average", "0")), usable = assay_json_get_num(cpu, "usable", 1);
	double swap = assay_json_get_num(mem, "swap_total_bytes", 0) - assay_json_get_num(mem, "swap_free_bytes", 0);
	const char *governor = assay_json_get_str(cpu, "governor", "performance");
	if (strncmp(assay_json_get_str(build, "build", ""), "release", 7))
		warn(f, "build", "this is no optimised build: every run will be INVALID", 0);
	if (load > 0.2 * usable)
		warn(f, "load", "load average is %.2f: other programs run; their CPU time will show as foreign load", load);
	if (swap > 0)
		warn(f, "swap", "%.0f MiB of swap are in use: memory was short at some time", swap / 0x1p20);
	if (strcmp(governor, "performance"))
		warn(f, "governor", "the CPU governor is not \"performance\": the clock may change during a run", 0);
	if (assay_json_get_num(lim, "cpu_quota_cores", 0) > 0 && assay_json_get_num(lim, "cpu_quota_cores", 0) < usable)
		warn(f, "quota", "a control group grants %.2f cores only: threads will be throttled; use as many --threads", assay_json_get_num(lim, "cpu_quota_cores", 0));
	if (assay_clock_resolution_ns() > 1000)
		warn(f, "timer", "the clock steps by %.0f ns: short times are coarse", (double)assay_clock_resolution_ns());
}

/* {worker: version of its engine, or null}. */
static json_t *engines(void)
{
	json_t *o = json_object();
	for (const struct assay_worker_env *r = assay_worker_envs; r->worker; r++) {
		char version[80], *python = assay_worker_env_python(r->worker);
		bool there = python && assay_worker_env_version(python, r->dist, version, sizeof version);
		json_object_set_new(o, r->worker, there ? json_string(version) : json_null());
		free(python);
	}
	return o;
}

static json_t *probe(int threads)
{
	json_t *p = json_object();
	int n = threads ? threads : assay_cpu_count();
	double read = assay_probe_read_gb_s(n, PROBE_NS);
	double f32 = assay_probe_gemm_gflop_s(n, 0, PROBE_NS), bf16 = assay_probe_gemm_gflop_s(n, 1, PROBE_NS);
	assay_probe_close();
	json_object_set_new(p, "threads", json_integer(n));
	json_object_set_new(p, "read_gb_s", assay_json_real(read));
	json_object_set_new(p, "gemm_f32_gflop_s", assay_json_real(f32));
	json_object_set_new(p, "gemm_bf16_gflop_s", bf16 > 0 ? assay_json_real(bf16) : json_null());
	json_object_set_new(p, "clock_resolution_ns", json_integer(assay_clock_resolution_ns()));
	return p;
}

static json_t *collect(int threads)
{
	struct assay_sysmem mem;
	struct findings f = { .n = 0 };
	char isa[200], *smollm2 = nn_smollm2_path();
	json_t *machine = assay_inventory(), *build = cmd_build_info(), *notes = json_array();
	assay_sysmem_read("", &mem);
	assay_cpu_isa_names(isa, sizeof isa);
	look(machine, build, &f);
	for (int i = 0; i < f.n; i++)
		json_array_append_new(notes, json_pack("{s:s s:s}", "code", f.list[i].what, "text", f.list[i].text));
	uint64_t safe = assay_sysmem_safe_bytes(&mem);
	json_t *d = json_pack("{s:o s:o s:o s:s s:o s:b s:o s:o}", "assay", build, "machine", machine, "probes", probe(threads), "isa", isa, "safe_memory_bytes",
	                      safe == ASSAY_SYSMEM_NONE ? json_null() : json_integer((json_int_t)safe), "smollm2", smollm2 != NULL, "engines", engines(), "notes", notes);
	free(smollm2);
	return d;
}

static void line(const char *label, const char *value, int width)
{
	int at = printf("%s", label);
	cmd_wrap(stdout, value && *value ? value : "unknown", at, 16, width);
}

static void number(const char *label, const json_t *o, const char *key, double scale, const char *unit)
{
	double x = assay_json_get_num(o, key, NAN);
	if (isfinite(x))
		printf("%-16s%.4g %s\n", label, x / scale, unit);
	else
		printf("%-16snot available\n", label);
}

static void show_machine(const json_t *m, int width)
{
	const json_t *cpu = json_object_get(m, "cpu"), *mem = json_object_get(m, "memory"), *gpus = json_object_get(m, "gpus");
	char text[200];
	line("system", assay_json_get_str(m, "os", ""), width);
	line("kernel", assay_json_get_str(m, "kernel", ""), width);
	line("cpu", assay_json_get_str(cpu, "model", ""), width);
	snprintf(text, sizeof text, "%lld cores, %lld threads, %lld usable here", (long long)assay_json_get_int(cpu, "cores", 0), (long long)assay_json_get_int(cpu, "threads", 0),
	         (long long)assay_json_get_int(cpu, "usable", 0));
	line("", text, width);
	if (json_is_true(json_object_get(m, "virtualised")))
		line("virtualised", assay_json_get_str(m, "hypervisor", "yes"), width);
	char id[ASSAY_MACHINE_ID_LEN + 1];
	assay_machine_id(m, id);
	line("machine id", id, width);
	number("memory", mem, "total_bytes", 0x1p30, "GiB");
	number("  available", mem, "available_bytes", 0x1p30, "GiB");
	snprintf(text, sizeof text, "%zu", json_array_size(gpus));
	line("gpus", json_is_array(gpus) ? text : assay_json_get_str(json_object_get(m, "unavailable"), "gpus", "none"), width);
}

static void show_engines(const json_t *engines, int width)
{
	char text[300] = "";
	const char *name;
	json_t *version;
	json_object_foreach((json_t *)engines, name, version) {
		size_t n = strlen(text);
		if (json_is_string(version))
			snprintf(text + n, sizeof text - n, "%s%s %s", n ? ", " : "", name, json_string_value(version));
	}
	line("other engines", *text ? text : "none installed: assay engines", width);
}

static void show(const json_t *d, int width)
{
	const json_t *p = json_object_get(d, "probes"), *notes = json_object_get(d, "notes");
	show_machine(json_object_get(d, "machine"), width);
	line("instructions", assay_json_get_str(d, "isa", ""), width);
	number("safe to use", d, "safe_memory_bytes", 0x1p30, "GiB (least of available and control group, less 10 %)");
	number("timer", p, "clock_resolution_ns", 1, "ns");
	printf("\n");
	number("memory read", p, "read_gb_s", 1, "GB/s");
	number("GEMM f32", p, "gemm_f32_gflop_s", 1, "GFLOP/s");
	number("GEMM bf16", p, "gemm_bf16_gflop_s", 1, "GFLOP/s");
	printf("\n");
	line("build", assay_json_get_str(json_object_get(d, "assay"), "build", ""), width);
	line("smollm2", json_is_true(json_object_get(d, "smollm2")) ? "present: -m smollm2 works" : "not fetched: sh setup.sh model", width);
	show_engines(json_object_get(d, "engines"), width);
	printf("\n");
	for (size_t i = 0; i < json_array_size(notes); i++) {
		const json_t *n = json_array_get(notes, i);
		line(i ? "" : "notes", assay_json_get_str(n, "text", ""), width);
	}
	if (!json_array_size(notes))
		line("notes", "nothing found that would disturb a measurement", width);
}

int cmd_doctor(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_term term;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	json_t *d = collect((int)assay_options_int(o, "threads"));
	assay_term_init(&term, STDOUT_FILENO, false);
	if (!assay_options_flag(o, "json"))
		show(d, term.width < 110 ? term.width : 110);
	else
		cmd_print_json(d, NULL);
	json_decref(d);
	assay_options_close(o);
	return status;
}
