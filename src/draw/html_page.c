/* The frame of a page: head with policy and style, list of contents, body, data, scripts; see html.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "draw/html.h"
#include "draw/html_assets.h"
#include "draw/text.h"

#define PAGE_BYTES_MAX ((size_t)64 << 20)
#define TEXT_BYTES_MAX ((size_t)8192) /* of one text: a prompt or a message may be of any length */

void html_page_init(struct html_page *p, const char *title)
{
	assay_buf_init(&p->body, PAGE_BYTES_MAX);
	p->sections = json_array();
	p->figures = json_object();
	p->title = xstrdup(title);
	p->heading = xstrdup("");
}

void html_page_release(struct html_page *p)
{
	assay_buf_release(&p->body);
	json_decref(p->sections);
	json_decref(p->figures);
	free(p->title);
	free(p->heading);
}

void html_markup(struct html_page *p, const char *literal) { assay_buf_puts(&p->body, literal); }

void html_text(struct html_page *p, const char *text)
{
	char *part = NULL;
	if (strlen(text) > TEXT_BYTES_MAX)
		part = strndup(text, TEXT_BYTES_MAX);
	draw_text_html(&p->body, part ? part : text);
	if (part)
		assay_buf_printf(&p->body, " [cut: %zu bytes in all]", strlen(text));
	free(part);
}

json_t *html_text_json(const char *text)
{
	struct assay_buf b;
	assay_buf_init(&b, (size_t)1 << 20);
	draw_text_clean(&b, text); /* control and direction characters have no place in a drawing either */
	json_t *v = json_string(b.data);
	assay_buf_release(&b);
	return v ? v : json_string("?");
}

static void vtext(struct html_page *p, const char *fmt, va_list ap)
{
	char *s = NULL;
	if (vasprintf(&s, fmt, ap) < 0)
		return;
	html_text(p, s);
	free(s);
}

void html_textf(struct html_page *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vtext(p, fmt, ap);
	va_end(ap);
}

static void remember(struct html_page *p, const char *heading)
{
	free(p->heading);
	p->heading = xstrdup(heading);
}

void html_section_begin(struct html_page *p, const char *id, const char *title)
{
	remember(p, title);
	json_array_append_new(p->sections, json_pack("[s, o]", id, html_text_json(title)));
	assay_buf_printf(&p->body, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">", id, id, id);
	html_text(p, title);
	html_markup(p, "</h2>\n");
}

void html_section_end(struct html_page *p) { html_markup(p, "</section>\n"); }

void html_subhead(struct html_page *p, const char *text)
{
	remember(p, text);
	html_markup(p, "<h3>");
	html_text(p, text);
	html_markup(p, "</h3>\n");
}

void html_para(struct html_page *p, const char *css, const char *fmt, ...)
{
	va_list ap;
	if (css)
		assay_buf_printf(&p->body, "<p class=\"%s\">", css);
	else
		html_markup(p, "<p>");
	va_start(ap, fmt);
	vtext(p, fmt, ap);
	va_end(ap);
	html_markup(p, "</p>\n");
}

void html_list_begin(struct html_page *p) { html_markup(p, "<ul>\n"); }
void html_list_end(struct html_page *p) { html_markup(p, "</ul>\n"); }

void html_item(struct html_page *p, const char *text)
{
	html_markup(p, "<li>");
	html_text(p, text);
	html_markup(p, "</li>\n");
}

void html_details_begin(struct html_page *p, const char *summary)
{
	html_markup(p, "<details><summary>");
	html_text(p, summary);
	html_markup(p, "</summary>\n");
}

void html_details_end(struct html_page *p) { html_markup(p, "</details>\n"); }

void html_link(struct html_page *p, const char *target, const char *text)
{
	html_markup(p, "<a href=\"#");
	html_text(p, target);
	html_markup(p, "\">");
	html_text(p, text);
	html_markup(p, "</a>");
}

void html_cards_begin(struct html_page *p) { html_markup(p, "<dl class=\"cards\">\n"); }
void html_cards_end(struct html_page *p) { html_markup(p, "</dl>\n"); }

void html_card(struct html_page *p, const char *label, const char *value, const char *unit, const char *note, const char *state)
{
	assay_buf_printf(&p->body, "<div class=\"card%s%s\"><dt>", *state ? " " : "", state);
	html_text(p, label);
	html_markup(p, "</dt><dd><b>");
	html_text(p, value);
	html_markup(p, "</b> ");
	html_text(p, unit);
	html_markup(p, "</dd>");
	if (*note) {
		html_markup(p, "<dd class=\"note\">");
		html_text(p, note);
		html_markup(p, "</dd>");
	}
	html_markup(p, "</div>\n");
}

