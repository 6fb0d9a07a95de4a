/* Finds and reads the golden model outputs (format: their README). Test code only. */
#ifndef ASSAY_TEST_GOLDEN_H
#define ASSAY_TEST_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

struct golden_prompt {
	int32_t ids[128], greedy[64], top5[5];
	int n, n_greedy;
	char last_file[64], all_file[64]; /* all_file "" when absent */
};

struct golden {
	char dir[512];
	int vocab, n_prompts;
	struct golden_prompt prompt[8];
};

/* Directory of golden models (ASSAY_GOLDEN, ../shared/golden, ../../shared/golden, else the four of tests/golden), or NULL. */
const char *golden_root(void);
/* 0, or -1 when absent or not understood. */
int golden_read(const char *model, struct golden *g);
/* n floats of a file of g; malloc'ed, or NULL. */
float *golden_floats(const struct golden *g, const char *file, size_t n);

#endif
