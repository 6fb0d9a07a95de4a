/* Drawings are well formed, inert and inside their box, whatever the document says; scales are round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "draw/svg.h"
#include "report/svg_figures.h"

#define EVIL "\\\"><script>alert(1)</script>' onload=x &amp; \\u202e\\u0007 \\u6f22\\u5b57 --> ]]>"

static double attribute(const char *tag, const char *name)
{
	char key[24];
	snprintf(key, sizeof key, " %s=\"", name);
	const char *at = strstr(tag, key), *end = strchr(tag, '>');
	return at && at < end ? strtod(at + strlen(key), NULL) : NAN;
}

/* A text lies inside the drawing; its width is taken as svg_text would. */
static void text_is_inside(const char *tag, double height)
{
	const char *open = strchr(tag, '>') + 1, *close;
	if (!strncmp(open, "<title>", 7))
		open = strstr(open, "</title>") + 8;
	close = strstr(open, "</text>");
	char *plain = xalloc((size_t)(close - open) + 1);
	size_t n = 0;
	for (const char *c = open; c < close; c++) {
		plain[n++] = *c;
		if (*c == '&')
			c = strchr(c, ';');
	}
	double x = attribute(tag, "x"), y = attribute(tag, "y"), w = svg_text_width(plain);
	double left = strstr(tag, "\"end\"") && strstr(tag, "\"end\"") < open ? x - w : strstr(tag, "\"middle\"") && strstr(tag, "\"middle\"") < open ? x - w / 2 : x;
	if (!(left >= -0.5) || !(left + w <= SVG_WIDTH + 0.5) || !(y >= 9) || !(y <= height - 1))
		fail_msg("\"%s\" at %g..%g, %g of %g x %g", plain, left, left + w, y, SVG_WIDTH, height);
	free(plain);
}

/* Tags close in order; attributes are known ones; no number is nan or inf; only numeric character references. */
static void is_sound(const struct assay_buf *b)
{
	const char *stack[16], *s = b->data;
	size_t depth = 0;
	assert_false(b->overflow);
	assert_int_equal(strncmp(s, "<svg role=\"img\" viewBox=\"0 0 420 ", 33), 0);
	double height = strtod(s + 33, NULL);
	assert_true(height > 40 && height < 3000);
	for (const char *c = s; *c; c++) {
		if (*c == '&')
			assert_true(c[1] == '#');
		if (*c != '<')
			continue;
		const char *end = strchr(c, '>');
		assert_non_null(end);
		if (c[1] == '/') {
			assert_true(depth > 0);
			size_t n = strcspn(stack[--depth], " >");
			assert_int_equal(strncmp(stack[depth], c + 2, n), 0);
			assert_true(c[2 + n] == '>');
		} else if (end[-1] != '/') {
			assert_true(depth < 16);
			stack[depth++] = c + 1;
		}
		char *tag = strndup(c, (size_t)(end - c));
		static const char *const never[] = { "style", " on", "href", "nan", "inf", "script", "xlink", "'" };
		char *quoted = strchr(tag, '"');
		for (size_t i = 0; i < sizeof never / sizeof *never; i++)
			if (strncmp(tag, "<svg", 4) ? strstr(tag, never[i]) != NULL : quoted && i < 3 && strncmp(tag, "<svg role=\"img\" viewBox=", 24))
				fail_msg("%s in %s", never[i], tag);
		free(tag);
		if (!strncmp(c, "<text", 5))
			text_is_inside(c, height);
	}
	assert_int_equal(depth, 0);
	assert_null(strstr(s, "<script"));
	assert_string_equal(s + b->len_bytes - 7, "</svg>\n");
}

static bool drawn(bool (*figure)(const json_t *, struct assay_buf *), const json_t *doc, struct assay_buf *b)
{
	assay_buf_init(b, 1 << 20);
	bool ok = figure(doc, b);
	if (ok)
		is_sound(b);
	else
		assert_int_equal(b->len_bytes, 0);
	return ok;
}

static bool heat(const json_t *doc, struct assay_buf *b) { return svg_heat(doc, "output_tok_s", b); }
static bool intervals(const json_t *doc, struct assay_buf *b) { return svg_intervals(doc, "ttft_ms", NULL, b); }

static json_t *parse(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *v = assay_json_parse(text, strlen(text), "test", ASSAY_E_DATA, &e);
	if (!v)
		fail_msg("%s", e.msg);
	free(text);
	return v;
}

