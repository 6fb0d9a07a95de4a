/* See face_compare.h. Order: the verdict, the family, what it cannot see, single cases, what else differs. */
#include "report/face_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/face_table.h"
#include "report/face_text.h"

enum { DETAILS_SHOWN = 40 };

static void say(struct assay_buf *b, int width, const char *first, const char *text)
{
	face_text_wrap(b, text, first, "  ", width);
}

static void value_cell(struct face_table *t, const json_t *row, const char *side)
{
	const struct assay_metric *m = assay_metric_find(assay_json_get_str(row, "key", ""));
	double x = assay_json_get_num(row, side, NAN);
	char text[48] = "-";
	if (!isnan(x))
		face_format(text, x, m ? m->digits : 2);
	face_table_cell(t, "%s", text);
}

static void percent_cell(struct face_table *t, double x, const char *sign)
{
	if (isnan(x))
		face_table_cell(t, "-");
	else if (*sign)
		face_table_cell(t, fabs(x) < 9.95 ? "%+.2f%%" : "%+.1f%%", x);
	else
		face_table_cell(t, x < 9.95 ? "%.2f%%" : "%.1f%%", x);
}

static void interval_cell(struct face_table *t, const json_t *ci)
{
	const json_t *lo = json_array_get(ci, 0), *hi = json_array_get(ci, 1);
	if (json_is_number(lo) && json_is_number(hi))
		face_table_cell(t, "%+.1f..%+.1f%%", json_number_value(lo), json_number_value(hi));
	else
		face_table_cell(t, "-");
}

static void pairs_cell(struct face_table *t, const json_t *row)
{
	if (json_is_integer(json_object_get(row, "pairs_needed")))
		face_table_cell(t, "%lld", (long long)assay_json_get_int(row, "pairs_needed", 0));
	else
		face_table_cell(t, json_is_null(json_object_get(row, "reason")) ? "> 1,000" : "-");
}

static bool is_family(const json_t *row)
{
	return !strcmp(assay_json_get_str(row, "role", ""), "family");
}

static void family(const json_t *doc, struct assay_buf *b, int width, bool colour)
{
	char head[24];
	const json_t *rows = json_object_get(doc, "metrics");
	struct face_table t;
	snprintf(head, sizeof head, "%.3g%% interval", 100 * (1 - assay_json_get_num(doc, "alpha", 0.05)));
	face_table_init(&t);
	face_table_col(&t, "Metric", false, 0);
	face_table_col(&t, "A", true, 3);
	face_table_col(&t, "B", true, 3);
	face_table_col(&t, "Effect", true, 0);
	face_table_col(&t, head, true, 2);
	face_table_col(&t, "Verdict", false, 0);
	face_table_col(&t, "Sees", true, 2);
	face_table_col(&t, "Pairs", true, 1);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		if (!is_family(row))
			continue;
		face_table_cell(&t, "%s", assay_json_get_str(row, "key", "?"));
		value_cell(&t, row, "a");
		value_cell(&t, row, "b");
		percent_cell(&t, assay_json_get_num(row, "effect_pct", NAN), "+");
		interval_cell(&t, json_object_get(row, "level_ci_pct"));
		face_table_cell(&t, "%s", assay_json_get_str(row, "verdict", "?"));
		percent_cell(&t, assay_json_get_num(row, "smallest_visible_pct", NAN), "");
		pairs_cell(&t, row);
	}
	face_table_text(&t, b, width, colour);
	face_table_release(&t);
}

static void details(const json_t *doc, struct assay_buf *b, int width, bool colour)
{
	const json_t *rows = json_object_get(doc, "metrics");
	struct face_table t;
	size_t shown = 0, all = 0;
	face_table_init(&t);
	face_table_col(&t, "Case (detail)", false, 0);
	face_table_col(&t, "Metric", false, 0);
	face_table_col(&t, "Effect", true, 0);
	face_table_col(&t, "95% interval", true, 1);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		char name[96];
		if (is_family(row) || all++ >= DETAILS_SHOWN)
			continue;
		face_case(name, row);
		face_table_cell(&t, "%s %s", assay_json_get_str(row, "experiment", ""), name);
		face_table_cell(&t, "%s", assay_json_get_str(row, "key", "?"));
		percent_cell(&t, assay_json_get_num(row, "effect_pct", NAN), "+");
		interval_cell(&t, json_object_get(row, "ci95_pct"));
		shown++;
	}
	if (shown) {
		assay_buf_puts(b, "\n");
		face_table_text(&t, b, width, colour);
		say(b, width, "", "Single cases are not corrected for looking at several: they show where an effect sits and decide nothing.");
	}
	if (all > shown) {
		char text[120];
		snprintf(text, sizeof text, "%zu more in the document (--json).", all - shown);
		say(b, width, "", text);
	}
	face_table_release(&t);
}

