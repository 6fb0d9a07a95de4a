/* Models that lie, from outside: every broken file is refused with one clear line that names it and exit status 3, before anything is
 * measured, and leaves no directory behind. The parsers' own tables are unit tests and fuzz targets; here it is what a user meets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "e2e/bad_kit.h"
#include "e2e/e2e.h"

#define MEASURE "$A latency -t 1 --prompt-tokens 4 --output-tokens 2 --runs 1 --warmup 0 --isa scalar -m "
#define GENERATE "$A generate -t 1 -n 2 --ids 1,2,3 --isa scalar -m "
#define ST "model.safetensors"
#define TOKENIZED "--prompt he"

/* The fixtures are sound before they are broken: else the tests below prove nothing. */
static void test_sound(void **state)
{
	(void)state;
	struct e2e r;
	struct assay_buf b;
	bad_model_raw("good", ST, 0, "", 0);
	e2e_run(&r, GENERATE "good");
	if (r.status || *r.err)
		fail_msg("status %d: %s", r.status, r.err);
	e2e_release(&r);
	bad_gguf(&b);
	bad_write("good.gguf", b.data, b.len_bytes);
	assay_buf_release(&b);
	e2e_run(&r, "%s", "$A generate -t 1 -n 2 --isa scalar -m good.gguf --prompt he");
	if (r.status || *r.err)
		fail_msg("status %d: %s", r.status, r.err);
	e2e_release(&r);
}

