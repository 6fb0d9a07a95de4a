/* What the machine is and does: parsers against recorded and hostile texts, the inventory against recorded
 * trees, the sampler thread, memory readings, probes (for sanity only: no timing thresholds). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/fs.h"
#include "base/mem.h"
#include "telemetry/inventory.h"
#include "telemetry/proc_read.h"
#include "telemetry/telemetry.h"

/* A copy that ends exactly at its last byte, so that a sanitizer sees a read past it. */
static char *exact(const char *s, size_t *n)
{
	*n = strlen(s);
	char *p = malloc(*n ? *n : 1);
	memcpy(p, s, *n);
	return p;
}

static void parse_numbers(void **state)
{
	static const struct { const char *text; int64_t whole, statm; } row[] = {
		{ "42\n", 42, -1 }, { "0", 0, -1 }, { "", -1, -1 }, { "-1\n", -1, -1 }, { "9223372036854771712\n", INT64_C(9223372036854771712), -1 },
		{ "9223372036854775808\n", -1, -1 }, { "99999999999999999999999999", -1, -1 }, { "12x\n", -1, -1 }, { " 7\n", -1, -1 },
		{ "2543 447 410 10 0 76 0\n", 2543, 447 }, { "2543 99999999999999999999 1\n", 2543, -1 }, { "2543 ", 2543, -1 }, { "2543 44", 2543, 44 },
		{ "1 -5 3\n", 1, -1 }, { "\n\n\n", -1, -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t n;
		char *p = exact(row[i].text, &n);
		assert_int_equal(assay_parse_int(p, n), row[i].whole);
		assert_int_equal(assay_parse_statm(p, n), row[i].statm);
		free(p);
	}
}

static void parse_keys(void **state)
{
	static const char status[] = "Name:\tassay\nVmHWM:\t    1788 kB\nVmRSS:\t 1700 kB\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
	static const struct { const char *text, *key; int64_t want; } row[] = {
		{ status, "VmHWM", 1788 }, { status, "voluntary_ctxt_switches", 12 }, { status, "nonvoluntary_ctxt_switches", 3 },
		{ status, "Vm", -1 }, { status, "HWM", -1 }, { status, "VmSwap", -1 }, { status, "Name", -1 },
		{ "pgpgin 3\npswpin 7\npswpout 9\n", "pswpin", 7 }, { "pswpin 7", "pswpin", 7 }, { "pswpin", "pswpin", -1 }, { "pswpin ", "pswpin", -1 },
		{ "xpswpin 7\n", "pswpin", -1 }, { "pswpin -7\n", "pswpin", -1 }, { "pswpin 99999999999999999999\n", "pswpin", -1 }, { "", "pswpin", -1 },
		{ "VmHWM:", "VmHWM", -1 }, { "VmHWM::::\t 5", "VmHWM", 5 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t n;
		char *p = exact(row[i].text, &n);
		assert_int_equal(assay_parse_keyed(p, n, row[i].key), row[i].want);
		free(p);
	}
}

static void parse_pressure(void **state)
{
	static const struct { const char *text; int64_t want; } row[] = {
		{ "some avg10=0.21 avg60=0.72 avg300=0.30 total=4983363\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=17\n", 4983363 },
		{ "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", 0 },
		{ "full avg10=0.00 avg60=0.00 avg300=0.00 total=17\n", -1 },
		{ "some avg10=0.00\nfull total=17\n", -1 }, { "some", -1 }, { "some total=", -1 }, { "some  total=99999999999999999999", -1 }, { "", -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		size_t n;
		char *p = exact(row[i].text, &n);
		assert_int_equal(assay_parse_psi(p, n), row[i].want);
		free(p);
	}
}

static void parse_cpu_line(void **state)
{
	struct assay_cpu_ticks t;
	size_t n;
	static const char *const bad[] = {
		"", "cpu", "cpu ", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 3 4 5 6 7\n", "cpu  1 2 3 4 5 6 7 x\n", "cpu  1 2 3 4 5 6 7 -8\n",
		"cpu  9223372036854775807 2 3 4 5 6 7 8\n", "intr 1 2 3 4 5 6 7 8 9\n",
	};
	(void)state;
	char *p = exact("cpu  3557 10 2867 297525 663 4 51 28 900 0\ncpu0 648 0 900 150749 28 0 16 13 0 0\n", &n);
	assert_int_equal(assay_parse_cpu_line(p, n, &t), 0);
	assert_int_equal(t.busy, 3557 + 10 + 2867 + 4 + 51); /* guest's 900 ticks are inside user */
	assert_int_equal(t.idle, 297525);
	assert_int_equal(t.iowait, 663);
	assert_int_equal(t.steal, 28);
	free(p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		p = exact(bad[i], &n);
		assert_int_equal(assay_parse_cpu_line(p, n, &t), -1);
		assert_int_equal(t.busy, -1);
		assert_int_equal(t.steal, -1);
		free(p);
	}
}

static void count_lists(void **state)
{
	static const struct { const char *text; int want; } row[] = {
		{ "0", 1 }, { "0-3", 4 }, { "0-3,8", 5 }, { "0-3,8-11", 8 }, { "", -1 }, { "a", -1 }, { "3-1", -1 }, { "0-", -1 }, { "0,", -1 },
		{ "-1", -1 }, { "0-99999999999999", -1 }, { "0-3;8", -1 }, { ",", -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_int_equal(assay_inv_count_list(row[i].text), row[i].want);
}

/* A recorded tree in a temporary folder. */
struct tree { char root[64]; };

static void tree_make(struct tree *t)
{
	strcpy(t->root, "/tmp/assay-telemetry-XXXXXX");
	assert_non_null(mkdtemp(t->root));
}

static void tree_put(const struct tree *t, const char *path, const char *text)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *full = xasprintf("%s%s", t->root, path), *slash = strrchr(full, '/');
	*slash = 0;
	assert_int_equal(assay_fs_mkdir_p(full, &e), 0);
	*slash = '/';
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(full);
}

static void tree_remove(const struct tree *t)
{
	char *cmd = xasprintf("rm -rf '%s'", t->root);
	assert_int_equal(system(cmd), 0);
	free(cmd);
}

static const json_t *reason(const json_t *o, const char *key)
{
	return json_object_get(json_object_get(o, "unavailable"), key);
}

/* Every null has a reason, every reason belongs to a null: in the object and in all below. */
static void check_reasons(const json_t *o)
{
	const char *key;
	json_t *v;
	size_t i;
	json_object_foreach((json_t *)o, key, v) {
		if (json_is_null(v))
			assert_true(json_is_string(reason(o, key)) && json_string_length(reason(o, key)) > 3);
		if (json_is_object(v) && strcmp(key, "unavailable"))
			check_reasons(v);
		json_t *item;
		json_array_foreach(v, i, item)
			if (json_is_object(item))
				check_reasons(item);
	}
	json_object_foreach(json_object_get(o, "unavailable"), key, v)
		assert_true(json_is_null(json_object_get(o, key)));
}

static void check_keys(const json_t *o, const char *const *keys)
{
	for (; *keys; keys++)
		if (!json_object_get(o, *keys))
			fail_msg("no key \"%s\"", *keys);
}

static void check_inventory(json_t *m)
{
	static const char *const top[] = { "host", "os", "kernel", "arch", "cpu", "memory", "gpus", "virtualised", "hypervisor", "container", "clocksource", "clock_resolution_ns", "limits", NULL };
	static const char *const cpu[] = { "model", "cores", "threads", "sockets", "usable", "isa", "caches", "governor", "turbo", "smt", "microcode", NULL };
	static const char *const memory[] = { "total_bytes", "available_bytes", "swap_total_bytes", "thp", "numa_nodes", NULL };
	static const char *const limits[] = { "cgroup_version", "cpu_quota_cores", "memory_max_bytes", "memory_used_bytes", "cpu_throttled_us", "rlimit_address_space_bytes", "rlimit_open_files", "affinity_cpus", "nice", NULL };
	check_keys(m, top);
	check_keys(json_object_get(m, "cpu"), cpu);
	check_keys(json_object_get(m, "memory"), memory);
	check_keys(json_object_get(m, "limits"), limits);
	check_reasons(m);
}

static void inventory_of_this_machine(void **state)
{
	(void)state;
	json_t *m = assay_inventory();
	check_inventory(m);
	json_t *cpu = json_object_get(m, "cpu");
	assert_int_equal(json_integer_value(json_object_get(cpu, "usable")), assay_cpu_count());
	assert_true(json_integer_value(json_object_get(json_object_get(m, "memory"), "total_bytes")) > 1 << 20);
	assert_true(json_string_length(json_object_get(m, "kernel")) > 0);
	json_decref(m);
}

static void inventory_of_nothing(void **state)
{
	struct tree t;
	(void)state;
	tree_make(&t);
	json_t *m = assay_inventory_at(t.root);
	check_inventory(m);
	assert_true(json_is_null(json_object_get(json_object_get(m, "cpu"), "model")));
	assert_true(json_is_null(json_object_get(json_object_get(m, "memory"), "total_bytes")));
	assert_true(json_is_null(json_object_get(json_object_get(m, "limits"), "cgroup_version")));
	assert_non_null(strstr(json_string_value(reason(json_object_get(m, "cpu"), "governor")), "scaling_governor: No such file"));
	json_decref(m);
	assert_int_equal(assay_inventory_last_cache_bytes(t.root), 0);
	tree_remove(&t);
}

static void put_two_socket_cpu(const struct tree *t)
{
	char path[128], id[8];
	tree_put(t, "/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 143\nmodel name\t: A Name\nmicrocode\t: 0x2b\n\nprocessor\t: 1\nmodel name\t: Another\n");
	tree_put(t, "/sys/devices/system/cpu/online", "0-7\n");
	for (int i = 0; i < 8; i++) { /* two sockets, two cores each, two threads a core */
		snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_id", i);
		snprintf(id, sizeof id, "%d\n", i % 2);
		tree_put(t, path, id);
		snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", i);
		snprintf(id, sizeof id, "%d\n", i / 2 % 2);
		tree_put(t, path, id);
	}
	tree_put(t, "/sys/devices/system/cpu/cpu0/cache/index0/size", "2M\n");
	tree_put(t, "/sys/devices/system/cpu/cpu0/cache/index0/level", "2\n");
	tree_put(t, "/sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", "0,4\n");
	tree_put(t, "/sys/devices/system/cpu/cpu0/cache/index1/size", "nonsense\n");
	tree_put(t, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	tree_put(t, "/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
}

static void inventory_cpu_recorded(void **state)
{
	struct tree t;
	(void)state;
	tree_make(&t);
	put_two_socket_cpu(&t);
	json_t *c = assay_inventory_cpu(t.root), *cache = json_array_get(json_object_get(c, "caches"), 0);
	assert_string_equal(json_string_value(json_object_get(c, "model")), "A Name");
	assert_string_equal(json_string_value(json_object_get(c, "model_number")), "143");
	assert_int_equal(json_integer_value(json_object_get(c, "threads")), 8);
	assert_int_equal(json_integer_value(json_object_get(c, "cores")), 4);
	assert_int_equal(json_integer_value(json_object_get(c, "sockets")), 2);
	assert_string_equal(json_string_value(json_object_get(c, "governor")), "powersave");
	assert_true(json_is_false(json_object_get(c, "turbo")));
	assert_int_equal(json_integer_value(json_object_get(cache, "size_bytes")), 2 << 20);
	assert_int_equal(json_integer_value(json_object_get(cache, "shared_by")), 2);
	assert_true(json_is_null(json_object_get(cache, "type")));
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(c, "caches"), 1), "size_bytes")));
	check_reasons(c);
	json_decref(c);
	assert_int_equal(assay_inventory_last_cache_bytes(t.root), 2 << 20);
	tree_remove(&t);
}

struct cgroup_row {
	const char *name;
	struct { const char *path, *text; } file[8];
	int version;
	double cores;               /* -1: null */
	int64_t most, used, throttled;
};

static const struct cgroup_row cgroup_rows[] = {
	{ "v2, the parent binds", { { "/proc/self/cgroup", "0::/a/b\n" }, { "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n" },
		{ "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n" }, { "/sys/fs/cgroup/a/cpu.max", "150000 100000\n" },
		{ "/sys/fs/cgroup/a/b/memory.max", "4294967296\n" }, { "/sys/fs/cgroup/a/memory.max", "1073741824\n" },
		{ "/sys/fs/cgroup/a/b/memory.current", "5000\n" }, { "/sys/fs/cgroup/a/b/cpu.stat", "usage_usec 5\nthrottled_usec 77\n" } }, 2, 1.5, 1 << 30, 5000, 77 },
	{ "v2 in a container: the files are at the root", { { "/proc/self/cgroup", "0::/\n" }, { "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n" },
		{ "/sys/fs/cgroup/cpu.max", "200000 100000\n" }, { "/sys/fs/cgroup/memory.max", "max\n" }, { "/sys/fs/cgroup/memory.current", "9\n" } }, 2, 2, -1, 9, -1 },
	{ "v2, hostile values", { { "/proc/self/cgroup", "0::/\n" }, { "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n" },
		{ "/sys/fs/cgroup/cpu.max", "-5 0\n" }, { "/sys/fs/cgroup/memory.max", "99999999999999999999\n" }, { "/sys/fs/cgroup/memory.current", "x\n" } }, 2, -1, -1, -1, -1 },
	{ "v1", { { "/proc/self/cgroup", "9:name=systemd:/\n4:memory:/j\n1:cpuacct,cpu:/k\n0::/\n" }, { "/sys/fs/cgroup/cpu/k/cpu.cfs_quota_us", "50000\n" },
		{ "/sys/fs/cgroup/cpu/k/cpu.cfs_period_us", "100000\n" }, { "/sys/fs/cgroup/memory/j/memory.limit_in_bytes", "9223372036854771712\n" },
		{ "/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n" }, { "/sys/fs/cgroup/memory/j/memory.usage_in_bytes", "123\n" },
		{ "/sys/fs/cgroup/cpu/k/cpu.stat", "nr_throttled 1\nthrottled_time 5000000\n" } }, 1, 0.5, INT64_C(2147483648), 123, 5000 },
	{ "v1 without limits", { { "/proc/self/cgroup", "4:memory:/\n1:cpu:/\n" }, { "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n" },
		{ "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n" }, { "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n" } }, 1, -1, -1, -1, -1 },
};

static int64_t int_or_missing(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);
	assert_non_null(v);
	return json_is_null(v) ? -1 : json_integer_value(v);
}

static void inventory_limits_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cgroup_rows / sizeof *cgroup_rows; i++) {
		const struct cgroup_row *r = &cgroup_rows[i];
		struct tree t;
		tree_make(&t);
		for (size_t k = 0; k < 8 && r->file[k].path; k++)
			tree_put(&t, r->file[k].path, r->file[k].text);
		json_t *l = assay_inventory_limits(t.root), *cores = json_object_get(l, "cpu_quota_cores");
		check_reasons(l);
		assert_int_equal(int_or_missing(l, "cgroup_version"), r->version);
		assert_true(r->cores < 0 ? json_is_null(cores) : fabs(json_real_value(cores) - r->cores) < 1e-9);
		assert_int_equal(int_or_missing(l, "memory_max_bytes"), r->most);
		assert_int_equal(int_or_missing(l, "memory_used_bytes"), r->used);
		assert_int_equal(int_or_missing(l, "cpu_throttled_us"), r->throttled);
		json_decref(l);
		tree_remove(&t);
	}
}

