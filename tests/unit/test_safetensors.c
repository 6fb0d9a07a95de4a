/* safetensors: hostile headers, directories of every published layout, and the values that come out. Headers use ' for ". */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "nn/source.h"
#include "nn/st_header.h"

/* 8 bytes of length, the header with " for ', then n zero bytes. Caller frees. */
static char *make_file(const char *header, uint64_t claimed, size_t n_data, size_t *size)
{
	size_t n = strlen(header);
	char *p = calloc(1, 8 + n + n_data + 1);
	for (int i = 0; i < 8; i++)
		p[i] = (char)(claimed >> (8 * i));
	for (size_t i = 0; i < n; i++)
		p[8 + i] = header[i] == '\'' ? '"' : header[i];
	*size = 8 + n + n_data;
	return p;
}

#define T(dtype, shape, from, to) "{'dtype':'" dtype "','shape':" shape ",'data_offsets':[" #from "," #to "]}"

static const struct {
	const char *header;
	size_t data;
	const char *says;          /* NULL = good */
} headers[] = {
	{ "{'a':" T("F32", "[2,3]", 0, 24) "}", 24, NULL },
	{ "{'a':" T("F32", "[2,3]", 0, 24) "}   ", 24, NULL },
	{ "{'__metadata__':{'format':'pt'},'a':" T("F32", "[]", 0, 4) ",'b':" T("BF16", "[3]", 4, 10) "}", 10, NULL },
	{ "{'b':" T("I64", "[1]", 4, 12) ",'a':" T("BOOL", "[1,1,4]", 0, 4) "}", 12, NULL },
	{ "{'z':" T("F32", "[0]", 4, 4) ",'a':" T("F32", "[1]", 0, 4) "}", 4, NULL },
	{ "{}", 0, NULL },
	{ "", 0, "not valid JSON" },
	{ "[]", 0, "must be a JSON object" },
	{ "{'a':1}", 0, "not a description" },
	{ "{'':" T("F32", "[1]", 0, 4) "}", 4, "not a description" },
	{ "{'a':{'dtype':'F32'}}", 0, "bad shape" },
	{ "{'a':" T("F33", "[1]", 0, 4) "}", 4, "dtype \"F33\" is unknown" },
	{ "{'a':{'dtype':4,'shape':[1],'data_offsets':[0,4]}}", 4, "dtype \"\" is unknown" },
	{ "{'a':" T("F32", "[-1]", 0, 4) "}", 4, "bad shape" },
	{ "{'a':" T("F32", "[1.0]", 0, 4) "}", 4, "bad shape" },
	{ "{'a':" T("F32", "7", 0, 4) "}", 4, "bad shape" },
	{ "{'a':" T("F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, "bad shape" },
	{ "{'a':" T("F32", "[4294967296,4294967296]", 0, 4) "}", 4, "bad shape" },
	{ "{'a':" T("F32", "[4611686018427387905]", 0, 4) "}", 4, "bad shape" },
	{ "{'a':" T("F32", "[9223372036854775808]", 0, 4) "}", 4, "not valid JSON" },
	{ "{'a':" T("F32", "[2]", 0, 4) "}", 4, "need 8 bytes, data_offsets give 4" },
	{ "{'a':" T("F16", "[2]", 0, 8) "}", 8, "need 4 bytes, data_offsets give 8" },
	{ "{'a':" T("F32", "[1]", 4, 0) "}", 4, "not inside the file" },
	{ "{'a':" T("F32", "[1]", -4, 0) "}", 4, "not inside the file" },
	{ "{'a':" T("F32", "[1]", 0, 8) "}", 4, "not inside the file" },
	{ "{'a':" T("F32", "[1]", 9223372036854775800, 9223372036854775804) "}", 4, "not inside the file" },
	{ "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0]}}", 4, "not inside the file" },
	{ "{'a':{'dtype':'F32','shape':[1],'data_offsets':['0','4']}}", 4, "not inside the file" },
	{ "{'a':" T("F32", "[1]", 0, 4) ",'b':" T("F32", "[1]", 0, 4) "}", 4, "overlap" },
	{ "{'a':" T("F32", "[2]", 0, 8) ",'b':" T("F32", "[1]", 4, 8) "}", 8, "overlap" },
	{ "{'a':" T("F32", "[1]", 0, 4) ",'b':" T("F32", "[1]", 8, 12) "}", 12, "gap" },
	{ "{'a':" T("F32", "[1]", 4, 8) "}", 8, "gap" },
	{ "{'a':" T("F32", "[1]", 0, 4) "}", 8, "belong to no tensor" },
	{ "{}", 8, "belong to no tensor" },
	{ "{'a':" T("F32", "[1]", 0, 4) ",'a':" T("F32", "[1]", 4, 8) "}", 8, "duplicate" },
};

static void test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		size_t size;
		char *file = make_file(headers[i].header, strlen(headers[i].header), headers[i].data, &size);
		struct nn_st_header h;
		struct assay_err e = ASSAY_ERR_INIT;
		int rc = nn_st_header_parse(file, size, size, "m.safetensors", &h, &e);
		bool ok = headers[i].says ? rc == ASSAY_E_MODEL && strstr(e.msg, headers[i].says) && strstr(e.msg, "m.safetensors") && !h.n && !h.tensor : rc == 0;
		if (!ok)
			fail_msg("%s + %zu bytes\ngave %d: %s", headers[i].header, headers[i].data, rc, e.msg);
		nn_st_header_release(&h);
		free(file);
	}
}

