/* See face_compare.h. Order: the verdict, the family, what it cannot see, single cases, what else differs. */
#include "report/face_compare.h"

#include <stdio.h>

#include "base/json.h"
#include "draw/text.h"
#include "report/compare_tables.h"

enum { DETAILS_SHOWN = 40 };

struct lines { struct assay_buf *b; int width; };

static void say(const struct lines *l, const char *first, const char *text)
{
	draw_text_wrap(l->b, text, first, "  ", l->width);
}

static void say_line(void *arg, const char *text) { say(arg, "", text); }
static void say_item(void *arg, const char *text) { say(arg, "- ", text); }

static void family(const json_t *doc, struct lines *l, bool colour)
{
	char head[24], text[300];
	struct draw_table t;
	compare_family_table(doc, &t, head);
	draw_table_text(&t, l->b, l->width, colour);
	draw_table_release(&t);
	snprintf(text, sizeof text, COMPARE_COLUMNS, assay_json_get_num(doc, "min_effect_pct", 1));
	say(l, "", text);
	compare_notes(doc, say_item, l);
}

static void details(const json_t *doc, struct lines *l, bool colour)
{
	struct draw_table t;
	size_t all = compare_detail_table(doc, &t, DETAILS_SHOWN), shown = draw_table_rows(&t);
	if (shown) {
		assay_buf_puts(l->b, "\n");
		draw_table_text(&t, l->b, l->width, colour);
		say(l, "", COMPARE_DETAILS);
	}
	if (all > shown) {
		char text[120];
		snprintf(text, sizeof text, "%zu more in the document (--json).", all - shown);
		say(l, "", text);
	}
	draw_table_release(&t);
}

void assay_face_compare(const json_t *doc, struct assay_buf *b, int width, bool colour)
{
	struct lines l = { b, width };
	assay_buf_printf(b, "%sB against A: %s%s (%s)\n\n", colour ? "\033[1m" : "", assay_json_get_str(doc, "verdict", "?"), colour ? "\033[0m" : "", compare_unit(doc));
	compare_engines_line(doc, say_line, &l);
	assay_buf_puts(b, json_object_get(doc, "engines") ? "\n" : "");
	family(doc, &l, colour);
	details(doc, &l, colour);
	if (json_array_size(json_object_get(doc, "warnings")))
		assay_buf_puts(b, "\nAlso different, and perhaps the cause of an effect\n");
	compare_warnings(doc, say_item, &l);
	if (json_array_size(json_object_get(json_object_get(doc, "gate"), "rows")))
		assay_buf_puts(b, "\n");
	compare_gate(doc, say_line, &l);
}
