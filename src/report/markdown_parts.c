/* Paragraphs and tables of report.md, for all its halves; see markdown.h. */
#include "draw/text.h"
#include "report/markdown.h"

void markdown_text(struct assay_buf *out, const char *before, const char *text, const char *after)
{
	assay_buf_puts(out, before);
	draw_text_markdown(out, text);
	assay_buf_puts(out, after);
}

void markdown_table(struct assay_buf *out, struct draw_table *t)
{
	if (draw_table_rows(t))
		draw_table_markdown(t, out);
	draw_table_release(t);
}

/* ---- the sheet ---- */
static struct assay_buf *out_of(struct sheet *s) { return ((struct markdown_sheet *)s)->out; }

static void heading(struct sheet *s, int level, const char *text) { markdown_text(out_of(s), level == 2 ? "## " : "### ", text, "\n\n"); }
static void para(struct sheet *s, const char *text) { markdown_text(out_of(s), "", text, "\n\n"); }
static void quote(struct sheet *s, const char *text) { markdown_text(out_of(s), "> ", text, "\n\n"); }
static void code(struct sheet *s, const char *line) { markdown_text(out_of(s), "    ", line, "\n\n"); }
static void table(struct sheet *s, struct draw_table *t) { markdown_table(out_of(s), t); }

struct markdown_sheet markdown_sheet(struct assay_buf *out)
{
	static const struct sheet_ops ops = { heading, para, quote, code, table };
	return (struct markdown_sheet){ { &ops }, out };
}
