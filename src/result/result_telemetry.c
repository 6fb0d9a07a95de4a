/* telemetry{}, memory[] and ceilings[] of the result document: the sampled series, thinned out to a size that
 * can be drawn (and saying so), and their summary over the whole run. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/json.h"
#include "result/result_parts.h"

#define SERIES_POINTS 400 /* most points a series; longer ones are averaged over equal stretches of samples */
#define MIB (1024.0 * 1024.0)

/* A series is a level (value of a sample) or a rate (difference of a counter, per second or per CPU time). */
enum kind { LEVEL, PER_SECOND, CPU_SHARE };
static const struct series {
	const char *name, *unit;
	enum kind kind;
	size_t offset;       /* of an int64 in struct assay_rec_sample */
	double scale;
} table[] = {
#define AT(f) offsetof(struct assay_rec_sample, f)
	{ "rss_mib", "MiB", LEVEL, AT(rss_bytes), 1 / MIB },
	{ "memory_available_mib", "MiB", LEVEL, AT(mem_available_bytes), 1 / MIB },
	{ "process_cpu", "cores", PER_SECOND, AT(proc_cpu_ns), 1e-9 },
	{ "engine_cpu", "cores", PER_SECOND, AT(engine_cpu_ns), 1e-9 }, /* only where the engine runs in processes of its own */
	{ "machine_busy_pct", "%", CPU_SHARE, AT(cpu_busy_ns), 100 },
	{ "steal_pct", "%", CPU_SHARE, AT(cpu_steal_ns), 100 },
	{ "iowait_pct", "%", CPU_SHARE, AT(cpu_iowait_ns), 100 },
	{ "psi_cpu_pct", "%", PER_SECOND, AT(psi_cpu_us), 1e-4 },
	{ "psi_memory_pct", "%", PER_SECOND, AT(psi_memory_us), 1e-4 },
	{ "psi_io_pct", "%", PER_SECOND, AT(psi_io_us), 1e-4 },
	{ "context_switches", "1/s", PER_SECOND, AT(ctx_voluntary), 1 },
	{ "context_switches_involuntary", "1/s", PER_SECOND, AT(ctx_involuntary), 1 },
	{ "major_faults", "1/s", PER_SECOND, AT(major_faults), 1 },
	{ "swap_in_pages", "1/s", PER_SECOND, AT(swap_in_pages), 1 },
	{ "frequency_mhz", "MHz", LEVEL, AT(freq_khz), 1e-3 },
	{ "sampler_cpu_pct", "% of a core", PER_SECOND, AT(self_cpu_ns), 1e-7 },
	{ "gpu_util_pct", "%", LEVEL, AT(gpu_util_pct), 1 },
	{ "gpu_used_mib", "MiB", LEVEL, AT(gpu_used_bytes), 1 / MIB },
	{ "power_w", "W", PER_SECOND, AT(energy_uj), 1e-6 },
};
#define N_SERIES (sizeof table / sizeof *table)

static int64_t field(const struct assay_rec_sample *s, size_t offset)
{
	return *(const int64_t *)((const char *)s + offset);
}

/* Whether the engine ran in processes of its own. */
static bool in_others(const struct assay_run *run)
{
	for (size_t i = 0; i < run->n_samples; i++)
		if (run->samples[i].engine_cpu_ns > 0)
			return true;
	return false;
}

/* Why a series has no values. */
static const char *reason_of(const struct series *t, const struct assay_run *run)
{
	bool switches = t->offset == AT(ctx_voluntary) || t->offset == AT(ctx_involuntary);
	return switches && in_others(run) ? "not read of an engine in processes of its own" : "not readable on this machine";
}

static double difference(const struct assay_rec_sample *a, const struct assay_rec_sample *b, size_t offset)
{
	int64_t x = field(a, offset), y = field(b, offset);
	return x < 0 || y < x ? NAN : (double)y - (double)x; /* a counter that began anew: another process took the run up */
}

/* Value of a series between samples a and b (a level: at b); NaN = not readable. */
static double between(const struct series *t, const struct assay_rec_sample *a, const struct assay_rec_sample *b)
{
	if (t->kind == LEVEL)
		return field(b, t->offset) < 0 ? NAN : (double)field(b, t->offset) * t->scale;
	double part = difference(a, b, t->offset), whole = (double)b->t_ns - (double)a->t_ns;
	if (t->kind == PER_SECOND)
		whole *= 1e-9;
	else
		whole = difference(a, b, AT(cpu_busy_ns)) + difference(a, b, AT(cpu_idle_ns)) + difference(a, b, AT(cpu_steal_ns)) + difference(a, b, AT(cpu_iowait_ns));
	return whole > 0 ? part * t->scale / whole : NAN;
}

/* Mean over samples (from, to], ignoring those that were not readable. A rate over the whole stretch is that mean. */
static double stretch(const struct series *t, const struct assay_rec_sample *s, size_t from, size_t to)
{
	double sum = 0;
	size_t n = 0;
	if (t->kind != LEVEL)
		return between(t, &s[from], &s[to]);
	for (size_t i = from + 1; i <= to; i++) {
		double x = between(t, &s[i], &s[i]);
		if (isnan(x))
			continue;
		sum += x;
		n++;
	}
	return n ? sum / (double)n : NAN;
}

