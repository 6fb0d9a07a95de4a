/* Reference outputs stored beside a model: golden.json and its .f32 files, in both
 * forms (tiny models: last_logits_file and all_logits_file; a real model: name, text,
 * decoded, last). Reads and checks; computes nothing. */
#ifndef ASSAY_NN_GOLDEN_FILE_H
#define ASSAY_NN_GOLDEN_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct nn_golden_prompt {
	char name[32];             /* "capital", or the number of tokens */
	char *text, *decoded;      /* NULL where the file has none */
	int32_t *ids, *greedy;
	int n_ids, n_greedy;
	double greedy_min_margin;
	int32_t top_id[5];
	double top_logit[5];
	float *last;               /* [vocab] */
	float *all;                /* [n_ids][vocab], or NULL */
};

struct nn_golden {
	int n;
	struct nn_golden_prompt *prompt;
};

/* True when dir holds a golden.json. */
bool nn_golden_exists(const char *dir);
/* ASSAY_E_MODEL naming file and fault. The caller releases. */
int nn_golden_read(const char *dir, int vocab, struct nn_golden *out, struct assay_err *e);
void nn_golden_release(struct nn_golden *g);

#endif
