/* Every kernel of every instruction set of this CPU against plain double arithmetic,
 * on shapes that fill no tile, panel, line or block evenly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/attention.h"
#include "nn/gemm.h"
#include "nn/half.h"
#include "nn/rope.h"

enum { TABLES = 4 };

/* Every table that this CPU runs, the AVX-512 one without vdpbf16ps too. */
static int tables(const struct nn_kernels **out)
{
	int n = 0;
	for (int i = NN_ISA_SCALAR; i <= NN_ISA_AVX512; i++)
		if (nn_kernels_for((enum nn_isa)i))
			out[n++] = nn_kernels_for((enum nn_isa)i);
	if (nn_isa_available(NN_ISA_AVX512) && assay_cpu()->avx512_bf16)
		out[n++] = nn_kernels_avx512(false);
	return n;
}

static void *aligned(size_t bytes)
{
	size_t n = (bytes + 63) / 64 * 64;
	void *p = aligned_alloc(64, n ? n : 64);
	assert_non_null(p);
	memset(p, 0, n);
	return p;
}

static float noise(uint64_t key, uint64_t i)
{
	return (float)(assay_rng_unit(key, i) * 2 - 1);
}

static float *noise_floats(uint64_t key, size_t n)
{
	float *p = aligned(n * sizeof *p);
	for (size_t i = 0; i < n; i++)
		p[i] = noise(key, i);
	return p;
}

static float rounded(enum nn_dtype t, float x)
{
	return t == NN_F32 ? x : t == NN_BF16 ? nn_bf16_f32(nn_f32_bf16(x)) : nn_f16_f32(nn_f32_f16(x));
}

static double act_exact(enum nn_act a, double x)
{
	switch (a) {
	case NN_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
	case NN_GELU_ERF: return 0.5 * x * (1 + erf(x * M_SQRT1_2));
	case NN_RELU: return x > 0 ? x : 0;
	case NN_SILU: return x / (1 + exp(-x));
	}
	return NAN;
}

/* ---- matrix products ---- */

struct case_gemm {
	int rows, n, k, workers;
	bool gated, bias;
};

static void pack_matrix(struct nn_matrix *m, const struct nn_kernels *kn, enum nn_dtype t, const struct case_gemm *c, const float *w, const float *up, const float *bias)
{
	uint32_t *words = xalloc(nn_matrix_pack_words(c->k) * sizeof *words);
	nn_matrix_init(m, t, c->n, c->k, c->gated, kn);
	m->data = aligned((size_t)m->panels * m->panel_bytes);
	m->bias = c->bias ? aligned((size_t)m->panels * NN_PANEL * sizeof(float)) : NULL;
	for (int p = 0; p < m->panels; p++) {
		int row = (c->gated ? p / 2 : p) * NN_PANEL, n = c->n - row < NN_PANEL ? c->n - row : NN_PANEL;
		nn_matrix_pack(m, p, (c->gated && p % 2 ? up : w) + (size_t)row * c->k, n, kn, words);
		for (int i = 0; c->bias && i < n; i++)
			m->bias[p * NN_PANEL + i] = bias[(c->gated && p % 2 ? c->n : 0) + row + i];
	}
	free(words);
}

static double dot(const struct nn_matrix *m, const float *w, const float *x, float bias)
{
	double sum = bias;
	for (int i = 0; i < m->k; i++)
		sum += (double)rounded(m->dtype, w[i]) * (m->bf16_lines ? rounded(NN_BF16, x[i]) : x[i]);
	return sum;
}

static float unpacked(const struct nn_rows *x, int row, int k)
{
	int per = x->bf16 ? 32 : 16;
	const void *line = nn_rows_line(x, row, k / per);
	return x->bf16 ? nn_bf16_f32(((const uint16_t *)line)[k % per]) : ((const float *)line)[k % per];
}

