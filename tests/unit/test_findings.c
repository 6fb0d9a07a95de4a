/* Every rule answers when its data is there, says what it needs when it is not, and decides by its bound. */
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
#include "base/mem.h"
#include "run_fixture.h"

#define HEADER(more) "{\"clock_resolution_ns\": 1, \"assay\": {\"build\": \"release\"}, \"config\": {\"model\": \"gpt2\", \"engine\": \"cpu\"}, \"engine\": {\"name\": \"cpu\"," \
	" \"effective\": {\"threads\": 2, \"isa\": \"avx2\", \"block_size\": 16}, \"load\": {\"total_ms\": 2000}}," \
	" \"model\": {\"name\": \"gpt2\", \"dtype\": \"f32\", \"synthetic\": true, \"weight_bytes\": 104857600, \"kv_bytes_per_token\": 1024}" more "}"

static int64_t now;

/* A point of `runs` runs: prefill fixed + each x prompt, steps (a + c x batch) ms; MB moved and MFLOP computed a step. */
struct law { double prefill_ms, token_ms, a, c; uint64_t mb, mflop; };
static const struct law plain = { 10, 1, 10, 1, 90, 100 };

static void point(struct fx *f, const char *experiment, int batch, int prompt, int output, int runs, const struct law *l)
{
	char *info = xasprintf("{\"index\": %zu, \"experiment\": \"%s\", \"case\": {\"batch_size\": %d, \"prompt_tokens\": %d, \"output_tokens\": %d}, \"runs\": %d, \"requests_per_run\": %d}",
			       f->run.n_points, experiment, batch, prompt, output, runs, batch);
	fx_point(f, info, "{\"status\": \"ok\"}");
	free(info);
	for (int r = 0; r < runs; r++) {
		double first = l->prefill_ms + l->token_ms * prompt * batch, step = l->a + l->c * batch;
		int64_t p = (int64_t)(first * 1e6), s = (int64_t)(step * 1e6);
		fx_visit(f, r, now, now + p + s * (output - 1));
		for (int b = 0; b < batch; b++)
			fx_request(f, (uint32_t)prompt, (uint32_t)output, now, now + p, s);
		struct assay_rec_step *pre = fx_step(f, ASSAY_STEP_PREFILL, (uint32_t)batch, (uint32_t)(prompt * batch), now, now + p);
		pre->weight_bytes = 1000000;
		pre->flops = (uint64_t)(0.9 * first * 1e8); /* 90 % of 100 GFLOP/s */
		for (int i = 0; i + 1 < output; i++) {
			struct assay_rec_step *d = fx_step(f, ASSAY_STEP_DECODE, (uint32_t)batch, (uint32_t)batch, now + p + i * s, now + p + (i + 1) * s);
			d->weight_bytes = l->mb * 1000000;
			d->flops = l->mflop * 1000000 * (uint64_t)batch;
			d->kv_blocks_used = 4;
		}
		now += p + s * (output - 1) + 10 * MS;
	}
}

static void open_run(struct fx *f, const char *header)
{
	now = 0;
	fx_init(f, header);
	f->run.footer = json_pack("{s:b, s:i, s:i}", "interrupted", 0, "records_lost", 0, "journal_lag_ms", 1);
}

/* A baseline in small: everything that the rules read. */
static void whole(struct fx *f, const struct law *l)
{
	open_run(f, HEADER(""));
	fx_ceiling(f, 0, 10, 100, 200);
	point(f, "latency", 1, 100, 20, 6, l);
	for (int b = 1; b <= 64; b *= 4)
		point(f, "throughput", b, 50, 20, 5, l);
	for (int n = 10; n <= 640; n *= 2)
		point(f, "seqlen", 1, n, 10, 5, l);
	for (int n = 20; n <= 40; n += 10)
		point(f, "seqlen", 1, 10, n, 5, l);
}

static struct assay_findings found;

static const struct assay_finding *judge(struct fx *f, const char *id)
{
	struct assay_run_metrics m;
	assay_findings_release(&found);
	for (size_t i = 0; i < f->run.n_visits; i++)
		f->run.visits[i].n_steps = f->run.visits[i].n_samples = 0;
	fx_done(f);
	assay_run_metrics_compute(&f->run, &m);
	assay_findings_build(&f->run, &m, &found);
	assay_run_metrics_release(&m);
	for (size_t i = 0; i < found.n; i++)
		if (!strcmp(found.list[i].id, id))
			return &found.list[i];
	fail_msg("no finding %s", id);
	return NULL;
}

