/* The tables of engines.json. See engines_tables.h. */
#include "report/engines_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "report/compare_tables.h"

struct column { const char *head; bool right; int keep; };

static void columns(struct draw_table *t, const struct column *c, size_t n)
{
	draw_table_init(t);
	for (size_t i = 0; i < n; i++)
		draw_table_col(t, c[i].head, c[i].right, c[i].keep);
}

static void format(char out[32], double x)
{
	if (isfinite(x))
		snprintf(out, 32, "%.*f", fabs(x) < 10 ? 2 : fabs(x) < 1000 ? 1 : 0, x);
	else
		strcpy(out, "-");
}

static void ratio(struct draw_table *t, double x)
{
	draw_table_cell(t, !isfinite(x) ? "-" : x < 0.1 ? "%.3fx" : "%.2fx", x);
}

static void number(struct draw_table *t, double x, const char *unit)
{
	char text[32];
	format(text, x);
	draw_table_cell(t, "%s%s", text, isfinite(x) ? unit : "");
}

static double mean(const json_t *row, const char *key) { return assay_json_get_num(json_object_get(row, key), "mean", NAN); }

static const json_t *engines(const json_t *doc) { return json_object_get(doc, "engines"); }

/* A letter that stands for an engine; with a mark where a block of it is INVALID. */
static void letter(struct draw_table *t, const json_t *g)
{
	draw_table_cell(t, "%s%s", assay_json_get_str(g, "label", "?"), assay_json_get_int(g, "invalid_blocks", 0) ? "!" : "");
}

static const char *name(const json_t *g) { return assay_json_get_str(g, "name", "?"); }

/* "2 VALID", "1 VALID, 1 INVALID". */
static void verdicts(const json_t *g, struct assay_buf *out)
{
	static const char *const states[] = { "VALID", "CAUTION", "INVALID" };
	const json_t *blocks = json_object_get(g, "blocks");
	size_t k, failed = json_array_size(blocks);
	json_t *b;
	for (size_t i = 0; i < 3; i++) {
		int n = 0;
		json_array_foreach(blocks, k, b)
			n += !strcmp(assay_json_get_str(b, "verdict", ""), states[i]);
		failed -= (size_t)n;
		if (n)
			assay_buf_printf(out, "%s%d %s", out->len_bytes ? ", " : "", n, states[i]);
	}
	if (failed)
		assay_buf_printf(out, "%s%zu failed", out->len_bytes ? ", " : "", failed);
	if (!out->len_bytes)
		assay_buf_puts(out, "none");
}

/* A row an engine: what it is, whether it answers alike, what its blocks are worth, what was in force. */
static void engine_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "", false, 0 }, { "Engine", false, 0 }, { "Version", false, 1 }, { "State", false, 0 }, { "Answers", false, 0 }, { "Blocks", false, 0 }, { "Dtype", false, 2 }, { "Threads", true, 3 } };
	size_t i;
	json_t *g;
	columns(t, c, sizeof c / sizeof *c);
	json_array_foreach(engines(doc), i, g) {
		const json_t *force = json_object_get(g, "in_force"), *threads = json_object_get(force, "threads");
		struct assay_buf b;
		assay_buf_init(&b, 1 << 12);
		verdicts(g, &b);
		draw_table_cell(t, "%s", assay_json_get_str(g, "label", "?"));
		draw_table_cell(t, "%s", name(g));
		draw_table_cell(t, "%s", assay_json_get_str(g, "version", "-"));
		draw_table_cell(t, "%s", json_is_false(json_object_get(g, "timed")) ? "memory run" : assay_json_get_str(g, "state", "?"));
		draw_table_cell(t, "%s", i ? assay_json_get_str(json_object_get(g, "agreement"), "outcome", "not checked") : "reference");
		draw_table_cell(t, "%s", b.data);
		draw_table_cell(t, "%s", assay_json_get_str(force, "dtype", "-"));
		if (json_is_integer(threads))
			draw_table_cell(t, "%lld", (long long)json_integer_value(threads));
		else
			draw_table_cell(t, "-");
		assay_buf_release(&b);
	}
}

