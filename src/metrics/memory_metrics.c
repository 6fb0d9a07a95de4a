/* What a run holds: weights, KV cache, workspace, and the process's resident memory. */
#include "metrics/effective.h"
#include "metrics/outcome.h"
#include "metrics/point_builder.h"
#include "metrics/stream_rows.h"
#include "metrics/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static const double mib = 1024 * 1024;
static const char no_memory_record[] = "no memory reading beside this run";
static const char no_sample[] = "no telemetry sample in the timed region";

static const struct assay_rec_memory *memory_at(const struct point_builder *b, const struct assay_run_visit *v, enum assay_mem_label label)
{
	for (size_t i = 0; i < b->run->n_memory; i++) {
		const struct assay_rec_memory *m = &b->run->memory[i];
		if (m->label == (uint32_t)label && m->point == b->point && m->repeat == v->v.repeat)
			return m;
	}
	return NULL;
}

/* The newest reading of an engine's field that is known: this point's, else any. */
static double engine_bytes(const struct point_builder *b, size_t field)
{
	double found = NAN;
	for (size_t i = 0; i < b->run->n_memory; i++) {
		int64_t x;
		memcpy(&x, (const char *)&b->run->memory[i] + field, sizeof x);
		if (x >= 0 && (isnan(found) || b->run->memory[i].point == b->point))
			found = (double)x;
	}
	return found;
}

static double model_number(const struct point_builder *b, const char *key)
{
	return assay_json_get_num(json_object_get(b->run->header, "model"), key, NAN);
}

/* ---- KV cache: from steps, in whole pages ---- */

/* The last of the fullest steps: its pages are the best filled. */
static const struct assay_rec_step *peak_step(const struct point_builder *b, const struct assay_run_visit *v, bool decode_only)
{
	const struct assay_rec_step *s = visit_steps(b, v), *peak = NULL;
	for (size_t i = 0; i < v->n_steps; i++)
		if ((!decode_only || s[i].kind == ASSAY_STEP_DECODE) && s[i].kv_blocks_used && s[i].kv_blocks_used >= (peak ? peak->kv_blocks_used : 0))
			peak = &s[i];
	return peak;
}

static double kv_peak(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_step *peak = peak_step(b, v, false);
	double page = assay_effective_page_bytes(b->run);
	if (peak && !isnan(page))
		return peak->kv_blocks_used * page / mib;
	const struct assay_rec_memory *m = memory_at(b, v, ASSAY_MEM_AFTER_RUN);
	if (m && m->kv_peak_bytes >= 0)
		return (double)m->kv_peak_bytes / mib;
	reason_set(reason, "the engine does not say how much KV cache is in use");
	return NAN;
}

static double kv_used(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_step *s = visit_steps(b, v);
	double page = assay_effective_page_bytes(b->run), sum = 0, time = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		double ns = (double)(s[i].t1_ns - s[i].t0_ns);
		sum += ns * s[i].kv_blocks_used;
		time += ns;
	}
	if (!peak_step(b, v, false) || isnan(page)) {
		reason_set(reason, "the engine does not say how much KV cache is in use");
		return NAN;
	}
	if (time <= 0) {
		reason_set(reason, REASON_TIMER);
		return NAN;
	}
	return sum / time * page / mib;
}

/* Positions that a request holds at t: its prompt and all generated tokens but the newest, which is not yet in the cache. */
static uint64_t positions_at(const struct assay_run_request *q, int64_t t)
{
	uint64_t tokens = 0;
	if (q->r.t_last >= 0 && q->tokens[q->n_tokens - 1].t_engine < t)
		return 0; /* finished and released before */
	for (size_t i = 0; i < q->n_tokens && q->tokens[i].t_engine <= t; i++)
		tokens += q->tokens[i].n_tokens;
	return tokens ? q->r.prompt_tokens + tokens - 1 : 0;
}

/* In the fullest pure decode step every running request has finished its prefill, so the tokens in the cache can be counted. Stamps of a
 * step's tokens lie inside the step: t0 < stamp <= t1. */
