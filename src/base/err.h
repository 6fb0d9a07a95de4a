/* Errors as values: a code that decides the exit status and one line of text
 * that says what, where and what to do. Library code fills it and passes it up;
 * only cmd/ prints it. Knows nothing of any other module. */
#ifndef ASSAY_BASE_ERR_H
#define ASSAY_BASE_ERR_H

enum assay_code {
	ASSAY_OK = 0,
	ASSAY_E_USAGE = -1,     /* options, job, sim, targets or prompt files, output directory: exit 2 */
	ASSAY_E_MODEL = -2,     /* a model's files, its tokenizer, or its fit in memory: exit 3 */
	ASSAY_E_ENGINE = -3,    /* the engine cannot go on: exit 3 */
	ASSAY_E_LIMIT = -4,     /* one point cannot fit (context, KV pool): a result, not a failure */
	ASSAY_E_IO = -5,        /* a file or directory we write: exit 3, results so far stay readable */
	ASSAY_E_DATA = -6,      /* bytes we read back are damaged (journal, result): exit 3 */
	ASSAY_E_INTERRUPT = -7, /* SIGINT or SIGTERM: exit 130 or 143 */
	ASSAY_E_INTERNAL = -8,  /* a promise of ours broken: exit 3 */
};

struct assay_err {
	enum assay_code code;
	char msg[600]; /* one line, no trailing newline, no secret */
};

#define ASSAY_ERR_INIT { ASSAY_OK, "" }

/* Fills *e (which may be NULL) and returns code, so callers can `return assay_fail(...)`. */
int assay_fail(struct assay_err *e, enum assay_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message that *e already holds; returns e->code. */
int assay_fail_in(struct assay_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts text behind it: what to do. */
int assay_fail_so(struct assay_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
