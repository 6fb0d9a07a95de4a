/* JUnit XML, the form that CI systems read (the schema of Jenkins' xunit plugin): test cases are collected into suites, suites into one
 * document. Any text may be given: what XML cannot hold becomes '?', what it gives a meaning is escaped. */
#ifndef ASSAY_DRAW_JUNIT_H
#define ASSAY_DRAW_JUNIT_H

#include <jansson.h>

#include "base/mem.h"

enum junit_state { JUNIT_PASS, JUNIT_FAILURE, JUNIT_ERROR, JUNIT_SKIPPED };

struct junit_counts { long tests, by_state[4]; };
struct junit { struct assay_buf cases, suites; struct junit_counts in_suite, in_all; };

void junit_init(struct junit *j);
void junit_release(struct junit *j);
/* One more case of the suite. seconds NaN: unknown. message: why, for all but a pass; text: more of it, or NULL. */
void junit_case(struct junit *j, enum junit_state state, const char *classname, const char *name, double seconds, const char *message, const char *text);
/* Ends the suite. properties: {name: text}, or NULL. */
void junit_suite(struct junit *j, const char *name, const char *timestamp, const json_t *properties);
/* The whole document. */
void junit_print(const struct junit *j, const char *name, struct assay_buf *out);

/* The cases of a result, as one suite: its verdict, every point, every target. */
void junit_result(struct junit *j, const json_t *result, const char *suite);
/* The cases of a comparison (compare --json), for the suite under way: one a metric of the family. */
void junit_comparison(struct junit *j, const json_t *doc, const char *classname, const char *baseline);

#endif
