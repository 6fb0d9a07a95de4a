/* campaign.json, junit.xml and results.jsonl of a campaign; see campaign.h. summary.md is in campaign_summary.c. */
#include "report/campaign.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "draw/file.h"
#include "draw/junit.h"
#include "report/campaign_summary.h"
#include "report/compare_tables.h"
#include "report/face_data.h"
#include "report/jsonl.h"
#include "report/report.h"

#define CAMPAIGN_BYTES_MAX ((size_t)64 << 20)

int assay_campaign_save(const char *dir, const json_t *campaign, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, CAMPAIGN_BYTES_MAX);
	assay_json_print(&b, campaign, 1);
	assay_buf_puts(&b, "\n");
	return draw_file_write(&b, dir, "campaign.json", e);
}

json_t *assay_campaign_load(const char *dir, struct assay_err *e)
{
	char *path = xasprintf("%s/campaign.json", dir);
	json_t *v = assay_json_load(path, CAMPAIGN_BYTES_MAX, ASSAY_E_USAGE, e);
	if (v && strcmp(assay_json_get_str(v, "schema", ""), ASSAY_CAMPAIGN_SCHEMA)) {
		assay_fail(e, ASSAY_E_USAGE, "%s: not an " ASSAY_CAMPAIGN_SCHEMA " document", path);
		json_decref(v);
		v = NULL;
	}
	free(path);
	return v;
}

/* A step's result document, or NULL. New reference. */
static json_t *load_result(const char *dir, const json_t *step)
{
	struct assay_err ignored = ASSAY_ERR_INIT;
	if (!json_is_object(json_object_get(step, "result")))
		return NULL;
	char *path = xasprintf("%s/%s", dir, assay_json_get_str(step, "directory", ""));
	json_t *result = assay_result_load(path, &ignored);
	free(path);
	return result;
}

json_t *campaign_comparison(const char *dir, const json_t *step)
{
	const char *file = assay_json_get_str(json_object_get(step, "comparison"), "file", NULL);
	struct assay_err ignored = ASSAY_ERR_INIT;
	char *path = file ? xasprintf("%s/%s", dir, file) : NULL;
	json_t *doc = path ? assay_json_load(path, CAMPAIGN_BYTES_MAX, ASSAY_E_DATA, &ignored) : NULL;
	free(path);
	return doc;
}

void assay_campaign_headline(const json_t *result, char out[200])
{
	static const struct { const char *words, *key, *stat; } parts[] = { { "TTFT ", "ttft_ms", "p50" }, { "TPOT ", "tpot_ms", "p50" }, { "", "output_tok_s", "mean" } };
	const json_t *points = json_object_get(result, "points"), *p = NULL;
	char number[48], label[96];
	int n = 0;
	out[0] = 0;
	for (size_t i = 0; i < json_array_size(points) && !face_ok(p); i++)
		p = json_array_get(points, i);
	if (!face_ok(p))
		return;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		face_number(number, p, parts[i].key, parts[i].stat, "");
		if (*number)
			n += snprintf(out + n, (size_t)(200 - n), "%s%s%s %s", n ? ", " : "", parts[i].words, number, assay_json_get_str(face_metric(p, parts[i].key), "unit", ""));
	}
	face_case(label, p);
	if (n && json_array_size(points) > 1)
		snprintf(out + n, (size_t)(200 - n), " (%.60s; %zu cases)", label, json_array_size(points));
}

static json_t *load_beside(const char *dir, const char *name)
{
	struct assay_err ignored = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/%s", dir, name);
	json_t *v = assay_fs_exists(path) ? assay_json_load(path, CAMPAIGN_BYTES_MAX, ASSAY_E_DATA, &ignored) : NULL;
	free(path);
	return v;
}

bool assay_campaign_note(const char *dir, char out[300])
{
	json_t *sweep = load_beside(dir, "sweep.json"), *pairs = load_beside(dir, "comparison.json"), *best;
	size_t i;
	int n = 0;
	char effects[400];
	out[0] = 0;
	json_array_foreach(json_object_get(sweep, "best"), i, best) {
		const json_t *c = json_array_get(json_object_get(sweep, "configurations"), (size_t)assay_json_get_int(best, "configuration", 0) - 1);
		if (n < 200)
			n += snprintf(out + n, (size_t)(300 - n), "%sbest in %.40s: %.50s", n ? "; " : "", assay_json_get_str(best, "objective", "?"), assay_json_get_str(c, "name", "none may be named"));
	}
	if (pairs) {
		assay_campaign_effects(pairs, effects);
		snprintf(out, 300, "B against A: %.12s (%.250s)", assay_json_get_str(pairs, "verdict", "?"), effects);
	}
	json_decref(sweep);
	json_decref(pairs);
	return *out;
}

