/* Well-formedness by RFC 3629 and repair by maximal subparts (examples of Unicode 15, tables 3-8 to 3-11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

#define R "\xef\xbf\xbd"

static void rows(void **state)
{
	(void)state;
	static const struct { const char *text; size_t valid; const char *repaired; } row[] = {
		{ "", 0, "" },
		{ "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xf4\x8f\xbf\xbf\xed\x9f\xbf", 7, "\xf4\x8f\xbf\xbf\xed\x9f\xbf" },
		{ "ab\xf0\x9f\x98", 2, "ab" R },                    /* cut off: one piece */
		{ "\xc3", 0, R },
		{ "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 0, R R R R R R R R "A" },  /* overlong */
		{ "\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 0, R R R R R R R R "A" },  /* surrogates */
		{ "\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 0, R R R R R "A" R R "B" },
		{ "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 0, R R R R "A" },          /* truncated sequences */
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_buf b;
		assay_buf_init(&b, 256);
		assert_int_equal(assay_utf8_valid(row[i].text, strlen(row[i].text)), row[i].valid);
		assert_int_equal(assay_utf8_repair(row[i].text, strlen(row[i].text), &b), 0);
		if (strcmp(b.data ? b.data : "", row[i].repaired))
			fail_msg("row %zu", i);
		assay_buf_release(&b);
	}
	struct assay_buf small;
	assay_buf_init(&small, 2);
	assert_int_equal(assay_utf8_repair("\xff", 1, &small), -1);
	assay_buf_release(&small);
}

static void test_line(void **state)
{
	(void)state;
	static const struct { const char *text, *line; } row[] = {
		{ "", "" }, { "a\nb\x1b[31m\x7f", "a b [31m " }, { "\xc3\xa9\xff\xc3", "\xc3\xa9??" }, { "\xf0\x9f\x98", "???" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char text[32];
		strcpy(text, row[i].text);
		assay_utf8_line(text);
		assert_string_equal(text, row[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rows), cmocka_unit_test(test_line) };
	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
