/* The tokens of a step: [[request, [id, ...]], ...]. A list at a line's end is read without a JSON value for every number, which is most of what a step of
 * hundreds of sequences costs here; any other form, and every error, is left to the JSON parser. Pure. */
#ifndef ASSAY_ENGINE_WORKER_TOKENS_H
#define ASSAY_ENGINE_WORKER_TOKENS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct worker_token { uint32_t r, n; int32_t first; }; /* request; ids, at least one; the first of them */
struct worker_tokens { struct worker_token *list; size_t n; };

/* From a JSON value; false when it is no such list (a request of 0 to 2^32 - 1, ids of -1 to 2^31 - 1). Release in either case. */
bool worker_tokens_take(struct worker_tokens *t, const json_t *tok);
/* Of a line {..., "tok": LIST} with "tok" as its last key: reads LIST, and gives the length of what is before it; 0: not of this form. Whether
 * what is before is the beginning of an object is for the caller. */
size_t worker_tokens_scan(struct worker_tokens *t, const char *line, size_t len);
void worker_tokens_release(struct worker_tokens *t);

#endif
