/* The table of other tools' definitions: a row a number of theirs. Their clocks start at the actual send (ours at the intended
 * one); token counts are the engine's. See other_tools.h. Must not know how values are shown. */
#include "metrics/other_tools.h"

#include <math.h>
#include <string.h>

#include "metrics/outcome.h"

enum { SPLIT_MOST = 4096 };

/* ---- a request ---- */

static double span_ms(int64_t from, int64_t to)
{
	return from < 0 || to < 0 ? NAN : (double)(to - from) / 1e6;
}

static void ttft(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	assay_tool_put(to, span_ms(q->r.t_sent, q->r.t_first), 1);
}

static void to_last_token(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	assay_tool_put(to, span_ms(q->r.t_sent, q->r.t_last), 1);
}

static void to_end(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	assay_tool_put(to, span_ms(q->r.t_sent, q->r.t_end), 1);
}

/* (end - first token) / (n - 1); one-token answers have none. */
static void after_first(const struct assay_run_request *q, int64_t end, double weight, struct assay_tool_samples *to)
{
	if (q->r.output_tokens > 1)
		assay_tool_put(to, span_ms(q->r.t_first, end) / ((double)q->r.output_tokens - 1), weight);
}

static void tpot_to_last(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	after_first(q, q->r.t_last, 1, to);
}

static void tpot_to_end(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	after_first(q, q->r.t_end, 1, to);
}

static void per_user_rate(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	double ms = q->r.output_tokens > 1 ? span_ms(q->r.t_first, q->r.t_last) / ((double)q->r.output_tokens - 1) : NAN;
	assay_tool_put(to, ms > 0 ? 1e3 / ms : NAN, 1);
}

/* One sample an event, whatever it holds. */
static void chunk_gaps(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	for (size_t i = 1; i < q->n_tokens; i++)
		assay_tool_put(to, span_ms(q->tokens[i - 1].t_engine, q->tokens[i].t_engine), 1);
}

/* An event of k tokens after a gap g: k samples of g / k; no engine sends thousands at once, a damaged record may say so. */
static void split_gaps(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	for (size_t i = 1; i < q->n_tokens; i++)
		for (uint32_t k = 0; k < q->tokens[i].n_tokens && k < SPLIT_MOST; k++)
			assay_tool_put(to, span_ms(q->tokens[i - 1].t_engine, q->tokens[i].t_engine) / q->tokens[i].n_tokens, 1);
}

static void itl_by_tokens(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	after_first(q, q->r.t_last, (double)q->r.output_tokens - 1, to);
}

static void tpot_by_tokens(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	if (q->r.output_tokens)
		assay_tool_put(to, span_ms(q->r.t_sent, q->r.t_last) / q->r.output_tokens, q->r.output_tokens);
}

/* TTFT counts as a gap: the whole time to the last event over the number of events. */
static void itl_with_ttft(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	if (q->n_tokens)
		assay_tool_put(to, span_ms(q->r.t_sent, q->r.t_last) / (double)q->n_tokens, 1);
}

static void request_rate(const struct assay_run_request *q, struct assay_tool_samples *to)
{
	double ms = span_ms(q->r.t_sent, q->r.t_end);
	assay_tool_put(to, ms > 0 ? q->r.output_tokens * 1e3 / ms : NAN, 1);
}

/* ---- a run ---- */

/* What was done and from when to when: successes, and first send and last token of them; the end of the last request of any kind. */
struct done { double requests, prompt, output; int64_t first_sent, last_token, last_end, last_any; };

static struct done done_in(const struct assay_run *run, const struct assay_run_visit *v, bool ignore_eos)
{
	struct done d = { 0, 0, 0, INT64_MAX, -1, -1, -1 };
	for (size_t i = 0; i < v->n_requests; i++) {
		const struct assay_run_request *q = &run->requests[v->first_request + i];
		d.last_any = q->r.t_end > d.last_any ? q->r.t_end : d.last_any;
		if (!assay_end_ok(assay_request_outcome(q, ignore_eos)))
			continue;
		d.requests++;
		d.prompt += q->r.prompt_tokens;
		d.output += q->r.output_tokens;
		d.first_sent = q->r.t_sent < d.first_sent ? q->r.t_sent : d.first_sent;
		d.last_token = q->r.t_last > d.last_token ? q->r.t_last : d.last_token;
		d.last_end = q->r.t_end > d.last_end ? q->r.t_end : d.last_end;
	}
	return d;
}

