/* Builds GGUF bytes for tests, right or wrong on purpose. */
#ifndef ASSAY_TESTS_GGUF_BUILD_H
#define ASSAY_TESTS_GGUF_BUILD_H

#include <stdint.h>

#include "base/mem.h"

struct gguf_build {
	struct assay_buf kv, infos, data;
	uint64_t n_kv, n_tensors;
};

void gguf_build_init(struct gguf_build *b);
void gguf_build_release(struct gguf_build *b);
void gguf_put_u32(struct gguf_build *b, const char *key, uint32_t v);
void gguf_put_f32(struct gguf_build *b, const char *key, float v);
void gguf_put_str(struct gguf_build *b, const char *key, const char *v);
void gguf_put_strs(struct gguf_build *b, const char *key, const char *const *v, uint64_t n);
void gguf_put_i32s(struct gguf_build *b, const char *key, const int32_t *v, uint64_t n);
/* A tensor of F32 zeros unless data is given (size_bytes of it); cols x rows, rows 0 = a vector. */
void gguf_put_tensor(struct gguf_build *b, const char *name, uint32_t type, uint64_t cols, uint64_t rows, const void *data, size_t size_bytes);
/* A good small model: the keys of an architecture whose keys are llama's, and the tensors, f32; row r of a matrix holds r + column / 64. */
enum { GGUF_LLAMA_LAYERS = 1, GGUF_LLAMA_HIDDEN = 8, GGUF_LLAMA_HEADS = 2, GGUF_LLAMA_KV = 1, GGUF_LLAMA_HD = 4, GGUF_LLAMA_FFN = 16, GGUF_LLAMA_VOCAB = 12 };
void gguf_put_ramp(struct gguf_build *b, const char *name, uint64_t cols, uint64_t rows);
void gguf_put_llama_keys(struct gguf_build *b, const char *arch);
void gguf_put_llama_tensors(struct gguf_build *b);
/* Header, metadata, tensor table, padding, data. The caller releases *out. */
void gguf_build_finish(const struct gguf_build *b, struct assay_buf *out);
/* Writes the bytes to a file under /tmp; returns its malloc'ed path. */
char *gguf_build_save(const struct gguf_build *b, const char *base_name);

#endif
