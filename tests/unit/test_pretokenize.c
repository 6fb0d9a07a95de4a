/* Where each pattern cuts. The expected words were printed once by Hugging Face
 * tokenizers 0.23 (Split isolated, Digits) for the same patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/pretokenize.h"

enum set { GPT2, SMOLLM, QWEN2, LLAMA3 };

static void init_set(struct nn_pretok *p, enum set set)
{
	nn_pretok_init(p);
	if (set == SMOLLM)
		assert_null(nn_pretok_add(p, nn_pattern_digit));
	assert_null(nn_pretok_add(p, set == QWEN2 ? nn_pattern_qwen2 : set == LLAMA3 ? nn_pattern_llama3 : nn_pattern_gpt2));
}

static int join(void *ctx, const char *word, size_t n, struct assay_err *e)
{
	struct assay_buf *b = ctx;
	(void)e;
	if (b->len_bytes)
		assay_buf_puts(b, "|");
	return assay_buf_append(b, word, n);
}

static void known_splits(void **state)
{
	(void)state;
	static const struct { enum set set; const char *text, *want; } row[] = {
		{ GPT2, "I'm sure they'll say it's DON'T", "I|'m| sure| they|'ll| say| it|'s| DON|'|T" },
		{ SMOLLM, "I'm sure they'll say it's DON'T", "I|'m| sure| they|'ll| say| it|'s| DON|'|T" },
		{ QWEN2, "I'm sure they'll say it's DON'T", "I|'m| sure| they|'ll| say| it|'s| DON|'T" },
		{ LLAMA3, "I'm sure they'll say it's DON'T", "I|'m| sure| they|'ll| say| it|'s| DON|'T" },
		{ GPT2, "x=1234567 y", "x|=|1234567| y" },
		{ SMOLLM, "x=1234567 y", "x|=|1|2|3|4|5|6|7| y" },
		{ QWEN2, "x=1234567 y", "x|=|1|2|3|4|5|6|7| y" },
		{ LLAMA3, "x=1234567 y", "x|=|123|456|7| y" },
		{ GPT2, "a   b\t\tc  ", "a|  | b|\t|\t|c|  " },
		{ SMOLLM, "a   b\t\tc  ", "a|  | b|\t|\t|c|  " },
		{ QWEN2, "a   b\t\tc  ", "a|  | b|\t|\tc|  " },
		{ LLAMA3, "a   b\t\tc  ", "a|  | b|\t|\tc|  " },
		{ GPT2, "end\n\n\n  next\r\n", "end|\n\n\n | next|\r\n" },
		{ SMOLLM, "end\n\n\n  next\r\n", "end|\n\n\n | next|\r\n" },
		{ QWEN2, "end\n\n\n  next\r\n", "end|\n\n\n| | next|\r\n" },
		{ LLAMA3, "end\n\n\n  next\r\n", "end|\n\n\n| | next|\r\n" },
		{ GPT2, "(hi)!! you?...\n\nok", "(|hi|)!!| you|?...|\n|\n|ok" },
		{ SMOLLM, "(hi)!! you?...\n\nok", "(|hi|)!!| you|?...|\n|\n|ok" },
		{ QWEN2, "(hi)!! you?...\n\nok", "(hi|)!!| you|?...\n\n|ok" },
		{ LLAMA3, "(hi)!! you?...\n\nok", "(hi|)!!| you|?...\n\n|ok" },
		{ GPT2, "naïve Grüße 東京は ½Ⅷ٣٤", "naïve| Grüße| 東京は| ½Ⅷ٣٤" },
		{ SMOLLM, "naïve Grüße 東京は ½Ⅷ٣٤", "naïve| Grüße| 東京は| |½|Ⅷ|٣|٤" },
		{ QWEN2, "naïve Grüße 東京は ½Ⅷ٣٤", "naïve| Grüße| 東京は| |½|Ⅷ|٣|٤" },
		{ LLAMA3, "naïve Grüße 東京は ½Ⅷ٣٤", "naïve| Grüße| 東京は| |½Ⅷ٣|٤" },
		{ GPT2, "  lead", " | lead" },
		{ SMOLLM, "  lead", " | lead" },
		{ QWEN2, "  lead", " | lead" },
		{ LLAMA3, "  lead", " | lead" },
		{ GPT2, "foo_bar.baz(x)", "foo|_|bar|.|baz|(|x|)" },
		{ SMOLLM, "foo_bar.baz(x)", "foo|_|bar|.|baz|(|x|)" },
		{ QWEN2, "foo_bar.baz(x)", "foo|_bar|.baz|(x|)" },
		{ LLAMA3, "foo_bar.baz(x)", "foo|_bar|.baz|(x|)" },
		{ GPT2, "\302\240a\343\200\200\341\240\216b\302\205c", "\302\240|a|\343\200\200|\341\240\216|b|\302\205|c" },
		{ SMOLLM, "\302\240a\343\200\200\341\240\216b\302\205c", "\302\240|a|\343\200\200|\341\240\216|b|\302\205|c" },
		{ QWEN2, "\302\240a\343\200\200\341\240\216b\302\205c", "\302\240a|\343\200\200|\341\240\216b|\302\205c" },
		{ LLAMA3, "\302\240a\343\200\200\341\240\216b\302\205c", "\302\240a|\343\200\200|\341\240\216b|\302\205c" },
		{ GPT2, "😀👍 ok", "😀👍| ok" },
		{ SMOLLM, "😀👍 ok", "😀👍| ok" },
		{ QWEN2, "😀👍 ok", "😀👍| ok" },
		{ LLAMA3, "😀👍 ok", "😀👍| ok" },
	};
	struct assay_err e = ASSAY_ERR_INIT;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_pretok p;
		struct assay_buf b;
		init_set(&p, row[i].set);
		assay_buf_init(&b, 4096);
		assert_int_equal(nn_pretok_run(&p, row[i].text, strlen(row[i].text), join, &b, &e), 0);
		if (strcmp(b.data, row[i].want))
			fail_msg("row %zu: \"%s\" instead of \"%s\"", i, b.data, row[i].want);
		assay_buf_release(&b);
		nn_pretok_release(&p);
	}
}

static void invalid_utf8(void **state)
{
	(void)state;
	static const struct { const char *text, *want; } row[] = {
		{ "ab\xff\xfe c", "ab|\xff\xfe| c" },
		{ "\xc3", "\xc3" },                        /* cut off */
		{ "a\xed\xa0\x80z", "a|\xed\xa0\x80|z" },  /* a surrogate */
		{ "\xc0\xaf!", "\xc0\xaf|!" },             /* overlong */
		{ "\xf4\x90\x80\x80x", "\xf4\x90\x80\x80|x" }, /* above U+10FFFF */
		{ "\xe4\xba x", "\xe4\xba| x" },
	};
	struct assay_err e = ASSAY_ERR_INIT;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_pretok p;
		struct assay_buf b;
		init_set(&p, LLAMA3);
		assay_buf_init(&b, 4096);
		assert_int_equal(nn_pretok_run(&p, row[i].text, strlen(row[i].text), join, &b, &e), 0);
		assert_string_equal(b.data, row[i].want);
		assay_buf_release(&b);
		nn_pretok_release(&p);
	}
}

