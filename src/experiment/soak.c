/* soak: an open-ended load for hours, in constant memory. A probe finds the capacity that percentages are of; then one stream (stream.c) follows
 * the load pattern, a point for each of its items. A run that was stopped goes on where its last whole window ended. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "experiment/all.h"
#include "experiment/points.h"
#include "experiment/stream.h"
#include "metrics/stream_rows.h"

#define KV_SEQS 32                    /* the KV pool is made for so many of the longest requests; more wait in the engine */
#define SAMPLES_MOST 36000            /* of telemetry, over the whole run */
#define QUICK_S 120
#define WINDOWS_WANTED 1440           /* where nobody says --window, a longer run has longer ones: what is kept stays bounded */
#define WINDOWS_MOST 20000

static const struct assay_opt options[] = {
	{ "duration", 0, ASSAY_OPT_DURATION, "1h", 1, 31536000, NULL, "TIME", "measured time, gaps of a resumed run left out; without it a pattern whose items all have a time runs once" },
	{ "load", 0, ASSAY_OPT_STR, "50%", 0, 0, NULL, "LOAD", "50% of the probe's throughput, 2.5/s, ramp:0%:100%, closed:8, steps:50%x10m,200%x5m, or variable (a day's wave)" },
	{ "window", 0, ASSAY_OPT_DURATION, "60s", 0.1, 86400, NULL, "TIME", "length of a window: exact inside, summed up across" },
	{ "probe", 0, ASSAY_OPT_DURATION, "60s", 0.1, 86400, NULL, "TIME", "length of the closed-loop probe that 100% is taken from" },
	{ "concurrency", 0, ASSAY_OPT_INT, "8", 1, 65536, NULL, "N", "requests that the probe keeps in flight" },
	{ "prompt-tokens", 0, ASSAY_OPT_RANGE, "128", 1, 1000000, NULL, "A:B", "prompt lengths, drawn uniformly" },
	{ "output-tokens", 0, ASSAY_OPT_RANGE, "64", 1, 1000000, NULL, "A:B", "output lengths, drawn uniformly" },
	{ "arrivals", 0, ASSAY_OPT_ENUM, "poisson", 0, 0, "poisson|constant", "KIND", "gaps between arrivals: exponential, or all equal" },
	{ "backlog", 0, ASSAY_OPT_INT, "512", 1, 65536, NULL, "N", "most requests sent and not ended; an arrival beyond is not sent and counts as failed (unsent)" },
	{ "keep-tokens", 0, ASSAY_OPT_INT, "1000", 0, 1000000000, NULL, "N", "keep the token stamps of one request in N; 0 = of none" },
	{ "resume", 0, ASSAY_OPT_FLAG, "false", 0, 0, NULL, NULL, "go on with the run in -o DIR, which was stopped or killed; the command must be the same" },
	ASSAY_OPT_END,
};

struct soak {
	struct assay_session *s;
	const struct assay_options *o;
	struct assay_points texts;            /* only its prompts and sampling */
	struct assay_load load;
	struct assay_stream_config c;
	double capacity_per_s;                /* NaN: not needed */
	uint32_t load_point;                  /* POINT of the pattern's first item */
};

static struct assay_len_range range(const struct assay_options *o, const char *name)
{
	const int64_t *r;
	assay_options_ints(o, name, &r);
	return (struct assay_len_range){ (int)r[0], (int)r[1] };
}

static bool is_given(const struct assay_options *o, const char *name)
{
	return assay_options_source(o, name) != ASSAY_FROM_DEFAULT;
}

/* A time option; --quick shortens it where the user did not say. */
static double time_s(const struct assay_options *o, const char *name, double quick_s)
{
	double s = (double)assay_options_int(o, name) / 1e9;
	return assay_options_flag(o, "quick") && !is_given(o, name) ? fmin(s, quick_s) : s;
}

/* Without --duration a pattern that says all its times is run once. */
static int parse_load(const struct assay_options *o, struct assay_load *out, struct assay_err *e)
{
	const char *text = assay_options_str(o, "load");
	struct assay_err none = ASSAY_ERR_INIT;
	if (!is_given(o, "duration") && is_given(o, "load") && strcmp(text, "variable") && !assay_load_parse(text, 0, out, &none))
		return 0;
	double total_s = !strcmp(text, "variable") && !is_given(o, "duration") ? 86400 : time_s(o, "duration", QUICK_S);
	return assay_load_parse(text, total_s, out, e);
}

/* Length of a window. */
static double window_of(const struct assay_options *o, const struct assay_load *l)
{
	double s = time_s(o, "window", 10);
	if (is_given(o, "window"))
		return s;
	return fmin(fmax(s, ceil(l->total_s / WINDOWS_WANTED)), l->total_s);
}

