/* What hours of windows say, on windows made by hand: each rule must fire, and must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings.h"
#include "analysis/soak.h"
#include "analysis/verdict.h"
#include "base/mem.h"
#include "base/rng.h"
#include "metrics/log_histogram.h"
#include "metrics/stream_rows.h"
#include "run_fixture.h"

#define HEADER "{\"clock_resolution_ns\": 1, \"virtual_clock\": true, \"assay\": {\"build\": \"release\"}, \"config\": {\"model\": \"gpt2\", \"engine\": \"cpu\"}, \"engine\": {\"name\": \"cpu\"}, \"model\": {\"name\": \"gpt2\"}}"
#define MIB 1048576.0

/* A load of n windows of a minute: 100 requests each, resident memory and times as the functions say. */
struct shape { size_t n; double rss_mib, leak_kib, rss_noise_kib, tpot_ms, slower_pct_per_h, noise, jump; uint32_t failed; };

static void fill(struct fx *f, uint32_t point, const struct shape *s)
{
	struct assay_run *r = &f->run;
	r->windows = xrealloc(r->windows, (r->n_windows + s->n) * sizeof *r->windows);
	for (size_t i = 0; i < s->n; i++) {
		size_t k = r->n_windows;
		double h = (double)i / 60, u = assay_rng_unit(9, k) - 0.5;
		double tpot = s->tpot_ms * (1 + s->slower_pct_per_h * h / 100) * (1 + s->noise * u) * (i >= s->n / 2 ? 1 + s->jump : 1) * 1e6;
		double rss = s->rss_mib * MIB + s->leak_kib * 1024 * 100 * (double)(i + 1) + s->rss_noise_kib * 1024 * u;
		struct assay_run_window *w = &r->windows[r->n_windows++];
		*w = (struct assay_run_window){ .w = { .index = (uint32_t)k, .point = point, .offered = 100, .t0_ns = (int64_t)k * 60000 * MS, .t1_ns = (int64_t)(k + 1) * 60000 * MS,
						       .elapsed_ns = (int64_t)k * 60000 * MS, .wall_ns = -1, .tokens = 3000, .output_tokens = 3000, .prompt_tokens = 100, .steps = 3000,
						       .busy_ns = 30000 * MS, .cpu_ns = -1, .rss_mean_bytes = s->rss_mib > 0 ? (int64_t)rss : -1, .rss_max_bytes = (int64_t)rss, .load_per_s = 100.0 / 60 } };
		w->w.ends[ASSAY_END_LENGTH] = 100 - s->failed;
		w->w.ends[ASSAY_END_UNSENT] = s->failed;
		for (int m = 0; m < ASSAY_STREAM_METRICS; m++) {
			w->d[m] = (struct assay_rec_dist){ .window = (uint32_t)k, .metric = (uint32_t)m, .n = 100 - s->failed, .exact = 1, .mean = tpot, .min = tpot, .max = tpot, .p50 = tpot, .p95 = tpot, .p99 = tpot };
			r->histograms[point].counts[m][assay_log_bucket(tpot)] += 100 - s->failed;
		}
	}
}

static void open_run(struct fx *f, size_t points, const char *const *cases)
{
	fx_init(f, HEADER);
	f->run.footer = json_pack("{s:b, s:i, s:i}", "interrupted", 0, "records_lost", 0, "journal_lag_ms", 1);
	f->run.histograms = xalloc((points + 1) * sizeof *f->run.histograms);
	for (size_t i = 0; i < points; i++) {
		char *info = xasprintf("{\"index\": %zu, \"experiment\": \"soak\", \"case\": %s, \"runs\": 1, \"stream\": true}", i, cases[i]);
		fx_point(f, info, "{\"status\": \"ok\"}");
		fx_visit(f, 0, 0, 3600000 * MS);
		free(info);
		for (int m = 0; m < ASSAY_STREAM_METRICS; m++)
			f->run.histograms[i].counts[m] = xalloc(ASSAY_LOG_BUCKETS * sizeof(uint64_t));
	}
}

#define EVEN "{\"load\": \"50%\", \"rate_per_s\": 1.67}"
#define WAVE "{\"load\": \"variable\", \"rate_per_s\": [0.1, 3]}"

static const struct assay_finding *finding(const struct assay_findings *f, const char *id)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->list[i].id, id))
			return &f->list[i];
	fail_msg("no finding %s", id);
	return NULL;
}

static bool has_reason(const struct assay_verdict *v, const char *code)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->reasons[i].code, code))
			return true;
	return false;
}

