/* The kernels that are the same for every instruction set, written once over a
 * vector of VL floats. Included by kernels_*.c (only), each of which defines first:
 *   VL, vf, FN (attributes of a function), INL (of an inlined one),
 *   v_load v_store v_set v_fma(a,b,c)=a*b+c v_max v_sum v_hmax v_pow2(vf integer)
 *   v_round v_zero_below(e,x,limit) v_load_bf16 v_load_f16 v_store_bf16 v_store_f16,
 *   SCORE_ROWS, VALUE_ROWS (register tiles of attention).
 * + - * / work on vf directly. Knows nothing of models beyond kernels.h. */

#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* ---- activations into lines ---- */

FN void pack_f32(const float *src, int n, void *dst, size_t stride)
{
	char *d = dst;
	for (; n >= 16; n -= 16, src += 16, d += stride)
		memcpy(d, src, 64);
	if (n > 0) {
		float line[16] = { 0 };
		memcpy(line, src, (size_t)n * 4);
		memcpy(d, line, 64);
	}
}

FN void pack_bf16(const float *src, int n, void *dst, size_t stride)
{
	char *d = dst;
	for (; n >= 32; n -= 32, src += 32, d += stride)
		for (int i = 0; i < 32; i += VL)
			v_store_bf16((uint16_t *)d + i, v_load(src + i));
	if (n > 0) {
		uint16_t line[32] = { 0 };
		for (int i = 0; i < n; i++)
			line[i] = nn_f32_bf16(src[i]);
		memcpy(d, line, 64);
	}
}

FN void narrow(enum nn_dtype t, const float *src, void *dst, int n)
{
	uint16_t *h = dst;
	int i = 0;
	if (t == NN_F32) {
		memcpy(dst, src, (size_t)n * 4);
	} else if (t == NN_BF16) {
		for (; i + VL <= n; i += VL)
			v_store_bf16(h + i, v_load(src + i));
		for (; i < n; i++)
			h[i] = nn_f32_bf16(src[i]);
	} else {
		for (; i + VL <= n; i += VL)
			v_store_f16(h + i, v_load(src + i));
		for (; i < n; i++)
			h[i] = nn_f32_f16(src[i]);
	}
}

/* ---- norms ---- */

FN void layer_norm(float *dst, const float *src, const float *w, const float *b, int n, float eps)
{
	vf acc = v_set(0);
	int i = 0;
	for (; i + VL <= n; i += VL)
		acc = acc + v_load(src + i);
	float sum = v_sum(acc);
	for (; i < n; i++)
		sum += src[i];
	float mean = sum / (float)n;
	acc = v_set(0);
	for (i = 0; i + VL <= n; i += VL) {
		vf d = v_load(src + i) - v_set(mean);
		acc = v_fma(d, d, acc);
	}
	float square = v_sum(acc);
	for (; i < n; i++)
		square += (src[i] - mean) * (src[i] - mean);
	float r = 1 / sqrtf(square / (float)n + eps);
	for (i = 0; i + VL <= n; i += VL)
		v_store(dst + i, v_fma((v_load(src + i) - v_set(mean)) * v_set(r), v_load(w + i), v_load(b + i)));
	for (; i < n; i++)
		dst[i] = (src[i] - mean) * r * w[i] + b[i];
}

FN void rms_norm(float *dst, const float *src, const float *w, int n, float eps)
{
	vf acc = v_set(0);
	int i = 0;
	for (; i + VL <= n; i += VL)
		acc = v_fma(v_load(src + i), v_load(src + i), acc);
	float square = v_sum(acc);
	for (; i < n; i++)
		square += src[i] * src[i];
	float r = 1 / sqrtf(square / (float)n + eps);
	for (i = 0; i + VL <= n; i += VL)
		v_store(dst + i, v_load(src + i) * v_set(r) * v_load(w + i));
	for (; i < n; i++)
		dst[i] = src[i] * r * w[i];
}

/* ---- elementwise ---- */

