/* See bad_kit.h. */
#include "e2e/bad_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/fs.h"
#include "e2e/e2e.h"
#include "nn/gguf_model.h"
#include "nn/source.h"
#include "unit/golden.h"
#include "unit/gguf_build.h"
#include "unit/tokenizer_fixture.h"

enum { FILE_MAX = 16 << 20 };

/* One to three lines, the first "assay: ...", the others advice. */
static bool reads_well(const char *err)
{
	int n = 0;
	for (const char *p = err; *p; n++) {
		const char *end = strchr(p, '\n');
		if (!end || end - p > 700 || strncmp(p, n ? "  " : "assay: ", n ? 2 : 7))
			return false;
		for (const char *c = p; c < end; c++)
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				return false;
		p = end + 1;
	}
	return n >= 1 && n <= 3;
}

static bool left_behind(void)
{
	char path[200];
	snprintf(path, sizeof path, "%s/results", e2e_dir());
	return assay_fs_exists(path);
}

void bad_refused(const char *line, int status, const char *part)
{
	struct e2e r;
	e2e_run(&r, "%s", line);
	if (r.status != status || *r.out || !strstr(r.err, part) || !reads_well(r.err) || left_behind())
		fail_msg("%s\nstatus %d, wanted %d\nout: %s\nerr: %s\nwanted: %s%s", line, r.status, status, r.out, r.err, part, left_behind() ? "\nresults/ was left behind" : "");
	e2e_release(&r);
}

bool bad_survived(const char *line, char *why, size_t size_bytes)
{
	struct e2e r;
	e2e_run(&r, "%s", line);
	bool ok = r.status == 0 ? !*r.err : (r.status == 2 || r.status == 3) && reads_well(r.err) && !*r.out;
	snprintf(why, size_bytes, "%s: status %d, out \"%s\", err \"%s\"", line, r.status, r.out, r.err);
	e2e_release(&r);
	return ok;
}

void bad_write(const char *name, const void *bytes, size_t n)
{
	char path[400];
	snprintf(path, sizeof path, "%s/%s", e2e_dir(), name);
	FILE *f = fopen(path, "wbe");
	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		abort();
}

static void golden_file(const char *file, struct assay_buf *out)
{
	struct golden g;
	struct assay_err e = ASSAY_ERR_INIT;
	char path[700];
	if (golden_read("gpt2", &g))
		fail_msg("the golden gpt2 is missing");
	snprintf(path, sizeof path, "%s/%s", g.dir, file);
	assay_buf_init(out, FILE_MAX);
	if (assay_fs_read(path, out, ASSAY_E_MODEL, &e))
		fail_msg("%s", e.msg);
}

/* The untouched files; one of them is then written over. */
static void copy_model(const char *name)
{
	static const char *const files[] = { "config.json", "model.safetensors" };
	struct e2e r;
	e2e_run(&r, "rm -rf '%s'; mkdir '%s'", name, name);
	assert_int_equal(r.status, 0);
	e2e_release(&r);
	for (int i = 0; i < 2; i++) {
		struct assay_buf b;
		char to[200];
		golden_file(files[i], &b);
		snprintf(to, sizeof to, "%s/%s", name, files[i]);
		bad_write(to, b.data, b.len_bytes);
		assay_buf_release(&b);
	}
}

void bad_model(const char *name, const char *file, const char *find, const char *put)
{
	struct assay_buf b, out;
	char to[200];
	copy_model(name);
	golden_file(file, &b);
	assay_buf_init(&out, FILE_MAX);
	uint64_t header = b.len_bytes, skip = strstr(file, ".safetensors") ? 8 : 0;
	if (skip)
		memcpy(&header, b.data, sizeof header);
	size_t old = find ? strlen(find) : header;
	const char *at = find ? memmem(b.data + skip, b.len_bytes - skip, find, old) : b.data + skip;
	if (!at)
		fail_msg("%s holds no %s", file, find);
	size_t before = (size_t)(at - b.data);
	if (skip) {
		header += strlen(put) - old;
		memcpy(b.data, &header, sizeof header);
	}
	assay_buf_append(&out, b.data, before);
	assay_buf_puts(&out, put);
	assay_buf_append(&out, at + old, b.len_bytes - before - old);
	snprintf(to, sizeof to, "%s/%s", name, file);
	bad_write(to, out.data ? out.data : "", out.len_bytes);
	assay_buf_release(&out);
	assay_buf_release(&b);
}

