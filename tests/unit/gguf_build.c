/* See gguf_build.h. */
#include "unit/gguf_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAP (64u << 20)

static void u32(struct assay_buf *b, uint32_t v) { assay_buf_append(b, &v, sizeof v); }
static void u64(struct assay_buf *b, uint64_t v) { assay_buf_append(b, &v, sizeof v); }

static void str(struct assay_buf *b, const char *s)
{
	u64(b, strlen(s));
	assay_buf_append(b, s, strlen(s));
}

void gguf_build_init(struct gguf_build *b)
{
	*b = (struct gguf_build){ .n_kv = 0 };
	assay_buf_init(&b->kv, CAP);
	assay_buf_init(&b->infos, CAP);
	assay_buf_init(&b->data, CAP);
}

void gguf_build_release(struct gguf_build *b)
{
	assay_buf_release(&b->kv);
	assay_buf_release(&b->infos);
	assay_buf_release(&b->data);
}

static void key(struct gguf_build *b, const char *k, uint32_t kind)
{
	str(&b->kv, k);
	u32(&b->kv, kind);
	b->n_kv++;
}

void gguf_put_u32(struct gguf_build *b, const char *k, uint32_t v)
{
	key(b, k, 4);
	u32(&b->kv, v);
}

void gguf_put_f32(struct gguf_build *b, const char *k, float v)
{
	key(b, k, 6);
	assay_buf_append(&b->kv, &v, sizeof v);
}

void gguf_put_str(struct gguf_build *b, const char *k, const char *v)
{
	key(b, k, 8);
	str(&b->kv, v);
}

void gguf_put_strs(struct gguf_build *b, const char *k, const char *const *v, uint64_t n)
{
	key(b, k, 9);
	u32(&b->kv, 8);
	u64(&b->kv, n);
	for (uint64_t i = 0; i < n; i++)
		str(&b->kv, v[i]);
}

void gguf_put_i32s(struct gguf_build *b, const char *k, const int32_t *v, uint64_t n)
{
	key(b, k, 9);
	u32(&b->kv, 5);
	u64(&b->kv, n);
	assay_buf_append(&b->kv, v, n * sizeof *v);
}

static void pad(struct assay_buf *b)
{
	static const char zero[32];
	assay_buf_append(b, zero, (32 - b->len_bytes % 32) % 32);
}

void gguf_put_tensor(struct gguf_build *b, const char *name, uint32_t type, uint64_t cols, uint64_t rows, const void *data, size_t size)
{
	str(&b->infos, name);
	u32(&b->infos, rows ? 2 : 1);
	u64(&b->infos, cols);
	if (rows)
		u64(&b->infos, rows);
	u32(&b->infos, type);
	u64(&b->infos, b->data.len_bytes);
	b->n_tensors++;
	if (data) {
		assay_buf_append(&b->data, data, size);
	} else {
		size = cols * (rows ? rows : 1) * sizeof(float);
		void *zero = xalloc(size);
		assay_buf_append(&b->data, zero, size);
		free(zero);
	}
	pad(&b->data);
}

void gguf_build_finish(const struct gguf_build *b, struct assay_buf *out)
{
	assay_buf_init(out, 3 * CAP);
	assay_buf_append(out, "GGUF", 4);
	u32(out, 3);
	u64(out, b->n_tensors);
	u64(out, b->n_kv);
	assay_buf_append(out, b->kv.data ? b->kv.data : "", b->kv.len_bytes);
	assay_buf_append(out, b->infos.data ? b->infos.data : "", b->infos.len_bytes);
	pad(out);
	assay_buf_append(out, b->data.data ? b->data.data : "", b->data.len_bytes);
}

