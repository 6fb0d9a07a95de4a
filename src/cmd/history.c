/* assay history DIR...: many results over time. Results are read one after the other, and only their values are kept. */
#include "cmd/history.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/history.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/child.h"
#include "cmd/show_result.h"
#include "report/face_history.h"
#include "report/report.h"
#include "result/result_find.h"

const struct assay_opt cmd_history_options[] = {
	{ "metrics", 0, ASSAY_OPT_STR, NULL, .arg = "KEY,...", .help = "what is followed, at most 8 (ttft_ms, tpot_ms, output_tok_s, wall_s, rss_peak_mib)" },
	{ "by", 0, ASSAY_OPT_ENUM, "order", .choices = "order|time", .help = "slopes per result, or per day" },
	{ "where", 0, ASSAY_OPT_MAP, NULL, .arg = "K=V", .help = "only results with this label; may be given again" },
	{ "split", 0, ASSAY_OPT_STR, NULL, .arg = "K", .help = "a series for each value of this label" },
	{ "include-invalid", 0, ASSAY_OPT_FLAG, "false", .help = "take INVALID results too" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "also write history.json, history.md, history.csv and report.html there; absent or empty" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print the document on stdout, and only that" },
	{ "progress", 0, ASSAY_OPT_FLAG, "true", .help = "show progress on stderr" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	ASSAY_OPT_END,
};

struct job { struct assay_history *h; struct assay_status_line *line; size_t seen; };

static int take(void *arg, const char *dir, struct assay_err *e)
{
	struct job *j = arg;
	struct assay_err why = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/result.json", dir);
	json_t *result = NULL;
	const char *bad = NULL;
	(void)e;
	assay_status_line_show(j->line, "history", "reading results", (double)j->seen++, -1, -1);
	if (!assay_fs_exists(path))
		bad = cmd_not_in_use(dir, &why) ? "in use: a run is still writing there" : "no result.json (after a killed run, assay report makes it)";
	else if (!(result = assay_result_load(dir, &why)))
		bad = why.msg;
	else if (!cmd_result_whole(result))
		bad = CMD_EDITED;
	if (bad)
		assay_history_leave_out(j->h, dir, bad);
	else
		assay_history_add(j->h, result, dir);
	json_decref(result);
	free(path);
	return 0;
}

static int open_job(struct job *j, const struct assay_options *o, const char **keys, char *text, struct assay_err *e)
{
	struct assay_history_options h = { .split = assay_options_str(o, "split"), .by_time = !strcmp(assay_options_str(o, "by"), "time"), .include_invalid = assay_options_flag(o, "include-invalid") };
	char *save = NULL;
	for (char *w = text ? strtok_r(text, ", ", &save) : NULL; w; w = strtok_r(NULL, ", ", &save)) {
		if (h.n_metrics == ASSAY_HISTORY_KEYS)
			return assay_fail(e, ASSAY_E_USAGE, "--metrics: at most %d", ASSAY_HISTORY_KEYS);
		keys[h.n_metrics++] = w;
	}
	h.metrics = text ? keys : NULL;
	h.n_where = (size_t)assay_options_strs(o, "where", &h.where);
	return assay_history_open(&h, &j->h, e);
}

static void show(const json_t *doc, const struct assay_options *o)
{
	struct assay_term term;
	struct assay_buf b;
	assay_buf_init(&b, (size_t)1 << 30);
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(o, "color"));
	if (assay_options_flag(o, "json")) {
		cmd_print_json(doc, NULL);
	} else {
		assay_face_history(doc, &b, &term);
	}
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
}

static int history(struct job *j, const struct assay_options *o, struct assay_err *e)
{
	const char *keys[ASSAY_HISTORY_KEYS], *metrics = assay_options_str(o, "metrics"), *given = assay_options_str(o, "output");
	char **dirs, *text = metrics ? xstrdup(metrics) : NULL, *out = NULL;
	int n = assay_options_positionals(o, &dirs), rc = n ? 0 : assay_fail(e, ASSAY_E_USAGE, "history needs a folder that holds results");
	if (!rc)
		rc = open_job(j, o, keys, text, e);
	for (int i = 0; i < n && !rc; i++)
		rc = assay_results_find(dirs[i], take, j, e);
	assay_status_line_close(j->line);
	j->line = NULL;
	json_t *doc = rc ? NULL : assay_history_finish(j->h);
	if (doc && !j->seen)
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: no result there, nor below", dirs[0]);
	if (!rc && given)
		rc = cmd_many_dir(given, "history", &out, e);
	if (!rc && given)
		rc = assay_face_history_write(doc, out, e);
	if (!rc)
		show(doc, o);
	if (!rc && given && !assay_options_flag(o, "json"))
		printf("\nreport  %s/report.html\n", out);
	json_decref(doc);
	free(text);
	free(out);
	return rc;
}

int cmd_history(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	struct job j = { 0 };
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	j.line = assay_options_flag(o, "progress") ? assay_status_line_open() : NULL;
	if (history(&j, o, &e))
		status = cmd_error(&e);
	assay_status_line_close(j.line);
	assay_history_close(j.h);
	assay_options_close(o);
	return status;
}