/* Why a row says what it says: reasons, and where the spread between sessions came from (once a source). */
static void notes(const json_t *doc, struct assay_buf *b, int width)
{
	const json_t *rows = json_object_get(doc, "metrics");
	const char *last = "";
	char text[400];
	snprintf(text, sizeof text, "Effect is B against A. Sees: the least effect that this comparison finds 4 times out of 5. Pairs: interleaved pairs that would see this effect, or %g %%.",
	         assay_json_get_num(doc, "min_effect_pct", 1));
	say(b, width, "", text);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *reason = assay_json_get_str(row, "reason", NULL), *source = assay_json_get_str(row, "session_source", "");
		if (!is_family(row))
			continue;
		if (reason) {
			snprintf(text, sizeof text, "%s: %s: it decides nothing", assay_json_get_str(row, "key", "?"), reason);
			say(b, width, "- ", text);
		}
		if (strcmp(source, last)) {
			snprintf(text, sizeof text, "spread between sessions that is allowed for: %.2f %% (%s)", assay_json_get_num(row, "session_sd_pct", 0), source);
			say(b, width, "- ", text);
		}
		last = source;
	}
}

static void scalar(const json_t *v, char *out, size_t size)
{
	char *s = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
	snprintf(out, size, "%.200s", json_is_string(v) ? json_string_value(v) : s ? s : "?");
	free(s);
}

void assay_face_difference(const json_t *entry, char *out, int size_bytes)
{
	const json_t *va = json_object_get(entry, "a"), *vb = json_object_get(entry, "b");
	const char *what = assay_json_get_str(entry, "what", "?");
	char a[240], b[240];
	scalar(va, a, sizeof a);
	scalar(vb, b, sizeof b);
	if (json_is_null(va) && json_is_null(vb))
		snprintf(out, (size_t)size_bytes, "%.200s", what);
	else if (json_is_null(va) != json_is_null(vb))
		snprintf(out, (size_t)size_bytes, "%.200s: %s in %s", what, json_is_null(va) ? b : a, json_is_null(va) ? "B" : "A");
	else
		snprintf(out, (size_t)size_bytes, "%.200s: %s against %s", what, a, b);
}

static void warnings(const json_t *doc, struct assay_buf *b, int width)
{
	const json_t *list = json_object_get(doc, "warnings");
	if (json_array_size(list))
		assay_buf_puts(b, "\nAlso different, and perhaps the cause of an effect\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		char text[700];
		assay_face_difference(json_array_get(list, i), text, sizeof text);
		say(b, width, "- ", text);
	}
}

static void gate(const json_t *doc, struct assay_buf *b, int width)
{
	const json_t *rows = json_object_get(json_object_get(doc, "gate"), "rows");
	if (json_array_size(rows))
		assay_buf_puts(b, "\n");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *status = assay_json_get_str(row, "status", "?");
		char text[300];
		snprintf(text, sizeof text, "%s: %s: %+.2f %% worse, bound %g %%%s", !strcmp(status, "fail") ? "REGRESSION" : !strcmp(status, "pass") ? "pass" : "NOT SURE", assay_json_get_str(row, "key", "?"),
		         assay_json_get_num(row, "worse_pct", NAN), assay_json_get_num(row, "bound_pct", NAN), !strcmp(status, "unsure") ? ": undecided, and the 90 % interval reaches the bound" : "");
		say(b, width, "", text);
	}
}

void assay_face_compare(const json_t *doc, struct assay_buf *b, int width, bool colour)
{
	const char *verdict = assay_json_get_str(doc, "verdict", "?"), *method = assay_json_get_str(doc, "method", "");
	const char *unit = !strcmp(method, "single") ? "one result a side: the unit is the repeat" : !strcmp(method, "paired") ? "the unit is the pair of results" : "several results a side: the unit is the result";
	assay_buf_printf(b, "%sB against A: %s%s (%s)\n\n", colour ? "\033[1m" : "", verdict, colour ? "\033[0m" : "", unit);
	family(doc, b, width, colour);
	notes(doc, b, width);
	details(doc, b, width, colour);
	warnings(doc, b, width);
	gate(doc, b, width);
}
