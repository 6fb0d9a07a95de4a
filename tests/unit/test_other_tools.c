/* One run counted as five other tools count it: every number by hand. An answer of three events (1, 3 and 1 tokens), one of a single
 * token, a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "metrics/other_tools.h"
#include "report/report.h"
#include "result_fixture.h"
#include "run_fixture.h"

static void request(struct fx *f, int64_t sent, int64_t last, int64_t end, uint32_t output)
{
	struct assay_run_request *q = fx_request(f, 10, output, 1000 * MS, sent, 0);
	q->r.t_sent = sent * MS;
	q->r.t_last = last * MS;
	q->r.t_end = end * MS;
}

static void build(struct fx *f)
{
	static const struct { int64_t t; uint32_t n; } events[] = { { 1100, 1 }, { 1200, 3 }, { 1300, 1 } };
	fx_init(f, "{}");
	fx_point(f, "{\"index\": 0, \"experiment\": \"throughput\", \"case\": {\"batch_size\": 3}, \"runs\": 1}", "{\"status\": \"ok\"}");
	fx_visit(f, -1, 0, 900 * MS);
	request(f, 1, 800, 900, 5); /* warm-up: not counted */
	fx_visit(f, 0, 1000 * MS, 3000 * MS);
	request(f, 1002, 1300, 1310, 5);
	struct assay_run_request *q = &f->run.requests[f->run.n_requests - 1];
	q->r.t_first = 1100 * MS;
	q->n_tokens = q->r.events = 3;
	for (int i = 0; i < 3; i++)
		f->run.tokens[5 + i] = (struct assay_rec_token){ q->r.id, events[i].n, -1, 0, events[i].t * MS, events[i].t * MS };
	request(f, 1000, 1500, 1520, 1);
	f->run.requests[f->run.n_requests - 1].r.t_first = 1500 * MS;
	request(f, 1000, 1200, 2500, 4);
	f->run.requests[f->run.n_requests - 1].r.end_state = ASSAY_END_RESET;
	fx_done(f);
}

static const struct assay_tool_metric *metric(const struct assay_tool *t, const char *name)
{
	for (const struct assay_tool_metric *m = t->metrics; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	fail_msg("%s has no %s", t->name, name);
	return NULL;
}

static void known_answers(void **state)
{
	enum { MEAN, STD, MIN, MAX, P50, P90, P95, P99, N };
	static const struct { const char *tool, *name; int stat; double want; } rows[] = {
		{ "vllm", "ttft_ms", N, 2 }, { "vllm", "ttft_ms", MEAN, 299 }, { "vllm", "ttft_ms", STD, 201 }, { "vllm", "ttft_ms", P50, 299 }, { "vllm", "ttft_ms", P99, 98 + 0.99 * 402 },
		{ "vllm", "tpot_ms", N, 1 }, { "vllm", "tpot_ms", MEAN, 50 }, { "vllm", "itl_ms", N, 2 }, { "vllm", "itl_ms", MEAN, 100 }, { "vllm", "e2el_ms", MIN, 298 }, { "vllm", "e2el_ms", MAX, 500 },
		{ "vllm", "request_throughput", MEAN, 2 / 1.5 }, { "vllm", "output_throughput", MEAN, 4 }, { "vllm", "total_token_throughput", MEAN, 26 / 1.5 }, { "vllm", "request_goodput", N, 0 },
		{ "sglang", "ttft_ms", MEAN, 299 }, { "sglang", "tpot_ms", MEAN, 52.5 }, { "sglang", "itl_ms", N, 4 }, { "sglang", "itl_ms", MEAN, 50 }, { "sglang", "itl_ms", MIN, 100 / 3.0 },
		{ "sglang", "e2e_latency_ms", MEAN, 414 }, { "sglang", "input_throughput", MEAN, 20 / 1.5 }, { "sglang", "output_throughput_retokenized", N, 0 },
		{ "guidellm", "time_per_output_token_ms", MEAN, 133 }, { "guidellm", "time_per_output_token_ms", P50, 59.6 }, { "guidellm", "time_per_output_token_ms", P90, 500 },
		{ "guidellm", "time_per_output_token_ms", STD, 164.12738954848456 }, { "guidellm", "inter_token_latency_ms", N, 1 }, { "guidellm", "inter_token_latency_ms", MEAN, 50 },
		{ "guidellm", "request_latency", MEAN, 0.414 }, { "guidellm", "requests_per_second", MEAN, 2 / 0.52 }, { "guidellm", "output_tokens_per_second", MEAN, 6 / 0.52 },
		{ "aiperf", "inter_token_latency", MEAN, 50 }, { "aiperf", "inter_chunk_latency", MEAN, 100 }, { "aiperf", "output_token_throughput_per_user", MEAN, 20 },
		{ "aiperf", "output_token_throughput", MEAN, 12 }, { "aiperf", "request_throughput", MEAN, 4 }, { "aiperf", "request_latency", MEAN, 399 },
		{ "llmperf", "ttft_s", MEAN, 0.299 }, { "llmperf", "ttft_s", STD, 0.402 / 1.4142135623730951 }, { "llmperf", "inter_token_latency_s", MIN, 0.298 / 3 }, { "llmperf", "inter_token_latency_s", MAX, 0.5 },
		{ "llmperf", "end_to_end_latency_s", MAX, 0.52 }, { "llmperf", "request_output_throughput_token_per_s", MAX, 5 / 0.308 }, { "llmperf", "mean_output_throughput_token_per_s", MEAN, 3 },
		{ "llmperf", "num_completed_requests_per_min", MEAN, 60 },
	};
	struct fx f;
	(void)state;
	build(&f);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct assay_tool *t = assay_tool_find(rows[i].tool);
		struct assay_tool_value v;
		assay_tool_compute(t, metric(t, rows[i].name), &f.run, 0, &v);
		const double got[] = { v.mean, v.std, v.min, v.max, v.pct[0], v.pct[1], v.pct[2], v.pct[3], (double)v.n };
		if (!(fabs(got[rows[i].stat] - rows[i].want) <= 1e-9 * fabs(rows[i].want)))
			fail_msg("%s %s [%d]: %.12g, want %.12g", rows[i].tool, rows[i].name, rows[i].stat, got[rows[i].stat], rows[i].want);
	}
	fx_release(&f);
}