static void inventory_memory_recorded(void **state)
{
	struct tree t;
	(void)state;
	tree_make(&t);
	tree_put(&t, "/proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:   400 kB\nSwapTotal: 99999999999999999 kB\nHugePages_Total:       3\n");
	tree_put(&t, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	tree_put(&t, "/sys/kernel/mm/transparent_hugepage/defrag", "always defer never\n");
	tree_put(&t, "/sys/devices/system/node/online", "0-1\n");
	json_t *m = assay_inventory_memory(t.root);
	assert_int_equal(int_or_missing(m, "total_bytes"), 1024000);
	assert_int_equal(int_or_missing(m, "available_bytes"), 409600);
	assert_int_equal(int_or_missing(m, "swap_total_bytes"), -1); /* does not fit: not a number, never a wrong one */
	assert_int_equal(int_or_missing(m, "swap_free_bytes"), -1);
	assert_int_equal(int_or_missing(m, "huge_pages"), 3);
	assert_int_equal(int_or_missing(m, "numa_nodes"), 2);
	assert_string_equal(json_string_value(json_object_get(m, "thp")), "madvise");
	assert_true(json_is_null(json_object_get(m, "thp_defrag")));
	check_reasons(m);
	json_decref(m);
	tree_remove(&t);
}

static void sample_recorded(void **state)
{
	struct tree t;
	struct assay_proc p;
	struct assay_rec_sample s;
	(void)state;
	tree_make(&t);
	tree_put(&t, "/proc/self/statm", "2543 447 410 10 0 76 0\n");
	tree_put(&t, "/proc/stat", "cpu  100 0 50 1000 5 0 0 7 0 0\n");
	tree_put(&t, "/proc/meminfo", "MemTotal: 1000 kB\nMemAvailable:   400 kB\n");
	tree_put(&t, "/proc/vmstat", "nr_free_pages 5\npswpin 7\n");
	tree_put(&t, "/proc/pressure/cpu", "some avg10=0.21 avg60=0.72 avg300=0.30 total=49\n");
	assay_proc_open(&p, t.root);
	p.page_bytes = 4096;
	p.tick_ns = 10000000;
	assay_proc_sample(&p, &s);
	assay_proc_close(&p);
	tree_remove(&t);
	assert_int_equal(s.rss_bytes, 447 * 4096);
	assert_int_equal(s.cpu_busy_ns, INT64_C(1500000000));
	assert_int_equal(s.cpu_idle_ns, INT64_C(10000000000));
	assert_int_equal(s.cpu_iowait_ns, 50000000);
	assert_int_equal(s.cpu_steal_ns, 70000000);
	assert_int_equal(s.mem_available_bytes, 409600);
	assert_int_equal(s.swap_in_pages, 7);
	assert_int_equal(s.psi_cpu_us, 49);
	assert_int_equal(s.psi_memory_us, -1);
	assert_int_equal(s.freq_khz, -1);
	assert_true(s.proc_cpu_ns > 0 && s.ctx_voluntary >= 0 && s.t_ns > 0);
}

struct collector { struct assay_sink sink; atomic_int n, wrong; struct assay_rec_sample got[4096]; };

static void collect(struct assay_sink *sink, enum assay_lane lane, const struct assay_record *r)
{
	struct collector *c = (struct collector *)sink;
	int n = atomic_load(&c->n);
	if (lane != ASSAY_LANE_TELEMETRY || r->type != ASSAY_REC_SAMPLE || n >= 4096) {
		atomic_fetch_add(&c->wrong, 1);
		return;
	}
	c->got[n] = r->u.sample;
	atomic_store(&c->n, n + 1);
}

static void sampler_collects(void **state)
{
	static struct collector c = { .sink = { .put = collect } };
	struct assay_sampler *s = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	(void)state;
	assert_int_equal(assay_sampler_start(&c.sink, ASSAY_NS_PER_MS, NULL, &s, &e), 0);
	int64_t give_up = assay_now_ns() + 20 * ASSAY_NS_PER_S;
	while (atomic_load(&c.n) < 20 && assay_now_ns() < give_up)
		assay_sleep_until_ns(assay_now_ns() + ASSAY_NS_PER_MS);
	assay_sampler_stop(s);
	int n = atomic_load(&c.n);
	assert_true(n >= 21); /* the last one is taken by stop */
	assert_int_equal(atomic_load(&c.wrong), 0);
	for (int i = 1; i < n; i++) {
		const struct assay_rec_sample *a = &c.got[i - 1], *b = &c.got[i];
		assert_true(b->t_ns > a->t_ns);
		assert_true(b->self_cpu_ns > a->self_cpu_ns);
		assert_true(b->proc_cpu_ns >= a->proc_cpu_ns && b->cpu_busy_ns >= a->cpu_busy_ns);
		assert_true(b->rss_bytes > 0 && b->mem_available_bytes > 0);
	}
	int after = atomic_load(&c.n);
	assay_sleep_until_ns(assay_now_ns() + 20 * ASSAY_NS_PER_MS);
	assert_int_equal(atomic_load(&c.n), after);
}

/* An hour's period: only a wake-up can end it. Two samples: at the start and at the end. */
static void sampler_stops_at_once(void **state)
{
	static struct collector c = { .sink = { .put = collect } };
	struct assay_err e = ASSAY_ERR_INIT;
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct assay_sampler *s = NULL;
		atomic_store(&c.n, 0);
		assert_int_equal(assay_sampler_start(&c.sink, 3600 * ASSAY_NS_PER_S, NULL, &s, &e), 0);
		if (i % 2)
			assay_sleep_until_ns(assay_now_ns() + 2 * ASSAY_NS_PER_MS);
		assay_sampler_stop(s);
		assert_int_equal(atomic_load(&c.n), 2);
	}
	assay_sampler_stop(NULL);
}