/* A row a batch size of an engine. A memory run has none. */
static void speed_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "Batch", true, 0 }, { "", false, 0 }, { "Engine", false, 1 }, { "TTFT ms", true, 0 }, { "TPOT ms", true, 0 }, { "ITL P99 ms", true, 3 }, { "Output tok/s", true, 0 }, { "Total tok/s", true, 2 }, { "CPU use", true, 2 },
					   { "of A", true, 0 } };
	const json_t *sizes = json_object_get(json_object_get(doc, "workload"), "batches");
	size_t i, b;
	json_t *g;
	columns(t, c, sizeof c / sizeof *c);
	for (b = 0; b < json_array_size(sizes); b++)
		json_array_foreach(engines(doc), i, g) {
			const json_t *row = json_array_get(json_object_get(g, "batches"), b);
			if (json_is_false(json_object_get(g, "timed")) || !json_array_size(json_object_get(json_object_get(row, "output_tok_s"), "values")))
				continue;
			draw_table_cell(t, "%lld", (long long)json_integer_value(json_array_get(sizes, b)));
			letter(t, g);
			draw_table_cell(t, "%s", name(g));
			number(t, mean(row, "ttft_ms"), "");
			number(t, mean(row, "tpot_ms"), "");
			number(t, mean(row, "itl_p99_ms"), assay_json_get_bool(row, "itl_p99_enough", 0) ? "" : "*");
			number(t, mean(row, "output_tok_s"), "");
			number(t, mean(row, "total_tok_s"), "");
			number(t, mean(row, "cpu_util"), "");
			ratio(t, assay_json_get_num(row, "ratio", NAN));
		}
}

static const struct { const char *part, *key, *head; int keep; } costs[] = {
	{ "load", "open_ms", "open, import", 2 }, { "load", "weights_ms", "weights", 3 }, { "load", "pack_ms", "pack", 1 }, { "load", "kv_ms", "KV", 1 }, { "load", "warmup_ms", "warm-up", 1 },
	{ "memory", "rss_peak_mib", "RSS peak MiB", 0 }, { "memory", "pss_mib", "PSS MiB", 2 }, { "memory", "weights_mib", "Weights MiB", 4 }, { "memory", "kv_peak_mib", "KV peak MiB", 3 },
};
enum { COSTS = sizeof costs / sizeof *costs };

static double cost(const json_t *g, size_t k) { return mean(json_object_get(g, costs[k].part), costs[k].key); }

/* A row an engine. What none tells apart has no column. */
static void load_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "", false, 0 }, { "Engine", false, 2 }, { "Load ms", true, 0 }, { "first", true, 3 } };
	bool told[COSTS] = { false };
	size_t i;
	json_t *g;
	columns(t, c, sizeof c / sizeof *c);
	for (size_t k = 0; k < COSTS; k++) {
		json_array_foreach(engines(doc), i, g)
			told[k] = told[k] || isfinite(cost(g, k));
		if (told[k])
			draw_table_col(t, costs[k].head, true, costs[k].keep);
	}
	json_array_foreach(engines(doc), i, g) {
		const json_t *total = json_object_get(g, "load_ms"), *first = json_array_get(json_object_get(total, "values"), 0);
		if (!json_array_size(json_object_get(total, "values")))
			continue;
		letter(t, g);
		draw_table_cell(t, "%s", name(g));
		number(t, assay_json_get_num(total, "mean", NAN), "");
		number(t, json_is_number(first) ? json_number_value(first) : NAN, "");
		for (size_t k = 0; k < COSTS; k++)
			if (told[k])
				number(t, cost(g, k), "");
	}
}

/* The interval of two blocks can be absurdly wide: what is beyond a factor of ten is said so. */
static void interval_text(char out[48], const json_t *ci)
{
	const double most = 900, lo = json_number_value(json_array_get(ci, 0)), hi = json_number_value(json_array_get(ci, 1));
	if (json_is_array(ci) && lo > most)
		snprintf(out, 48, ">+%.0f%%", most);
	else if (json_is_array(ci) && hi > most)
		snprintf(out, 48, "%+.1f..>+%.0f%%", lo, most);
	else
		compare_interval(out, ci);
}

/* What was judged of B, C, ... against A; the unit is the block. */
static void judged_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "", false, 0 }, { "Engine", false, 1 }, { "Metric", false, 0 }, { "Effect", true, 0 }, { "95 % interval", true, 0 }, { "Verdict", false, 0 } };
	size_t i, k;
	json_t *g, *m;
	columns(t, c, sizeof c / sizeof *c);
	json_array_foreach(engines(doc), i, g)
		json_array_foreach(json_object_get(json_object_get(g, "comparison"), "metrics"), k, m) {
			char effect[32], interval[48];
			compare_percent(effect, assay_json_get_num(m, "effect_pct", NAN), "+");
			interval_text(interval, json_object_get(m, "ci95_pct"));
			letter(t, g);
			draw_table_cell(t, "%s", name(g));
			draw_table_cell(t, "%s", assay_json_get_str(m, "key", "?"));
			draw_table_cell(t, "%s", effect);
			draw_table_cell(t, "%s", interval);
			draw_table_cell(t, "%s", assay_json_get_str(m, "verdict", "-"));
		}
}

