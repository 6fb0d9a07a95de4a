/* May these documents be compared? Every difference is named. What is compared on purpose (the engine and its options), paths, times and
 * seeds is never a difference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/compare_parts.h"
#include "base/json.h"

enum weight { REFUSE, REFUSE_MODEL, WARN };

static const struct field { const char *path, *what; enum weight weight; } fields[] = {
	{ "definitions", "definitions version", REFUSE },
	{ "experiment", "experiment", REFUSE },
	{ "clock.virtual", "virtual clock", REFUSE },
	{ "model.name", "model", REFUSE_MODEL },
	{ "model.family", "model family", REFUSE_MODEL },
	{ "model.parameters", "model parameters", REFUSE_MODEL },
	{ "model.layers", "model layers", REFUSE_MODEL },
	{ "model.hidden", "model hidden size", REFUSE_MODEL },
	{ "model.heads", "model heads", REFUSE_MODEL },
	{ "model.kv_heads", "model KV heads", REFUSE_MODEL },
	{ "model.head_dim", "model head size", REFUSE_MODEL },
	{ "model.vocab", "model vocabulary", REFUSE_MODEL },
	{ "model.synthetic", "synthetic weights", REFUSE_MODEL },
	{ "machine.host", "host", WARN },
	{ "machine.cpu.model", "CPU", WARN },
	{ "machine.cpu.usable", "usable CPUs", WARN },
	{ "machine.kernel", "kernel", WARN },
	{ "machine.cpu.governor", "governor", WARN },
	{ "engine.effective.isa", "ISA", WARN },
	{ "engine.effective.threads", "threads", WARN },
	{ "engine.effective.kernels", "kernels", WARN },
	{ "model.dtype", "dtype", WARN },
	{ "engine.effective.kv_dtype", "KV dtype", WARN },
	{ "assay.version", "assay version", WARN },
	{ "assay.compiler", "compiler", WARN },
	{ "assay.build", "build", WARN },
	{ "config.temperature", "temperature", WARN },
	{ "config.top_k", "top-k", WARN },
	{ "config.top_p", "top-p", WARN },
	{ "config.ignore_eos", "ignore-eos", WARN },
};

void compare_say(json_t *list, const char *what, json_t *a, json_t *b)
{
	json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "what", what, "a", a, "b", b));
}

/* Absent and null are the same: nothing is said. Integers and reals of one value are equal. */
static bool equal(const json_t *a, const json_t *b)
{
	bool none_a = !a || json_is_null(a), none_b = !b || json_is_null(b);
	if (none_a || none_b)
		return none_a && none_b;
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static json_t *copy_or_null(const json_t *v)
{
	return v ? json_deep_copy(v) : json_null();
}

/* "host", or "host (A, result 2)" when a third document differs from the first. */
static void label(const struct compare_docs *d, size_t i, const char *what, char *out, size_t size)
{
	bool in_a = i < d->n_a;
	size_t place = in_a ? i : i - d->n_a;
	if (place)
		snprintf(out, size, "%s (result %zu of %s)", what, place + 1, in_a ? "A" : "B");
	else
		snprintf(out, size, "%s", what);
}

/* "assay.result/1" -> 1. */
static double schema_major(const json_t *doc)
{
	const char *s = strrchr(assay_json_get_str(doc, "schema", ""), '/');
	int major;
	return s && sscanf(s, "/%d", &major) == 1 ? major : NAN;
}

static void check_one(const struct compare_docs *d, size_t i, bool across_model, json_t *differences, json_t *warnings)
{
	const json_t *a = d->docs[0], *b = d->docs[i];
	char what[120];
	if (schema_major(a) != schema_major(b)) {
		label(d, i, "schema", what, sizeof what);
		compare_say(differences, what, copy_or_null(assay_json_at(a, "schema")), copy_or_null(assay_json_at(b, "schema")));
	}
	for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
		const json_t *va = assay_json_at(a, fields[f].path), *vb = assay_json_at(b, fields[f].path);
		if (equal(va, vb) || (i > d->n_a && equal(vb, assay_json_at(d->docs[d->n_a], fields[f].path))))
			continue; /* also: as the first of its side, which is said */
		bool refuse = fields[f].weight == REFUSE || (fields[f].weight == REFUSE_MODEL && !across_model);
		label(d, i, fields[f].what, what, sizeof what);
		compare_say(refuse ? differences : warnings, what, copy_or_null(va), copy_or_null(vb));
	}
}

/* A verdict below VALID, in whichever document. */
static void check_verdict(const struct compare_docs *d, size_t i, json_t *warnings)
{
	const char *state = assay_json_get_str(json_object_get(d->docs[i], "verdict"), "state", "unknown");
	char what[120];
	if (strcmp(state, "VALID")) {
		label(d, i, "verdict", what, sizeof what);
		compare_say(warnings, what, i < d->n_a ? json_string(state) : json_null(), i < d->n_a ? json_null() : json_string(state));
	}
}

/* One result on both sides differs in nothing, and proves nothing. */
static void check_same(const struct compare_docs *d, size_t i, json_t *warnings)
{
	const char *id = assay_json_get_str(d->docs[i], "id", "");
	for (size_t k = 0; k < d->n_a && *id; k++)
		if (!strcmp(assay_json_get_str(d->docs[k], "id", ""), id)) {
			compare_say(warnings, "the same result stands on both sides", json_string(id), json_string(id));
			return;
		}
}

/* "worker:vllm 0.32.0 (eager=true)". */
static char *engine_of(const json_t *doc)
{
	const json_t *engine = json_object_get(doc, "engine");
	struct assay_buf b;
	const char *key;
	json_t *v;
	int n = 0;
	assay_buf_init(&b, 4096); /* what is longer is cut */
	assay_buf_printf(&b, "%s %s", assay_json_get_str(engine, "name", "?"), assay_json_get_str(engine, "version", "?"));
	json_object_foreach((json_t *)assay_json_at(doc, "config.engine_opt"), key, v)
		assay_buf_printf(&b, "%s%s=%s", n++ ? ", " : " (", key, json_is_string(v) ? json_string_value(v) : "?");
	assay_buf_puts(&b, n ? ")" : "");
	char *text = xstrdup(b.data ? b.data : "?");
	assay_buf_release(&b);
	return text;
}

json_t *compare_engines_of(const struct compare_docs *d)
{
	char *a = engine_of(d->docs[0]), *b = engine_of(d->docs[d->n_a]);
	json_t *o = strcmp(a, b) ? json_pack("{s:s, s:s}", "a", a, "b", b) : NULL;
	free(a);
	free(b);
	return o;
}

void compare_check(const struct compare_docs *d, bool across_model, json_t *differences, json_t *warnings)
{
	for (size_t i = 1; i < d->n; i++)
		check_one(d, i, across_model, differences, warnings);
	for (size_t i = 0; i < d->n; i++)
		check_verdict(d, i, warnings);
	for (size_t i = d->n_a; i < d->n; i++)
		check_same(d, i, warnings);
}
