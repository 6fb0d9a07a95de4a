/* assay compare-engines: what the requirement documents expect of engines, beside what was measured. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cmd/compare_engines_parts.h"

/* The requirement documents' engine matrix: output tok/s against PyTorch's. batch 0: they do not say which. */
static const struct expected { const char *name, *spec; int batch; double low, high; } matrix[] = {
	{ "PyTorch", "worker:transformers", 0, 1, 1 }, { "vLLM", "worker:vllm", 1, 2, 3 }, { "vLLM", "worker:vllm", 8, 5, 10 },
	{ "DeepSpeed", "worker:deepspeed", 0, 1.5, 2 }, { "ONNX", "worker:ort_genai", 0, 1.2, 1.5 },
};
enum { EXPECTED = sizeof matrix / sizeof *matrix };

static double rate(const json_t *row) { return assay_json_get_num(json_object_get(row, "output_tok_s"), "mean", NAN); }

static const json_t *row_of(const json_t *engine, int64_t batch)
{
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(engine, "batches"), i, row)
		if (!batch || assay_json_get_int(row, "batch", -1) == batch)
			return row;
	return NULL;
}

static bool is_named(const json_t *engine, const char *spec) { return !strcmp(assay_json_get_str(engine, "engine", ""), spec); }

/* The first of that name that was timed, else the first of that name. */
static const json_t *reference(const json_t *engines, const char *spec)
{
	const json_t *found = NULL;
	for (size_t i = json_array_size(engines); i-- > 0;) {
		const json_t *g = json_array_get(engines, i);
		if (is_named(g, spec) && (!found || isfinite(rate(row_of(g, 0)))))
			found = g;
	}
	return found;
}

/* What forbids a judgement although there is a ratio: it did other work, or a block of it does not count. NULL: nothing. */
static const char *forbidden(const json_t *engine)
{
	if (!strcmp(assay_json_get_str(json_object_get(engine, "agreement"), "outcome", ""), "DISAGREE"))
		return "does not give A's answers";
	if (json_is_false(json_object_get(engine, "same_plan")))
		return "was given other ids";
	return assay_json_get_int(engine, "invalid_blocks", 0) ? "a block is INVALID" : NULL;
}

static json_t *expectation(const struct expected *x, const json_t *engine, const json_t *torch)
{
	const json_t *row = row_of(engine, x->batch);
	int64_t batch = assay_json_get_int(row, "batch", x->batch);
	double ratio = rate(row) / rate(row_of(torch, batch));
	bool is_torch = !strcmp(x->name, "PyTorch") && engine == torch;
	const char *reason = !engine ? "not in --engines" : !torch ? "no PyTorch among them" : !row ? "no such batch" : !isfinite(ratio) ? "not measured" : forbidden(engine) ? forbidden(engine) : forbidden(torch);
	const char *place = !isfinite(ratio) || !engine ? NULL : ratio < x->low ? "below" : ratio > x->high ? "above" : "within";
	const char *outcome = reason ? "unknown" : is_torch ? "reference" : ratio < x->low ? "not met" : "met";
	return json_pack("{s:s, s:s, s:s?, s:o, s:b, s:[f, f], s:o, s:s?, s:s, s:s?}", "name", x->name, "engine", x->spec, "label", assay_json_get_str(engine, "label", NULL), "batch",
			 batch ? json_integer(batch) : json_null(), "batch_in_document", x->batch > 0, "expected", x->low, x->high, "measured", assay_json_real(engine ? ratio : NAN), "place", place, "outcome", outcome,
			 "reason", reason);
}

/* A row a line of the matrix, and for each of several engines of that name (another option, say). */
json_t *cmd_engines_expectations(const json_t *engines)
{
	json_t *rows = json_array();
	const json_t *torch = reference(engines, matrix[0].spec);
	for (int i = 0; i < EXPECTED; i++) {
		bool any = false;
		for (size_t k = 0; k < json_array_size(engines); k++)
			if (is_named(json_array_get(engines, k), matrix[i].spec)) {
				json_array_append_new(rows, expectation(&matrix[i], json_array_get(engines, k), torch));
				any = true;
			}
		if (!any)
			json_array_append_new(rows, expectation(&matrix[i], NULL, torch));
	}
	return rows;
}