static void refused_patterns(void **state)
{
	(void)state;
	static const struct { const char *pattern, *why; } row[] = {
		{ "(a", "not a regular expression" }, { "", "empty" },           { "[a[b]]", "class inside a class" },
		{ "[a&&b]", "class inside a class" }, { "\\hx", "escape" },       { "(*UCP)a", "VERB" },
		{ "a\\Kb", "escape" },               { "[\\S]", "inside a class" }, { "a\\Cb", "not a regular expression" },
	};
	struct nn_pretok p;
	nn_pretok_init(&p);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const char *why = nn_pretok_add(&p, row[i].pattern);
		if (!why || !strstr(why, row[i].why))
			fail_msg("%s: \"%s\"", row[i].pattern, why ? why : "accepted");
	}
	assert_int_equal(p.n_steps, 0);
	assert_null(nn_pretok_add(&p, "[]\\s]+"));
	while (p.n_steps < NN_PRETOK_STEPS)
		assert_null(nn_pretok_add(&p, "x*"));
	assert_non_null(strstr(nn_pretok_add(&p, "x"), "too many"));
	nn_pretok_release(&p);
}

/* Patterns with empty matches, and one that explodes: no endless loop, nothing lost. */
static void odd_patterns(void **state)
{
	(void)state;
	struct nn_pretok p;
	struct assay_buf b;
	struct assay_err e = ASSAY_ERR_INIT;
	nn_pretok_init(&p);
	assert_null(nn_pretok_add(&p, "b*"));
	assay_buf_init(&b, 4096);
	assert_int_equal(nn_pretok_run(&p, "aabb\xc3\xa9""abc", 9, join, &b, &e), 0);
	assert_string_equal(b.data, "aa|bb|\xc3\xa9""a|b|c");
	nn_pretok_release(&p);
	nn_pretok_init(&p);
	assert_null(nn_pretok_add(&p, "(?:x+x+)+[yz]"));
	char many[64];
	memset(many, 'x', sizeof many);
	assert_int_equal(nn_pretok_run(&p, many, sizeof many, join, &b, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "gave up"));
	nn_pretok_release(&p);
	assay_buf_release(&b);
}

/* Runs far longer than any stack: one word each. */
static void long_runs(void **state)
{
	(void)state;
	enum { N = 1 << 20 };
	static const char kind[] = { 'a', ' ', '1', '.', '\n' };
	struct assay_err e = ASSAY_ERR_INIT;
	char *text = xalloc(N);
	for (size_t i = 0; i < sizeof kind; i++)
		for (int set = GPT2; set <= LLAMA3; set += LLAMA3 - GPT2) {
			struct nn_pretok p;
			struct assay_buf b;
			init_set(&p, (enum set)set);
			assay_buf_init(&b, 3 * N);
			memset(text, kind[i], N);
			assert_int_equal(nn_pretok_run(&p, text, N, join, &b, &e), 0);
			size_t words = set == LLAMA3 && kind[i] == '1' ? (N + 2) / 3 : 1;
			assert_int_equal(b.len_bytes, N + words - 1);
			assay_buf_release(&b);
			nn_pretok_release(&p);
		}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_splits), cmocka_unit_test(invalid_utf8), cmocka_unit_test(refused_patterns), cmocka_unit_test(odd_patterns),
		cmocka_unit_test(long_runs),
	};
	return cmocka_run_group_tests_name("pretokenize", tests, NULL, NULL);
}
