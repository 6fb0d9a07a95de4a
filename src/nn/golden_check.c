/* See golden_check.h. */
#include "nn/golden_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/golden_file.h"
#include "nn/nn.h"
#include "nn/tokenizer.h"

#define MAX_CONTEXT_CHECKED 4096 /* longest prompt and answer of a reference */

double nn_check_limit(enum nn_dtype t, bool real_model)
{
	if (t == NN_F32)
		return real_model ? 1e-3 : 2e-4;
	if (t == NN_F16)
		return 0.06;
	return 0.5;
}

struct check {
	const char *model;
	const struct nn_check_options *o;
	struct nn_session *s;
	struct nn_session *exact;  /* f32, opened when a margin is needed */
	struct nn_check_report *r;
	int vocab;
	float *logits;             /* room for the longest prompt */
};

static int open_session(const struct check *c, enum nn_dtype dtype, struct nn_session **out, struct assay_err *e)
{
	struct nn_options o = {
		.model = c->model, .dtype = dtype, .isa = c->o->isa, .threads = c->o->threads,
		.max_num_seqs = 1, .max_batched_tokens = 512, .kv_tokens_wanted = MAX_CONTEXT_CHECKED, .all_logits = true,
	};
	return nn_session_open(&o, out, e);
}

static double largest_difference(const float *a, const float *b, size_t n)
{
	double most = 0;
	for (size_t i = 0; i < n; i++) {
		double d = fabs((double)a[i] - b[i]);
		most = d > most || isnan(d) ? d : most;
	}
	return most;
}

/* Reference and own order agree, or differ only among logits that the reference holds within twice the limit. */
static bool top5_agrees(const struct check *c, const struct nn_golden_prompt *p, const float *own)
{
	char *used = xalloc((size_t)c->vocab);
	bool ok = true;
	for (int rank = 0; ok && rank < 5; rank++) {
		int best = -1;
		for (int i = 0; i < c->vocab; i++)
			if (!used[i] && (best < 0 || own[i] > own[best]))
				best = i;
		used[best] = 1;
		ok = best == p->top_id[rank] || fabs((double)p->last[best] - p->last[p->top_id[rank]]) <= 2 * c->r->limit;
	}
	free(used);
	return ok;
}

static int check_logits(struct check *c, const struct nn_golden_prompt *p, struct nn_check_prompt *out, struct assay_err *e)
{
	int rc = nn_session_logits(c->s, p->ids, p->n_ids, p->all != NULL, c->logits, e);
	if (rc)
		return rc;
	const float *last = c->logits + (p->all ? (size_t)(p->n_ids - 1) * (size_t)c->vocab : 0);
	out->diff_last = largest_difference(last, p->last, (size_t)c->vocab);
	out->diff_all = p->all ? largest_difference(c->logits, p->all, (size_t)p->n_ids * (size_t)c->vocab) : -1;
	out->top5 = top5_agrees(c, p, last) ? NN_CHECK_OK : NN_CHECK_BAD;
	return 0;
}

/* f32 logits after the reference's own first `at` tokens: how far the two choices are apart. */
static int margin_at(struct check *c, const struct nn_golden_prompt *p, int at, int32_t ours, double *margin, struct assay_err *e)
{
	int rc = c->exact ? 0 : open_session(c, NN_F32, &c->exact, e), n = p->n_ids + at;
	if (rc)
		return rc;
	int32_t *ids = xalloc((size_t)n * sizeof *ids);
	float *logits = xalloc((size_t)c->vocab * sizeof *logits);
	memcpy(ids, p->ids, (size_t)p->n_ids * sizeof *ids);
	memcpy(ids + p->n_ids, p->greedy, (size_t)at * sizeof *ids);
	rc = nn_session_logits(c->exact, ids, n, false, logits, e);
	*margin = fabs((double)logits[p->greedy[at]] - logits[ours]);
	free(logits);
	free(ids);
	return rc;
}

static int check_greedy(struct check *c, const struct nn_golden_prompt *p, struct nn_check_prompt *out, struct assay_err *e)
{
	struct nn_request r = { .prompt = p->ids, .n_prompt = p->n_ids, .max_tokens = p->n_greedy, .ignore_eos = true, .top_p = 1 };
	int rc = nn_submit(c->s, &r, e), at = 0, ran = 1;
	int32_t ours = -1;
	out->first_wrong = -1;
	out->wrong_margin = -1;
	while (!rc && ran == 1) {
		struct nn_step step;
		const struct nn_event *ev;
		int n;
		ran = nn_session_step(c->s, &step, &ev, &n, e);
		for (int i = 0; ran == 1 && i < n; i++) {
			if (ev[i].kind != NN_EV_TOKEN)
				continue;
			if (out->first_wrong < 0 && ev[i].token != p->greedy[at]) {
				out->first_wrong = at;
				ours = ev[i].token;
			}
			at++;
		}
	}
	if (!rc && ran < 0)
		rc = ran;
	out->greedy = at == p->n_greedy ? NN_CHECK_OK : NN_CHECK_BAD;
	if (rc || out->first_wrong < 0)
		return rc;
	rc = margin_at(c, p, out->first_wrong, ours, &out->wrong_margin, e);
	if (out->wrong_margin > 2 * c->r->limit)
		out->greedy = NN_CHECK_BAD;
	return rc;
}

