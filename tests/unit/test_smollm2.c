/* The real model against its reference: logits within 1e-3 and greedy text exact in f32,
 * from prompt text through tokenizer, weights and forward pass. Skipped where it was not fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "golden.h"
#include "nn/nn.h"
#include "nn/source.h"
#include "nn/tokenizer.h"

#define PROMPTS 6
#define LIMIT 1e-3 /* on every logit: README of the reference */

/* n floats of DIR/FILE in *b, which the caller releases. */
static const float *read_floats(const char *dir, const char *file, size_t n, struct assay_buf *b)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/%s", dir, file);
	assay_buf_init(b, 1 << 24);
	assert_int_equal(assay_fs_read(path, b, ASSAY_E_DATA, &e), 0);
	assert_int_equal(b->len_bytes, n * sizeof(float));
	free(path);
	return (const float *)(const void *)b->data;
}

static void check_logits(struct nn_session *s, const char *dir, const json_t *p, const int32_t *ids, size_t n, int vocab)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf b;
	float *got = xalloc((size_t)vocab * sizeof *got);
	const float *want = read_floats(dir, assay_json_get_str(p, "last", ""), (size_t)vocab, &b);
	double worst = 0;
	if (nn_session_logits(s, ids, (int)n, false, got, &e))
		fail_msg("%s", e.msg);
	for (int v = 0; v < vocab; v++)
		worst = fmax(worst, fabs((double)got[v] - (double)want[v]));
	print_message("# %s: largest logit difference %.2g\n", assay_json_get_str(p, "name", ""), worst);
	assert_true(worst <= LIMIT);
	assay_buf_release(&b);
	free(got);
}

static void submit(struct nn_session *s, uint64_t id, const json_t *p, const int32_t *ids, size_t n)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_request r = { .id = id, .prompt = ids, .n_prompt = (int)n, .ignore_eos = true, .top_p = 1,
		                .max_tokens = (int)json_array_size(json_object_get(p, "greedy")) };
	assert_int_equal(nn_submit(s, &r, &e), 0);
}

/* All prompts in one batch: each must go on exactly as it did alone in the reference. */
static void check_greedy(struct nn_session *s, struct nn_tokenizer *t, const json_t *prompts)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf text[PROMPTS];
	size_t k[PROMPTS] = { 0 };
	for (int i = 0; i < PROMPTS; i++)
		assay_buf_init(&text[i], 1 << 16);
	while (nn_session_pending(s)) {
		struct nn_step step;
		const struct nn_event *ev;
		int n;
		assert_true(nn_session_step(s, &step, &ev, &n, &e) >= 0);
		for (int i = 0; i < n; i++) {
			uint64_t id = ev[i].id;
			const json_t *want = json_object_get(json_array_get(prompts, id), "greedy");
			if (ev[i].kind != NN_EV_TOKEN)
				continue;
			assert_int_equal(ev[i].token, json_integer_value(json_array_get(want, k[id]++)));
			assert_int_equal(nn_tokenizer_decode(t, &ev[i].token, 1, &text[id]), 0);
		}
	}
	for (size_t i = 0; i < PROMPTS; i++) {
		const json_t *p = json_array_get(prompts, i);
		assert_int_equal(k[i], json_array_size(json_object_get(p, "greedy")));
		assert_string_equal(text[i].data, assay_json_get_str(p, "greedy_text", ""));
		assay_buf_release(&text[i]);
	}
}

static void reference(void **state)
{
	(void)state;
	char *model = nn_smollm2_path(), *dir = xasprintf("%s-smollm2", golden_root() ? golden_root() : ""), *path = xasprintf("%s/golden.json", dir);
	struct assay_err e = ASSAY_ERR_INIT;
	bool have = model && assay_fs_exists(path);
	json_t *golden = have ? assay_json_load(path, 1 << 24, ASSAY_E_DATA, &e) : NULL, *prompts = json_object_get(golden, "prompts"), *p;
	free(model);
	free(path);
	if (!have) {
		free(dir);
		skip();
	}
	struct nn_options o = { .model = "smollm2", .dtype = NN_F32, .threads = 2, .max_num_seqs = PROMPTS, .max_batched_tokens = 512, .block_size = 16, .kv_tokens_wanted = 1024 };
	struct nn_session *s;
	struct nn_tokenizer *t;
	struct nn_info info;
	char *why;
	size_t i;
	if (nn_session_open(&o, &s, &e) || nn_tokenizer_open("smollm2", &t, &why, &e))
		fail_msg("%s", e.msg);
	nn_session_info(s, &info);
	assert_int_equal(json_array_size(prompts), PROMPTS);
	json_array_foreach(prompts, i, p) {
		const char *text = assay_json_get_str(p, "text", "");
		int32_t *ids = NULL;
		size_t n = 0;
		assert_int_equal(nn_tokenizer_encode(t, text, strlen(text), &ids, &n, &e), 0);
		check_logits(s, dir, p, ids, n, info.shape.vocab);
		free(ids);
	}
	json_array_foreach(prompts, i, p) {
		const char *text = assay_json_get_str(p, "text", "");
		int32_t *ids = NULL;
		size_t n = 0;
		assert_int_equal(nn_tokenizer_encode(t, text, strlen(text), &ids, &n, &e), 0);
		submit(s, i, p, ids, n);
		free(ids);
	}
	check_greedy(s, t, prompts);
	nn_tokenizer_close(t);
	nn_session_close(s);
	json_decref(golden);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reference) };
	return cmocka_run_group_tests_name("smollm2", tests, NULL, NULL);
}
