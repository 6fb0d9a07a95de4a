/* See face_sweep.h: the table, the sentences, the terminal, sweep.md. */
#include "report/face_sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/csv.h"
#include "draw/file.h"
#include "draw/text.h"
#include "metrics/definitions.h"
#include "report/face_data.h"

static const struct { const char *key, *head; int keep; } columns[] = {
	{ "ttft_ms", "TTFT ms", 5 }, { "tpot_ms", "TPOT ms", 4 }, { "e2el_ms", "E2E ms", 6 }, { "output_tok_s", "tok/s", 7 }, { "request_s", "req/s", 3 },
	{ "weights_mib", "Weights MiB", 3 }, { "kv_peak_mib", "KV MiB", 2 }, { "rss_peak_mib", "RSS MiB", 2 }, { "load_ms", "Load ms", 1 },
};
#define COLUMNS (sizeof columns / sizeof *columns)

static const json_t *configs(const json_t *sweep) { return json_object_get(sweep, "configurations"); }

static const char *name_of(const json_t *sweep, const json_t *number)
{
	return assay_json_get_str(json_array_get(configs(sweep), json_is_integer(number) ? (size_t)json_integer_value(number) - 1 : (size_t)-1), "name", "?");
}

double sweep_value(const json_t *row, const char *key)
{
	return assay_json_get_num(json_object_get(json_object_get(row, "metrics"), key), "value", NAN);
}

static void number(char out[48], double x, const char *key)
{
	const struct assay_metric *m = assay_metric_find(key);
	strcpy(out, "-");
	if (!isnan(x))
		face_format(out, x, m ? m->digits : 2);
}

/* ---- table ---- */

static void mark(const json_t *row, char *out, size_t size)
{
	const char *status = assay_json_get_str(row, "status", "?"), *meets = assay_json_get_str(row, "meets", "met");
	const json_t *points = json_object_get(row, "points");
	bool partial = !strcmp(status, "partial");
	if (strcmp(status, "measured") && !partial)
		snprintf(out, size, "%s", status);
	else if (strcmp(meets, "met"))
		snprintf(out, size, "requirement %s", !strcmp(meets, "unknown") ? meets : "not met");
	else
		snprintf(out, size, "%s", assay_json_get_str(json_object_get(row, "verdict"), "state", "?"));
	size_t used = strlen(out);
	if (partial)
		snprintf(out + used, size - used, ", %d/%d points", (int)assay_json_get_int(points, "measured", 0), (int)assay_json_get_int(points, "total", 0));
}

void sweep_table(const json_t *sweep, struct draw_table *t)
{
	draw_table_init(t);
	draw_table_col(t, "#", true, 0);
	draw_table_col(t, "Configuration", false, 0);
	for (size_t c = 0; c < COLUMNS; c++)
		draw_table_col(t, columns[c].head, true, columns[c].keep);
	draw_table_col(t, "Front", false, 8);
	draw_table_col(t, "Status", false, 9);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		const json_t *row = json_array_get(configs(sweep), i);
		bool shared = assay_json_get_bool(json_object_get(row, "load"), "shared", 0);
		char status[80];
		draw_table_cell(t, "%d", (int)assay_json_get_int(row, "n", 0));
		draw_table_cell(t, "%s", assay_json_get_str(row, "name", "?"));
		for (size_t c = 0; c < COLUMNS; c++) {
			char text[48];
			number(text, sweep_value(row, columns[c].key), columns[c].key);
			bool by_all = shared && strcmp(text, "-") && (!strcmp(columns[c].key, "load_ms") || !strcmp(columns[c].key, "rss_peak_mib"));
			draw_table_cell(t, "%s%s", text, by_all ? " s" : "");
		}
		draw_table_cell(t, "%s", assay_json_get_bool(row, "front", 0) ? "yes" : "");
		mark(row, status, sizeof status);
		draw_table_cell(t, "%s", status);
	}
}

/* ---- sentences ---- */

void sweep_about_text(const json_t *sweep, struct assay_buf *out)
{
	const json_t *request = json_object_get(sweep, "request"), *vary = json_object_get(request, "vary");
	size_t n = json_array_size(configs(sweep));
	int rounds = (int)assay_json_get_int(request, "rounds", 1);
	assay_buf_printf(out, "%zu configuration%s of %s (", n, n == 1 ? "" : "s", assay_json_get_str(sweep, "experiment", "?"));
	for (size_t i = 0; i < json_array_size(vary); i++) {
		void *it = json_object_iter(json_array_get(vary, i));
		const json_t *list = json_object_iter_value(it);
		assay_buf_printf(out, "%s%s: ", i ? "; " : "", it ? json_object_iter_key(it) : "?");
		for (size_t k = 0; k < json_array_size(list); k++)
			assay_buf_printf(out, "%s%s", k ? ", " : "", json_string_value(json_array_get(list, k)));
	}
	assay_buf_printf(out, ")%s, %d round%s", assay_json_get_bool(request, "pairwise", 0) ? ", every two values together at least once" : "", rounds, rounds == 1 ? "" : "s");
	const char *state = assay_json_get_str(sweep, "state", "?");
	if (strcmp(state, "complete"))
		assay_buf_printf(out, "; the sweep is %s", state);
}

