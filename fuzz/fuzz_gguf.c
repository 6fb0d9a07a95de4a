/* libFuzzer: any bytes as a GGUF file. What is accepted must lie inside the bytes; its model
 * shape, tensors and tokenizer are read as the program would, and text must survive the tokenizer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nn/gguf_model.h"
#include "nn/quants.h"
#include "nn/tokenizer_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tensors(const struct nn_gguf *g, const uint8_t *data, size_t size)
{
	float block[256];
	for (size_t i = 0; i < g->n_tensors; i++) {
		const struct nn_gguf_tensor *t = &g->tensor[i];
		const struct nn_quant *q = nn_quant_of_ggml(t->type);
		if (t->data < data || t->data > data + size || t->size_bytes > (size_t)(data + size - t->data))
			abort();
		for (uint64_t at = 0; q->widen && at + (uint64_t)q->block_bytes <= t->size_bytes && at < 4096; at += (uint64_t)q->block_bytes)
			q->widen(t->data + at, q->block, block);
	}
}

static void read_tokenizer(const struct nn_gguf *g)
{
	static const char text[] = "Hello\xff <|im_start|> caf\xc3\xa9 123\n\n  x";
	struct nn_tokenizer *t = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf out;
	char *why = NULL;
	int32_t *ids = NULL;
	size_t n = 0;
	assay_buf_init(&out, 1 << 24);
	if (nn_tokenizer_from_gguf(g, &t, &why, &e) == 0 && nn_tokenizer_encode(t, text, sizeof text - 1, &ids, &n, &e) == 0) {
		if (nn_tokenizer_decode(t, ids, n, &out) || out.len_bytes != sizeof text - 1 || memcmp(out.data, text, out.len_bytes))
			abort();
		nn_tokenizer_chat(t, text, sizeof text - 1, &out, &e);
	}
	nn_tokenizer_close(t);
	free(why);
	free(ids);
	assay_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nn_gguf g;
	struct nn_shape s;
	struct assay_err e = ASSAY_ERR_INIT;
	if (nn_gguf_parse(data, size, "fuzz", &g, &e))
		return 0;
	read_tensors(&g, data, size);
	nn_gguf_model_shape(&g, &s, &e);
	read_tokenizer(&g);
	nn_gguf_release(&g);
	return 0;
}