static double kv_observed(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_step *peak = peak_step(b, v, true);
	const struct assay_run_request *q = visit_requests(b, v);
	double page = assay_effective_page_bytes(b->run);
	uint64_t positions = 0;
	if (!peak || isnan(page)) {
		reason_set(reason, "the engine does not say how much KV cache is in use");
		return NAN;
	}
	for (size_t i = 0; i < v->n_requests; i++) {
		if (!q[i].n_tokens || q[i].r.preemptions) {
			reason_set(reason, q[i].n_tokens ? "preemptions or unknown preemptions in the run" : "a request without token stamps");
			return NAN;
		}
		/* A request that ends in this step is still held by it. */
		int64_t last = q[i].tokens[q[i].n_tokens - 1].t_engine;
		positions += positions_at(&q[i], last > peak->t0_ns && last < peak->t1_ns ? last : peak->t1_ns);
	}
	if (!positions) {
		reason_set(reason, "no token was held at the fullest step");
		return NAN;
	}
	return peak->kv_blocks_used * page / (double)positions;
}

/* ---- resident memory ---- */

static double rss_peak(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_memory *before = memory_at(b, v, ASSAY_MEM_BEFORE_RUN), *after = memory_at(b, v, ASSAY_MEM_AFTER_RUN);
	int64_t peak = after ? after->rss_bytes : -1;
	for (size_t i = 0; i < v->n_samples; i++)
		if (b->run->samples[v->first_sample + i].rss_bytes > peak)
			peak = b->run->samples[v->first_sample + i].rss_bytes;
	if (before && after && before->hwm_bytes > 0 && after->hwm_bytes > before->hwm_bytes && after->hwm_bytes > peak)
		peak = after->hwm_bytes;
	if (peak < 0) {
		reason_set(reason, "%s", no_sample);
		return NAN;
	}
	return (double)peak / mib;
}

static double rss_mean(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	double sum = 0;
	size_t n = 0;
	for (size_t i = 0; i < v->n_samples; i++)
		if (b->run->samples[v->first_sample + i].rss_bytes >= 0) {
			sum += (double)b->run->samples[v->first_sample + i].rss_bytes;
			n++;
		}
	if (!n)
		reason_set(reason, "%s", b->virtual_clock ? REASON_VIRTUAL : no_sample);
	return n ? sum / (double)n / mib : NAN;
}

static double rss_delta(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_memory *before = memory_at(b, v, ASSAY_MEM_BEFORE_RUN);
	if (!before || before->rss_bytes < 0) {
		reason_set(reason, "%s", no_memory_record);
		return NAN;
	}
	return rss_peak(b, v, reason) - (double)before->rss_bytes / mib;
}

static double pss(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_memory *after = memory_at(b, v, ASSAY_MEM_AFTER_RUN);
	if (!after || after->pss_bytes < 0)
		reason_set(reason, "%s", b->virtual_clock ? REASON_VIRTUAL : after ? "smaps_rollup not readable" : no_memory_record);
	return after && after->pss_bytes >= 0 ? (double)after->pss_bytes / mib : NAN;
}

/* ---- the same of a stream: readings a second apart, summed up by window ---- */

/* Largest or mean reading of the windows of a visit. */
static double stream_rss(const struct point_builder *b, const struct assay_run_visit *v, bool largest, char reason[REASON_BYTES])
{
	double most = NAN, sum = 0, time = 0;
	for (size_t i = 0; i < b->run->n_windows; i++) {
		const struct assay_rec_window *w = &b->run->windows[i].w;
		if (w->point != b->point || w->repeat != v->v.repeat || w->rss_mean_bytes < 0)
			continue;
		double ns = (double)(w->t1_ns - w->t0_ns);
		most = fmax(most, (double)w->rss_max_bytes); /* NaN gives way */
		sum += ns * (double)w->rss_mean_bytes;
		time += ns;
	}
	if (isnan(most) || !(time > 0))
		reason_set(reason, "the engine does not say how much memory it holds");
	return (largest ? most : time > 0 ? sum / time : NAN) / mib;
}

static double stream_rss_peak(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return stream_rss(b, v, true, reason);
}

