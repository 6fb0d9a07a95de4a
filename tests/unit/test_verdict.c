/* Every code fires past its bound and is silent just under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/drift.h"
#include "analysis/verdict.h"
#include "base/rng.h"
#include "run_fixture.h"

static const char header[] =
	"{\"clock_resolution_ns\": 1, \"assay\": {\"build\": \"release (-O2 -g)\"}, \"engine\": {\"name\": \"cpu\"}, \"model\": {\"dtype\": \"f32\"}}";

/* `runs` quiet runs of one request: 8 tokens in, 11 out, 10 ms each; one run a second. */
static void quiet(struct fx *f, int runs)
{
	fx_init(f, header);
	fx_point(f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1}, \"runs\": 10}", "{\"status\": \"ok\"}");
	for (int r = 0; r < runs; r++) {
		int64_t t = r * 1000 * MS;
		fx_visit(f, r, t, t + 120 * MS);
		fx_request(f, 8, 11, t, t + 20 * MS, 10 * MS);
	}
	f->run.footer = json_pack("{s:b, s:i, s:i}", "interrupted", 0, "records_lost", 0, "journal_lag_ms", 100);
}

struct got { enum assay_verdict_state point, run; char point_codes[400], run_codes[400], measured[160]; };

static void list(const struct assay_verdict *v, char *out, size_t size, const char *code, char *measured)
{
	size_t n = 0;
	*out = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct assay_reason *r = &v->reasons[i];
		n += (size_t)snprintf(out + n, size - n, "%s%s:%s", n ? " " : "", r->code, assay_verdict_name(r->state));
		assert_true(strlen(r->bound) > 3 && strlen(r->advice) > 20 && strlen(r->measured) > 3);
		assert_true(strlen(r->advice) < sizeof r->advice - 1); /* none is cut */
		if (code && !strcmp(code, r->code))
			strcpy(measured, r->measured);
	}
}

static struct got judge(struct fx *f, const char *code)
{
	struct assay_run_metrics m;
	struct assay_verdict v;
	struct got g = { 0 };
	for (size_t i = 0; i < f->run.n_visits; i++)
		f->run.visits[i].n_steps = f->run.visits[i].n_samples = 0;
	fx_done(f);
	assay_run_metrics_compute(&f->run, &m);
	assay_verdict_point(&f->run, &m, 0, &v);
	g.point = v.state;
	list(&v, g.point_codes, sizeof g.point_codes, NULL, NULL);
	assay_verdict_release(&v);
	assay_verdict_run(&f->run, &m, &v);
	g.run = v.state;
	list(&v, g.run_codes, sizeof g.run_codes, code, g.measured);
	assay_verdict_release(&v);
	assay_run_metrics_release(&m);
	return g;
}

static void expect(struct fx *f, const char *point, const char *run)
{
	struct got g = judge(f, NULL);
	assert_string_equal(g.point_codes, point);
	assert_string_equal(g.run_codes, run);
}

static void test_quiet_is_valid(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	expect(&f, "", "");
	assert_int_equal(judge(&f, NULL).run, ASSAY_VALID);
	fx_release(&f);
}

static void test_few_samples(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 4);
	expect(&f, "too_few_samples:CAUTION", "too_few_samples:CAUTION");
	fx_release(&f);
	quiet(&f, 5);
	expect(&f, "", "");
	/* A batch's samples are its runs, however many requests they hold. */
	json_object_set_new(json_object_get(f.run.points[0].info, "case"), "batch_size", json_integer(8));
	expect(&f, "", "");
	f.run.points[0].n_visits = 4;
	expect(&f, "too_few_samples:CAUTION", "too_few_samples:CAUTION");
	json_object_set_new(json_object_get(f.run.points[0].info, "case"), "limit", json_string("batch"));
	expect(&f, "", "");
	fx_release(&f);
}

static void test_failures(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 20);
	f.run.requests[3].r.end_state = ASSAY_END_RESET;
	expect(&f, "failures:CAUTION", "failures:CAUTION");
	f.run.requests[4].r.end_state = ASSAY_END_RESET; /* exactly 10 % */
	expect(&f, "failures:CAUTION", "failures:CAUTION");
	f.run.requests[5].r.end_state = ASSAY_END_RESET;
	expect(&f, "failures:INVALID", "failures:INVALID");
	for (int i = 3; i < 6; i++)
		f.run.requests[i].r.end_state = ASSAY_END_LENGTH;
	f.run.requests[7].r.reported_tokens = 10;
	expect(&f, "failures:CAUTION count_mismatch:INVALID", "failures:CAUTION count_mismatch:INVALID");
	fx_release(&f);
}

