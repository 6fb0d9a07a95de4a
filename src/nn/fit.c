/* See fit.h. */
#include "nn/fit.h"

#include <limits.h>
#include <stdio.h>

#define MIB (UINT64_C(1) << 20)
#define MARGIN_BYTES (128 * MIB)   /* code, libraries, buffers while loading, records */
#define UNASKED_KV_BYTES (2048 * MIB) /* most that is taken when nobody says what is needed: all of it is touched at open */
#define LEAST_KV_BLOCKS 64         /* an automatic pool smaller than this is no working engine */

/* a*b, or the largest number where that does not fit. */
static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t r;
	return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

static double gib(uint64_t bytes)
{
	return (double)bytes / 0x1p30;
}

static int refuse(const struct nn_fit_in *in, const struct nn_fit *f, uint64_t needed_kv, struct assay_err *e)
{
	uint64_t fixed = f->workspace_bytes + f->margin_bytes, half = nn_shape_weight_bytes(in->shape, NN_BF16);
	const char *advice = "try a smaller model";
	if (in->kv_bytes && f->weight_bytes + fixed < in->safe_bytes)
		advice = "try a smaller --kv-memory";
	else if (f->weight_bytes + f->margin_bytes + needed_kv < in->safe_bytes)
		advice = "try a smaller --max-batched-tokens or --max-num-seqs";
	else if (in->dtype == NN_F32 && half + fixed + needed_kv / 2 <= in->safe_bytes)
		advice = "try --dtype bf16";
	else if (in->dtype == NN_F32)
		advice = "try --dtype bf16 or a smaller model";
	return assay_fail(e, ASSAY_E_MODEL, "model %s as %s needs %.2f GiB (weights %.2f, KV cache %.2f, workspace %.2f, margin %.2f), has %.2f GiB safely free: %s",
	                  in->shape->name, nn_dtype_name(in->dtype), gib(f->weight_bytes + fixed + needed_kv), gib(f->weight_bytes), gib(needed_kv),
	                  gib(f->workspace_bytes), gib(f->margin_bytes), gib(in->safe_bytes), advice);
}

static uint64_t wanted_blocks(const struct nn_fit_in *in, uint64_t block_bytes)
{
	uint64_t size = (uint64_t)in->block_size, full = times((uint64_t)in->max_num_seqs, (uint64_t)in->shape->max_context);
	uint64_t tokens = in->kv_tokens_wanted ? in->kv_tokens_wanted : full;
	uint64_t blocks = tokens / size + (tokens % size != 0), most = UNASKED_KV_BYTES / block_bytes + 1;
	return in->kv_tokens_wanted || blocks < most ? blocks : most;
}

int nn_fit(const struct nn_fit_in *in, struct nn_fit *out, struct assay_err *e)
{
	uint64_t block = nn_shape_kv_bytes_per_token(in->shape, in->kv_dtype) * (uint64_t)in->block_size;
	uint64_t blocks = in->kv_bytes ? in->kv_bytes / block : wanted_blocks(in, block);
	if (!blocks)
		return assay_fail(e, ASSAY_E_USAGE, "--kv-memory %llu: less than one block of %d tokens (%llu bytes): give more", (unsigned long long)in->kv_bytes,
		                  in->block_size, (unsigned long long)block);
	*out = (struct nn_fit){ .weight_bytes = nn_shape_weight_bytes(in->shape, in->dtype), .workspace_bytes = in->workspace_bytes, .margin_bytes = MARGIN_BYTES };
	uint64_t fixed = out->weight_bytes + out->workspace_bytes + out->margin_bytes;
	uint64_t room = in->safe_bytes > fixed ? (in->safe_bytes - fixed) / block : 0;
	uint64_t least = in->kv_bytes || blocks < LEAST_KV_BLOCKS ? blocks : LEAST_KV_BLOCKS;
	if (in->safe_bytes != UINT64_MAX && least > room)
		return refuse(in, out, times(least, block), e);
	if (in->safe_bytes != UINT64_MAX && blocks > room)
		blocks = room;
	if (blocks > INT_MAX / 2)
		blocks = INT_MAX / 2;
	out->kv_blocks = (int)blocks;
	out->kv_bytes = blocks * block;
	return 0;
}
