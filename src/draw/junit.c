/* See junit.h. Knows nothing of results. */
#include "draw/junit.h"

#include <math.h>

#include "draw/file.h"
#include "draw/text.h"

static const char *const element[] = { [JUNIT_FAILURE] = "failure", [JUNIT_ERROR] = "error", [JUNIT_SKIPPED] = "skipped" };

void junit_init(struct junit *j)
{
	*j = (struct junit){ .in_all.tests = 0 };
	assay_buf_init(&j->cases, DRAW_FILE_BYTES_MAX);
	assay_buf_init(&j->suites, DRAW_FILE_BYTES_MAX);
}

void junit_release(struct junit *j)
{
	assay_buf_release(&j->cases);
	assay_buf_release(&j->suites);
}

static void attribute(struct assay_buf *b, const char *name, const char *text)
{
	assay_buf_printf(b, " %s=\"", name);
	draw_text_html(b, text);
	assay_buf_puts(b, "\"");
}

void junit_case(struct junit *j, enum junit_state state, const char *classname, const char *name, double seconds, const char *message, const char *text)
{
	struct assay_buf *b = &j->cases;
	j->in_suite.tests++;
	j->in_suite.by_state[state]++;
	assay_buf_puts(b, "    <testcase");
	attribute(b, "classname", classname);
	attribute(b, "name", name);
	if (isfinite(seconds))
		assay_buf_printf(b, " time=\"%.6f\"", seconds);
	if (state == JUNIT_PASS && !text) {
		assay_buf_puts(b, "/>\n");
		return;
	}
	const char *tag = state == JUNIT_PASS ? "system-out" : element[state];
	assay_buf_printf(b, ">\n      <%s", tag);
	if (state != JUNIT_PASS)
		attribute(b, "message", message);
	assay_buf_puts(b, ">");
	draw_text_html(b, text ? text : message);
	assay_buf_printf(b, "</%s>\n    </testcase>\n", tag);
}

static void counts(struct assay_buf *b, const struct junit_counts *c)
{
	assay_buf_printf(b, " tests=\"%ld\" failures=\"%ld\" errors=\"%ld\" skipped=\"%ld\"", c->tests, c->by_state[JUNIT_FAILURE], c->by_state[JUNIT_ERROR], c->by_state[JUNIT_SKIPPED]);
}

void junit_suite(struct junit *j, const char *name, const char *timestamp, const json_t *properties)
{
	struct assay_buf *b = &j->suites;
	const char *key;
	json_t *v;
	assay_buf_puts(b, "  <testsuite");
	attribute(b, "name", name);
	counts(b, &j->in_suite);
	if (timestamp)
		attribute(b, "timestamp", timestamp);
	assay_buf_puts(b, ">\n");
	if (json_object_size(properties))
		assay_buf_puts(b, "    <properties>\n");
	json_object_foreach((json_t *)properties, key, v) {
		assay_buf_puts(b, "      <property");
		attribute(b, "name", key);
		attribute(b, "value", json_is_string(v) ? json_string_value(v) : "");
		assay_buf_puts(b, "/>\n");
	}
	if (json_object_size(properties))
		assay_buf_puts(b, "    </properties>\n");
	assay_buf_puts(b, j->cases.data ? j->cases.data : "");
	assay_buf_puts(b, "  </testsuite>\n");
	j->in_all.tests += j->in_suite.tests;
	for (int i = 0; i < 4; i++)
		j->in_all.by_state[i] += j->in_suite.by_state[i];
	j->in_suite = (struct junit_counts){ 0 };
	b->overflow |= j->cases.overflow;
	assay_buf_release(&j->cases);
	assay_buf_init(&j->cases, DRAW_FILE_BYTES_MAX);
}

void junit_print(const struct junit *j, const char *name, struct assay_buf *out)
{
	assay_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	attribute(out, "name", name);
	counts(out, &j->in_all);
	assay_buf_puts(out, ">\n");
	assay_buf_puts(out, j->suites.data ? j->suites.data : "");
	assay_buf_puts(out, "</testsuites>\n");
	out->overflow |= j->suites.overflow;
}
