/* Pages: hostile text stays text, the policy names exactly the scripts and the style that are there, nothing comes from outside,
 * every figure can be read without seeing it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "draw/html.h"
#include "draw/html_assets.h"

#define EVIL "</script></style><img src=x onerror=alert(1)>'\"`&amp;<!--\xe2\x80\xae\x1b[31m\x01\xff\xe2\x80\xa8]]>" /* with a direction override, escapes, a broken byte, a line separator */

static char *page(void (*draw)(struct html_page *p), const char *title)
{
	struct html_page p;
	struct assay_buf b;
	struct assay_err e = ASSAY_ERR_INIT;
	html_page_init(&p, title);
	draw(&p);
	assay_buf_init(&b, (size_t)1 << 24);
	if (html_page_print(&p, &b, &e))
		fail_msg("%s", e.msg);
	html_page_release(&p);
	return b.data;
}

static struct html_chart chart(const char *id)
{
	struct html_chart c;
	html_chart_init(&c, id, EVIL, (struct html_axis){ EVIL, true, false }, (struct html_axis){ "ms", false, true });
	html_chart_series(&c, EVIL, HTML_LINE);
	html_chart_interval(&c, 1, 2.5, 2, 3);
	html_chart_label(&c, EVIL);
	html_chart_point(&c, 0, 1);          /* not on a logarithmic axis */
	html_chart_point(&c, 4, NAN);        /* a gap */
	html_chart_series(&c, "ideal", HTML_DASHED);
	html_chart_point(&c, 4, 8);
	html_chart_mark_x(&c, 2, EVIL);
	html_chart_band_x(&c, 1, 2, EVIL);
	return c;
}

static void draw_evil(struct html_page *p)
{
	static const char svg_text[] = "<svg role=\"img\" aria-label=\"x\" viewBox=\"0 0 9 9\"><rect width=\"9\" height=\"9\" class=\"s1\"/></svg>";
	struct html_chart c = chart("one");
	struct draw_table t, numbers;
	struct assay_buf svg;
	html_section_begin(p, "first", EVIL);
	html_subhead(p, EVIL);
	html_para(p, "warn", "%s", EVIL);
	html_list_begin(p);
	html_item(p, EVIL);
	html_list_end(p);
	html_cards_begin(p);
	html_card(p, EVIL, EVIL, EVIL, EVIL, "bad");
	html_cards_end(p);
	draw_table_init(&t);
	draw_table_col(&t, EVIL, false, 0);
	draw_table_col(&t, "n", true, 0);
	draw_table_cell(&t, "3");
	draw_table_cell(&t, "%s", EVIL);
	draw_table_cell(&t, "%s", EVIL);
	draw_table_cell(&t, "1");
	html_table_linked(p, EVIL, &t, "point-");
	html_details_begin(p, EVIL);
	html_link(p, "point-3", EVIL);
	html_details_end(p);
	html_chart_draw(p, &c, EVIL, NULL, "", "");
	html_chart_init(&c, "bars", "Bars", (struct html_axis){ "Case", false, false }, (struct html_axis){ "MiB", false, true });
	html_chart_series(&c, "weights", HTML_BAR);
	html_chart_bar(&c, EVIL, 5);
	html_chart_bar(&c, "b", 6);
	html_chart_draw(p, &c, "caption", NULL, "", "");
	html_chart_init(&c, "empty", "Nothing to see", (struct html_axis){ "x", false, false }, (struct html_axis){ "y", false, false });
	html_chart_series(&c, "fit", HTML_DASHED);
	html_chart_point(&c, 1, 1);
	html_chart_draw(p, &c, "caption", NULL, EVIL, "Do this");
	assay_buf_init(&svg, 1 << 16);
	assay_buf_puts(&svg, svg_text);
	draw_table_init(&numbers);
	draw_table_col(&numbers, "x", true, 0);
	draw_table_cell(&numbers, "1");
	html_figure_svg(p, "map", EVIL, EVIL, &svg, &numbers);
	assay_buf_release(&svg);
	html_section_end(p);
}

