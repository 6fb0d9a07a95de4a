/* The tokenizer: known ids, exact round trips, special tokens, every refusal of a bad
 * file, and the reference ids of the real SmolLM2 where it was fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"
#include "golden.h"
#include "nn/source.h"
#include "nn/tokenizer_parts.h"
#include "unit/gguf_build.h"
#include "unit/tokenizer_fixture.h"

static const char *const merges[] = { "h e", "l l", "he ll", "hell o", "\xc4\xa0 hello", "a a", "aa aa", "\xc3\x83 \xc2\xa9", "\xc4\xa0 \xc4\xa0" };
enum { N_MERGES = sizeof merges / sizeof *merges, HE = 256, LL, HELL, HELLO, _HELLO, AA, AAAA, E_ACUTE, TWO_SPACES, END, END_X, NORM };

/* Opens a fixture and releases it. */
static struct nn_tokenizer *open_fixture(json_t *v)
{
	struct nn_tokenizer *t = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	char *why = NULL, *text = fixture_text(v);
	if (nn_tokenizer_from_json(text, strlen(text), "t.json", &t, &why, &e))
		fail_msg("%s%s", e.msg, why ? why : "");
	free(text);
	return t;
}

static void check_ids(struct nn_tokenizer *t, const char *text, size_t len, const int32_t *want, size_t n_want)
{
	int32_t *ids = NULL;
	size_t n = 0;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(nn_tokenizer_encode(t, text, len, &ids, &n, &e), 0);
	if (n != n_want || (n && memcmp(ids, want, n * sizeof *ids))) {
		for (size_t i = 0; i < n; i++)
			fprintf(stderr, "%d ", ids[i]);
		fail_msg("\"%s\": other ids", text);
	}
	free(ids);
}

static void known_ids(void **state)
{
	(void)state;
	static const struct { const char *text; int32_t want[12]; size_t n; } row[] = {
		{ "hello", { HELLO }, 1 },
		{ "hello hello", { HELLO, _HELLO }, 2 },
		{ "hell", { HELL }, 1 },
		{ "hel", { HE, 'l' }, 2 },
		{ "aaa", { AA, 'a' }, 2 },                     /* leftmost first among equals */
		{ "aaaaaaa", { AAAA, AA, 'a' }, 3 },
		{ "ll", { LL }, 1 },
		{ "h e", { 'h', ' ', 'e' }, 3 },
		{ "h   e", { 'h', TWO_SPACES, ' ', 'e' }, 4 }, /* the last space belongs to the next word */
		{ "\xc3\xa9", { E_ACUTE }, 1 },
		{ "a<|end|>a", { 'a', END, 'a' }, 3 },
		{ "<|end|>xa", { END_X, 'a' }, 2 },            /* the longest of those that start together */
		{ "<|end|><|end|>", { END, END }, 2 },
		{ "<|end<|end|>", { '<', '|', 'e', 'n', 'd', END }, 6 },
		{ "h<norm>e", { 'h', NORM, 'e' }, 3 },
		{ "", { 0 }, 0 },
	};
	struct nn_tokenizer *t = open_fixture(fixture_tokenizer(merges, N_MERGES));
	assert_int_equal(nn_tokenizer_vocab(t), NORM + 1);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		check_ids(t, row[i].text, strlen(row[i].text), row[i].want, row[i].n);
	nn_tokenizer_close(t);
}

/* Encode appends; a NUL is a byte like any other; ids of a refused text are not appended. */
static void appending(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_tokenizer *t = open_fixture(fixture_tokenizer(merges, N_MERGES));
	int32_t *ids = malloc(sizeof *ids);
	size_t n = 1;
	ids[0] = 42;
	assert_int_equal(nn_tokenizer_encode(t, "a\0hello", 7, &ids, &n, &e), 0);
	assert_int_equal(n, 4);
	assert_true(ids[0] == 42 && ids[1] == 'a' && ids[2] == 0 && ids[3] == HELLO);
	t->byte_id['z'] = -1;
	assert_int_equal(nn_tokenizer_encode(t, "hello z", 7, &ids, &n, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "byte 0x7a has no token"));
	assert_int_equal(n, 4);
	free(ids);
	nn_tokenizer_close(t);
}

