/* Compares the engine with reference outputs stored beside a model. What
 * `assay models check` prints; judges by the rules of the limits below. */
#ifndef ASSAY_NN_GOLDEN_CHECK_H
#define ASSAY_NN_GOLDEN_CHECK_H

#include <stdbool.h>

#include "base/err.h"
#include "nn/forward.h"
#include "nn/shape.h"

struct nn_check_options {
	enum nn_dtype dtype;       /* AUTO = NN_F32 */
	enum nn_isa isa;
	int threads;               /* 0 = all */
};

enum nn_check_answer { NN_CHECK_NONE, NN_CHECK_OK, NN_CHECK_BAD }; /* NONE: the reference or the model has nothing to compare */

struct nn_check_prompt {
	char name[32];
	int n_ids, n_greedy;
	double diff_last, diff_all; /* largest |logit - reference|; diff_all < 0: no reference */
	int first_wrong;           /* first position of the greedy list that differs; -1 none */
	double wrong_margin;       /* f32 margin between the two tokens there; < 0 when none differs */
	enum nn_check_answer top5, greedy, ids, decoded;
	bool pass;
};

#define NN_CHECK_MAX_PROMPTS 256

struct nn_check_report {
	char model[96], kernels[160];
	enum nn_dtype dtype;
	enum nn_isa isa;
	int threads, n;
	double limit, diff;        /* allowed and largest difference */
	bool pass;
	char tokenizer[160];       /* why ids and text were not checked, "" when they were */
	struct nn_check_prompt prompt[NN_CHECK_MAX_PROMPTS];
};

/* Largest difference allowed. Logits of tiny random models and of real ones differ in size, so the second has its own
 * f32 limit. The other constants are at most 3 times the largest error measured over all goldens, smollm2, every ISA. */
double nn_check_limit(enum nn_dtype t, bool real_model);

/* dir holds golden.json; model is what nn_source_open takes (NULL: dir itself). A mismatch is not an error: see
 * report->pass. A greedy difference fails only where the f32 margin exceeds twice the limit; so does the order of top5. */
int nn_golden_check(const char *dir, const char *model, const struct nn_check_options *o, struct nn_check_report *out, struct assay_err *e);

#endif