/* onednn: through oneDNN where it has a kernel for this; false when it has none. */
static bool check_gemm(const struct nn_kernels *kn, enum nn_dtype t, const struct case_gemm *c, bool onednn)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_threads *crew;
	struct nn_matrix m, after;
	size_t wn = (size_t)c->n * c->k;
	float *w = noise_floats(1, wn), *up = noise_floats(2, wn), *bias = noise_floats(3, 2 * (size_t)c->n), *x = noise_floats(4, (size_t)c->rows * c->k);
	float *y = noise_floats(5, (size_t)c->rows * c->n), *scratch[8];
	struct nn_rows in = { .data = aligned(nn_rows_bytes(c->rows, c->k)) }, mid = { .data = aligned(nn_rows_bytes(c->rows, c->n)) };
	assert_int_equal(nn_threads_open(c->workers, &crew, &e), 0);
	for (int i = 0; i < c->workers; i++)
		scratch[i] = aligned(nn_gemm_scratch(c->rows) * sizeof(float));
	pack_matrix(&m, kn, t, c, w, up, c->bias ? bias : NULL);
	nn_matrix_init(&after, t, 8, c->n, false, kn);
	struct nn_gemm g = { .threads = crew, .kn = kn, .dnnl = onednn ? nn_dnnl_open(kn, kn->isa, t, &m.chunks, 1, c->workers) : NULL, .scratch = scratch };
	bool ran = !onednn || g.dnnl;
	nn_rows_init(&in, c->rows, &m, &g);
	nn_rows_init(&mid, c->rows, &after, &g);
	for (int r = 0; r < c->rows; r++)
		nn_rows_set(&in, r, x + (size_t)r * c->k, kn);
	struct nn_out out = { c->gated ? NN_OUT_LINES : NN_OUT_ADD, y, (size_t)c->n, NN_SILU, &mid };
	nn_gemm_run(&g, &m, &in, &out);
	double tolerance = 2e-6 * c->k + 1e-5;
	for (int r = 0; r < c->rows; r++)
		for (int i = 0; i < c->n; i++) {
			double got, want = dot(&m, w + (size_t)i * c->k, x + (size_t)r * c->k, c->bias ? bias[i] : 0);
			if (c->gated) {
				want = act_exact(NN_SILU, want) * dot(&m, up + (size_t)i * c->k, x + (size_t)r * c->k, c->bias ? bias[c->n + i] : 0);
				got = unpacked(&mid, r, i);
			} else {
				want += noise(5, (uint64_t)r * c->n + i);
				got = y[(size_t)r * c->n + i];
			}
			double allow = tolerance * (1 + fabs(want)) + (c->gated && mid.bf16 ? fabs(want) * 0x1p-8 : 0);
			if (!(fabs(got - want) <= allow))
				fail_msg("%s %s rows %d n %d k %d gated %d: [%d][%d] is %g, not %g", kn->name, nn_dtype_name(t), c->rows, c->n, c->k, c->gated, r, i, got, want);
		}
	for (int i = 0; i < c->workers; i++)
		free(scratch[i]);
	nn_dnnl_close(g.dnnl);
	nn_threads_close(crew);
	free(m.data); free(m.bias); free(w); free(up); free(bias); free(x); free(y); free(in.data); free(mid.data);
	return ran;
}

static const struct case_gemm gemm_cases[] = {
	{ 1, 1, 1, 1, false, false }, { 1, 33, 17, 1, false, true }, { 2, 64, 64, 2, false, true }, { 3, 31, 100, 1, true, true },
	{ 4, 96, 63, 2, false, false }, { 5, 65, 32, 3, true, false }, { 6, 70, 48, 1, false, true }, { 7, 40, 96, 2, true, true },
	{ 8, 33, 31, 1, false, false }, { 9, 64, 65, 4, false, true }, { 10, 50, 33, 1, true, true }, { 11, 32, 16, 2, false, true },
	{ 12, 100, 80, 3, true, false }, { 13, 33, 130, 2, false, true }, { 40, 45, 70, 2, true, true }, { 150, 300, 90, 2, false, true },
	{ 33, 160, 64, 1, true, true }, { 100, 33, 40, 7, true, true }, { 61, 64, 40, 5, false, true }, { 29, 20, 9000, 3, true, true }, { 17, 40, 9000, 2, false, true }, { 14, 35, 6000, 1, true, true }, /* sliced along k */
};

static void test_gemm(void **state)
{
	(void)state;
	const struct nn_kernels *kn[TABLES];
	int n = tables(kn);
	for (int i = 0; i < n; i++)
		for (int t = NN_F32; t <= NN_F16; t++)
			for (size_t c = 0; c < sizeof gemm_cases / sizeof *gemm_cases; c++)
				check_gemm(kn[i], (enum nn_dtype)t, &gemm_cases[c], false);
}

