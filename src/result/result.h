/* Records to a document. journal_* keep every record as it comes; result_* turn a finished (or torn) journal into the result
 * document; redact* write a copy that may be published; baselines keep copies under a name. Draws nothing. */
#ifndef ASSAY_RESULT_RESULT_H
#define ASSAY_RESULT_RESULT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "core/journal.h"
#include "core/record.h"
#include "core/run.h"

/* ---- journal (crash-proof, checksummed, written by its own thread) ---- */
struct assay_journal;
/* Creates DIR/journal.bin (DIR exists; a flock on it marks the directory as in use). hot_capacity = records the ring of the
 * drive lane holds (from the plan; at least 65,536, at most 262,144). A header with virtual_clock true lets put wait for room,
 * which costs no measured time then. */
enum assay_journal_mode {
	ASSAY_JOURNAL_ONE,       /* one file */
	ASSAY_JOURNAL_SEGMENTS,  /* a new file every 64 MiB: journal-001.bin, ... */
	ASSAY_JOURNAL_CONTINUE,  /* the same, behind the segments that DIR holds; a frame cut short by a kill is cut off the last of them */
};
int assay_journal_open(const char *dir, size_t hot_capacity, enum assay_journal_mode mode, struct assay_journal **out, struct assay_err *e);
struct assay_sink *assay_journal_sink(struct assay_journal *j);
/* Writes the footer (adding records_lost, journal_lag_ms, journal_bytes, cpu_ns of the journal's thread to it), syncs, closes. First write error of the run, if any, in *e. */
int assay_journal_close(struct assay_journal *j, json_t *footer_steal, struct assay_err *e);
/* Off the timed path: waits (at most two seconds) until everything that was put so far is in the file. */
void assay_journal_drain(struct assay_journal *j);
/* True once a write failed (disk full): the run should stop at the next visit. */
bool assay_journal_failed(struct assay_journal *j, struct assay_err *e);

/* ---- result ---- */
#define ASSAY_RESULT_SCHEMA "assay.result/1"
/* The document of docs/result.schema.json; pure function of the run (files[] and id are filled by assay_result_write). */
json_t *assay_result_build(const struct assay_run *run);
/* Sets id: SHA-256 of the document's bytes with id empty. */
int assay_result_identify(json_t *result, struct assay_err *e);
/* Sets files[] (DIR/journal.bin and its further segments) and id. */
int assay_result_complete(const char *dir, json_t *result, struct assay_err *e);
/* Completes the document and writes DIR/result.json atomically. */
int assay_result_write(const char *dir, json_t *result, struct assay_err *e);
json_t *assay_result_load(const char *dir, struct assay_err *e);

/* ---- manifest.json: every file of a result directory ---- */
/* {schema, files[{path, bytes, sha256}]} of every file under dir but manifest.json itself, hidden and temporary ones. New reference. */
json_t *assay_manifest_build(const char *dir, struct assay_err *e);
int assay_manifest_write(const char *dir, struct assay_err *e);

#endif
