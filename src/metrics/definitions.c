/* The table of metrics. Every face, the schema, the documentation and `assay explain` print these rows; a
 * number without a row here cannot be shown. Must not compute anything. */
#include "metrics/definitions.h"

#include <string.h>

#define RUN ASSAY_PER_RUN
#define REQ ASSAY_PER_REQUEST
#define TOK ASSAY_PER_TOKEN
#define POINT ASSAY_PER_POINT
#define STEP ASSAY_PER_STEP

static const char loadgen[] = "MLPerf Inference LoadGen: latency runs from the scheduled time; wrk2 on coordinated omission";
static const char service[] = "vLLM, SGLang and most serving benchmarks: latency runs from the actual send";
static const char loadgen_tpot[] = "MLPerf Inference LoadGen: (latency - TTFT) / (n - 1), with events in place of single tokens";
static const char own_records[] = "arithmetic on assay's own records; no outside definition";
static const char kernel_mem[] = "Linux proc(5): /proc/self/statm, smaps_rollup, status VmHWM";
static const char powercap[] = "Linux powercap: cumulative RAPL energy counters (intel-rapl, also of AMD CPUs)";
static const char vllm_kv[] = "Kwon et al. 2023 (PagedAttention): KV cache in pages of a fixed number of tokens";

static const struct assay_metric table[] = {
	/* ---- latency of a request ---- */
	{ "ttft_ms", "ms", "TTFT", ASSAY_LOWER, REQ, 2,
	  "Time to first token as a user lives it: from the intended send of a request to the first event that carries at least one generated token.", loadgen },
	{ "ttft_service_ms", "ms", "TTFT (service)", ASSAY_LOWER, REQ, 2,
	  "Time to first token from the actual send: what tools that ignore send lag call TTFT; equal to ttft_ms when nothing was sent late.", service },
	{ "itl_ms", "ms", "ITL", ASSAY_LOWER, TOK, 2,
	  "Inter-token latency: gap between consecutive tokens of a request; an event of k tokens after a gap g gives the one gap g, and its k-1 inner gaps are counted (itl_hidden), never invented. Pooled over requests; floors and intervals count requests, because the tokens of one request are not independent.", "vLLM benchmark_serving (ITL), with multi-token events kept apart" },
	{ "itl_hidden", "gaps", "Gaps inside events", ASSAY_NEITHER, POINT, 0,
	  "Inter-token gaps that cannot be seen because their tokens arrived in one event: for an event of k tokens, k-1.", own_records },
	{ "tpot_ms", "ms", "TPOT", ASSAY_LOWER, REQ, 2,
	  "Time per output token after the first event of a request: (last token - first token) / (tokens after the first event); null where there are none.", loadgen_tpot },
	{ "e2el_ms", "ms", "E2E latency", ASSAY_LOWER, REQ, 1,
	  "End-to-end latency: from the intended send of a request to its last token; the terminal event and the usage message are not tokens.", loadgen },
	{ "queue_ms", "ms", "Queue time", ASSAY_LOWER, REQ, 2,
	  "Time that a sent request waited before the engine first scheduled it; null where the engine does not tell.", "vLLM: request_queue_time_seconds" },
	{ "send_lag_ms", "ms", "Send lag", ASSAY_LOWER, REQ, 3,
	  "How late assay itself was: actual send minus intended send. It is inside ttft_ms and e2el_ms.", loadgen },
	{ "read_lag_ms", "ms", "Read lag", ASSAY_LOWER, TOK, 3,
	  "Time from the engine's (or the kernel's) stamp of a token event to the moment assay read it.", own_records },

	/* ---- rates of a request ---- */
	{ "request_tok_s", "tok/s", "Tokens/s per request", ASSAY_HIGHER, REQ, 1,
	  "Output tokens of a request divided by its end-to-end latency, prefill included (the tokens per second of the S3 and S4 documents).", "S3 and S4 baseline documents" },
	{ "prefill_tok_s", "tok/s", "Prefill rate", ASSAY_HIGHER, RUN, 1,
	  "Prompt tokens computed divided by the time of the engine's pure prefill steps; where the engine reports no steps, prompt tokens divided by TTFT of single requests, and the reason says so.", "llama.cpp llama-bench (pp)" },
	{ "decode_tok_s", "tok/s", "Decode rate", ASSAY_HIGHER, REQ, 1,
	  "Decode rate of one sequence: 1 / TPOT.", "llama.cpp llama-bench (tg)" },

	/* ---- throughput of a run ---- */
	{ "wall_s", "s", "Wall time", ASSAY_LOWER, RUN, 3, "Time of one run: from its start to the end of its last request.", own_records },
	{ "output_tok_s", "tok/s", "Output throughput", ASSAY_HIGHER, RUN, 1,
	  "Generated tokens of successful requests divided by the wall time of the whole run, ramp-up and tail included.", "vLLM benchmark_throughput; nano-vLLM bench.py" },
	{ "output_tok_s_steady", "tok/s", "Output throughput (steady)", ASSAY_HIGHER, RUN, 1,
	  "Generated tokens in the steady window divided by its length: for a batch, from the moment every slot has its first token to the first finish; for unequal or more requests, while at least 95 % of the slots run; null where the window is empty.", "plateau rule of perf_analyzer and inference-perf, fixed before looking" },
	{ "input_tok_s", "tok/s", "Input throughput", ASSAY_HIGHER, RUN, 1,
	  "Prompt tokens of successful requests divided by the wall time of the whole run. Not a prefill rate: decoding is in the time.", "S1 baseline document (input tokens per second)" },
	{ "total_tok_s", "tok/s", "Total throughput", ASSAY_HIGHER, RUN, 1,
	  "Prompt and generated tokens of successful requests divided by the wall time of the whole run.", "vLLM benchmark_throughput (total tokens/s)" },
	{ "request_s", "req/s", "Request throughput", ASSAY_HIGHER, RUN, 3,
	  "Proved successes divided by the wall time of the whole run; a failed request counts as none.", "MLPerf Inference LoadGen (Offline samples/s), failures excluded" },
	{ "offered_s", "req/s", "Offered load", ASSAY_NEITHER, RUN, 3,
	  "Requests that fell due divided by the wall time, refused and failed ones included: what the load asked for, beside request_s which was delivered.", loadgen },
	{ "inverse_throughput_ms", "ms", "Inverse throughput", ASSAY_LOWER, RUN, 2,
	  "Wall time divided by the number of sequences. Some reports call it latency per sequence; no sequence took this long.", "S1 baseline document (25.43 s / 256 = 99 ms)" },
	{ "speedup", "x", "Speed-up", ASSAY_HIGHER, RUN, 2,
	  "Output throughput divided by that of the batch-1 point of the same experiment and lengths.", "S4 baseline document" },
	{ "efficiency", "ratio", "Scaling efficiency", ASSAY_HIGHER, RUN, 3,
	  "Speed-up divided by the batch size: 1 is linear scaling.", "S3 plan: throughput_N / (N x throughput_1)" },

	/* ---- cost (where a price is given: --price-per-hour) ---- */
	{ "cost_per_mtok", "per Mtok", "Cost of output tokens", ASSAY_LOWER, RUN, 4,
	  "Price of a million generated tokens of successful requests: price of the machine per hour x wall time of the run / generated tokens, in the currency of --currency; the prompts' work is in it.", "arithmetic on wall time and the price given with --price-per-hour" },
	{ "cost_per_mtok_total", "per Mtok", "Cost of input and output tokens", ASSAY_LOWER, RUN, 4,
	  "Price of a million tokens, prompt and generated together, of successful requests: price of the machine per hour x wall time of the run / all tokens.", "arithmetic on wall time and the price given with --price-per-hour" },

	/* ---- engine steps ---- */
	{ "step_ms", "ms", "Engine step", ASSAY_LOWER, STEP, 3, "Duration of one engine step of any kind, as the engine stamps it.", own_records },
	{ "decode_step_ms", "ms", "Decode step", ASSAY_LOWER, STEP, 3,
	  "Duration of one engine step that only decodes: one token for each running sequence.", own_records },
	{ "step_seqs", "seqs", "Sequences per step", ASSAY_NEITHER, RUN, 2,
	  "Running sequences of an engine step, averaged over step time: the batch that was really there.", own_records },
	{ "engine_busy", "ratio", "Engine busy", ASSAY_NEITHER, RUN, 3,
	  "Time in engine steps divided by the wall time: near 1 the engine has no time to spare and requests queue.", own_records },
	{ "preemptions", "events", "Preemptions", ASSAY_LOWER, RUN, 0,
	  "Times that a running sequence lost its KV pages and had to be recomputed, in one run.", "vLLM: num_preemptions" },

	/* ---- memory ---- */
	{ "weights_mib", "MiB", "Weights", ASSAY_LOWER, POINT, 1, "Bytes of the model's weights as the engine holds them.", own_records },
	{ "kv_pool_mib", "MiB", "KV pool", ASSAY_NEITHER, POINT, 1, "Bytes set aside for the KV cache.", vllm_kv },
	{ "kv_used_mib", "MiB", "KV in use (mean)", ASSAY_LOWER, RUN, 2,
	  "KV cache in use during the run, averaged over step time, in whole pages.", vllm_kv },
	{ "kv_peak_mib", "MiB", "KV in use (peak)", ASSAY_LOWER, RUN, 2, "Most KV cache in use at once during the run, in whole pages.", vllm_kv },
	{ "kv_bytes_per_token", "B", "KV per token (computed)", ASSAY_LOWER, POINT, 0,
	  "Bytes of KV cache for one token by the model's shape: 2 x layers x KV heads x head size x bytes of the KV type.", vllm_kv },
	{ "kv_bytes_per_token_observed", "B", "KV per token (observed)", ASSAY_LOWER, RUN, 1,
	  "Most KV cache in use during a run divided by the tokens it then held, unfilled ends of pages included; only for runs whose requests were all held at once.", own_records },
	{ "workspace_mib", "MiB", "Workspace", ASSAY_LOWER, POINT, 1, "Bytes that the engine keeps for activations and scratch.", own_records },
	{ "rss_peak_mib", "MiB", "RSS peak", ASSAY_LOWER, RUN, 1,
	  "Most resident memory of the engine's process, or the sum of its processes (shared pages count in each), in the timed region: highest sample, or the kernel's high-water mark where it rose during the run.", kernel_mem },
	{ "rss_mean_mib", "MiB", "RSS mean", ASSAY_LOWER, RUN, 1, "Resident memory of the process averaged over the samples of the timed region.", kernel_mem },
	{ "rss_delta_mib", "MiB", "RSS added by a run", ASSAY_LOWER, RUN, 2,
	  "Peak resident memory during a run minus resident memory just before it.", kernel_mem },
	{ "pss_mib", "MiB", "PSS", ASSAY_LOWER, RUN, 1,
	  "Proportional set size after a run: resident memory with pages shared between processes divided among them.", kernel_mem },
	{ "rss_growth_kib_per_1k", "KiB/1k req", "RSS growth", ASSAY_LOWER, POINT, 1,
	  "Growth of resident memory per 1,000 requests: Theil-Sen slope over means of blocks of runs after the first 20 % is dropped, with a bootstrap interval; needs at least 10 blocks.", "Theil 1950, Sen 1968; Kunsch 1989 (block bootstrap)" },
	{ "rss_growth_mib_h", "MiB/h", "RSS growth per hour", ASSAY_LOWER, POINT, 2,
	  "Growth of resident memory per hour of measured time under load, by the same rule as rss_growth_kib_per_1k, over windows.", "Theil 1950, Sen 1968; Kunsch 1989 (block bootstrap)" },
	{ "load_ms", "ms", "Model load", ASSAY_LOWER, POINT, 0,
	  "Time from the start of loading to an engine ready for its first request; its phases are in engine.load.", own_records },

	/* ---- use of the machine ---- */
	{ "mbu", "ratio", "MBU (decode)", ASSAY_HIGHER, RUN, 3,
	  "Memory bandwidth utilisation of the pure decode steps: (weights read + KV read + KV written) / time / read bandwidth measured on this machine just before and after the run. Activations are left out: they stay in caches. Above 1.02 the model or the probe is wrong.", "Agarwal et al. 2023 (Databricks), LLM inference performance engineering: MBU; the ceiling is measured, not the data sheet's" },
	{ "mfu", "ratio", "MFU (prefill)", ASSAY_HIGHER, RUN, 3,
	  "Model FLOPs utilisation of the pure prefill steps: FLOPs executed (causal attention counts half the square) / time / GEMM peak measured on this machine for the same type.", "Chowdhery et al. 2022 (PaLM), appendix B; the ceiling is measured" },
	{ "cpu_util", "ratio", "CPU use", ASSAY_NEITHER, RUN, 3,
	  "CPU time of the engine (-e cpu: of this process; a worker: of its processes) divided by the CPU time that the machine offered in the timed region. Spinning threads read 1: it says who had the machine, not how well it was used (see mbu, mfu).", "Linux proc(5): /proc/stat, /proc/self/stat" },
	{ "joules_per_output_token", "J/tok", "Energy per output token", ASSAY_LOWER, RUN, 4,
	  "Energy of the CPU packages (and their memory, where it has a counter) during the run divided by the generated tokens of successful requests. The whole machine's: idle power and other programs are in it. Null where a run saw fewer than 20 updates of the counter.", powercap },
	{ "joules_per_token", "J/tok", "Energy per token", ASSAY_LOWER, RUN, 4,
	  "The same energy divided by prompt and generated tokens together.", powercap },
	{ "gpu_util", "ratio", "GPU use", ASSAY_HIGHER, RUN, 3,
	  "Share of time in which a kernel was running on the GPU, averaged over the samples of the timed region.", "NVIDIA NVML: nvmlDeviceGetUtilizationRates" },
};

const struct assay_metric *assay_metric_find(const char *key)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (!strcmp(table[i].key, key))
			return &table[i];
	return NULL;
}

const struct assay_metric *assay_metric_table(size_t *n)
{
	*n = sizeof table / sizeof *table;
	return table;
}