static size_t count(const struct assay_buf *b, const char *what)
{
	size_t n = 0;
	for (const char *c = b->data; (c = strstr(c, what)); c++)
		n++;
	return n;
}

static void scales_are_round(void **state)
{
	static const struct { double lo, hi; bool log; double want_lo, want_hi; } rows[] = {
		{ 0, 97, false, 0, 100 }, { -1.7, 2.2, false, -2, 3 }, { 12, 12, false, 11.4, 12.6 }, { 0, 0, false, -1e-9, 1e-9 }, { 0.3, 700, true, 0.2, 1000 },
		{ 1, 10, true, 1, 10 }, { 5, 5, true, 5, 10 }, { -1, 10, true, 0, 1 }, { NAN, 1, false, 0, 1 }, { 0, INFINITY, false, 0, 1 }, { -1e308, 1e308, false, 0, 1 },
	};
	static const struct { double x; const char *text; } numbers[] = { { 0, "0" }, { 0.05, "0.05" }, { 12, "12" }, { 999.4, "999.4" }, { 1500, "1,500" }, { -2000, "-2,000" },
		{ 20000, "20k" }, { 3e6, "3M" }, { 5e9, "5G" }, { 1e20, "1e+20" } };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct svg_scale c;
		double t[SVG_TICKS];
		svg_scale_fit(&c, rows[i].lo, rows[i].hi, rows[i].log, 10, 110);
		if (fabs(c.lo - rows[i].want_lo) > 1e-9 || fabs(c.hi - rows[i].want_hi) > 1e-9 * fabs(c.hi))
			fail_msg("row %zu: %g to %g", i, c.lo, c.hi);
		assert_true(svg_at(&c, c.lo) == 10 && svg_at(&c, c.hi) == 110 && svg_at(&c, -1e300) == 10 && svg_at(&c, 1e300) == 110 && isnan(svg_at(&c, NAN)));
		size_t n = svg_ticks(&c, 5, t);
		assert_in_range(n, 1, SVG_TICKS);
		for (size_t k = 1; k < n; k++)
			assert_true(t[k] > t[k - 1]);
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char text[24];
		svg_number(text, numbers[i].x);
		assert_string_equal(text, numbers[i].text);
	}
}

static void long_texts_are_cut(void **state)
{
	struct assay_buf b;
	struct svg s;
	(void)state;
	assay_buf_init(&b, 1 << 16);
	svg_begin(&s, &b, SVG_WIDTH, 60, "a \"label\"");
	svg_text(&s, "", SVG_END, 400, 20, 100, "a text that is much longer than its room <b>");
	svg_text(&s, "", SVG_START, 10, 40, 100, "short");
	svg_end(&s);
	is_sound(&b);
	assert_int_equal(count(&b, "\xe2\x80\xa6"), 1);
	assert_int_equal(count(&b, "much longer than its room &#60;b&#62;</title>"), 1);
	assert_int_equal(count(&b, "aria-label=\"a &#34;label&#34;\""), 1);
	assay_buf_release(&b);
}

#define POINT "{\"index\": %d, \"experiment\": \"%s\", \"status\": \"%s\", \"case\": {\"batch_size\": %d, \"prompt_tokens\": %d, \"output_tokens\": %d}, " \
	"\"metrics\": {\"output_tok_s\": {\"unit\": \"tok/s\", \"n\": 3, \"value\": %s}, \"ttft_ms\": {\"unit\": \"ms\", \"n\": 3, \"mean\": %s, \"ci95\": [1.5, 400], \"per_run\": [9, 10, null]}}}"

static void heat_maps_show_every_cell(void **state)
{
	struct assay_buf b;
	(void)state;
	json_t *doc = parse("{\"points\": [" POINT "," POINT "," POINT "," POINT "]}", 0, "seqlen", "ok", 1, 96, 32, "10", "5", 1, "seqlen", "ok", 8, 96, 32, "80", "5", 2, "seqlen", "ok", 1, 480,
		32, "9.5", "5", 3, "seqlen", "limit", 8, 480, 32, "null", "null");
	assert_true(drawn(heat, doc, &b));
	assert_int_equal(count(&b, "class=\"h0\"") - 1, 2); /* one is the legend's */
	assert_int_equal(count(&b, "class=\"h7\"") - 1, 1);
	assert_int_equal(count(&b, ">limit<"), 1);
	assert_int_equal(count(&b, ">9.5<"), 2);
	assay_buf_release(&b);
	json_array_remove(json_object_get(doc, "points"), 3);
	assert_true(drawn(heat, doc, &b));
	assert_int_equal(count(&b, "not measured"), 1);
	assay_buf_release(&b);
	json_array_remove(json_object_get(doc, "points"), 1); /* one batch only, one output length */
	assert_false(drawn(heat, doc, &b));
	json_decref(doc);
}