static void test_gemm_onednn(void **state)
{
	(void)state;
	const struct nn_kernels *kn = nn_kernels_for(NN_ISA_AUTO);
	int ran = 0;
	for (int t = NN_F32; t <= NN_F16; t++)
		for (size_t c = 0; c < sizeof gemm_cases / sizeof *gemm_cases; c++)
			ran += check_gemm(kn, (enum nn_dtype)t, &gemm_cases[c], true);
	if (!ran)
		skip();
	if (kn->isa == NN_ISA_AVX512) /* f32 at least */
		assert_true(ran >= (int)(sizeof gemm_cases / sizeof *gemm_cases));
}

/* A row alone and inside any batch: the same bits, sliced or not. */
static void test_gemm_rows_independent(void **state)
{
	(void)state;
	enum { K = 6000, N = 70, ROWS = 30 };
	const struct nn_kernels *kn[TABLES];
	int n = tables(kn);
	float *w = noise_floats(1, (size_t)N * K), *x = noise_floats(2, (size_t)ROWS * K), y[ROWS * N], one[N];
	float *scratch[1] = { aligned(nn_gemm_scratch(ROWS) * sizeof(float)) };
	struct nn_threads *crew;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(nn_threads_open(1, &crew, &e), 0);
	for (int i = 0; i < n; i++)
		for (int t = NN_F32; t <= NN_F16; t++) {
			struct nn_gemm g = { .threads = crew, .kn = kn[i], .scratch = scratch };
			struct case_gemm c = { ROWS, N, K, 1, false, false };
			struct nn_matrix m;
			struct nn_rows in = { .data = aligned(nn_rows_bytes(ROWS, K)) };
			pack_matrix(&m, kn[i], (enum nn_dtype)t, &c, w, NULL, NULL);
			nn_rows_init(&in, ROWS, &m, &g);
			for (int r = 0; r < ROWS; r++)
				nn_rows_set(&in, r, x + (size_t)r * K, kn[i]);
			nn_gemm_run(&g, &m, &in, &(struct nn_out){ NN_OUT_STORE, y, N });
			for (int r = 0; r < ROWS; r++) {
				nn_rows_init(&in, 1, &m, &g);
				nn_rows_set(&in, 0, x + (size_t)r * K, kn[i]);
				nn_gemm_run(&g, &m, &in, &(struct nn_out){ NN_OUT_STORE, one, N });
				assert_memory_equal(one, y + r * N, sizeof one);
			}
			free(in.data);
			free(m.data);
		}
	nn_threads_close(crew);
	free(scratch[0]); free(w); free(x);
}

static void test_matrix_row(void **state)
{
	(void)state;
	const struct nn_kernels *kn[TABLES];
	int n = tables(kn);
	struct case_gemm c = { 1, 45, 37, 1, false, false };
	float *w = noise_floats(1, 45 * 37), row[37];
	for (int i = 0; i < n; i++)
		for (int t = NN_F32; t <= NN_F16; t++) {
			struct nn_matrix m;
			pack_matrix(&m, kn[i], (enum nn_dtype)t, &c, w, NULL, NULL);
			for (int r = 0; r < 45; r++) {
				nn_matrix_row(&m, r, row);
				for (int k = 0; k < 37; k++)
					assert_true(row[k] == rounded((enum nn_dtype)t, w[r * 37 + k]));
			}
			free(m.data);
		}
	free(w);
}

/* ---- rows ---- */

static void test_norms(void **state)
{
	(void)state;
	const struct nn_kernels *kn[TABLES];
	int tabs = tables(kn);
	for (int i = 0; i < tabs; i++)
		for (int n = 1; n < 200; n += 13) {
			float *x = noise_floats(7, (size_t)n), *w = noise_floats(8, (size_t)n), *b = noise_floats(9, (size_t)n), *y = noise_floats(1, (size_t)n);
			double mean = 0, var = 0, square = 0;
			for (int k = 0; k < n; k++)
				mean += x[k] / (double)n;
			for (int k = 0; k < n; k++) {
				var += (x[k] - mean) * (x[k] - mean) / n;
				square += (double)x[k] * x[k] / n;
			}
			kn[i]->layer_norm(y, x, w, b, n, 1e-5f);
			for (int k = 0; k < n; k++)
				assert_true(fabs(y[k] - ((x[k] - mean) / sqrt(var + 1e-5) * w[k] + b[k])) < 2e-5);
			kn[i]->rms_norm(x, x, w, n, 1e-6f);
			for (int k = 0; k < n; k++)
				assert_true(fabs(x[k] - noise(7, (uint64_t)k) / sqrt(square + 1e-6) * w[k]) < 2e-5);
			free(x); free(w); free(b); free(y);
		}
}

