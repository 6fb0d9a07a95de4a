/* Synthetic weights: every value is a pure function of (seed, tensor name, element
 * number in the logical [rows][cols] layout), so any thread may make any part and
 * every machine makes the same bits. Must not know how values are used. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/families.h"
#include "nn/kernels_source.h"
#include "nn/source.h"

/* z of the header is the integer sum times 2^-15: its standard deviation is 2/sqrt(3) = 1.155.
 * 2^-6 gives weights of sd 0.018, near the 0.02 that all these families are initialised with. */
#define WEIGHT_SD 0x1p-6
#define BIAS_SD 0x1p-7
#define NORM_SD 0x1p-4
#define SUM_TO_Z 0x1p-15

struct synth {
	uint64_t key;
};

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);
	return n >= m && !strcmp(s + n - m, tail);
}

static int synth_find(struct nn_source *s, const char *name, int64_t rows, int64_t cols, struct nn_view *out, struct assay_err *e)
{
	const struct synth *p = s->priv;
	size_t n = strlen(name);
	if (rows < 1 || cols < 1 || n >= sizeof out->name)
		return assay_fail(e, ASSAY_E_MODEL, "%.100s: a tensor of %lld x %lld cannot be made", name, (long long)rows, (long long)cols);
	*out = (struct nn_view){ .rows = rows, .cols = cols, .stored = NN_F32, .src = s };
	memcpy(out->name, name, n + 1);
	out->key = assay_rng_key(p->key, assay_hash_name(nn_family_tied_name(&s->shape, name)));
	bool bias = ends_with(name, ".bias"), norm = rows == 1 && !bias;
	out->mean = norm ? 1 : 0;
	out->sd = norm ? NORM_SD : bias ? BIAS_SD : WEIGHT_SD;
	return 0;
}

static void synth_fetch(const struct nn_view *v, int64_t row0, int64_t nrows, float *dst)
{
	uint64_t first = (uint64_t)row0 * (uint64_t)v->cols;
	nn_fill_noise(v->key, first, (size_t)(nrows * v->cols), (float)v->mean, (float)(v->sd * SUM_TO_Z), dst);
}

static void synth_close(struct nn_source *s)
{
	free(s->priv);
	free(s);
}

static const struct nn_source_ops synth_ops = { "synthetic", synth_find, synth_fetch, synth_close };

int nn_synth_open(const struct nn_shape *preset, uint64_t seed, struct nn_source **out, struct assay_err *e)
{
	int rc = nn_shape_check(preset, e);
	if (rc)
		return rc;
	struct nn_source *s = xalloc(sizeof *s);
	struct synth *p = xalloc(sizeof *p);
	p->key = assay_mix64(seed ^ UINT64_C(0x61737361792d6e6e));
	*s = (struct nn_source){ .ops = &synth_ops, .shape = *preset, .priv = p };
	s->shape.synthetic = true;
	*out = s;
	return 0;
}
