/* What each experiment measures: the fixed lists of the suite word for word, lists into cases, presets refused before
 * anything loads, memory's limits and records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "exp_kit.h"

static const struct assay_engine_info gpt2 = { .vocab = 50257, .max_context = 1024 };

static json_t *plan_of(const char *experiment, char **args, const struct assay_engine_info *shape, struct assay_run_plan *p)
{
	struct assay_options *o = kit_options(experiment, args);
	struct assay_err e = ASSAY_ERR_INIT;
	if (assay_experiment_find(experiment)->plan(o, shape, p, &e))
		fail_msg("%s", e.msg);
	assay_options_close(o);
	return p->points;
}

/* A point as one line: experiment, case in key order of the record, runs+warmup. */
static void line_of(const json_t *point, char *out, size_t size)
{
	char *c = json_dumps(json_object_get(point, "case"), JSON_COMPACT);
	snprintf(out, size, "%s %s x%d+%d", assay_json_get_str(point, "experiment", "?"), c, (int)assay_json_get_int(point, "runs", -1),
		 (int)assay_json_get_int(point, "warmup", -1));
	free(c);
}

static void check_lines(const json_t *points, const char *const *want, size_t n)
{
	for (size_t i = 0; i < n && i < json_array_size(points); i++) {
		char line[300];
		line_of(json_array_get(points, i), line, sizeof line);
		assert_string_equal(line, want[i]);
	}
	assert_int_equal(json_array_size(points), n);
}

#define B(b, p, o) "{\"batch_size\":" #b ",\"prompt_tokens\":" #p ",\"output_tokens\":" #o
static const char *const quick[] = {
	"latency " B(1, 128, 32) "} x5+1",
	"throughput " B(1, 64, 32) "} x2+1", "throughput " B(4, 64, 32) "} x2+0", "throughput " B(16, 64, 32) "} x2+0",
	"seqlen " B(1, 10, 16) ",\"axis\":\"prompt\"} x2+1", "seqlen " B(1, 50, 16) ",\"axis\":\"prompt\"} x2+0",
	"seqlen " B(1, 200, 16) ",\"axis\":\"prompt\"} x2+0", "seqlen " B(1, 900, 16) ",\"axis\":\"prompt\"} x2+0",
	"seqlen " B(1, 50, 16) ",\"axis\":\"output\"} x2+0", "seqlen " B(1, 50, 32) ",\"axis\":\"output\"} x2+0",
	"seqlen " B(1, 50, 64) ",\"axis\":\"output\"} x2+0",
	"memory " B(1, 64, 16) "} x10+1",
	"offline {\"requests\":16,\"input\":\"32:256\",\"output\":\"16:128\"} x1+1",
};
static const char *const normal[] = {
	"latency " B(1, 128, 100) "} x10+1",
	"throughput " B(1, 64, 50) "} x2+1", "throughput " B(2, 64, 50) "} x2+0", "throughput " B(4, 64, 50) "} x2+0",
	"throughput " B(8, 64, 50) "} x2+0", "throughput " B(16, 64, 50) "} x2+0", "throughput " B(32, 64, 50) "} x2+0",
	"seqlen " B(1, 10, 50) ",\"axis\":\"prompt\"} x3+1", "seqlen " B(1, 50, 50) ",\"axis\":\"prompt\"} x3+0",
	"seqlen " B(1, 200, 50) ",\"axis\":\"prompt\"} x3+0",
	"seqlen " B(1, 1000, 24) ",\"axis\":\"prompt\",\"asked_prompt_tokens\":1000,\"asked_output_tokens\":50} x3+0",
	"seqlen " B(1, 10, 50) ",\"axis\":\"output\"} x3+0", "seqlen " B(1, 10, 100) ",\"axis\":\"output\"} x3+0",
	"seqlen " B(1, 10, 200) ",\"axis\":\"output\"} x3+0",
	"memory " B(1, 128, 16) "} x30+1",
	"offline {\"requests\":32,\"input\":\"100:512\",\"output\":\"100:512\"} x1+1",
};