/* ---- the file ---- */
static void put_asset(struct assay_buf *out, const char *before, struct html_asset a, const char *after)
{
	assay_buf_puts(out, before);
	assay_buf_append(out, a.data, a.len_bytes);
	assay_buf_puts(out, after);
}

static void put_head(const struct html_page *p, struct assay_buf *out)
{
	struct html_asset css = html_asset_css(), js = html_asset_js(), chart = html_asset_chart();
	char of_css[45], of_js[45], of_chart[45];
	assay_sha256_base64(css.data, css.len_bytes, of_css);
	assay_sha256_base64(js.data, js.len_bytes, of_js);
	assay_sha256_base64(chart.data, chart.len_bytes, of_chart);
	assay_buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
	assay_buf_printf(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-%s' 'sha256-%s'; style-src 'sha256-%s'; img-src data:; "
			 "base-uri 'none'; form-action 'none'\">\n", of_chart, of_js, of_css);
	assay_buf_puts(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	draw_text_html(out, p->title);
	assay_buf_puts(out, "</title>\n");
	put_asset(out, "<style>", css, "</style>\n</head>\n");
}

static void put_contents(const struct html_page *p, struct assay_buf *out)
{
	size_t i;
	json_t *s;
	assay_buf_puts(out, "<nav aria-label=\"Contents\"><ul>\n");
	json_array_foreach(p->sections, i, s) {
		assay_buf_printf(out, "<li><a href=\"#%s\">", json_string_value(json_array_get(s, 0)));
		draw_text_html(out, json_string_value(json_array_get(s, 1)));
		assay_buf_puts(out, "</a></li>\n");
	}
	assay_buf_puts(out, "</ul></nav>\n");
}

/* JSON whose strings cannot end the script element, and that is one line for any reader of lines. */
static void put_data(const struct html_page *p, struct assay_buf *out)
{
	struct assay_buf b;
	assay_buf_init(&b, PAGE_BYTES_MAX);
	if (assay_json_print(&b, p->figures, 0))
		out->overflow = true;
	for (size_t i = 0; i < b.len_bytes; i++) {
		const unsigned char *c = (const unsigned char *)b.data + i;
		if (strchr("<>&='`", *c))
			assay_buf_printf(out, "\\u%04x", *c);
		else if (c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9))
			i += 2, assay_buf_printf(out, "\\u20%02x", c[2] - 0x80);
		else
			assay_buf_append(out, c, 1);
	}
	assay_buf_release(&b);
}

int html_page_print(const struct html_page *p, struct assay_buf *out, struct assay_err *e)
{
	put_head(p, out);
	assay_buf_puts(out, "<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header><h1>");
	draw_text_html(out, p->title);
	assay_buf_puts(out, "</h1><button type=\"button\" id=\"theme\" hidden>Theme: auto</button></header>\n");
	put_contents(p, out);
	assay_buf_puts(out, "<noscript><p class=\"warn\">The figures are drawn by a script, which this browser does not run. The table under each figure holds the same numbers.</p></noscript>\n"
			    "<main id=\"main\">\n");
	assay_buf_append(out, p->body.data ? p->body.data : "", p->body.len_bytes);
	assay_buf_puts(out, "</main>\n<p id=\"said\" class=\"skip\" role=\"status\" aria-live=\"polite\"></p>\n");
	assay_buf_puts(out, "<script type=\"application/json\" id=\"figure-data\">");
	put_data(p, out);
	put_asset(out, "</script>\n<script>", html_asset_chart(), "</script>\n");
	put_asset(out, "<script>", html_asset_js(), "</script>\n</body>\n</html>\n");
	if (out->overflow || p->body.overflow)
		return assay_fail(e, ASSAY_E_IO, "the page is larger than %zu bytes", PAGE_BYTES_MAX);
	return 0;
}

int html_page_write(const struct html_page *p, const char *path, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, PAGE_BYTES_MAX);
	int rc = html_page_print(p, &b, e);
	rc = rc ? assay_fail_in(e, "%s", path) : assay_fs_write_atomic(path, b.data, b.len_bytes, e);
	assay_buf_release(&b);
	return rc;
}
