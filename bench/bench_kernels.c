/* Measures the embedded engine's kernels beside what the machine can do, in one run:
 *   bench_kernels [THREADS [ISA [DTYPE]]]         matrix products by shape, type and rows
 *   bench_kernels MODEL DTYPE [THREADS [ISA]]     load, prefill and decode of a whole model
 * Every figure is the best of several runs; the read probe runs before and after,
 * since neighbours change what memory gives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "nn/forward.h"
#include "nn/gemm.h"

enum { PROBE_BYTES = 512 << 20, MAX_WORKERS = 256 };

static void *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		fprintf(stderr, "bench_kernels: cannot map %zu MiB\n", bytes >> 20);
		exit(1);
	}
	madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

/* ---- read bandwidth ---- */

typedef long long v8 __attribute__((vector_size(64)));

struct probe {
	char *data;
	long long sum[MAX_WORKERS];
};

static void touch(void *arg, int worker, int workers)
{
	struct probe *p = arg;
	int first, end;
	nn_share(PROBE_BYTES / 4096, worker, workers, &first, &end);
	memset(p->data + (size_t)first * 4096, 1, (size_t)(end - first) * 4096);
}

#if defined(__x86_64__)
__attribute__((target_clones("default", "avx2", "avx512f")))
#endif
static long long sum_pages(const char *from, const char *to)
{
	v8 a = { 0 }, b = a, c = a, d = a;
	for (const v8 *v = (const v8 *)from; (const char *)v < to; v += 4) {
		a ^= v[0];
		b ^= v[1];
		c ^= v[2];
		d ^= v[3];
	}
	a ^= b ^ c ^ d;
	return a[0] ^ a[3] ^ a[7];
}

static void read_share(void *arg, int worker, int workers)
{
	struct probe *p = arg;
	int first, end;
	nn_share(PROBE_BYTES / 4096, worker, workers, &first, &end);
	p->sum[worker] += sum_pages(p->data + (size_t)first * 4096, p->data + (size_t)end * 4096);
}

static double read_gb_s(struct nn_threads *t)
{
	static struct probe p;
	double best = 0;
	if (!p.data) {
		p.data = pages(PROBE_BYTES);
		nn_threads_run(t, touch, &p);
	}
	for (int i = 0; i < 6; i++) {
		int64_t t0 = assay_now_ns();
		nn_threads_run(t, read_share, &p);
		double rate = (double)PROBE_BYTES / (double)(assay_now_ns() - t0);
		best = rate > best ? rate : best;
	}
	return best;
}

/* ---- matrix products ---- */

static void fill(struct nn_matrix *m, const struct nn_kernels *kn)
{
	float *row = xalloc((size_t)m->k * NN_PANEL * sizeof *row);
	uint32_t *words = xalloc(nn_matrix_pack_words(m->k) * sizeof *words);
	for (int i = 0; i < m->k * NN_PANEL; i++)
		row[i] = (float)(i % 251 - 125) * 1e-3f;
	for (int p = 0; p < m->panels; p++)
		nn_matrix_pack(m, p, row, NN_PANEL, kn, words);
	free(row);
	free(words);
}

static void bench_product(struct nn_threads *t, const struct nn_kernels *kn, enum nn_dtype type, int n, int k, int rows)
{
	static float *scratch[MAX_WORKERS];
	struct nn_matrix m;
	float *src = xalloc((size_t)k * sizeof *src), *y = pages((size_t)rows * n * sizeof *y);
	nn_matrix_init(&m, type, n, k, false, kn);
	size_t bytes = (size_t)m.panels * m.panel_bytes;
	int copies = (int)(((size_t)96 << 20) / bytes) + 1; /* decode reads other weights each time: not from cache */
	char *all = pages(bytes * (size_t)copies);
	m.data = all;
	fill(&m, kn);
	for (int i = 1; i < copies; i++)
		memcpy(all + (size_t)i * bytes, all, bytes);
	for (int i = 0; i < nn_threads_count(t); i++)
		scratch[i] = scratch[i] ? scratch[i] : pages(nn_gemm_scratch(512) * sizeof(float));
	struct nn_rows x = { .data = pages(nn_rows_bytes(rows, k)) };
	struct nn_gemm g = { .threads = t, .kn = kn, .scratch = scratch };
	nn_rows_init(&x, rows, &m, &g);
	for (int i = 0; i < k; i++)
		src[i] = (float)(i % 17 - 8);
	for (int r = 0; r < rows; r++)
		nn_rows_set(&x, r, src, kn);
	double best = 1e30;
	for (int i = 0; i < 3; i++) {
		int64_t t0 = assay_now_ns();
		for (int c = 0; c < copies; c++) {
			m.data = all + (size_t)c * bytes;
			nn_gemm_run(&g, &m, &x, &(struct nn_out){ NN_OUT_STORE, y, (size_t)n });
		}
		double ns = (double)(assay_now_ns() - t0) / copies;
		best = ns < best ? ns : best;
	}
	printf("%-20s %-5s %6d x %-5d rows %4d: %8.1f us %7.1f GB/s %8.1f GFLOP/s\n", kn->name, nn_dtype_name(type), n, k, rows, best / 1e3, (double)bytes / best,
		2.0 * rows * n * k / best);
	munmap(all, bytes * (size_t)copies);
	munmap(x.data, nn_rows_bytes(rows, k));
	munmap(y, (size_t)rows * n * sizeof *y);
	free(src);
}

