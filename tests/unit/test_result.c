/* A known run becomes a known document: what was measured is there, what was not is null with a reason. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/report.h"
#include "result_fixture.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	result_fixture_dir(dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	result_fixture_drop(dir);
	return 0;
}

static const json_t *point(const json_t *doc, size_t i)
{
	return json_array_get(json_object_get(doc, "points"), i);
}

static const json_t *metric(const json_t *doc, size_t i, const char *key)
{
	return json_object_get(json_object_get(point(doc, i), "metrics"), key);
}

static void near(double a, double b)
{
	if (!(fabs(a - b) <= 1e-6 * (1 + fabs(b))))
		fail_msg("%.12g is not %.12g", a, b);
}

static void numbers_are_the_known_ones(void **state)
{
	struct fx f;
	(void)state;
	result_fixture(&f, "gpt2");
	json_t *doc = assay_result_build(&f.run);
	assert_string_equal(assay_json_get_str(doc, "schema", ""), "assay.result/1");
	assert_string_equal(assay_json_get_str(doc, "ended", ""), "2026-01-28T17:02:20.000001+00:00");
	assert_int_equal(json_array_size(json_object_get(doc, "points")), 9);
	const json_t *ttft = metric(doc, 0, "ttft_ms");
	near(assay_json_get_num(ttft, "mean", NAN), 1396.97473);
	near(assay_json_get_num(ttft, "std", NAN), 244.80345);
	near(assay_json_get_num(ttft, "p50", NAN), 1336.2186);
	near(assay_json_get_num(json_object_get(ttft, "linear"), "p95", NAN), 1633.41327);
	assert_int_equal(assay_json_get_int(ttft, "n", 0), 3);
	assert_int_equal(assay_json_get_int(json_object_get(ttft, "need"), "p99", 0), 662);
	assert_null(json_object_get(json_object_get(ttft, "need"), "p50"));
	assert_int_equal(json_array_size(json_object_get(ttft, "per_run")), 3);
	near(json_number_value(json_array_get(json_object_get(ttft, "per_run"), 2)), 1666.4349);
	assert_string_equal(assay_json_get_str(ttft, "unit", ""), "ms");
	assert_true(json_is_null(json_object_get(ttft, "reason")));
	near(assay_json_get_num(metric(doc, 0, "tpot_ms"), "mean", NAN), 5);
	near(assay_json_get_num(metric(doc, 1, "request_s"), "value", NAN), 1.28256875);
	near(assay_json_get_num(metric(doc, 1, "output_tok_s"), "value", NAN), 38.4770625);
	const json_t *requests = json_object_get(point(doc, 2), "requests");
	assert_int_equal(assay_json_get_int(requests, "offered", 0), 8);
	assert_int_equal(assay_json_get_int(json_object_get(requests, "end_states"), "length", 0), 8);
	assert_int_equal(assay_json_get_int(json_object_get(point(doc, 2), "tokens"), "output", 0), 240);
	assert_int_equal(assay_json_get_int(point(doc, 2), "concurrency", 0), 4);
	assert_int_equal(json_array_size(json_object_get(point(doc, 0), "visit")), 4);
	assert_int_equal(assay_json_get_int(json_array_get(json_object_get(point(doc, 0), "visit"), 0), "repeat", 0), -1);
	json_decref(doc);
	fx_release(&f);
}

static bool listed(const json_t *doc, const char *what, const char *reason)
{
	size_t i;
	json_t *u;
	json_array_foreach(json_object_get(doc, "unavailable"), i, u)
		if (!strcmp(assay_json_get_str(u, "what", ""), what) && strstr(assay_json_get_str(u, "reason", ""), reason))
			return true;
	return false;
}

static void missing_is_null_with_a_reason(void **state)
{
	struct fx f;
	(void)state;
	result_fixture(&f, "gpt2");
	json_t *doc = assay_result_build(&f.run);
	const json_t *gpu = metric(doc, 0, "gpu_util");
	assert_true(json_is_null(json_object_get(gpu, "value")));
	assert_true(strlen(assay_json_get_str(gpu, "reason", "")) > 0);
	/* a limit is a result: no numbers, its reason, no verdict made worse */
	assert_string_equal(assay_json_get_str(point(doc, 3), "status", ""), "limit");
	assert_string_equal(assay_json_get_str(point(doc, 3), "reason", ""), "KV cache: needs 3072 tokens, has 1024");
	assert_true(json_is_null(json_object_get(point(doc, 3), "metrics")));
	assert_true(json_is_null(json_object_get(json_object_get(doc, "telemetry"), "summary")));
	assert_true(listed(doc, "telemetry", "virtual clock"));
	assert_true(listed(doc, "machine.gpus", "no NVIDIA driver"));
	assert_true(listed(doc, "machine.cpu.governor", "no cpufreq"));
	assert_true(listed(doc, "engine.logits", "it computes nothing"));
	assert_true(listed(doc, "engine.load.weights_ms", ""));
	assert_true(listed(doc, "gpu_util", ""));
	assert_false(assay_json_get_bool(doc, "interrupted", true));
	json_decref(doc);
	fx_release(&f);
}

