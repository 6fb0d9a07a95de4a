/* See vocab.h. */
#include "nn/vocab.h"

#include <stdlib.h>
#include <string.h>

#define N_ALPHABET 324 /* code points in use: 0..255 for printable bytes, 256.. for the other 68 */

void nn_vocab_init(struct nn_vocab *v, int n)
{
	uint32_t slots = 16;
	while (slots < 2u * (uint32_t)n)
		slots *= 2;
	*v = (struct nn_vocab){ .n = n, .mask = slots - 1 };
	v->row = xalloc((size_t)n * sizeof *v->row + 1);
	v->slot = xalloc(slots * sizeof *v->slot);
	memset(v->slot, 0xff, slots * sizeof *v->slot);
	assay_buf_init(&v->blob, NN_VOCAB_MAX_BYTES);
}

void nn_vocab_release(struct nn_vocab *v)
{
	free(v->row);
	free(v->slot);
	assay_buf_release(&v->blob);
	*v = (struct nn_vocab){ 0 };
}

int nn_vocab_set(struct nn_vocab *v, int32_t id, const char *bytes, size_t n)
{
	size_t at = v->blob.len_bytes;
	if (assay_buf_append(&v->blob, bytes, n))
		return -1;
	v->row[id] = (struct nn_vocab_row){ (uint32_t)at, (uint32_t)n, true };
	return 0;
}

static uint32_t hash(const char *s, size_t n) /* FNV-1a */
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

static bool same(const struct nn_vocab *v, int32_t id, const char *s, size_t n)
{
	return v->row[id].len_bytes == n && (!n || !memcmp(v->blob.data + v->row[id].at, s, n));
}

bool nn_vocab_index(struct nn_vocab *v, int32_t id)
{
	size_t n;
	const char *s = nn_vocab_bytes(v, id, &n);
	uint32_t i = hash(s, n) & v->mask;
	for (; v->slot[i] >= 0; i = (i + 1) & v->mask)
		if (same(v, v->slot[i], s, n))
			return v->slot[i] == id;
	v->slot[i] = id;
	if (n > v->longest_bytes)
		v->longest_bytes = n;
	return true;
}

int32_t nn_vocab_find(const struct nn_vocab *v, const char *s, size_t n)
{
	if (n > v->longest_bytes)
		return -1;
	uint32_t i = hash(s, n) & v->mask;
	while (v->slot[i] >= 0 && !same(v, v->slot[i], s, n))
		i = (i + 1) & v->mask;
	return v->slot[i];
}

const char *nn_vocab_bytes(const struct nn_vocab *v, int32_t id, size_t *n)
{
	*n = 0;
	if (id < 0 || id >= v->n || !v->row[id].present)
		return NULL;
	*n = v->row[id].len_bytes;
	return v->blob.data ? v->blob.data + v->row[id].at : "";
}

/* Printable Latin-1 stands for itself. */
static bool is_itself(unsigned cp)
{
	return (cp >= 33 && cp <= 126) || (cp >= 161 && cp <= 172) || (cp >= 174 && cp <= 255);
}

/* The byte behind a code point of the alphabet, or -1: 256 + k stands for the k-th byte that is not itself. */
static int byte_of(unsigned cp)
{
	if (cp < 256)
		return is_itself(cp) ? (int)cp : -1;
	if (cp >= N_ALPHABET)
		return -1;
	unsigned k = cp - 256;
	return (int)(k < 33 ? k : k < 67 ? k - 33 + 127 : 173);
}

void nn_byte_level_char(unsigned char byte, char out[3])
{
	unsigned cp = 0;
	while (byte_of(cp) != byte)
		cp++;
	bool one = cp < 0x80;
	out[0] = (char)(one ? cp : 0xc0 | cp >> 6);
	out[1] = (char)(one ? 0 : 0x80 | (cp & 63));
	out[2] = 0;
}

ptrdiff_t nn_byte_level_decode(const char *text, size_t n, char *out)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = 0;
	for (size_t i = 0; i < n;) {
		unsigned cp = s[i];
		if (cp >= 0xc2 && cp <= 0xdf && i + 1 < n && (s[i + 1] & 0xc0) == 0x80)
			cp = (cp & 31) << 6 | (s[i + 1] & 63);
		else if (cp >= 0x80)
			return -1;
		int b = byte_of(cp);
		if (b < 0)
			return -1;
		out[len++] = (char)b;
		i += cp < 0x80 ? 1 : 2;
	}
	return (ptrdiff_t)len;
}