static void test_lengths(void **state)
{
	(void)state;
	static const uint64_t claims[] = { 1, 38, 56, 57, 1000, UINT64_C(1) << 40, UINT64_MAX, UINT64_MAX - 7 };
	struct nn_st_header h;
	struct assay_err e = ASSAY_ERR_INIT;
	size_t size;
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
		char *file = make_file("{'a':" T("F32", "[1]", 0, 4) "}", claims[i], 4, &size);
		assert_int_equal(nn_st_header_parse(file, size, size, "m", &h, &e), ASSAY_E_MODEL);
		free(file);
	}
	char *file = make_file("{'a':" T("F32", "[1]", 0, 4) "}", strlen("{'a':" T("F32", "[1]", 0, 4) "}"), 4, &size);
	for (size_t n = 0; n <= size; n++) { /* truncated anywhere */
		char *part = malloc(n ? n : 1);
		memcpy(part, file, n);
		int rc = nn_st_header_parse(part, n, n, "m", &h, &e);
		assert_int_equal(rc, n == size ? 0 : ASSAY_E_MODEL);
		nn_st_header_release(&h);
		free(part);
	}
	free(file);
}

/* A directory in /tmp, removed with everything in it. */
struct dir {
	char path[40];
};

static struct dir make_dir(void)
{
	struct dir d = { "/tmp/assay-st-XXXXXX" };
	assert_non_null(mkdtemp(d.path));
	return d;
}

static void put(const struct dir *d, const char *name, const void *data, size_t n)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", d->path, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fwrite(data, 1, n, f);
	fclose(f);
}

static void put_text(const struct dir *d, const char *name, const char *text)
{
	char *copy = strdup(text);
	for (char *p = copy; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	put(d, name, copy, strlen(copy));
	free(copy);
}

static void put_tensors(const struct dir *d, const char *name, const char *header, const void *data, size_t n)
{
	size_t size;
	char *file = make_file(header, strlen(header), n, &size);
	memcpy(file + size - n, data, n);
	put(d, name, file, size);
	free(file);
}

static void remove_dir(const struct dir *d)
{
	DIR *h = opendir(d->path);
	for (struct dirent *x; (x = readdir(h));) {
		char path[400];
		snprintf(path, sizeof path, "%s/%s", d->path, x->d_name);
		unlink(path);
	}
	closedir(h);
	rmdir(d->path);
}

#define GPT2_CONFIG "{'model_type':'gpt2','n_embd':4,'n_layer':1,'n_head':2,'n_positions':16,'vocab_size':9}"
#define LLAMA_CONFIG "{'model_type':'llama','hidden_size':4,'num_hidden_layers':1,'num_attention_heads':2,'intermediate_size':8,'vocab_size':3,'torch_dtype':'bfloat16'}"

static void expect_open(const struct dir *d, const char *says)
{
	struct nn_source *s = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int rc = nn_safetensors_open(d->path, &s, &e);
	if (says ? rc != ASSAY_E_MODEL || !strstr(e.msg, says) : rc)
		fail_msg("gave %d: %s\nwanted: %s", rc, e.msg, says ? says : "success");
	nn_source_close(s);
}

static void expect_rows(struct nn_source *s, const char *name, int64_t rows, int64_t cols, const float *want)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_view v;
	if (s->ops->find(s, name, rows, cols, &v, &e))
		fail_msg("%s", e.msg);
	float got[64];
	s->ops->fetch(&v, 0, rows, got);
	assert_memory_equal(got, want, (size_t)(rows * cols) * sizeof *got);
	for (int64_t r = 0; r < rows; r++) { /* any part is the same as the whole */
		float row[64];
		s->ops->fetch(&v, r, 1, row);
		assert_memory_equal(row, want + r * cols, (size_t)cols * sizeof *row);
	}
}

