/* One step of the model, top to bottom. Families differ by descriptor and shape
 * flags only. Rows of activations are f32; products take them packed (kernels.h).
 * Must not allocate, create threads, or know of scheduling and sampling. */
#include "nn/exec.h"

#include <string.h>

#include "nn/rope.h"

struct step {
	struct nn_exec *x;
	struct nn_kv_pool *kv;
	const struct nn_batch *b;
	struct nn_step_cost cost;
	struct nn_rows in, mid;    /* packed activations */
	const struct nn_norm *norm;
	int layer, logits;
};

/* ---- what a step touches ---- */

static void count_product(struct step *s, const struct nn_matrix *m, int rows)
{
	uint64_t outputs = (uint64_t)m->rows * (m->gated ? 2 : 1), in_bytes = (uint64_t)rows * m->k * (m->bf16_lines ? 2 : 4);
	s->cost.weight_bytes += (uint64_t)m->panels * m->panel_bytes + (m->bias ? (uint64_t)m->panels * NN_PANEL * 4 : 0);
	s->cost.flops += 2 * (uint64_t)rows * outputs * (uint64_t)m->k;
	s->cost.activation_bytes += in_bytes + (uint64_t)rows * m->rows * 4;
}

static void count_norm(struct step *s, const struct nn_norm *n, int rows)
{
	uint64_t hidden = (uint64_t)s->x->shape.hidden;
	s->cost.weight_bytes += hidden * (n->b ? 8 : 4);
	s->cost.activation_bytes += 2 * (uint64_t)rows * hidden * 4;
}

static void count_attention(struct step *s)
{
	const struct nn_shape *p = &s->x->shape;
	const uint64_t head = 2 * (uint64_t)p->head_dim, kv = head * (uint64_t)p->kv_heads * (s->kv->dtype == NN_F32 ? 4 : 2);
	for (int i = 0; i < s->b->n_spans; i++) {
		uint64_t past = (uint64_t)s->b->spans[i].past, n = (uint64_t)s->b->spans[i].count;
		uint64_t pairs = n * past + n * (n + 1) / 2; /* (query, visible position) */
		s->cost.kv_read_bytes += (past + n) * kv;
		s->cost.kv_write_bytes += n * kv;
		s->cost.flops += pairs * (uint64_t)p->heads * 2 * head;
		s->cost.activation_bytes += n * (uint64_t)(p->heads * 2 + p->kv_heads * 2) * (uint64_t)p->head_dim * 4;
	}
}

/* ---- phases: each runs on every worker over its share of the rows ---- */

static void on_rows(struct step *s, nn_job_fn fn, int rows)
{
	if (rows == 1)
		fn(s, 0, 1); /* waking others costs more than the row */
	else
		nn_threads_run(s->x->threads, fn, s);
}

static void product(struct step *s, const struct nn_matrix *m, const struct nn_rows *rows, struct nn_out out)
{
	nn_gemm_run(&s->x->gemm, m, rows, &out);
	count_product(s, m, rows->rows);
}

static void embed_row(const struct nn_weights *w, int token, float *dst)
{
	if (w->embed.data)
		nn_table_row(&w->embed, token, dst);
	else
		nn_matrix_row(&w->head, token, dst);
}

static void add_position(struct step *s, int row, float *h, float *tmp)
{
	struct nn_exec *x = s->x;
	if (x->shape.rope)
		return;
	nn_table_row(&x->w.positions, x->pos[row] + x->shape.pos_offset, tmp);
	x->kn->add(h, tmp, x->shape.hidden);
}

/* h[row][hidden] = embedding of its token; or, where embeddings are narrower, in = packed embeddings. Rotary angles of the row. */
static void embed(void *arg, int worker, int workers)
{
	struct step *s = arg;
	struct nn_exec *x = s->x;
	int row, end, half = x->shape.head_dim / 2;
	float *tmp = x->row_scratch[worker];
	nn_share(s->b->rows, worker, workers, &row, &end);
	for (; row < end; row++) {
		float *h = x->h + (size_t)row * x->shape.hidden;
		if (x->shape.rope)
			nn_rope_angles(x->freq, half, x->pos[row], x->cs + (size_t)row * half, x->sn + (size_t)row * half);
		if (x->w.project_in.panels) {
			embed_row(&x->w, s->b->tokens[row], tmp);
			nn_rows_set(&s->in, row, tmp, x->kn);
		} else {
			embed_row(&x->w, s->b->tokens[row], h);
			add_position(s, row, h, tmp);
		}
	}
}