/* e^x for x <= 88, 0 below -87: x = n ln2 + r, |r| <= ln2/2, a degree-6 polynomial (Cephes expf), 2^n by exponent bits. */
INL vf v_exp(vf x)
{
	vf y = v_max(x, v_set(-87.0f));
	vf n = v_round(y * v_set(1.44269504088896341f));
	vf r = v_fma(n, v_set(-0.693359375f), y);
	r = v_fma(n, v_set(2.12194440e-4f), r);
	vf p = v_set(1.9875691500e-4f);
	p = v_fma(p, r, v_set(1.3981999507e-3f));
	p = v_fma(p, r, v_set(8.3334519073e-3f));
	p = v_fma(p, r, v_set(4.1665795894e-2f));
	p = v_fma(p, r, v_set(1.6666665459e-1f));
	p = v_fma(p, r, v_set(5.0000001201e-1f));
	p = v_fma(p, r * r, r) + v_set(1.0f);
	return v_zero_below(p * v_pow2(n), x, -87.0f);
}

/* x / (1 + e^-t): SiLU for t = x; GELU with tanh for t = 2 sqrt(2/pi) (x + 0.044715 x^3), since 1 + tanh(t/2) = 2 / (1 + e^-t). */
INL vf v_gate(vf x, vf t)
{
	vf low = v_set(0) - v_max(v_set(0) - t, v_set(-87.0f)); /* min(t, 87) */
	return x / (v_set(1.0f) + v_exp(v_set(0) - v_max(low, v_set(-87.0f))));
}

INL vf v_act(enum nn_act a, vf x)
{
	if (a == NN_RELU)
		return v_max(x, v_set(0));
	if (a == NN_SILU)
		return v_gate(x, x);
	return v_gate(x, x * v_fma(x * x, v_set(0.0713548163f), v_set(1.5957691216f)));
}

INL void act_all(enum nn_act a, float *x, int n)
{
	int i = 0;
	for (; i + VL <= n; i += VL)
		v_store(x + i, v_act(a, v_load(x + i)));
	if (i < n) {
		float tail[VL] = { 0 };
		memcpy(tail, x + i, (size_t)(n - i) * 4);
		v_store(tail, v_act(a, v_load(tail)));
		memcpy(x + i, tail, (size_t)(n - i) * 4);
	}
}

FN void act(enum nn_act a, float *x, int n)
{
	if (a == NN_GELU_ERF)
		for (int i = 0; i < n; i++)
			x[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678118f));
	else if (a == NN_RELU)
		act_all(NN_RELU, x, n);
	else if (a == NN_SILU)
		act_all(NN_SILU, x, n);
	else
		act_all(NN_GELU_TANH, x, n);
}

FN void add(float *dst, const float *src, int n)
{
	int i = 0;
	for (; i + VL <= n; i += VL)
		v_store(dst + i, v_load(dst + i) + v_load(src + i));
	for (; i < n; i++)
		dst[i] += src[i];
}

FN void mul(float *dst, const float *src, int n)
{
	int i = 0;
	for (; i + VL <= n; i += VL)
		v_store(dst + i, v_load(dst + i) * v_load(src + i));
	for (; i < n; i++)
		dst[i] *= src[i];
}

FN void rope(float *x, const float *cs, const float *sn, int n)
{
	int h = n / 2, i = 0;
	for (; i + VL <= h; i += VL) {
		vf a = v_load(x + i), b = v_load(x + h + i), c = v_load(cs + i), s = v_load(sn + i);
		v_store(x + i, a * c - b * s);
		v_store(x + h + i, b * c + a * s);
	}
	for (; i < h; i++) {
		float a = x[i], b = x[h + i];
		x[i] = a * cs[i] - b * sn[i];
		x[h + i] = b * cs[i] + a * sn[i];
	}
}

/* ---- attention: chunks of positions with a running maximum (online softmax). Chunks start at fixed
 * positions and every sum runs in order of dimension or position, so a query's result does not depend
 * on the other queries of the item. ---- */

INL vf kv_load(enum nn_dtype t, const void *p, size_t i)
{
	if (t == NN_F32)
		return v_load((const float *)p + i);
	if (t == NN_BF16)
		return v_load_bf16((const uint16_t *)p + i);
	return v_load_f16((const uint16_t *)p + i);
}

INL float kv_get(enum nn_dtype t, const void *p, size_t i)
{
	if (t == NN_F32)
		return ((const float *)p)[i];
	return t == NN_BF16 ? nn_bf16_f32(((const uint16_t *)p)[i]) : nn_f16_f32(((const uint16_t *)p)[i]);
}