static void suite_lists(void **state)
{
	(void)state;
	struct assay_run_plan p;
	char *q[] = { "--quick", NULL }, *only[] = { "-q", "--only", "memory,latency", NULL }, *skip[] = { "-q", "--skip", "seqlen,throughput,offline", NULL };
	check_lines(plan_of("baseline", q, &gpt2, &p), quick, sizeof quick / sizeof *quick);
	/* 5 x 32 + 2 x 21 x 32 + 2 x (4 x 16 + 112) + 160 + the drawn outputs of offline, warm-ups not counted */
	assert_true(p.output_tokens >= 160 + 1344 + 352 + 160 + 16 * 16 && p.output_tokens <= 160 + 1344 + 352 + 160 + 16 * 128);
	assert_true(p.kv_tokens >= 916 && p.hot_records > p.output_tokens);
	assay_run_plan_release(&p);
	check_lines(plan_of("baseline", NULL, &gpt2, &p), normal, sizeof normal / sizeof *normal);
	assay_run_plan_release(&p);
	const char *const two[] = { quick[0], quick[11] };
	check_lines(plan_of("baseline", only, &gpt2, &p), two, 2);
	assay_run_plan_release(&p);
	check_lines(plan_of("baseline", skip, &gpt2, &p), two, 2);
	assay_run_plan_release(&p);
}

static void suite_clips_to_the_context(void **state)
{
	(void)state;
	struct assay_run_plan p;
	struct assay_engine_info small = { .vocab = 1000, .max_context = 100 }, unknown = { .vocab = 0 };
	char *q[] = { "--quick", "--only", "latency", NULL };
	const char *const clipped[] = { "latency " B(1, 99, 1) ",\"asked_prompt_tokens\":128,\"asked_output_tokens\":32} x5+1" };
	check_lines(plan_of("baseline", q, &small, &p), clipped, 1);
	assay_run_plan_release(&p);
	check_lines(plan_of("baseline", q, &unknown, &p), quick, 1);
	assay_run_plan_release(&p);
}

static void suite_full_holds_everything(void **state)
{
	(void)state;
	struct assay_run_plan p;
	char *full[] = { "--full", NULL };
	json_t *points = plan_of("baseline", full, &gpt2, &p);
	int grid = 0, longdoc = 0;
	for (size_t i = 0; i < json_array_size(points); i++) {
		grid += json_object_get(json_object_get(json_array_get(points, i), "case"), "seq_len") != NULL;
		longdoc += !strcmp(assay_json_get_str(json_array_get(points, i), "experiment", ""), "longdoc");
	}
	assert_int_equal(grid, 36);
	assert_int_equal(longdoc, 5); /* 1024..8192, and 992: what fits */
	assay_run_plan_release(&p);
}

static void suite_with_nothing_left(void **state)
{
	(void)state;
	struct assay_run_plan p = { 0 };
	struct assay_err e = ASSAY_ERR_INIT;
	char *args[] = { "--only", "latency", "--skip", "latency", NULL };
	struct assay_options *o = kit_options("baseline", args);
	assert_int_equal(assay_experiment_find("baseline")->plan(o, &gpt2, &p, &e), ASSAY_E_USAGE);
	assay_run_plan_release(&p);
	assay_options_close(o);
}

static void latency_lists(void **state)
{
	(void)state;
	struct assay_run_plan p;
	char *zip[] = { "--prompt-tokens", "10,20", "--output-tokens", "5,7", NULL }, *cast[] = { "--prompt-tokens", "10,20", "--output-tokens", "5", NULL };
	char *bad[] = { "--prompt-tokens", "10,20", "--output-tokens", "5,6,7", NULL }, *s3[] = { "--cases", "s3", NULL };
	const char *const zipped[] = { "latency " B(1, 10, 5) "} x10+1", "latency " B(1, 20, 7) "} x10+1" };
	const char *const broadcast[] = { "latency " B(1, 10, 5) "} x10+1", "latency " B(1, 20, 5) "} x10+1" };
	const char *const one[] = { "latency " B(1, 128, 100) "} x10+1" };
	check_lines(plan_of("latency", zip, &gpt2, &p), zipped, 2);
	assay_run_plan_release(&p);
	check_lines(plan_of("latency", cast, &gpt2, &p), broadcast, 2);
	assay_run_plan_release(&p);
	check_lines(plan_of("latency", NULL, &gpt2, &p), one, 1);
	assay_run_plan_release(&p);
	assert_int_equal(json_array_size(plan_of("latency", s3, &gpt2, &p)), 5);
	assay_run_plan_release(&p);
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_options *o = kit_options("latency", bad);
	p = (struct assay_run_plan){ 0 };
	assert_int_equal(assay_experiment_find("latency")->plan(o, &gpt2, &p, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "--prompt-tokens has 2 values, --output-tokens 3"));
	assay_options_close(o);
	assay_run_plan_release(&p);
}

