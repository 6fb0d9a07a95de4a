/* Case lists that more than one experiment uses: the single experiments and the suite fill their points with these. */
#ifndef ASSAY_EXPERIMENT_CASES_H
#define ASSAY_EXPERIMENT_CASES_H

#include "experiment/points.h"

/* One request alone. as_is: the user's text prompts, when there are any, as they are. */
struct assay_point *assay_case_latency(struct assay_points *l, int prompt_tokens, int output_tokens, int runs, int warmup, bool as_is);
/* The documents' own: "s3" 128/30 (its targets' case), 128/64, 512/128, 1024/256, 2048/512; "s4" 10/50, 10/100, 10/200. */
void assay_cases_documents(struct assay_points *l, const char *name, int runs, int warmup);
struct assay_point *assay_case_throughput(struct assay_points *l, int batch, int prompt_tokens, int output_tokens, int runs, int warmup, bool as_is);
/* S4: every prompt length at the first output length, every output length at the first prompt length. */
void assay_cases_axes(struct assay_points *l, const int64_t *prompts, int n_prompts, const int64_t *outputs, int n_outputs, int runs, int warmup);
/* Every prompt length with every output length. */
void assay_cases_cross(struct assay_points *l, const int64_t *prompts, int n_prompts, const int64_t *outputs, int n_outputs, int runs, int warmup);
/* S0: batch 1..32 x sequence length 128..4096 = prompt + 32 output tokens. */
void assay_cases_grid_s0(struct assay_points *l, int runs, int warmup);
struct assay_point *assay_case_memory(struct assay_points *l, int prompt_tokens, int output_tokens, int runs, int warmup);
/* N requests handed over at once; one warm-up of one request. */
struct assay_point *assay_case_offline(struct assay_points *l, int requests, struct assay_len_range input, struct assay_len_range output, int runs);
/* Prompt lengths with `output` tokens of decode at depth; when one is over the context, the longest that fits is added. */
void assay_cases_longdoc(struct assay_points *l, const int64_t *tokens, int n, int output_tokens, int max_context, int runs, int warmup);

/* The whole of an ordinary experiment's plan and run, given how it fills its list. info: of the open engine, or only vocab and
 * max_context (others 0) before it opens. */
typedef int (*assay_build_fn)(struct assay_points *l, const struct assay_options *o, const struct assay_engine_info *info, struct assay_err *e);
int assay_cases_plan(assay_build_fn build, const struct assay_options *o, const struct assay_engine_info *shape_only, struct assay_run_plan *out,
		     struct assay_err *e);
int assay_cases_run(assay_build_fn build, struct assay_session *s, const struct assay_options *o, struct assay_err *e);

/* Runs that an option asks for; when --quick is on and the user did not say, at most `quick`. */
int assay_runs(const struct assay_options *o, const char *name, int quick);

#endif
