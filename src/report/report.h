/* The document (result/result.h) as files that people and programs read. A face computes nothing. */
#ifndef ASSAY_REPORT_REPORT_H
#define ASSAY_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/term.h"
#include "core/run.h"
#include "result/result.h"

/* ---- faces ---- */
struct assay_face {
	const char *name;          /* --format name: "md", "csv", "s3", ... */
	const char *summary;
	bool legacy;               /* chosen by --legacy, written under legacy/NAME */
	/* Writes its files into dir (legacy: dir/legacy/name, made on demand); result is complete. */
	int (*write)(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e);
	const char *only_named;    /* written only when --format names it: its main file; NULL: always written */
};
const struct assay_face *const *assay_faces(int *n);

/* Appends the compact Markdown summary (the face "summary"). */
void assay_face_summary(const json_t *result, struct assay_buf *out);
/* The human summary on a terminal, as wide and with what it can show. */
void assay_face_terminal(const json_t *result, FILE *out, const struct assay_term *t);

#endif