static void says(const struct assay_finding *f, const char *part)
{
	if (f->state != ASSAY_FINDING_ANSWERED || !strstr(f->answer, part))
		fail_msg("%s: state %s, answer \"%s\", needs \"%s\"; should say \"%s\"", f->id, assay_finding_state_name(f->state), f->answer, f->needs, part);
}

static void needs(const struct assay_finding *f, const char *part)
{
	if (f->state != ASSAY_FINDING_NEEDS || !strstr(f->needs, part) || f->answer[0])
		fail_msg("%s: state %s, answer \"%s\", needs \"%s\"; should need \"%s\"", f->id, assay_finding_state_name(f->state), f->answer, f->needs, part);
}

static void known_answers(void **state)
{
	static const struct { const char *id, *part; } rows[] = {
		{ "phase_split", "Decode takes 66 % of the engine's time (one request, 100 in, 20 out); prefill takes 70 % of the engine's time (batch 64, 50 in, 20 out)." },
		{ "bound", "Decode of one sequence is memory-bound (82 % of bandwidth, 9 % of arithmetic); prefill of 640 tokens is compute-bound (0 % of bandwidth, 90 % of arithmetic); decode at batch 64 is compute-bound (12 % of bandwidth, 86 % of arithmetic)" },
		{ "bandwidth", "Yes: decode of one sequence moves 0.09 GB a token, 8.2 GB/s, which is 82 % of the 10.0 GB/s" },
		{ "headroom", "at most 1.2 times as fast (111.1 instead of 90.9 tok/s), and prefill of 640 tokens at most 1.1 times" },
		{ "batch_knee", "From about batch 4.8" }, { "batch_knee", "a decode step takes 10 ms and 1 ms more for each sequence" }, { "batch_knee", "cannot pass 1000.0 tok/s; 95 % of that was not reached (86 % at best)" },
		{ "batch_utilisation", "Yes: from batch 1 to 64 decode computes 86.5 instead of 9.1 GFLOP/s" },
		{ "prompt_scaling", "About: from 320 to 640 prompt tokens TTFT takes 1.97 (95 %: 1.97 to 1.97) times as long; 10 ms are fixed and each prompt token adds 1 ms." },
		{ "output_scaling", "Each output token adds 11.00 (95 %: 11.00 to 11.00) ms to a request of 10 prompt tokens, as much as 11 prompt tokens" },
		{ "context_decode", "No growth" }, { "scaling", "latency with output length to the power 0.9" },
		{ "weights_kv", "Weights take 100.0 MiB, the KV cache 1024 bytes a token" }, { "weights_kv", "equal at 102400 tokens" },
		{ "load_overhead", "Loading takes 2.00 s once, as long as 6.3 requests (one request, 100 in, 20 out, 0.32 s each); after 621 such requests" },
		{ "consistency", "Yes: end-to-end latency of 6 runs" }, { "drift", "None that can be told from noise" }, { "idle_gaps", "No: " },
		{ "device", "On the CPU, as asked: 2 threads, avx2 kernels; this machine has no GPU." }, { "model_access", "synthetic" },
		{ "opportunity", "Decode (one request, 100 in, 20 out) offers the most: it takes 66 % of the engine's time and is memory-bound; at the machine's measured ceiling 12 % of the whole time would be saved." },
		{ "variance_causes", "none of" }, { "batch_throughput", "Output throughput goes from" },
	};
	struct fx f;
	(void)state;
	whole(&f, &plain);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		says(judge(&f, rows[i].id), rows[i].part);
	fx_release(&f);
}

static void every_finding_is_whole(void **state)
{
	(void)state;
	struct fx f;
	whole(&f, &plain);
	judge(&f, "leak");
	assert_true(found.n >= 25);
	for (size_t i = 0; i < found.n; i++) {
		const struct assay_finding *x = &found.list[i];
		assert_true(strlen(x->question) > 10 && x->question[strlen(x->question) - 1] == '?');
		assert_true(strlen(x->answer) < sizeof x->answer - 1 && strlen(x->needs) < sizeof x->needs - 1 && strlen(x->next_step) < sizeof x->next_step - 1);
		assert_true(x->state == ASSAY_FINDING_NEEDS ? *x->needs && !*x->answer : *x->answer != 0);
		assert_false(strstr(x->answer, "nan") || strstr(x->answer, "inf "));
		if (x->state == ASSAY_FINDING_ANSWERED)
			assert_true(x->n_evidence > 0);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(x->id, found.list[k].id);
	}
	fx_release(&f);
}