/* No journal footer, no point end: what is there is shown and marked. */
static void cut_run_is_marked(void **state)
{
	struct fx f;
	(void)state;
	result_fixture(&f, "gpt2");
	json_decref(f.run.footer);
	f.run.footer = NULL;
	json_decref(f.run.points[8].end);
	f.run.points[8].end = NULL;
	f.run.torn = true;
	strcpy(f.run.torn_reason, "a record is cut short at byte 7 of 9");
	json_t *doc = assay_result_build(&f.run);
	assert_true(assay_json_get_bool(doc, "interrupted", false));
	assert_true(json_is_null(json_object_get(doc, "ended")));
	assert_string_equal(assay_json_get_str(point(doc, 8), "status", ""), "interrupted");
	assert_string_equal(assay_json_get_str(point(doc, 8), "reason", ""), "the record of the run stops before this point ended");
	assert_int_equal(assay_json_get_int(json_object_get(point(doc, 8), "requests"), "succeeded", 0), 8);
	assert_string_equal(assay_json_get_str(json_object_get(doc, "journal"), "torn_reason", ""), "a record is cut short at byte 7 of 9");
	assert_true(json_is_null(json_object_get(json_object_get(doc, "journal"), "records_lost")));
	json_decref(doc);
	fx_release(&f);
}

static void failures_count_as_infinite(void **state)
{
	struct fx f;
	(void)state;
	result_fixture(&f, "gpt2");
	f.run.requests[3].r.end_state = ASSAY_END_TIMEOUT_TOTAL; /* third measured request of point 0 */
	json_t *doc = assay_result_build(&f.run);
	const json_t *ttft = metric(doc, 0, "ttft_ms");
	assert_int_equal(assay_json_get_int(ttft, "n", 0), 2);
	assert_string_equal(assay_json_get_str(json_object_get(ttft, "with_failures"), "p99", ""), "inf");
	assert_int_equal(assay_json_get_int(json_object_get(json_object_get(point(doc, 0), "requests"), "end_states"), "timeout_total", 0), 1);
	char *text = json_dumps(doc, JSON_COMPACT);
	assert_null(strstr(text, ":inf"));
	assert_null(strstr(text, ":nan"));
	free(text);
	json_decref(doc);
	fx_release(&f);
}

static void series_are_thinned_out_and_say_so(void **state)
{
	struct fx f;
	(void)state;
	result_fixture(&f, "gpt2");
	json_object_set_new(f.run.header, "virtual_clock", json_false());
	for (int i = 0; i < 1001; i++) {
		struct assay_rec_sample *s = fx_sample(&f, i * INT64_C(100000000));
		s->rss_bytes = (INT64_C(100) + i % 2) << 20;
		s->proc_cpu_ns = i * INT64_C(150000000);
		s->cpu_busy_ns = i * INT64_C(160000000);
		s->cpu_idle_ns = i * INT64_C(20000000);
		s->cpu_iowait_ns = 0;
		s->cpu_steal_ns = i * INT64_C(20000000);
		s->self_cpu_ns = i * INT64_C(100000);
	}
	json_t *doc = assay_result_build(&f.run);
	assert_null(json_object_get(json_object_get(json_object_get(doc, "telemetry"), "summary"), "engine_cpu")); /* it runs in this process */
	json_decref(doc);
	for (int i = 0; i < 1001; i++)
		f.run.samples[i].engine_cpu_ns = 1 + i * INT64_C(120000000);
	doc = assay_result_build(&f.run);
	const json_t *t = json_object_get(doc, "telemetry"), *sum = json_object_get(t, "summary");
	assert_int_equal(assay_json_get_int(t, "samples", 0), 1001);
	assert_int_equal(assay_json_get_int(t, "samples_per_value", 0), 3);
	near(assay_json_get_num(t, "duration_s", 0), 100);
	const json_t *rss = json_array_get(json_object_get(t, "series"), 0);
	assert_int_equal(json_array_size(json_object_get(rss, "values")), 334);
	assert_int_equal(json_array_size(json_object_get(t, "t_ns")), 334);
	near(assay_json_get_num(json_object_get(sum, "rss_mib"), "max", 0), 101);
	near(assay_json_get_num(json_object_get(sum, "rss_mib"), "mean", 0), 100.5);
	near(assay_json_get_num(json_object_get(sum, "process_cpu"), "mean", 0), 1.5);
	near(assay_json_get_num(json_object_get(sum, "engine_cpu"), "mean", 0), 1.2);
	assert_true(listed(doc, "telemetry.context_switches", "not read of an engine in processes of its own"));
	near(assay_json_get_num(json_object_get(sum, "steal_pct"), "max", 0), 10);
	near(assay_json_get_num(json_object_get(sum, "sampler_cpu_pct"), "mean", 0), 0.1);
	assert_true(json_is_null(json_object_get(json_object_get(sum, "frequency_mhz"), "mean")));
	assert_true(listed(doc, "telemetry.frequency_mhz", "not readable"));
	json_decref(doc);
	fx_release(&f);
}

