/* See html_sheet.h. */
#include "report/html_sheet.h"

#include <stdio.h>

static struct html_page *page_of(struct sheet *s) { return ((struct html_sheet *)s)->page; }

void html_sheet_end(struct html_sheet *h)
{
	if (h->sections)
		html_section_end(h->page);
}

static void heading(struct sheet *s, int level, const char *text)
{
	struct html_sheet *h = (struct html_sheet *)s;
	char id[24];
	snprintf(h->title, sizeof h->title, "%.159s", text);
	if (level == 3 && h->sections) {
		html_subhead(h->page, text);
		return;
	}
	html_sheet_end(h);
	snprintf(id, sizeof id, "part-%d", ++h->sections);
	html_section_begin(h->page, id, text);
}

static void para(struct sheet *s, const char *text) { html_para(page_of(s), NULL, "%s", text); }
static void table(struct sheet *s, struct draw_table *t) { html_table(page_of(s), ((struct html_sheet *)s)->title, t); }

static void quote(struct sheet *s, const char *text)
{
	html_markup(page_of(s), "<blockquote>");
	html_text(page_of(s), text);
	html_markup(page_of(s), "</blockquote>\n");
}

static void code(struct sheet *s, const char *line)
{
	html_markup(page_of(s), "<p><code>");
	html_text(page_of(s), line);
	html_markup(page_of(s), "</code></p>\n");
}

struct html_sheet html_sheet(struct html_page *page)
{
	static const struct sheet_ops ops = { heading, para, quote, code, table };
	return (struct html_sheet){ { &ops }, page, 0, "" };
}
