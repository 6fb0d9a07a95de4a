/* A result that may be published: its journal is written again with host name, paths, addresses, serial numbers, prompts and the tokens that were
 * generated replaced; everything that is computed follows from it as from any journal, so all numbers stay and verify holds. */
#ifndef ASSAY_RESULT_REDACT_H
#define ASSAY_RESULT_REDACT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/* ---- text and documents (redact.c). Pure. ---- */
struct redact;
/* What the header of a run names that must not be read: machine.host, provenance.cwd and inputs, options that hold a path or a prompt. */
struct redact *redact_open(const json_t *header);
void redact_close(struct redact *r);
/* A copy of a cold record without it: words that are a secret, absolute paths (but of /proc, /sys and /dev), addresses (scheme://...), values of keys
 * such as uuid and serial, and of sample_text notes. New reference. */
json_t *redact_record(const struct redact *r, const json_t *record);

/* ---- journals (redact_journal.c) ---- */
/* Writes to/journal.bin from from/journal.bin (both may be one folder; atomic). The header gets "redacted" {of: SHA-256 of the journal that it was, what[]}; of one
 * that was redacted before, `of` stays. A torn journal loses what follows the tear. ASSAY_E_DATA, ASSAY_E_IO. */
int assay_redact_journal(const char *from, const char *to, struct assay_err *e);

#endif