static void expect_no(struct nn_source *s, const char *name, int64_t rows, int64_t cols, const char *says)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_view v;
	assert_int_equal(s->ops->find(s, name, rows, cols, &v, &e), ASSAY_E_MODEL);
	if (!strstr(e.msg, says))
		fail_msg("%s", e.msg);
}

static void test_values(void **state)
{
	(void)state;
	struct dir d = make_dir();
	const uint16_t bf16[6] = { 0x3f80, 0xbf80, 0x4000, 0x0001, 0x7f7f, 0x8000 }, f16[4] = { 0x3c00, 0xc000, 0x0001, 0x7bff };
	const float f32[2] = { 1.25f, -0.0f };
	char data[12 + 8 + 8 + 8];
	memcpy(data, bf16, 12);
	memcpy(data + 12, f16, 8);
	memcpy(data + 20, f32, 8);
	put_text(&d, "config.json", LLAMA_CONFIG);
	put_tensors(&d, "model.safetensors",
	            "{'model.embed_tokens.weight':" T("BF16", "[3,2]", 0, 12) ",'layers.0.mlp.up_proj.weight':" T("F16", "[2,2]", 12, 20) ",'model.norm.weight':" T("F32", "[2]", 20, 28)
	            ",'odd':" T("I64", "[1]", 28, 36) ",'deep':" T("F32", "[1,2,0]", 36, 36) "}  ", data, sizeof data);
	struct nn_source *s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(nn_safetensors_open(d.path, &s, &e), 0);
	assert_int_equal(s->shape.stored, NN_BF16);
	uint32_t bits[6];
	float want[6];
	for (int i = 0; i < 6; i++)
		bits[i] = (uint32_t)bf16[i] << 16;
	memcpy(want, bits, sizeof want);
	expect_rows(s, "model.embed_tokens.weight", 3, 2, want);
	expect_rows(s, "model.layers.0.mlp.up_proj.weight", 2, 2, (const float[]){ 1, -2, 0x1p-24f, 65504 });
	expect_rows(s, "model.norm.weight", 1, 2, f32);
	expect_no(s, "lm_head.weight", 3, 2, "\"lm_head.weight\" is missing");
	expect_no(s, "model.embed_tokens.weight", 2, 3, "is 3 x 2: config.json needs 2 x 3");
	expect_no(s, "model.norm.weight", 2, 1, "needs 2 x 1");
	expect_no(s, "odd", 1, 1, "dtype I64: not supported");
	expect_no(s, "deep", 1, 2, "is 1 x 2 x 0");
	nn_source_close(s);
	remove_dir(&d);
}

/* Conv1D is stored [in][out]; bigger than a tile, so that the blocks' edges are met. */
static void test_conv1d(void **state)
{
	(void)state;
	enum { IN = 70, OUT = 45 };
	struct dir d = make_dir();
	static float data[IN * OUT], got[OUT * IN];
	for (int i = 0; i < IN * OUT; i++)
		data[i] = (float)i;
	put_text(&d, "config.json", GPT2_CONFIG);
	put_tensors(&d, "model.safetensors", "{'h.0.mlp.c_fc.weight':" T("F32", "[70,45]", 0, 12600) "}", data, sizeof data);
	struct nn_source *s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(nn_safetensors_open(d.path, &s, &e), 0);
	assert_int_equal(s->shape.stored, NN_F32);
	struct nn_view v;
	assert_int_equal(s->ops->find(s, "transformer.h.0.mlp.c_fc.weight", OUT, IN, &v, &e), 0);
	s->ops->fetch(&v, 3, OUT - 3, got);
	for (int r = 3; r < OUT; r++)
		for (int c = 0; c < IN; c++)
			assert_true(got[(r - 3) * IN + c] == data[c * OUT + r]);
	expect_no(s, "transformer.h.0.mlp.c_fc.weight", IN, OUT, "stored transposed");
	nn_source_close(s);
	remove_dir(&d);
}

