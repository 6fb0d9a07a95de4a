/* Bars and sparklines: exact characters, never wider than asked. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw/chart.h"
#include "draw/text.h"
#include "report/face_shapes.h"

static void bars(void **state)
{
	static const struct { double share; int columns; bool utf8; const char *want; } rows[] = {
		{ 1, 4, false, "####" }, { 0.5, 4, false, "##" }, { 0, 4, false, "" }, { 2, 3, false, "###" }, { -1, 3, false, "" }, { NAN, 3, true, "" }, { 1, 0, true, "" },
		{ 0.60, 4, false, "##" }, { 0.63, 4, false, "###" }, { 1, 2, true, "\xe2\x96\x88\xe2\x96\x88" }, { 0.5, 1, true, "\xe2\x96\x8c" }, { 0.0625, 2, true, "\xe2\x96\x8f" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct assay_buf b;
		assay_buf_init(&b, 1000);
		assay_buf_puts(&b, "");
		draw_chart_bar(&b, rows[i].share, rows[i].columns, rows[i].utf8);
		assert_string_equal(b.data, rows[i].want);
		assert_true(draw_text_width(b.data) <= rows[i].columns);
		assay_buf_release(&b);
	}
}

static void sparks(void **state)
{
	static const double up[] = { 1, 2, 3, 4, 5, 6, 7, 8 }, holes[] = { 3, NAN, 5 }, flat[] = { 2, 2 }, counts[] = { 0, 4, 8, 0 };
	static const struct { const double *x; size_t n; int columns; bool zero, utf8; const char *want; } rows[] = {
		{ up, 8, 20, false, false, ".:-=+*#@" }, { up, 8, 4, false, false, ".-*@" }, { up, 8, 20, true, false, ".:-=+*#@" }, { holes, 3, 9, false, false, ". @" }, { flat, 2, 9, false, false, ".." },
		{ counts, 4, 9, true, false, " =@ " }, { up, 0, 9, false, true, "" }, { up, 8, 0, false, true, "" }, { counts, 4, 9, true, true, " \xe2\x96\x84\xe2\x96\x88 " },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct assay_buf b;
		assay_buf_init(&b, 1000);
		assay_buf_puts(&b, "");
		draw_chart_spark(&b, rows[i].x, rows[i].n, rows[i].columns, rows[i].zero, rows[i].utf8);
		assert_string_equal(b.data, rows[i].want);
		assert_true(draw_text_width(b.data) <= rows[i].columns);
		assay_buf_release(&b);
	}
}

static char *drawn(const json_t *point, const char *key, int width)
{
	struct assay_buf b;
	assay_buf_init(&b, 1000);
	assay_buf_puts(&b, "");
	if (key)
		face_shape_distribution(&b, point, key, width, false);
	else
		face_shape_over_time(&b, point, width, false);
	return b.data;
}

/* Over 8 columns 1 to 9 fall into columns 0 1 2 ... 7 7; three more at 1. */
static void shapes(void **state)
{
	static const struct { const char *series, *key; int width; const char *want; } rows[] = {
		{ "{\"distribution\": {\"ttft_ms\": {\"n\": 40, \"values\": [1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]}}}", "ttft_ms", 64, "TTFT                1.00 |@::::::=| 9.00 ms (distribution of 40)\n" },
		{ "{\"distribution\": {\"ttft_ms\": {\"n\": 5, \"values\": [2, 2, 2, 2, 2]}}}", "ttft_ms", 80, "" }, { "{\"distribution\": {\"ttft_ms\": null}}", "ttft_ms", 80, "" }, { "{}", "ttft_ms", 80, "" },
		{ "{\"over_time\": {\"bin_s\": 0.5, \"output_tok_s\": [10, null, 80, 40]}}", NULL, 80, "tok/s over time        0 |. @=| 80.0 (2 s)\n" },
		{ "{\"over_time\": {\"bin_s\": 0.5, \"output_tok_s\": [10, 20]}}", NULL, 80, "" }, { "{\"over_time\": null}", NULL, 80, "" },
		{ "{\"over_time\": {\"bin_s\": 0.5, \"output_tok_s\": [10, 20, 30]}}", NULL, 30, "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *point = json_pack("{s:o}", "series", json_loads(rows[i].series, 0, NULL));
		char *text = drawn(point, rows[i].key, rows[i].width);
		assert_string_equal(text, rows[i].want);
		assert_true(draw_text_width(text) <= rows[i].width);
		free(text);
		json_decref(point);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bars), cmocka_unit_test(sparks), cmocka_unit_test(shapes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
