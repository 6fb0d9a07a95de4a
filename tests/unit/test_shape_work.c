/* What a step touches by the model's shape, held against what the embedded engine counts while it computes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "exp_kit.h"
#include "golden.h"
#include "nn/source.h"

static struct assay_engine *open_cpu(const char *model)
{
	struct assay_engine_config c = { .model = model, .dtype = "f32", .kv_dtype = "f32", .isa = "scalar", .threads = 1, .max_num_seqs = 2, .max_batched_tokens = 2048, .block_size = 16 };
	struct assay_engine *g = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	if (assay_engine_open("cpu", &c, &g, &e))
		fail_msg("%s: %s", model, e.msg);
	return g;
}

/* Two sequences of 20 tokens that get 5 more: a prefill step and four decode steps. Products, attention and KV cache are the same; weights but for what packing adds. */
static void check(const char *model, const char *dir)
{
	char *args[] = { "--batch", "2", "--prompt-tokens", "20", "--output-tokens", "5", "--runs", "1", "--warmup", "0", NULL };
	struct nn_shape shape;
	struct assay_err e = ASSAY_ERR_INIT;
	struct kit_run r;
	const struct assay_record *x;
	size_t n = 0;
	if (nn_shape_of(dir, &shape, &e))
		fail_msg("%s", e.msg);
	kit_run(&r, open_cpu(dir), "throughput", args, NULL, NULL);
	for (; (x = kit_hot(&r.sink, ASSAY_REC_STEP, n)); n++) {
		const struct assay_rec_step *s = &x->u.step;
		struct nn_shape_work w;
		nn_shape_work_begin(&shape, NN_F32, &w);
		for (int i = 0; i < 2; i++)
			nn_shape_work_add(&shape, NN_F32, n ? 19 + n : 0, n ? 1 : 20, &w);
		if (w.flops != (double)s->flops || w.kv_read_bytes != (double)s->kv_read_bytes || w.kv_write_bytes != (double)s->kv_write_bytes)
			fail_msg("%s: step %zu: FLOPs %.0f, counted %.0f; KV read %.0f, %.0f", model, n, w.flops, (double)s->flops, w.kv_read_bytes, (double)s->kv_read_bytes);
		if (fabs(w.weight_bytes / (double)s->weight_bytes - 1) > 0.1)
			fail_msg("%s: weights %.0f, counted %.0f", model, w.weight_bytes, (double)s->weight_bytes);
	}
	assert_int_equal(n, 5);
	kit_sink_release(&r.sink);
}

static void as_counted(void **state)
{
	static const char *const models[] = { "gpt2", "llama", "llama-tied", "qwen2", "qwen3", "opt", "opt-postln" };
	struct golden g;
	int seen = 0;
	(void)state;
	for (size_t i = 0; i < sizeof models / sizeof *models; i++)
		if (!golden_read(models[i], &g)) {
			check(models[i], g.dir);
			seen++;
		}
	if (!seen)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_counted) };
	return cmocka_run_group_tests_name("shape_work", tests, NULL, NULL);
}