static void memory_is_read(void **state)
{
	struct assay_rec_memory a = { 0 }, b = { 0 };
	size_t bytes = 32 << 20;
	(void)state;
	assay_memory_read(&a);
	assert_true(a.rss_bytes > 0 && a.hwm_bytes > 0 && a.t_ns > 0);
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	memset(p, 1, bytes);
	assay_memory_read(&b);
	assert_true(b.rss_bytes >= a.rss_bytes + (int64_t)bytes - (4 << 20));
	if (a.pss_bytes >= 0)
		assert_true(b.pss_bytes >= a.pss_bytes + (int64_t)bytes - (4 << 20));
	munmap(p, bytes);
	assay_memory_read(&b);
	assert_true(b.hwm_bytes >= a.rss_bytes + (int64_t)bytes - (4 << 20)); /* the peak stays */
}

static void probes_are_sane(void **state)
{
	struct assay_rec_memory a = { 0 }, b = { 0 };
	(void)state;
	assay_memory_read(&a);
	double one = assay_probe_read_gb_s(1, 20 * ASSAY_NS_PER_MS), two = assay_probe_read_gb_s(2, 20 * ASSAY_NS_PER_MS);
	assert_true(one > 0.01 && one < 5000 && two > 0.01 && two < 5000);
	double f32 = assay_probe_gemm_gflop_s(2, 0, 20 * ASSAY_NS_PER_MS), bf16 = assay_probe_gemm_gflop_s(1, 1, 20 * ASSAY_NS_PER_MS);
	assert_true(f32 > 0.001 && f32 < 1e6);
	if (assay_cpu()->avx512_bf16 || assay_cpu()->amx_bf16)
		assert_true(bf16 > 0.001 && bf16 < 1e6);
	else
		assert_true(bf16 == 0);
	assay_memory_read(&b);
#ifndef __SANITIZE_THREAD__ /* its shadow of the buffers stays */
	assert_true(b.rss_bytes < a.rss_bytes + (16 << 20)); /* the buffers are given back between calls */
#endif
	assay_probe_close();
	assay_probe_close();
	assert_true(assay_probe_read_gb_s(1, ASSAY_NS_PER_MS) > 0.01);
	assay_probe_close();
}

