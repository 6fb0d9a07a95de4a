/* engines.json: what the blocks of each engine measured, how that stands to the first engine and to what the requirement documents expect. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/compare_engines.h"
#include "cmd/run_signals.h"

static const char *const judged[] = { "ttft_ms", "tpot_ms", "output_tok_s" };
enum { JUDGED = sizeof judged / sizeof *judged };
#define MIN_EFFECT 0.01

/* The requirement documents' engine matrix: output tok/s against PyTorch's. batch 0: they do not say which. */
static const struct expected { const char *name, *spec; int batch; double low, high; } matrix[] = {
	{ "PyTorch", "worker:transformers", 0, 1, 1 }, { "vLLM", "worker:vllm", 1, 2, 3 }, { "vLLM", "worker:vllm", 8, 5, 10 },
	{ "DeepSpeed", "worker:deepspeed", 0, 1.5, 2 }, { "ONNX", "worker:ort_genai", 0, 1.2, 1.5 },
};
enum { EXPECTED = sizeof matrix / sizeof *matrix };

json_t *cmd_engines_text(const char *s)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	json_t *text = assay_utf8_repair(s, strlen(s), &b) ? NULL : json_string(b.data ? b.data : "");
	assay_buf_release(&b);
	return text ? text : json_string("?");
}

/* ---- numbers ---- */

static const json_t *point_of(const json_t *result, int64_t batch)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (assay_json_get_int(json_object_get(p, "case"), "batch_size", -1) == batch)
			return p;
	return NULL;
}

/* A sample's mean, or a single value; NAN where there is none. */
static double metric(const json_t *point, const char *key)
{
	const json_t *m = json_object_get(json_object_get(point, "metrics"), key);
	return assay_json_get_num(m, "mean", assay_json_get_num(m, "value", NAN));
}

/* {mean, values[]}: one value a block; the mean over the blocks that have one. */
static json_t *over_blocks(const double *x, size_t n)
{
	json_t *values = json_array();
	double sum = 0;
	int have = 0;
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(values, assay_json_real(x[i]));
		sum += isfinite(x[i]) ? x[i] : 0;
		have += isfinite(x[i]);
	}
	return json_pack("{s:o, s:o}", "mean", assay_json_real(have ? sum / have : NAN), "values", values);
}

static json_t *batch_metric(const struct cmd_engine_arm *a, int64_t batch, const char *key)
{
	double x[CMD_DOCS_MAX];
	for (size_t i = 0; i < a->docs.n; i++)
		x[i] = metric(point_of(a->docs.list[i], batch), key);
	return over_blocks(x, a->docs.n);
}

/* The largest over a block's points: of a peak, or of what is the same at all. */
static json_t *run_metric(const struct cmd_engine_arm *a, const char *key)
{
	double x[CMD_DOCS_MAX];
	size_t k;
	json_t *p;
	for (size_t i = 0; i < a->docs.n; i++) {
		x[i] = NAN;
		json_array_foreach(json_object_get(a->docs.list[i], "points"), k, p)
			x[i] = fmax(x[i], metric(p, key)); /* fmax leaves out NAN */
	}
	return over_blocks(x, a->docs.n);
}

static double rate(const json_t *row) { return assay_json_get_num(json_object_get(row, "output_tok_s"), "mean", NAN); }

static json_t *batches(const struct cmd_engines_job *j, const struct cmd_engine_arm *a)
{
	const int64_t *list;
	json_t *rows = json_array();
	int n = assay_options_ints(j->o, "batch", &list);
	for (int i = 0; i < n; i++) {
		json_t *row = json_pack("{s:I}", "batch", (json_int_t)list[i]), *first = batch_metric(&j->arm[0], list[i], "output_tok_s");
		for (int k = 0; k < JUDGED; k++)
			json_object_set_new(row, judged[k], batch_metric(a, list[i], judged[k]));
		json_object_set_new(row, "ratio", assay_json_real(rate(row) / assay_json_get_num(first, "mean", NAN)));
		json_array_append_new(rows, row);
		json_decref(first);
	}
	return rows;
}

/* ---- against the first engine ---- */

