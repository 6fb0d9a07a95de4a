/* See face_data.h. */
#include "report/face_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"

const json_t *face_metric(const json_t *point, const char *key)
{
	return json_object_get(json_object_get(point, "metrics"), key);
}

double face_stat(const json_t *point, const char *key, const char *stat)
{
	const json_t *m = face_metric(point, key);
	if (!strcmp(stat, "mean") && json_object_get(m, "value"))
		stat = "value";
	return assay_json_get_num(m, stat, NAN);
}

void face_format(char out[48], double x, int decimals)
{
	int first = isfinite(x) && fabs(x) >= 1e-9 && fabs(x) < 1 ? (int)floor(log10(fabs(x))) : 0; /* place of its first digit */
	if (first < 0 && decimals < 1 - first)
		decimals = 2 - first;
	snprintf(out, 48, "%.*f", decimals, x);
}

void face_number(char out[48], const json_t *point, const char *key, const char *stat, const char *none)
{
	const struct assay_metric *def = assay_metric_find(key);
	double x = face_stat(point, key, stat);
	char text[48];
	face_format(text, x, def ? def->digits : 3);
	if (isnan(x))
		snprintf(out, 48, "%.40s", none);
	else
		snprintf(out, 48, "%.46s%s", text, json_object_get(json_object_get(face_metric(point, key), "need"), stat) ? "*" : "");
}

void face_number_cell(struct draw_table *t, const json_t *point, const char *key, const char *stat)
{
	char text[48];
	face_number(text, point, key, stat, "-");
	draw_table_cell(t, "%s", text);
}

bool face_has_marks(const json_t *result)
{
	size_t i;
	json_t *p, *m;
	const char *key;
	json_array_foreach(json_object_get(result, "points"), i, p)
		json_object_foreach(json_object_get(p, "metrics"), key, m)
			if (json_object_size(json_object_get(m, "need")) && assay_json_get_int(m, "n", 0))
				return true;
	return false;
}

bool face_is(const json_t *point, const char *experiment)
{
	return !strcmp(assay_json_get_str(point, "experiment", ""), experiment);
}

bool face_ok(const json_t *point)
{
	return json_is_object(json_object_get(point, "metrics")) && assay_json_get_int(json_object_get(point, "requests"), "succeeded", 0) > 0;
}

bool face_has(const json_t *result, const char *experiment)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_is(p, experiment))
			return true;
	return false;
}

const json_t *face_first(const json_t *result, const char *experiment)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_is(p, experiment) && face_ok(p))
			return p;
	return NULL;
}

int64_t face_case_int(const json_t *point, const char *key, int64_t otherwise)
{
	return assay_json_get_int(json_object_get(point, "case"), key, otherwise);
}

/* A value of a case as text: a number, a string, or JSON for anything else. */
static void value_text(char *out, size_t size, const json_t *v)
{
	if (json_is_string(v)) {
		snprintf(out, size, "%s", json_string_value(v));
		return;
	}
	char *s = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	snprintf(out, size, "%s", s ? s : "-");
	free(s);
}

void face_asked(char out[48], const json_t *point)
{
	int64_t prompt = face_case_int(point, "asked_prompt_tokens", -1), output = face_case_int(point, "asked_output_tokens", -1);
	out[0] = 0;
	if (prompt >= 0 && output >= 0)
		snprintf(out, 48, " (asked %lld -> %lld)", (long long)prompt, (long long)output);
}

void face_case(char out[96], const json_t *point)
{
	const json_t *c = json_object_get(point, "case");
	const char *key;
	json_t *v;
	char a[48], b[32];
	bool ranged = !json_object_get(c, "output_tokens") && json_object_get(c, "output"); /* text prompts, outputs drawn from a range */
	size_t n = 0;
	out[0] = 0;
	if (json_object_get(c, "batch_size") && (face_is(point, "throughput") || face_case_int(point, "batch_size", 0) != 1))
		n += (size_t)snprintf(out, 96, "batch %lld", (long long)assay_json_get_int(c, "batch_size", 0));
	if (json_object_get(c, "prompt_tokens") || json_object_get(c, "output_tokens")) {
		value_text(a, sizeof b, json_object_get(c, "prompt_tokens"));
		value_text(b, sizeof b, json_object_get(c, ranged ? "output" : "output_tokens"));
		n += (size_t)snprintf(out + n, 96 - n, "%s%s -> %s", n ? ", " : "", a, b);
	}
	ranged = ranged && json_object_get(c, "prompt_tokens"); /* already shown */
	face_asked(a, point);
	n += (size_t)snprintf(out + n, 96 - n, "%s", a);
	json_object_foreach((json_t *)c, key, v) {
		if (n > 60 || !strncmp(key, "asked_", 6) || (ranged && !strcmp(key, "output")) || !strcmp(key, "batch_size") || !strcmp(key, "prompt_tokens") || !strcmp(key, "output_tokens") || !strcmp(key, "axis") || json_is_object(v) || json_is_array(v) || json_is_null(v))
			continue;
		value_text(a, 32, v);
		n += (size_t)snprintf(out + n, 96 - n, "%s%.16s %s", n ? ", " : "", key, a);
	}
}

void face_case_cell(struct draw_table *t, const json_t *point, const char *key)
{
	char text[48];
	value_text(text, sizeof text, json_object_get(json_object_get(point, "case"), key));
	draw_table_cell(t, "%s", text);
}

bool face_labels(struct assay_buf *out, const json_t *result)
{
	const json_t *config = json_object_get(result, "config"), *labels = json_object_get(config, "label");
	const char *key, *note = assay_json_get_str(config, "note", NULL), *gap = "";
	json_t *v;
	if (json_is_string(labels)) { /* as results had it while there could be one only */
		assay_buf_puts(out, json_string_value(labels));
		gap = ", ";
	}
	json_object_foreach((json_t *)labels, key, v) {
		assay_buf_printf(out, "%s%s=%s", gap, key, json_is_string(v) ? json_string_value(v) : "?");
		gap = ", ";
	}
	if (note)
		assay_buf_printf(out, "%s%s", *gap ? ": " : "", note);
	return note || *gap;
}

const char *face_model(const json_t *result)
{
	return assay_json_get_str(json_object_get(result, "model"), "name", "unknown");
}

bool face_synthetic(const json_t *result)
{
	return assay_json_get_bool(json_object_get(result, "model"), "synthetic", false);
}
