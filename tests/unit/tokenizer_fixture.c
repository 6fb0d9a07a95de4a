/* See tokenizer_fixture.h. */
#include "unit/tokenizer_fixture.h"

#include <stdio.h>
#include <string.h>

void byte_level_char(unsigned b, char out[3])
{
	unsigned cp = b, k = 0;
	for (unsigned i = 0; i <= b; i++) {
		int itself = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
		cp = itself ? i : 256 + k;
		k += !itself;
	}
	snprintf(out, 3, cp < 0x80 ? "%c" : "%c%c", cp < 0x80 ? (int)cp : (int)(0xc0 | cp >> 6), (int)(0x80 | (cp & 63)));
}

json_t *fixture_tokenizer(const char *const *merges, size_t n)
{
	json_t *vocab = json_object(), *list = json_array();
	int id = 0;
	for (unsigned b = 0; b < 256; b++) {
		char key[3];
		byte_level_char(b, key);
		json_object_set_new(vocab, key, json_integer(id++));
	}
	for (size_t i = 0; i < n; i++) {
		char sum[64];
		const char *space = strchr(merges[i], ' ');
		snprintf(sum, sizeof sum, "%.*s%s", (int)(space - merges[i]), merges[i], space + 1);
		json_object_set_new(vocab, sum, json_integer(id++));
		json_array_append_new(list, json_string(merges[i]));
	}
	return json_pack("{s:s, s:[{s:i,s:s,s:b,s:b}, {s:i,s:s}, {s:i,s:s,s:b}], s:n, s:{s:s,s:b}, s:{s:s}, s:{s:s,s:n,s:o,s:o}}",
	                 "version", "1.0", "added_tokens",
	                 "id", id, "content", "<|end|>", "special", 1, "normalized", 0,
	                 "id", id + 1, "content", "<|end|>x",
	                 "id", id + 2, "content", "<norm>", "normalized", 1,
	                 "normalizer", "pre_tokenizer", "type", "ByteLevel", "add_prefix_space", 0, "decoder", "type", "ByteLevel",
	                 "model", "type", "BPE", "dropout", "vocab", vocab, "merges", list);
}

char *fixture_text(json_t *v)
{
	char *s = json_dumps(v, 0);
	json_decref(v);
	return s;
}
