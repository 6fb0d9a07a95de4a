/* Between verify.c (journal, result, manifest) and verify_faces.c. Internal to verifying. */
#ifndef ASSAY_REPORT_VERIFY_WORK_H
#define ASSAY_REPORT_VERIFY_WORK_H

#include "base/mem.h"
#include "core/run.h"
#include "report/verify.h"

struct verify_work {
	const char *dir, *program; /* this assay, or NULL */
	struct assay_verify *v;
	struct assay_run run;
	json_t *wanted;            /* the document that the journal gives, complete; NULL where nothing is recomputed */
	json_t *disk, *manifest;   /* {schema, files[]}: as it is; as manifest.json says, or NULL */
	json_t *named, *good;      /* {file: true}: has a problem; is what the journal gives */
};

/* The entry of a manifest-like document, or NULL. */
const json_t *verify_entry(const json_t *manifest, const char *path);
const char *verify_sha(const json_t *manifest, const char *path); /* "" when absent */
/* detail: "points[0].status", or NULL when the whole file is meant. */
void verify_problem(struct verify_work *w, const char *file, const char *detail, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Compares DIR/file with what the journal gives; names the first difference or marks the file good. */
int verify_compare(struct verify_work *w, const char *file, const struct assay_buf *wanted, struct assay_err *e);
/* Reads the journal into w->run; names the first window of a stream that does not follow from its requests. */
int verify_read(struct verify_work *w, struct assay_err *e);
/* Makes every face again in a folder of its own and compares what is on disk. */
int verify_faces(struct verify_work *w, struct assay_err *e);

#define VERIFY_BYTES_MAX ((size_t)1 << 30)

#endif