static json_t *range_json(struct assay_len_range r)
{
	return r.lo == r.hi ? json_integer(r.lo) : json_sprintf("%d:%d", r.lo, r.hi);
}

/* A context that the longest request would not fit cuts lengths (lengths.h), which the case says. */
static void put_lengths(json_t *kase, const struct assay_options *o, const struct assay_points *texts, int max_context)
{
	struct assay_length longest = { range(o, "prompt-tokens").hi, range(o, "output-tokens").hi };
	if (texts->texts.n)
		json_object_set_new(kase, "prompts", json_string("text"));
	else
		json_object_set_new(kase, "prompt_tokens", range_json(range(o, "prompt-tokens")));
	json_object_set_new(kase, "output_tokens", range_json(range(o, "output-tokens")));
	if (assay_length_clip(&longest, max_context))
		json_object_set_new(kase, "clipped_to", json_integer(max_context));
}

/* What varies: the load, as it was typed, so that runs on different machines are the same case; its rate is in the windows. */
static json_t *item_case(const struct assay_load *l, uint32_t item, const struct assay_options *o, const struct assay_points *texts, int max_context)
{
	double seconds = 0;
	uint32_t closed = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (l->piece[i].item != item)
			continue;
		seconds += l->piece[i].seconds;
		closed = l->piece[i].closed;
	}
	json_t *c = json_pack("{s:s}", "load", l->item[item]);
	if (closed)
		json_object_set_new(c, "concurrency", json_integer(closed));
	json_object_set_new(c, "seconds", assay_json_real(l->n_items == 1 ? l->total_s : seconds));
	put_lengths(c, o, texts, max_context);
	return c;
}

/* ---- before the engine opens ---- */

static uint32_t most_closed(const struct assay_options *o, const struct assay_load *l)
{
	uint32_t most = (uint32_t)assay_options_int(o, "concurrency");
	for (size_t i = 0; i < l->n; i++)
		most = l->piece[i].closed > most ? l->piece[i].closed : most;
	return most;
}

static void fill_plan(const struct assay_options *o, const struct assay_load *l, const struct assay_points *texts, int max_context, struct assay_run_plan *out)
{
	struct assay_length longest = { range(o, "prompt-tokens").hi, range(o, "output-tokens").hi };
	assay_length_clip(&longest, max_context);
	uint64_t seqs = most_closed(o, l), block = (uint64_t)assay_options_int(o, "block-size"), most = (uint64_t)assay_options_int(o, "max-num-seqs");
	seqs = seqs < KV_SEQS ? KV_SEQS : seqs;
	seqs = seqs < most ? seqs : most;
	out->kv_tokens = seqs * ((uint64_t)longest.prompt + (uint64_t)longest.output + block - 1);
	out->hot_records = 1u << 17;
	out->seconds = l->total_s;
	out->sample_period_ns = (int64_t)(l->total_s / SAMPLES_MOST * 1e9);
	if (out->sample_period_ns < INT64_C(100000000))
		out->sample_period_ns = 0;
	out->points = json_array();
	for (uint32_t i = 0; i < l->n_items; i++)
		json_array_append_new(out->points, json_pack("{s:s, s:o, s:i, s:i}", "experiment", "soak", "case", item_case(l, i, o, texts, max_context), "runs", 1, "warmup", 0));
}

/* At least one request is to be expected (of what is relative: at a capacity that is not known yet). */
static bool asks_anything(const struct assay_load *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->piece[i].closed)
			return true;
	return assay_load_arrivals(l, l->total_s) >= (assay_load_is_relative(l) ? 1e-9 : 1);
}

static int plan(const struct assay_options *o, const struct assay_engine_info *shape_only, struct assay_run_plan *out, struct assay_err *e)
{
	struct assay_points texts;
	struct assay_load l;
	*out = (struct assay_run_plan){ 0 };
	int rc = assay_points_init(&texts, o, e);
	if (!rc && assay_options_flag(o, "resume") && !assay_options_str(o, "output"))
		rc = assay_fail(e, ASSAY_E_USAGE, "--resume: name the run to go on with: --output DIR");
	if (!rc)
		rc = parse_load(o, &l, e);
	if (!rc && !asks_anything(&l))
		rc = assay_fail(e, ASSAY_E_USAGE, "--load %.80s: asks for no request in %.0f s: choose a higher load or a longer run", assay_options_str(o, "load"), l.total_s);
	double window_s = rc ? 1 : window_of(o, &l);
	if (!rc && window_s > l.total_s)
		rc = assay_fail(e, ASSAY_E_USAGE, "--window: %.0f s is longer than the whole run of %.0f s: choose a shorter one", window_s, l.total_s);
	if (!rc && l.total_s / window_s > WINDOWS_MOST)
		rc = assay_fail(e, ASSAY_E_USAGE, "--window: more than %d windows in %.0f s: choose a longer one", WINDOWS_MOST, l.total_s);
	if (!rc && most_closed(o, &l) > assay_options_int(o, "backlog"))
		rc = assay_fail(e, ASSAY_E_USAGE, "--backlog %lld: fewer than the %u requests that a closed loop keeps in flight", (long long)assay_options_int(o, "backlog"),
				most_closed(o, &l));
	if (!rc)
		fill_plan(o, &l, &texts, shape_only->max_context, out);
	assay_points_release(&texts);
	return rc;
}