static void roofs_and_phases_have_their_place(void **state)
{
	struct assay_buf b;
	(void)state;
	json_t *doc = parse("{\"points\": [" POINT "], \"analysis\": {\"roofline\": ["
		"{\"point\": 0, \"phase\": \"decode\", \"intensity_flop_per_byte\": 0.5, \"gflop_s\": 20, \"ceiling_read_gb_s\": 42, \"ceiling_gflop_s\": 476, \"ceiling_type\": \"f32\", \"bound\": \"memory-bound\"},"
		"{\"point\": 0, \"phase\": \"prefill\", \"intensity_flop_per_byte\": 64, \"gflop_s\": 300, \"ceiling_read_gb_s\": 40, \"ceiling_gflop_s\": 470, \"ceiling_type\": \"f32\", \"bound\": \"compute-bound\"},"
		"{\"point\": 9, \"phase\": \"prefill\", \"intensity_flop_per_byte\": 8, \"gflop_s\": 30, \"ceiling_read_gb_s\": null, \"ceiling_gflop_s\": null}]}}", 0, "latency", "ok", 1, 128, 30, "1", "1");
	assert_true(drawn(svg_roofline, doc, &b));
	assert_int_equal(count(&b, "42 GB/s"), 2); /* the label, and what a screen reader says */
	assert_int_equal(count(&b, ">476 GFLOP/s (f32)<"), 1);
	assert_int_equal(count(&b, ">batch 1<"), 1);
	assert_int_equal(count(&b, ">128 tokens<"), 1);
	assert_int_equal(count(&b, "class=\"s2\""), 2);
	assert_int_equal(count(&b, "memory-bound</title>"), 1);
	assay_buf_release(&b);
	json_object_set_new(json_object_get(doc, "analysis"), "roofline", json_array());
	assert_false(drawn(svg_roofline, doc, &b));
	json_decref(doc);
}

static void forests_show_the_family(void **state)
{
	struct assay_buf b;
	(void)state;
	json_t *doc = parse("{\"verdict\": \"SLOWER\", \"min_effect_pct\": 1, \"metrics\": ["
		"{\"role\": \"family\", \"key\": \"ttft_ms\", \"effect_pct\": 2.6, \"level_ci_pct\": [2.15, 3.07], \"verdict\": \"SLOWER\"},"
		"{\"role\": \"family\", \"key\": \"tpot_ms\", \"effect_pct\": -1, \"level_ci_pct\": [-99, 1e9], \"verdict\": \"UNDECIDED\"},"
		"{\"role\": \"family\", \"key\": \"wall_s\", \"effect_pct\": null, \"level_ci_pct\": [null, null], \"verdict\": \"UNDECIDED\"},"
		"{\"role\": \"detail\", \"key\": \"e2el_ms\", \"effect_pct\": 3}]}");
	assert_true(drawn(svg_forest, doc, &b));
	assert_int_equal(count(&b, ">SLOWER +2.60 % (+2.15 to +3.07)<"), 1);
	assert_int_equal(count(&b, "hollow"), 1);
	assert_int_equal(count(&b, "class=\"band\""), 1);
	assert_int_equal(count(&b, "e2el_ms"), 0);
	assert_int_equal(count(&b, "m0 0l-6"), 1); /* the interval that leaves on the right */
	assay_buf_release(&b);
	json_decref(doc);
}