/* {comparable, reason, verdict, metrics[{key, effect_pct, ci95_pct, verdict}]}; the unit is the block. NULL for the first engine itself. */
static json_t *against_first(const struct cmd_engines_job *j, const struct cmd_engine_arm *a)
{
	const struct cmd_engine_arm *first = &j->arm[0];
	struct assay_compare_options o = { .metrics = judged, .n_metrics = JUDGED, .min_effect = MIN_EFFECT };
	struct assay_err why = ASSAY_ERR_INIT;
	json_t *doc = NULL, *rows = json_array(), *m;
	size_t i;
	if (a == first || first->docs.n < 2 || a->docs.n < 2)
		assay_fail(&why, ASSAY_E_USAGE, a == first ? "the first engine: the others are held against it" : "fewer than two blocks of %s", first->docs.n < 2 ? first->spec : a->spec);
	else if ((doc = assay_compare(first->docs.list, first->docs.n, a->docs.list, a->docs.n, &o, &why)) && !assay_json_get_bool(doc, "comparable", 0))
		cmd_judge_refuse(doc, &why);
	json_array_foreach(json_object_get(doc, "metrics"), i, m)
		if (!why.code && !strcmp(assay_json_get_str(m, "role", "family"), "family"))
			json_array_append(rows, m);
	json_t *out = json_pack("{s:s, s:b, s:o, s:s?, s:o}", "against", "A", "comparable", !why.code, "reason", why.code ? cmd_engines_text(why.msg) : json_null(), "verdict",
				why.code ? NULL : assay_json_get_str(doc, "verdict", NULL), "metrics", rows);
	json_decref(doc);
	return out;
}

/* ---- what stands behind the numbers ---- */

static void note(json_t *list, const char *what, const char *said)
{
	char *text = xasprintf("%s: %s", what, said);
	json_array_append_new(list, cmd_engines_text(text));
	free(text);
}

/* Derived, ignored, missing: by the first block's result. */
static json_t *notes(const struct cmd_engine_arm *a)
{
	static const char *const wanted[] = { "ttft_ms", "tpot_ms", "output_tok_s", "load_ms", "rss_peak_mib", "weights_mib", "kv_peak_mib", "step_ms" };
	const json_t *doc = a->docs.n ? a->docs.list[0] : NULL, *effective = json_object_get(json_object_get(doc, "engine"), "effective");
	json_t *list = json_array(), *value;
	const char *key;
	size_t i;
	json_object_foreach(json_object_get(json_object_get(doc, "engine"), "capabilities"), key, value)
		if (json_is_string(value) && strncmp(key, "worker_", 7) && strcmp(json_string_value(value), "exact"))
			note(list, key, json_string_value(value));
	json_array_foreach(json_object_get(effective, "ignored"), i, value)
		note(list, "option ignored", json_is_string(value) ? json_string_value(value) : "?");
	if (assay_json_get_str(effective, "what", NULL))
		note(list, "what it is", assay_json_get_str(effective, "what", ""));
	json_array_foreach(json_object_get(doc, "unavailable"), i, value)
		for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
			if (!strcmp(assay_json_get_str(value, "what", ""), wanted[k])) {
				char *what = xasprintf("%s missing", wanted[k]);
				note(list, what, assay_json_get_str(value, "reason", ""));
				free(what);
			}
	return list;
}

static json_t *engine_json(const struct cmd_engines_job *j, const struct cmd_engine_arm *a)
{
	char label[2] = { (char)('A' + (a - j->arm)), 0 };
	const json_t *engine = a->docs.n ? json_object_get(a->docs.list[0], "engine") : NULL;
	json_t *options = json_array(), *none = json_null();
	for (int i = 0; i < a->n_opts; i++)
		json_array_append_new(options, cmd_engines_text(a->opts[i]));
	json_t *capabilities = engine ? json_object_get(engine, "capabilities") : NULL, *effective = engine ? json_object_get(engine, "effective") : NULL;
	json_t *row = json_pack("{s:s, s:o, s:o, s:s?, s:s, s:o, s:O, s:O}", "label", label, "engine", cmd_engines_text(a->spec), "options", options, "version", assay_json_get_str(engine, "version", NULL), "state",
				a->failed ? "failed" : "ready", "reason", a->failed ? cmd_engines_text(a->reason) : json_null(), "agreement", a->agreement ? a->agreement : none, "blocks", a->blocks);
	json_object_set_new(row, "load_ms", run_metric(a, "load_ms"));
	json_object_set_new(row, "memory", json_pack("{s:o, s:o, s:o}", "rss_peak_mib", run_metric(a, "rss_peak_mib"), "weights_mib", run_metric(a, "weights_mib"), "kv_peak_mib", run_metric(a, "kv_peak_mib")));
	json_object_set_new(row, "batches", batches(j, a));
	json_object_set_new(row, "comparison", against_first(j, a));
	json_object_set(row, "capabilities", capabilities ? capabilities : none);
	json_object_set(row, "effective", effective ? effective : none);
	json_object_set_new(row, "notes", notes(a));
	json_decref(none);
	return row;
}

/* ---- what the documents expect ---- */

static const json_t *row_of(const json_t *engine, int64_t batch)
{
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(engine, "batches"), i, row)
		if (!batch || assay_json_get_int(row, "batch", -1) == batch)
			return row;
	return NULL;
}