/* ---- points ---- */

static void put_json(struct soak *k, enum assay_rec_type type, json_t *o)
{
	k->s->c.sink->put_json(k->s->c.sink, type, o);
}

static uint32_t begin_point(struct soak *k, json_t *kase)
{
	uint32_t index = k->s->next_point++;
	put_json(k, ASSAY_REC_POINT, json_pack("{s:i, s:s, s:o, s:i, s:i, s:i, s:b, s:b}", "index", (int)index, "experiment", "soak", "case", kase, "runs", 1, "warmup", 0,
					       "requests_per_run", 0, "ignore_eos", k->c.sampling.ignore_eos, "stream", 1));
	return index;
}

static void end_point(struct soak *k, uint32_t point, const char *status, const char *reason, int runs_done)
{
	struct assay_session_totals *t = &k->s->totals;
	put_json(k, ASSAY_REC_POINT_END, json_pack("{s:i, s:s, s:s?, s:i}", "index", (int)point, "status", status, "reason", reason, "runs_done", runs_done));
	t->points_ok += !strcmp(status, "ok");
	t->points_error += !strcmp(status, "error");
	t->interrupted |= !strcmp(status, "interrupted");
	k->s->c.sink->flush(k->s->c.sink);
}

/* How each item of the pattern ended. `at`: the point that was on when the stream stopped. */
static void end_points(struct soak *k, const struct assay_stream_result *r, int rc, const struct assay_err *e)
{
	bool cut = r->drive.interrupted || rc;
	k->s->totals.engine_failed |= rc == ASSAY_E_ENGINE;
	for (uint32_t i = 0; i < k->load.n_items; i++) {
		uint32_t point = k->load_point + i;
		int visits = k->c.repeat[i] + r->visits[i];
		bool on = point == r->next_point;
		const char *status = cut && (on || !visits) ? rc && on ? "error" : "interrupted" : visits ? "ok" : "dropped";
		char reason[200];
		if (rc && on)
			snprintf(reason, sizeof reason, "%.190s", e->msg);
		else
			snprintf(reason, sizeof reason, visits ? "interrupted after %.0f of %.0f s" : "not reached: stopped after %.0f of %.0f s", (double)r->elapsed_ns / 1e9, k->load.total_s);
		end_point(k, point, status, strcmp(status, "ok") ? reason : NULL, visits);
	}
}

/* ---- the probe ---- */

static int probe(struct soak *k, struct assay_err *e)
{
	struct assay_load closed;
	struct assay_stream_config c = k->c;
	struct assay_stream_result r;
	double seconds = time_s(k->o, "probe", 10);
	char text[48];
	snprintf(text, sizeof text, "closed:%lld", (long long)assay_options_int(k->o, "concurrency"));
	int rc = assay_load_parse(text, seconds, &closed, e);
	if (rc)
		return rc;
	json_t *kase = item_case(&closed, 0, k->o, &k->texts, k->s->info->max_context);
	json_object_set_new(kase, "load", json_string("probe"));
	c.load = &closed;
	c.probe = true;
	c.first_point = begin_point(k, kase);
	rc = assay_stream_run(k->s, &c, &r, e);
	k->c.first_window = r.next_window;
	k->c.first_id = r.next_id;
	k->c.first_index = r.next_index;
	double wall_s = (double)(r.drive.t1_ns - r.drive.t0_ns) / 1e9;
	k->capacity_per_s = r.drive.ok && wall_s > 0 ? (double)r.drive.ok / wall_s : NAN;
	end_point(k, c.first_point, rc ? "error" : r.drive.interrupted ? "interrupted" : "ok", rc ? e->msg : r.drive.interrupted ? "interrupted in the probe" : NULL, 1);
	if (rc || r.drive.interrupted)
		return rc;
	if (isnan(k->capacity_per_s))
		return assay_fail(e, ASSAY_E_ENGINE, "the probe of %.0f s: no request succeeded, so there is no throughput to take %s of; give a rate (--load 2/s)", seconds, k->load.item[0]);
	assay_session_note(k->s, json_pack("{s:s, s:f, s:I, s:f, s:i}", "code", "capacity", "request_s", k->capacity_per_s, "requests", (json_int_t)r.drive.ok, "wall_s", wall_s, "concurrency",
					   (int)assay_options_int(k->o, "concurrency")));
	return 0;
}