/* Every row is a request's, a run's, or says why it is neither; what is named as ours is a metric of ours. */
static void table_is_whole(void **state)
{
	int tools = 0;
	(void)state;
	for (const struct assay_tool *t = assay_tool_table(); t->name; t++, tools++) {
		int without = 0;
		assert_true(t->title && t->note && strlen(t->note) > 20);
		for (const struct assay_tool_metric *m = t->metrics; m->name; m++) {
			assert_false(m->request && m->run);
			assert_true(m->what && strlen(m->what) > 10 && m->unit);
			without += !m->request && !m->run;
			if (m->ours && !assay_metric_find(m->ours))
				fail_msg("%s: no metric %s", m->name, m->ours);
		}
		assert_int_equal(without, 1);
	}
	assert_int_equal(tools, 5);
	assert_null(assay_tool_find("nosuch"));
}

/* The files: null with a reason for what cannot be had; our own numbers untouched beside them. */
static void files(void **state)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	char dir[64];
	int n, written = 0;
	const struct assay_face *const *faces = assay_faces(&n);
	(void)state;
	result_fixture_dir(dir);
	build(&f);
	json_t *doc = assay_result_build(&f.run), *before = json_deep_copy(doc);
	for (int i = 0; i < n; i++)
		if (!strncmp(faces[i]->name, "definitions-", 12)) {
			assert_int_equal(faces[i]->write(doc, &f.run, dir, &e), 0);
			written++;
		}
	assert_int_equal(written, 5);
	assert_true(json_equal(doc, before));
	char *text = result_fixture_read(dir, "report-llmperf.json"), *md = result_fixture_read(dir, "report-llmperf.md");
	json_t *v = assay_json_parse(text, strlen(text), "report-llmperf.json", ASSAY_E_DATA, &e);
	assert_non_null(v);
	json_t *m = json_object_get(json_object_get(json_array_get(json_object_get(v, "points"), 0), "metrics"), "number_output_tokens");
	assert_true(json_is_null(json_object_get(m, "mean")) && strstr(assay_json_get_str(m, "reason", ""), "Llama tokenizer"));
	assert_non_null(strstr(md, "| throughput batch 3 | ttft_s | s | 2 | 0.299 |"));
	assert_non_null(strstr(md, " 300.00 ms | 500.00* ms |\n")); /* ours: from the intended send */
	assert_non_null(strstr(md, "| number_output_tokens | not recomputed: counted again with a Llama tokenizer"));
	assert_null(strstr(md, "nan"));
	json_decref(v);
	free(text);
	free(md);
	json_decref(before);
	json_decref(doc);
	fx_release(&f);
	result_fixture_drop(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers), cmocka_unit_test(table_is_whole), cmocka_unit_test(files) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
