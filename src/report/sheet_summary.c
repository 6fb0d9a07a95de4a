/* What S0 (§4.4) and S3 ask to be said about the tables: what bounds the speed, whether it moved over the repeats, and whether the
 * run went as it should. Only places what the document holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/sheet.h"

/* ---- S0: bottleneck identification ---- */

static void number_or_na(struct draw_table *t, const json_t *p, const char *key)
{
	char text[48];
	face_number(text, p, key, "mean", "N/A");
	draw_table_cell(t, "%s", text);
}

static bool knows_bound(const json_t *p)
{
	return !isnan(face_stat(p, "mbu", "mean")) || !isnan(face_stat(p, "mfu", "mean"));
}

void sheet_bottleneck(struct sheet *b, const json_t *result, const char *title)
{
	static const char *const heads[] = { "Experiment", "Case", "TTFT (ms)", "E2E (ms)", "Decode: MBU", "Prefill: MFU" };
	struct draw_table t;
	size_t i;
	json_t *p;
	char label[96];
	draw_table_init(&t);
	for (int c = 0; c < 6; c++)
		draw_table_col(&t, heads[c], c > 1, 0);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!face_ok(p) || !knows_bound(p))
			continue;
		face_case(label, p);
		draw_table_cell(&t, "%s", assay_json_get_str(p, "experiment", "?"));
		draw_table_cell(&t, "%s", label);
		number_or_na(&t, p, "ttft_ms");
		number_or_na(&t, p, "e2el_ms");
		number_or_na(&t, p, "mbu");
		number_or_na(&t, p, "mfu");
	}
	if (!draw_table_rows(&t)) {
		draw_table_release(&t);
		return;
	}
	if (title)
		sheet_heading(b, 3, "%s", title);
	sheet_para(b, "MBU is the share of this machine's measured read bandwidth that decode steps used, MFU the share of its measured arithmetic peak that prefill steps "
		      "used. The one that is near 1 bounds that phase; where both are low, it is neither: look at threads, small steps and synchronisation.");
	sheet_table(b, &t);
}

/* ---- S0: trend ---- */

void sheet_trend(struct sheet *b, const json_t *result)
{
	static const char *const heads[] = { "Experiment", "Case", "First run (tok/s)", "Last run (tok/s)", "Least", "Most" };
	struct draw_table t;
	size_t i;
	json_t *p;
	char label[96], number[48];
	draw_table_init(&t);
	for (int c = 0; c < 6; c++)
		draw_table_col(&t, heads[c], c > 1, 0);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		size_t n = json_array_size(json_object_get(face_metric(p, "output_tok_s"), "per_run"));
		if (!face_ok(p) || n < 2)
			continue;
		const double x[] = { face_per_run(p, "output_tok_s", 0), face_per_run(p, "output_tok_s", n - 1), face_stat(p, "output_tok_s", "min"), face_stat(p, "output_tok_s", "max") };
		face_case(label, p);
		draw_table_cell(&t, "%s", assay_json_get_str(p, "experiment", "?"));
		draw_table_cell(&t, "%s", label);
		for (int k = 0; k < 4; k++) {
			face_format(number, x[k], 1);
			draw_table_cell(&t, "%s", isnan(x[k]) ? "-" : number);
		}
	}
	if (draw_table_rows(&t))
		sheet_heading(b, 3, "Trend over repeats");
	sheet_table(b, &t);
}

/* ---- S3: validation summary ---- */

static void criterion(struct draw_table *t, const char *name, bool pass, const char *notes)
{
	draw_table_cell(t, "%s", name);
	draw_table_cell(t, "%s", pass ? "Pass" : "FAIL");
	draw_table_cell(t, "%s", notes);
}

static void points_and_requests(struct draw_table *t, const json_t *result)
{
	int64_t offered = 0, failed = 0, mismatch = 0;
	size_t i, ok = 0, limit = 0, error = 0, all = json_array_size(json_object_get(result, "points"));
	json_t *p;
	char text[160];
	json_array_foreach(json_object_get(result, "points"), i, p) {
		const json_t *r = json_object_get(p, "requests");
		const char *status = assay_json_get_str(p, "status", "");
		ok += !strcmp(status, "ok");
		limit += !strcmp(status, "limit");
		error += !strcmp(status, "error");
		offered += assay_json_get_int(r, "offered", 0);
		failed += assay_json_get_int(r, "failed", 0);
		mismatch += assay_json_get_int(json_object_get(r, "end_states"), "count_mismatch", 0);
	}
	snprintf(text, sizeof text, "%zu of %zu measured, %zu found a limit, %zu failed, %zu not run to the end", ok, all, limit, error, all - ok - limit - error);
	criterion(t, "Points", ok && !error, text);
	snprintf(text, sizeof text, "%lld offered, %lld failed", (long long)offered, (long long)failed);
	criterion(t, "Requests", offered && !failed, text);
	snprintf(text, sizeof text, "%lld requests whose tokens arrived, asked for and reported differ", (long long)mismatch);
	criterion(t, "Token counts agree", !mismatch, text);
}

static void records(struct draw_table *t, const json_t *result)
{
	const json_t *j = json_object_get(result, "journal");
	int64_t lost = assay_json_get_int(j, "records_lost", -1);
	char text[160];
	if (lost < 0)
		snprintf(text, sizeof text, "the journal has no end: the run was cut short");
	else
		snprintf(text, sizeof text, "%lld lost, on disk %.0f ms after their event at most", (long long)lost, assay_json_get_num(j, "lag_ms", 0));
	criterion(t, "Records complete", lost == 0, text);
}

static void targets_met(struct draw_table *t, const json_t *result)
{
	size_t i, met = 0, missed = 0, n = json_array_size(json_object_get(result, "targets"));
	json_t *row;
	char text[100];
	if (!n)
		return;
	json_array_foreach(json_object_get(result, "targets"), i, row) {
		const char *status = assay_json_get_str(row, "status", "");
		met += !strcmp(status, "pass");
		missed += !strcmp(status, "fail");
	}
	snprintf(text, sizeof text, "%zu met, %zu missed, %zu not judged", met, missed, n - met - missed);
	criterion(t, "Targets", !missed, text);
}

void sheet_validation(struct sheet *out, const json_t *result)
{
	struct draw_table t;
	const char *state = assay_json_get_str(json_object_get(result, "verdict"), "state", "?");
	draw_table_init(&t);
	draw_table_col(&t, "Criterion", false, 0);
	draw_table_col(&t, "Status", false, 0);
	draw_table_col(&t, "Notes", false, 0);
	points_and_requests(&t, result);
	records(&t, result);
	targets_met(&t, result);
	criterion(&t, "Numbers can be trusted", strcmp(state, "INVALID") != 0, state);
	sheet_heading(out, 2, "Validation summary");
	sheet_table(out, &t);
	sheet_para(out, "Limitations are under \"Not available here\", what to do next under \"Verdict\".");
}
