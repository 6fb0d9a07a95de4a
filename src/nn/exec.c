/* Opens and closes nn_exec: kernels, threads, weights, workspace. forward.c runs it. */
#include "nn/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/mem.h"
#include "nn/rope.h"

enum { MAX_BLOCK = 1024 }; /* largest KV block, kv_cache.c */

struct arena {
	char *base;
	size_t used;
};

static void *carve(struct arena *a, size_t bytes)
{
	char *p = a->base ? a->base + a->used : NULL;
	a->used += (bytes + 127) / 128 * 128 + 64; /* +64: no two buffers a multiple of a page apart */
	a->used = (a->used + 63) / 64 * 64;
	return p;
}

static int widest(int a, int b)
{
	return a > b ? a : b;
}

static void lay_out(struct nn_exec *x, struct arena *a)
{
	const struct nn_shape *s = &x->shape;
	size_t rows = (size_t)x->opt.max_rows, f = sizeof(float);
	int q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim, workers = x->opt.threads;
	int wide = widest(widest(s->hidden, q), s->embed_dim);
	x->freq = carve(a, (size_t)s->head_dim / 2 * sizeof(double));
	x->cs = carve(a, rows * (size_t)s->head_dim / 2 * f);
	x->sn = carve(a, rows * (size_t)s->head_dim / 2 * f);
	x->h = carve(a, rows * (size_t)s->hidden * f);
	x->qkv = carve(a, rows * (size_t)(q + 2 * kv) * f);
	x->attn = carve(a, rows * (size_t)q * f);
	x->last = carve(a, (size_t)x->opt.max_logit_rows * (size_t)s->embed_dim * f);
	x->lines_in = carve(a, nn_rows_bytes(widest(x->opt.max_rows, x->opt.max_logit_rows), wide));
	x->lines_mid = carve(a, nn_rows_bytes(x->opt.max_rows, s->ffn));
	x->pos = carve(a, rows * sizeof(int));
	x->span = carve(a, rows * sizeof(int));
	x->logit_row = carve(a, (size_t)x->opt.max_logit_rows * sizeof(int));
	x->items = carve(a, (size_t)nn_attention_items(s, x->opt.max_rows, x->opt.max_seqs, x->opt.max_context, workers) * sizeof *x->items);
	x->max_parts = nn_attention_parts(s, x->opt.max_context, workers);
	x->parts = carve(a, (size_t)x->max_parts * nn_attention_part_floats(s) * f);
	x->row_scratch = carve(a, (size_t)workers * sizeof(float *));
	x->attn_scratch = carve(a, (size_t)workers * sizeof(float *));
	x->gemm_scratch = carve(a, (size_t)workers * sizeof(float *));
	for (int i = 0; i < workers; i++) {
		float *row = carve(a, (size_t)(wide + s->head_dim) * f);
		float *attn = carve(a, nn_attention_scratch(s, MAX_BLOCK) * f);
		float *gemm = carve(a, nn_gemm_scratch(x->opt.max_rows) * f);
		if (a->base) {
			x->row_scratch[i] = row;
			x->attn_scratch[i] = attn;
			x->gemm_scratch[i] = gemm;
		}
	}
}

uint64_t nn_exec_workspace_for(const struct nn_shape *s, const struct nn_exec_options *o)
{
	struct nn_exec x = { .shape = *s, .opt = *o };
	struct arena a = { 0 };
	lay_out(&x, &a);
	return a.used;
}

