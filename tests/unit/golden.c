/* See golden.h. */
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

const char *golden_root(void)
{
	static char found[512];
	const char *env = getenv("ASSAY_GOLDEN");
	const char *const roots[] = { env ? env : "../shared/golden", "../../shared/golden", "tests/golden" };
	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
		static const char *const tails[] = { "", "/golden" };
		for (int t = 0; t < 2; t++) {
			char probe[600];
			snprintf(found, sizeof found, "%s%s", roots[i], tails[t]);
			snprintf(probe, sizeof probe, "%s/gpt2/golden.json", found);
			if (!access(probe, R_OK))
				return found;
		}
	}
	return NULL;
}

static int ints(const json_t *list, int32_t *out, int most)
{
	int n = (int)json_array_size(list);
	for (int i = 0; i < n && i < most; i++)
		out[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
	return n < most ? n : most;
}

int golden_read(const char *model, struct golden *g)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char path[700];
	if (!golden_root())
		return -1;
	memset(g, 0, sizeof *g);
	snprintf(g->dir, sizeof g->dir, "%s/%s", golden_root(), model);
	snprintf(path, sizeof path, "%s/golden.json", g->dir);
	json_t *doc = assay_json_load(path, 1 << 20, ASSAY_E_MODEL, &e);
	if (!doc)
		return -1;
	g->vocab = (int)assay_json_get_int(doc, "vocab_size", 0);
	const json_t *list = json_object_get(doc, "prompts");
	for (size_t i = 0; i < json_array_size(list) && i < 8; i++) {
		const json_t *p = json_array_get(list, i), *top = json_object_get(p, "top5");
		struct golden_prompt *to = &g->prompt[g->n_prompts++];
		to->n = ints(json_object_get(p, "ids"), to->ids, 128);
		to->n_greedy = ints(json_object_get(p, "greedy"), to->greedy, 64);
		for (size_t j = 0; j < 5; j++)
			to->top5[j] = (int32_t)assay_json_get_int(json_array_get(top, j), "id", -1);
		snprintf(to->last_file, sizeof to->last_file, "%s", assay_json_get_str(p, "last_logits_file", ""));
		snprintf(to->all_file, sizeof to->all_file, "%s", assay_json_get_str(p, "all_logits_file", ""));
	}
	json_decref(doc);
	return g->vocab > 0 && g->n_prompts > 0 ? 0 : -1;
}

float *golden_floats(const struct golden *g, const char *file, size_t n)
{
	char path[700];
	snprintf(path, sizeof path, "%s/%s", g->dir, file);
	FILE *f = fopen(path, "rb");
	float *out = f ? xalloc(n * sizeof *out) : NULL;
	if (f && fread(out, sizeof *out, n, f) != n) {
		free(out);
		out = NULL;
	}
	if (f)
		fclose(f);
	return out;
}