static void test_statuses(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	fx_point(&f, "{\"experiment\": \"seqlen\", \"case\": {}}", "{\"status\": \"limit\", \"reason\": \"needs 4096, has 1024\"}");
	fx_point(&f, "{\"experiment\": \"seqlen\", \"case\": {}}", "{\"status\": \"dropped\", \"reason\": \"time\"}");
	expect(&f, "", ""); /* limits and dropped points worsen nothing */
	json_object_set_new(f.run.points[0].end, "status", json_string("limit"));
	expect(&f, "", "");
	json_object_set_new(f.run.points[0].end, "status", json_string("error"));
	expect(&f, "failures:INVALID", "failures:INVALID");
	json_object_set_new(f.run.points[0].end, "status", json_string("interrupted"));
	expect(&f, "interrupted:CAUTION", "interrupted:CAUTION");
	f.run.requests[9].r.end_state = ASSAY_END_UNFINISHED;
	expect(&f, "interrupted:CAUTION", "interrupted:CAUTION"); /* cut, not failed */
	f.run.points[0].n_visits = 0;
	expect(&f, "interrupted:CAUTION", "interrupted:CAUTION");
	fx_release(&f);
}

/* Run r takes the share `slow` longer in the second half, beside +-1 % noise. */
static void slow_down(struct fx *f, double slow, double noise)
{
	for (int r = 0; r < 10; r++) {
		struct assay_run_visit *v = &f->run.visits[r];
		v->v.t1_ns = v->v.t0_ns + (int64_t)((double)(120 * MS) * (r < 5 ? 1 : 1 + slow) * (1 + noise * (r % 3 - 1)));
	}
}

static void test_drift_over_repeats(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	slow_down(&f, 0.04, 0.001);
	expect(&f, "", ""); /* sure, but small */
	slow_down(&f, 0.06, 0.001);
	expect(&f, "drift:CAUTION", "drift:CAUTION");
	assert_non_null(strstr(judge(&f, "drift").measured, "6.0 % slower"));
	slow_down(&f, -0.06, 0.001);
	expect(&f, "drift:CAUTION", "drift:CAUTION");
	slow_down(&f, 0.29, 0.001);
	expect(&f, "drift:CAUTION", "drift:CAUTION");
	slow_down(&f, 0.31, 0.001);
	expect(&f, "drift:INVALID", "drift:INVALID");
	slow_down(&f, 0.06, 0.10);
	expect(&f, "", ""); /* large, but not sure */
	fx_release(&f);
	struct assay_drift d;
	const double five[] = { 1, 1, 1, 2, 2 }, six[] = { 1, 1, 1, 2, 2, 2 };
	assay_drift_halves(five, 5, &d);
	assert_false(d.known); /* too few to tell */
	assay_drift_halves(six, 6, &d);
	assert_true(d.known && d.change == 1 && d.lo == 1 && d.hi == 1);
}

static void decode_steps(struct fx *f, int visits, double slow, uint64_t kv0, uint64_t kv_step)
{
	f->run.n_steps = 0;
	for (int r = 0; r < visits; r++) {
		int64_t t = r * 1000 * MS;
		for (int i = 0; i < 60; i++) {
			int64_t ns = MS + (i * 7 % 5) * 1000; /* a little unrest */
			if (i >= 30)
				ns = (int64_t)((double)ns * (1 + slow));
			struct assay_rec_step *s = fx_step(f, ASSAY_STEP_DECODE, 1, 1, t, t + ns);
			s->weight_bytes = 100000000;
			s->kv_read_bytes = kv0 + kv_step * (uint64_t)i;
			t += ns;
		}
	}
}