static void seqlen_shapes(void **state)
{
	(void)state;
	struct assay_run_plan p;
	char *axes[] = { "--axes", NULL }, *grid[] = { "--grid", "s0", NULL };
	assert_int_equal(json_array_size(plan_of("seqlen", NULL, &gpt2, &p)), 12);
	assay_run_plan_release(&p);
	assert_int_equal(json_array_size(plan_of("seqlen", axes, &gpt2, &p)), 7);
	assay_run_plan_release(&p);
	json_t *points = plan_of("seqlen", grid, &gpt2, &p);
	assert_int_equal(json_array_size(points), 36);
	char line[300];
	line_of(json_array_get(points, 35), line, sizeof line);
	assert_string_equal(line, "seqlen " B(32, 4064, 32) ",\"axis\":\"grid\",\"seq_len\":4096} x3+1");
	/* 2048 and 4096 cannot run on gpt2: they ask for no memory */
	assert_in_range(p.kv_tokens, 32 * 1024, 32 * 1040);
	assay_run_plan_release(&p);
}

static int offline_plan(char **args, const struct assay_engine_info *shape, struct assay_err *e)
{
	struct assay_run_plan p = { 0 };
	struct assay_options *o = kit_options("offline", args);
	int rc = assay_experiment_find("offline")->plan(o, shape, &p, e);
	assay_run_plan_release(&p);
	assay_options_close(o);
	return rc;
}

/* decisions.md: s1: 3 of 256 exceed gpt2's 1,024; nanovllm: 146; also when ids up to 10,000 exceed the vocabulary. */
static void presets_are_exact_or_refused(void **state)
{
	(void)state;
	char *s1[] = { "--preset", "s1", NULL }, *nano[] = { "--preset", "nanovllm", NULL };
	struct assay_engine_info big = { .vocab = 49152, .max_context = 2048 }, few = { .vocab = 9999, .max_context = 4096 };
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(offline_plan(s1, &gpt2, &e), ASSAY_E_USAGE);
	if (!strstr(e.msg, "3 of ") || !strstr(e.msg, "256"))
		fail_msg("%s", e.msg);
	assert_int_equal(offline_plan(nano, &gpt2, &e), ASSAY_E_USAGE);
	if (!strstr(e.msg, "146 of ") || !strstr(e.msg, "256"))
		fail_msg("%s", e.msg);
	assert_int_equal(offline_plan(nano, &few, &e), ASSAY_E_USAGE);
	assert_int_equal(offline_plan(s1, &big, &e), 0);
	/* decisions.md: the peak of s1 is 77,290 tokens; the pool is made a tenth larger, in blocks of 16 */
	struct assay_run_plan p;
	plan_of("offline", s1, &big, &p);
	assert_int_equal(p.kv_tokens, (int)(1.1 * 77290) + 256 * 15);
	assert_int_equal(p.output_tokens, 144831);
	assay_run_plan_release(&p);
	assert_int_equal(offline_plan(nano, &big, &e), 0);
}

