/* The sentences of engines.json, and its faces as text: terminal and Markdown. See engines_tables.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "draw/text.h"
#include "report/engines_tables.h"
#include "report/markdown.h"

typedef void say_fn(void *arg, const char *text);

static const json_t *engines(const json_t *doc) { return json_object_get(doc, "engines"); }

__attribute__((format(printf, 3, 4)))
static void sayf(say_fn *say, void *arg, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	say(arg, text);
	free(text);
}

static const char *label(const json_t *g) { return assay_json_get_str(g, "label", "?"); }
static const char *name(const json_t *g) { return assay_json_get_str(g, "name", "?"); }

/* ---- before any number ---- */

static void say_invalid(const json_t *g, say_fn *say, void *arg)
{
	struct assay_buf which;
	const char *why = NULL;
	size_t i;
	json_t *b;
	int n = 0;
	assay_buf_init(&which, 1 << 12);
	json_array_foreach(json_object_get(g, "blocks"), i, b)
		if (!strcmp(assay_json_get_str(b, "verdict", ""), "INVALID")) {
			assay_buf_printf(&which, "%s%lld", n++ ? ", " : "", (long long)assay_json_get_int(b, "number", 0));
			why = why ? why : json_string_value(json_array_get(json_object_get(b, "reasons"), 0));
		}
	if (n)
		sayf(say, arg, "INVALID: block%s %s of %s (%s), not to be relied on: %s", n > 1 ? "s" : "", which.data, label(g), name(g), why ? why : "see its report");
	assay_buf_release(&which);
}

static void say_disagree(const json_t *g, say_fn *say, void *arg)
{
	const json_t *agreement = json_object_get(g, "agreement");
	if (!strcmp(assay_json_get_str(agreement, "outcome", ""), "DISAGREE"))
		sayf(say, arg, "DISAGREE: %s (%s) does not give A's answers: it does not do the same work, and its numbers are not to be held against A's. %s", label(g), name(g), assay_json_get_str(agreement, "reason", ""));
}

static void say_trouble(const json_t *g, say_fn *say, void *arg)
{
	const char *state = assay_json_get_str(g, "state", "?");
	if (json_is_false(json_object_get(g, "same_plan")))
		sayf(say, arg, "OTHER IDS: %s (%s) was given other prompts than A, as its vocabulary is another: the lengths are the same, the work may not be.", label(g), name(g));
	if (json_is_false(json_object_get(g, "lengths_hold")))
		sayf(say, arg, "OTHER LENGTHS: %s (%s) did not give as many tokens as were asked for.", label(g), name(g));
	say_invalid(g, say, arg);
	if (!strcmp(state, "missing") || !strcmp(state, "failed"))
		sayf(say, arg, "%s: %s (%s): %s", !strcmp(state, "missing") ? "MISSING" : "FAILED", label(g), name(g), assay_json_get_str(g, "reason", ""));
}

void engines_warnings(const json_t *doc, say_fn *say, void *arg)
{
	size_t i;
	json_t *g;
	json_array_foreach(engines(doc), i, g)
		say_disagree(g, say, arg);
	if (json_is_true(json_object_get(doc, "interrupted")))
		say(arg, "INTERRUPTED: not every block was measured; what is here is of the blocks that were. assay compare-engines --resume DIR goes on.");
	json_array_foreach(engines(doc), i, g)
		say_trouble(g, say, arg);
}

/* ---- what was measured ---- */

static void say_answers(const json_t *doc, say_fn *say, void *arg)
{
	struct assay_buf b;
	size_t i;
	json_t *g;
	assay_buf_init(&b, 1 << 20);
	json_array_foreach(engines(doc), i, g) {
		const char *outcome = assay_json_get_str(json_object_get(g, "agreement"), "outcome", "not checked");
		if (!i)
			assay_buf_printf(&b, "Answers, held against A (%s): ", name(g));
		else
			assay_buf_printf(&b, "%s%s %s", i > 1 ? ", " : "", label(g), !strcmp(outcome, "SAME") ? "agrees" : !strcmp(outcome, "TIE") ? "agrees but for ties" : !strcmp(outcome, "DISAGREE") ? "disagrees" : outcome);
	}
	assay_buf_puts(&b, ".");
	say(arg, b.data);
	assay_buf_release(&b);
}