static void variants(void **state)
{
	(void)state;
	/* merges as pairs */
	json_t *v = fixture_tokenizer(merges, N_MERGES), *list = json_array();
	for (size_t i = 0; i < N_MERGES; i++) {
		const char *space = strchr(merges[i], ' ');
		json_array_append_new(list, json_pack("[s%,s]", merges[i], (size_t)(space - merges[i]), space + 1));
	}
	json_object_set_new(json_object_get(v, "model"), "merges", list);
	struct nn_tokenizer *t = open_fixture(v);
	check_ids(t, "hello", 5, (int32_t[]){ HELLO }, 1);
	nn_tokenizer_close(t);
	/* a word that is a token but cannot be reached by merges: only with ignore_merges */
	for (int ignore = 0; ignore < 2; ignore++) {
		v = fixture_tokenizer(merges, N_MERGES);
		json_object_set_new(json_object_get(json_object_get(v, "model"), "vocab"), "help", json_integer(NORM + 1));
		json_object_set_new(json_object_get(v, "model"), "ignore_merges", json_boolean(ignore));
		t = open_fixture(v);
		check_ids(t, "help", 4, ignore ? (int32_t[]){ NORM + 1 } : (int32_t[]){ HE, 'l', 'p' }, ignore ? 1 : 3);
		nn_tokenizer_close(t);
	}
	/* NFC: e + U+0301 becomes U+00E9; <norm> is still found; a literal Split cuts */
	v = fixture_tokenizer(merges, N_MERGES);
	json_object_set_new(v, "normalizer", json_pack("{s:s,s:[{s:s}]}", "type", "Sequence", "normalizers", "type", "NFC"));
	json_object_set_new(v, "pre_tokenizer", json_pack("{s:s,s:[{s:s,s:{s:s},s:s},{s:s,s:b}]}", "type", "Sequence", "pretokenizers", "type",
	                                                  "Split", "pattern", "String", "el", "behavior", "Isolated", "type", "ByteLevel", "use_regex", 0));
	t = open_fixture(v);
	check_ids(t, "e\xcc\x81", 3, (int32_t[]){ E_ACUTE }, 1);
	check_ids(t, "e\xcc\x81<norm>\xff", 10, (int32_t[]){ E_ACUTE, NORM, 0xff }, 3);
	check_ids(t, "hello", 5, (int32_t[]){ 'h', 'e', 'l', 'l', 'o' }, 5); /* h|el|lo: no merge across a cut */
	nn_tokenizer_close(t);
}