static void s1_gives_144831_tokens(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--preset", "s1", NULL };
	kit_run(&r, kit_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\n", "qwen2-1.5b"), "offline", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	uint64_t output = 0, prompt = 0, warm = 0;
	const struct assay_record *q;
	for (size_t i = 0; (q = kit_hot(&r.sink, ASSAY_REC_REQUEST, i)); i++) {
		assert_int_equal(q->u.request.end_state, ASSAY_END_LENGTH);
		if (q->u.request.repeat < 0) {
			warm++;
			continue;
		}
		output += q->u.request.output_tokens;
		prompt += q->u.request.prompt_tokens;
	}
	assert_int_equal(output, 144831);
	assert_int_equal(prompt, 2048);
	assert_int_equal(warm, 1);
	kit_sink_release(&r.sink);
}

static void offline_clips_and_says_so(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--requests", "40", "--input", "100:1000", "--output-tokens", "100:1000", NULL };
	kit_run(&r, kit_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nmax_batch: 8\n", "gpt2"), "offline", args, NULL, NULL);
	const json_t *n = kit_note(&r.sink, "clipped", 0);
	assert_non_null(n);
	assert_true(assay_json_get_int(n, "clipped", 0) > 0 && assay_json_get_int(n, "longest_asked", 0) > 1024);
	assert_true(assay_json_get_int(n, "asked_output_tokens", 0) > assay_json_get_int(n, "output_tokens", 0));
	int64_t output = 0;
	const struct assay_record *q;
	for (size_t i = 0; (q = kit_hot(&r.sink, ASSAY_REC_REQUEST, i)); i++) {
		assert_true(q->u.request.prompt_tokens + q->u.request.max_tokens <= 1024);
		output += q->u.request.repeat == 0 ? q->u.request.output_tokens : 0;
	}
	assert_int_equal(output, assay_json_get_int(n, "output_tokens", 0));
	kit_sink_release(&r.sink);
}

static void memory_confirms_its_limits(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--runs", "6", NULL };
	kit_run(&r, kit_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nkv: {tokens: 900, bytes_per_token: 1000}\nweights_mib: 10\nleak_kib_per_request: 4\n", "gpt2"),
		"memory", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	const json_t *n = kit_note(&r.sink, "memory_limits", 0);
	assert_int_equal(assay_json_get_int(json_object_get(n, "batch"), "pool", 0), 6); /* 900 / 144 */
	assert_int_equal(assay_json_get_int(json_object_get(n, "context"), "pool", 0), 900);
	assert_true(json_is_null(json_object_get(json_object_get(n, "batch"), "memory")));
	assert_string_equal(kit_status(&r.sink, 0), "ok");
	assert_string_equal(kit_status(&r.sink, 1), "ok");    /* 6 at once */
	assert_string_equal(kit_status(&r.sink, 2), "limit"); /* 7 */
	assert_string_equal(kit_status(&r.sink, 3), "ok");    /* 900 tokens */
	assert_string_equal(kit_status(&r.sink, 4), "limit");
	assert_int_equal(assay_json_get_int(json_object_get(kit_cold(&r.sink, ASSAY_REC_POINT, 1), "case"), "batch_size", 0), 6);
	assert_int_equal(assay_json_get_int(json_object_get(kit_cold(&r.sink, ASSAY_REC_POINT, 3), "case"), "prompt_tokens", 0), 884);
	/* memory is read after loading, before and after every run, and at the end; growth is as stated */
	const struct assay_record *m;
	int before = 0, after = 0, loaded = 0, end = 0;
	int64_t first = -1, last = -1;
	for (size_t i = 0; (m = kit_hot(&r.sink, ASSAY_REC_MEMORY, i)); i++) {
		const struct assay_rec_memory *x = &m->u.memory;
		loaded += x->label == ASSAY_MEM_LOADED;
		end += x->label == ASSAY_MEM_END;
		if (x->point != 0)
			continue;
		before += x->label == ASSAY_MEM_BEFORE_RUN;
		after += x->label == ASSAY_MEM_AFTER_RUN;
		if (x->label == ASSAY_MEM_AFTER_RUN) {
			first = first < 0 ? x->rss_bytes : first;
			last = x->rss_bytes;
		}
		assert_int_equal(x->weight_bytes, 10 << 20);
	}
	assert_true(loaded == 1 && end == 1 && before == 7 && after == 7);
	assert_int_equal(last - first, 6 * 4096);
	kit_sink_release(&r.sink);
}

static void longdoc_goes_to_the_limit(void **state)
{
	(void)state;
	struct kit_run r;
	kit_run(&r, kit_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\n", "gpt2"), "longdoc", NULL, NULL, NULL);
	assert_int_equal(r.totals.points_limit, 4);
	assert_int_equal(r.totals.points_ok, 1);
	assert_int_equal(assay_json_get_int(json_object_get(kit_cold(&r.sink, ASSAY_REC_POINT, 4), "case"), "prompt_tokens", 0), 992);
	kit_sink_release(&r.sink);
	kit_run(&r, kit_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\n", "tinyllama-1.1b"), "longdoc", NULL, NULL, NULL);
	assert_int_equal(r.totals.points_ok, 2); /* 1024 and 2016 */
	kit_sink_release(&r.sink);
}

/* Same seed, same records, byte for byte; another seed, other prompts and order. */
static void repeats_bit_for_bit(void **state)
{
	(void)state;
	struct kit_run a, b;
	char *args[] = { "--quick", "--seed", "5", NULL };
	static const char yaml[] = "prefill: {fixed_ms: 1, per_token_us: 10}\ndecode: {fixed_ms: 1, per_sequence_us: 100}\nnoise: {cv: 0.1, run_cv: 0.1, ar1: 0.5, seed: 3}\n"
				   "telemetry:\n  - {at_ms: 0, cpu_steal_pct: 10, rss_mib: 5}\n  - {at_ms: 1000, cpu_steal_pct: 50, other_cpu_pct: 20}\n";
	kit_run(&a, kit_sim(yaml, "gpt2"), "baseline", args, NULL, NULL);
	kit_run(&b, kit_sim(yaml, "gpt2"), "baseline", args, NULL, NULL);
	assert_int_equal(a.sink.n_hot, b.sink.n_hot);
	for (size_t i = 0; i < a.sink.n_hot; i++)
		assert_memory_equal(&a.sink.hot[i].u, &b.sink.hot[i].u, assay_rec_size(a.sink.hot[i].type));
	assert_true(json_equal(a.sink.cold, b.sink.cold));
	/* stated telemetry is played back: cumulative, every 100 ms, 10 % then 50 % */
	const struct assay_rec_sample *s0 = &kit_hot(&a.sink, ASSAY_REC_SAMPLE, 0)->u.sample, *s1 = &kit_hot(&a.sink, ASSAY_REC_SAMPLE, 5)->u.sample;
	const struct assay_rec_sample *s2 = &kit_hot(&a.sink, ASSAY_REC_SAMPLE, 10)->u.sample, *s3 = &kit_hot(&a.sink, ASSAY_REC_SAMPLE, 15)->u.sample;
	assert_int_equal(s1->t_ns - s0->t_ns, 500000000);
	assert_int_equal(s1->cpu_steal_ns - s0->cpu_steal_ns, 50000000);
	assert_int_equal(s3->cpu_steal_ns - s2->cpu_steal_ns, 250000000);
	assert_int_equal(s3->cpu_busy_ns - s2->cpu_busy_ns, 250000000);
	assert_int_equal(s3->proc_cpu_ns - s2->proc_cpu_ns, 150000000);
	assert_int_equal(s0->rss_bytes, 5 << 20);
	assert_int_equal(s0->ctx_voluntary, -1);
	kit_sink_release(&a.sink);
	kit_sink_release(&b.sink);
}

static void registry_has_all(void **state)
{
	(void)state;
	int n;
	const struct assay_experiment *const *x = assay_experiments(&n);
	assert_int_equal(n, 8);
	for (int i = 0; i < n; i++)
		assert_ptr_equal(assay_experiment_find(x[i]->name), x[i]);
	assert_null(assay_experiment_find("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suite_lists), cmocka_unit_test(suite_clips_to_the_context), cmocka_unit_test(suite_full_holds_everything),
		cmocka_unit_test(suite_with_nothing_left), cmocka_unit_test(latency_lists), cmocka_unit_test(seqlen_shapes),
		cmocka_unit_test(presets_are_exact_or_refused), cmocka_unit_test(s1_gives_144831_tokens), cmocka_unit_test(offline_clips_and_says_so),
		cmocka_unit_test(memory_confirms_its_limits), cmocka_unit_test(longdoc_goes_to_the_limit), cmocka_unit_test(repeats_bit_for_bit),
		cmocka_unit_test(registry_has_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
