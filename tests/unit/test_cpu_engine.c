/* The embedded engine behind the contract: golden tokens through submit and poll, event order, steps, limits, memory,
 * cancellation, refusals, and a whole session on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "exp_kit.h"
#include "golden.h"

static struct golden golden;

static struct assay_engine_config config(void)
{
	return (struct assay_engine_config){ .model = golden.dir, .dtype = "f32", .kv_dtype = "auto", .isa = "auto", .threads = 1, .max_num_seqs = 4,
					     .max_batched_tokens = 64, .block_size = 8, .kv_tokens_wanted = 512 };
}

static struct assay_engine *open_cpu(void)
{
	struct assay_engine_config c = config();
	struct assay_engine *g = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	if (!golden.dir[0] && golden_read("gpt2", &golden))
		skip();
	c.model = golden.dir;
	if (assay_engine_open("cpu", &c, &g, &e))
		fail_msg("%s", e.msg);
	return g;
}

static void submit(struct assay_engine *g, uint32_t id, const struct golden_prompt *p, int n)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_request r = { .id = id, .ids = p->ids, .prompt_tokens = p->n, .max_tokens = n, .sampling = { .top_p = 1, .ignore_eos = true } };
	if (g->ops->submit(g, &r, &e))
		fail_msg("%s", e.msg);
}

static void golden_tokens_in_order(void **state)
{
	(void)state;
	struct assay_engine *g = open_cpu();
	struct assay_event ev[3];
	struct assay_err e = ASSAY_ERR_INIT;
	int made[8] = { 0 }, scheduled[8] = { 0 }, done = 0, steps = 0;
	int64_t last_ns = 0;
	for (int i = 0; i < golden.n_prompts; i++)
		submit(g, 100 + (uint32_t)i, &golden.prompt[i], golden.prompt[i].n_greedy);
	while (done < golden.n_prompts) {
		int k = g->ops->poll(g, ev, 3, 0, &e);
		assert_true(k > 0);
		for (int i = 0; i < k; i++) {
			const struct assay_event *v = &ev[i];
			uint32_t q = v->id - 100;
			assert_true(v->t_ns >= last_ns || v->kind == ASSAY_EV_SCHEDULED);
			last_ns = v->t_ns > last_ns ? v->t_ns : last_ns;
			switch (v->kind) {
			case ASSAY_EV_STEP:
				steps++;
				assert_true(v->step->t1_ns >= v->step->t0_ns && v->step->seqs >= 1 && v->step->weight_bytes > 0 && v->step->flops > 0);
				break;
			case ASSAY_EV_SCHEDULED:
				scheduled[q]++;
				break;
			case ASSAY_EV_TOKEN:
				assert_int_equal(scheduled[q], 1);
				assert_int_equal(v->token, golden.prompt[q].greedy[made[q]++]);
				assert_int_equal(v->n_tokens, 1);
				break;
			case ASSAY_EV_DONE:
				assert_int_equal(v->end, ASSAY_END_LENGTH);
				assert_int_equal(made[q], golden.prompt[q].n_greedy);
				done++;
				break;
			case ASSAY_EV_PREEMPTED:
				fail();
			}
		}
	}
	assert_true(steps >= golden.prompt[0].n_greedy);
	struct assay_engine_memory m;
	g->ops->memory(g, &m);
	assert_true(m.weight_bytes > 0 && m.kv_pool_bytes > 0 && m.kv_peak_bytes > 0 && m.kv_peak_bytes <= m.kv_pool_bytes && m.kv_used_bytes == 0);
	assert_true(m.rss_bytes == -1 && m.kv_tokens >= 512);
	g->ops->close(g);
}

static void describes_itself(void **state)
{
	(void)state;
	static const char *const model_keys[] = { "name", "source", "family", "parameters", "layers", "hidden", "heads", "kv_heads", "head_dim", "vocab",
						  "max_context", "dtype", "weight_bytes", "kv_bytes_per_token", "synthetic" };
	static const char *const load_keys[] = { "open_ms", "weights_ms", "pack_ms", "kv_ms", "warmup_ms", "total_ms" };
	struct assay_engine *g = open_cpu();
	const struct assay_engine_info *i = g->ops->info(g);
	for (size_t k = 0; k < sizeof model_keys / sizeof *model_keys; k++)
		assert_false(json_is_null(json_object_get(i->model, model_keys[k])) || !json_object_get(i->model, model_keys[k]));
	for (size_t k = 0; k < sizeof load_keys / sizeof *load_keys; k++)
		assert_non_null(json_object_get(i->load, load_keys[k]));
	assert_true(assay_json_get_num(i->load, "total_ms", -1) > 0);
	assert_true(json_is_null(json_object_get(i->load, "warmup_ms")));
	assert_string_equal(assay_json_get_str(i->model, "dtype", ""), "f32");
	assert_int_equal(assay_json_get_bool(i->model, "synthetic", 1), 0);
	assert_int_equal(assay_json_get_int(i->effective, "block_size", 0), 8);
	assert_int_equal(i->vocab, golden.vocab);
	assert_true(i->place == ASSAY_PLACE_THIS_PROCESS && !i->virtual_clock && i->max_num_seqs == 4 && i->kv_tokens >= 512);
	assert_true(i->has_tokenizer || strlen(i->no_tokenizer) > 0);
	const char *text = assay_json_get_str(i->capabilities, "text", "");
	assert_true(i->has_tokenizer ? !strcmp(text, "exact") : !strncmp(text, "none: ", 6) && !strcmp(text + 6, i->no_tokenizer)); /* with its reason */
	g->ops->close(g);
}

