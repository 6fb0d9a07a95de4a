/* Records: everything a run leaves behind, as it happens. Hot records are fixed-size structs that
 * the timed path fills; cold ones are JSON objects. Both go to a sink (the journal). The result
 * document is a pure function of the records: result.json = render(journal). All times are ns of
 * the engine's clock (engine.h: monotonic, or virtual). Little-endian on disk. */
#ifndef ASSAY_CORE_RECORD_H
#define ASSAY_CORE_RECORD_H

#include <jansson.h>
#include <stdint.h>

#include "core/request.h"

enum assay_rec_type {
	/* cold, JSON */
	ASSAY_REC_HEADER = 1,      /* argv, config, seed, machine, engine, model, load, build, definitions, targets */
	ASSAY_REC_POINT = 2,       /* {index, experiment, case{}, runs, warmup, requests_per_run, ...}: before its first visit */
	ASSAY_REC_POINT_END = 3,   /* {index, status: ok|limit|error|dropped|interrupted, reason} */
	ASSAY_REC_NOTE = 4,        /* {code, ...}: what else the result must say: dropped points, samples of text, skipped probes */
	ASSAY_REC_FOOTER = 5,      /* {ended, interrupted, records_lost, journal_lag_ms, ...} */
	/* hot, fixed structs below */
	ASSAY_REC_VISIT = 16, ASSAY_REC_VISIT_END = 17, ASSAY_REC_REQUEST = 18, ASSAY_REC_TOKEN = 19, ASSAY_REC_STEP = 20,
	ASSAY_REC_SAMPLE = 21, ASSAY_REC_MEMORY = 22, ASSAY_REC_CEILING = 23, ASSAY_REC_SUBMIT = 24,
};

/* One run of a point: warm-ups have repeat = -1, -2, ... `order` counts visits over the whole run. */
struct assay_rec_visit { uint32_t point; int32_t repeat; uint32_t order, pad; int64_t t0_ns, t1_ns; /* t1 in VISIT_END */ };

/* Written when a request is handed to the engine, so that a killed run still knows it was asked. */
struct assay_rec_submit { uint32_t id, point; int32_t repeat; uint32_t prompt_tokens, max_tokens, pad; int64_t t_intended, t_sent; };

/* Written at a request's end. -1 = unknown. Token stamps are in TOKEN records of the same id. */
struct assay_rec_request {
	uint32_t id, point; int32_t repeat; uint32_t end_state; /* enum assay_end */
	uint32_t prompt_tokens, max_tokens, output_tokens, reported_tokens, preemptions, cached_tokens, events, pad;
	int64_t t_intended, t_sent, t_scheduled, t_first, t_last, t_end;
};

/* One token event: n_tokens >= 1 generated tokens that arrived together. token = id of the first, -1 unknown. */
struct assay_rec_token { uint32_t id, n_tokens; int32_t token; uint32_t bytes; int64_t t_engine, t_read; };

enum assay_step_kind { ASSAY_STEP_PREFILL, ASSAY_STEP_DECODE, ASSAY_STEP_MIXED };
struct assay_rec_step {
	uint32_t kind, seqs, prefill_tokens, decode_tokens, waiting, preempted, kv_blocks_used, pad;
	int64_t t0_ns, t1_ns;
	uint64_t weight_bytes, kv_read_bytes, kv_write_bytes, activation_bytes, flops; /* really touched; 0 = not known */
};

/* One telemetry sample; counters are cumulative since boot or process start; -1 = not readable. */
struct assay_rec_sample {
	int64_t t_ns, rss_bytes, mem_available_bytes;
	int64_t proc_cpu_ns;                       /* user + system of this process */
	int64_t cpu_busy_ns, cpu_idle_ns, cpu_steal_ns, cpu_iowait_ns; /* machine, summed over CPUs */
	int64_t psi_cpu_us, psi_memory_us, psi_io_us;                  /* "some" totals */
	int64_t ctx_voluntary, ctx_involuntary, major_faults, swap_in_pages, freq_khz;
	int64_t self_cpu_ns;                       /* CPU of the telemetry thread itself */
	int64_t gpu_util_pct, gpu_used_bytes;
	int64_t energy_uj;                         /* CPU packages and their memory since sampling began, wraps undone; journals before it end at gpu_used_bytes */
};

enum assay_mem_label { ASSAY_MEM_START, ASSAY_MEM_LOADED, ASSAY_MEM_BEFORE_RUN, ASSAY_MEM_AFTER_RUN, ASSAY_MEM_END };
struct assay_rec_memory {
	uint32_t label, point; int32_t repeat; uint32_t pad;
	int64_t t_ns, rss_bytes, pss_bytes, hwm_bytes;                 /* process */
	int64_t weight_bytes, kv_pool_bytes, kv_used_bytes, kv_peak_bytes, kv_tokens, workspace_bytes; /* engine, -1 unknown */
};

/* A probe of what the machine can do, taken between visits. 0 = not probed. */
struct assay_rec_ceiling { int64_t t_ns; double read_gb_s, gemm_f32_gflop_s, gemm_bf16_gflop_s; uint32_t threads, pad; };

struct assay_record {
	uint32_t type;
	union {
		struct assay_rec_visit visit;
		struct assay_rec_submit submit;
		struct assay_rec_request request;
		struct assay_rec_token token;
		struct assay_rec_step step;
		struct assay_rec_sample sample;
		struct assay_rec_memory memory;
		struct assay_rec_ceiling ceiling;
	} u;
};
/* Payload size of a hot record type, 0 for a cold or unknown one. */
uint32_t assay_rec_size(uint32_t type);

/* Producers. The drive thread and the telemetry thread each have a lane, so that put() needs no lock. */
enum assay_lane { ASSAY_LANE_DRIVE, ASSAY_LANE_TELEMETRY, ASSAY_LANES };

/* Where records go. put: no allocation, no lock, never blocks; a full ring counts the record as lost.
 * put_json: off the timed path, drive thread only; steals the reference. */
struct assay_sink {
	void (*put)(struct assay_sink *s, enum assay_lane lane, const struct assay_record *r);
	void (*put_json)(struct assay_sink *s, enum assay_rec_type type, json_t *steal);
	/* Asks for what was put so far to be on disk soon (point ends); does not wait. */
	void (*flush)(struct assay_sink *s);
	/* Off the timed path, before a visit: waits until there is room for a burst (at most two seconds). NULL = there always is. */
	void (*settle)(struct assay_sink *s);
};

#endif
