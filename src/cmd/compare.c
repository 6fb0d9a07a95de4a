/* assay compare A B, assay compare A1 A2 -- B1 B2: do two results differ, or do they only seem to? */
#include "cmd/compare.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/compare.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/show_result.h"
#include "report/face_compare.h"
#include "report/report.h"

enum { STORED_MAX = 200, GATES_MAX = ASSAY_COMPARE_KEYS + 1 };

const struct assay_opt cmd_compare_options[] = {
	{ "metrics", 0, ASSAY_OPT_STR, NULL, .arg = "KEY,...", .help = "the family that is judged, at most 8 (ttft_ms, tpot_ms, output_tok_s, wall_s, rss_peak_mib as they apply)" },
	{ "min-effect", 0, ASSAY_OPT_STR, "1%", .arg = "X%", .help = "the least effect that matters: less is SAME, never FASTER or SLOWER" },
	{ "fail-on-regression", 0, ASSAY_OPT_STR, NULL, .arg = "X%", .help = "exit 1 when a metric is worse by more than X% and that is no accident; 4 when a side is INVALID" },
	{ "fail-on", 0, ASSAY_OPT_STR, NULL, .arg = "KEY:X%,...", .help = "the same for single metrics" },
	{ "strict", 0, ASSAY_OPT_FLAG, "false", .help = "exit 1 also when it is undecided and the 90 % interval reaches the bound" },
	{ "across", 0, ASSAY_OPT_ENUM, NULL, .choices = "model", .help = "compare although the models differ" },
	{ "paired", 0, ASSAY_OPT_FLAG, "false", .help = "A1 A2... -- B1 B2... were measured in turn (A1 B1, B2 A2, ...): the unit is the pair" },
	{ "sequential", 0, ASSAY_OPT_FLAG, "false", .help = "with --paired: this is a look at 10, 14, 20, 28 or 40 pairs, after which more may be measured" },
	{ "sessions", 0, ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "folder of earlier results that tell how much two sessions differ (the folder that holds A)" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print the comparison as JSON on stdout, and only that" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	ASSAY_OPT_END,
};

struct docs { json_t *list[STORED_MAX]; size_t n; };

/* All that one comparison holds. */
struct job {
	struct docs a, b, stored;
	char *metrics_text, *fail_text;
	const char *metrics[ASSAY_COMPARE_KEYS + 1];
	struct assay_compare_options o;
	struct assay_gate gates[GATES_MAX];
	size_t n_gates;
	json_t *doc;
};

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

static void close_docs(struct docs *d)
{
	for (size_t i = 0; i < d->n; i++)
		json_decref(d->list[i]);
}

static int load(struct docs *d, const char *dir, struct assay_err *e)
{
	char *path = xasprintf("%s/result.json", dir);
	int rc = 0;
	if (d->n == STORED_MAX)
		rc = assay_fail(e, ASSAY_E_USAGE, "compare takes at most %d results a side", STORED_MAX);
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

/* Results beside A: what cannot be read is no result. */
static void load_stored(struct docs *d, const char *folder)
{
	DIR *dir = opendir(folder);
	for (struct dirent *x; dir && (x = readdir(dir)) && d->n < STORED_MAX;) {
		char *sub = xasprintf("%s/%s", folder, x->d_name), *path = xasprintf("%s/result.json", sub);
		struct assay_err e = ASSAY_ERR_INIT;
		if (x->d_name[0] != '.' && assay_fs_exists(path) && (d->list[d->n] = assay_result_load(sub, &e)))
			d->n++;
		free(path);
		free(sub);
	}
	if (dir)
		closedir(dir);
}

static void find_stored(struct job *j, const struct assay_options *o, const char *first)
{
	const char *given = assay_options_str(o, "sessions"), *slash;
	size_t len = strlen(first);
	while (len > 1 && first[len - 1] == '/')
		len--;
	slash = memrchr(first, '/', len);
	char *beside = slash ? strndup(first, slash == first ? 1 : (size_t)(slash - first)) : xstrdup(".");
	if (j->a.n == 1 && !assay_json_get_bool(json_object_get(j->a.list[0], "clock"), "virtual", 0))
		load_stored(&j->stored, given ? given : beside);
	free(beside);
}

static int read_metrics(struct job *j, const struct assay_options *o, struct assay_err *e)
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

static int read_gates(struct job *j, const struct assay_options *o, struct assay_err *e)
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
		if (j->n_gates == GATES_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--fail-on: more bounds than metrics");
		*colon = 0;
		j->gates[j->n_gates].key = w + strspn(w, " ");
		if (percent("fail-on", colon + 1, &j->gates[j->n_gates++].worse, e))
			return e->code;
	}
	return 0;
}

/* One line that names every difference. */
static int refuse(const json_t *doc, struct assay_err *e)
{
	const json_t *list = json_object_get(doc, "differences");
	struct assay_buf b;
	char text[700];
	assay_buf_init(&b, 65536);
	for (size_t i = 0; i < json_array_size(list); i++) {
		assay_face_difference(json_array_get(list, i), text, sizeof text);
		assay_buf_printf(&b, "%s%s", i ? "; " : "", text);
	}
	assay_fail(e, ASSAY_E_USAGE, "not comparable: %s", b.data ? b.data : "?");
	assay_buf_release(&b);
	return e->code;
}

static void show(const struct job *j, const struct assay_options *o)
{
	struct assay_term term;
	struct assay_buf b;
	assay_buf_init(&b, (size_t)64 << 20);
	if (assay_options_flag(o, "json")) {
		assay_json_print(&b, j->doc, 2);
		assay_buf_puts(&b, "\n");
	} else {
		assay_term_init(&term, STDOUT_FILENO, assay_options_flag(o, "color"));
		assay_face_compare(j->doc, &b, term.width, term.colour);
	}
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
}

static bool invalid(const struct docs *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(assay_json_get_str(json_object_get(d->list[i], "verdict"), "state", ""), "INVALID"))
			return true;
	return false;
}