static void limits_and_cancel(void **state)
{
	(void)state;
	struct assay_engine *g = open_cpu();
	struct assay_event ev[64];
	struct assay_err e = ASSAY_ERR_INIT;
	int context = g->ops->info(g)->max_context, end = -1;
	struct assay_request big = { .id = 1, .ids = golden.prompt[0].ids, .prompt_tokens = golden.prompt[0].n, .max_tokens = context, .sampling = { .top_p = 1, .ignore_eos = true } };
	assert_int_equal(g->ops->submit(g, &big, &e), ASSAY_E_LIMIT);
	assert_non_null(strstr(e.msg, "needs"));
	submit(g, 2, &golden.prompt[0], 20);
	assert_true(g->ops->poll(g, ev, 64, 0, &e) > 0);
	assert_int_equal(g->ops->cancel(g, 2), 0);
	assert_int_equal(g->ops->cancel(g, 99), -1);
	for (int tries = 0; end < 0 && tries < 5; tries++) {
		int k = g->ops->poll(g, ev, 64, 0, &e);
		for (int i = 0; i < k; i++)
			if (ev[i].kind == ASSAY_EV_DONE)
				end = (int)ev[i].end;
	}
	assert_int_equal(end, ASSAY_END_CANCELLED);
	assert_int_equal(g->ops->poll(g, ev, 64, 1000000, &e), 0); /* idle */
	g->ops->close(g);
}

static void refusals(void **state)
{
	(void)state;
	static const struct { const char *spec, *dtype, *isa, *model, *says; int code; } rows[] = {
		{ "cpu", "int8", "auto", "gpt2", "not built yet", ASSAY_E_USAGE },
		{ "cpu", "f33", "auto", "gpt2", "--dtype f33", ASSAY_E_USAGE },
		{ "cpu", "f32", "sse9", "gpt2", "--isa sse9", ASSAY_E_USAGE },
		{ "cpu", "f32", "auto", "gtp2", "gpt2", ASSAY_E_USAGE },
		{ "cpu:x", "f32", "auto", "gpt2", "takes no argument", ASSAY_E_USAGE },
		{ "sim", "f32", "auto", "gpt2", "sim:FILE", ASSAY_E_USAGE },
		{ "sim:/nonexistent.yaml", "f32", "auto", "gpt2", "/nonexistent.yaml", ASSAY_E_USAGE },
		{ "cpuu", "f32", "auto", "gpt2", "did you mean \"cpu\"", ASSAY_E_USAGE },
		{ "vllm", "f32", "auto", "gpt2", "engines: cpu, sim:FILE, null", ASSAY_E_USAGE },
		{ "null", "f32", "auto", "gtp2", "gpt2", ASSAY_E_USAGE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct assay_engine_config c = config();
		struct assay_engine *g = NULL;
		struct assay_err e = ASSAY_ERR_INIT;
		c.dtype = rows[i].dtype;
		c.isa = rows[i].isa;
		c.model = rows[i].model;
		assert_int_equal(assay_engine_open(rows[i].spec, &c, &g, &e), rows[i].code);
		if (!strstr(e.msg, rows[i].says) || strchr(e.msg, '\n'))
			fail_msg("%s: %s", rows[i].spec, e.msg);
	}
}

static int asked;

static bool after_three(void)
{
	return ++asked > 3;
}

/* A load gives up between two tensors. */
static void cancelled_load(void **state)
{
	(void)state;
	struct assay_engine_config c = config();
	struct assay_engine *g = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	c.cancelled = after_three;
	asked = 0;
	assert_int_equal(assay_engine_open("cpu", &c, &g, &e), ASSAY_E_INTERRUPT);
	assert_null(g);
	assert_int_equal(asked, 4);
}

static void whole_session(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--batch", "1,3,5", "--prompt-tokens", "12", "--output-tokens", "6", "--runs", "2", NULL };
	kit_run(&r, open_cpu(), "throughput", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.totals.points_ok, 2);
	assert_int_equal(r.totals.points_limit, 1); /* 5 > max_num_seqs 4 */
	const struct assay_record *q;
	size_t n = 0;
	for (; (q = kit_hot(&r.sink, ASSAY_REC_REQUEST, n)); n++) {
		const struct assay_rec_request *x = &q->u.request;
		assert_int_equal(x->end_state, ASSAY_END_LENGTH);
		assert_true(x->output_tokens == 6 && x->events == 6 && x->cached_tokens == 0);
		assert_true(x->t_intended <= x->t_sent && x->t_sent <= x->t_scheduled && x->t_scheduled <= x->t_first && x->t_first < x->t_last && x->t_last <= x->t_end);
	}
	assert_int_equal(n, (1 + 3) * 3);
	const struct assay_record *m = kit_hot(&r.sink, ASSAY_REC_MEMORY, 0);
	assert_true(m->u.memory.rss_bytes > 1000000 && m->u.memory.pss_bytes > 0 && m->u.memory.weight_bytes > 0);
	kit_sink_release(&r.sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_tokens_in_order), cmocka_unit_test(describes_itself), cmocka_unit_test(limits_and_cancel),
		cmocka_unit_test(refusals), cmocka_unit_test(cancelled_load), cmocka_unit_test(whole_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
