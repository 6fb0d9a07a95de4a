/* Runs made by hand for tests of metrics and analysis: add things in time order, then fx_done. */
#ifndef ASSAY_TESTS_RUN_FIXTURE_H
#define ASSAY_TESTS_RUN_FIXTURE_H

#include "core/run.h"

#define MS INT64_C(1000000)

struct fx { struct assay_run run; };

/* header: JSON text of an object. */
void fx_init(struct fx *f, const char *header);
/* info and end: JSON text; end NULL = no end record. */
void fx_point(struct fx *f, const char *info, const char *end);
void fx_visit(struct fx *f, int repeat, int64_t t0_ns, int64_t t1_ns);
/* A request of the newest visit that succeeded: sent at t_ns, first token at first_ns, then one each gap_ns. */
struct assay_run_request *fx_request(struct fx *f, uint32_t prompt, uint32_t output, int64_t t_ns, int64_t first_ns, int64_t gap_ns);
struct assay_rec_step *fx_step(struct fx *f, enum assay_step_kind kind, uint32_t seqs, uint32_t tokens, int64_t t0_ns, int64_t t1_ns);
struct assay_rec_sample *fx_sample(struct fx *f, int64_t t_ns);
struct assay_rec_memory *fx_memory(struct fx *f, enum assay_mem_label label, int repeat);
void fx_ceiling(struct fx *f, int64_t t_ns, double read_gb_s, double gemm_f32, double gemm_bf16);
/* Ties steps and samples to visits. */
void fx_done(struct fx *f);
void fx_release(struct fx *f);

#endif
