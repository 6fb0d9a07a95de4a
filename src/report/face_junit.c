/* junit.xml: what a CI system lists as failed: an INVALID verdict, a point that could not be measured, a target that was missed. What was not
 * measured for a known reason (a limit, a target without its case) is skipped. Computes nothing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "draw/junit.h"
#include "report/compare_tables.h"
#include "report/face_data.h"
#include "report/face_sections.h"
#include "report/faces.h"

/* "INVALID token_mismatch: 3 requests (bound 0); advice", a line a reason. */
static void verdict_case(struct junit *j, const json_t *result, const char *class)
{
	const json_t *v = json_object_get(result, "verdict");
	const char *state = assay_json_get_str(v, "state", "?");
	struct assay_buf text;
	size_t i;
	json_t *r;
	assay_buf_init(&text, 65536);
	json_array_foreach(json_object_get(v, "reasons"), i, r)
		assay_buf_printf(&text, "%s%s %s: %s (bound %s): %s", i ? "; " : "", assay_json_get_str(r, "state", ""), assay_json_get_str(r, "code", ""), assay_json_get_str(r, "measured", ""),
		                 assay_json_get_str(r, "bound", ""), assay_json_get_str(r, "advice", ""));
	junit_case(j, strcmp(state, "INVALID") ? JUNIT_PASS : JUNIT_FAILURE, class, "verdict", NAN, state, text.data);
	assay_buf_release(&text);
}

static void point_case(struct junit *j, const json_t *p, const char *class)
{
	const char *status = assay_json_get_str(p, "status", "?"), *reason = assay_json_get_str(p, "reason", NULL);
	enum junit_state state = !strcmp(status, "ok") && face_ok(p) ? JUNIT_PASS : !strcmp(status, "limit") ? JUNIT_SKIPPED : JUNIT_ERROR;
	const char *axis = assay_json_get_str(json_object_get(p, "case"), "axis", NULL);
	char label[96], name[200];
	face_case(label, p);
	snprintf(name, sizeof name, "point %s %s%s%.20s%s", assay_json_get_str(p, "experiment", "?"), label, axis ? ", " : "", axis ? axis : "", axis ? " axis" : "");
	junit_case(j, state, class, name, face_stat(p, "wall_s", "mean"), reason ? reason : status, NULL);
}

static void target_case(struct junit *j, const json_t *row, const char *class)
{
	static const struct { const char *status; enum junit_state state; } map[] = { { "pass", JUNIT_PASS }, { "informational", JUNIT_PASS }, { "fail", JUNIT_FAILURE }, { "not_measured", JUNIT_SKIPPED } };
	enum junit_state state = JUNIT_ERROR;
	char label[96], bound[64], name[300], why[160], value[48];
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (!strcmp(assay_json_get_str(row, "status", "?"), map[i].status))
			state = map[i].state;
	face_case(label, row);
	face_bound(bound, row);
	face_format(value, assay_json_get_num(row, "actual", NAN), 3);
	snprintf(name, sizeof name, "target %s %s %s%s%s", assay_json_get_str(row, "metric", "?"), assay_json_get_str(row, "stat", ""), bound, *label ? ": " : "", label);
	if (state == JUNIT_SKIPPED)
		snprintf(why, sizeof why, "not measured");
	else
		snprintf(why, sizeof why, "%s, target %s", value, bound);
	junit_case(j, state, class, name, NAN, why, NULL);
}

/* Owned copies of what tells one result from another. */
static json_t *properties(const json_t *result)
{
	const json_t *model = json_object_get(result, "model"), *machine = json_object_get(result, "machine");
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", assay_json_get_str(result, "id", ""), "model", assay_json_get_str(model, "name", ""), "dtype", assay_json_get_str(model, "dtype", ""), "engine",
	                 assay_json_get_str(json_object_get(result, "engine"), "name", ""), "host", assay_json_get_str(machine, "host", ""), "cpu",
	                 assay_json_get_str(json_object_get(machine, "cpu"), "model", ""));
}

void junit_result(struct junit *j, const json_t *result, const char *suite)
{
	json_t *about = properties(result), *v;
	size_t i;
	verdict_case(j, result, suite);
	json_array_foreach(json_object_get(result, "points"), i, v)
		point_case(j, v, suite);
	json_array_foreach(json_object_get(result, "targets"), i, v)
		target_case(j, v, suite);
	junit_suite(j, suite, assay_json_get_str(result, "created", NULL), about);
	json_decref(about);
}

/* The bound of a metric's row, or NULL. */
static const json_t *gate_of(const json_t *doc, const char *key)
{
	return assay_json_find(assay_json_at(doc, "gate.rows"), "key", key);
}

void junit_comparison(struct junit *j, const json_t *doc, const char *classname, const char *baseline)
{
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(doc, "metrics"), i, row) {
		const char *key = assay_json_get_str(row, "key", "?");
		const json_t *gate = gate_of(doc, key);
		char name[300], why[300], effect[48];
		if (!compare_is_family(row))
			continue;
		face_format(effect, assay_json_get_num(row, "effect_pct", NAN), 2);
		snprintf(name, sizeof name, "%.80s against %.160s", key, baseline);
		snprintf(why, sizeof why, "%s: %s %% (bound %g %%)", assay_json_get_str(row, "verdict", "not decided"), effect, assay_json_get_num(gate, "bound_pct", NAN));
		if (!gate)
			snprintf(why, sizeof why, "%s: %s %%", assay_json_get_str(row, "verdict", "not decided"), effect);
		junit_case(j, strcmp(assay_json_get_str(gate, "status", ""), "fail") ? JUNIT_PASS : JUNIT_FAILURE, classname, name, NAN, why, why);
	}
}

static int write_junit(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct junit j;
	struct assay_buf b;
	char suite[100];
	(void)run;
	snprintf(suite, sizeof suite, "assay.%.80s", assay_json_get_str(result, "experiment", "?"));
	junit_init(&j);
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	junit_result(&j, result, suite);
	junit_print(&j, suite, &b);
	junit_release(&j);
	return draw_file_write(&b, dir, "junit.xml", e);
}

const struct assay_face face_junit = { "junit", "junit.xml: verdict, points and targets as test cases, for CI", false, write_junit, "junit.xml" };