static void test_drift_within_runs(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 5); /* too few repeats for halves */
	decode_steps(&f, 5, 0.10, 1000, 0);
	expect(&f, "drift:CAUTION", "drift:CAUTION");
	assert_non_null(strstr(judge(&f, "drift").measured, "inside runs"));
	decode_steps(&f, 1, 0.10, 1000, 0);
	expect(&f, "drift:CAUTION", "drift:CAUTION");
	decode_steps(&f, 5, 0.04, 1000, 0);
	expect(&f, "", "");
	decode_steps(&f, 5, 0.10, 1000, 100000); /* the KV cache grows by 3 %: not the same work */
	expect(&f, "", "");
	fx_release(&f);
}

static void samples(struct fx *f, int n, double steal, double foreign, int64_t swapped, int64_t stall_us)
{
	f->run.n_samples = 0;
	for (int i = 0; i < n; i++) {
		struct assay_rec_sample *s = fx_sample(f, i * 100 * MS);
		double cpu = 200.0 * MS * i; /* two CPUs */
		s->cpu_steal_ns = llround(steal * cpu);
		s->cpu_busy_ns = llround((0.5 + foreign) * cpu);
		s->proc_cpu_ns = llround(0.5 * cpu);
		s->cpu_idle_ns = llround((0.5 - foreign - steal) * cpu);
		s->cpu_iowait_ns = 0;
		s->swap_in_pages = i ? swapped : 0;
		s->psi_memory_us = i ? stall_us : 0;
	}
}