static int check_text(struct nn_tokenizer *t, const struct nn_golden_prompt *p, struct nn_check_prompt *out, struct assay_err *e)
{
	if (!t || !p->text)
		return 0;
	int32_t *ids = NULL;
	size_t n = 0;
	struct assay_buf text;
	assay_buf_init(&text, 1u << 20);
	int rc = nn_tokenizer_encode(t, p->text, strlen(p->text), &ids, &n, e);
	if (!rc) {
		bool same = n == (size_t)p->n_ids && !memcmp(ids, p->ids, n * sizeof *ids);
		out->ids = same ? NN_CHECK_OK : NN_CHECK_BAD;
	}
	if (!rc && p->decoded) {
		bool same = !nn_tokenizer_decode(t, p->ids, (size_t)p->n_ids, &text) && text.data && !strcmp(text.data, p->decoded);
		out->decoded = same ? NN_CHECK_OK : NN_CHECK_BAD;
	}
	assay_buf_release(&text);
	free(ids);
	return rc;
}

static void judge(struct nn_check_report *r, struct nn_check_prompt *p)
{
	const enum nn_check_answer all[] = { p->top5, p->greedy, p->ids, p->decoded };
	p->pass = p->diff_last <= r->limit && p->diff_all <= r->limit;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		p->pass = p->pass && all[i] != NN_CHECK_BAD;
	r->diff = fmax(r->diff, fmax(p->diff_last, p->diff_all));
	r->pass = r->pass && p->pass;
}

static int check_prompts(struct check *c, const struct nn_golden *g, struct nn_tokenizer *t, struct assay_err *e)
{
	size_t rows = 1;
	for (int i = 0; i < g->n; i++)
		if (g->prompt[i].all && (size_t)g->prompt[i].n_ids > rows)
			rows = (size_t)g->prompt[i].n_ids;
	c->logits = xalloc(rows * (size_t)c->vocab * sizeof *c->logits);
	int rc = 0;
	for (int i = 0; !rc && i < g->n; i++) {
		struct nn_check_prompt *p = &c->r->prompt[c->r->n++];
		snprintf(p->name, sizeof p->name, "%s", g->prompt[i].name);
		p->n_ids = g->prompt[i].n_ids;
		p->n_greedy = g->prompt[i].n_greedy;
		rc = check_logits(c, &g->prompt[i], p, e);
		if (!rc)
			rc = check_greedy(c, &g->prompt[i], p, e);
		if (!rc)
			rc = check_text(t, &g->prompt[i], p, e);
		judge(c->r, p);
	}
	free(c->logits);
	return rc;
}

int nn_golden_check(const char *dir, const char *model, const struct nn_check_options *o, struct nn_check_report *out, struct assay_err *e)
{
	struct check c = { .model = model ? model : dir, .o = o, .r = out };
	struct nn_golden g = { 0 };
	struct nn_tokenizer *t = NULL;
	struct nn_info info;
	char *why = NULL;
	*out = (struct nn_check_report){ .pass = true };
	if (!nn_golden_exists(dir))
		return assay_fail(e, ASSAY_E_MODEL, "%s: no golden.json in it: nothing to compare the model with", dir);
	int rc = open_session(&c, o->dtype == NN_AUTO ? NN_F32 : o->dtype, &c.s, e);
	if (rc)
		return rc;
	nn_session_info(c.s, &info);
	c.vocab = info.shape.vocab;
	rc = nn_golden_read(dir, c.vocab, &g, e);
	if (!rc && g.prompt[0].text)
		rc = nn_tokenizer_open(c.model, &t, &why, e);
	snprintf(out->model, sizeof out->model, "%s", info.shape.name);
	snprintf(out->kernels, sizeof out->kernels, "%s", info.kernels);
	snprintf(out->tokenizer, sizeof out->tokenizer, "%s", t ? "" : why ? why : "the reference holds token ids only");
	out->dtype = info.dtype;
	out->isa = info.isa;
	out->threads = info.threads;
	out->limit = nn_check_limit(info.dtype, !rc && g.prompt[0].text);
	if (!rc)
		rc = check_prompts(&c, &g, t, e);
	free(why);
	nn_tokenizer_close(t);
	nn_golden_release(&g);
	nn_session_close(c.s);
	nn_session_close(c.exact);
	return rc;
}
