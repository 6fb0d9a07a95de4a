/* assay generate from outside: the reference's tokens, the JSON form, and one clear line with
 * the right status for what cannot be done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/json.h"
#include "nn/source.h"
#include "unit/golden.h"

/* Runs `assay generate ARGS`; stdout and stderr together in *out, which the caller releases. Returns the status. */
static int run(const char *args, struct assay_buf *out)
{
	const char *b = getenv("B");
	char *line = xasprintf("%s/assay generate %s 2>&1", b ? b : "build", args), chunk[4096];
	FILE *p = popen(line, "re");
	size_t n;
	assert_non_null(p);
	assay_buf_init(out, 1 << 20);
	assay_buf_puts(out, "");
	while ((n = fread(chunk, 1, sizeof chunk, p)) > 0)
		assay_buf_append(out, chunk, n);
	int status = pclose(p);
	free(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

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
	for (int i = 0; i < g.n_prompts; i++) {
		struct assay_buf out;
		char *ids = join_ids(g.prompt[i].ids, g.prompt[i].n), *greedy = join_ids(g.prompt[i].greedy, g.prompt[i].n_greedy);
		char *args = xasprintf("-m %s --ids %s -n %d -t 1", g.dir, ids, g.prompt[i].n_greedy), *want = xasprintf("%s\n", greedy);
		assert_int_equal(run(args, &out), 0);
		assert_string_equal(out.data, want);
		assay_buf_release(&out);
		free(args);
		args = xasprintf("-m %s --ids %s -n %d -t 1 --json", g.dir, ids, g.prompt[i].n_greedy);
		assert_int_equal(run(args, &out), 0);
		struct assay_err e = ASSAY_ERR_INIT;
		json_t *v = assay_json_parse(out.data, out.len_bytes, "stdout", ASSAY_E_DATA, &e);
		assert_non_null(v);
		assert_int_equal(json_array_size(json_object_get(v, "prompt_ids")), g.prompt[i].n);
		assert_int_equal(json_array_size(json_object_get(v, "ids")), g.prompt[i].n_greedy);
		assert_true(json_is_null(json_object_get(v, "text")));
		for (int k = 0; k < g.prompt[i].n_greedy; k++)
			assert_int_equal(json_integer_value(json_array_get(json_object_get(v, "ids"), (size_t)k)), g.prompt[i].greedy[k]);
		json_decref(v);
		assay_buf_release(&out);
		free(args);
		free(want);
		free(greedy);
		free(ids);
	}
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
		struct assay_buf out;
		int status = run(row[i].args, &out);
		const char *newline = strchr(out.data, '\n');
		if (status != row[i].status || !strstr(out.data, row[i].want) || !newline || newline[1])
			fail_msg("%s: status %d, \"%s\"", row[i].args, status, out.data);
		assay_buf_release(&out);
	}
}

static void text(void **state)
{
	(void)state;
	char *model = nn_smollm2_path();
	struct assay_buf out;
	if (!model)
		skip();
	free(model);
	assert_int_equal(run("-m smollm2 --prompt 'The capital of France is' -n 2", &out), 0);
	assert_string_equal(out.data, " Paris.\n");
	assay_buf_release(&out);
	assert_int_equal(run("-m smollm2 --chat --stop -n 60 --prompt 'Name three primary colors.'", &out), 0);
	assert_string_equal(out.data, "The primary colors are: Red, Blue, and Yellow.<|im_end|>\n");
	assay_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reference_ids), cmocka_unit_test(refusals), cmocka_unit_test(text) };
	return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