static void leaks(void **state)
{
	static const struct { struct shape s; enum assay_leak_state is; const char *says; bool verdict; } rows[] = {
		{ { .n = 60, .rss_mib = 500, .tpot_ms = 10 }, ASSAY_LEAK_NO, "No", false },
		{ { .n = 60, .rss_mib = 500, .rss_noise_kib = 3000, .tpot_ms = 10 }, ASSAY_LEAK_NO, "No", false },
		{ { .n = 60, .rss_mib = 500, .leak_kib = 0.9, .tpot_ms = 10 }, ASSAY_LEAK_NO, "No", false },             /* 900 KiB per 1,000: allowed */
		{ { .n = 60, .rss_mib = 500, .leak_kib = 1.2, .tpot_ms = 10 }, ASSAY_LEAK_YES, "Yes", true },
		{ { .n = 60, .rss_mib = 500, .leak_kib = 1.2, .rss_noise_kib = 200, .tpot_ms = 10 }, ASSAY_LEAK_YES, "Yes", true },
		{ { .n = 60, .rss_mib = 8000, .leak_kib = 1.2, .tpot_ms = 10 }, ASSAY_LEAK_NO, "No", false },            /* 0.1 % of 8 GiB is more */
		{ { .n = 60, .rss_mib = 500, .leak_kib = 1, .rss_noise_kib = 4000, .tpot_ms = 10 }, ASSAY_LEAK_UNSURE, "It cannot be told", false },
		{ { .n = 11, .rss_mib = 500, .leak_kib = 5, .tpot_ms = 10 }, ASSAY_LEAK_NOT_YET, NULL, false },
		{ { .n = 60, .rss_mib = 0, .tpot_ms = 10 }, ASSAY_LEAK_UNKNOWN, NULL, false },
	};
	static const char *const cases[] = { EVEN };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fx f;
		struct assay_leak l;
		struct assay_run_metrics m;
		struct assay_findings fs;
		struct assay_verdict v;
		open_run(&f, 1, cases);
		fill(&f, 0, &rows[i].s);
		assay_soak_leak(&f.run, &l);
		if (l.state != rows[i].is)
			fail_msg("row %zu: %s (%g, %g to %g)", i, assay_leak_name(l.state), l.per_1k_kib.slope, l.per_1k_kib.lo, l.per_1k_kib.hi);
		if (rows[i].is == ASSAY_LEAK_YES && !rows[i].s.rss_noise_kib) {
			assert_true(fabs(l.per_1k_kib.slope - 1200) < 1e-6);             /* 1.2 KiB a request */
			assert_true(fabs(l.per_hour_mib.slope - 1.2 * 6000 / 1024) < 1e-6);
		}
		assay_run_metrics_compute(&f.run, &m);
		assay_findings_build(&f.run, &m, &fs);
		const struct assay_finding *o = finding(&fs, "leak");
		assert_int_equal(o->state, rows[i].says ? ASSAY_FINDING_ANSWERED : ASSAY_FINDING_NEEDS);
		if (rows[i].says)
			assert_ptr_equal(strstr(o->answer, rows[i].says), o->answer);
		assay_verdict_run(&f.run, &m, &v);
		assert_int_equal(has_reason(&v, "leak"), rows[i].verdict);
		assay_verdict_release(&v);
		assay_findings_release(&fs);
		assay_run_metrics_release(&m);
		fx_release(&f);
	}
}

/* A run that was taken up begins with other memory: the step is no leak, and a leak of the longer part is seen. */
static void memory_of_another_process(void **state)
{
	static const char *const cases[] = { EVEN };
	(void)state;
	for (int leaky = 0; leaky < 2; leaky++) {
		struct fx f;
		struct assay_leak l;
		struct shape before = { .n = 40, .rss_mib = 500, .tpot_ms = 10 }, after = { .n = 60, .rss_mib = 900, .leak_kib = leaky ? 3 : 0, .tpot_ms = 10 };
		open_run(&f, 1, cases);
		f.run.parts = json_pack("[{s:f}]", "elapsed_s", 2400.0);
		fill(&f, 0, &before);
		fill(&f, 0, &after);
		assay_soak_leak(&f.run, &l);
		assert_int_equal(l.state, leaky ? ASSAY_LEAK_YES : ASSAY_LEAK_NO);
		assert_int_equal(l.line_n, 2);
		assert_true(l.line[0].hours > 2400.0 / 3600 && l.line[0].mib > 800);
		fx_release(&f);
	}
}

static void drifts(void **state)
{
	static const struct { const char *kase; struct shape s; const char *says; bool verdict; } rows[] = {
		{ EVEN, { .n = 120, .rss_mib = 100, .tpot_ms = 10, .noise = 0.02 }, "No", false },
		{ EVEN, { .n = 120, .rss_mib = 100, .tpot_ms = 10, .noise = 0.02, .slower_pct_per_h = 10 }, "Yes", true },
		{ EVEN, { .n = 120, .rss_mib = 100, .tpot_ms = 10, .noise = 0.02, .slower_pct_per_h = -10 }, "It gets faster", true },
		{ EVEN, { .n = 120, .rss_mib = 100, .tpot_ms = 10, .noise = 0.9 }, "It cannot be told", false },
		{ EVEN, { .n = 11, .rss_mib = 100, .tpot_ms = 10, .slower_pct_per_h = 90 }, NULL, true },
		{ WAVE, { .n = 120, .rss_mib = 100, .tpot_ms = 10, .slower_pct_per_h = 10 }, NULL, false },              /* the load itself changes */
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fx f;
		struct assay_run_metrics m;
		struct assay_findings fs;
		struct assay_verdict v;
		open_run(&f, 1, &rows[i].kase);
		fill(&f, 0, &rows[i].s);
		assay_run_metrics_compute(&f.run, &m);
		assay_findings_build(&f.run, &m, &fs);
		const struct assay_finding *o = finding(&fs, "load_drift");
		if (rows[i].says && strstr(o->answer, rows[i].says) != o->answer)
			fail_msg("row %zu: %s", i, o->answer);
		assert_int_equal(o->state, rows[i].says ? ASSAY_FINDING_ANSWERED : ASSAY_FINDING_NEEDS);
		assay_verdict_point(&f.run, &m, 0, &v);
		if (has_reason(&v, "drift") != rows[i].verdict)
			fail_msg("row %zu: drift reason", i);
		assay_verdict_release(&v);
		assay_findings_release(&fs);
		assay_run_metrics_release(&m);
		fx_release(&f);
	}
}

