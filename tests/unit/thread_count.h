/* How many threads this process has now. */
#ifndef ASSAY_TESTS_THREAD_COUNT_H
#define ASSAY_TESTS_THREAD_COUNT_H

int thread_count(void);

#endif