static double over(double amount, int64_t from, int64_t to)
{
	return amount > 0 && to > from ? amount * 1e9 / (double)(to - from) : NAN;
}

#define RUN_RATE(name, amount, from, to)                                                                                   \
	static double name(const struct assay_run *run, const struct assay_run_visit *v, bool ignore_eos)                   \
	{                                                                                                                  \
		struct done d = done_in(run, v, ignore_eos);                                                                \
		return over(amount, from, to);                                                                             \
	}
/* from the start of sending to the end of the last request */
RUN_RATE(task_requests, d.requests, v->v.t0_ns, d.last_any)
RUN_RATE(task_output, d.output, v->v.t0_ns, d.last_any)
RUN_RATE(task_input, d.prompt, v->v.t0_ns, d.last_any)
RUN_RATE(task_total, d.prompt + d.output, v->v.t0_ns, d.last_any)
/* from the first send to the last token */
RUN_RATE(token_requests, d.requests, d.first_sent, d.last_token)
RUN_RATE(token_output, d.output, d.first_sent, d.last_token)
/* from the first send to the end of the last success */
RUN_RATE(success_requests, d.requests, d.first_sent, d.last_end)
RUN_RATE(success_output, d.output, d.first_sent, d.last_end)
RUN_RATE(success_total, d.prompt + d.output, d.first_sent, d.last_end)
/* the whole run */
RUN_RATE(whole_output, d.output, v->v.t0_ns, v->v.t1_ns)
RUN_RATE(whole_requests_min, 60 * d.requests, v->v.t0_ns, v->v.t1_ns)

/* ---- the tables (sources: each tool's code in 2025; docs/other-tools.md) ---- */

