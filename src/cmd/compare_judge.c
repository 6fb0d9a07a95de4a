/* What compare and pairs share; see compare.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/compare.h"
#include "cmd/show_result.h"
#include "draw/text.h"
#include "report/compare_tables.h"
#include "report/face_compare.h"
#include "report/report.h"

const struct assay_opt cmd_judge_options[] = {
	{ "metrics", 0, ASSAY_OPT_STR, NULL, .arg = "KEY,...", .help = "the family that is judged, at most 8 (ttft_ms, tpot_ms, output_tok_s, wall_s, rss_peak_mib as they apply)" },
	{ "min-effect", 0, ASSAY_OPT_STR, "1%", .arg = "X%", .help = "the least effect that matters: less is SAME, never FASTER or SLOWER" },
	{ "fail-on-regression", 0, ASSAY_OPT_STR, NULL, .arg = "X%", .help = "exit 1 when a metric is worse by more than X% and that is no accident; 4 when a side is INVALID" },
	{ "fail-on", 0, ASSAY_OPT_STR, NULL, .arg = "KEY:X%,...", .help = "the same for single metrics" },
	{ "strict", 0, ASSAY_OPT_FLAG, "false", .help = "exit 1 also when it is undecided and the 90 % interval reaches the bound" },
	{ "across", 0, ASSAY_OPT_ENUMS, NULL, .choices = "model|case", .help = "compare although these differ; cases are then paired by their order" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print the comparison as JSON on stdout, and only that" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	ASSAY_OPT_END,
};

void cmd_docs_release(struct cmd_docs *d)
{
	for (size_t i = 0; i < d->n; i++)
		json_decref(d->list[i]);
}

int cmd_docs_load(struct cmd_docs *d, const char *dir, struct assay_err *e)
{
	char *path = xasprintf("%s/result.json", dir);
	int rc = 0;
	if (d->n == CMD_DOCS_MAX)
		rc = assay_fail(e, ASSAY_E_USAGE, "at most %d results a side", CMD_DOCS_MAX);
	else if (!assay_fs_is_dir(dir))
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: no such directory", dir);
	else if (!(rc = cmd_not_in_use(dir, e)) && !assay_fs_exists(path))
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: holds no result.json (after a killed run, assay report %s rebuilds it)", dir, dir);
	else if (!rc && (d->list[d->n] = assay_result_load(dir, e)))
		d->n++;
	else
		rc = e->code = ASSAY_E_USAGE;
	free(path);
	return rc;
}

/* "2%", "2 %", "0.5" -> 0.02, 0.02, 0.005. */
static int percent(const char *option, const char *text, double *out, struct assay_err *e)
{
	char *end;
	double x = strtod(text, &end);
	const char *rest = end + strspn(end, " ");
	if (end == text || (*rest && strcmp(rest, "%")) || !(x >= 0 && x <= 1000))
		return assay_fail(e, ASSAY_E_USAGE, "--%s: \"%.60s\" is not a percentage from 0%% to 1000%%, such as 2%%", option, text);
	*out = x / 100;
	return 0;
}

static int read_metrics(struct cmd_judge *j, const struct assay_options *o, struct assay_err *e)
{
	const char *text = assay_options_str(o, "metrics");
	char *save = NULL;
	if (percent("min-effect", assay_options_str(o, "min-effect"), &j->o.min_effect, e))
		return e->code;
	if (!text)
		return 0;
	j->metrics_text = xstrdup(text);
	for (char *w = strtok_r(j->metrics_text, ", ", &save); w; w = strtok_r(NULL, ", ", &save)) {
		if (j->o.n_metrics == ASSAY_COMPARE_KEYS)
			return assay_fail(e, ASSAY_E_USAGE, "--metrics: at most %d: every further one makes all harder to decide", ASSAY_COMPARE_KEYS);
		j->metrics[j->o.n_metrics++] = w;
	}
	j->o.metrics = j->metrics;
	return j->o.n_metrics ? 0 : assay_fail(e, ASSAY_E_USAGE, "--metrics: names no metric");
}

