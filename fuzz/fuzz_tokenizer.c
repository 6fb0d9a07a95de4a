/* libFuzzer: a tokenizer.json, a NUL, then text for it. Whatever is accepted must give ids inside its
 * vocabulary and the same bytes back (not the same under NFC). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nn/tokenizer_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct nn_tokenizer *t, const char *text, size_t len)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf out;
	int32_t *ids = NULL;
	size_t n = 0;
	assay_buf_init(&out, 1 << 24);
	if (nn_tokenizer_encode(t, text, len, &ids, &n, &e) == 0) {
		for (size_t i = 0; i < n; i++)
			if (ids[i] < 0 || ids[i] >= nn_tokenizer_vocab(t))
				abort();
		if (nn_tokenizer_decode(t, ids, n, &out) == 0 && !t->nfc && (out.len_bytes != len || (len && memcmp(out.data, text, len))))
			abort();
	}
	free(ids);
	assay_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nn_tokenizer *t = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	char *why = NULL;
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t json = nul ? (size_t)(nul - data) : size;
	if (nn_tokenizer_from_json((const char *)data, json, "fuzz", &t, &why, &e) == 0)
		use(t, nul ? (const char *)nul + 1 : "a b", nul ? size - json - 1 : 3);
	nn_tokenizer_close(t);
	free(why);
	return 0;
}
