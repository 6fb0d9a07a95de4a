/* assay compare-engines: the numbers of engines.json, each over the blocks of an engine. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "cmd/compare_engines_parts.h"
#include "metrics/summary.h"

enum { CI_BLOCKS = 3 };

static const json_t *point_of(const json_t *result, int64_t batch)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (assay_json_get_int(json_object_get(p, "case"), "batch_size", -1) == batch)
			return p;
	return NULL;
}

static const json_t *metric_of(const json_t *point, const char *key) { return json_object_get(json_object_get(point, "metrics"), key); }

/* A sample's mean, or a single value; NAN where there is none. */
static double metric(const json_t *point, const char *key)
{
	const json_t *m = metric_of(point, key);
	return assay_json_get_num(m, "mean", assay_json_get_num(m, "value", NAN));
}

/* {mean, ci95, values[]}: one value a block; mean and Student's interval over the blocks that have one, the interval from three on. */
static json_t *over_blocks(const double *x, size_t n)
{
	json_t *values = json_array();
	double sum = 0, squares = 0;
	int have = 0;
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(values, assay_json_real(x[i]));
		sum += isfinite(x[i]) ? x[i] : 0;
		have += isfinite(x[i]);
	}
	double mean = have ? sum / have : NAN;
	for (size_t i = 0; i < n; i++)
		squares += isfinite(x[i]) ? (x[i] - mean) * (x[i] - mean) : 0;
	double half = have < CI_BLOCKS ? NAN : assay_t_quantile(0.975, have - 1) * sqrt(squares / (have - 1) / have);
	return json_pack("{s:o, s:o, s:o}", "mean", assay_json_real(mean), "ci95", isfinite(half) ? json_pack("[f, f]", mean - half, mean + half) : json_null(), "values", values);
}

typedef double value_fn(const json_t *result, const void *arg);

static json_t *each_block(const struct cmd_engines_side *s, value_fn *value, const void *arg)
{
	double x[CMD_DOCS_MAX];
	for (size_t i = 0; i < s->docs.n; i++)
		x[i] = value(s->docs.list[i], arg);
	return over_blocks(x, s->docs.n);
}

struct cell { int64_t batch; const char *key; };

static double cell_value(const json_t *result, const void *arg)
{
	const struct cell *c = arg;
	return metric(point_of(result, c->batch), c->key);
}

static double itl_p99(const json_t *result, const void *arg)
{
	return assay_json_get_num(metric_of(point_of(result, *(const int64_t *)arg), "itl_ms"), "p99", NAN);
}

/* The largest over a block's points: of a peak, or of what is the same at all. */
static double run_value(const json_t *result, const void *arg)
{
	double x = NAN;
	size_t k;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), k, p)
		x = fmax(x, metric(p, arg)); /* fmax leaves out NAN */
	return x;
}

static double phase_value(const json_t *result, const void *arg) { return assay_json_get_num(json_object_get(json_object_get(result, "engine"), "load"), arg, NAN); }

static json_t *unknown(void) { return over_blocks(NULL, 0); }

static double rate(const json_t *row) { return assay_json_get_num(json_object_get(row, "output_tok_s"), "mean", NAN); }

/* Every block's p99 rests on as many samples as it takes to state one. */
static bool enough_gaps(const struct cmd_engines_side *s, int64_t batch)
{
	bool enough = s->docs.n > 0;
	for (size_t i = 0; i < s->docs.n; i++) {
		const json_t *m = metric_of(point_of(s->docs.list[i], batch), "itl_ms");
		enough = enough && assay_json_get_int(m, "n", 0) >= assay_json_get_int(json_object_get(m, "need"), "p99", 662);
	}
	return enough;
}

/* A memory run's timings are left out: they are of a set-up that nobody runs. */
json_t *cmd_engines_batches(const struct cmd_engines_work *w, const struct cmd_engines_side *s)
{
	static const char *const keys[] = { "ttft_ms", "tpot_ms", "output_tok_s", "total_tok_s", "cpu_util" };
	const json_t *sizes = json_object_get(json_object_get(w->record, "workload"), "batches");
	json_t *rows = json_array(), *size;
	size_t i;
	json_array_foreach(sizes, i, size) {
		int64_t batch = json_integer_value(size);
		struct cell first = { batch, "output_tok_s" };
		json_t *row = json_pack("{s:I}", "batch", (json_int_t)batch), *base = w->side[0].timed ? each_block(&w->side[0], cell_value, &first) : unknown();
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			json_object_set_new(row, keys[k], s->timed ? each_block(s, cell_value, &(struct cell){ batch, keys[k] }) : unknown());
		json_object_set_new(row, "itl_p99_ms", s->timed ? each_block(s, itl_p99, &batch) : unknown());
		json_object_set_new(row, "itl_p99_enough", json_boolean(s->timed && enough_gaps(s, batch)));
		json_object_set_new(row, "ratio", assay_json_real(rate(row) / assay_json_get_num(base, "mean", NAN)));
		json_array_append_new(rows, row);
		json_decref(base);
	}
	return rows;
}

json_t *cmd_engines_load(const struct cmd_engines_side *s)
{
	static const char *const phases[] = { "open_ms", "weights_ms", "pack_ms", "kv_ms", "warmup_ms" };
	json_t *out = json_object();
	for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
		json_object_set_new(out, phases[i], each_block(s, phase_value, phases[i]));
	return out;
}

json_t *cmd_engines_peak(const struct cmd_engines_side *s, const char *key) { return each_block(s, run_value, key); }