static int read_gates(struct cmd_judge *j, const struct assay_options *o, struct assay_err *e)
{
	const char *all = assay_options_str(o, "fail-on-regression"), *some = assay_options_str(o, "fail-on");
	char *save = NULL;
	if (all && percent("fail-on-regression", all, &j->gates[j->n_gates++].worse, e))
		return e->code;
	if (!some)
		return 0;
	j->fail_text = xstrdup(some);
	for (char *w = strtok_r(j->fail_text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(w, ':');
		if (!colon || colon == w)
			return assay_fail(e, ASSAY_E_USAGE, "--fail-on: \"%.60s\" is not KEY:X%%, such as ttft_ms:5%%", w);
		if (j->n_gates == CMD_GATES_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--fail-on: more bounds than metrics");
		*colon = 0;
		j->gates[j->n_gates].key = w + strspn(w, " ");
		if (percent("fail-on", colon + 1, &j->gates[j->n_gates++].worse, e))
			return e->code;
	}
	return 0;
}

int cmd_judge_read(struct cmd_judge *j, const struct assay_options *o, struct assay_err *e)
{
	bool across = assay_options_is_set(o, "across");
	j->o.across_model = across && assay_options_has(o, "across", "model");
	j->o.across_case = across && assay_options_has(o, "across", "case");
	return read_metrics(j, o, e) ? e->code : read_gates(j, o, e);
}

void cmd_judge_release(struct cmd_judge *j)
{
	free(j->metrics_text);
	free(j->fail_text);
}

/* One line that names every difference. */
int cmd_judge_refuse(const json_t *doc, struct assay_err *e)
{
	const json_t *list = json_object_get(doc, "differences");
	struct assay_buf b;
	char text[700];
	assay_buf_init(&b, 65536);
	for (size_t i = 0; i < json_array_size(list); i++) {
		assay_face_difference(json_array_get(list, i), text, sizeof text);
		assay_buf_puts(&b, i ? "; " : "");
		draw_text_clean(&b, text);
	}
	assay_fail(e, ASSAY_E_USAGE, "not comparable: %s", b.data ? b.data : "?");
	assay_buf_release(&b);
	return e->code;
}

void cmd_judge_show(const json_t *doc, const struct assay_options *o)
{
	struct assay_term term;
	struct assay_buf b;
	assay_buf_init(&b, (size_t)64 << 20);
	if (assay_options_flag(o, "json")) {
		cmd_print_json(doc, NULL);
	} else {
		assay_term_init(&term, STDOUT_FILENO, assay_options_flag(o, "color"));
		assay_face_compare(doc, &b, term.width, term.colour);
	}
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	assay_buf_init(&b, 1 << 20);
	assay_comparison_markdown(doc, &b);
	cmd_step_summary(&b);
	assay_buf_release(&b);
}

static bool invalid(const struct cmd_docs *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(assay_json_get_str(json_object_get(d->list[i], "verdict"), "state", ""), "INVALID"))
			return true;
	return false;
}

int cmd_judge_status(const struct cmd_judge *j, const json_t *doc, const struct cmd_docs *a, const struct cmd_docs *b, const struct assay_options *o)
{
	const char *gate = assay_json_get_str(json_object_get(doc, "gate"), "status", "pass");
	if (!j->n_gates)
		return ASSAY_EXIT_OK;
	if (invalid(a) || invalid(b)) {
		fprintf(stderr, "assay: a side is INVALID: its numbers cannot prove or clear a regression\n");
		return ASSAY_EXIT_INVALID;
	}
	if (!strcmp(gate, "unsure") && !assay_options_flag(o, "strict"))
		fprintf(stderr, "assay: undecided: a regression beyond the bound is neither shown nor ruled out (--strict fails on this)\n");
	return !strcmp(gate, "fail") || (!strcmp(gate, "unsure") && assay_options_flag(o, "strict")) ? ASSAY_EXIT_FAILED : ASSAY_EXIT_OK;
}