static void expected_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "Documents", false, 1 }, { "", false, 0 }, { "Engine", false, 0 }, { "Batch", true, 0 }, { "Expected", true, 0 }, { "Measured", true, 0 }, { "Outcome", false, 0 } };
	size_t i;
	json_t *x;
	columns(t, c, sizeof c / sizeof *c);
	json_array_foreach(json_object_get(doc, "expectations"), i, x) {
		const json_t *range = json_object_get(x, "expected"), *batch = json_object_get(x, "batch");
		double low = json_number_value(json_array_get(range, 0)), high = json_number_value(json_array_get(range, 1));
		const char *outcome = assay_json_get_str(x, "outcome", "?"), *why = assay_json_get_str(x, "reason", NULL), *place = assay_json_get_str(x, "place", "");
		draw_table_cell(t, "%s", assay_json_get_str(x, "name", "?"));
		draw_table_cell(t, "%s", assay_json_get_str(x, "label", ""));
		draw_table_cell(t, "%s", assay_json_get_str(x, "engine", "?"));
		if (json_is_integer(batch))
			draw_table_cell(t, "%lld%s", (long long)json_integer_value(batch), json_is_true(json_object_get(x, "batch_in_document")) ? "" : "*");
		else
			draw_table_cell(t, "-");
		if (low < high)
			draw_table_cell(t, "%g-%gx", low, high);
		else
			draw_table_cell(t, "%gx", low);
		ratio(t, assay_json_get_num(x, "measured", NAN));
		draw_table_cell(t, "%s%s%s", outcome, why ? ": " : !strcmp(outcome, "met") && !strcmp(place, "above") ? ", above" : "", why ? why : "");
	}
}

static const struct { const char *key, *title; } spread[] = {
	{ "ttft_ms", "TTFT ms" }, { "tpot_ms", "TPOT ms" }, { "itl_p99_ms", "ITL P99 ms" }, { "output_tok_s", "Output tok/s" }, { "total_tok_s", "Total tok/s" }, { "cpu_util", "CPU use" },
};

static void spread_row(struct draw_table *t, const json_t *g, long long batch, const char *title, const json_t *x)
{
	const json_t *ci = json_object_get(x, "ci95"), *values = json_object_get(x, "values");
	struct assay_buf b;
	char text[32];
	size_t i;
	json_t *v;
	if (!json_array_size(values) || !json_is_number(json_object_get(x, "mean")))
		return;
	letter(t, g);
	draw_table_cell(t, "%s", name(g));
	if (batch)
		draw_table_cell(t, "%lld", batch);
	else
		draw_table_cell(t, "-");
	draw_table_cell(t, "%s", title);
	number(t, assay_json_get_num(x, "mean", NAN), "");
	if (json_is_array(ci)) {
		char hi[32];
		format(text, json_number_value(json_array_get(ci, 0)));
		format(hi, json_number_value(json_array_get(ci, 1)));
		draw_table_cell(t, "%s..%s", text, hi);
	} else {
		draw_table_cell(t, "-");
	}
	assay_buf_init(&b, 1 << 16);
	json_array_foreach(values, i, v) {
		format(text, json_is_number(v) ? json_number_value(v) : NAN);
		assay_buf_printf(&b, "%s%s", i ? ", " : "", text);
	}
	draw_table_cell(t, "%s", b.data);
	assay_buf_release(&b);
}

/* Every mean with what it is the mean of. */
static void spread_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "", false, 0 }, { "Engine", false, 0 }, { "Batch", true, 0 }, { "Metric", false, 0 }, { "Mean", true, 0 }, { "95 % interval", true, 0 }, { "Blocks", false, 0 } };
	size_t i, k;
	json_t *g, *row;
	columns(t, c, sizeof c / sizeof *c);
	json_array_foreach(engines(doc), i, g) {
		json_array_foreach(json_object_get(g, "batches"), k, row)
			for (size_t m = 0; m < sizeof spread / sizeof *spread; m++)
				spread_row(t, g, (long long)assay_json_get_int(row, "batch", 0), spread[m].title, json_object_get(row, spread[m].key));
		spread_row(t, g, 0, "Load ms", json_object_get(g, "load_ms"));
		spread_row(t, g, 0, "RSS peak MiB", json_object_get(json_object_get(g, "memory"), "rss_peak_mib"));
	}
}

const struct engines_part engines_parts[] = {
	{ "engines", "Engines", "Answers: greedy tokens against A's. Blocks: the verdicts of its results. Dtype and threads: in force, as the engine says.", engine_table, false },
	{ "speed", "Speed", "Means over the blocks. Total counts prompt and output tokens. CPU use: of all CPUs, spinning threads too. * fewer samples than it takes to state that percentile; ! a block is INVALID.", speed_table, false },
	{ "load", "Load and memory", "Means over the blocks, the first load beside it; outside the timing. Memory: of assay's own process for the embedded engine, of the worker's processes for a worker: pages that they share count in each in RSS, once in PSS (after a run).", load_table, false },
	{ "against", "Against A", "The unit is the block.", judged_table, false },
	{ "expected", "What the documents expect", "Output tok/s against PyTorch's. Met: within or above. * the documents name no batch size.", expected_table, false },
	{ "spread", "Over the blocks", "The interval is Student's over the blocks, from three on.", spread_table, true },
	{ NULL, NULL, NULL, NULL, false },
};