static const struct assay_tool_metric vllm[] = {
	{ "ttft_ms", "ms", "ttft_ms", ttft, NULL, "from the actual send to the first chunk" },
	{ "tpot_ms", "ms", "tpot_ms", tpot_to_last, NULL, "(E2EL - TTFT) / (output tokens - 1); answers of one token left out" },
	{ "itl_ms", "ms", "itl_ms", chunk_gaps, NULL, "gap between chunks, one sample a chunk whatever it holds; pooled over requests" },
	{ "e2el_ms", "ms", "e2el_ms", to_last_token, NULL, "from the actual send to the last chunk with a choice" },
	{ "request_throughput", "req/s", "request_s", NULL, task_requests, "successes / (start of sending to the end of the last request, failed ones too)" },
	{ "output_throughput", "tok/s", "output_tok_s", NULL, task_output, "output tokens of successes / the same time" },
	{ "total_token_throughput", "tok/s", "total_tok_s", NULL, task_total, "prompt and output tokens of successes / the same time" },
	{ "request_goodput", "req/s", NULL, NULL, NULL, "needs bounds (that tool's --goodput), which a result does not hold" },
	{ 0 },
};
static const struct assay_tool_metric sglang[] = {
	{ "ttft_ms", "ms", "ttft_ms", ttft, NULL, "from the actual send (a new connection each time) to the first chunk with content" },
	{ "tpot_ms", "ms", "tpot_ms", tpot_to_end, NULL, "(E2EL - TTFT) / (output tokens - 1), E2EL up to the end of the stream" },
	{ "itl_ms", "ms", "itl_ms", split_gaps, NULL, "a chunk of k tokens after a gap g gives k samples of g / k; pooled over requests" },
	{ "e2e_latency_ms", "ms", "e2el_ms", to_end, NULL, "from the actual send to the end of the stream, usage and [DONE] included" },
	{ "request_throughput", "req/s", "request_s", NULL, task_requests, "successes / (start of sending to the end of the last request)" },
	{ "input_throughput", "tok/s", "input_tok_s", NULL, task_input, "prompt tokens of successes / the same time" },
	{ "output_throughput", "tok/s", "output_tok_s", NULL, task_output, "output tokens of successes / the same time" },
	{ "total_throughput", "tok/s", "total_tok_s", NULL, task_total, "prompt and output tokens of successes / the same time" },
	{ "output_throughput_retokenized", "tok/s", NULL, NULL, NULL, "counts tokens again with that tool's tokenizer; texts are not in the records" },
	{ 0 },
};
static const struct assay_tool_metric guidellm[] = {
	{ "time_to_first_token_ms", "ms", "ttft_ms", ttft, NULL, "from the actual send to the first chunk with text, reasoning or a tool call" },
	{ "time_per_output_token_ms", "ms", "tpot_ms", tpot_by_tokens, NULL, "(last token - send) / output tokens: TTFT is in it; weighted by tokens" },
	{ "inter_token_latency_ms", "ms", "itl_ms", itl_by_tokens, NULL, "(last token - first token) / (output tokens - 1), a value a request, weighted by its tokens" },
	{ "request_latency", "s", "e2el_ms", to_end, NULL, "from the actual send to the end of the stream", 1e-3 },
	{ "requests_per_second", "req/s", "request_s", NULL, success_requests, "successes / (first send to the end of the last success): the mean of its rate distribution" },
	{ "output_tokens_per_second", "tok/s", "output_tok_s", NULL, success_output, "output tokens / the same time" },
	{ "tokens_per_second", "tok/s", "total_tok_s", NULL, success_total, "prompt and output tokens / the same time" },
	{ "time_to_first_output_token_ms", "ms", NULL, NULL, NULL, "needs to know which tokens are reasoning; the records do not say" },
	{ 0 },
};
static const struct assay_tool_metric aiperf[] = {
	{ "time_to_first_token", "ms", "ttft_ms", ttft, NULL, "from the actual send to the first response with content" },
	{ "inter_token_latency", "ms", "tpot_ms", tpot_to_last, NULL, "(latency - TTFT) / (output tokens - 1), a value a request: others call it TPOT" },
	{ "inter_chunk_latency", "ms", "itl_ms", chunk_gaps, NULL, "gap between chunks, pooled over requests" },
	{ "request_latency", "ms", "e2el_ms", to_last_token, NULL, "from the actual send to the last response" },
	{ "output_token_throughput_per_user", "tok/s", "decode_tok_s", per_user_rate, NULL, "1 / inter_token_latency of a request" },
	{ "output_token_throughput", "tok/s", "output_tok_s", NULL, token_output, "output tokens / (first send to last response)" },
	{ "request_throughput", "req/s", "request_s", NULL, token_requests, "successes / (first send to last response)" },
	{ "output_sequence_length", "tokens", NULL, NULL, NULL, "counted again with the client's tokenizer; texts are not in the records" },
	{ 0 },
};
static const struct assay_tool_metric llmperf[] = {
	{ "ttft_s", "s", "ttft_ms", ttft, NULL, "from the actual send to the first chunk with content", 1e-3 },
	{ "inter_token_latency_s", "s", "itl_ms", itl_with_ttft, NULL, "(TTFT + all gaps) / chunks, a value a request: TTFT is in it", 1e-3 },
	{ "end_to_end_latency_s", "s", "e2el_ms", to_end, NULL, "from the actual send to the end of the stream", 1e-3 },
	{ "request_output_throughput_token_per_s", "tok/s", "request_tok_s", request_rate, NULL, "output tokens of a request / its end-to-end latency" },
	{ "mean_output_throughput_token_per_s", "tok/s", "output_tok_s", NULL, whole_output, "output tokens / the whole run" },
	{ "num_completed_requests_per_min", "req/min", "request_s", NULL, whole_requests_min, "successes a minute of the whole run" },
	{ "number_output_tokens", "tokens", NULL, NULL, NULL, "counted again with a Llama tokenizer; texts are not in the records" },
	{ 0 },
};

static const struct assay_tool table[] = {
	{ "vllm", "vLLM (vllm bench serve)", false, 0, "It takes an empty first chunk for the first token and counts an error inside a 200 stream as a success; the records hold token events and true ends only.", vllm },
	{ "sglang", "SGLang (bench_serving)", false, 0, "Its window also holds a call to the server after the last request, and without usage it counts the tokens asked for; neither is in the records.", sglang },
	{ "guidellm", "GuideLLM", true, 0, "It trims warm-up and cool-down by its own options and reads the wall clock; here the measured runs are taken whole.", guidellm },
	{ "aiperf", "AIPerf (NVIDIA)", false, 0, "It counts tokens with the client's tokenizer unless told to use the server's counts; here they are the engine's.", aiperf },
	{ "llmperf", "LLMPerf (Ray)", false, 1, "It counts tokens with one Llama tokenizer whatever the model; here they are the engine's.", llmperf },
	{ 0 },
};

const struct assay_tool *assay_tool_table(void)
{
	return table;
}

const struct assay_tool *assay_tool_find(const char *name)
{
	for (const struct assay_tool *t = table; t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}