void assay_campaign_effects(const json_t *comparison, char out[400])
{
	size_t i;
	json_t *row;
	int n = 0;
	out[0] = 0;
	json_array_foreach(json_object_get(comparison, "metrics"), i, row) {
		double effect = assay_json_get_num(row, "effect_pct", NAN);
		if (!compare_is_family(row) || isnan(effect) || n > 330)
			continue;
		n += snprintf(out + n, (size_t)(400 - n), "%s%.30s %+.1f%% %.12s", n ? ", " : "", assay_json_get_str(row, "key", "?"), effect, assay_json_get_str(row, "verdict", "-"));
	}
}

/* ---- junit.xml ---- */

static void comparison_cases(struct junit *j, const char *dir, const json_t *step, const char *suite)
{
	const json_t *c = json_object_get(step, "comparison");
	const char *baseline = assay_json_get_str(c, "baseline", "?"), *reason = assay_json_get_str(c, "reason", NULL), *state = assay_json_get_str(c, "state", "");
	if (!json_is_object(c))
		return;
	json_t *doc = campaign_comparison(dir, step);
	if (doc && !reason)
		junit_comparison(j, doc, suite, baseline);
	else
		junit_case(j, strcmp(state, "absent") ? JUNIT_FAILURE : JUNIT_SKIPPED, suite, "comparison", NAN, reason ? reason : "no comparison was made", NULL);
	json_decref(doc);
}

static void step_suite(struct junit *j, const char *dir, const char *name, const json_t *step, const json_t *result)
{
	static const struct { const char *state; enum junit_state as; } map[] = { { "done", JUNIT_PASS }, { "skipped", JUNIT_SKIPPED }, { "pending", JUNIT_SKIPPED } };
	const char *state = assay_json_get_str(step, "state", "?"), *reason = assay_json_get_str(step, "reason", NULL);
	enum junit_state as = JUNIT_ERROR;
	char *suite = xasprintf("%s.%s", name, assay_json_get_str(step, "name", "?"));
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (!strcmp(state, map[i].state))
			as = map[i].as;
	junit_case(j, as, suite, "run", assay_json_get_num(step, "wall_s", NAN), reason ? reason : state, NULL);
	comparison_cases(j, dir, step, suite);
	if (result)
		junit_result(j, result, suite);
	else
		junit_suite(j, suite, assay_json_get_str(step, "started", NULL), NULL);
	free(suite);
}

/* ---- all ---- */

int assay_campaign_faces(const char *dir, const json_t *campaign, struct assay_buf *summary, struct assay_err *e)
{
	struct campaign_summary s;
	struct junit j;
	struct assay_buf lines, xml, md;
	const char *name = assay_json_get_str(campaign, "name", "job");
	size_t i;
	json_t *step;
	junit_init(&j);
	campaign_summary_init(&s);
	assay_buf_init(&lines, DRAW_FILE_BYTES_MAX);
	assay_buf_init(&xml, DRAW_FILE_BYTES_MAX);
	assay_buf_init(&md, DRAW_FILE_BYTES_MAX);
	json_array_foreach(json_object_get(campaign, "steps"), i, step) {
		json_t *result = load_result(dir, step);
		if (!strcmp(assay_json_get_str(step, "state", ""), "not_selected"))
			continue;
		step_suite(&j, dir, name, step, result);
		campaign_summary_step(&s, dir, step, result);
		if (result)
			face_jsonl_results(result, assay_json_get_str(step, "name", ""), &lines);
		json_decref(result);
	}
	junit_print(&j, name, &xml);
	junit_release(&j);
	campaign_summary_print(&s, campaign, &md);
	assay_buf_puts(summary, md.data ? md.data : "");
	int rc = draw_file_write(&md, dir, "summary.md", e), more = draw_file_write(&xml, dir, "junit.xml", rc ? NULL : e);
	rc = rc ? rc : more;
	more = draw_file_write(&lines, dir, "results.jsonl", rc ? NULL : e);
	return rc ? rc : more;
}