static void pre_tokenizers(void **state)
{
	(void)state;
	static const char *const numbers[] = { "1 2", "\xc4\xa0 \xc4\xa0" };
	enum { ONE_TWO = 256, SPACES };
	static const struct { const char *pre, *text; int32_t want[6]; size_t n; } row[] = {
		{ "{\"type\": \"ByteLevel\"}", "a  a12", { 'a', ' ', ' ', 'a', ONE_TWO }, 5 },
		{ "{\"type\": \"ByteLevel\", \"use_regex\": false}", "a  a12", { 'a', SPACES, 'a', ONE_TWO }, 4 },
		{ "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\", \"individual_digits\": true}, {\"type\": \"ByteLevel\"}]}", "a12",
		  { 'a', '1', '2' }, 3 },
		{ "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\", \"individual_digits\": false}, {\"type\": \"ByteLevel\"}]}", "a12",
		  { 'a', ONE_TWO }, 2 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		json_t *v = fixture_tokenizer(numbers, 2);
		json_object_set_new(v, "pre_tokenizer", json_loads(row[i].pre, 0, NULL));
		struct nn_tokenizer *t = open_fixture(v);
		check_ids(t, row[i].text, strlen(row[i].text), row[i].want, row[i].n);
		nn_tokenizer_close(t);
	}
}

static void round_trip(struct nn_tokenizer *t, const char *text, size_t len)
{
	int32_t *ids = NULL;
	size_t n = 0;
	struct assay_buf out;
	struct assay_err e = ASSAY_ERR_INIT;
	assay_buf_init(&out, 1 << 22);
	assert_int_equal(nn_tokenizer_encode(t, text, len, &ids, &n, &e), 0);
	assert_int_equal(nn_tokenizer_decode(t, ids, n, &out), 0);
	assert_int_equal(out.len_bytes, len);
	assert_memory_equal(out.data ? out.data : "", text, len);
	assay_buf_release(&out);
	free(ids);
}

static void random_bytes(void **state)
{
	(void)state;
	static const char *const bit[] = { "hello", " ", "\xc3\xa9", "\xff", "<|end|>", "<|end|", "\xe6\x97\xa5", "12", "\n", "\xf0\x9f\x98", "<norm>", "'s" };
	struct nn_tokenizer *t = open_fixture(fixture_tokenizer(merges, N_MERGES));
	uint64_t at = 0;
	char text[512];
	for (int i = 0; i < 3000; i++) {
		size_t len = 0, pieces = assay_rng_below(7, at++, 40);
		for (size_t k = 0; k < pieces; k++) {
			uint64_t r = assay_rng_below(7, at++, 40);
			if (r < sizeof bit / sizeof *bit)
				len += (size_t)sprintf(text + len, "%s", bit[r]);
			else
				text[len++] = (char)assay_rng_below(7, at++, 256);
		}
		round_trip(t, text, len);
	}
	char *many = xalloc(1 << 20);
	memset(many, 'a', 1 << 20);
	round_trip(t, many, 1 << 20); /* one word of 2^20 symbols: quadratic merging would take minutes */
	free(many);
	nn_tokenizer_close(t);
}

static void decoding(void **state)
{
	(void)state;
	struct nn_tokenizer *t = open_fixture(fixture_tokenizer(merges, N_MERGES));
	struct assay_buf out;
	size_t n;
	assay_buf_init(&out, 16);
	const int32_t ids[] = { HELLO, -1, INT32_MAX, END, NORM + 1, 0xff };
	assert_int_equal(nn_tokenizer_decode(t, ids, 6, &out), 0);
	assert_string_equal(out.data, "hello<|end|>\xff");
	assert_int_equal(nn_tokenizer_decode(t, ids, 1, &out), -1); /* does not fit */
	assert_null(nn_tokenizer_bytes(t, -1, &n));
	assert_null(nn_tokenizer_bytes(t, NORM + 1, &n));
	assert_int_equal(n, 0);
	assert_memory_equal(nn_tokenizer_bytes(t, END, &n), "<|end|>", 7);
	assay_buf_release(&out);
	nn_tokenizer_close(t);
}

/* Replaces what the path "a.b.2.c" names inside v by the JSON text; "-" removes it. */
static void set_path(json_t *v, const char *path, const char *json)
{
	char part[64];
	const char *dot;
	while ((dot = strchr(path, '.'))) {
		snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
		v = json_is_array(v) ? json_array_get(v, (size_t)atoi(part)) : json_object_get(v, part);
		assert_non_null(v);
		path = dot + 1;
	}
	json_t *value = strcmp(json, "-") ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
	if (!value)
		assert_int_equal(json_object_del(v, path), 0);
	else if (json_is_array(v))
		json_array_set_new(v, (size_t)atoi(path), value);
	else
		json_object_set_new(v, path, value);
}

static void refused_json(void **state)
{
	(void)state;
	static const struct { const char *path, *json; int rc; const char *want; } row[] = {
		/* bad files */
		{ "model", "7", ASSAY_E_MODEL, "\"model\" must be an object" },
		{ "model.vocab", "[]", ASSAY_E_MODEL, "vocabulary must be an object" },
		{ "model.vocab", "-", ASSAY_E_MODEL, "vocabulary must be an object" },
		{ "model.vocab.h", "\"x\"", ASSAY_E_MODEL, "token \"h\": its id must be an integer" },
		{ "model.vocab.h", "-1", ASSAY_E_MODEL, "token \"h\": its id must be an integer" },
		{ "model.vocab.h", "1e9", ASSAY_E_MODEL, "token \"h\": its id must be an integer" },
		{ "model.vocab.h", "2097152", ASSAY_E_MODEL, "from 0 to 2097151" },
		{ "model.vocab.h", "9223372036854775807", ASSAY_E_MODEL, "from 0 to 2097151" },
		{ "model.vocab.h", "101", ASSAY_E_MODEL, "another token has this id" },
		{ "model.vocab.hell", "-", ASSAY_E_MODEL, "merge 2 (\"he\" + \"ll\"): their sum is no token" },
		{ "model.merges", "{}", ASSAY_E_MODEL, "\"merges\" must be a list" },
		{ "model.merges.3", "7", ASSAY_E_MODEL, "merge 3: must be" },
		{ "model.merges.3", "\"hello\"", ASSAY_E_MODEL, "merge 3: must be" },
		{ "model.merges.3", "\"h e l\"", ASSAY_E_MODEL, "merge 3: must be" },
		{ "model.merges.3", "[\"h\"]", ASSAY_E_MODEL, "merge 3: must be" },
		{ "model.merges.3", "[\"h\", 1]", ASSAY_E_MODEL, "merge 3: must be" },
		{ "model.merges.3", "\"zz e\"", ASSAY_E_MODEL, "merge 3 (\"zz\" + \"e\"): the first is no token" },
		{ "model.merges.3", "\"e \"", ASSAY_E_MODEL, "merge 3 (\"e\" + \"\"): the first is no token" },
		{ "model.merges.3", "\"h \xe6\x97\xa5\"", ASSAY_E_MODEL, "is no token" },
		{ "added_tokens", "7", ASSAY_E_MODEL, "\"added_tokens\" must be a list" },
		{ "added_tokens.0", "7", ASSAY_E_MODEL, "whose id is no integer" },
		{ "added_tokens.0.id", "\"a\"", ASSAY_E_MODEL, "whose id is no integer" },
		{ "added_tokens.0.id", "4000000", ASSAY_E_MODEL, "whose id is no integer in range" },
		{ "added_tokens.0.id", "104", ASSAY_E_MODEL, "another text under this id" },
		{ "added_tokens.0.content", "null", ASSAY_E_MODEL, "whose content is no string" },
		{ "added_tokens.0.content", "\"\"", ASSAY_E_MODEL, "it is empty" },
		{ "added_tokens.0.content", "\"hello\"", ASSAY_E_MODEL, "under another id" },
		{ "added_tokens.0.content", "\"<|end|>x\"", ASSAY_E_MODEL, "under another id" },
		{ "added_tokens.0.content", "\"<|e nd|>x\"", 0, NULL },
		{ "normalizer", "7", ASSAY_E_MODEL, "\"normalizer\" must be an object" },
		{ "pre_tokenizer", "7", ASSAY_E_MODEL, "\"pre_tokenizer\" must be an object" },
		{ "pre_tokenizer", "{\"type\": \"Split\", \"behavior\": \"Isolated\"}", ASSAY_E_MODEL, "must have a pattern" },
		/* sound files that ask for more than there is */
		{ "model.type", "\"Unigram\"", NN_UNSUPPORTED, "tokenizer model \"Unigram\"" },
		{ "model.type", "\"WordPiece\"", NN_UNSUPPORTED, "tokenizer model \"WordPiece\"" },
		{ "model.dropout", "0.1", NN_UNSUPPORTED, "\"dropout\" is not supported" },
		{ "model.end_of_word_suffix", "\"</w>\"", NN_UNSUPPORTED, "\"end_of_word_suffix\"" },
		{ "model.byte_fallback", "true", NN_UNSUPPORTED, "\"byte_fallback\"" },
		{ "added_tokens.0.lstrip", "true", NN_UNSUPPORTED, "added token \"<|end|>\": \"lstrip\"" },
		{ "normalizer", "{\"type\": \"NFKC\"}", NN_UNSUPPORTED, "normalizer \"NFKC\"" },
		{ "normalizer", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Lowercase\"}]}", NN_UNSUPPORTED, "normalizer \"Lowercase\"" },
		{ "pre_tokenizer", "null", NN_UNSUPPORTED, "no ByteLevel pre-tokenizer" },
		{ "pre_tokenizer", "{\"type\": \"Metaspace\"}", NN_UNSUPPORTED, "pre-tokenizer \"Metaspace\"" },
		{ "pre_tokenizer", "{\"type\": \"Digits\"}", NN_UNSUPPORTED, "no ByteLevel pre-tokenizer" },
		{ "pre_tokenizer.add_prefix_space", "true", NN_UNSUPPORTED, "\"add_prefix_space\"" },
		{ "pre_tokenizer", "{\"type\": \"Split\", \"behavior\": \"MergedWithNext\"}", NN_UNSUPPORTED, "behavior \"MergedWithNext\"" },
		{ "pre_tokenizer", "{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": {\"Regex\": \"(\"}}", NN_UNSUPPORTED, "not a regular expression" },
		{ "pre_tokenizer", "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": \"Punctuation\"}]}", NN_UNSUPPORTED,
		  "\"Punctuation\" after ByteLevel" },
		{ "decoder", "{\"type\": \"Metaspace\"}", NN_UNSUPPORTED, "decoder \"Metaspace\"" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_tokenizer *t = NULL;
		struct assay_err e = ASSAY_ERR_INIT;
		char *why = NULL;
		json_t *v = fixture_tokenizer(merges, N_MERGES);
		set_path(v, row[i].path, row[i].json);
		char *text = fixture_text(v);
		int rc = nn_tokenizer_from_json(text, strlen(text), "t.json", &t, &why, &e);
		const char *said = rc == NN_UNSUPPORTED ? why : e.msg;
		if (rc != row[i].rc || (rc && (t || !strstr(said, row[i].want) || !strstr(said, "t.json"))))
			fail_msg("row %zu (%s = %s): %d \"%s\"", i, row[i].path, row[i].json, rc, said);
		nn_tokenizer_close(t);
		free(why);
		free(text);
	}
}

static void hostile_text(void **state)
{
	(void)state;
	struct nn_tokenizer *t = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	char *why = NULL, *good = fixture_text(fixture_tokenizer(merges, N_MERGES)), deep[20001];
	size_t n = strlen(good);
	for (size_t i = 0; i < n; i += 37) /* truncated anywhere: not JSON */
		assert_int_equal(nn_tokenizer_from_json(good, i, "t", &t, &why, &e), ASSAY_E_MODEL);
	memset(deep, '[', sizeof deep);
	assert_int_equal(nn_tokenizer_from_json(deep, sizeof deep, "t", &t, &why, &e), ASSAY_E_MODEL);
	strcpy(deep, "{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]},\"pre_tokenizer\":");
	for (int i = 0; i < 100; i++)
		strcat(deep, "{\"type\":\"Sequence\",\"pretokenizers\":[");
	for (int i = 0; i < 100; i++)
		strcat(deep, "]}");
	strcat(deep, "}");
	assert_int_equal(nn_tokenizer_from_json(deep, strlen(deep), "t", &t, &why, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "not too deep"));
	static const char twice[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}";
	assert_int_equal(nn_tokenizer_from_json(twice, strlen(twice), "t", &t, &why, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "duplicate"));
	free(good);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/%s", dir, name);
	if (!text)
		unlink(path);
	else
		assert_int_equal(assay_fs_write_atomic(path, text, strlen(text), &e), 0);
	free(path);
}

static char *make_dir(void)
{
	char *dir = xstrdup("/tmp/assay-tokenizer-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return dir;
}

static void directories(void **state)
{
	(void)state;
	struct nn_tokenizer *t;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf out;
	char *why, *dir = make_dir();
	assert_int_equal(nn_tokenizer_open(dir, &t, &why, &e), 0);
	assert_null(t);
	assert_non_null(strstr(why, "no tokenizer.json"));
	free(why);
	/* vocab.json + merges.txt, with and without a configuration */
	json_t *v = fixture_tokenizer(merges, N_MERGES);
	json_t *vocab = json_incref(json_object_get(json_object_get(v, "model"), "vocab"));
	json_object_set_new(vocab, "<|endoftext|>", json_integer(N_MERGES + 256));
	char *text = fixture_text(vocab);
	write_file(dir, "vocab.json", text);
	free(text);
	json_decref(v);
	write_file(dir, "merges.txt", "#version: 0.2\nh e\nl l\nhe ll\r\nhell o\n\n");
	assert_int_equal(nn_tokenizer_open(dir, &t, &why, &e), 0);
	assert_non_null(t);
	check_ids(t, "hello<|endoftext|>", 18, (int32_t[]){ HELLO, N_MERGES + 256 }, 2);
	assay_buf_init(&out, 4096);
	assert_int_equal(nn_tokenizer_chat(t, "x", 1, &out, &e), ASSAY_E_MODEL);
	nn_tokenizer_close(t);
	write_file(dir, "tokenizer_config.json",
	           "{\"tokenizer_class\": \"Qwen2TokenizerFast\", \"added_tokens_decoder\": {\"300\": {\"content\": \"<|im_start|>\"}, \"301\": {\"content\": "
	           "\"<|im_end|>\"}}, \"chat_template\": \"{% if x %}'<|im_start|>system\\n' + s{% endif %}{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}\"}");
	assert_int_equal(nn_tokenizer_open(dir, &t, &why, &e), 0);
	assert_non_null(t);
	check_ids(t, "<|im_start|>e\xcc\x81", 15, (int32_t[]){ 300, 0xc3, 0xa9 }, 3);
	assert_int_equal(nn_tokenizer_chat(t, "Hi", 2, &out, &e), 0);
	assert_string_equal(out.data, "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
	nn_tokenizer_close(t);
	write_file(dir, "tokenizer_config.json", "{\"tokenizer_class\": \"T5Tokenizer\"}");
	assert_int_equal(nn_tokenizer_open(dir, &t, &why, &e), 0);
	assert_null(t);
	assert_non_null(strstr(why, "T5Tokenizer"));
	free(why);
	write_file(dir, "tokenizer_config.json", "{");
	assert_int_equal(nn_tokenizer_open(dir, &t, &why, &e), ASSAY_E_MODEL);
	write_file(dir, "tokenizer_config.json", NULL);
	write_file(dir, "merges.txt", "#version\nq zz\n");
	assert_int_equal(nn_tokenizer_open(dir, &t, &why, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "merge 0 (\"q\" + \"zz\")"));
	/* tokenizer.json goes first; beyond the cap it is not even read through */
	char *path = xasprintf("%s/tokenizer.json", dir);
	FILE *f = fopen(path, "wbe");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), NN_TOKENIZER_FILE_MAX + 1), 0);
	fclose(f);
	assert_int_equal(nn_tokenizer_open(dir, &t, &why, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "larger than"));
	unlink(path);
	free(path);
	write_file(dir, "vocab.json", NULL);
	write_file(dir, "merges.txt", NULL);
	rmdir(dir);
	free(dir);
	assay_buf_release(&out);
}

static void names(void **state)
{
	(void)state;
	struct nn_tokenizer *t;
	struct assay_err e = ASSAY_ERR_INIT;
	char *why;
	assert_int_equal(nn_tokenizer_open("gpt2", &t, &why, &e), 0);
	assert_null(t);
	assert_non_null(strstr(why, "synthetic"));
	free(why);
	assert_int_equal(nn_tokenizer_open("no-such-model", &t, &why, &e), ASSAY_E_USAGE);
	assert_int_equal(nn_tokenizer_open("/nowhere/x.gguf", &t, &why, &e), ASSAY_E_MODEL);
}

/* A GGUF with bytes 0..255, some words ("xyz" has no merge), two control tokens and a user-defined one. */
static void build_gguf(struct gguf_build *b, const char *model, const char *pre)
{
	static char bytes[256][3];
	const char *token[263];
	int32_t type[263];
	for (unsigned i = 0; i < 256; i++) {
		byte_level_char(i, bytes[i]);
		token[i] = bytes[i];
		type[i] = 1;
	}
	token[256] = "he", token[257] = "<|im_start|>", token[258] = "<|im_end|>", token[259] = "\xe6\x97\xa5";
	token[260] = "12", token[261] = "123", token[262] = "xyz";
	type[256] = 1, type[257] = 3, type[258] = 3, type[259] = 4, type[260] = type[261] = type[262] = 1;
	gguf_build_init(b);
	gguf_put_str(b, "general.architecture", "gpt2");
	if (model)
		gguf_put_str(b, "tokenizer.ggml.model", model);
	if (pre)
		gguf_put_str(b, "tokenizer.ggml.pre", pre);
	gguf_put_strs(b, "tokenizer.ggml.tokens", token, 263);
	gguf_put_i32s(b, "tokenizer.ggml.token_type", type, 263);
	gguf_put_strs(b, "tokenizer.ggml.merges", (const char *const[]){ "h e", "1 2", "12 3" }, 3);
}

static int open_gguf(const struct gguf_build *b, struct nn_tokenizer **t, char **why, struct assay_err *e)
{
	char *path = gguf_build_save(b, "tok.gguf");
	int rc = nn_tokenizer_open(path, t, why, e);
	unlink(path);
	free(path);
	return rc;
}

static void gguf(void **state)
{
	(void)state;
	static const struct { const char *model, *pre, *why; int32_t want[10]; size_t n; } row[] = {
		{ "gpt2", "gpt-2", NULL, { 'x', 'y', 'z', ' ', 261, 'e', 0xcc, 0x81 }, 8 },
		{ "gpt2", NULL, NULL, { 'x', 'y', 'z', ' ', 261, 'e', 0xcc, 0x81 }, 8 },
		{ "gpt2", "smollm", NULL, { 'x', 'y', 'z', ' ', '1', '2', '3', 'e', 0xcc, 0x81 }, 10 },
		{ "gpt2", "qwen2", NULL, { 'x', 'y', 'z', ' ', '1', '2', '3', 0xc3, 0xa9 }, 9 },
		{ "gpt2", "llama-bpe", NULL, { 262, ' ', 261, 'e', 0xcc, 0x81 }, 6 },
		{ "llama", NULL, "SentencePiece" }, { "bert", NULL, "\"bert\"" }, { NULL, NULL, "\"none\"" }, { "gpt2", "tekken", "pre-tokenizer \"tekken\"" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct gguf_build b;
		struct nn_tokenizer *t = NULL;
		struct assay_err e = ASSAY_ERR_INIT;
		char *why = NULL;
		build_gguf(&b, row[i].model, row[i].pre);
		if (open_gguf(&b, &t, &why, &e))
			fail_msg("row %zu: %s", i, e.msg);
		assert_int_equal(t == NULL, row[i].why != NULL);
		if (row[i].why) {
			assert_non_null(strstr(why, row[i].why));
		} else {
			check_ids(t, "<|im_start|>he\xe6\x97\xa5\xe6", 18, (int32_t[]){ 257, 256, 259, 0xe6 }, 4);
			check_ids(t, "xyz 123e\xcc\x81", 10, row[i].want, row[i].n);
		}
		nn_tokenizer_close(t);
		free(why);
		gguf_build_release(&b);
	}
}

static void hostile_gguf(void **state)
{
	(void)state;
	static const struct { const char *find; int skip; const char *patch; size_t n; const char *want; } row[] = {
		{ "h e", -3, "q", 1, "merge 0 (\"q\" + \"e\"): their sum" },
		{ "h e", -2, "h", 1, "merge 0 (\"hhe\" + \"\")" },
		{ "he\x0c", -3, "hh", 2, "merge 0" },
		{ "tokenizer.ggml.token_type", 4, "\4", 1, "must be an array of 32-bit numbers" },
		{ "tokenizer.ggml.merges", 0, "\x8\0\0\0\3\0\0\0", 8, "ends inside" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct gguf_build b;
		struct nn_tokenizer *t = NULL;
		struct assay_err e = ASSAY_ERR_INIT;
		char *why = NULL;
		build_gguf(&b, "gpt2", "gpt-2");
		char *at = memmem(b.kv.data, b.kv.len_bytes, row[i].find, strlen(row[i].find));
		assert_non_null(at);
		memcpy(at + strlen(row[i].find) + row[i].skip, row[i].patch, row[i].n);
		int rc = open_gguf(&b, &t, &why, &e);
		if (rc != ASSAY_E_MODEL || !strstr(e.msg, row[i].want))
			fail_msg("row %zu: %d \"%s\"", i, rc, e.msg);
		nn_tokenizer_close(t);
		free(why);
		gguf_build_release(&b);
	}
}

/* Reference ids and text of the real model (shared/golden-smollm2). */
static void smollm2(void **state)
{
	(void)state;
	char *model = nn_smollm2_path(), *path = xasprintf("%s-smollm2/golden.json", golden_root() ? golden_root() : "");
	bool have = model && assay_fs_exists(path);
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_tokenizer *t;
	char *why;
	free(model);
	json_t *golden = have ? assay_json_load(path, 1 << 24, ASSAY_E_DATA, &e) : NULL;
	free(path);
	if (!have)
		skip();
	assert_int_equal(nn_tokenizer_open("smollm2", &t, &why, &e), 0);
	assert_non_null(t);
	json_t *prompts = json_object_get(golden, "prompts"), *p;
	size_t i;
	assert_int_equal(json_array_size(prompts), 6);
	json_array_foreach(prompts, i, p) {
		const char *text = assay_json_get_str(p, "text", "");
		const json_t *want = json_object_get(p, "ids");
		int32_t *ids = NULL;
		size_t n = 0;
		struct assay_buf out;
		assay_buf_init(&out, 1 << 20);
		assert_int_equal(nn_tokenizer_encode(t, text, strlen(text), &ids, &n, &e), 0);
		assert_int_equal(n, json_array_size(want));
		for (size_t k = 0; k < n; k++)
			assert_int_equal(ids[k], json_integer_value(json_array_get(want, k)));
		assert_int_equal(nn_tokenizer_decode(t, ids, n, &out), 0);
		assert_string_equal(out.data, assay_json_get_str(p, "decoded", ""));
		if (!strcmp(assay_json_get_str(p, "name", ""), "chat")) {
			out.len_bytes = 0;
			assert_int_equal(nn_tokenizer_chat(t, "Name three primary colors.", 26, &out, &e), 0);
			assert_string_equal(out.data, text);
		}
		assay_buf_release(&out);
		free(ids);
	}
	json_decref(golden);
	nn_tokenizer_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_ids), cmocka_unit_test(appending), cmocka_unit_test(variants), cmocka_unit_test(pre_tokenizers), cmocka_unit_test(random_bytes),
		cmocka_unit_test(decoding), cmocka_unit_test(refused_json), cmocka_unit_test(hostile_text), cmocka_unit_test(directories),
		cmocka_unit_test(names), cmocka_unit_test(gguf), cmocka_unit_test(hostile_gguf), cmocka_unit_test(smollm2),
	};
	return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