static void test_activations(void **state)
{
	(void)state;
	enum { N = 4003 };
	const struct nn_kernels *kn[TABLES];
	int n = tables(kn);
	for (int i = 0; i < n; i++)
		for (int a = NN_GELU_TANH; a <= NN_SILU; a++) {
			float *x = aligned(N * sizeof *x);
			for (int k = 0; k < N; k++)
				x[k] = (float)(k - N / 2) * 0.05f; /* -100 .. 100 */
			kn[i]->act((enum nn_act)a, x, N);
			for (int k = 0; k < N; k++) {
				double want = act_exact((enum nn_act)a, (float)(k - N / 2) * 0.05f);
				if (!(fabs(x[k] - want) <= 2e-6 * (fabs(want) + 0.1)))
					fail_msg("%s activation %d at %g: %g, not %g", kn[i]->name, a, (k - N / 2) * 0.05, x[k], want);
			}
			free(x);
		}
}

static void test_narrow_and_lines(void **state)
{
	(void)state;
	static const float hard[] = { 0.0f, -0.0f, 1.0f, 65504.0f, 65519.9f, 65520.0f, -1e9f, 6.1e-5f, 5.9e-8f, 2.9e-8f, 3.1e-8f, 1e-20f, 1.00390625f, 1.01171875f, 3.4e38f,
		INFINITY, -INFINITY, 1.0009765f, 0.33333334f };
	enum { N = sizeof hard / sizeof *hard * 4 + 3 };
	const struct nn_kernels *kn[TABLES];
	int n = tables(kn);
	float x[N];
	uint16_t got[N], line[96];
	for (int i = 0; i < N; i++)
		x[i] = hard[(size_t)i % (sizeof hard / sizeof *hard)];
	for (int i = 0; i < n; i++) {
		kn[i]->narrow(NN_BF16, x, got, N);
		for (int k = 0; k < N; k++)
			assert_int_equal(got[k], nn_f32_bf16(x[k]));
		kn[i]->narrow(NN_F16, x, got, N);
		for (int k = 0; k < N; k++)
			assert_int_equal(got[k], nn_f32_f16(x[k]));
		kn[i]->pack_bf16(x, 70, line, 64);
		for (int k = 0; k < 96; k++)
			assert_int_equal(line[k], k < 70 ? nn_f32_bf16(x[k]) : 0);
	}
	for (uint32_t h = 0; h < 0x10000; h++) /* every f16 but NaN survives the round trip */
		if ((h & 0x7c00) != 0x7c00 || !(h & 0x3ff))
			assert_int_equal(nn_f32_f16(nn_f16_f32((uint16_t)h)), h);
	assert_true(isnan(nn_f16_f32(nn_f32_f16(NAN))) && isnan(nn_bf16_f32(nn_f32_bf16(NAN))));
}

static void test_rope(void **state)
{
	(void)state;
	const struct nn_kernels *kn[TABLES];
	int n = tables(kn);
	struct nn_shape s = { .head_dim = 26, .rope = true, .rope_theta = 10000 };
	double freq[13];
	float cs[13], sn[13];
	nn_rope_frequencies(&s, freq);
	nn_rope_angles(freq, 13, 41, cs, sn);
	for (int i = 0; i < n; i++) {
		float *x = noise_floats(3, 26);
		kn[i]->rope(x, cs, sn, 26);
		for (int k = 0; k < 13; k++) {
			double a = 41 * pow(10000, -2.0 * k / 26), p = noise(3, (uint64_t)k), q = noise(3, (uint64_t)k + 13);
			assert_true(fabs(x[k] - (p * cos(a) - q * sin(a))) < 1e-6);
			assert_true(fabs(x[k + 13] - (q * cos(a) + p * sin(a))) < 1e-6);
		}
		free(x);
	}
}

/* ---- attention ---- */

struct case_attend {
	int n, head_dim, block, first_visible, step; /* query i sees first_visible + i / step positions */
};

