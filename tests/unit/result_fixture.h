/* One hand-made run of every experiment, with known answers, and the folder that its files go to. */
#ifndef ASSAY_TESTS_RESULT_FIXTURE_H
#define ASSAY_TESTS_RESULT_FIXTURE_H

#include "run_fixture.h"

/* Virtual clock. Points: 0 latency 128/30 (TTFTs of S3's own file), 1 throughput batch 1 (S3's 3 requests, 90 tokens, 2.3390559 s),
 * 2 throughput batch 4, 3 batch 32 (a limit), 4-6 seqlen 10/16 50/16 50/32, 7 memory, 8 offline. */
void result_fixture(struct fx *f, const char *model);

/* A new folder; result_fixture_drop removes it and all in it. */
void result_fixture_dir(char dir[64]);
void result_fixture_drop(const char *dir);
/* dir/name as a NUL-terminated string (owned by the caller); fails the test when it cannot be read. */
char *result_fixture_read(const char *dir, const char *name);

#endif
