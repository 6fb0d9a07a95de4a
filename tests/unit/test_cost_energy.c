/* What a token costs in money and joules: arithmetic on runs made by hand, and counters of a recorded sys/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings.h"
#include "base/fs.h"
#include "base/mem.h"
#include "metrics/point_metrics.h"
#include "run_fixture.h"
#include "telemetry/energy.h"
#include "telemetry/inventory.h"

#define HEADER(more) "{\"assay\": {\"build\": \"release\"}, \"engine\": {\"name\": \"cpu\"}, \"experiment\": \"latency\"" more "}"
#define PRICE ", \"config\": {\"model\": \"gpt2\", \"price_per_hour\": 3.6, \"currency\": \"EUR\"}"

/* Runs of 4 s: 100 prompt and 50 output tokens. Samples each 100 ms from 50 ms on at 20 W; the counter moves each `step_ms`. */
static void run(struct fx *f, const char *header, int runs, int step_ms)
{
	fx_init(f, header);
	fx_point(f, "{\"index\": 0, \"experiment\": \"latency\", \"case\": {\"batch_size\": 1, \"prompt_tokens\": 100, \"output_tokens\": 50}, \"runs\": 2}", "{\"status\": \"ok\"}");
	for (int i = 0; i < runs; i++) {
		fx_visit(f, i, (1000 + 5000 * i) * MS, (5000 + 5000 * i) * MS);
		fx_request(f, 100, 50, (1000 + 5000 * i) * MS, (1100 + 5000 * i) * MS, 1 * MS);
	}
	for (int64_t t = 50; step_ms && t < 6000 * runs; t += 100)
		fx_sample(f, t * MS)->energy_uj = (t - 50) / step_ms * step_ms * 20000;
	fx_done(f);
}

static void is(const struct assay_run_metrics *m, const char *key, double want)
{
	const struct assay_value *v = assay_point_value(&m->points[0], key);
	assert_non_null(v);
	if (!(fabs(v->value - want) <= 1e-9 * want))
		fail_msg("%s: %.12g (%s), want %.12g", key, v->value, v->reason, want);
}

static void is_null(const struct assay_run_metrics *m, const char *key, const char *why)
{
	const struct assay_value *v = assay_point_value(&m->points[0], key);
	if (!v || !isnan(v->value) || !strstr(v->reason, why))
		fail_msg("%s: %g, \"%s\", want null: \"%s\"", key, v ? v->value : NAN, v ? v->reason : "", why);
}