/* The page without Chart.js, whose text is not ours. */
static char *ours(const char *html)
{
	struct html_asset a = html_asset_chart();
	char *at = strstr(html, a.data), *rest = strdup(html);
	assert_non_null(at);
	memcpy(rest + (at - html), at + a.len_bytes, strlen(at + a.len_bytes) + 1);
	return rest;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

static void test_hostile_text_is_inert(void **state)
{
	static const char *const never[] = { "<img", "onerror=", "<!--", "]]>", "\x1b", "\x01", "\xff", "\xe2\x80\xae", "\xe2\x80\xa8" };
	char *html = page(draw_evil, EVIL), *mine = ours(html);
	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strstr(mine, never[i]))
			fail_msg("%s is in the page", never[i]);
	assert_int_equal(count(mine, "</script>"), 3);
	assert_int_equal(count(mine, "</style>"), 1);
	assert_int_equal(count(mine, "<script"), 3);
	assert_true(count(mine, "onerror&#61;alert(1)") > 10); /* it is shown */
	assert_non_null(strstr(mine, "\\u003cimg src\\u003dx onerror"));
	free(mine);
	free(html);
}

/* What the policy allows is what is there: the hash of every script and style element that runs. */
static void check_hash(const char *html, const char *open, const char *close, const char *directive)
{
	char hash[45], wanted[60];
	for (const char *at = html; (at = strstr(at, open)); at++) {
		const char *begin = at + strlen(open), *end = strstr(begin, close), *policy = strstr(html, directive), *stop = strpbrk(policy, ";\"");
		assert_non_null(end);
		assay_sha256_base64(begin, (size_t)(end - begin), hash);
		snprintf(wanted, sizeof wanted, "'sha256-%s'", hash);
		const char *found = strstr(policy, wanted);
		assert_true(found && found < stop);
	}
}

static void test_policy(void **state)
{
	char *html = page(draw_evil, "x"), *mine = ours(html);
	static const char *const outside[] = { "src=\"", "url(", "@import", "fetch(", "XMLHttpRequest", "import(", "unsafe-", " style=", " onclick=", "http:", "https:", "innerHTML", "eval(" };
	(void)state;
	assert_non_null(strstr(html, "content=\"default-src 'none'; script-src 'sha256-"));
	check_hash(html, "<script>", "</script>", "script-src");
	check_hash(html, "<style>", "</style>", "style-src");
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		const char *at = strstr(mine, outside[i]);
		if (at && strncmp(at, "http://www.w3.org/2000/svg", 26))
			fail_msg("%s is in the page: %.60s", outside[i], at);
	}
	for (const char *at = mine; (at = strstr(at, "href=\"")); at++)
		assert_int_equal(at[6], '#');
	assert_non_null(strstr(html, "Released under the MIT License"));
	free(mine);
	free(html);
}

static void test_figures_can_be_read(void **state)
{
	char *html = page(draw_evil, "x"), *mine = ours(html);
	size_t figures = 0;
	(void)state;
	for (char *at = mine; (at = strstr(at, "<figure data-figure=\"")); at++) {
		char *end = strstr(at, "</figure>"), kept = *end;
		*end = 0;
		assert_int_equal(count(at, "<canvas") + count(at, "<svg"), 1);
		assert_int_equal(count(at, "role=\"img\""), 1);
		assert_int_equal(count(at, "aria-label=\"") >= 1, 1);
		assert_int_equal(count(at, "<figcaption>"), 1);
		assert_int_equal(count(at, "<table>"), 1);
		assert_int_equal(count(at, "<caption"), 1);
		*end = kept;
		figures++;
	}
	assert_int_equal(figures, 3);
	assert_non_null(strstr(mine, "Nothing to see:</b> ")); /* the empty one is a line of text */
	assert_null(strstr(mine, "data-figure=\"empty\""));
	assert_non_null(strstr(mine, "<td class=\"n\">2.5 (2 to 3)</td>"));
	assert_non_null(strstr(mine, "<tr id=\"point-3\">"));
	free(mine);
	free(html);
}

static void draw_nothing(struct html_page *p) { (void)p; }

static void test_same_calls_same_bytes(void **state)
{
	char *a = page(draw_evil, "x"), *b = page(draw_evil, "x"), *c = page(draw_nothing, "x");
	(void)state;
	assert_string_equal(a, b);
	assert_non_null(strstr(c, "<main id=\"main\">\n</main>"));
	free(a);
	free(b);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_text_is_inert), cmocka_unit_test(test_policy), cmocka_unit_test(test_figures_can_be_read), cmocka_unit_test(test_same_calls_same_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
