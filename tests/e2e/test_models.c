/* assay models from outside: the check's table and exit status, and what it says of a model whose file is quantised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e/e2e.h"
#include "unit/gguf_build.h"
#include "unit/golden.h"

static void expect(const char *line, const char *arg, int status, const char *out, const char *err)
{
	struct e2e r;
	e2e_run(&r, "D='%s'; %s", arg, line);
	if (r.status != status || !strstr(r.out, out) || !strstr(r.err, err))
		fail_msg("%s: status %d\n%s\n%s", line, r.status, r.out, r.err);
	e2e_release(&r);
}

static void check(void **state)
{
	(void)state;
	struct golden g;
	if (golden_read("gpt2", &g))
		skip();
	char *dir = realpath(g.dir, NULL);
	expect("$A models check $D --isa scalar -t 1", dir, 0, "\ngpt2               f32    scalar   1", "");
	expect("$A models check $D/ --dtype bf16", dir, 0, "\ngpt2               bf16", "");
	expect("$A models check $D/golden.json $D", dir, 0, "1 checked, 0 failed", "golden.json: skipped, no directory");
	expect("cp -rL $D wrong; sed -i 's/\"greedy\": *\\[ *[0-9]*/\"greedy\": [1/' wrong/golden.json; $A models check wrong//", dir, 1, "FAIL\n  1: first wrong greedy token at position 0", "");
	expect("$A models export $D copy", dir, 0, "copy: gpt2, f32, 28 tensors", "");
	expect("$A models export $D copy", dir, 2, "", "copy: not an empty directory");
	expect("$A models export $D narrow --dtype bf16 && $A models show narrow", dir, 0, "bf16  (published) ", "");
	expect("$A models export $D && true", dir, 2, "", "models export needs a model and a directory");
	expect("$A models check $D -m copy; ls -A | grep tmp; true", dir, 0, "PASS\n1 checked, 0 failed", "");
	free(dir);
}

/* Shape and dtype of a GGUF file whose layers are Q8_0: what is stored, and what "auto" makes of it. */
static void quantised(void **state)
{
	(void)state;
	struct gguf_build b;
	static const uint8_t rows[32 * 34];
	gguf_build_init(&b);
	gguf_put_str(&b, "general.architecture", "llama");
	gguf_put_u32(&b, "llama.block_count", 1);
	gguf_put_u32(&b, "llama.embedding_length", 32);
	gguf_put_u32(&b, "llama.feed_forward_length", 64);
	gguf_put_u32(&b, "llama.attention.head_count", 2);
	gguf_put_u32(&b, "llama.context_length", 128);
	gguf_put_f32(&b, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
	gguf_put_tensor(&b, "token_embd.weight", 0, 32, 64, NULL, 0);
	gguf_put_tensor(&b, "blk.0.attn_q.weight", 8, 32, 32, rows, sizeof rows);
	char *path = gguf_build_save(&b, "tiny.gguf");
	gguf_build_release(&b);
	expect("$A models show $D", path, 0, "stored as         q8_0, widened to f32 in memory\n", "");
	expect("$A models show $D", path, 0, "\nf32   (auto) ", "");
	expect("$A latency -m $D --dry-run", path, 0, "MiB as f32\n", "");
	expect("$A models show qwen2.5-0.5b", path, 0, "\nbf16  (published) ", "");
	unlink(path);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(check), cmocka_unit_test(quantised) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