/* s[r][at[v]..+VL] = q[r] . K for R queries and N vectors of positions; k[v] points at dimension 0. */
INL void score_tile(enum nn_dtype t, const int R, const int N, const float *q, int hd, const void *const *k, int bs, float *s, int ld, const int *at)
{
	vf acc[8][4];
	UNROLL for (int r = 0; r < R; r++)
		UNROLL for (int v = 0; v < N; v++)
			acc[r][v] = v_set(0);
	for (int d = 0; d < hd; d++) {
		vf kv[4];
		UNROLL for (int v = 0; v < N; v++)
			kv[v] = kv_load(t, k[v], (size_t)d * bs);
		UNROLL for (int r = 0; r < R; r++) {
			vf x = v_set(q[r * hd + d]);
			UNROLL for (int v = 0; v < N; v++)
				acc[r][v] = v_fma(x, kv[v], acc[r][v]);
		}
	}
	UNROLL for (int r = 0; r < R; r++)
		UNROLL for (int v = 0; v < N; v++)
			v_store(s + r * ld + at[v], acc[r][v]);
}

INL void score_vectors(enum nn_dtype t, const float *q, int n, int hd, const void *const *k, int nv, int bs, float *s, int ld, const int *at)
{
	int r = 0, v;
	for (; r + SCORE_ROWS <= n; r += SCORE_ROWS) {
		for (v = 0; v + 2 <= nv; v += 2)
			score_tile(t, SCORE_ROWS, 2, q + r * hd, hd, k + v, bs, s + r * ld, ld, at + v);
		if (v < nv)
			score_tile(t, SCORE_ROWS, 1, q + r * hd, hd, k + v, bs, s + r * ld, ld, at + v);
	}
	for (; r < n; r++) {
		for (v = 0; v + 4 <= nv; v += 4)
			score_tile(t, 1, 4, q + r * hd, hd, k + v, bs, s + r * ld, ld, at + v);
		for (; v < nv; v++)
			score_tile(t, 1, 1, q + r * hd, hd, k + v, bs, s + r * ld, ld, at + v);
	}
}

/* The positions of a block past its last whole vector. */
INL void score_tail(enum nn_dtype t, const float *q, int n, int hd, const void *k, int first, int bs, float *s, int ld)
{
	for (int r = 0; r < n; r++)
		for (int p = first; p < bs; p++) {
			float sum = 0;
			for (int d = 0; d < hd; d++)
				sum += q[r * hd + d] * kv_get(t, k, (size_t)d * bs + p);
			s[r * ld + p] = sum;
		}
}

/* out[r][d0 .. d0+N*VL) += sum over positions of p[r][pos] * v[pos][d]. */
INL void value_tile(enum nn_dtype t, const int R, const int N, const void *const *vb, int np, int bs, int hd, int d0, const float *p, int ld, float *out)
{
	vf acc[8][4];
	UNROLL for (int r = 0; r < R; r++)
		UNROLL for (int v = 0; v < N; v++)
			acc[r][v] = v_load(out + r * hd + d0 + v * VL);
	for (int b = 0; b * bs < np; b++) {
		int end = np - b * bs < bs ? np - b * bs : bs;
		for (int i = 0; i < end; i++) {
			vf x[4];
			UNROLL for (int v = 0; v < N; v++)
				x[v] = kv_load(t, vb[b], (size_t)i * hd + d0 + v * VL);
			UNROLL for (int r = 0; r < R; r++) {
				vf w = v_set(p[r * ld + b * bs + i]);
				UNROLL for (int v = 0; v < N; v++)
					acc[r][v] = v_fma(w, x[v], acc[r][v]);
			}
		}
	}
	UNROLL for (int r = 0; r < R; r++)
		UNROLL for (int v = 0; v < N; v++)
			v_store(out + r * hd + d0 + v * VL, acc[r][v]);
}

INL void value_rows(enum nn_dtype t, const int R, const void *const *vb, int np, int bs, int hd, const float *p, int ld, float *out)
{
	int d = 0;
	for (; d + 4 * VL <= hd; d += 4 * VL)
		value_tile(t, R, 4, vb, np, bs, hd, d, p, ld, out);
	for (; d + VL <= hd; d += VL)
		value_tile(t, R, 1, vb, np, bs, hd, d, p, ld, out);
	for (; d < hd; d++)
		for (int r = 0; r < R; r++)
			for (int i = 0; i < np; i++)
				out[r * hd + d] += p[r * ld + i] * kv_get(t, vb[i / bs], (size_t)(i % bs) * hd + d);
}