static const json_t *engine_named(const json_t *engines, const char *spec, size_t from)
{
	for (size_t i = from; i < json_array_size(engines); i++)
		if (!strcmp(assay_json_get_str(json_array_get(engines, i), "engine", ""), spec))
			return json_array_get(engines, i);
	return NULL;
}

static json_t *expectation(const struct expected *x, const json_t *engine, const json_t *torch)
{
	const json_t *row = row_of(engine, x->batch);
	int64_t batch = assay_json_get_int(row, "batch", x->batch);
	double ratio = rate(row) / rate(row_of(torch, batch));
	const char *reason = !engine ? "not in --engines" : !torch ? "no PyTorch among them" : !row ? "no such batch" :
			     !isfinite(ratio) ? "not measured" : NULL;
	const char *outcome = reason ? NULL : ratio < x->low ? "below" : ratio > x->high ? "above" : "within";
	if (!strcmp(x->name, "PyTorch") && !reason)
		outcome = "reference";
	return json_pack("{s:s, s:s, s:s?, s:o, s:b, s:[f, f], s:o, s:s?, s:s?}", "name", x->name, "engine", x->spec, "label", assay_json_get_str(engine, "label", NULL), "batch",
			 batch ? json_integer(batch) : json_null(), "batch_in_document", x->batch > 0, "expected", x->low, x->high, "measured", assay_json_real(reason ? NAN : ratio), "outcome", outcome,
			 "reason", reason);
}

/* A row a line of the matrix, and for each of several engines of that name (another option, say). */
static json_t *expectations(const json_t *engines)
{
	json_t *rows = json_array();
	const json_t *torch = engine_named(engines, matrix[0].spec, 0);
	for (int i = 0; i < EXPECTED; i++) {
		bool any = false;
		for (size_t k = 0; k < json_array_size(engines); k++) {
			const json_t *engine = json_array_get(engines, k);
			if (engine_named(engines, matrix[i].spec, k) == engine) {
				json_array_append_new(rows, expectation(&matrix[i], engine, torch));
				any = true;
			}
		}
		if (!any)
			json_array_append_new(rows, expectation(&matrix[i], NULL, torch));
	}
	return rows;
}

/* ---- the document ---- */

static json_t *workload(const struct cmd_engines_job *j)
{
	const int64_t *list;
	json_t *sizes = json_array(), *order = json_array();
	int n = assay_options_ints(j->o, "batch", &list);
	for (int i = 0; i < n; i++)
		json_array_append_new(sizes, json_integer(list[i]));
	for (int i = 0; i < j->n * j->rounds; i++)
		json_array_append_new(order, json_sprintf("%c", 'A' + cmd_engines_turn(i, j->n)));
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:o}", "batches", sizes, "prompt_tokens", (json_int_t)assay_options_int(j->o, "prompt-tokens"), "output_tokens",
			 (json_int_t)assay_options_int(j->o, "output-tokens"), "runs", (json_int_t)assay_options_int(j->o, "runs"), "warmup", (json_int_t)assay_options_int(j->o, "warmup"), "rounds", j->rounds,
			 "threads", (json_int_t)assay_options_int(j->o, "threads"), "seed", (json_int_t)assay_options_int(j->o, "seed"), "order", order);
}

json_t *cmd_engines_document(struct cmd_engines_job *j)
{
	char ended[40];
	json_t *engines = json_array(), *disagree = json_array(), *none = json_null(), *machine = NULL;
	for (int i = 0; i < j->n; i++) {
		char label[2] = { (char)('A' + i), 0 };
		json_array_append_new(engines, engine_json(j, &j->arm[i]));
		if (!strcmp(assay_json_get_str(j->arm[i].agreement, "outcome", ""), "DISAGREE"))
			json_array_append_new(disagree, json_string(label));
		if (!machine && j->arm[i].docs.n)
			machine = json_object_get(j->arm[i].docs.list[0], "machine");
	}
	assay_rfc3339(assay_wall_ns(), ended, sizeof ended);
	json_t *doc = json_pack("{s:s, s:s, s:s, s:o, s:b, s:O, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", CMD_ENGINES_SCHEMA, "created", j->created, "ended", ended, "assay", cmd_build_info(), "interrupted",
				cmd_signal_seen() != 0, "machine", machine ? machine : none, "model",
				json_pack("{s:o, s:o, s:s, s:I}", "name", cmd_engines_text(j->shape.name), "loaded", cmd_engines_text(j->model), "dtype", assay_options_str(j->o, "dtype"), "parameters", (json_int_t)nn_shape_parameters(&j->shape)),
				"workload", workload(j), "memory", json_pack("{s:I, s:I}", "needed_bytes", (json_int_t)j->needed_bytes, "free_bytes", (json_int_t)j->free_bytes), "disagree", disagree,
				"engines", engines, "expectations", expectations(engines));
	json_decref(none);
	return doc;
}