static void check_attend(const struct nn_kernels *kn, enum nn_dtype t, const struct case_attend *c)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_shape s = { .layers = 2, .heads = 2, .kv_heads = 2, .head_dim = c->head_dim };
	struct nn_kv_pool kv;
	const int hd = c->head_dim, total = c->first_visible + (c->n - 1) / c->step, blocks = total / c->block + 1;
	int *table = xalloc((size_t)blocks * sizeof *table), visible[NN_QUERIES];
	float max[NN_QUERIES], sums[NN_QUERIES];
	float *k = noise_floats(1, (size_t)total * 2 * hd), *v = noise_floats(2, (size_t)total * 2 * hd), *q = noise_floats(3, (size_t)c->n * hd);
	float *out = aligned((size_t)c->n * hd * sizeof *out), *scores = aligned((size_t)NN_QUERIES * (size_t)(NN_CHUNK + c->block) * sizeof(float)), half[256];
	double *p = xalloc((size_t)total * sizeof *p);
	assert_int_equal(nn_kv_pool_open(&kv, &s, t, blocks, c->block, &e), 0);
	for (int i = 0; i < blocks; i++)
		table[i] = blocks - 1 - i;
	for (int i = 0; i < total; i++)
		nn_kv_write(kn, &kv, 1, table, i, k + (size_t)i * 2 * hd, v + (size_t)i * 2 * hd, half);
	for (int i = 0; i < c->n; i++)
		visible[i] = c->first_visible + i / c->step;
	struct nn_attend a = { .kv = &kv, .layer = 1, .kv_head = 1, .block_table = table, .to = total, .n = c->n, .max = max, .sum = sums, .scale = 0.7f, .q = q, .visible = visible, .out = out, .scores = scores };
	kn->attend(&a);
	for (int i = 0; i < c->n; i++) {
		double top = -INFINITY, sum = 0;
		for (int j = 0; j < visible[i]; j++) {
			p[j] = 0;
			for (int d = 0; d < hd; d++)
				p[j] += 0.7 * q[i * hd + d] * rounded(t, k[((size_t)j * 2 + 1) * hd + d]);
			top = fmax(top, p[j]);
		}
		for (int j = 0; j < visible[i]; j++)
			sum += p[j] = exp(p[j] - top);
		for (int d = 0; d < hd; d++) {
			double want = 0;
			for (int j = 0; j < visible[i]; j++)
				want += p[j] / sum * rounded(t, v[((size_t)j * 2 + 1) * hd + d]);
			if (!(fabs(out[i * hd + d] / sums[i] - want) < 2e-5))
				fail_msg("%s %s attend n %d dim %d block %d sees %d: query %d [%d] is %g, not %g", kn->name, nn_dtype_name(t), c->n, hd, c->block, visible[i], i, d, out[i * hd + d] / sums[i], want);
		}
	}
	nn_kv_pool_release(&kv);
	free(table); free(k); free(v); free(q); free(out); free(scores); free(p);
}

static void test_attend(void **state)
{
	(void)state;
	static const struct case_attend row[] = {
		{ 1, 64, 16, 1, 1 }, { 1, 64, 16, 700, 1 }, { 7, 64, 16, 33, 7 }, { 32, 64, 16, 250, 1 }, { 5, 80, 8, 40, 2 }, { 3, 20, 5, 300, 1 },
		{ 32, 128, 32, 1, 4 }, { 2, 16, 1, 9, 1 }, { 9, 24, 300, 600, 3 }, { 1, 10, 1024, 1030, 1 }, { 31, 32, 48, 500, 1 },
	};
	const struct nn_kernels *kn[TABLES];
	int n = tables(kn);
	for (int i = 0; i < n; i++)
		for (int t = NN_F32; t <= NN_F16; t++)
			for (size_t c = 0; c < sizeof row / sizeof *row; c++)
				check_attend(kn[i], (enum nn_dtype)t, &row[c]);
}

static void test_isa_names(void **state)
{
	(void)state;
	for (int i = NN_ISA_AUTO; i <= NN_ISA_AMX; i++)
		assert_int_equal(nn_isa_parse(nn_isa_name((enum nn_isa)i)), i);
	assert_int_equal(nn_isa_parse("sse"), -1);
	assert_true(nn_isa_available(NN_ISA_SCALAR));
	assert_int_equal(nn_kernels_for(NN_ISA_SCALAR)->isa, NN_ISA_SCALAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gemm),
		cmocka_unit_test(test_gemm_onednn),
		cmocka_unit_test(test_gemm_rows_independent),
		cmocka_unit_test(test_matrix_row),
		cmocka_unit_test(test_norms),
		cmocka_unit_test(test_activations),
		cmocka_unit_test(test_narrow_and_lines),
		cmocka_unit_test(test_rope),
		cmocka_unit_test(test_attend),
		cmocka_unit_test(test_isa_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
