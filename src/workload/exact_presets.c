/* See exact_presets.h. Must not know how a plan is laid out. */
#include "workload/exact_presets.h"

#include <stddef.h>
#include <string.h>

#include "workload/mt19937.h"

enum { s1_prompt = 8, shortest = 100, longest = 1024, last_id = 10000 };

static const char *const names[] = { [ASSAY_EXACT_S1] = "s1", [ASSAY_EXACT_NANOVLLM] = "nanovllm" };

enum assay_exact assay_exact_find(const char *name)
{
	for (int i = 0; i < ASSAY_EXACT_NONE; i++)
		if (!strcmp(name, names[i]))
			return (enum assay_exact)i;
	return ASSAY_EXACT_NONE;
}

/* The order of draws is the preset: nanovllm draws a prompt's length, then its ids, for all prompts, then all outputs; s1 only outputs.
 * Either output may be NULL. Returns the number of ids. */
static uint32_t draw(enum assay_exact preset, struct assay_length *len, int32_t *ids)
{
	struct mt19937 m = { 0 };
	uint32_t n_ids = 0;
	mt19937_seed(&m, 0);
	for (int i = 0; i < ASSAY_EXACT_REQUESTS; i++) {
		int prompt = preset == ASSAY_EXACT_NANOVLLM ? mt19937_randint(&m, shortest, longest) : s1_prompt;
		for (int k = 0; preset == ASSAY_EXACT_NANOVLLM && k < prompt; k++, n_ids++) {
			int32_t id = mt19937_randint(&m, 0, last_id);
			if (ids)
				ids[n_ids] = id;
		}
		if (len)
			len[i].prompt = prompt;
	}
	for (int i = 0; len && i < ASSAY_EXACT_REQUESTS; i++)
		len[i].output = mt19937_randint(&m, shortest, longest);
	return n_ids;
}

void assay_exact_lengths(enum assay_exact preset, struct assay_length out[ASSAY_EXACT_REQUESTS])
{
	draw(preset, out, NULL);
}

uint32_t assay_exact_ids(enum assay_exact preset, int32_t *out)
{
	return draw(preset, NULL, out);
}

int assay_exact_check(enum assay_exact preset, int first, int vocab, int max_context, struct assay_err *e)
{
	struct assay_length len[ASSAY_EXACT_REQUESTS];
	int over = 0, most = 0;
	if (preset == ASSAY_EXACT_NANOVLLM && vocab > 0 && vocab <= last_id)
		return assay_fail(e, ASSAY_E_USAGE, "--preset %s: its prompt ids go up to %d, the model's vocabulary has %d: choose a model with a larger vocabulary",
		                  names[preset], last_id, vocab);
	assay_exact_lengths(preset, len);
	for (int i = 0; i < first; i++) {
		int need = len[i].prompt + len[i].output;
		over += max_context > 0 && need > max_context;
		most = need > most ? need : most;
	}
	if (over)
		return assay_fail(e, ASSAY_E_USAGE, "--preset %s: %d of %d requests exceed the model's context of %d (the longest needs %d): "
		                  "choose a model with a longer context, or leave --preset out and give --requests, --input and --output-tokens",
		                  names[preset], over, first, max_context, most);
	return 0;
}