/* The hash that all blocks have, or NULL when one has another. */
static const char *plan_of_all(const json_t *doc)
{
	const char *all = NULL;
	size_t i, k;
	json_t *g, *b;
	json_array_foreach(engines(doc), i, g)
		json_array_foreach(json_object_get(g, "blocks"), k, b) {
			const char *hash = assay_json_get_str(b, "plan_sha256", NULL);
			if (!json_is_string(json_object_get(b, "verdict")))
				continue;
			if (!hash || (all && strcmp(all, hash)))
				return NULL;
			all = hash;
		}
	return all;
}

static void say_subject(const json_t *doc, say_fn *say, void *arg)
{
	const json_t *model = json_object_get(doc, "model"), *w = json_object_get(doc, "workload"), *order = json_object_get(w, "order");
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	assay_buf_printf(&b, "%s, %s, %lld -> %lld tokens, %lld runs a batch size and block, %lld blocks each (", assay_json_get_str(model, "name", "?"), assay_json_get_str(model, "dtype", "?"),
			 (long long)assay_json_get_int(w, "prompt_tokens", 0), (long long)assay_json_get_int(w, "output_tokens", 0), (long long)assay_json_get_int(w, "runs", 0),
			 (long long)assay_json_get_int(w, "rounds", 0));
	for (size_t i = 0; i < json_array_size(order); i++)
		assay_buf_printf(&b, "%s%s", i ? " " : "", json_string_value(json_array_get(order, i)));
	assay_buf_puts(&b, "), one engine in memory at a time, loaded anew for each block, the load outside the timing.");
	say(arg, b.data);
	assay_buf_release(&b);
}

/* Blocks of another session were measured under other circumstances. */
static void say_kept(const json_t *doc, say_fn *say, void *arg)
{
	size_t i, k, n = 0, kept = 0;
	json_t *g, *b;
	json_array_foreach(engines(doc), i, g)
		json_array_foreach(json_object_get(g, "blocks"), k, b) {
			n++;
			kept += json_is_true(json_object_get(b, "kept"));
		}
	if (kept)
		sayf(say, arg, "%zu of %zu blocks were measured by an earlier call.", kept, n);
}

void engines_facts(const json_t *doc, say_fn *say, void *arg)
{
	const char *plan = plan_of_all(doc);
	say_subject(doc, say, arg);
	say_kept(doc, say, arg);
	say_answers(doc, say, arg);
	if (plan)
		sayf(say, arg, "Every block was asked for the same ids and lengths: SHA-256 of the plan %.16s...", plan);
	if (!strcmp(assay_json_get_str(doc, "page_cache", ""), "warm"))
		say(arg, "Loads are of a warm page cache: the checks had loaded the model before the first block.");
	else if (json_is_string(json_object_get(doc, "page_cache")))
		say(arg, "Whether the page cache held the model before the first load is not known: compare the first load with the mean.");
}

static bool has_note(const json_t *g, const json_t *text)
{
	size_t k;
	json_t *n;
	json_array_foreach(json_object_get(g, "notes"), k, n)
		if (json_equal(n, text))
			return true;
	return false;
}

/* One line for all engines that have it: "A, C: memory: derived"; nothing when an engine before `from` had it. */
static void say_note(const json_t *doc, size_t from, const json_t *text, say_fn *say, void *arg)
{
	struct assay_buf letters;
	size_t i;
	json_t *g;
	bool said = false;
	assay_buf_init(&letters, 1 << 10);
	json_array_foreach(engines(doc), i, g) {
		if (!has_note(g, text))
			continue;
		said = said || i < from;
		assay_buf_printf(&letters, "%s%s", letters.len_bytes ? ", " : "", label(g));
	}
	if (!said && letters.len_bytes)
		sayf(say, arg, "%s: %s", letters.data, json_is_string(text) ? json_string_value(text) : "?");
	assay_buf_release(&letters);
}

