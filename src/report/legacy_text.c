/* See legacy_text.h. Only places what the document of the run holds. */
#include "report/legacy_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/face_findings.h"
#include "report/legacy.h"

/* A reason without the word that it begins with elsewhere: "not measured" stands before it here. */
static const char *bare(const char *reason)
{
	static const char *const words[] = { "none: ", "unavailable: " };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strncmp(reason, words[i], strlen(words[i])))
			return reason + strlen(words[i]);
	return reason;
}

static void not_run(char out[LEGACY_TEXT], const char *experiment)
{
	snprintf(out, LEGACY_TEXT, "not measured: this run has no measured point of %s (assay %s)", experiment, experiment);
}

static void value_or_reason(char out[LEGACY_TEXT], const json_t *point, const char *key, double x)
{
	const struct assay_metric *def = assay_metric_find(key);
	char number[48];
	face_format(number, x, def ? def->digits : 2);
	if (isnan(x))
		snprintf(out, LEGACY_TEXT, "not measured: %.300s", bare(assay_json_get_str(face_metric(point, key), "reason", "one sample has no spread")));
	else
		snprintf(out, LEGACY_TEXT, "%s%s%s", number, def && strcmp(def->unit, "ratio") ? " " : "", def && strcmp(def->unit, "ratio") ? def->unit : "");
}

void legacy_measured(char out[LEGACY_TEXT], const json_t *point, const char *experiment, const char *key, const char *stat)
{
	if (point)
		value_or_reason(out, point, key, face_stat(point, key, stat));
	else
		not_run(out, experiment);
}

void legacy_measured_pct(char out[LEGACY_TEXT], const json_t *point, const char *experiment, const char *key, const char *method, const char *pct)
{
	if (point)
		value_or_reason(out, point, key, assay_json_get_num(json_object_get(face_metric(point, key), method), pct, NAN));
	else
		not_run(out, experiment);
}

void legacy_machine(char out[LEGACY_TEXT], const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_string(v))
		snprintf(out, LEGACY_TEXT, "%.350s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(out, LEGACY_TEXT, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		snprintf(out, LEGACY_TEXT, "not measured: %.300s", bare(assay_json_get_str(json_object_get(o, "unavailable"), key, "the inventory of this run does not have it")));
}

void legacy_gb(char out[LEGACY_TEXT], double bytes, const char *why_not)
{
	if (isnan(bytes))
		snprintf(out, LEGACY_TEXT, "not measured: %.300s", bare(why_not));
	else
		snprintf(out, LEGACY_TEXT, "%.2f GB", bytes / 1e9);
}

void legacy_gpu(char out[LEGACY_TEXT], const json_t *result)
{
	const json_t *machine = json_object_get(result, "machine");
	if (legacy_has_gpu(result))
		snprintf(out, LEGACY_TEXT, "%.200s", assay_json_get_str(json_array_get(json_object_get(machine, "gpus"), 0), "name", "a GPU without a name"));
	else
		snprintf(out, LEGACY_TEXT, "none: %.300s", bare(assay_json_get_str(json_object_get(machine, "unavailable"), "gpus", "this run recorded no GPU")));
}

void legacy_finding(struct assay_buf *b, const json_t *result, const char *id)
{
	const json_t *f = face_finding(result, id);
	char text[1200];
	if (!f)
		return;
	face_finding_text(text, f);
	if (!face_answered(f))
		markdown_text(b, "- ", assay_json_get_str(f, "question", "?"), " ");
	markdown_text(b, face_answered(f) ? "- " : "", text, "\n");
}

bool legacy_yes(const json_t *result, const char *id)
{
	const json_t *f = face_finding(result, id);
	return face_answered(f) && !strncmp(assay_json_get_str(f, "answer", ""), "Yes", 3);
}

void legacy_item(struct assay_buf *b, const char *name, const char *value)
{
	assay_buf_printf(b, "- **%s:** ", name);
	markdown_text(b, "", value, "\n");
}

void legacy_table(struct draw_table *t, const char *a, const char *b, const char *c, const char *d)
{
	const char *const heads[] = { a, b, c, d };
	draw_table_init(t);
	for (int i = 0; i < 4; i++)
		if (heads[i])
			draw_table_col(t, heads[i], false, 0);
}

double legacy_duration_s(const json_t *result)
{
	return assay_json_get_num(json_object_get(result, "telemetry"), "duration_s", NAN);
}

void legacy_engine(char out[LEGACY_TEXT], const json_t *result)
{
	const json_t *engine = json_object_get(result, "engine"), *assay = json_object_get(result, "assay");
	snprintf(out, LEGACY_TEXT, "%.60s %.60s (assay %.40s, commit %.60s)", assay_json_get_str(engine, "name", "engine not recorded"), assay_json_get_str(engine, "version", ""),
		assay_json_get_str(assay, "version", "of unknown version"), assay_json_get_str(assay, "commit", "unknown"));
}

int legacy_write_text(struct assay_buf *b, const char *dir, const char *sub, const char *name, struct assay_err *e)
{
	int rc = b->overflow ? assay_fail(e, ASSAY_E_IO, "legacy/%s/%s: too large", sub, name) : legacy_write(dir, sub, name, b->data, b->len_bytes, e);
	assay_buf_release(b);
	return rc;
}
