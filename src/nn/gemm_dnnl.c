/* See gemm_dnnl.h. Must not know of models. */
#include "nn/gemm_dnnl.h"

#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void omp_set_num_threads(int n); /* of this thread; omp.h is not where every compiler looks */

static const int ladder[] = { 512, 128, NN_DNNL_ROWS };
enum { RUNGS = sizeof ladder / sizeof *ladder, WIDTHS = 2 };
static const int widths[WIDTHS] = { NN_DNNL_PANELS, 1 }; /* panels */

struct product {
	dnnl_primitive_t primitive;
	dnnl_memory_desc_t src, weights, dst;
};

struct worker {
	dnnl_stream_t stream;
	dnnl_memory_t scratchpad, (*args)[RUNGS][WIDTHS][3]; /* [chunk count][..][src, weights, dst] */
	void *pad;
	bool one_thread;
};

struct nn_dnnl {
	dnnl_engine_t engine;
	int n, workers;
	int *chunks;
	struct product (*product)[RUNGS][WIDTHS];
	dnnl_memory_desc_t scratchpad;
	struct worker *worker;
	char name[64];
};

/* Before the first primitive of the process; later calls change nothing. */
static void cap_isa(enum nn_isa isa)
{
	if (isa == NN_ISA_AVX2)
		dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
	else if (isa == NN_ISA_AVX512)
		dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core_bf16);
}

static void name_it(struct nn_dnnl *d, const_dnnl_primitive_desc_t pd)
{
	const dnnl_version_t *v = dnnl_version();
	const char *impl = "?";
	dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &impl);
	snprintf(d->name, sizeof d->name, "oneDNN %d.%d.%d %s", v->major, v->minor, v->patch, impl);
}

/* rows x (chunks lines) times (chunks lines) x n. 0, or -1 when there is no fast implementation. */
static int make_product(struct nn_dnnl *d, struct product *p, enum nn_dtype t, int rows, int chunks, int n)
{
	const dnnl_data_type_t type = t == NN_F32 ? dnnl_f32 : dnnl_bf16;
	const int k = chunks * (t == NN_F32 ? 16 : 32);
	const dnnl_dims_t a = { rows, k }, b = { k, n }, c = { rows, n }, along_k = { k, 1 }, along_n = { n, 1 };
	dnnl_primitive_attr_t attr = NULL;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_matmul_desc_t op;
	int rc = -1;
	if (dnnl_memory_desc_init_by_strides(&p->src, 2, a, type, along_k) || dnnl_memory_desc_init_by_tag(&p->weights, 2, b, type, t == NN_F32 ? dnnl_BA16a32b : dnnl_BA16a32b2a) ||
	    dnnl_memory_desc_init_by_strides(&p->dst, 2, c, dnnl_f32, along_n) || dnnl_matmul_desc_init(&op, &p->src, &p->weights, NULL, &p->dst) ||
	    dnnl_primitive_attr_create(&attr) || dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) ||
	    dnnl_primitive_desc_create(&pd, &op, attr, d->engine, NULL))
		goto out;
	name_it(d, pd);
	if (!strstr(d->name, "brg")) /* the others repack the weights in every call */
		goto out;
	const dnnl_memory_desc_t *pad = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
	if (pad && dnnl_memory_desc_get_size(pad) > dnnl_memory_desc_get_size(&d->scratchpad))
		d->scratchpad = *pad;
	rc = dnnl_primitive_create(&p->primitive, pd) ? -1 : 0;
out:
	dnnl_primitive_desc_destroy(pd);
	dnnl_primitive_attr_destroy(attr);
	return rc;
}

static int open_worker(struct nn_dnnl *d, struct worker *w)
{
	size_t size = (dnnl_memory_desc_get_size(&d->scratchpad) + 63) / 64 * 64;
	w->args = xalloc((size_t)d->n * sizeof *w->args);
	w->pad = aligned_alloc(64, size ? size : 64);
	if (!w->pad || dnnl_stream_create(&w->stream, d->engine, dnnl_stream_default_flags) || dnnl_memory_create(&w->scratchpad, &d->scratchpad, d->engine, w->pad))
		return -1;
	for (int i = 0; i < d->n; i++)
		for (int r = 0; r < RUNGS; r++)
			for (int v = 0; v < WIDTHS; v++) {
				const struct product *p = &d->product[i][r][v];
				if (dnnl_memory_create(&w->args[i][r][v][0], &p->src, d->engine, DNNL_MEMORY_NONE) || dnnl_memory_create(&w->args[i][r][v][1], &p->weights, d->engine, DNNL_MEMORY_NONE) ||
				    dnnl_memory_create(&w->args[i][r][v][2], &p->dst, d->engine, DNNL_MEMORY_NONE))
					return -1;
			}
	return 0;
}