static void hostile_texts_are_inert(void **state)
{
	struct assay_buf b;
	(void)state;
	json_t *doc = parse("{\"verdict\": \"" EVIL "\", \"metrics\": [{\"role\": \"family\", \"key\": \"" EVIL "\", \"effect_pct\": 2, \"level_ci_pct\": [1, 3], \"verdict\": \"" EVIL "\"}]}");
	assert_true(drawn(svg_forest, doc, &b));
	assay_buf_release(&b);
	json_decref(doc);
	doc = parse("{\"points\": [{\"index\": 0, \"experiment\": \"" EVIL "\", \"case\": {\"preset\": \"" EVIL "\", \"batch_size\": \"" EVIL "\"}, \"metrics\": {\"ttft_ms\": {\"unit\": \"" EVIL
		"\", \"n\": 1, \"mean\": 3}}}], \"analysis\": {\"roofline\": [{\"point\": 0, \"phase\": \"" EVIL "\", \"intensity_flop_per_byte\": 1, \"gflop_s\": 1, \"ceiling_read_gb_s\": 1,"
		" \"ceiling_gflop_s\": 2, \"ceiling_type\": \"" EVIL "\", \"bound\": \"" EVIL "\"}]}}");
	assert_true(drawn(intervals, doc, &b));
	assay_buf_release(&b);
	assert_true(drawn(svg_roofline, doc, &b));
	assay_buf_release(&b);
	json_decref(doc);
}

/* Any value of any type in any place: sound or nothing. */
static json_t *any(uint64_t *at)
{
	static const double hard[] = { 0, -0.0, 1, -1, 1e-300, 1e300, -1e300, 3.5, 100, 1e9, 4294967296.0 };
	uint64_t k = assay_rng_below(7, ++*at, 16);
	if (k < 11)
		return json_real(hard[k]);
	return k == 11 ? json_null() : k == 12 ? json_string("<x>") : k == 13 ? json_integer(INT64_MAX) : k == 14 ? json_true() : json_pack("[f, n]", 1e300);
}

static json_t *random_document(uint64_t *at)
{
	static const char *const keys[] = { "intensity_flop_per_byte", "gflop_s", "ceiling_read_gb_s", "ceiling_gflop_s", "point", "effect_pct" };
	json_t *points = json_array(), *roofs = json_array(), *rows = json_array();
	for (int i = 0; i < 8; i++) {
		json_t *roof = json_object(), *kase = json_object(), *value = json_object();
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			json_object_set_new(roof, keys[k], any(at));
		json_object_set_new(roof, "role", json_string("family"));
		json_object_set_new(roof, "level_ci_pct", json_pack("[o, o]", any(at), any(at)));
		json_object_set_new(kase, "batch_size", json_integer((json_int_t)assay_rng_below(7, ++*at, 3)));
		json_object_set_new(kase, "prompt_tokens", assay_rng_below(7, ++*at, 9) ? json_integer((json_int_t)assay_rng_below(7, *at, 3)) : any(at));
		json_object_set_new(kase, "output_tokens", json_integer(4));
		json_object_set_new(value, "mean", any(at));
		json_object_set_new(value, "ci95", json_pack("[o, o]", any(at), any(at)));
		json_object_set_new(value, "per_run", json_pack("[o, o]", any(at), any(at)));
		json_array_append_new(points, json_pack("{s:i, s:s, s:o, s:{s:O, s:o}}", "index", i, "experiment", "seqlen", "case", kase, "metrics", "ttft_ms", value, "output_tok_s", value));
		json_array_append(rows, roof);
		json_array_append_new(roofs, roof);
	}
	return json_pack("{s:o, s:{s:o}, s:o, s:o}", "points", points, "analysis", "roofline", roofs, "metrics", rows, "min_effect_pct", any(at));
}

static void any_document_draws_soundly_or_not(void **state)
{
	static bool (*const figures[])(const json_t *, struct assay_buf *) = { heat, intervals, svg_roofline, svg_forest };
	size_t times[4] = { 0 };
	uint64_t at = 0;
	(void)state;
	for (int i = 0; i < 400; i++) {
		json_t *doc = random_document(&at);
		for (size_t k = 0; k < 4; k++) {
			struct assay_buf b;
			times[k] += drawn(figures[k], doc, &b);
			assay_buf_release(&b);
		}
		json_decref(doc);
	}
	for (size_t k = 0; k < 4; k++)
		assert_true(times[k] > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scales_are_round), cmocka_unit_test(long_texts_are_cut), cmocka_unit_test(heat_maps_show_every_cell), cmocka_unit_test(roofs_and_phases_have_their_place),
		cmocka_unit_test(forests_show_the_family), cmocka_unit_test(hostile_texts_are_inert), cmocka_unit_test(any_document_draws_soundly_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
