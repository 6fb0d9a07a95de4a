/* The sim engine's input: a YAML file that states the truth, so that every metric has a known answer. Strict: an
 * unknown key, a wrong type or a value out of range is one line with line and column. Knows nothing of time. */
#ifndef ASSAY_ENGINE_SIM_FILE_H
#define ASSAY_ENGINE_SIM_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum assay_sim_fault_kind {
	ASSAY_SIM_ERROR,  /* ends as error_event instead of giving its first token */
	ASSAY_SIM_STALL,  /* the step after its first token (its prefill when only one token is asked) takes `ms` longer */
	ASSAY_SIM_SHORT,  /* one token fewer than asked, yet said to be complete */
	ASSAY_SIM_EXTRA,  /* one token more than asked */
};

/* Requests are counted from 1 over the life of the engine, warm-ups included. */
struct assay_sim_fault {
	enum assay_sim_fault_kind kind;
	int64_t every, at;         /* exactly one is > 0: every Nth request, or the Nth only */
	double ms;                 /* STALL: how long; default 1000 */
};

#define ASSAY_SIM_MAX_FAULTS 64
#define ASSAY_SIM_MAX_TELEMETRY 100000

struct assay_sim_spec {
	bool virtual_clock;        /* default */
	double prefill_fixed_ms, prefill_per_token_us;
	double decode_fixed_ms, decode_per_sequence_us, decode_per_context_token_us;
	int64_t max_batch;         /* sequences running at once; 0 = the engine's max_num_seqs */
	int64_t kv_tokens;         /* positions of the KV pool; 0 = unlimited */
	double kv_bytes_per_token; /* 0 = not stated */
	double load_ms;            /* NaN = not stated */
	double weights_mib;        /* 0 = not stated */
	double noise_cv, noise_run_cv, noise_ar1;
	int64_t noise_seed;
	double drift_pct_per_min;
	double read_gb_s, gemm_gflop_s; /* ceilings; 0 = not stated */
	double leak_kib_per_request;
	struct assay_sim_fault faults[ASSAY_SIM_MAX_FAULTS];
	int n_faults;
	json_t *telemetry;         /* array of {at_ms, ...} in rising at_ms, or NULL; owned */
};

/* what = name for messages ("FILE:line:col: ..."). ASSAY_E_USAGE. */
int assay_sim_parse(const char *text, size_t len_bytes, const char *what, struct assay_sim_spec *out, struct assay_err *e);
int assay_sim_load(const char *path, struct assay_sim_spec *out, struct assay_err *e);
/* What follows "sim:": FILE, or FILE@N: FILE with noise stream N, the same schedule measured another time (assay pairs). */
int assay_sim_load_stream(const char *arg, struct assay_sim_spec *spec, uint64_t *stream, struct assay_err *e);
void assay_sim_spec_release(struct assay_sim_spec *s);

#endif