static void write_journal(void)
{
	struct assay_journal *j = NULL;
	assert_int_equal(assay_journal_open(dir, 0, ASSAY_JOURNAL_ONE, &j, NULL), 0);
	assay_journal_sink(j)->put_json(assay_journal_sink(j), ASSAY_REC_HEADER, json_object());
	assert_int_equal(assay_journal_close(j, NULL, NULL), 0);
}

static void id_and_files_hold(void **state)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf b;
	char hash[65];
	(void)state;
	result_fixture(&f, "gpt2");
	write_journal();
	json_t *doc = assay_result_build(&f.run), *again = assay_result_build(&f.run);
	assert_true(json_equal(doc, again));
	assert_int_equal(assay_result_write(dir, doc, &e), 0);
	json_t *back = assay_result_load(dir, &e);
	assert_true(json_equal(doc, back));
	char *id = xstrdup(assay_json_get_str(back, "id", ""));
	assert_int_equal(strlen(id), 64);
	json_object_set_new(back, "id", json_string(""));
	assay_buf_init(&b, 1 << 26);
	assert_int_equal(assay_json_print(&b, back, 1), 0);
	assay_sha256_hex(b.data, b.len_bytes, hash);
	assert_string_equal(hash, id);
	const json_t *file = json_array_get(json_object_get(back, "files"), 0);
	assert_string_equal(assay_json_get_str(file, "path", ""), "journal.bin");
	uint64_t bytes;
	char *path = xasprintf("%s/journal.bin", dir);
	assert_int_equal(assay_fs_sha256(path, hash, &bytes, NULL), 0);
	assert_string_equal(assay_json_get_str(file, "sha256", ""), hash);
	assert_int_equal(assay_json_get_int(file, "bytes", 0), bytes);
	assert_int_equal(assay_manifest_write(dir, &e), 0);
	char *manifest = result_fixture_read(dir, "manifest.json");
	assert_non_null(strstr(manifest, "\"path\": \"result.json\""));
	assert_non_null(strstr(manifest, hash));
	assert_null(strstr(manifest, "manifest.json"));
	free(manifest);
	free(path);
	free(id);
	assay_buf_release(&b);
	json_decref(doc);
	json_decref(again);
	json_decref(back);
	fx_release(&f);
}

static void other_documents_are_refused(void **state)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/result.json", dir);
	(void)state;
	assert_null(assay_result_load(dir, &e));
	assert_int_equal(assay_fs_write_atomic(path, "{\"schema\": \"other\"}", 19, NULL), 0);
	assert_null(assay_result_load(dir, &e));
	assert_int_equal(e.code, ASSAY_E_DATA);
	free(path);
}

/* docs/result.schema.json, strict; needs python3-jsonschema. */
static void document_follows_the_schema(void **state)
{
	struct fx f;
	(void)state;
	if (access("tools/validate_result.py", R_OK) || system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null"))
		skip();
	result_fixture(&f, "gpt2");
	for (int virtual = 0; virtual < 2; virtual++) {
		write_journal();
		json_object_set_new(f.run.header, "virtual_clock", json_boolean(virtual));
		json_t *doc = assay_result_build(&f.run);
		assert_int_equal(assay_result_write(dir, doc, NULL), 0);
		char *cmd = xasprintf("/usr/bin/python3 tools/validate_result.py '%s/result.json' >'%s/out' 2>&1", dir, dir);
		int rc = system(cmd);
		char *out = result_fixture_read(dir, "out");
		if (rc)
			fail_msg("%s", out);
		free(out);
		free(cmd);
		json_decref(doc);
		for (int i = 0; !virtual && i < 50; i++)
			fx_sample(&f, i * INT64_C(100000000))->rss_bytes = 1 << 20;
		char *journal = xasprintf("%s/journal.bin", dir);
		unlink(journal);
		free(journal);
	}
	fx_release(&f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)
	const struct CMUnitTest tests[] = {
		T(numbers_are_the_known_ones), T(missing_is_null_with_a_reason), T(cut_run_is_marked), T(failures_count_as_infinite), T(series_are_thinned_out_and_say_so),
		T(id_and_files_hold), T(other_documents_are_refused), T(document_follows_the_schema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