/* Nothing measured: no rule answers from nothing, none crashes. */
static void nothing_measured(void **state)
{
	(void)state;
	struct fx f;
	open_run(&f, "{\"virtual_clock\": true, \"engine\": {\"name\": \"sim\"}}");
	judge(&f, "leak");
	for (size_t i = 0; i < found.n; i++)
		assert_int_not_equal(found.list[i].state, ASSAY_FINDING_ANSWERED);
	fx_point(&f, "{\"index\": 0, \"experiment\": \"throughput\", \"case\": {\"batch_size\": 32, \"prompt_tokens\": 8, \"output_tokens\": 4}}", "{\"status\": \"limit\", \"reason\": \"needs 9, has 1\"}");
	fx_point(&f, "{\"index\": 1, \"experiment\": \"seqlen\", \"case\": {\"batch_size\": 1, \"prompt_tokens\": 8, \"output_tokens\": 4}}", "{\"status\": \"dropped\"}");
	fx_point(&f, "{}", NULL);
	judge(&f, "leak");
	for (size_t i = 0; i < found.n; i++)
		if (strcmp(found.list[i].id, "fits")) /* a limit is known without a measurement */
			assert_int_not_equal(found.list[i].state, ASSAY_FINDING_ANSWERED);
	says(judge(&f, "fits"), "No: 1 of 1 cases did not fit, the first of them batch 32, 8 in, 4 out (needs 9, has 1).");
	fx_release(&f);
}

static void needs_name_the_command(void **state)
{
	static const struct { const char *id, *part; } rows[] = {
		{ "layers", "per-layer timing, which this version does not measure" }, { "operators", "per-layer timing, which this version does not measure" }, { "synchronisation", "per-layer timing, which this version does not measure" },
		{ "batch_throughput", "assay throughput --batch 1,4,16 -m gpt2" }, { "batch_knee", "assay throughput --batch 1,4,16 -m gpt2" },
		{ "prompt_scaling", "assay seqlen --axes -m gpt2" }, { "output_scaling", "assay seqlen --axes -m gpt2" }, { "leak", "assay memory --runs 100 -m gpt2" },
		{ "memory_limits", "assay memory -m gpt2" }, { "consistency", "assay latency --runs 10 -m gpt2" }, { "drift", "assay latency --runs 10 -m gpt2" },
		{ "acceptable", "assay baseline --targets s3-cpu -m gpt2" }, { "best_configuration", "assay sweep --vary batch=1,4,16 --vary dtype=f32,bf16 -m gpt2" }, { "between_results", "assay history FOLDER" },
		{ "trend", "assay history FOLDER" }, { "bound", "assay baseline -m gpt2" },
	};
	struct fx f;
	(void)state;
	open_run(&f, HEADER(""));
	point(&f, "latency", 1, 100, 20, 2, &plain);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		needs(judge(&f, rows[i].id), rows[i].part);
	assert_int_equal(judge(&f, "gpu_used")->state, ASSAY_FINDING_NOT_APPLICABLE);
	assert_int_equal(judge(&f, "flash_attention")->state, ASSAY_FINDING_NOT_APPLICABLE);
	fx_release(&f);
}