static int bench_shapes(int threads, enum nn_isa only_isa, enum nn_dtype only_type)
{
	static const struct { int n, k; } shape[] = { { 2304, 768 }, { 768, 3072 }, { 4864, 896 }, { 8960, 1536 }, { 1536, 8960 } };
	static const int rows[] = { 1, 4, 8, 16, 32, 512 };
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_threads *t;
	if (nn_threads_open(threads, &t, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	for (int isa = NN_ISA_AVX2; isa <= NN_ISA_AMX; isa++) {
		const struct nn_kernels *kn = nn_kernels_for((enum nn_isa)isa);
		if (!kn || (isa == NN_ISA_AMX && kn->isa != NN_ISA_AMX) || (only_isa && isa != (int)only_isa))
			continue;
		for (int type = NN_F32; type <= NN_F16; type++) {
			if (only_type && type != (int)only_type)
				continue;
			printf("read %.1f GB/s, %d threads\n", read_gb_s(t), threads);
			for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
				for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
					bench_product(t, kn, (enum nn_dtype)type, shape[s].n, shape[s].k, rows[r]);
		}
	}
	nn_threads_close(t);
	return 0;
}

/* ---- a whole model ---- */

struct model {
	struct nn_exec *x;
	struct nn_kv_pool kv;
	float *logits;
	int table[2048];
};

static double step_ns(struct model *m, int n_seqs, int count, int past, struct nn_step_cost *cost)
{
	static int32_t tokens[4096];
	static struct nn_span span[256];
	struct assay_err e = ASSAY_ERR_INIT;
	double best = 1e30;
	for (int i = 0; i < n_seqs * count; i++)
		tokens[i] = (i * 37) % nn_exec_shape(m->x)->vocab;
	for (int i = 0; i < n_seqs; i++) /* sequences share their blocks: the values do not matter here, the traffic does */
		span[i] = (struct nn_span){ i * count, count, past, m->table + i, 1 };
	struct nn_batch b = { n_seqs * count, tokens, n_seqs, span };
	for (int i = 0; i < (count > 1 ? 3 : 12); i++) {
		int64_t t0 = assay_now_ns();
		if (nn_forward(m->x, &m->kv, &b, m->logits, cost, &e)) {
			fprintf(stderr, "%s\n", e.msg);
			exit(1);
		}
		double ns = (double)(assay_now_ns() - t0);
		best = ns < best ? ns : best;
	}
	return best;
}

static void report(struct model *m, struct nn_threads *probe, int n_seqs, int count, int past)
{
	struct nn_step_cost c;
	double before = read_gb_s(probe), ns = step_ns(m, n_seqs, count, past, &c), after = read_gb_s(probe);
	printf("%3d x %4d tokens after %4d: %9.3f ms %8.1f tok/s %8.1f GFLOP/s %6.1f GB/s = %3.0f%% of read %.1f, %.1f\n", n_seqs, count, past, ns / 1e6, 1e9 * n_seqs * count / ns,
		(double)c.flops / ns, (double)(c.weight_bytes + c.kv_read_bytes) / ns, 100 * (double)(c.weight_bytes + c.kv_read_bytes) / ns / (before > after ? before : after), before, after);
}

static int bench_model(const char *name, const char *dtype, int threads, const char *isa)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_source *src = NULL;
	struct model m = { 0 };
	struct nn_load_times times;
	struct nn_threads *probe = NULL;
	int rc = 1;
	struct nn_exec_options o = { .dtype = (enum nn_dtype)nn_dtype_parse(dtype), .isa = (enum nn_isa)nn_isa_parse(isa), .threads = threads,
		.max_rows = 512, .max_logit_rows = 64, .max_seqs = 64, .max_context = 1024 };
	if (nn_source_open(name, 0, &src, &e) || nn_exec_open(src, &o, &m.x, &times, &e) || nn_kv_pool_open(&m.kv, &src->shape, o.dtype, 256, 16, &e) || nn_threads_open(threads, &probe, &e))
		goto out;
	for (int i = 0; i < 2048; i++)
		m.table[i] = i % 256;
	m.logits = xalloc((size_t)64 * (size_t)src->shape.vocab * sizeof(float));
	printf("%s %s, %d threads: weights %.0f MiB, read %.2f s, packed %.2f s\n", name, nn_exec_kernels(m.x), threads, (double)nn_exec_weight_bytes(m.x) / 1048576, (double)times.weights_ns / 1e9,
		(double)times.pack_ns / 1e9);
	report(&m, probe, 1, 512, 0);
	report(&m, probe, 1, 128, 0);
	report(&m, probe, 1, 1, 64);
	report(&m, probe, 1, 1, 900);
	report(&m, probe, 8, 1, 128);
	report(&m, probe, 32, 1, 128);
	rc = 0;
out:
	if (rc)
		fprintf(stderr, "bench_kernels: %s\n", e.msg);
	nn_threads_close(probe);
	free(m.logits);
	nn_kv_pool_release(&m.kv);
	nn_exec_close(m.x);
	nn_source_close(src);
	return rc;
}

int main(int argc, char **argv)
{
	if (argc > 1 && atoi(argv[1]) <= 0 && argc < 3) {
		fprintf(stderr, "usage: bench_kernels [THREADS [ISA [DTYPE]]] | bench_kernels MODEL DTYPE [THREADS [ISA]]\n");
		return 2;
	}
	if (argc >= 3 && atoi(argv[1]) <= 0)
		return bench_model(argv[1], argv[2], argc > 3 ? atoi(argv[3]) : assay_cpu_count(), argc > 4 ? argv[4] : "auto");
	return bench_shapes(argc > 1 ? atoi(argv[1]) : assay_cpu_count(), argc > 2 ? (enum nn_isa)nn_isa_parse(argv[2]) : NN_ISA_AUTO,
		argc > 3 ? (enum nn_dtype)nn_dtype_parse(argv[3]) : NN_AUTO);
}