static void test_tied(void **state)
{
	(void)state;
	struct dir d = make_dir();
	const float wte[4] = { 1, 2, 3, 4 };
	put_text(&d, "config.json", GPT2_CONFIG);
	put_tensors(&d, "model.safetensors", "{'wte.weight':" T("F32", "[2,2]", 0, 16) "}", wte, sizeof wte);
	struct nn_source *s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(nn_safetensors_open(d.path, &s, &e), 0);
	expect_rows(s, "lm_head.weight", 2, 2, wte);
	nn_source_close(s);
	remove_dir(&d);
}

static void test_directories(void **state)
{
	(void)state;
	struct dir d = make_dir();
	const float one[2] = { 1, 2 };
	expect_open(&d, "it holds no config.json");
	put_text(&d, "config.json", GPT2_CONFIG);
	expect_open(&d, "no model.safetensors");
	put(&d, "pytorch_model.bin", "x", 1);
	expect_open(&d, "save_pretrained");
	put(&d, "model.safetensors", "", 0);
	expect_open(&d, "too short");
	put_tensors(&d, "model.safetensors", "{'a':" T("F32", "[2]", 0, 8) "}", one, 8);
	expect_open(&d, NULL);
	put_text(&d, "config.json", "{'model_type':'mamba'}");
	expect_open(&d, "\"mamba\" is not supported");
	remove_dir(&d);
}

static void test_shards(void **state)
{
	(void)state;
	struct dir d = make_dir();
	const float one[2] = { 1, 2 }, two[2] = { 3, 4 };
	put_text(&d, "config.json", GPT2_CONFIG);
	put_tensors(&d, "m-1.safetensors", "{'a':" T("F32", "[2]", 0, 8) "}", one, 8);
	put_tensors(&d, "m-2.safetensors", "{'b':" T("F32", "[2]", 0, 8) "}", two, 8);
	static const struct { const char *index, *says; } row[] = {
		{ "{'weight_map':{'a':'m-1.safetensors','b':'m-2.safetensors'},'metadata':{'total_size':16}}", NULL },
		{ "{'weight_map':{'a':'m-2.safetensors','b':'m-2.safetensors'}}", "tensor \"a\" is not in m-2.safetensors" },
		{ "{'weight_map':{'a':'m-1.safetensors','c':'m-2.safetensors'}}", "tensor \"c\" is not in" },
		{ "{'weight_map':{'a':'../m-1.safetensors'}}", "not a file name inside" },
		{ "{'weight_map':{'a':'/etc/passwd'}}", "not a file name inside" },
		{ "{'weight_map':{'a':'..'}}", "not a file name inside" },
		{ "{'weight_map':{'a':''}}", "not a file name inside" },
		{ "{'weight_map':{'a':7}}", "names no file" },
		{ "{'weight_map':{'a':'m-3.safetensors'}}", "cannot open" },
		{ "{'weight_map':{}}", "missing or empty" },
		{ "{'weight_map':[]}", "missing or empty" },
		{ "{}", "missing or empty" },
		{ "[", "not valid JSON" },
		{ "{'weight_map':{'a':'m-1.safetensors','a':'m-1.safetensors'}}", "duplicate" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		put_text(&d, "model.safetensors.index.json", row[i].index);
		expect_open(&d, row[i].says);
	}
	put_text(&d, "model.safetensors.index.json", row[0].index);
	put_tensors(&d, "m-2.safetensors", "{'b':" T("F32", "[1]", 0, 4) ",'a':" T("F32", "[1]", 4, 8) "}", two, 8);
	expect_open(&d, "is in both");
	remove_dir(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers), cmocka_unit_test(test_lengths),     cmocka_unit_test(test_values), cmocka_unit_test(test_conv1d),
		cmocka_unit_test(test_tied),    cmocka_unit_test(test_directories), cmocka_unit_test(test_shards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
