/* assay generate from outside: the reference's tokens, the JSON form, and one clear line with
 * the right status for what cannot be done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "e2e/e2e.h"
#include "nn/source.h"
#include "unit/golden.h"

static char *join_ids(const int32_t *ids, int n)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 16);
	for (int i = 0; i < n; i++)
		assay_buf_printf(&b, i ? ",%d" : "%d", ids[i]);
	return b.data;
}

static void reference_ids(void **state)
{
	(void)state;
	struct golden g;
	if (golden_read("gpt2", &g))
		skip();
	char *dir = realpath(g.dir, NULL);
	for (int i = 0; i < g.n_prompts; i++) {
		struct e2e r;
		struct assay_err e = ASSAY_ERR_INIT;
		const struct golden_prompt *p = &g.prompt[i];
		char *ids = join_ids(p->ids, p->n), *greedy = join_ids(p->greedy, p->n_greedy), *want = xasprintf("%s\n", greedy);
		e2e_run(&r, "$A generate -m %s --ids %s -n %d -t 1", dir, ids, p->n_greedy);
		assert_int_equal(r.status, 0);
		assert_string_equal(r.out, want);
		assert_string_equal(r.err, "");
		e2e_release(&r);
		e2e_run(&r, "$A generate -m %s --ids %s -n %d -t 1 --json", dir, ids, p->n_greedy);
		assert_int_equal(r.status, 0);
		json_t *v = assay_json_parse(r.out, strlen(r.out), "stdout", ASSAY_E_DATA, &e);
		assert_non_null(v);
		assert_int_equal(json_array_size(json_object_get(v, "prompt_ids")), p->n);
		assert_int_equal(json_array_size(json_object_get(v, "ids")), p->n_greedy);
		assert_true(json_is_null(json_object_get(v, "text")));
		for (int k = 0; k < p->n_greedy; k++)
			assert_int_equal(json_integer_value(json_array_get(json_object_get(v, "ids"), (size_t)k)), p->greedy[k]);
		json_decref(v);
		e2e_release(&r);
		free(want);
		free(greedy);
		free(ids);
	}
	free(dir);
}

static void refusals(void **state)
{
	(void)state;
	static const struct { const char *args; int status; const char *want; } row[] = {
		{ "-m gpt2", 2, "no prompt" },
		{ "-m gpt2 --ids 1 --prompt x", 2, "give one of the two" },
		{ "-m gpt2 --prompt x", 2, "no tokenizer" },
		{ "-m gpt2 --ids 50257", 2, "outside the vocabulary of gpt2 (0 to 50256)" },
		{ "-m gpt2 --ids 1 -n 1024", 2, "need a context of 1025; gpt2 has 1024" },
		{ "-m gpt2 --ids 1 -n 0", 2, "-n" },
		{ "-m gpt2 --ids 1 --chat", 2, "--chat needs --prompt" },
		{ "-m gpt2 --ids 1 -e null", 2, "embedded engine only" },
		{ "-m gpt2 --ids 1 --dtype int8", 2, "not built yet" },
		{ "-m gtp2 --ids 1", 2, "did you mean gpt2" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct e2e r;
		e2e_run(&r, "$A generate %s", row[i].args);
		const char *newline = strchr(r.err, '\n');
		if (r.status != row[i].status || *r.out || !strstr(r.err, row[i].want) || !newline || newline[1])
			fail_msg("%s: status %d, \"%s\"", row[i].args, r.status, r.err);
		e2e_release(&r);
	}
}

static void text(void **state)
{
	(void)state;
	static const struct { const char *args, *want; } row[] = {
		{ "--prompt 'The capital of France is' -n 2", " Paris.\n" },
		{ "--chat --stop -n 60 --prompt 'Name three primary colors.'", "The primary colors are: Red, Blue, and Yellow.<|im_end|>\n" },
	};
	char *model = nn_smollm2_path();
	if (!model)
		skip();
	free(model);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct e2e r;
		e2e_run(&r, "$A generate -m smollm2 %s", row[i].args);
		assert_int_equal(r.status, 0);
		assert_string_equal(r.out, row[i].want);
		e2e_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reference_ids), cmocka_unit_test(refusals), cmocka_unit_test(text) };
	return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