static void sudden_changes(void **state)
{
	static const struct { struct shape s; size_t n; } rows[] = {
		{ { .n = 60, .tpot_ms = 10, .noise = 0.02 }, 0 }, { { .n = 60, .tpot_ms = 10, .noise = 0.02, .jump = 0.2 }, 1 },
		{ { .n = 60, .tpot_ms = 10, .noise = 0.02, .jump = 0.03 }, 0 }, /* told from noise, but small */
		{ { .n = 60, .tpot_ms = 10, .noise = 0.02, .slower_pct_per_h = 40 }, 0 }, /* a slope is no step */
	};
	static const char *const cases[] = { EVEN };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fx f;
		struct assay_soak_change c[ASSAY_SOAK_CHANGES];
		open_run(&f, 1, cases);
		fill(&f, 0, &rows[i].s);
		assert_int_equal(assay_soak_changes(&f.run, 0, ASSAY_SOAK_TPOT, c), rows[i].n);
		if (rows[i].n) {
			assert_true(fabs(c[0].hours - 0.5) < 0.02);
			assert_true(fabs(c[0].after / c[0].before - 1.2) < 0.02);
		}
		fx_release(&f);
	}
}

static void holding_the_load(void **state)
{
	static const char *const cases[] = { EVEN, "{\"load\": \"200%\", \"rate_per_s\": 6.7}" };
	(void)state;
	for (int burst = 0; burst < 2; burst++) {
		struct fx f;
		struct assay_run_metrics m;
		struct assay_findings fs;
		struct shape even = { .n = 20, .rss_mib = 100, .tpot_ms = 10 }, over = { .n = 20, .rss_mib = 100, .tpot_ms = 20, .failed = 40 };
		open_run(&f, burst ? 2 : 1, cases);
		fill(&f, 0, &even);
		if (burst)
			fill(&f, 1, &over);
		assay_run_metrics_compute(&f.run, &m);
		assert_int_equal(m.points[0].offered, 2000);
		assert_int_equal(m.points[0].succeeded, 2000);
		assay_findings_build(&f.run, &m, &fs);
		const char *says = finding(&fs, "holds_load")->answer;
		assert_non_null(strstr(says, burst ? "No: at load 200% 800 of 2000 requests failed (40 %" : "Yes: at load 50% 0 of 2000"));
		if (burst)
			assert_true(isinf(assay_point_value(&m.points[1], "ttft_ms")->s.with_failures[ASSAY_P95]));
		assay_findings_release(&fs);
		assay_run_metrics_release(&m);
		fx_release(&f);
	}
}

/* Percentiles over windows are the merged histogram's, moments are exact; a mean's interval is over windows. */
static void metrics_over_windows(void **state)
{
	static const char *const cases[] = { EVEN };
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	struct shape s = { .n = 50, .rss_mib = 100, .tpot_ms = 10, .noise = 0.4 };
	open_run(&f, 1, cases);
	fill(&f, 0, &s);
	assay_run_metrics_compute(&f.run, &m);
	const struct assay_value *v = assay_point_value(&m.points[0], "ttft_ms");
	double sum = 0;
	for (size_t i = 0; i < f.run.n_windows; i++)
		sum += f.run.windows[i].d[ASSAY_STREAM_TTFT].mean / 1e6 / 50;
	assert_int_equal(v->s.n, 5000);
	assert_true(fabs(v->s.mean - sum) < 1e-9);
	assert_true(v->s.ci95[0] < sum && sum < v->s.ci95[1] && v->s.ci95[1] - v->s.ci95[0] > 0.3); /* 50 windows, not 5,000 requests */
	assert_true(v->s.pct[ASSAY_P99] >= v->s.pct[ASSAY_P50] && v->s.pct[ASSAY_P99] <= v->s.max);
	assert_true(fabs(assay_point_value(&m.points[0], "request_s")->value - 100.0 / 60) < 1e-12);
	assert_true(fabs(assay_point_value(&m.points[0], "engine_busy")->value - 0.5) < 1e-12);
	assert_true(assay_point_value(&m.points[0], "rss_peak_mib")->value == 100);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaks), cmocka_unit_test(memory_of_another_process), cmocka_unit_test(drifts), cmocka_unit_test(sudden_changes), cmocka_unit_test(holding_the_load), cmocka_unit_test(metrics_over_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
