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
	ASSAY_REC_RESUME = 6,      /* {created, argv, clock, gap_s, ...}: the run goes on after it was stopped; what was its footer is history */
	ASSAY_REC_SEGMENT = 7,     /* {index, before_bytes}: first of every journal file but the first */
	/* hot, fixed structs below */
	ASSAY_REC_VISIT = 16, ASSAY_REC_VISIT_END = 17, ASSAY_REC_REQUEST = 18, ASSAY_REC_TOKEN = 19, ASSAY_REC_STEP = 20,
	ASSAY_REC_SAMPLE = 21, ASSAY_REC_MEMORY = 22, ASSAY_REC_CEILING = 23, ASSAY_REC_SUBMIT = 24,
	/* of a stream (soak): what is read back are windows; single requests and their kept tokens are there to check them by */
	ASSAY_REC_WINDOW = 25, ASSAY_REC_DIST = 26, ASSAY_REC_BUCKETS = 27, ASSAY_REC_SERVED = 28, ASSAY_REC_SERVED_TOKEN = 29,
};

/* One run of a point: warm-ups have repeat = -1, -2, ... `order` counts visits over the whole run. */
struct assay_rec_visit { uint32_t point; int32_t repeat; uint32_t order, pad; int64_t t0_ns, t1_ns; /* t1 in VISIT_END */ };

/* Written when a request is handed to the engine, so that a killed run still knows it was asked. */
struct assay_rec_submit { uint32_t id, point; int32_t repeat; uint32_t prompt_tokens, max_tokens, pad; int64_t t_intended, t_sent; };

/* Written at a request's end. -1 = unknown. Token stamps are in TOKEN records of the same id. */
struct assay_rec_request {
	uint32_t id, point; int32_t repeat; uint32_t end_state; /* enum assay_end */
	uint32_t prompt_tokens, max_tokens, output_tokens, reported_tokens, preemptions, cached_tokens, events;
	uint32_t first_tokens; /* of the first event; 0 = unknown */
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
	int64_t engine_cpu_ns;                     /* user + system of the engine's processes, where it runs in others on this machine: rss and major_faults are
	                                              then theirs too; journals before it end at energy_uj */
};

enum assay_mem_label { ASSAY_MEM_START, ASSAY_MEM_LOADED, ASSAY_MEM_BEFORE_RUN, ASSAY_MEM_AFTER_RUN, ASSAY_MEM_END };
struct assay_rec_memory {
	uint32_t label, point; int32_t repeat; uint32_t pad;
	int64_t t_ns, rss_bytes, pss_bytes, hwm_bytes;                 /* process */
	int64_t weight_bytes, kv_pool_bytes, kv_used_bytes, kv_peak_bytes, kv_tokens, workspace_bytes; /* engine, -1 unknown */
};

/* A probe of what the machine can do, taken between visits. 0 = not probed. */
struct assay_rec_ceiling { int64_t t_ns; double read_gb_s, gemm_f32_gflop_s, gemm_bf16_gflop_s; uint32_t threads, pad; };

/* ---- a stream: open-ended load, summed up window by window (metrics/window.h) ----
 * A window is its DIST and BUCKETS records and then its WINDOW record, which counts them in. SERVED is a struct assay_rec_request without
 * a SUBMIT; SERVED_TOKEN a struct assay_rec_token of one request in N. */
enum assay_stream_metric {
	ASSAY_STREAM_TTFT, ASSAY_STREAM_TTFT_SERVICE, ASSAY_STREAM_ITL, ASSAY_STREAM_TPOT, ASSAY_STREAM_E2EL, ASSAY_STREAM_QUEUE,
	ASSAY_STREAM_SEND_LAG, ASSAY_STREAM_METRICS
};
enum assay_window_flag {
	ASSAY_WINDOW_SHORT = 1,    /* cut before its time: by a stop, or by the end of its phase */
	ASSAY_WINDOW_TAIL = 2,     /* after the last arrival: what was still running */
	ASSAY_WINDOW_PROBE = 4,    /* of the probe: closed loop, no part of the series */
};
struct assay_rec_window {
	uint32_t index, point; int32_t repeat; uint32_t flags;
	uint32_t offered, most_live, live_end, steps, kept_requests, next_id, cached_tokens, pad;
	uint32_t ends[24];         /* requests that ended in it, by enum assay_end */
	int64_t t0_ns, t1_ns;      /* engine's clock */
	int64_t elapsed_ns;        /* measured time of the series at t0; gaps left out */
	int64_t prompt_tokens, output_tokens; /* of the successes that ended in it */
	int64_t tokens;            /* output tokens that arrived in it, whoever's */
	int64_t busy_ns;           /* time in engine steps */
	int64_t cpu_ns;            /* CPU time of the process, or processes, of the engine in it; -1 unknown */
	int64_t rss_mean_bytes, rss_max_bytes; /* of readings a second apart; -1 unknown */
	int64_t wall_ns;           /* CLOCK_REALTIME at t0; -1 on a virtual clock */
	double load_per_s;         /* arrivals wanted, mean over the window; closed loop: 0 */
};
/* Exact where the window kept every sample, else from its histogram. ns; a value that is not there is NaN. */
struct assay_rec_dist { uint32_t window, metric, n, exact; double mean, m2, min, max, p50, p95, p99; };
/* Counts of a window's log histogram, a dozen buckets a record. */
#define ASSAY_BUCKETS_EACH 12
struct assay_rec_buckets { uint32_t window, metric, n, pad; struct { uint32_t bucket, count; } b[ASSAY_BUCKETS_EACH]; };
#define ASSAY_LOG_BUCKETS 16384 /* of every log histogram (metrics/log_histogram.h) */

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
		struct assay_rec_window window;
		struct assay_rec_dist dist;
		struct assay_rec_buckets buckets;
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
