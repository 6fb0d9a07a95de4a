/* --fail-on-regression and --fail-on: is any key worse than its bound, surely or perhaps? */
#include <math.h>
#include <string.h>

#include "analysis/compare.h"
#include "base/json.h"

/* How much worse B is, as a change of the value in its worse direction; lo and hi likewise. */
static double worse_pct(const json_t *row, double pct)
{
	return strcmp(assay_json_get_str(row, "better", ""), "higher") ? pct : -pct;
}

/* The worse end of the 90 % interval; NaN when there is none. */
static double worst_pct(const json_t *row)
{
	const json_t *ci = json_object_get(row, "ci90_pct"), *lo = json_array_get(ci, 0), *hi = json_array_get(ci, 1);
	if (!json_is_number(lo) || !json_is_number(hi))
		return NAN;
	return fmax(worse_pct(row, json_number_value(lo)), worse_pct(row, json_number_value(hi)));
}

static const char *row_status(const json_t *row, double bound_pct, double alpha)
{
	double p = assay_json_get_num(row, "p_adjusted", NAN), worst = worst_pct(row);
	if (p <= alpha && worse_pct(row, assay_json_get_num(row, "effect_pct", 0)) > bound_pct)
		return "fail";
	if (strcmp(assay_json_get_str(row, "verdict", ""), "UNDECIDED"))
		return "pass";
	return worst < bound_pct ? "pass" : "unsure";
}

/* The bound for a key: its own, else the one for all, else NaN. */
static double bound_of(const struct assay_gate *gates, size_t n, const char *key)
{
	double bound = NAN;
	for (size_t i = 0; i < n; i++)
		if (gates[i].key ? !strcmp(gates[i].key, key) : isnan(bound))
			bound = gates[i].worse;
	return bound;
}

static bool in_family(const json_t *metrics, const char *key)
{
	for (size_t i = 0; i < json_array_size(metrics); i++)
		if (!strcmp(assay_json_get_str(json_array_get(metrics, i), "key", ""), key))
			return true;
	return false;
}

int assay_compare_gate(json_t *comparison, const struct assay_gate *gates, size_t n, struct assay_err *e)
{
	const json_t *metrics = json_object_get(comparison, "metrics");
	const char *overall = "pass";
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++)
		if (gates[i].key && !in_family(metrics, gates[i].key)) {
			json_decref(rows);
			return assay_fail(e, ASSAY_E_USAGE, "--fail-on: %.60s is not among the compared metrics; name it in --metrics", gates[i].key);
		}
	for (size_t i = 0; i < json_array_size(metrics); i++) {
		const json_t *row = json_array_get(metrics, i);
		double bound = bound_of(gates, n, assay_json_get_str(row, "key", ""));
		if (isnan(bound) || strcmp(assay_json_get_str(row, "role", ""), "family"))
			continue;
		const char *status = row_status(row, 100 * bound, assay_json_get_num(comparison, "alpha", ASSAY_COMPARE_ALPHA));
		if (!strcmp(status, "fail") || (!strcmp(status, "unsure") && !strcmp(overall, "pass")))
			overall = status;
		json_array_append_new(rows, json_pack("{s:s, s:o, s:o, s:s}", "key", assay_json_get_str(row, "key", ""), "bound_pct", assay_json_real(100 * bound), "worse_pct",
		                                      assay_json_real(worse_pct(row, assay_json_get_num(row, "effect_pct", NAN))), "status", status));
	}
	json_object_set_new(comparison, "gate", json_pack("{s:s, s:o}", "status", overall, "rows", rows));
	return 0;
}