static int known(const struct nn_dnnl *d, int chunks)
{
	for (int i = 0; i < d->n; i++)
		if (d->chunks[i] == chunks)
			return i;
	return -1;
}

#ifdef __has_feature /* clang's way to say it */
#define CLANG_TSAN __has_feature(thread_sanitizer)
#else
#define CLANG_TSAN 0
#endif
#if defined(__SANITIZE_THREAD__) || CLANG_TSAN
enum { BLIND = 1 }; /* the sanitizer cannot see the library's own synchronisation */
#else
enum { BLIND = 0 };
#endif

struct nn_dnnl *nn_dnnl_open(const struct nn_kernels *kn, enum nn_isa isa, enum nn_dtype dtype, const int *chunks, int n, int workers)
{
	if ((dtype != NN_F32 && !(dtype == NN_BF16 && kn->bf16_dot)) || isa == NN_ISA_SCALAR || BLIND)
		return NULL;
	struct nn_dnnl *d = xalloc(sizeof *d);
	cap_isa(isa);
	omp_set_num_threads(1);
	d->workers = workers;
	d->chunks = xalloc((size_t)n * sizeof *d->chunks);
	d->product = xalloc((size_t)n * sizeof *d->product);
	d->worker = xalloc((size_t)workers * sizeof *d->worker);
	if (dnnl_engine_create(&d->engine, dnnl_cpu, 0))
		goto fail;
	for (int i = 0; i < n; i++) {
		if (known(d, chunks[i]) >= 0)
			continue;
		d->chunks[d->n++] = chunks[i];
		for (int r = 0; r < RUNGS; r++)
			for (int v = 0; v < WIDTHS; v++)
				if (make_product(d, &d->product[d->n - 1][r][v], dtype, ladder[r], chunks[i], widths[v] * NN_PANEL))
					goto fail;
	}
	for (int i = 0; i < workers; i++)
		if (open_worker(d, &d->worker[i]))
			goto fail;
	return d;
fail:
	nn_dnnl_close(d);
	return NULL;
}

void nn_dnnl_close(struct nn_dnnl *d)
{
	if (!d)
		return;
	for (int i = 0; i < d->n; i++)
		for (int r = 0; r < RUNGS; r++)
			for (int v = 0; v < WIDTHS; v++) {
				for (int w = 0; w < d->workers && d->worker[w].args; w++)
					for (int a = 0; a < 3; a++)
						dnnl_memory_destroy(d->worker[w].args[i][r][v][a]);
				dnnl_primitive_destroy(d->product[i][r][v].primitive);
			}
	for (int w = 0; w < d->workers; w++) {
		dnnl_memory_destroy(d->worker[w].scratchpad);
		dnnl_stream_destroy(d->worker[w].stream);
		free(d->worker[w].args);
		free(d->worker[w].pad);
	}
	dnnl_engine_destroy(d->engine);
	free(d->chunks);
	free(d->product);
	free(d->worker);
	free(d);
}

const char *nn_dnnl_name(const struct nn_dnnl *d)
{
	return d->name;
}

static int call(struct nn_dnnl *d, struct worker *w, int i, int rung, int width, void *src, void *weights, float *dst)
{
	dnnl_memory_t *m = w->args[i][rung][width];
	if (dnnl_memory_set_data_handle(m[0], src) || dnnl_memory_set_data_handle(m[1], weights) || dnnl_memory_set_data_handle(m[2], dst))
		return -1;
	const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, m[0] }, { DNNL_ARG_WEIGHTS, m[1] }, { DNNL_ARG_DST, m[2] }, { DNNL_ARG_SCRATCHPAD, w->scratchpad } };
	return dnnl_primitive_execute(d->product[i][rung][width].primitive, w->stream, 4, args) || dnnl_stream_wait(w->stream) ? -1 : 0;
}

int nn_dnnl_product(struct nn_dnnl *d, int worker, const struct nn_matrix *m, int first, int count, const struct nn_rows *x, float *y)
{
	struct worker *w = &d->worker[worker];
	int i = known(d, m->chunks), width = count == NN_DNNL_PANELS ? 0 : 1;
	if (i < 0 || (width == 1 && count != 1))
		return -1;
	if (!w->one_thread) {
		omp_set_num_threads(1);
		w->one_thread = true;
	}
	for (int r = 0; r < x->rows;) {
		int rung = 0;
		while (rung < RUNGS - 1 && ladder[rung] > x->rows - r)
			rung++;
		if (call(d, w, i, rung, width, nn_rows_line(x, r, 0), m->data + (size_t)first * m->panel_bytes, y + (size_t)r * count * NN_PANEL))
			return -1;
		r += ladder[rung];
	}
	return 0;
}