static int status_of(const struct job *j, const struct assay_options *o)
{
	const char *gate = assay_json_get_str(json_object_get(j->doc, "gate"), "status", "pass");
	if (!j->n_gates)
		return ASSAY_EXIT_OK;
	if (invalid(&j->a) || invalid(&j->b)) {
		fprintf(stderr, "assay: a side is INVALID: its numbers cannot prove or clear a regression\n");
		return ASSAY_EXIT_INVALID;
	}
	if (!strcmp(gate, "unsure") && !assay_options_flag(o, "strict"))
		fprintf(stderr, "assay: undecided: a regression beyond the bound is neither shown nor ruled out (--strict fails on this)\n");
	return !strcmp(gate, "fail") || (!strcmp(gate, "unsure") && assay_options_flag(o, "strict")) ? ASSAY_EXIT_FAILED : ASSAY_EXIT_OK;
}

/* names[0, n_a) are A's directories, the others B's. */
static int compare(struct job *j, const struct assay_options *o, char **names, int n_a, int n, struct assay_err *e)
{
	if (read_metrics(j, o, e) || read_gates(j, o, e))
		return e->code;
	for (int i = 0; i < n; i++)
		if (load(i < n_a ? &j->a : &j->b, names[i], e))
			return e->code;
	find_stored(j, o, names[0]);
	j->o.across_model = assay_options_is_set(o, "across");
	j->o.paired = assay_options_flag(o, "paired");
	j->o.sequential = assay_options_flag(o, "sequential");
	j->o.stored = j->stored.list;
	j->o.n_stored = j->stored.n;
	if (!(j->doc = assay_compare(j->a.list, j->a.n, j->b.list, j->b.n, &j->o, e)))
		return e->code;
	bool comparable = assay_json_get_bool(j->doc, "comparable", 0);
	if (comparable && j->n_gates && assay_compare_gate(j->doc, j->gates, j->n_gates, e))
		return e->code;
	if (comparable || assay_options_flag(o, "json"))
		show(j, o);
	return comparable ? 0 : refuse(j->doc, e);
}

/* argv without the "--" that parts A's results from B's; *n_a = results before it, -1 when there is none. */
static char **without_divider(int *argc, char **argv, int *n_a)
{
	const struct assay_opt *const tables[] = { cmd_compare_options, NULL };
	char **out = xalloc(((size_t)*argc + 1) * sizeof *out), **list;
	int at = 0, n = 0;
	while (at < *argc && strcmp(argv[at], "--"))
		at++;
	*n_a = -1;
	if (at < *argc) { /* the words before it, read alone, tell how many of them are results; an error there comes again below */
		struct assay_options *before = assay_options_open(tables);
		if (!assay_options_parse(before, at, argv, NULL))
			*n_a = assay_options_positionals(before, &list);
		assay_options_close(before);
	}
	for (int i = 0; i < *argc; i++)
		if (i != at)
			out[n++] = argv[i];
	*argc = n;
	return out;
}

int cmd_compare(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	struct job *j = xalloc(sizeof *j);
	char **list, **words;
	int status = 0, n_a, rc;
	words = without_divider(&argc, argv, &n_a);
	if (!cmd_options(v, argc, words, &o, &status)) {
		int n = assay_options_positionals(o, &list);
		if (n_a < 0)
			n_a = n == 2 ? 1 : 0;
		rc = n_a > 0 && n > n_a ? compare(j, o, list, n_a, n, &e) : assay_fail(&e, ASSAY_E_USAGE, "compare needs two result directories, A B, or several a side: A1 A2 -- B1 B2");
		status = rc ? cmd_error(&e) : status_of(j, o);
		assay_options_close(o);
	}
	json_decref(j->doc);
	close_docs(&j->a);
	close_docs(&j->b);
	close_docs(&j->stored);
	free(j->metrics_text);
	free(j->fail_text);
	free(j);
	free(words);
	return status;
}
