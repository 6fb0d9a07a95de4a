/* Does a result directory hold? Everything that follows from the journal is made again and compared byte for byte; the rest is
 * held against the hashes of manifest.json. Finds damage and partial edits; a rewrite of journal, result and hashes together
 * it cannot find, but for the fingerprint that somebody kept. */
#ifndef ASSAY_REPORT_VERIFY_H
#define ASSAY_REPORT_VERIFY_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct assay_verify {
	bool ok;
	bool recomputed;       /* else only hashes were checked: the journal is damaged, absent or of other definitions */
	bool mixed_version;    /* definitions of the metrics, or an assay that writes some file otherwise */
	int checked;           /* files looked at */
	json_t *problems;      /* [{what, where}]; where begins with the file's name */
	char fingerprint[65];  /* SHA-256 of journal.bin, or of the hashes of its segments, a line each; empty without one */
	char redacted_of[65];  /* the journal that this one was before names and texts in it were replaced; empty: it is an original */
	char written_by[64];   /* assay version and commit in the journal's header; "" unknown */
};

/* program: version and commit of this assay, as in written_by; NULL = not known. expect: the fingerprint that journal.bin should have, or NULL. 0 also when problems were found. ASSAY_E_USAGE when dir is no
 * result directory or a run is being recorded there, ASSAY_E_IO when files cannot be read or faces not be made again. */
int assay_verify(const char *dir, const char *program, const char *expect, struct assay_verify *out, struct assay_err *e);
void assay_verify_release(struct assay_verify *v);
/* A new empty folder for what is made again and thrown away; the caller removes the tree and frees the name. NULL + ASSAY_E_IO. */
char *assay_verify_scratch(struct assay_err *e);

#endif