void bad_model_raw(const char *name, const char *file, long at, const void *bytes, size_t n)
{
	struct assay_buf b;
	char to[200];
	copy_model(name);
	golden_file(file, &b);
	size_t from = at < 0 ? b.len_bytes - (size_t)-at : (size_t)at;
	if (bytes)
		memcpy(b.data + from, bytes, n);
	else
		b.len_bytes = from;
	snprintf(to, sizeof to, "%s/%s", name, file);
	bad_write(to, b.data, b.len_bytes);
	assay_buf_release(&b);
}

static void gguf_tensor(struct nn_source *s, struct gguf_build *b, const char *hf, int64_t rows, int64_t cols)
{
	struct nn_view v;
	struct assay_err e = ASSAY_ERR_INIT;
	char name[96];
	size_t n = (size_t)((rows ? rows : 1) * cols);
	float *data = xalloc(n * sizeof *data);
	if (s->ops->find(s, hf, rows ? rows : 1, cols, &v, &e) || !nn_gguf_tensor_name(NN_GPT2, hf, name, sizeof name))
		fail_msg("%s: %s", hf, e.msg);
	s->ops->fetch(&v, 0, rows ? rows : 1, data);
	gguf_put_tensor(b, name, 0, (uint64_t)cols, (uint64_t)rows, data, n * sizeof *data);
	free(data);
}

static void gguf_tensors(struct nn_source *s, struct gguf_build *b)
{
	const int64_t h = s->shape.hidden, f = s->shape.ffn;
	const struct { const char *part; int64_t rows, cols; } row[] = {
		{ "ln_1.weight", 0, h }, { "ln_1.bias", 0, h }, { "attn.c_attn.weight", 3 * h, h }, { "attn.c_attn.bias", 0, 3 * h }, { "attn.c_proj.weight", h, h }, { "attn.c_proj.bias", 0, h },
		{ "ln_2.weight", 0, h }, { "ln_2.bias", 0, h }, { "mlp.c_fc.weight", f, h }, { "mlp.c_fc.bias", 0, f }, { "mlp.c_proj.weight", h, f }, { "mlp.c_proj.bias", 0, h },
	};
	gguf_tensor(s, b, "transformer.wte.weight", s->shape.vocab, h);
	gguf_tensor(s, b, "transformer.wpe.weight", s->shape.max_context, h);
	gguf_tensor(s, b, "transformer.ln_f.weight", 0, h);
	gguf_tensor(s, b, "transformer.ln_f.bias", 0, h);
	for (int l = 0; l < s->shape.layers; l++)
		for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
			char name[96];
			snprintf(name, sizeof name, "transformer.h.%d.%s", l, row[i].part);
			gguf_tensor(s, b, name, row[i].rows, row[i].cols);
		}
}

static void gguf_tokenizer(struct gguf_build *b, int vocab)
{
	const char **token = xalloc((size_t)vocab * sizeof *token);
	static const char *const merges[] = { "h e" };
	for (int i = 0; i < vocab; i++) {
		char c[3] = "";
		if (i < 256)
			byte_level_char((unsigned)i, c);
		token[i] = i < 256 ? xstrdup(c) : i == 256 ? xstrdup("he") : xasprintf("<unused %d>", i);
	}
	gguf_put_str(b, "tokenizer.ggml.model", "gpt2");
	gguf_put_str(b, "tokenizer.ggml.pre", "gpt-2");
	gguf_put_strs(b, "tokenizer.ggml.tokens", token, (uint64_t)vocab);
	gguf_put_strs(b, "tokenizer.ggml.merges", merges, 1);
	for (int i = 0; i < vocab; i++)
		free((char *)token[i]);
	free(token);
}

void bad_gguf(struct assay_buf *out)
{
	struct golden g;
	struct gguf_build b;
	struct nn_source *s = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	if (golden_read("gpt2", &g) || nn_source_open(g.dir, 0, &s, &e))
		fail_msg("the golden gpt2 is missing: %s", e.msg);
	gguf_build_init(&b);
	gguf_put_str(&b, "general.architecture", "gpt2");
	gguf_put_u32(&b, "gpt2.block_count", (uint32_t)s->shape.layers);
	gguf_put_u32(&b, "gpt2.context_length", (uint32_t)s->shape.max_context);
	gguf_put_u32(&b, "gpt2.embedding_length", (uint32_t)s->shape.hidden);
	gguf_put_u32(&b, "gpt2.feed_forward_length", (uint32_t)s->shape.ffn);
	gguf_put_u32(&b, "gpt2.attention.head_count", (uint32_t)s->shape.heads);
	gguf_put_f32(&b, "gpt2.attention.layer_norm_epsilon", s->shape.norm_eps);
	gguf_tokenizer(&b, s->shape.vocab);
	gguf_tensors(s, &b);
	gguf_build_finish(&b, out);
	gguf_build_release(&b);
	nn_source_close(s);
}