/* ---- going on ---- */

static double noted_capacity(const struct assay_run *run)
{
	size_t i;
	json_t *note;
	json_array_foreach(run->notes, i, note)
		if (!strcmp(assay_json_get_str(note, "code", ""), "capacity"))
			return assay_json_get_num(note, "request_s", NAN);
	return NAN;
}

/* Numbers go on where they were. Ids of requests that a kill cut off are not used again. */
static void take_up(struct soak *k, const struct assay_run *before)
{
	struct assay_stream_config *c = &k->c;
	const struct assay_rec_window *last = before->n_windows ? &before->windows[before->n_windows - 1].w : NULL;
	k->capacity_per_s = noted_capacity(before);
	k->load_point = (uint32_t)assay_stream_first_point(before);
	k->s->next_point = (uint32_t)before->n_points;
	c->part = 1 + (uint32_t)json_array_size(before->parts);
	c->elapsed_ns = assay_stream_elapsed(before);
	c->first_window = last ? last->index + 1 : 0;
	c->first_id = (last ? last->next_id : 0) + (uint32_t)before->served_loose + c->most_live;
	c->first_index = before->served_loose + c->most_live;
	for (size_t i = 0; i < before->n_windows; i++)
		c->first_index += before->windows[i].w.offered;
	for (size_t i = 0; i < before->n_visits; i++) {
		const struct assay_rec_visit *v = &before->visits[i].v;
		if (v->order >= k->s->next_order)
			k->s->next_order = v->order + 1;
		if (v->point >= k->load_point && v->point - k->load_point < ASSAY_LOAD_ITEMS)
			c->repeat[v->point - k->load_point]++;
	}
}

/* ---- the run ---- */

static void configure(struct soak *k)
{
	const struct assay_options *o = k->o;
	k->c = (struct assay_stream_config){ .window_ns = (int64_t)(window_of(o, &k->load) * 1e9), .most_live = (uint32_t)assay_options_int(o, "backlog"),
					     .keep_tokens = (uint32_t)assay_options_int(o, "keep-tokens"), .constant = !strcmp(assay_options_str(o, "arrivals"), "constant"),
					     .prompt = range(o, "prompt-tokens"), .output = range(o, "output-tokens"), .texts = &k->texts.texts, .sampling = k->texts.sampling };
}

static int measure(struct soak *k, struct assay_err *e)
{
	struct assay_stream_result r;
	assay_load_scale(&k->load, k->capacity_per_s);
	if (!k->s->c.before) {
		k->load_point = k->s->next_point;
		for (uint32_t i = 0; i < k->load.n_items; i++)
			begin_point(k, item_case(&k->load, i, k->o, &k->texts, k->s->info->max_context));
	}
	k->c.load = &k->load;
	k->c.first_point = k->load_point;
	assay_session_memory(k->s, ASSAY_MEM_BEFORE_RUN, k->load_point, (int32_t)k->c.part);
	int rc = assay_stream_run(k->s, &k->c, &r, e);
	assay_session_memory(k->s, ASSAY_MEM_AFTER_RUN, r.next_point, (int32_t)k->c.part);
	end_points(k, &r, rc, e);
	return 0; /* what failed is on record */
}

static int run(struct assay_session *s, const struct assay_options *o, struct assay_err *e)
{
	struct soak k = { .s = s, .o = o, .capacity_per_s = NAN };
	int rc = assay_points_init(&k.texts, o, e);
	if (!rc)
		rc = assay_texts_encode(&k.texts.texts, s->c.engine, k.texts.chat, e);
	if (!rc)
		rc = parse_load(o, &k.load, e);
	if (!rc) {
		configure(&k);
		assay_session_probe(s);
	}
	if (!rc && s->c.before)
		take_up(&k, s->c.before);
	else if (!rc && assay_load_is_relative(&k.load))
		rc = probe(&k, e);
	if (!rc && !assay_session_stopped(s))
		rc = measure(&k, e);
	assay_session_probe(s);
	assay_points_release(&k.texts);
	return rc;
}

const struct assay_experiment assay_experiment_soak = { "soak", "hours of load in constant memory: leaks, drift, failures, stress", options, plan, run, true };