static int open_workspace(struct nn_exec *x, struct assay_err *e)
{
	struct arena a = { 0 };
	lay_out(x, &a);
	x->map_bytes = a.used;
	x->map = mmap(NULL, a.used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (x->map == MAP_FAILED) {
		x->map = NULL;
		return assay_fail(e, ASSAY_E_MODEL, "%s: workspace for %d rows needs %zu MiB, the system refuses them: use a smaller --max-batched-tokens",
			x->shape.name, x->opt.max_rows, a.used >> 20);
	}
	madvise(x->map, a.used, MADV_HUGEPAGE);
	memset(x->map, 0, a.used); /* fault in now, not inside a timed step */
	a = (struct arena){ .base = x->map };
	lay_out(x, &a);
	if (x->shape.rope)
		nn_rope_frequencies(&x->shape, x->freq);
	return 0;
}

static int check_options(const struct nn_shape *s, const struct nn_exec_options *o, struct assay_err *e)
{
	enum { MOST = 1 << 20 };
	if (o->dtype != NN_F32 && o->dtype != NN_BF16 && o->dtype != NN_F16)
		return assay_fail(e, ASSAY_E_USAGE, "dtype: the engine computes with f32, bf16 or f16 weights");
	if (o->max_rows < 1 || o->max_rows > MOST || o->max_seqs < 1 || o->max_seqs > MOST || o->max_logit_rows < 1 || o->max_logit_rows > MOST)
		return assay_fail(e, ASSAY_E_USAGE, "engine: batch limits %d tokens, %d sequences, %d rows of logits are not in 1..%d", o->max_rows, o->max_seqs, o->max_logit_rows, MOST);
	if (o->max_context < 1 || (!s->rope && o->max_context > s->max_context))
		return assay_fail(e, ASSAY_E_MODEL, "%s: context %d: this model has %d positions", s->name, o->max_context, s->max_context);
	return 0;
}

/* oneDNN takes many rows where it has AMX and we have not, or on request. Fewer rows: own kernels. */
static void choose_gemm(struct nn_exec *x)
{
	enum { FEWEST = 32 };
	const struct nn_layer *l = &x->w.layers[0];
	const int chunks[] = { l->qkv.chunks, l->out.chunks, l->up.chunks, l->down.chunks, x->w.head.chunks };
	const char *dtype = nn_dtype_name(x->opt.dtype), *isa = nn_isa_name(x->kn->isa), *dot = x->opt.dtype == NN_BF16 && x->kn->bf16_dot ? " vdpbf16ps" : "";
	bool amx = x->opt.dtype == NN_BF16 && nn_isa_available(NN_ISA_AMX) && (x->opt.isa == NN_ISA_AUTO || x->opt.isa == NN_ISA_AMX);
	x->isa = x->kn->isa;
	x->gemm = (struct nn_gemm){ .threads = x->threads, .kn = x->kn, .dnnl_rows = FEWEST, .scratch = x->gemm_scratch };
	if (!x->opt.own_kernels_only && (amx || x->opt.prefer_onednn))
		x->gemm.dnnl = nn_dnnl_open(x->kn, amx ? NN_ISA_AMX : x->kn->isa, x->opt.dtype, chunks, sizeof chunks / sizeof *chunks, x->opt.threads);
	if (x->gemm.dnnl && amx)
		x->isa = NN_ISA_AMX;
	if (x->gemm.dnnl)
		snprintf(x->kernels, sizeof x->kernels, "%s: own %s%s (rows < %d), %s (rows >= %d)", dtype, isa, dot, FEWEST, nn_dnnl_name(x->gemm.dnnl), FEWEST);
	else
		snprintf(x->kernels, sizeof x->kernels, "%s: own %s%s%s", dtype, isa, dot, x->opt.isa == NN_ISA_AMX ? " (no AMX kernel for this type)" : "");
}

int nn_exec_open(struct nn_source *src, const struct nn_exec_options *o, struct nn_exec **out, struct nn_load_times *times, struct assay_err *e)
{
	struct nn_load_times spent = { -1, -1, -1 };
	*out = NULL;
	int rc = check_options(&src->shape, o, e);
	if (rc)
		return rc;
	struct nn_exec *x = xalloc(sizeof *x);
	x->shape = src->shape;
	x->opt = *o;
	x->kn = nn_kernels_for(o->isa);
	if (!x->kn) {
		rc = assay_fail(e, ASSAY_E_USAGE, "--isa %s: this CPU does not have it", nn_isa_name(o->isa));
		goto fail;
	}
	rc = nn_threads_open(o->threads, &x->threads, e);
	if (!rc)
		rc = nn_weights_load(&x->w, src, o->dtype, x->kn, x->threads, &spent, e);
	if (!rc)
		rc = open_workspace(x, e);
	if (rc)
		goto fail;
	choose_gemm(x);
	if (times)
		*times = spent;
	*out = x;
	return 0;
fail:
	nn_exec_close(x);
	return rc;
}

void nn_exec_each(struct nn_exec *x, void (*fn)(void *arg, int worker, int workers), void *arg)
{
	nn_threads_run(x->threads, fn, arg);
}

void nn_exec_close(struct nn_exec *x)
{
	if (!x)
		return;
	if (x->map)
		munmap(x->map, x->map_bytes);
	nn_dnnl_close(x->gemm.dnnl);
	nn_weights_release(&x->w);
	nn_threads_close(x->threads);
	free(x);
}

const struct nn_shape *nn_exec_shape(const struct nn_exec *x)
{
	return &x->shape;
}

uint64_t nn_exec_weight_bytes(const struct nn_exec *x)
{
	return x->w.bytes;
}

uint64_t nn_exec_workspace_bytes(const struct nn_exec *x)
{
	return x->map_bytes;
}

const char *nn_exec_kernels(const struct nn_exec *x)
{
	return x->kernels;
}

enum nn_isa nn_exec_isa(const struct nn_exec *x)
{
	return x->isa;
}