/* While a probe holds its buffer (256 MiB here) no sample may show it as the process's memory. */
static void probe_is_not_in_samples(void **state)
{
	static struct collector c = { .sink = { .put = collect } };
	struct assay_sampler *s = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_rec_memory before = { 0 };
	int hidden = 0;
	(void)state;
	assay_memory_read(&before);
	assert_int_equal(assay_sampler_start(&c.sink, ASSAY_NS_PER_MS, NULL, &s, &e), 0);
	assert_true(assay_probe_read_gb_s(1, 50 * ASSAY_NS_PER_MS) > 0);
	assay_probe_close();
	assay_sampler_stop(s);
	for (int i = 0; i < atomic_load(&c.n); i++) {
		hidden += c.got[i].rss_bytes < 0;
#ifndef __SANITIZE_THREAD__
		assert_true(c.got[i].rss_bytes < before.rss_bytes + (48 << 20));
#endif
	}
	assert_true(hidden > 0);
	assert_true(c.got[atomic_load(&c.n) - 1].rss_bytes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_numbers), cmocka_unit_test(parse_keys), cmocka_unit_test(parse_pressure), cmocka_unit_test(parse_cpu_line),
		cmocka_unit_test(count_lists), cmocka_unit_test(inventory_of_this_machine), cmocka_unit_test(inventory_of_nothing),
		cmocka_unit_test(inventory_cpu_recorded), cmocka_unit_test(inventory_limits_recorded), cmocka_unit_test(inventory_memory_recorded),
		cmocka_unit_test(sample_recorded), cmocka_unit_test(sampler_collects), cmocka_unit_test(sampler_stops_at_once),
		cmocka_unit_test(memory_is_read), cmocka_unit_test(probes_are_sane),
		cmocka_unit_test(probe_is_not_in_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
