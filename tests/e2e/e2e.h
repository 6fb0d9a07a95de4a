/* Runs the built program in a scratch folder. A command is a line for /bin/sh; in it, $A is the program (build/assay, by env B). */
#ifndef ASSAY_TESTS_E2E_H
#define ASSAY_TESTS_E2E_H

#include <jansson.h>

struct e2e {
	int status;       /* exit status; 128 + signal; 124 after 120 s without output */
	char *out, *err;  /* what came on stdout and stderr, NUL-terminated */
};

/* Fills *r; release with e2e_release. Runs in e2e_dir() with stdin from /dev/null, TERM=dumb, without COLUMNS, NO_COLOR and ASSAY_*. */
void e2e_run(struct e2e *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void e2e_release(struct e2e *r);
/* Runs one line; fails the test unless the status is that one, stdout holds `out` and stderr `err` ("" = anything). */
void e2e_expect(int status, const char *line, const char *out, const char *err);
/* The scratch folder of this test program; removed when it ends. */
const char *e2e_dir(void);
/* A JSON file under the scratch folder, NULL when it is absent or broken. New reference. */
json_t *e2e_json(const char *name);
/* Writes a file under the scratch folder. */
void e2e_write(const char *name, const char *text);
/* Fails the test when one of the files (names parted by blanks, under the scratch folder) breaks the schema in docs/ that it names; does
 * nothing where python3-jsonschema is not there. */
void e2e_schema(const char *names);
/* "a.b.0.c" in v: keys and indices; NULL when absent. Borrowed. */
json_t *e2e_at(json_t *v, const char *path);

#endif