static void positions(void *arg, int worker, int workers)
{
	struct step *s = arg;
	int row, end;
	nn_share(s->b->rows, worker, workers, &row, &end);
	for (; row < end; row++)
		add_position(s, row, s->x->h + (size_t)row * s->x->shape.hidden, s->x->row_scratch[worker]);
}

static void apply_norm(struct nn_exec *x, const struct nn_norm *n, float *dst, const float *src)
{
	if (n->b)
		x->kn->layer_norm(dst, src, n->w, n->b, x->shape.hidden, x->shape.norm_eps);
	else
		x->kn->rms_norm(dst, src, n->w, x->shape.hidden, x->shape.norm_eps);
}

/* in = packed norm(h); without a norm: packed h. */
static void norm_in(void *arg, int worker, int workers)
{
	struct step *s = arg;
	struct nn_exec *x = s->x;
	int row, end;
	nn_share(s->b->rows, worker, workers, &row, &end);
	for (; row < end; row++) {
		const float *h = x->h + (size_t)row * x->shape.hidden;
		if (s->norm) {
			apply_norm(x, s->norm, x->row_scratch[worker], h);
			h = x->row_scratch[worker];
		}
		nn_rows_set(&s->in, row, h, x->kn);
	}
}

/* h = norm(h), in place: models that normalise after the residual sum. */
static void norm_h(void *arg, int worker, int workers)
{
	struct step *s = arg;
	int row, end;
	nn_share(s->b->rows, worker, workers, &row, &end);
	for (; row < end; row++) {
		float *h = s->x->h + (size_t)row * s->x->shape.hidden;
		apply_norm(s->x, s->norm, h, h);
	}
}

/* Heads of q and k: norm (Qwen3), rotation; k and v go to the cache. */
static void heads_to_cache(void *arg, int worker, int workers)
{
	struct step *s = arg;
	struct nn_exec *x = s->x;
	const struct nn_shape *p = &x->shape;
	const struct nn_layer *l = &x->w.layers[s->layer];
	const int hd = p->head_dim, half = hd / 2, width = (p->heads + 2 * p->kv_heads) * hd;
	int row, end;
	nn_share(s->b->rows, worker, workers, &row, &end);
	for (; row < end; row++) {
		float *q = x->qkv + (size_t)row * width, *k = q + (size_t)p->heads * hd, *v = k + (size_t)p->kv_heads * hd;
		for (int i = 0; i < p->heads + p->kv_heads; i++) { /* k heads follow q heads */
			float *head = q + (size_t)i * hd;
			if (l->q_norm)
				x->kn->rms_norm(head, head, i < p->heads ? l->q_norm : l->k_norm, hd, p->norm_eps);
			if (p->rope)
				x->kn->rope(head, x->cs + (size_t)row * half, x->sn + (size_t)row * half, hd);
		}
		nn_kv_write(x->kn, s->kv, s->layer, s->b->spans[x->span[row]].block_table, x->pos[row], k, v, x->row_scratch[worker]);
	}
}

/* in = packed attention output. */
static void pack_attention(void *arg, int worker, int workers)
{
	struct step *s = arg;
	struct nn_exec *x = s->x;
	int row, end;
	nn_share(s->b->rows, worker, workers, &row, &end);
	for (; row < end; row++)
		nn_rows_set(&s->in, row, x->attn + (size_t)row * x->shape.heads * x->shape.head_dim, x->kn);
}

/* in[i] = packed final norm of the i-th row that wants logits. */
static void gather_last(void *arg, int worker, int workers)
{
	struct step *s = arg;
	struct nn_exec *x = s->x;
	int i, end;
	nn_share(s->logits, worker, workers, &i, &end);
	for (; i < end; i++) {
		const float *h = x->h + (size_t)x->logit_row[i] * x->shape.hidden;
		if (s->norm) {
			apply_norm(x, s->norm, x->row_scratch[worker], h);
			h = x->row_scratch[worker];
		}
		nn_rows_set(&s->in, i, h, x->kn);
	}
}