static void bounds_decide(void **state)
{
	(void)state;
	static const struct { struct law law; const char *id, *part; } rows[] = {
		{ { 10, 1, 10, 1, 60, 1 }, "bandwidth", "Mostly" }, { { 10, 1, 10, 1, 30, 1 }, "bandwidth", "No:" }, { { 10, 1, 10, 1, 30, 1 }, "bound", "one sequence is overhead-bound" },
		{ { 10, 1, 10, 1, 1, 900 }, "bound", "one sequence is compute-bound" }, { { 10, 1, 10, 0, 60, 1 }, "batch_knee", "Not within batch 64: a decode step takes 10 ms whatever the batch" },
		{ { 10, 1, 100, 0.1, 60, 1 }, "batch_knee", "Not up to batch 64, the largest that ran at once" }, { { 10, 1, 0.01, 1, 1, 1 }, "batch_knee", "reached at batch 1." },
		{ { 0, 1, 10, 1, 60, 1 }, "prompt_scaling", "About: from 320 to 640 prompt tokens TTFT takes 2.00" }, { { 600, 1, 10, 1, 60, 1 }, "prompt_scaling", "No, less" },
		{ { 2000, 1, 10, 1, 60, 1 }, "phase_split", "Prefill takes" }, { { 2000, 1, 10, 1, 60, 1 }, "opportunity", "Prefill (one request, 100 in, 20 out) offers the most" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fx f;
		whole(&f, &rows[i].law);
		says(judge(&f, rows[i].id), rows[i].part);
		fx_release(&f);
	}
}

static void confidence(void **state)
{
	(void)state;
	struct fx f;
	whole(&f, &plain);
	assert_int_equal(judge(&f, "prompt_scaling")->confidence, ASSAY_HIGH);
	assert_int_equal(judge(&f, "batch_knee")->confidence, ASSAY_HIGH);
	assert_int_equal(judge(&f, "bound")->confidence, ASSAY_LOW); /* modelled */
	assert_true(judge(&f, "bound")->modelled && !judge(&f, "prompt_scaling")->modelled);
	for (size_t i = 6; i < f.run.n_points; i++) /* four runs a point: CAUTION too_few_samples */
		f.run.points[i].n_visits = 4;
	assert_int_equal(judge(&f, "prompt_scaling")->confidence, ASSAY_MEDIUM);
	f.run.requests[f.run.visits[f.run.points[8].first_visit].first_request].r.reported_tokens = 3; /* INVALID */
	assert_int_equal(judge(&f, "prompt_scaling")->confidence, ASSAY_LOW);
	assert_int_equal(judge(&f, "batch_knee")->confidence, ASSAY_HIGH); /* other points */
	json_object_set_new(f.run.footer, "records_lost", json_integer(1));
	assert_int_equal(judge(&f, "batch_knee")->confidence, ASSAY_LOW); /* that spoils all */
	assert_int_equal(judge(&f, "device")->confidence, ASSAY_HIGH);    /* but no setting */
	fx_release(&f);
	/* Two batches, one run each: an estimate without an interval. */
	open_run(&f, HEADER(""));
	point(&f, "throughput", 1, 50, 20, 1, &plain);
	point(&f, "throughput", 16, 50, 20, 1, &plain);
	assert_int_equal(judge(&f, "batch_knee")->confidence, ASSAY_MEDIUM);
	fx_release(&f);
}

static void evidence(void **state)
{
	(void)state;
	struct fx f;
	whole(&f, &plain);
	const struct assay_finding *x = judge(&f, "batch_throughput");
	assert_int_equal(x->n_evidence, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(x->evidence[i], 1 + i);
	json_object_set_new(f.run.points[0].info, "index", json_integer(77)); /* the index of the result, not the place in memory */
	assert_int_equal(judge(&f, "load_overhead")->evidence[0], 77);
	fx_release(&f);
}

/* E2E latency of the runs of point 0 stretched by `by` in every second run. */
static void unsteady(struct fx *f, double by)
{
	for (int r = 0; r < 6; r += 2) {
		struct assay_rec_request *q = &f->run.requests[f->run.visits[r].first_request].r;
		int64_t more = (int64_t)((double)(q->t_last - q->t_sent) * by);
		q->t_last += more;
		q->t_end += more;
	}
}

static void consistency(void **state)
{
	(void)state;
	struct fx f;
	whole(&f, &plain);
	unsteady(&f, 0.04);
	says(judge(&f, "consistency"), "Yes: end-to-end latency of 6 runs");
	assert_int_equal(judge(&f, "consistency")->confidence, ASSAY_MEDIUM); /* 2.1 %, but up to 5.3 */
	fx_release(&f);
	whole(&f, &plain);
	unsteady(&f, 0.4);
	says(judge(&f, "consistency"), "No: end-to-end latency of 6 runs");
	assert_int_equal(judge(&f, "consistency")->confidence, ASSAY_HIGH);
	fx_release(&f);
}

static void disturbed(void **state)
{
	(void)state;
	for (int loud = 0; loud < 2; loud++) {
		struct fx f;
		whole(&f, &plain);
		for (int i = 0; i < 100; i++) {
			struct assay_rec_sample *s = fx_sample(&f, i * now / 100);
			s->cpu_busy_ns = i * 20 * MS;
			s->cpu_idle_ns = i * 10 * MS;
			s->cpu_steal_ns = 0;
			s->cpu_iowait_ns = 0;
			s->proc_cpu_ns = i * (loud ? 10 : 20) * MS;
		}
		says(judge(&f, "disturbed"), loud ? "Yes: other programs used 33.3 % of the CPU time" : "No: other programs used 0.0 %");
		assert_true(judge(&f, "disturbed")->weight == (loud ? 10 : 4)); /* comes first when it matters */
		fx_release(&f);
	}
}

static void targets(void **state)
{
	(void)state;
	for (int met = 0; met < 2; met++) {
		struct fx f;
		whole(&f, &plain);
		json_object_set_new(f.run.header, "targets", json_pack("[{s:s, s:s, s:{s:s}, s:i}]", "metric", "ttft_ms", "stat", "mean", "case", "experiment", "latency", "max", met ? 200 : 20));
		says(judge(&f, "acceptable"), met ? "Yes: 1 of 1 targets are met." : "No: 0 of 1 targets are met; missed: ttft_ms mean at 110.");
		fx_release(&f);
	}
}

static void leaks(void **state)
{
	(void)state;
	static const struct { double kib; const char *part; } rows[] = { { 0, "No: " }, { 20, "Yes: " } }; /* KiB a run; allowed: 1 MiB in 1,000 */
	for (size_t k = 0; k < 2; k++) {
		struct fx f;
		open_run(&f, HEADER(""));
		point(&f, "memory", 1, 10, 4, 60, &plain);
		for (int r = 0; r < 60; r++) {
			struct assay_rec_memory *m = fx_memory(&f, ASSAY_MEM_AFTER_RUN, r);
			m->t_ns = f.run.visits[r].v.t1_ns;
			m->rss_bytes = (INT64_C(200) << 20) + (int64_t)(rows[k].kib * 1024 * r);
			m->hwm_bytes = m->rss_bytes;
		}
		says(judge(&f, "leak"), rows[k].part);
		assert_int_equal(judge(&f, "leak")->confidence, k ? ASSAY_MEDIUM : ASSAY_HIGH); /* a leak makes its point CAUTION */
		fx_release(&f);
	}
}

static void limits(void **state)
{
	(void)state;
	struct fx f;
	whole(&f, &plain);
	json_array_append_new(f.run.notes, json_pack("{s:s, s:i, s:i, s:{s:i, s:i}, s:{s:i}}", "code", "memory_limits", "prompt_tokens", 128, "output_tokens", 16, "batch", "pool", 7, "memory", 40,
						     "context", "pool", 1024));
	const struct assay_finding *x = judge(&f, "memory_limits");
	says(x, "7 sequences of 128 + 16 tokens fit the KV pool of this run, or one of 1024 tokens; the memory that is safely free would hold 40 sequences (computed, not run).");
	assert_true(x->modelled && x->confidence == ASSAY_LOW);
	point(&f, "memory", 7, 16, 4, 1, &plain);
	json_object_set_new(json_object_get(f.run.points[f.run.n_points - 1].info, "case"), "limit", json_string("batch"));
	x = judge(&f, "memory_limits");
	says(x, "(confirmed by running them)");
	assert_true(!x->modelled && x->confidence == ASSAY_HIGH && x->n_evidence == 1);
	fx_release(&f);
}

/* The gpu rule with a GPU; the device rule where it was left unused. */
static void gpus(void **state)
{
	(void)state;
	struct fx f;
	open_run(&f, HEADER(", \"machine\": {\"gpus\": [{\"name\": \"G\"}]}"));
	point(&f, "latency", 1, 100, 20, 5, &plain);
	needs(judge(&f, "gpu_used"), "NVML");
	says(judge(&f, "device"), "the GPU of this machine was not used");
	for (int i = 0; i < 40; i++)
		fx_sample(&f, i * now / 40)->gpu_util_pct = 20;
	says(judge(&f, "gpu_used"), "No: a kernel ran during 20 to 20 %");
	for (size_t i = 0; i < f.run.n_samples; i++)
		f.run.samples[i].gpu_util_pct = 85;
	says(judge(&f, "gpu_used"), "Yes, at the busiest point: a kernel ran during 85 to 85 %");
	fx_release(&f);
}

static void idle(void **state)
{
	(void)state;
	struct fx f;
	whole(&f, &plain);
	for (size_t i = 0; i < f.run.n_steps; i++)
		if (f.run.steps[i].kind == ASSAY_STEP_DECODE)
			f.run.steps[i].t0_ns += 2 * MS;
	says(judge(&f, "idle_gaps"), "Yes: inside runs the engine stood still between steps for");
	fx_release(&f);
}

static int clean(void **state)
{
	(void)state;
	assay_findings_release(&found);
	return 0;
}

#define T(f) cmocka_unit_test_teardown(f, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(known_answers), T(every_finding_is_whole), T(nothing_measured), T(needs_name_the_command), T(bounds_decide), T(confidence), T(evidence), T(consistency),
		T(disturbed), T(targets), T(leaks), T(limits), T(gpus), T(idle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