void sweep_how_text(const json_t *sweep, struct assay_buf *out)
{
	const json_t *order = json_object_get(sweep, "order");
	size_t shared = 0;
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++)
		shared += (size_t)assay_json_get_bool(json_object_get(json_array_get(configs(sweep), i), "load"), "shared", 0);
	assay_buf_puts(out, "The order was drawn from the seed:");
	for (size_t r = 0; r < json_array_size(order); r++) {
		const json_t *list = json_array_get(order, r);
		assay_buf_puts(out, r ? ";" : "");
		for (size_t i = 0; i < json_array_size(list); i++)
			assay_buf_printf(out, " %d", (int)json_integer_value(json_array_get(list, i)));
	}
	assay_buf_puts(out, ". ");
	if (shared)
		assay_buf_printf(out, "%zu configurations share a load with others (marked s): the load time and the resident memory (RSS) are then those of the load, its KV pool sized for the largest of them; "
		                      "weights and KV in use are each one's own. ", shared);
	assay_buf_puts(out, "A value is the mean over the rounds; where a configuration has several points, memory is the largest and all else the geometric mean.");
}

void sweep_front_text(const json_t *sweep, struct assay_buf *out)
{
	const json_t *front = json_object_get(sweep, "front"), *over = json_object_get(front, "objectives"), *who = json_object_get(front, "configurations");
	size_t n = json_array_size(who);
	if (!n) {
		assay_buf_puts(out, "No configuration is on the front: none has a value of every objective and may be named.");
		return;
	}
	assay_buf_puts(out, "Not worse in everything than another (");
	for (size_t i = 0; i < json_array_size(over); i++)
		assay_buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(over, i)));
	assay_buf_puts(out, "), by the values as measured: ");
	for (size_t i = 0; i < n; i++)
		assay_buf_printf(out, "%s%d (%s)", i ? ", " : "", (int)json_integer_value(json_array_get(who, i)), name_of(sweep, json_array_get(who, i)));
	assay_buf_puts(out, ".");
}

static const char *margin_words(const json_t *b)
{
	static const char *const words[][2] = {
		{ "real", "The margin is real" }, { "reversed", "Compared again, the order is reversed" }, { "not_told_apart", "They are not told apart" }, { "not_tested", "Not tested" },
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(assay_json_get_str(b, "margin", ""), words[i][0]))
			return words[i][1];
	return "?";
}

/* Numbers only: why they may not be named stands in a list of its own. */
static void passed_over(const json_t *b, struct assay_buf *out)
{
	const json_t *list = json_object_get(b, "passed_over");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);
		char x[48];
		number(x, assay_json_get_num(p, "value", NAN), assay_json_get_str(b, "objective", ""));
		assay_buf_printf(out, "%s%d (%s)", i ? ", " : " Passed over, for what is said below: ", (int)assay_json_get_int(p, "configuration", 0), x);
	}
	assay_buf_puts(out, json_array_size(list) ? "." : "");
}

/* "5.3 % ahead of", or that there is no difference. */
static void margin(const json_t *b, struct assay_buf *out)
{
	double pct = assay_json_get_num(b, "margin_pct", NAN);
	if (pct == 0)
		assay_buf_puts(out, ", level with ");
	else if (isnan(pct))
		assay_buf_puts(out, ", ahead of ");
	else
		assay_buf_printf(out, pct < 9.95 ? ", %.2f %% ahead of " : ", %.1f %% ahead of ", pct);
}

static const char *method_words(const char *method)
{
	static const char *const words[][2] = {
		{ "counted", "counted bytes" }, { "single", "from the two results" }, { "sessions", "from the rounds" }, { "paired", "measured again, in turn" },
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(method, words[i][0]))
			return words[i][1];
	return method;
}