static void pack_last(void *arg, int worker, int workers)
{
	struct step *s = arg;
	int i, end;
	nn_share(s->logits, worker, workers, &i, &end);
	for (; i < end; i++)
		nn_rows_set(&s->in, i, s->x->last + (size_t)i * s->x->shape.embed_dim, s->x->kn);
}

/* ---- the model ---- */

static void run_embedding(struct step *s)
{
	struct nn_exec *x = s->x;
	const struct nn_shape *p = &x->shape;
	uint64_t elem = x->opt.dtype == NN_F32 ? 4 : 2, rows = (uint64_t)s->b->rows;
	if (x->w.project_in.panels)
		nn_rows_init(&s->in, s->b->rows, &x->w.project_in, &x->gemm);
	on_rows(s, embed, s->b->rows);                                               /* h [rows][hidden] */
	if (x->w.project_in.panels) {
		product(s, &x->w.project_in, &s->in, (struct nn_out){ NN_OUT_STORE, x->h, (size_t)p->hidden }); /* [rows][embed_dim] -> h [rows][hidden] */
		on_rows(s, positions, s->b->rows);
	}
	s->cost.weight_bytes += rows * (uint64_t)p->embed_dim * elem + (p->rope ? 0 : rows * (uint64_t)p->hidden * elem);
	s->cost.activation_bytes += rows * (uint64_t)p->hidden * 4;
}

static void run_norm(struct step *s, const struct nn_norm *n, nn_job_fn fn)
{
	s->norm = n;
	on_rows(s, fn, s->b->rows);
	if (n)
		count_norm(s, n, s->b->rows);
}

static void run_layer(struct step *s, struct nn_attention *a, int layer)
{
	struct nn_exec *x = s->x;
	const struct nn_shape *p = &x->shape;
	const struct nn_layer *l = &x->w.layers[layer];
	const int rows = s->b->rows;
	s->layer = a->layer = layer;

	nn_rows_init(&s->in, rows, &l->qkv, &x->gemm);
	run_norm(s, p->pre_norm ? &l->attn_norm : NULL, norm_in);                       /* in [rows][hidden] */
	product(s, &l->qkv, &s->in, (struct nn_out){ NN_OUT_STORE, x->qkv, (size_t)l->qkv.rows }); /* qkv [rows][q + k + v heads][head_dim] */
	on_rows(s, heads_to_cache, rows);
	nn_attention_run(a, x->threads);                                                /* attn [rows][heads][head_dim] */
	count_attention(s);
	nn_rows_init(&s->in, rows, &l->out, &x->gemm);
	on_rows(s, pack_attention, rows);                                               /* in [rows][heads * head_dim] */
	product(s, &l->out, &s->in, (struct nn_out){ NN_OUT_ADD, x->h, (size_t)p->hidden }); /* h += */
	if (!p->pre_norm)
		run_norm(s, &l->attn_norm, norm_h);

	nn_rows_init(&s->in, rows, &l->up, &x->gemm);
	nn_rows_init(&s->mid, rows, &l->down, &x->gemm);
	run_norm(s, p->pre_norm ? &l->mlp_norm : NULL, norm_in);                        /* in [rows][hidden] */
	product(s, &l->up, &s->in, (struct nn_out){ NN_OUT_LINES, .act = p->act, .lines = &s->mid }); /* mid [rows][ffn] */
	product(s, &l->down, &s->mid, (struct nn_out){ NN_OUT_ADD, x->h, (size_t)p->hidden }); /* h += */
	if (!p->pre_norm)
		run_norm(s, &l->mlp_norm, norm_h);
}

static void run_logits(struct step *s, float *logits)
{
	struct nn_exec *x = s->x;
	const struct nn_shape *p = &x->shape;
	if (!s->logits)
		return;
	s->norm = x->w.final_norm.w ? &x->w.final_norm : NULL;
	nn_rows_init(&s->in, s->logits, x->w.project_out.panels ? &x->w.project_out : &x->w.head, &x->gemm);
	on_rows(s, gather_last, s->logits);                                             /* in [logit rows][hidden] */
	if (s->norm)
		count_norm(s, s->norm, s->logits);
	if (x->w.project_out.panels) {
		product(s, &x->w.project_out, &s->in, (struct nn_out){ NN_OUT_STORE, x->last, (size_t)p->embed_dim }); /* [logit rows][embed_dim] */
		nn_rows_init(&s->in, s->logits, &x->w.head, &x->gemm);
		on_rows(s, pack_last, s->logits);
	}
	product(s, &x->w.head, &s->in, (struct nn_out){ NN_OUT_STORE, logits, (size_t)p->vocab }); /* logits [logit rows][vocab] */
}