static double stream_rss_mean(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return stream_rss(b, v, false, reason);
}

static void add_trend(struct point_builder *b, const char *key, const struct assay_trend *t, const char *none)
{
	char reason[REASON_BYTES];
	reason_set(reason, "not yet: %zu of the 10 blocks that a slope needs", t->blocks);
	point_add_value(b, key, t->slope, none ? none : reason);
	struct assay_summary *s = &b->out->values[b->out->n_values - 1].s;
	if (*b->missing || isnan(t->slope))
		return;
	s->n = s->units = t->blocks;
	s->mean = t->slope;
	s->ci95[0] = t->lo;
	s->ci95[1] = t->hi;
}

static void stream_memory(struct point_builder *b)
{
	struct assay_trend per_1k, per_hour;
	assay_stream_growth(b->run, b->point, &per_1k, &per_hour);
	point_add_per_run(b, "rss_peak_mib", stream_rss_peak);
	point_add_per_run(b, "rss_mean_mib", stream_rss_mean);
	const char *none = isnan(b->out->values[b->out->n_values - 1].s.mean) ? "the engine does not say how much memory it holds" : NULL;
	add_trend(b, "rss_growth_kib_per_1k", &per_1k, none);
	add_trend(b, "rss_growth_mib_h", &per_hour, none);
}

/* RSS after each run against the requests served so far. */
static void rss_growth(struct point_builder *b)
{
	double *x = xalloc(b->n_visits * sizeof *x), *y = xalloc(b->n_visits * sizeof *y), served = 0;
	size_t n = 0;
	for (size_t i = 0; i < b->n_visits; i++) {
		const struct assay_rec_memory *after = memory_at(b, b->visits[i], ASSAY_MEM_AFTER_RUN);
		served += (double)b->visits[i]->n_requests;
		if (!after || after->rss_bytes < 0)
			continue;
		x[n] = served / 1000;
		y[n++] = (double)after->rss_bytes / 1024;
	}
	struct assay_trend t;
	assay_trend_fit(x, y, n, &t);
	add_trend(b, "rss_growth_kib_per_1k", &t, n ? NULL : no_memory_record);
	free(x);
	free(y);
}

static void engine_memory(struct point_builder *b, const char *key, size_t field, const char *model_key)
{
	double bytes = engine_bytes(b, field);
	if (isnan(bytes) && model_key)
		bytes = model_number(b, model_key);
	point_add_value(b, key, bytes / mib, "the engine does not say");
}

/* Of runs whose single steps and readings are kept. */
static void run_memory(struct point_builder *b)
{
	point_add_per_run(b, "kv_used_mib", kv_used);
	point_add_per_run(b, "kv_peak_mib", kv_peak);
	point_add_value(b, "kv_bytes_per_token", model_number(b, "kv_bytes_per_token"), "the engine does not say");
	point_add_per_run(b, "kv_bytes_per_token_observed", kv_observed);
	engine_memory(b, "workspace_mib", offsetof(struct assay_rec_memory, workspace_bytes), NULL);
	point_add_per_run(b, "rss_peak_mib", rss_peak);
	point_add_per_run(b, "rss_mean_mib", rss_mean);
	point_add_per_run(b, "rss_delta_mib", rss_delta);
	point_add_per_run(b, "pss_mib", pss);
	if (!strcmp(assay_json_get_str(b->info, "experiment", ""), "memory") && !assay_point_seeks_limit(b->run, b->point))
		rss_growth(b); /* cases that look for a limit run once */
}

void point_memory_metrics(struct point_builder *b)
{
	const json_t *load = json_object_get(json_object_get(b->run->header, "engine"), "load");
	engine_memory(b, "weights_mib", offsetof(struct assay_rec_memory, weight_bytes), "weight_bytes");
	engine_memory(b, "kv_pool_mib", offsetof(struct assay_rec_memory, kv_pool_bytes), "kv_pool_bytes");
	if (b->stream)
		stream_memory(b);
	else
		run_memory(b);
	point_add_value(b, "load_ms", assay_json_get_num(load, "total_ms", NAN), "the engine does not say");
}
