/* See objective.h. Reads the document only; what a metric means is definitions.c's. */
#include "analysis/objective.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/options.h"

enum { KEYS_MAX = 256 };

static int unknown(const char *key, struct assay_err *e)
{
	const char *names[KEYS_MAX];
	size_t n;
	int k = 0;
	const struct assay_metric *t = assay_metric_table(&n);
	for (size_t i = 0; i < n && k < KEYS_MAX; i++)
		if (t[i].better != ASSAY_NEITHER)
			names[k++] = t[i].key;
	const char *near = assay_nearest(key, names, k);
	return assay_fail(e, ASSAY_E_USAGE, "unknown metric \"%s\"%s%s%s", key, near ? " (did you mean " : "; assay explain lists them", near ? near : "", near ? "?)" : "");
}

static int add_part(struct assay_objective *o, const char *text, size_t len, struct assay_err *e)
{
	char key[48];
	snprintf(key, sizeof key, "%.*s", len < sizeof key ? (int)strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0, text);
	const struct assay_metric *m = assay_metric_find(key);
	if (strlen(key) != len || !m)
		return unknown(key, e);
	if (m->better == ASSAY_NEITHER)
		return assay_fail(e, ASSAY_E_USAGE, "%s: neither more nor less of it is better", key);
	if (o->n_parts == ASSAY_OBJECTIVE_PARTS)
		return assay_fail(e, ASSAY_E_USAGE, "a sum of more than %d metrics", ASSAY_OBJECTIVE_PARTS);
	if (o->n_parts && (strcmp(m->unit, o->part[0]->unit) || m->better != o->part[0]->better))
		return assay_fail(e, ASSAY_E_USAGE, "%s and %s cannot be added: they are not of one unit and direction", o->part[0]->key, key);
	for (int i = 0; i < o->n_parts; i++)
		if (o->part[i] == m)
			return assay_fail(e, ASSAY_E_USAGE, "%s stands twice in a sum", key);
	o->part[o->n_parts++] = m;
	return 0;
}

int assay_objective_parse(const char *text, struct assay_objective *out, struct assay_err *e)
{
	memset(out, 0, sizeof *out);
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, "+");
		if (add_part(out, p, len, e))
			return e ? e->code : ASSAY_E_USAGE;
		size_t used = strlen(out->text);
		snprintf(out->text + used, sizeof out->text - used, "%s%s", used ? "+" : "", out->part[out->n_parts - 1]->key);
		p += len;
		if (!*p)
			break;
	}
	out->sign = out->part[0]->better == ASSAY_HIGHER ? 1 : -1;
	return 0;
}

static double point_value(const struct assay_metric *m, const json_t *point)
{
	const json_t *v = json_object_get(json_object_get(point, "metrics"), m->key);
	return assay_json_get_num(v, "value", assay_json_get_num(v, "mean", NAN));
}

static double over_points(const struct assay_metric *const *part, int n_parts, const json_t *result)
{
	const json_t *points = json_object_get(result, "points");
	double sum = 0, logs = 0, most = NAN, n = 0;
	bool positive = true;
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *p = json_array_get(points, i);
		double x = 0;
		for (int k = 0; k < n_parts; k++)
			x += point_value(part[k], p);
		if (isnan(x) || strcmp(assay_json_get_str(p, "status", ""), "ok"))
			continue;
		positive &= x > 0;
		sum += x;
		logs += x > 0 ? log(x) : 0;
		most = fmax(most, x);
		n++;
	}
	if (n <= 1 || !strcmp(part[0]->unit, "MiB"))
		return most;
	return positive ? exp(logs / n) : sum / n;
}

double assay_objective_value(const struct assay_objective *o, const json_t *result) { return over_points(o->part, o->n_parts, result); }
double assay_objective_metric(const struct assay_metric *m, const json_t *result) { return over_points(&m, 1, result); }

bool assay_objective_counted(const struct assay_objective *o)
{
	static const char *const counted[] = { "weights_mib", "kv_peak_mib", "workspace_mib", "kv_bytes_per_token" };
	for (int i = 0; i < o->n_parts; i++) {
		bool is = false;
		for (size_t k = 0; k < sizeof counted / sizeof *counted; k++)
			is |= !strcmp(o->part[i]->key, counted[k]);
		if (!is)
			return false;
	}
	return true;
}

int assay_objective_defaults(const char *experiment, const char *const **texts)
{
	static const char *const alone[] = { "e2el_ms", "ttft_ms", "output_tok_s", "weights_mib+kv_peak_mib" }, *const many[] = { "output_tok_s", "e2el_ms", "weights_mib+kv_peak_mib" },
		*const lengths[] = { "tpot_ms", "ttft_ms", "weights_mib+kv_peak_mib" }, *const bytes[] = { "weights_mib+kv_peak_mib", "rss_peak_mib", "e2el_ms" };
	static const struct { const char *experiment; const char *const *texts; int n; } rows[] = {
		{ "latency", alone, 4 }, { "longdoc", alone, 4 }, { "seqlen", lengths, 3 }, { "memory", bytes, 3 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].experiment, experiment)) {
			*texts = rows[i].texts;
			return rows[i].n;
		}
	*texts = many;
	return 3;
}