/* ---- the batch ---- */

static int check_span(const struct nn_exec *x, const struct nn_kv_pool *kv, const struct nn_span *p, int first, struct assay_err *e)
{
	int blocks = p->count < 1 || p->past < 0 ? 0 : (p->past + p->count + kv->block_size - 1) / kv->block_size;
	if (p->first != first || p->count < 1 || p->past < 0 || p->past > x->opt.max_context - p->count)
		return assay_fail(e, ASSAY_E_INTERNAL, "forward: span of rows %d..+%d at position %d is not in order or over the context of %d", p->first, p->count, p->past, x->opt.max_context);
	for (int i = 0; i < blocks; i++)
		if (p->block_table[i] < 0 || p->block_table[i] >= kv->n_blocks)
			return assay_fail(e, ASSAY_E_INTERNAL, "forward: KV block %d is not in the pool of %d", p->block_table[i], kv->n_blocks);
	return 0;
}

/* Checks the batch and fills pos, span and logit_row. */
static int plan(struct step *s, struct assay_err *e)
{
	struct nn_exec *x = s->x;
	const struct nn_batch *b = s->b;
	int row = 0;
	if (b->rows < 1 || b->rows > x->opt.max_rows || b->n_spans < 1 || b->n_spans > x->opt.max_seqs)
		return assay_fail(e, ASSAY_E_INTERNAL, "forward: %d rows of %d sequences: limits are %d and %d", b->rows, b->n_spans, x->opt.max_rows, x->opt.max_seqs);
	if (s->kv->layers != x->shape.layers || s->kv->kv_heads != x->shape.kv_heads || s->kv->head_dim != x->shape.head_dim)
		return assay_fail(e, ASSAY_E_INTERNAL, "forward: the KV pool was made for another model");
	for (int i = 0; i < b->n_spans; i++) {
		const struct nn_span *p = &b->spans[i];
		int rc = check_span(x, s->kv, p, row, e);
		if (rc)
			return rc;
		if (p->count > b->rows - row)
			break;
		for (int j = 0; j < p->count; j++, row++) {
			x->pos[row] = p->past + j;
			x->span[row] = i;
			if (b->tokens[row] < 0 || b->tokens[row] >= x->shape.vocab)
				return assay_fail(e, ASSAY_E_USAGE, "token %d is not in the vocabulary of %d", b->tokens[row], x->shape.vocab);
			if (p->logits != 2 && !(p->logits == 1 && j == p->count - 1))
				continue;
			if (s->logits == x->opt.max_logit_rows)
				return assay_fail(e, ASSAY_E_INTERNAL, "forward: more than %d rows of logits", x->opt.max_logit_rows);
			x->logit_row[s->logits++] = row;
		}
	}
	return row == b->rows ? 0 : assay_fail(e, ASSAY_E_INTERNAL, "forward: spans do not cover the %d rows", b->rows);
}

int nn_forward(struct nn_exec *x, struct nn_kv_pool *kv, const struct nn_batch *b, float *logits, struct nn_step_cost *cost, struct assay_err *e)
{
	struct step s = { .x = x, .kv = kv, .b = b, .in.data = x->lines_in, .mid.data = x->lines_mid };
	int rc = plan(&s, e);
	if (rc)
		return rc;
	struct nn_attention a = {
		.kn = x->kn, .shape = &x->shape, .kv = kv, .spans = b->spans, .n_spans = b->n_spans, .qkv = x->qkv, .out = x->attn,
		.items = x->items, .parts = x->parts, .scratch = x->attn_scratch,
	};
	nn_attention_plan(&a, x->opt.threads, x->max_parts);
	run_embedding(&s);
	for (int i = 0; i < x->shape.layers; i++)
		run_layer(&s, &a, i);
	run_logits(&s, logits);
	if (cost)
		*cost = s.cost;
	return 0;
}
