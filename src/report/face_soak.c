/* See face_soak.h. */
#include "report/face_soak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/term.h"
#include "report/face_data.h"
#include "report/face_shapes.h"

typedef void say_fn(void *arg, const char *sentence);

/* "0.52 (95 %: -0.1 to 1.2)". */
static void estimate(char out[180], double x, const json_t *ci, int decimals)
{
	char a[48], lo[48], hi[48];
	face_format(a, x, decimals);
	face_format(lo, json_number_value(json_array_get(ci, 0)), decimals);
	face_format(hi, json_number_value(json_array_get(ci, 1)), decimals);
	snprintf(out, 180, "%s (95 %%: %s to %s)", a, lo, hi);
}

static void say_time(const json_t *soak, say_fn *say, void *arg)
{
	const json_t *kept = json_object_get(soak, "kept");
	char text[300], time[24];
	assay_duration_format(time, sizeof time, assay_json_get_num(soak, "measured_s", 0));
	snprintf(text, sizeof text, "%s of load in %zu windows, %lld requests on record, token stamps kept of %lld; percentiles over windows are within %.1f %%", time,
		 json_array_size(json_object_get(soak, "windows")), (long long)assay_json_get_int(kept, "requests", 0), (long long)assay_json_get_int(kept, "with_tokens", 0),
		 100 * assay_json_get_num(soak, "histogram_error", NAN));
	say(arg, text);
}

static void say_memory(const json_t *soak, say_fn *say, void *arg)
{
	const json_t *m = json_object_get(soak, "memory"), *k = json_object_get(m, "kib_per_1k"), *h = json_object_get(m, "mib_per_hour");
	const char *leak = assay_json_get_str(m, "leak", "unknown"), *reason = assay_json_get_str(m, "reason", "");
	char text[700], per_1k[180], per_hour[180], allowed[48];
	if (json_is_null(json_object_get(k, "slope"))) {
		snprintf(text, sizeof text, "Leak: %s (%.200s)", leak, reason);
		say(arg, text);
		return;
	}
	estimate(per_1k, assay_json_get_num(k, "slope", NAN), json_object_get(k, "ci95"), 1);
	estimate(per_hour, assay_json_get_num(h, "slope", NAN), json_object_get(h, "ci95"), 2);
	face_format(allowed, assay_json_get_num(m, "allowed_kib_per_1k", NAN), 0);
	snprintf(text, sizeof text, "Leak: %s. Resident memory grows by %s KiB per 1,000 requests (allowed %s), %s MiB per hour", leak, per_1k, allowed, per_hour);
	say(arg, text);
}

static const char *load_of(const json_t *result, const json_t *row)
{
	const json_t *p = json_array_get(json_object_get(result, "points"), (size_t)assay_json_get_int(row, "point", 0));
	return assay_json_get_str(json_object_get(p, "case"), "load", "?");
}

static void say_drift(const json_t *result, const json_t *soak, say_fn *say, void *arg)
{
	size_t i;
	json_t *d;
	char text[400], slope[180];
	json_array_foreach(json_object_get(soak, "drift"), i, d) {
		const char *series = assay_json_get_str(d, "series", "?");
		if (json_is_null(json_object_get(d, "pct_per_hour")) || !strncmp(series, "e2el", 4))
			continue;
		estimate(slope, assay_json_get_num(d, "pct_per_hour", NAN), json_object_get(d, "ci95"), 2);
		snprintf(text, sizeof text, "Drift of %.30s at load %.40s: %s %% per hour", series, load_of(result, d), slope);
		say(arg, text);
	}
	json_array_foreach(json_object_get(soak, "changes"), i, d) {
		char before[48], after[48];
		face_format(before, assay_json_get_num(d, "before", NAN), 1);
		face_format(after, assay_json_get_num(d, "after", NAN), 1);
		snprintf(text, sizeof text, "Sudden change of %.30s at load %.40s after %.2f h: from %s to %s (p %.2g)", assay_json_get_str(d, "series", "?"), load_of(result, d),
			 assay_json_get_num(d, "hours", NAN), before, after, assay_json_get_num(d, "p", NAN));
		say(arg, text);
	}
}

static void say_parts(const json_t *soak, say_fn *say, void *arg)
{
	size_t i;
	json_t *p;
	char text[300], at[24], gap[24] = "?";
	json_array_foreach(json_object_get(soak, "parts"), i, p) {
		assay_duration_format(at, sizeof at, assay_json_get_num(p, "elapsed_s", 0));
		if (json_is_number(json_object_get(p, "gap_s")))
			assay_duration_format(gap, sizeof gap, assay_json_get_num(p, "gap_s", 0));
		snprintf(text, sizeof text, "Stopped%s after %s of load and taken up again after a gap of %s; %lld requests that had ended are in no window",
			 json_is_true(json_object_get(p, "killed")) ? " without notice" : "", at, gap, (long long)assay_json_get_int(p, "loose_requests", 0));
		say(arg, text);
	}
}

void face_soak_sentences(const json_t *result, say_fn *say, void *arg)
{
	const json_t *soak = json_object_get(result, "soak");
	if (!soak)
		return;
	say_time(soak, say, arg);
	say_memory(soak, say, arg);
	say_drift(result, soak, say, arg);
	say_parts(soak, say, arg);
}

/* One number of each window of the series; NaN where it has none. stat NULL: a number of the window itself. */
static size_t series(const json_t *soak, const char *key, const char *stat, double *x)
{
	size_t i, n = 0;
	json_t *w;
	json_array_foreach(json_object_get(soak, "windows"), i, w) {
		const char *part = assay_json_get_str(w, "part_of", "");
		if (!strcmp(part, "probe") || !strcmp(part, "tail"))
			continue;
		x[n++] = assay_json_get_num(stat ? json_object_get(w, key) : w, stat ? stat : key, NAN);
	}
	return n;
}

void face_soak_shapes(struct assay_buf *out, const json_t *result, int width, bool utf8)
{
	static const struct { const char *title, *key, *stat, *unit; int decimals; bool from_zero; } rows[] = {
		{ "Load", "load_per_s", NULL, "req/s", 2, true }, { "Throughput", "tok_s", NULL, "tok/s", 1, true }, { "TTFT P50", "ttft_ms", "p50", "ms", 1, true },
		{ "TTFT P99", "ttft_ms", "p99", "ms", 1, true }, { "RSS", "rss_mib", NULL, "MiB", 1, false },
	};
	const json_t *soak = json_object_get(result, "soak");
	double *x = xalloc((json_array_size(json_object_get(soak, "windows")) + 1) * sizeof *x);
	for (size_t r = 0; soak && r < sizeof rows / sizeof *rows; r++) {
		size_t n = series(soak, rows[r].key, rows[r].stat, x);
		double least = INFINITY, most = -INFINITY;
		for (size_t i = 0; i < n; i++) {
			least = fmin(least, x[i]);
			most = fmax(most, x[i]);
		}
		if (n < 3 || !(most > 0))
			continue;
		char left[80], right[80], a[48], b[48];
		face_format(a, rows[r].from_zero ? 0 : least, rows[r].decimals);
		face_format(b, most, rows[r].decimals);
		snprintf(left, sizeof left, "%-11s %8s ", rows[r].title, a);
		snprintf(right, sizeof right, " %s %s", b, rows[r].unit);
		face_shape_line(out, left, right, x, n, rows[r].from_zero, width, utf8);
	}
	free(x);
}
