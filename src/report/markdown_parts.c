/* Paragraphs and tables of report.md, for all its halves; see markdown.h. */
#include "report/face_text.h"
#include "report/markdown.h"

void markdown_text(struct assay_buf *out, const char *before, const char *text, const char *after)
{
	assay_buf_puts(out, before);
	face_text_markdown(out, text);
	assay_buf_puts(out, after);
}

void markdown_table(struct assay_buf *out, struct face_table *t)
{
	if (face_table_rows(t))
		face_table_markdown(t, out);
	face_table_release(t);
}