void sweep_best_text(const json_t *sweep, size_t i, struct assay_buf *out)
{
	const json_t *b = json_array_get(json_object_get(sweep, "best"), i), *o = json_array_get(json_object_get(sweep, "objectives"), i), *who = json_object_get(b, "configuration"), *next = json_object_get(b, "runner_up");
	const char *key = assay_json_get_str(b, "objective", "?"), *unit = assay_json_get_str(o, "unit", ""), *reason = assay_json_get_str(b, "reason", ""), *method = assay_json_get_str(b, "method", NULL);
	char x[48], y[48];
	number(x, assay_json_get_num(b, "value", NAN), key);
	number(y, assay_json_get_num(b, "runner_up_value", NAN), key);
	if (!json_is_integer(who)) {
		assay_buf_printf(out, "%s (%s is better): %s.", key, assay_json_get_str(o, "better", "?"), reason);
		passed_over(b, out);
		return;
	}
	assay_buf_printf(out, "%s (%s is better): %d (%s) with %s %s", key, assay_json_get_str(o, "better", "?"), (int)json_integer_value(who), name_of(sweep, who), x, unit);
	if (json_is_integer(next)) {
		margin(b, out);
		assay_buf_printf(out, "%d (%s, %s)", (int)json_integer_value(next), name_of(sweep, next), y);
	}
	assay_buf_printf(out, ". %s", margin_words(b));
	if (*reason)
		assay_buf_printf(out, ": %s", reason);
	assay_buf_printf(out, "%s%s%s.", method ? " (" : "", method ? method_words(method) : "", method ? ")" : "");
	passed_over(b, out);
}

bool sweep_trouble_text(const json_t *row, struct assay_buf *out)
{
	const char *why = assay_json_get_str(row, "excluded", NULL);
	if (why)
		assay_buf_printf(out, "%d (%s): %s", (int)assay_json_get_int(row, "n", 0), assay_json_get_str(row, "name", "?"), why);
	return why;
}

/* ---- terminal and Markdown: the same sentences ---- */

typedef void (*say_fn)(struct assay_buf *out, const char *text, bool item, int width);

static void say_terminal(struct assay_buf *out, const char *text, bool item, int width)
{
	struct assay_buf clean;
	assay_buf_init(&clean, 1 << 20);
	draw_text_clean(&clean, text);
	draw_text_wrap(out, clean.data ? clean.data : "", item ? "- " : "", item ? "  " : "", width);
	assay_buf_release(&clean);
}

static void say_markdown(struct assay_buf *out, const char *text, bool item, int width)
{
	(void)width;
	assay_buf_puts(out, item ? "- " : "");
	draw_text_markdown(out, text);
	assay_buf_puts(out, item ? "\n" : "\n\n");
}

static void say_buf(struct assay_buf *out, struct assay_buf *text, say_fn say, bool item, int width)
{
	say(out, text->data ? text->data : "", item, width);
	assay_buf_release(text);
	assay_buf_init(text, 1 << 20);
}

static void head(struct assay_buf *out, const char *text, bool markdown)
{
	assay_buf_printf(out, markdown ? "\n## %s\n\n" : "\n%s\n", text);
}

static void sentences(const json_t *sweep, struct assay_buf *out, say_fn say, bool markdown, int width)
{
	struct assay_buf text;
	bool any = false;
	assay_buf_init(&text, 1 << 20);
	head(out, "Best", markdown);
	for (size_t i = 0; i < json_array_size(json_object_get(sweep, "best")); i++) {
		sweep_best_text(sweep, i, &text);
		say_buf(out, &text, say, true, width);
	}
	head(out, "Pareto front", markdown);
	sweep_front_text(sweep, &text);
	say_buf(out, &text, say, false, width);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		if (!sweep_trouble_text(json_array_get(configs(sweep), i), &text))
			continue;
		if (!any)
			head(out, "Cannot be named", markdown);
		any = true;
		say_buf(out, &text, say, true, width);
	}
	assay_buf_release(&text);
}

void assay_face_sweep_terminal(const json_t *sweep, struct assay_buf *out, int width, bool colour)
{
	struct draw_table t;
	struct assay_buf text;
	assay_buf_init(&text, 1 << 20);
	assay_buf_puts(&text, "assay sweep: ");
	sweep_about_text(sweep, &text);
	say_buf(out, &text, say_terminal, false, width);
	assay_buf_puts(out, "\n");
	sweep_table(sweep, &t);
	draw_table_text(&t, out, width, colour);
	draw_table_release(&t);
	sentences(sweep, out, say_terminal, false, width);
	assay_buf_puts(out, "\n");
	sweep_how_text(sweep, &text);
	say_buf(out, &text, say_terminal, false, width);
	assay_buf_release(&text);
}

