/* memory: load, inference, growth over many runs (MEMORY records around every run), and the limits by batch and by
 * context: computed from the KV pool and from the memory that is safely free, then confirmed by running the largest size
 * that the pool holds and by asking for one more. */
#include <math.h>

#include "base/json.h"
#include "base/sysmem.h"
#include "experiment/all.h"
#include "experiment/cases.h"
#include "experiment/session.h"

#define CONFIRM_BUDGET_NS (60 * INT64_C(1000000000))
#define CONTEXT_WANTED 8192 /* the pool is made to hold a context of at most this, to confirm it */
#define BATCH_WANTED 8

static const struct assay_opt options[] = {
	{ "prompt-tokens", 0, ASSAY_OPT_INT, "128", 1, 1000000, NULL, "N", "prompt length" },
	{ "output-tokens", 0, ASSAY_OPT_INT, "16", 1, 1000000, NULL, "N", "tokens to generate" },
	{ "runs", 0, ASSAY_OPT_INT, "100", 1, 1000000, NULL, "N", "measured runs: growth is judged over them" },
	{ "warmup", 0, ASSAY_OPT_INT, "1", 0, 1000, NULL, "N", "warm-up runs" },
	{ "limits", 0, ASSAY_OPT_FLAG, "true", 0, 0, NULL, NULL, "confirm the limits by batch and by context" },
	ASSAY_OPT_END,
};

static int build(struct assay_points *l, const struct assay_options *o, const struct assay_engine_info *info, struct assay_err *e)
{
	(void)info;
	(void)e;
	assay_case_memory(l, (int)assay_options_int(o, "prompt-tokens"), (int)assay_options_int(o, "output-tokens"), assay_runs(o, "runs", 10),
			  (int)assay_options_int(o, "warmup"));
	return 0;
}

struct limits { int prompt, output, block; double batch_pool, batch_memory, context_pool, context_memory, safe_bytes; };

static double least(double a, double b)
{
	return b < a ? b : a;
}

/* NaN = cannot be computed here. */
static void compute(const struct assay_engine_info *i, struct limits *m)
{
	struct assay_sysmem sys;
	double each = ceil((double)(m->prompt + m->output) / m->block) * m->block, most = i->max_num_seqs ? i->max_num_seqs : INFINITY;
	double context = i->max_context ? i->max_context : INFINITY;
	m->batch_pool = m->batch_memory = m->context_pool = m->context_memory = m->safe_bytes = NAN;
	if (i->kv_tokens) {
		m->batch_pool = least(floor((double)i->kv_tokens / each), most);
		m->context_pool = least((double)i->kv_tokens, context);
	}
	if (i->place != ASSAY_PLACE_THIS_PROCESS || !i->kv_bytes_per_token)
		return;
	assay_sysmem_read("", &sys);
	if (assay_sysmem_safe_bytes(&sys) == ASSAY_SYSMEM_NONE)
		return;
	m->safe_bytes = (double)assay_sysmem_safe_bytes(&sys);
	double tokens = (m->safe_bytes + (double)i->kv_pool_bytes) / (double)i->kv_bytes_per_token;
	m->batch_memory = floor(tokens / each);
	m->context_memory = least(floor(tokens), context);
}

static json_t *count(double x)
{
	return isfinite(x) ? json_integer((json_int_t)x) : json_null();
}

static void note_limits(struct assay_session *s, const struct limits *m)
{
	const struct assay_engine_info *i = s->info;
	assay_session_note(s, json_pack("{s:s, s:i, s:i, s:I, s:I, s:i, s:i, s:o, s:{s:o, s:o}, s:{s:o, s:o}, s:s?}", "code", "memory_limits", "prompt_tokens",
					m->prompt, "output_tokens", m->output, "kv_pool_tokens", (json_int_t)i->kv_tokens, "kv_bytes_per_token",
					(json_int_t)i->kv_bytes_per_token, "max_num_seqs", i->max_num_seqs, "max_context", i->max_context, "safe_bytes",
					count(m->safe_bytes), "batch", "pool", count(m->batch_pool), "memory", count(m->batch_memory), "context", "pool",
					count(m->context_pool), "memory", count(m->context_memory), "reason",
					i->kv_tokens ? NULL : "this engine states no KV pool"));
}

static void add_confirm(struct assay_points *l, const char *what, int batch, int prompt, int output)
{
	struct assay_point *p = assay_points_add_batch(l, "memory", 1, 0, batch, prompt, output);
	json_object_set_new(p->cse, "limit", json_string(what));
}

static int confirm(struct assay_session *s, const struct assay_options *o, const struct limits *m, struct assay_err *e)
{
	struct assay_points l;
	int rc = assay_points_init(&l, o, e), longest = isfinite(m->context_pool) ? (int)m->context_pool : 0;
	if (!rc)
		rc = assay_texts_encode(&l.texts, s->c.engine, l.chat, e);
	if (!rc && isfinite(m->batch_pool) && m->batch_pool >= 1) {
		add_confirm(&l, "batch", (int)m->batch_pool, m->prompt, m->output);
		add_confirm(&l, "batch", (int)m->batch_pool + 1, m->prompt, m->output);
	}
	if (!rc && longest > m->output) {
		longest -= longest == s->info->max_context ? 0 : longest % m->block;
		add_confirm(&l, "context", 1, longest - m->output, m->output);
		add_confirm(&l, "context", 1, longest - m->output + 1, m->output);
	}
	if (!rc)
		rc = assay_points_visit(s, &l, 1, CONFIRM_BUDGET_NS, e);
	assay_points_release(&l);
	return rc;
}

static int plan(const struct assay_options *o, const struct assay_engine_info *shape_only, struct assay_run_plan *out, struct assay_err *e)
{
	int rc = assay_cases_plan(build, o, shape_only, out, e);
	if (rc || !assay_options_flag(o, "limits"))
		return rc;
	int context = shape_only->max_context > 0 && shape_only->max_context < CONTEXT_WANTED ? shape_only->max_context : CONTEXT_WANTED;
	uint64_t batch = BATCH_WANTED * out->kv_tokens, want = batch > (uint64_t)context ? batch : (uint64_t)context;
	out->kv_tokens = want;
	out->hot_records += 4 * want;
	return 0;
}

static int run(struct assay_session *s, const struct assay_options *o, struct assay_err *e)
{
	struct limits m = { .prompt = (int)assay_options_int(o, "prompt-tokens"), .output = (int)assay_options_int(o, "output-tokens"),
			    .block = (int)assay_json_get_int(s->info->effective, "block_size", 1) };
	int rc = assay_cases_run(build, s, o, e);
	compute(s->info, &m);
	if (!rc)
		note_limits(s, &m);
	if (!rc && assay_options_flag(o, "limits") && !assay_session_stopped(s))
		rc = confirm(s, o, &m, e);
	return rc;
}

const struct assay_experiment assay_experiment_memory = { "memory", "weights, KV cache, process memory, limits, growth", options, plan, run };