static json_t *series_json(const struct series *t, const struct assay_run *run, size_t every)
{
	json_t *values = json_array();
	bool any = false;
	for (size_t i = 0; i + 1 < run->n_samples; i += every) {
		size_t to = i + every < run->n_samples ? i + every : run->n_samples - 1;
		double x = stretch(t, run->samples, i, to);
		any = any || !isnan(x);
		json_array_append_new(values, assay_json_real(x));
	}
	json_t *o = json_pack("{s:s, s:s, s:o}", "name", t->name, "unit", t->unit, "values", any ? json_incref(values) : json_array());
	json_object_set_new(o, "reason", any ? json_null() : json_string(reason_of(t, run)));
	json_decref(values);
	return o;
}

static json_t *times_json(const struct assay_run *run, size_t every)
{
	json_t *t = json_array();
	for (size_t i = 0; i + 1 < run->n_samples; i += every)
		json_array_append_new(t, json_integer(run->samples[i + every < run->n_samples ? i + every : run->n_samples - 1].t_ns));
	return t;
}

/* {unit, mean, min, max} over all samples; null with a reason where nothing was readable. A rate over much less than the usual
 * period (the last sample comes when the run ends) is mostly rounding: it counts in the mean only. */
static json_t *summary_json(const struct series *t, const struct assay_run *run)
{
	double min = INFINITY, max = -INFINITY, mean = stretch(t, run->samples, 0, run->n_samples - 1);
	int64_t usual = (run->samples[run->n_samples - 1].t_ns - run->samples[0].t_ns) / (int64_t)(run->n_samples - 1);
	for (size_t i = 1; i < run->n_samples; i++) {
		if (t->kind != LEVEL && run->samples[i].t_ns - run->samples[i - 1].t_ns < usual / 2)
			continue;
		double x = between(t, &run->samples[i - 1], &run->samples[i]);
		min = x < min ? x : min;
		max = x > max ? x : max;
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "unit", t->unit, "mean", assay_json_real(mean), "min", assay_json_real(min), "max", assay_json_real(max),
		"reason", isnan(mean) ? json_string(reason_of(t, run)) : json_null());
}

static json_t *none(const char *why)
{
	return json_pack("{s:[], s:[], s:i, s:n, s:s}", "series", "t_ns", "samples", 0, "summary", "reason", why);
}

json_t *result_telemetry(const struct assay_run *run)
{
	if (run->n_samples < 2) /* a virtual clock has samples where the sim file states them */
		return none(assay_json_get_bool(run->header, "virtual_clock", 0) ? "virtual clock" : "fewer than two samples were taken");
	size_t steps = run->n_samples - 1, every = (steps + SERIES_POINTS - 1) / SERIES_POINTS;
	double seconds = (double)(run->samples[steps].t_ns - run->samples[0].t_ns) / 1e9;
	json_t *series = json_array(), *summary = json_object();
	for (size_t i = 0; i < N_SERIES; i++) {
		if (table[i].offset == AT(engine_cpu_ns) && !in_others(run))
			continue;
		json_array_append_new(series, series_json(&table[i], run, every));
		json_object_set_new(summary, table[i].name, summary_json(&table[i], run));
	}
	return json_pack("{s:I, s:o, s:I, s:o, s:o, s:o, s:n}", "samples", (json_int_t)run->n_samples, "duration_s", assay_json_real(seconds), "samples_per_value", (json_int_t)every,
		"t_ns", times_json(run, every), "series", series, "summary", summary, "reason");
}

static json_t *bytes_json(int64_t bytes)
{
	return bytes < 0 ? json_null() : json_integer(bytes);
}

json_t *result_memory(const struct assay_run *run)
{
	static const char *const label[] = { "start", "loaded", "before_run", "after_run", "end" };
	json_t *a = json_array();
	for (size_t i = 0; i < run->n_memory; i++) {
		const struct assay_rec_memory *m = &run->memory[i];
		if (m->label != ASSAY_MEM_START && m->label != ASSAY_MEM_LOADED && m->label != ASSAY_MEM_END)
			continue;
		json_array_append_new(a, json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "label", label[m->label], "t_ns", (json_int_t)m->t_ns, "rss_bytes", bytes_json(m->rss_bytes),
			"pss_bytes", bytes_json(m->pss_bytes), "hwm_bytes", bytes_json(m->hwm_bytes), "weight_bytes", bytes_json(m->weight_bytes),
			"kv_pool_bytes", bytes_json(m->kv_pool_bytes), "workspace_bytes", bytes_json(m->workspace_bytes)));
	}
	return a;
}

static json_t *probed(double x)
{
	return x > 0 ? assay_json_real(x) : json_null();
}

json_t *result_ceilings(const struct assay_run *run)
{
	json_t *a = json_array();
	for (size_t i = 0; i < run->n_ceilings; i++) {
		const struct assay_rec_ceiling *c = &run->ceilings[i];
		json_array_append_new(a, json_pack("{s:I, s:I, s:o, s:o, s:o}", "t_ns", (json_int_t)c->t_ns, "threads", (json_int_t)c->threads, "read_gb_s", probed(c->read_gb_s),
			"gemm_f32_gflop_s", probed(c->gemm_f32_gflop_s), "gemm_bf16_gflop_s", probed(c->gemm_bf16_gflop_s)));
	}
	return a;
}