void engines_notes(const json_t *doc, say_fn *say, void *arg)
{
	size_t i, k;
	json_t *g, *n;
	json_array_foreach(engines(doc), i, g) {
		const char *answers = assay_json_get_str(json_object_get(g, "agreement"), "reason", ""), *other = i ? assay_json_get_str(json_object_get(g, "comparison"), "reason", "") : "";
		if (*answers)
			sayf(say, arg, "%s: answers: %s", label(g), answers);
		if (*other)
			sayf(say, arg, "%s: not compared: %s", label(g), other);
		json_array_foreach(json_object_get(g, "notes"), k, n)
			say_note(doc, i, n, say, arg);
	}
}

/* ---- terminal ---- */

struct lines { struct assay_buf *out; int width; const char *first, *rest; };

static void say_line(void *arg, const char *text)
{
	struct lines *l = arg;
	struct assay_buf clean;
	assay_buf_init(&clean, 1 << 20);
	draw_text_clean(&clean, text);
	draw_text_wrap(l->out, clean.data ? clean.data : "", l->first, l->rest, l->width);
	assay_buf_release(&clean);
}

void assay_engines_text(const json_t *doc, struct assay_buf *out, int width, bool colour)
{
	engines_warnings(doc, say_line, &(struct lines){ out, width, "", "  " });
	engines_facts(doc, say_line, &(struct lines){ out, width, "", "" });
	for (const struct engines_part *p = engines_parts; p->title; p++) {
		struct draw_table t;
		if (p->files_only)
			continue;
		p->fill(doc, &t);
		if (draw_table_rows(&t)) {
			assay_buf_puts(out, "\n");
			draw_text_wrap(out, p->title, "", "", width);
			draw_table_text(&t, out, width, colour);
			draw_text_wrap(out, p->under, "", "", width);
		}
		draw_table_release(&t);
	}
	assay_buf_puts(out, "\nNotes\n");
	engines_notes(doc, say_line, &(struct lines){ out, width, "- ", "  " });
}

/* ---- Markdown ---- */

static void say_item(void *arg, const char *text) { markdown_text(arg, "- ", text, "\n"); }
static void say_strong(void *arg, const char *text) { markdown_text(arg, "> ", text, "\n>\n"); }
static void say_para(void *arg, const char *text) { markdown_text(arg, "", text, "\n\n"); }

void assay_engines_markdown(const json_t *doc, struct assay_buf *out)
{
	assay_buf_puts(out, "# Engines compared\n\n");
	size_t before = out->len_bytes;
	engines_warnings(doc, say_strong, out);
	if (out->len_bytes > before)
		assay_buf_puts(out, "\n");
	engines_facts(doc, say_para, out);
	for (const struct engines_part *p = engines_parts; p->title; p++) {
		struct draw_table t;
		p->fill(doc, &t);
		if (draw_table_rows(&t)) {
			assay_buf_printf(out, "## %s\n\n", p->title);
			markdown_table(out, &t);
			markdown_text(out, "", p->under, "\n\n");
		} else {
			draw_table_release(&t);
		}
	}
	assay_buf_puts(out, "## Notes\n\n");
	engines_notes(doc, say_item, out);
}

int assay_engines_write(const json_t *doc, const json_t *const *first, size_t n, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	assay_json_print(&b, doc, 1);
	assay_buf_puts(&b, "\n");
	if (draw_file_write(&b, dir, "engines.json", e))
		return e->code;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	assay_engines_markdown(doc, &b);
	return draw_file_write(&b, dir, "engines.md", e) ? e->code : engines_html_write(doc, first, n, dir, e);
}