char *gguf_build_save(const struct gguf_build *b, const char *base_name)
{
	struct assay_buf bytes;
	gguf_build_finish(b, &bytes);
	char *path = xasprintf("/tmp/assay-test-%d-%s", (int)getpid(), base_name);
	FILE *f = fopen(path, "wbe");
	if (!f || fwrite(bytes.data, 1, bytes.len_bytes, f) != bytes.len_bytes || fclose(f))
		abort();
	assay_buf_release(&bytes);
	return path;
}

void gguf_put_llama_keys(struct gguf_build *b, const char *arch)
{
	static const struct { const char *key; uint32_t v; } row[] = {
		{ "block_count", GGUF_LLAMA_LAYERS }, { "context_length", 64 }, { "embedding_length", GGUF_LLAMA_HIDDEN }, { "feed_forward_length", GGUF_LLAMA_FFN },
		{ "attention.head_count", GGUF_LLAMA_HEADS }, { "attention.head_count_kv", GGUF_LLAMA_KV },
	};
	char key[64];
	gguf_put_str(b, "general.architecture", arch);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		snprintf(key, sizeof key, "%s.%s", arch, row[i].key);
		gguf_put_u32(b, key, row[i].v);
	}
	snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", arch);
	gguf_put_f32(b, key, 1e-5f);
	gguf_put_u32(b, "tokenizer.ggml.bos_token_id", 1);
	gguf_put_u32(b, "tokenizer.ggml.eos_token_id", 2);
	gguf_put_u32(b, "tokenizer.ggml.eot_token_id", 3);
	gguf_put_i32s(b, "some.list", (const int32_t[]){ 1, 2, 3 }, 3);
}

/* Row r of every matrix holds r + column / 64. */
static float *ramp(uint64_t cols, uint64_t rows)
{
	float *v = xalloc(cols * rows * sizeof *v);
	for (uint64_t i = 0; i < cols * rows; i++)
		v[i] = (float)(i / cols) + (float)(i % cols) / 64;
	return v;
}

void gguf_put_ramp(struct gguf_build *b, const char *name, uint64_t cols, uint64_t rows)
{
	float *v = ramp(cols, rows ? rows : 1);
	gguf_put_tensor(b, name, 0, cols, rows, v, cols * (rows ? rows : 1) * sizeof *v);
	free(v);
}

void gguf_put_llama_tensors(struct gguf_build *b)
{
	gguf_put_ramp(b, "token_embd.weight", GGUF_LLAMA_HIDDEN, GGUF_LLAMA_VOCAB);
	gguf_put_ramp(b, "output_norm.weight", GGUF_LLAMA_HIDDEN, 0);
	gguf_put_ramp(b, "blk.0.attn_norm.weight", GGUF_LLAMA_HIDDEN, 0);
	gguf_put_ramp(b, "blk.0.ffn_norm.weight", GGUF_LLAMA_HIDDEN, 0);
	gguf_put_ramp(b, "blk.0.attn_q.weight", GGUF_LLAMA_HIDDEN, GGUF_LLAMA_HEADS * GGUF_LLAMA_HD);
	gguf_put_ramp(b, "blk.0.attn_k.weight", GGUF_LLAMA_HIDDEN, GGUF_LLAMA_KV * GGUF_LLAMA_HD);
	gguf_put_ramp(b, "blk.0.attn_v.weight", GGUF_LLAMA_HIDDEN, GGUF_LLAMA_KV * GGUF_LLAMA_HD);
	gguf_put_ramp(b, "blk.0.attn_output.weight", GGUF_LLAMA_HEADS * GGUF_LLAMA_HD, GGUF_LLAMA_HIDDEN);
	gguf_put_ramp(b, "blk.0.ffn_gate.weight", GGUF_LLAMA_HIDDEN, GGUF_LLAMA_FFN);
	gguf_put_ramp(b, "blk.0.ffn_up.weight", GGUF_LLAMA_HIDDEN, GGUF_LLAMA_FFN);
	gguf_put_ramp(b, "blk.0.ffn_down.weight", GGUF_LLAMA_FFN, GGUF_LLAMA_HIDDEN);
}
