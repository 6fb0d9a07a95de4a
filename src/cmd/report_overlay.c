/* assay report DIR DIR...: one page that lays several results over each other; the results themselves are not touched. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/term.h"
#include "cmd/child.h"
#include "cmd/compare.h"
#include "cmd/show_result.h"
#include "report/face_overlay.h"

/* Options that speak of one result's files. */
static int refuse_single_options(const struct assay_options *o, struct assay_err *e)
{
	static const char *const names[] = { "format", "legacy", "definitions", "json" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], "json") ? assay_options_is_set(o, names[i]) : assay_options_flag(o, "json"))
			return assay_fail(e, ASSAY_E_USAGE, "--%s: is for one result; leave it out to lay several over each other", names[i]);
	return 0;
}

static void show(const struct assay_options *o, const struct assay_overlay_side *sides, size_t n, const char *dir)
{
	struct assay_term term;
	struct assay_buf b;
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(o, "color"));
	assay_buf_init(&b, (size_t)64 << 20);
	assay_overlay_text(sides, n, &b, term.width, term.colour);
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	printf("\nreport  %s/report.html\n", dir);
}

int cmd_report_overlay(const struct assay_options *o, char **dirs, int n, struct assay_err *e)
{
	struct cmd_docs *docs = xalloc(sizeof *docs);
	struct assay_overlay_side sides[ASSAY_OVERLAY_MOST];
	char *dir = NULL;
	int rc = refuse_single_options(o, e);
	if (!rc && n > ASSAY_OVERLAY_MOST)
		rc = assay_fail(e, ASSAY_E_USAGE, "report: at most %d results on one page, not %d", ASSAY_OVERLAY_MOST, n);
	for (int i = 0; i < n && !rc; i++) {
		rc = cmd_docs_load(docs, dirs[i], e);
		sides[i] = (struct assay_overlay_side){ rc ? NULL : docs->list[i], dirs[i] };
	}
	if (!rc)
		rc = cmd_many_dir(assay_options_str(o, "output"), "overlay", &dir, e);
	if (!rc)
		rc = assay_overlay_write(sides, (size_t)n, dir, e);
	if (!rc)
		show(o, sides, (size_t)n, dir);
	free(dir);
	cmd_docs_release(docs);
	free(docs);
	return rc;
}
