/* What a refusal looks like from outside, and models broken on purpose: copies of a small golden model with some bytes changed. */
#ifndef ASSAY_TESTS_BAD_KIT_H
#define ASSAY_TESTS_BAD_KIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* One refused command line: the status; nothing on stdout; one to three lines on stderr, of which the first begins with "assay: ",
 * the others with two blanks, and `part` is in them; no directory "results" left behind. Fails the test otherwise. */
void bad_refused(const char *line, int status, const char *part);

/* A command line that may be refused or succeed, but never crashes: true when the status is one of ours, and what is on stderr reads as above. */
bool bad_survived(const char *line, char *why, size_t size_bytes);

/* The golden gpt2 as a directory `name` in the scratch folder, with the first `find` in `file` replaced by `put` (find NULL: the whole text).
 * Inside model.safetensors this changes the header, whose length is set anew. Replaces what was there. */
void bad_model(const char *name, const char *file, const char *find, const char *put);
/* The same with raw bytes: `n` bytes at `at` (from the end when negative) of `file` overwritten by `bytes`; bytes NULL: cut there. */
void bad_model_raw(const char *name, const char *file, long at, const void *bytes, size_t n);
/* The golden gpt2 as the bytes of a GGUF file, with a tokenizer of single bytes. The caller releases *out. */
void bad_gguf(struct assay_buf *out);
/* Writes n bytes to `name` in the scratch folder. */
void bad_write(const char *name, const void *bytes, size_t n);

#endif