/* Scores of n visible positions to weights e^(scale s - max); out and *sum are rescaled to the new maximum. */
INL void soften(float *s, int n, int np, float scale, float *max, float *sum, float *out, int hd)
{
	int whole = (n + VL - 1) / VL * VL;
	for (int i = n; i < whole; i++)
		s[i] = -1e30f;
	vf m = v_set(-1e30f);
	for (int i = 0; i < whole; i += VL)
		m = v_max(m, v_load(s + i));
	float top = v_hmax(m) * scale;
	if (top < *max)
		top = *max;
	vf acc = v_set(0);
	for (int i = 0; i < whole; i += VL) {
		vf e = v_exp(v_fma(v_load(s + i), v_set(scale), v_set(-top)));
		v_store(s + i, e);
		acc = acc + e;
	}
	for (int i = whole; i < np; i++)
		s[i] = 0;
	float keep = *max == -INFINITY ? 0 : expf(*max - top);
	*sum = *sum * keep + v_sum(acc);
	*max = top;
	for (int d = 0; d < hd; d++)
		out[d] *= keep;
}

INL void attend_as(enum nn_dtype t, const struct nn_attend *a)
{
	enum { MOST = 1024 }; /* blocks of a chunk, vectors of a chunk */
	const struct nn_kv_pool *kv = a->kv;
	const int hd = kv->head_dim, bs = kv->block_size, per = bs < NN_CHUNK ? NN_CHUNK / bs : 1, chunk = per * bs;
	const int ld = (chunk + 15) / 16 * 16, elem = t == NN_F32 ? 4 : 2;
	const int total = a->visible[a->n - 1] < a->to ? a->visible[a->n - 1] : a->to;
	const void *kp[MOST], *kb[NN_CHUNK], *vb[NN_CHUNK];
	int at[MOST];
	for (int i = 0; i < a->n; i++)
		a->max[i] = -INFINITY, a->sum[i] = 0;
	memset(a->out, 0, (size_t)a->n * hd * sizeof(float));
	for (int c0 = a->from, q0 = 0; c0 < total; c0 += chunk) {
		int np = total - c0 < chunk ? total - c0 : chunk, nv = 0;
		while (a->visible[q0] <= c0)
			q0++;
		const float *q = a->q + (size_t)q0 * hd;
		int n = a->n - q0;
		for (int b = 0; b * bs < np; b++) {
			size_t first = nn_kv_index(kv, a->layer, a->block_table[c0 / bs + b], a->kv_head);
			kb[b] = (const char *)kv->k + first * elem;
			vb[b] = (const char *)kv->v + first * elem;
			int used = np - b * bs < bs ? np - b * bs : bs, p = 0;
			for (; p < used && p + VL <= bs; p += VL) {
				kp[nv] = (const char *)kb[b] + p * elem;
				at[nv++] = b * bs + p;
			}
			if (p < used)
				score_tail(t, q, n, hd, kb[b], p, bs, a->scores + b * bs, ld);
		}
		score_vectors(t, q, n, hd, kp, nv, bs, a->scores, ld, at);
		for (int i = 0; i < n; i++) {
			int seen = a->visible[q0 + i] - c0;
			soften(a->scores + i * ld, seen < np ? seen : np, np, a->scale, &a->max[q0 + i], &a->sum[q0 + i], a->out + (size_t)(q0 + i) * hd, hd);
		}
		int i = 0;
		for (; i + VALUE_ROWS <= n; i += VALUE_ROWS)
			value_rows(t, VALUE_ROWS, vb, np, bs, hd, a->scores + i * ld, ld, a->out + (size_t)(q0 + i) * hd);
		for (; i < n; i++)
			value_rows(t, 1, vb, np, bs, hd, a->scores + i * ld, ld, a->out + (size_t)(q0 + i) * hd);
	}
}

FN void attend(const struct nn_attend *a)
{
	if (a->kv->dtype == NN_F32)
		attend_as(NN_F32, a);
	else if (a->kv->dtype == NN_BF16)
		attend_as(NN_BF16, a);
	else
		attend_as(NN_F16, a);
}