static void costs(void **state)
{
	struct fx f;
	struct assay_run_metrics m;
	(void)state;
	run(&f, HEADER(PRICE), 2, 0);
	assay_run_metrics_compute(&f.run, &m);
	is(&m, "cost_per_mtok", 3.6 * 4 / 3600 / 50 * 1e6);
	is(&m, "cost_per_mtok_total", 3.6 * 4 / 3600 / 150 * 1e6);
	assay_run_metrics_release(&m);
	for (int i = 0; i < 2; i++)
		f.run.requests[i].r.end_state = ASSAY_END_RESET;
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, "cost_per_mtok", "failed");
	assay_run_metrics_release(&m);
	fx_release(&f);
	run(&f, HEADER(""), 1, 0);
	assay_run_metrics_compute(&f.run, &m);
	assert_null(assay_point_value(&m.points[0], "cost_per_mtok")); /* no price, no cost */
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void energies(void **state)
{
	static const struct { int step_ms; const char *header, *null; } rows[] = {
		{ 100, HEADER(""), NULL }, /* 20 W x 4 s = 80 J */
		{ 250, HEADER(""), "run too short: 16 updates of the energy counter, needs 20" }, { 0, HEADER(""), "the energy counter was not recorded" },
		{ 0, HEADER(", \"machine\": {\"energy\": null, \"unavailable\": {\"energy\": \"unavailable: no counter\"}}"), "unavailable: no counter" },
		{ 0, HEADER(", \"virtual_clock\": true"), "unavailable: virtual clock" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fx f;
		struct assay_run_metrics m;
		run(&f, rows[i].header, 2, rows[i].step_ms);
		assay_run_metrics_compute(&f.run, &m);
		if (rows[i].null) {
			is_null(&m, "joules_per_output_token", rows[i].null);
			is_null(&m, "joules_per_token", rows[i].null);
		} else {
			is(&m, "joules_per_output_token", 80.0 / 50);
			is(&m, "joules_per_token", 80.0 / 150);
		}
		assay_run_metrics_release(&m);
		fx_release(&f);
	}
}

/* Each rule where it must answer and where it must not. */
static void findings(void **state)
{
	static const struct { const char *header; int step_ms; const char *id, *says; } rows[] = {
		{ HEADER(PRICE), 0, "cost", "At 3.6 EUR an hour a million output tokens cost 80 EUR (one request, 100 in, 50 out); input and output together 26.7 a million" },
		{ HEADER(""), 0, "cost", NULL }, { HEADER(""), 100, "energy", "An output token takes 1.6 J (one request, 100 in, 50 out); 0.533 J for a token of input or output" }, { HEADER(""), 0, "energy", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fx f;
		struct assay_run_metrics m;
		struct assay_findings found;
		const struct assay_finding *x = NULL;
		run(&f, rows[i].header, 2, rows[i].step_ms);
		assay_run_metrics_compute(&f.run, &m);
		assay_findings_build(&f.run, &m, &found);
		for (size_t k = 0; k < found.n; k++)
			x = strcmp(found.list[k].id, rows[i].id) ? x : &found.list[k];
		assert_non_null(x);
		if (rows[i].says ? x->state != ASSAY_FINDING_ANSWERED || !strstr(x->answer, rows[i].says) : x->state != ASSAY_FINDING_NEEDS)
			fail_msg("%s: \"%s\" \"%s\"", x->id, x->answer, x->needs);
		if (!rows[i].says && !strcmp(x->id, "cost"))
			assert_non_null(strstr(x->needs, "assay baseline --price-per-hour 1.50 --currency EUR"));
		assay_findings_release(&found);
		assay_run_metrics_release(&m);
		fx_release(&f);
	}
}

static char root[64];

static void put(const char *zone, const char *file, const char *text)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *dir = xasprintf("%s/sys/class/powercap/intel-rapl:%s", root, zone), *path = xasprintf("%s/%s", dir, file);
	assert_int_equal(assay_fs_mkdir_p(dir, &e), 0);
	FILE *out = fopen(path, "w"); /* in place: the sampler keeps its descriptors */
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	free(path);
	free(dir);
}

static void zone(const char *id, const char *name, const char *uj)
{
	put(id, "name", name);
	put(id, "energy_uj", uj);
	put(id, "max_energy_range_uj", "1000000\n");
}

static int new_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/assay-energy-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int drop_root(void **state)
{
	(void)state;
	char *cmd = xasprintf("rm -rf '%s'", root);
	int rc = system(cmd);
	free(cmd);
	return rc;
}

/* Two packages and the memory of one; "core" is inside its package. Counters that run round go on. */
static void counters(void **state)
{
	struct assay_energy en;
	char why[256];
	(void)state;
	zone("0", "package-0\n", "999000\n");
	zone("0:0", "core\n", "5\n");
	zone("0:1", "dram\n", "100\n");
	zone("1", "package-1\n", "0\n");
	zone("2", "psys\n", "7\n");
	assert_int_equal(assay_energy_open(&en, root, why, sizeof why), 0);
	assert_int_equal(en.n, 3);
	assert_int_equal(assay_energy_read(&en), 0);
	put("0", "energy_uj", "500\n"); /* 1,000 up to the end, 500 after it */
	put("0:0", "energy_uj", "999999\n");
	put("0:1", "energy_uj", "150\n");
	put("1", "energy_uj", "7\n");
	assert_int_equal(assay_energy_read(&en), 1000 + 500 + 50 + 7);
	put("1", "energy_uj", "nonsense\n");
	assert_int_equal(assay_energy_read(&en), -1);
	assert_int_equal(assay_energy_read(&en), -1);
	assay_energy_close(&en);
}

static void no_counters(void **state)
{
	struct assay_energy en;
	char why[256];
	(void)state;
	assert_int_equal(assay_energy_open(&en, root, why, sizeof why), -1);
	assert_string_equal(why, "unavailable: no /sys/class/powercap/intel-rapl:0 (a virtual machine, or a CPU without RAPL)");
	assert_int_equal(assay_energy_read(&en), -1);
	zone("0", "package-0\n", "x\n");
	assert_int_equal(assay_energy_open(&en, root, why, sizeof why), -1);
	assert_string_equal(why, "unavailable: /sys/class/powercap/intel-rapl:0/energy_uj: not a number");
	put("0", "max_energy_range_uj", "0\n");
	assert_int_equal(assay_energy_open(&en, root, why, sizeof why), -1);
	json_t *m = json_object();
	assay_inventory_energy(m, root);
	assert_true(json_is_null(json_object_get(m, "energy")) && json_is_string(json_object_get(json_object_get(m, "unavailable"), "energy")));
	json_decref(m);
	zone("0", "package-0\n", "1\n");
	m = json_object();
	assay_inventory_energy(m, root);
	assert_string_equal(json_string_value(json_array_get(json_object_get(json_object_get(m, "energy"), "zones"), 0)), "package-0");
	json_decref(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs), cmocka_unit_test(energies), cmocka_unit_test(findings), cmocka_unit_test_setup_teardown(counters, new_root, drop_root),
		cmocka_unit_test_setup_teardown(no_counters, new_root, drop_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