static void test_config(void **state)
{
	(void)state;
	static const struct { const char *find, *put, *part; } t[] = {
		{ NULL, "", "config.json" },
		{ NULL, "{", "config.json:1" },
		{ NULL, "[]", "must be a JSON object" },
		{ NULL, "\xff\xfe{}", "config.json" },
		{ NULL, "{}", "model_type \"\" is not supported" },
		{ "\"gpt2\"", "\"bloom\"", "model_type \"bloom\" is not supported: gpt2, opt, llama" },
		{ "\"gpt2\"", "7", "\"model_type\" must be a string" },
		{ "\"n_layer\": 2", "\"n_layer\": 3", "transformer.h.2." },
		{ "\"n_layer\": 2", "\"n_layer\": 0", "\"n_layer\" is 0: out of range" },
		{ "\"n_layer\": 2", "\"n_layer\": -1", "\"n_layer\" is -1: out of range" },
		{ "\"n_layer\": 2", "\"n_layer\": 2.5", "\"n_layer\" must be an integer" },
		{ "\"n_layer\": 2", "\"n_layer\": \"2\"", "\"n_layer\" must be an integer" },
		{ "\"n_layer\": 2", "\"n_layer\": 1e300", "\"n_layer\" must be an integer" },
		{ "\"n_layer\": 2", "\"n_layer\": 99999999999999999999", "config.json:" },
		{ "\"n_layer\": 2", "\"n_layer\": 2147483647", "number of layers is 2147483647: must be 1 to" },
		{ "\"n_layer\": 2", "\"n_layer\": 2, \"n_layer\": 2", "config.json:" },
		{ "\"n_layer\": 2,", "", "\"n_layer\" is missing" },
		{ "\"n_embd\": 64", "\"n_embd\": 2147483647", "hidden size 2147483647 is not" },
		{ "\"n_embd\": 64", "\"n_embd\": 2147483644", "hidden size is 2147483644: must be" },
		{ "\"n_embd\": 64", "\"n_embd\": 128", "transformer." },
		{ "\"n_head\": 4", "\"n_head\": 7", "not a multiple of 7 heads" },
		{ "\"n_head\": 4", "\"n_head\": 1000000", "head" },
		{ "\"n_positions\": 256", "\"n_positions\": 2147483647", "context length is 2147483647" },
		{ "\"n_positions\": 256", "\"n_positions\": 257", "transformer.wpe.weight" },
		{ "\"vocab_size\": 512", "\"vocab_size\": 4194305", "vocabulary size is 4194305" },
		{ "\"vocab_size\": 512", "\"vocab_size\": 511", "transformer.wte.weight" },
		{ "\"vocab_size\": 512", "\"vocab_size\": null", "\"vocab_size\" is missing" },
		{ "\"layer_norm_epsilon\": 1e-05", "\"layer_norm_epsilon\": 0", "norm epsilon" },
		{ "\"layer_norm_epsilon\": 1e-05", "\"layer_norm_epsilon\": 1e999", "config.json" },
		{ "\"gelu_new\"", "\"xielu\"", "\"activation_function\" is \"xielu\": not supported" },
		{ "\"eos_token_id\": 511", "\"eos_token_id\": \"end\"", "\"eos_token_id\" must be a token id" },
		{ "\"n_ctx\": 256", "\"torch_dtype\": \"float8\"", "\"torch_dtype\" is \"float8\": not supported" },
		{ "\"n_ctx\": 256", "\"quantization_config\": {}", "quantised safetensors are not supported" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		bad_model("cfg", "config.json", t[i].find, t[i].put);
		bad_refused(MEASURE "cfg", 3, t[i].part);
		bad_refused(GENERATE "./cfg/", 3, "cfg/");
	}
}

static void test_safetensors_header(void **state)
{
	(void)state;
	static const struct { const char *find, *put, *part; } t[] = {
		{ "[0,768]", "[0,9223372036854775807]", "data_offsets are not inside the file" },
		{ "[0,768]", "[0,18446744073709551615]", ST },
		{ "[0,768]", "[-768,0]", "data_offsets are not inside the file" },
		{ "[0,768]", "[768,0]", "data_offsets are not inside the file" },
		{ "[0,768]", "[0,767]", "need 768 bytes, data_offsets give 767" },
		{ "[0,768]", "[4,772]", "a gap that no tensor owns" },
		{ "[768,49920]", "[0,49152]", "overlap" },
		{ "[0,768]", "[0]", "data_offsets" },
		{ "[192]", "[4611686018427387904]", "bad shape" },
		{ "[192]", "[4294967296,4294967296,4294967296]", "bad shape" },
		{ "[192]", "[-192]", "bad shape" },
		{ "[192]", "[1,1,1,1,1,1,1,1,1,192]", "bad shape" },
		{ "[192]", "[\"192\"]", "bad shape" },
		{ "[192]", "192", "bad shape" },
		{ "[64,192]", "[192,64]", "c_attn.weight" },
		{ "[64,192]", "[12288]", "c_attn.weight" },
		{ "\"F32\"", "\"F99\"", "dtype \"F99\" is unknown" },
		{ "\"F32\"", "\"F16\"", "need 384 bytes, data_offsets give 768" },
		{ "\"F32\"", "\"I32\"", "c_attn.bias" },
		{ "\"F32\"", "null", "dtype \"\" is unknown" },
		{ "h.0.attn.c_attn.bias", "h.0.attn.c_attn.bios", "h.0.attn.c_attn.bias" },
		{ "transformer.h.0.attn.c_proj.bias", "transformer.h.0.attn.c_attn.bias", ST },
		{ "{\"__meta", "[\"__meta", ST },
		{ "{\"dtype\"", "{{\"dtype\"", ST },
		{ NULL, "{}", "596992 bytes at the end belong to no tensor" },
		{ NULL, "", ST },
		{ NULL, "null", ST },
		{ NULL, "[]", "must be a JSON object" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		bad_model("st", ST, t[i].find, t[i].put);
		bad_refused(MEASURE "st", 3, t[i].part);
	}
	struct assay_buf deep;
	assay_buf_init(&deep, 1 << 20);
	for (int i = 0; i < 100000; i++)
		assay_buf_puts(&deep, "[");
	bad_model("st", ST, NULL, deep.data);
	bad_refused(MEASURE "st", 3, ST);
	assay_buf_release(&deep);
}

static void test_safetensors_bytes(void **state)
{
	(void)state;
	static const float nan_value = NAN, infinity_value = INFINITY;
	static const struct { long at; const void *bytes; size_t n; const char *part; } t[] = {
		{ 0, NULL, 0, "too short" },
		{ 4, NULL, 0, "too short" },
		{ 8, NULL, 0, ST },
		{ 100, NULL, 0, ST },
		{ 2632, NULL, 0, "truncated" },
		{ -1, NULL, 0, "truncated" },
		{ -4096, NULL, 0, "truncated" },
		{ 0, "\0\0\0\0\0\0\0", 8, ST },
		{ 0, "\377\377\377\377\377\377\377\377", 8, "header" },
		{ 0, "\377\377\377\377\377\377\377\177", 8, "header" },
		{ 0, "\0\0\0\1\0\0\0", 8, "header" },
		{ 8, "\0\0\0\0", 4, ST },
		{ 8 + 2624, &nan_value, 4, "h.0.attn.c_attn.bias" },
		{ 8 + 2624 + 768, &nan_value, 4, "h.0.attn.c_attn.weight" },
		{ 8 + 2624 + 768, &infinity_value, 4, "h.0.attn.c_attn.weight" },
		{ -4, &nan_value, 4, "raw: tensor transformer.wte.weight: holds a value that is NaN or infinite" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		bad_model_raw("raw", ST, t[i].at, t[i].bytes, t[i].n);
		bad_refused(MEASURE "raw", 3, t[i].part);
	}
}

/* What is missing or cannot be read. Root reads everything, so it steps down first. */
static void test_files(void **state)
{
	(void)state;
	static const struct { const char *before, *model; int status; const char *part; } t[] = {
		{ "true", "./nosuch", 2, "./nosuch: no such" },
		{ "true", "nosuch.gguf", 2, "nosuch.gguf: no such" },
		{ "mkdir empty", "./empty", 3, "./empty: no model: it holds no config.json" },
		{ "mkdir half; cp good/config.json half", "./half", 3, "half" },
		{ "mkdir pt; cp good/config.json pt; echo x >pt/pytorch_model.bin", "./pt", 3, ".bin" },
		{ "mkdir cdir; mkdir cdir/config.json", "./cdir", 3, "cdir/config.json" },
		{ "cp good/model.safetensors .", "./model.safetensors", 3, "not a model" },
		{ "echo hello >text.gguf", "text.gguf", 3, "not a GGUF file" },
		{ "true >void.gguf", "void.gguf", 3, "void.gguf" },
		{ "mkdir dir.gguf", "dir.gguf", 3, "dir.gguf" },
		{ "mkfifo pipe.gguf", "pipe.gguf", 3, "pipe.gguf" },
		{ "true", "/dev/zero", 3, "not a model" },
		{ "mkdir loop; ln -s config.json loop/config.json", "./loop", 3, "config.json" },
		{ "mkdir zero; ln -s /dev/zero zero/config.json", "./zero", 3, "config.json" },
		{ "mkdir sh; cp good/config.json sh; echo '{\"weight_map\":{\"a\":\"../../etc/passwd\"}}' >sh/model.safetensors.index.json", "./sh", 3, "sh" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char line[400];
		snprintf(line, sizeof line, "{ %s; } 2>/dev/null; timeout 20 " MEASURE "%s", t[i].before, t[i].model);
		bad_refused(line, t[i].status, t[i].part);
	}
	struct e2e r;
	e2e_run(&r, "chmod 755 .; mkdir shut; cp good/config.json shut; chmod 700 shut; mkdir closed; cp good/* closed; chmod 600 closed/*; [ $(id -u) = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups $A version >/dev/null");
	bool can = r.status == 0;
	e2e_release(&r);
	if (!can)
		skip();
	bad_refused("setpriv --reuid=65534 --regid=65534 --clear-groups " MEASURE "./shut", 3, "Permission denied");
	bad_refused("setpriv --reuid=65534 --regid=65534 --clear-groups " MEASURE "./closed", 3, "Permission denied");
}

/* Changes in a sound GGUF file: bytes at `delta` from the end of the text `find`. */
static void test_gguf(void **state)
{
	(void)state;
	static const char huge[] = "\377\377\377\377\377\377\377\377", big[] = "\0\0\0\0\1\0\0", zero[8];
	static const struct { const char *find; long delta; const char *bytes; size_t n; const char *part; } t[] = {
		{ "GGUF", -4, "GGML", 4, "not a GGUF file" },
		{ "GGUF", 0, "\1\0\0\0", 4, "version 1 is not supported" },
		{ "GGUF", 0, "\0\0\0\3", 4, "big-endian" },
		{ "GGUF", 4, huge, 8, "tensors" },
		{ "GGUF", 4, zero, 8, "bad.gguf" },
		{ "GGUF", 12, huge, 8, "metadata keys" },
		{ "GGUF", 12, "\1\0\0\0\0\0\0", 8, "bad.gguf" },
		{ "GGUF", 20, huge, 8, "truncated" },
		{ "general.architecture", 4, huge, 8, "truncated" },
		{ "general.architecture", 12, "rwkv", 4, "rwkv" },
		{ "general.architecture", 0, "\143\0\0\0", 4, "unknown value type 99" },
		{ "general.architecture", 0, "\11\0\0\0", 4, "bad.gguf" },
		{ "gpt2.block_count", 0, "\10\0\0\0", 4, "bad.gguf" },
		{ "gpt2.block_count", -11, "clock_count", 11, "gpt2.block_count\" is missing" },
		{ "gpt2.block_count", 4, "\0\0\0\0", 4, "out of range" },
		{ "gpt2.block_count", 4, "\377\377\377\377", 4, "block_count" },
		{ "gpt2.block_count", 4, "\5\0\0\0", 4, "blk.2." },
		{ "gpt2.embedding_length", 4, "\200\0\0\0", 4, "bad.gguf" },
		{ "gpt2.attention.head_count", 4, "\7\0\0\0", 4, "bad.gguf" },
		{ "tokenizer.ggml.tokens", 0, "\11\0\0\0\11\0\0\0", 8, "array of arrays" },
		{ "tokenizer.ggml.tokens", 8, huge, 8, "truncated" },
		{ "blk.0.ffn_up.weight", 0, "\0\0\0\0", 4, "1 to 4 dimensions" },
		{ "blk.0.ffn_up.weight", 0, "\11\0\0\0", 4, "1 to 4 dimensions" },
		{ "blk.0.ffn_up.weight", 4, huge, 8, "absurdly large" },
		{ "blk.0.ffn_up.weight", 4, zero, 8, "a dimension is zero" },
		{ "blk.0.ffn_up.weight", 4, big, 8, "ffn_up.weight" },
		{ "blk.0.ffn_up.weight", 4, "\100\0\0\0\0\0\0\0\100", 9, "ffn_up.weight" },
		{ "blk.0.ffn_up.weight", 20, "\143\0\0\0", 4, "unknown type 99" },
		{ "blk.0.ffn_up.weight", 20, "\17\0\0\0", 4, "ffn_up.weight" },
		{ "blk.0.ffn_up.weight", 24, huge, 8, "ffn_up.weight" },
		{ "blk.0.ffn_up.weight", 24, "\1\0\0\0\0\0\0", 8, "not aligned" },
		{ "blk.0.ffn_up.weight", 24, "\0\0\0\0\0\0\0\100", 8, "beyond the end of the file" },
		{ "blk.0.ffn_up.weight", -6, "weighs", 6, "blk.0.ffn_up.weighs" },
		{ "blk.1.ffn_up.weight", -15, "0", 1, "twice" },
		{ "blk.1.ffn_up.weight", -8, huge, 8, "bad.gguf" },
	};
	struct assay_buf b;
	bad_gguf(&b);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char *at = memmem(b.data, b.len_bytes, t[i].find, strlen(t[i].find)), was[16];
		assert_non_null(at);
		at += (long)strlen(t[i].find) + t[i].delta;
		memcpy(was, at, t[i].n);
		memcpy(at, t[i].bytes, t[i].n);
		bad_write("bad.gguf", b.data, b.len_bytes);
		memcpy(at, was, t[i].n);
		bad_refused(MEASURE "bad.gguf", 3, t[i].part);
	}
	assay_buf_release(&b);
}

static void test_tokenizer(void **state)
{
	(void)state;
	static const struct { const char *text, *part; } t[] = {
		{ "", "tokenizer.json" },
		{ "{", "tokenizer.json:1" },
		{ "[]", "must be a JSON object" },
		{ "{}", "tokenizer.json" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"vocab\":{\"a\":0},\"merges\":[]}}", "tokenizer.json" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "tokenizer.json" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":999999999999},\"merges\":[]}}", "tokenizer.json" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "tokenizer.json" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}", "tokenizer.json" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[7]}}", "merge 0" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"id\":99999999999,\"content\":\"x\"}]}", "added_tokens" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":7}", "added_tokens" },
	};
	struct e2e r;
	e2e_run(&r, "cp -r good tok");
	e2e_release(&r);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		bad_write("tok/tokenizer.json", t[i].text, strlen(t[i].text));
		bad_refused("$A generate -t 1 -n 2 -m tok " TOKENIZED, 3, t[i].part);
	}
	bad_refused("$A generate -t 1 -n 2 -m good " TOKENIZED, 2, "--prompt: ");
	bad_refused(MEASURE "good " TOKENIZED, 2, "--prompt: ");
	/* a kind of tokenizer that is not read: text is refused, ids work */
	static const char unigram[] = "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}";
	bad_write("tok/tokenizer.json", unigram, sizeof unigram - 1);
	bad_refused("$A generate -t 1 -n 2 -m tok " TOKENIZED, 2, "\"Unigram\" is not supported");
	e2e_run(&r, GENERATE "tok");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
}

/* Seeded damage anywhere: cuts and flipped bytes. Weights may change what is written; nothing may break. */
static void test_random_damage(void **state)
{
	(void)state;
	char why[4000];
	struct assay_buf b;
	uint64_t key = assay_rng_key(20, 26);
	bad_gguf(&b);
	for (uint64_t i = 0; i < 40; i++) {
		/* three of four near the front, where every byte means something */
		size_t at = assay_rng_below(key, 2 * i, i % 4 ? 12000 : b.len_bytes - 1);
		char was = b.data[at];
		b.data[at] = (char)assay_rng_below(key, 2 * i + 1, 256);
		bad_write("odd.gguf", b.data, i % 2 ? b.len_bytes : at);
		b.data[at] = was;
		if (!bad_survived("$A generate -t 1 -n 2 --isa scalar -m odd.gguf --prompt he", why, sizeof why))
			fail_msg("byte %zu, round %d: %s", at, (int)i, why);
	}
	assay_buf_release(&b);
	for (uint64_t i = 0; i < 20; i++) {
		unsigned char c = (unsigned char)assay_rng_below(key, 1000 + i, 256);
		bad_model_raw("odd", ST, (long)assay_rng_below(key, 2000 + i, 2632), &c, 1);
		if (!bad_survived(GENERATE "odd", why, sizeof why))
			fail_msg("round %d: %s", (int)i, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound), cmocka_unit_test(test_config), cmocka_unit_test(test_safetensors_header), cmocka_unit_test(test_safetensors_bytes),
		cmocka_unit_test(test_files), cmocka_unit_test(test_gguf), cmocka_unit_test(test_tokenizer), cmocka_unit_test(test_random_damage),
	};
	return cmocka_run_group_tests_name("bad models", tests, NULL, NULL);
}