static void test_machine(void **state)
{
	(void)state;
	static const struct { double steal, foreign; int64_t swapped, stall_us; const char *want; } row[] = {
		{ 0.019, 0.019, 0, 0, "" },
		{ 0.021, 0, 0, 0, "cpu_steal:CAUTION" },
		{ 0.249, 0, 0, 0, "cpu_steal:CAUTION" },
		{ 0.251, 0, 0, 0, "cpu_steal:INVALID" },
		{ 0, 0.021, 0, 0, "foreign_load:CAUTION" },
		{ 0, 0.251, 0, 0, "foreign_load:INVALID" },
		{ 0, 0, 1, 0, "swap:CAUTION" },
		{ 0, 0, 0, 5000000, "" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fx f;
		quiet(&f, 10);
		samples(&f, 100, row[i].steal, row[i].foreign, row[i].swapped, row[i].stall_us);
		struct got g = judge(&f, NULL);
		if (strcmp(g.point_codes, row[i].want) && strcmp(g.run_codes, row[i].want))
			fail_msg("row %zu: point \"%s\" run \"%s\", want \"%s\"", i, g.point_codes, g.run_codes, row[i].want);
		assert_string_equal(g.run_codes, row[i].want);
		fx_release(&f);
	}
}

/* An engine in processes of its own: their CPU time is ours too, and assay's own beside them is judged. */
static void test_engine_beside(void **state)
{
	(void)state;
	static const struct { double engine, client, foreign; const char *want; } row[] = {
		{ 0.48, 0.019, 0.019, "" },
		{ 0.48, 0, 0.021, "foreign_load:CAUTION" },
		{ 0.40, 0.021, 0, "client_load:CAUTION" },
		{ 0.10, 0.5, 0, "client_load:CAUTION" },
		{ 0.10, 0.05, 0.3, "foreign_load:INVALID client_load:CAUTION" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fx f;
		quiet(&f, 10);
		samples(&f, 100, 0, 0, 0, 0);
		for (int k = 0; k < 100; k++) {
			struct assay_rec_sample *s = &f.run.samples[k];
			double cpu = 200.0 * MS * k;
			s->proc_cpu_ns = llround(row[i].client * cpu);
			s->engine_cpu_ns = 5 * MS + llround(row[i].engine * cpu);
			s->cpu_busy_ns = llround((row[i].engine + row[i].client + row[i].foreign) * cpu);
			s->cpu_idle_ns = llround((1 - row[i].engine - row[i].client - row[i].foreign) * cpu);
		}
		expect(&f, row[i].want, row[i].want);
		fx_release(&f);
	}
}

/* Threads of an engine in processes of its own: what was asked for (0: all, so what the engine says), what it says, what was seen. */
static void test_engine_threads(void **state)
{
	(void)state;
	static const struct { int asked, effective, busy; const char *want, *measured; } row[] = {
		{ 2, 2, 2, "", "" }, { 2, 0, 1, "", "" }, { 0, 0, 9, "", "" }, { 0, 4, 4, "", "" },
		{ 2, 2, 3, "engine_threads:CAUTION", "2 asked for, 3 busy" }, { 2, 0, 3, "engine_threads:CAUTION", "2 asked for, 3 busy" },
		{ 2, 4, 2, "engine_threads:CAUTION", "2 asked for, 4 in force as the engine says, 2 busy" }, { 0, 4, 5, "engine_threads:CAUTION", "4 in force as the engine says, 5 busy" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fx f;
		quiet(&f, 10);
		json_object_set_new(f.run.header, "config", json_pack("{s:i}", "threads", row[i].asked));
		json_array_append_new(f.run.notes, json_pack("{s:s, s:o, s:i}", "code", "engine_threads", "effective", row[i].effective ? json_integer(row[i].effective) : json_null(), "busy", row[i].busy));
		expect(&f, "", row[i].want);
		if (*row[i].measured)
			assert_string_equal(judge(&f, "engine_threads").measured, row[i].measured);
		fx_release(&f);
	}
}

/* Swap counts as INVALID when over 1 % of the measured time was spent waiting for memory. */
static void test_swap_stall(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	samples(&f, 100, 0, 0, 0, 0);
	for (int i = 1; i < 100; i++) {
		f.run.samples[i].swap_in_pages = i;
		f.run.samples[i].psi_memory_us = 990 * i; /* 0.99 % of 100 ms */
	}
	expect(&f, "swap:CAUTION", "swap:CAUTION");
	for (int i = 1; i < 100; i++)
		f.run.samples[i].psi_memory_us = 1010 * i;
	expect(&f, "swap:INVALID", "swap:INVALID");
	fx_release(&f);
}

static void test_short_points_are_judged_together(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 1);
	f.run.points[0].n_visits = 1;
	samples(&f, 30, 0.10, 0, 0, 0); /* 2.9 s, the visit 0.12 s */
	struct got g = judge(&f, "cpu_steal");
	assert_string_equal(g.point_codes, "too_few_samples:CAUTION");
	assert_string_equal(g.run_codes, "too_few_samples:CAUTION cpu_steal:CAUTION");
	assert_non_null(strstr(g.measured, "whole run"));
	samples(&f, 8, 0.10, 0, 0, 0); /* 0.7 s: too short for ticks of 10 ms */
	expect(&f, "too_few_samples:CAUTION", "too_few_samples:CAUTION");
	fx_release(&f);
}

static void test_throttled(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	samples(&f, 100, 0, 0, 0, 0);
	for (int i = 0; i < 100; i++)
		f.run.samples[i].freq_khz = 3000000;
	f.run.samples[41].freq_khz = 2260000;
	expect(&f, "", "");
	f.run.samples[41].freq_khz = 2240000;
	expect(&f, "throttled:CAUTION", "throttled:CAUTION");
	fx_release(&f);
}

static void test_journal(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	json_object_set_new(f.run.footer, "journal_lag_ms", json_real(1000));
	expect(&f, "", "");
	json_object_set_new(f.run.footer, "journal_lag_ms", json_real(1001));
	expect(&f, "", "journal_lag:CAUTION");
	json_object_set_new(f.run.footer, "journal_lag_ms", json_real(0));
	json_object_set_new(f.run.footer, "records_lost", json_integer(1));
	expect(&f, "", "records_lost:INVALID");
	json_object_set_new(f.run.footer, "records_lost", json_integer(0));
	json_object_set_new(f.run.footer, "interrupted", json_true());
	expect(&f, "", "interrupted:CAUTION");
	json_decref(f.run.footer);
	f.run.footer = NULL;
	expect(&f, "", "interrupted:CAUTION");
	f.run.torn = true;
	strcpy(f.run.torn_reason, "checksum at byte 1234");
	assert_non_null(strstr(judge(&f, "interrupted").measured, "byte 1234"));
	fx_release(&f);
}

static void test_clock_step(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	json_object_set_new(f.run.header, "clock", json_pack("{s:I, s:I}", "wall_ns", (json_int_t)1000 * MS, "mono_ns", (json_int_t)0));
	json_object_set_new(f.run.footer, "clock", json_pack("{s:I, s:I}", "wall_ns", (json_int_t)11099 * MS, "mono_ns", (json_int_t)10000 * MS));
	expect(&f, "", "");
	json_object_set_new(f.run.footer, "clock", json_pack("{s:I, s:I}", "wall_ns", (json_int_t)11110 * MS, "mono_ns", (json_int_t)10000 * MS));
	expect(&f, "", "clock_step:INVALID");
	json_object_set_new(f.run.footer, "clock", json_pack("{s:I, s:I}", "wall_ns", (json_int_t)10890 * MS, "mono_ns", (json_int_t)10000 * MS));
	expect(&f, "", "clock_step:INVALID");
	fx_release(&f);
}

static void test_builds(void **state)
{
	(void)state;
	static const struct { const char *build, *engine; bool virtual_clock; const char *want; } row[] = {
		{ "release (-O2 -g)", "cpu", false, "" },
		{ "debug (-g)", "cpu", false, "debug_build:INVALID" },
		{ "release (-O0 -g)", "cpu", false, "debug_build:INVALID" },
		{ "sanitizer (-O2 -g -fsanitize=address)", "cpu", false, "sanitizer_build:INVALID" },
		{ "release (-O1 -fsanitize=undefined)", "cpu", false, "sanitizer_build:INVALID" },
		{ "sanitizer (-O2)", "cpu", false, "sanitizer_build:INVALID" },
		{ "debug (-g)", "null", false, "debug_build:CAUTION" },
		{ "sanitizer (-O2 -fsanitize=thread)", "sim", false, "sanitizer_build:CAUTION" },
		{ "sanitizer (-O2 -fsanitize=thread)", "sim", true, "" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fx f;
		quiet(&f, 10);
		json_object_set_new(f.run.header, "assay", json_pack("{s:s}", "build", row[i].build));
		json_object_set_new(f.run.header, "engine", json_pack("{s:s}", "name", row[i].engine));
		json_object_set_new(f.run.header, "virtual_clock", json_boolean(row[i].virtual_clock));
		struct got g = judge(&f, NULL);
		if (strcmp(g.run_codes, row[i].want))
			fail_msg("row %zu: \"%s\", want \"%s\"", i, g.run_codes, row[i].want);
		assert_string_equal(g.point_codes, "");
		fx_release(&f);
	}
}

static void test_timer(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10); /* TPOT 10 ms is the shortest */
	json_object_set_new(f.run.header, "clock_resolution_ns", json_integer(100000));
	expect(&f, "", "");
	json_object_set_new(f.run.header, "clock_resolution_ns", json_integer(100001));
	expect(&f, "timer_resolution:CAUTION", "timer_resolution:CAUTION");
	json_object_set_new(f.run.header, "virtual_clock", json_true());
	expect(&f, "", "");
	fx_release(&f);
}

/* What a worker tells of its own cost: 1 % of its runs' time may go to it; told at the end, it is out of the steps. */
static void test_reporting(void **state)
{
	(void)state;
	struct fx f;
	json_t *note = json_pack("{s:s, s:s, s:i, s:i, s:i}", "code", "worker_reporting", "emit", "step", "runs", 3, "run_ns", 1000000, "report_ns", 10000);
	quiet(&f, 10);
	json_array_append_new(f.run.notes, note);
	expect(&f, "", "");
	json_array_append_new(f.run.notes, json_pack("{s:s, s:s, s:i, s:i, s:i}", "code", "worker_reporting", "emit", "step", "runs", 1, "run_ns", 100, "report_ns", 100));
	expect(&f, "", "reporting_cost:CAUTION"); /* of a run that was taken up again: both parts */
	json_array_remove(f.run.notes, 1);
	json_object_set_new(note, "report_ns", json_integer(500000));
	expect(&f, "", "reporting_cost:CAUTION");
	json_object_set_new(note, "emit", json_string("final"));
	expect(&f, "", "");
	fx_release(&f);
}

static void test_cache_and_ceilings(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 10);
	f.run.requests[2].r.cached_tokens = UINT32_MAX; /* unknown */
	expect(&f, "", "");
	f.run.requests[2].r.cached_tokens = 1;
	expect(&f, "cached_prompts:CAUTION", "cached_prompts:CAUTION");
	f.run.requests[2].r.cached_tokens = 0;
	struct assay_rec_step *s = fx_step(&f, ASSAY_STEP_DECODE, 1, 1, 0, 10 * MS);
	fx_ceiling(&f, 0, 10, 100, 0);
	s->weight_bytes = 102000000; /* 10.2 GB/s of 10 */
	expect(&f, "", "");
	s->weight_bytes = 102100000;
	expect(&f, "ceiling_error:CAUTION", "ceiling_error:CAUTION");
	fx_release(&f);
}

static void test_leak(void **state)
{
	(void)state;
	/* KiB per run of one request = MiB-ish per 1,000: the bound is 1,024 KiB, with 2,048 MiB resident 2,097 KiB */
	static const struct { double kib; int64_t rss_mib; const char *want; } row[] = {
		{ 1.02, 100, "" }, { 1.03, 100, "leak:CAUTION" }, { 2.09, 2048, "" }, { 2.11, 2048, "leak:CAUTION" }, { -5, 100, "" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fx f;
		quiet(&f, 30);
		json_object_set_new(f.run.points[0].info, "experiment", json_string("memory"));
		for (int r = 0; r < 30; r++)
			fx_memory(&f, ASSAY_MEM_AFTER_RUN, r)->rss_bytes = (row[i].rss_mib << 20) + llround(row[i].kib * 1024 * r);
		struct got g = judge(&f, NULL);
		if (strcmp(g.point_codes, row[i].want))
			fail_msg("row %zu: \"%s\", want \"%s\"", i, g.point_codes, row[i].want);
		fx_release(&f);
	}
}

static void test_run_tells_how_many_points(void **state)
{
	(void)state;
	struct fx f;
	quiet(&f, 4);
	fx_point(&f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1}}", "{\"status\": \"ok\"}");
	for (int r = 0; r < 2; r++) {
		fx_visit(&f, r, (20 + r) * 1000 * MS, (20 + r) * 1000 * MS + 120 * MS);
		fx_request(&f, 8, 11, (20 + r) * 1000 * MS, (20 + r) * 1000 * MS + 20 * MS, 10 * MS);
	}
	f.run.requests[5].r.end_state = ASSAY_END_RESET;
	fx_point(&f, "{\"experiment\": \"latency\", \"case\": {}}", "{\"status\": \"limit\"}");
	struct got g = judge(&f, "too_few_samples");
	assert_string_equal(g.run_codes, "too_few_samples:CAUTION failures:INVALID");
	assert_string_equal(g.measured, "4 measured requests (2 of 2 points)");
	assert_non_null(strstr(judge(&f, "failures").measured, "1 of 2 requests failed (1 of 2 points)"));
	assert_int_equal(g.run, ASSAY_INVALID);
	fx_release(&f);
}

/* Without any change, the drift rule is quiet: alarms of a quiet machine with 3 % noise. */
static void test_drift_false_alarms(void **state)
{
	(void)state;
	int alarms = 0;
	double x[10];
	for (int r = 0; r < 2000; r++) {
		struct assay_drift d;
		for (int i = 0; i < 10; i++) { /* sum of 12 uniforms: normal enough */
			double z = -6;
			for (int k = 0; k < 12; k++)
				z += assay_rng_unit(assay_rng_key(5, (uint64_t)r), (uint64_t)(i * 12 + k));
			x[i] = 100 * (1 + 0.03 * z);
		}
		assay_drift_halves(x, 10, &d);
		alarms += d.known && (d.lo > 0 || d.hi < 0) && fabs(d.change) > 0.05;
	}
	assert_true(alarms <= 60); /* <= 3 % */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet_is_valid), cmocka_unit_test(test_few_samples), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_statuses), cmocka_unit_test(test_drift_over_repeats), cmocka_unit_test(test_drift_within_runs),
		cmocka_unit_test(test_machine), cmocka_unit_test(test_engine_beside), cmocka_unit_test(test_engine_threads), cmocka_unit_test(test_swap_stall), cmocka_unit_test(test_short_points_are_judged_together),
		cmocka_unit_test(test_throttled), cmocka_unit_test(test_journal), cmocka_unit_test(test_clock_step), cmocka_unit_test(test_builds),
		cmocka_unit_test(test_timer), cmocka_unit_test(test_reporting), cmocka_unit_test(test_cache_and_ceilings), cmocka_unit_test(test_run_tells_how_many_points), cmocka_unit_test(test_leak),
		cmocka_unit_test(test_drift_false_alarms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