static void requirements(const json_t *sweep, struct assay_buf *out)
{
	const json_t *require = json_object_get(sweep, "require");
	struct draw_table t;
	if (!json_array_size(require))
		return;
	head(out, "Requirements", true);
	draw_table_init(&t);
	draw_table_col(&t, "#", true, 0);
	draw_table_col(&t, "Condition", false, 0);
	draw_table_col(&t, "Value", true, 0);
	draw_table_col(&t, "Held", false, 0);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		const json_t *row = json_array_get(configs(sweep), i), *list = json_object_get(row, "requirements");
		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *q = json_array_get(list, k);
			double x = assay_json_get_num(q, "actual", NAN);
			const char *why = assay_json_get_str(q, "why", "");
			draw_table_cell(&t, "%d", (int)assay_json_get_int(row, "n", 0));
			draw_table_cell(&t, "%s", assay_json_get_str(q, "condition", "?"));
			draw_table_cell(&t, isnan(x) ? "-" : "%.6g", x);
			draw_table_cell(&t, "%s%s%s", assay_json_get_str(q, "held", "?"), *why ? ": " : "", why);
		}
	}
	draw_table_markdown(&t, out);
	draw_table_release(&t);
}

static void commands(const json_t *sweep, struct assay_buf *out)
{
	head(out, "Each configuration alone", true);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		const json_t *row = json_array_get(configs(sweep), i), *words = json_object_get(row, "command");
		struct assay_buf line;
		assay_buf_init(&line, 1 << 20);
		assay_buf_printf(&line, "%d: ", (int)assay_json_get_int(row, "n", 0));
		for (size_t k = 0; k < json_array_size(words); k++)
			assay_buf_printf(&line, "%s%s", k ? " " : "", json_string_value(json_array_get(words, k)));
		say_buf(out, &line, say_markdown, true, 0);
		assay_buf_release(&line);
	}
}

static int write_markdown(const json_t *sweep, const char *dir, struct assay_err *e)
{
	struct assay_buf b, text;
	struct draw_table t;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	assay_buf_init(&text, 1 << 20);
	assay_buf_puts(&b, "# Sweep\n\n");
	sweep_about_text(sweep, &text);
	say_buf(&b, &text, say_markdown, false, 0);
	sweep_table(sweep, &t);
	draw_table_markdown(&t, &b);
	draw_table_release(&t);
	sentences(sweep, &b, say_markdown, true, 0);
	requirements(sweep, &b);
	head(&b, "How it was measured", true);
	sweep_how_text(sweep, &text);
	say_buf(&b, &text, say_markdown, false, 0);
	assay_buf_release(&text);
	commands(sweep, &b);
	return draw_file_write(&b, dir, "sweep.md", e);
}

/* ---- sweep.csv: a row a configuration ---- */

static int write_csv(const json_t *sweep, const char *dir, struct assay_err *e)
{
	struct csv c;
	struct assay_buf header;
	const char *key;
	json_t *v;
	assay_buf_init(&header, 1 << 20);
	assay_buf_puts(&header, "configuration");
	json_object_foreach(json_object_get(json_array_get(configs(sweep), 0), "settings"), key, v)
		assay_buf_printf(&header, ",%s", key);
	for (size_t k = 0; k < COLUMNS; k++)
		assay_buf_printf(&header, ",%s", columns[k].key);
	assay_buf_puts(&header, ",rounds,load_shared,verdict,meets,front,status,reason");
	csv_init(&c, header.data);
	assay_buf_release(&header);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		const json_t *row = json_array_get(configs(sweep), i);
		csv_int(&c, assay_json_get_int(row, "n", 0));
		json_object_foreach(json_object_get(row, "settings"), key, v)
			csv_text(&c, json_string_value(v));
		for (size_t k = 0; k < COLUMNS; k++)
			csv_num(&c, sweep_value(row, columns[k].key));
		csv_int(&c, assay_json_get_int(row, "rounds", 0));
		csv_int(&c, assay_json_get_bool(json_object_get(row, "load"), "shared", 0));
		csv_text(&c, assay_json_get_str(json_object_get(row, "verdict"), "state", NULL));
		csv_text(&c, assay_json_get_str(row, "meets", NULL));
		csv_int(&c, assay_json_get_bool(row, "front", 0));
		csv_text(&c, assay_json_get_str(row, "status", NULL));
		csv_text(&c, assay_json_get_str(row, "excluded", NULL));
		csv_end(&c);
	}
	return csv_write(&c, dir, "sweep.csv", e);
}

int assay_face_sweep_write(const json_t *sweep, const char *dir, bool s2, struct assay_err *e)
{
	if (write_markdown(sweep, dir, e) || write_csv(sweep, dir, e) || sweep_html_write(sweep, dir, e))
		return e->code;
	return s2 ? sweep_s2_write(sweep, dir, e) : 0;
}
