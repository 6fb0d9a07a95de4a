/* assay compare-engines: was it the same work? The ids of a block's prompts follow from its seed, its cases and the vocabulary that the engine told, so
 * they are made again here; whether they came back whole is in the counts. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/compare_engines_parts.h"
#include "workload/plan.h"

enum { CASES_MAX = 64 };
#define IDS_MAX (1 << 28)

/* Appends the hash of the point's first repeat: each prompt's ids (int32, little-endian), its length and that of the answer. */
static int add_point(const json_t *result, const json_t *point, struct assay_buf *out)
{
	const json_t *c = json_object_get(point, "case");
	struct assay_plan_key k = { .seed = (uint64_t)assay_json_get_int(result, "seed", 0), .point = (uint32_t)assay_json_get_int(point, "index", 0), .vocab = (int)assay_json_get_int(json_object_get(result, "model"), "vocab", 0) };
	int64_t batch = assay_json_get_int(c, "batch_size", 0), prompt = assay_json_get_int(c, "prompt_tokens", 0), output = assay_json_get_int(c, "output_tokens", 0);
	struct assay_plan plan = { 0 };
	if (batch < 1 || prompt < 1 || output < 1 || prompt > IDS_MAX || output > IDS_MAX || batch > IDS_MAX / prompt || k.vocab < 1 || assay_plan_batch(&k, (size_t)batch, (int)prompt, (int)output, &plan, NULL))
		return -1;
	for (size_t i = 0; i < plan.n; i++) {
		char hash[65];
		assay_sha256_hex(plan.reqs[i].ids, (size_t)plan.reqs[i].prompt_tokens * sizeof *plan.reqs[i].ids, hash);
		assay_buf_printf(out, "%s %d %d\n", hash, plan.reqs[i].prompt_tokens, plan.reqs[i].max_tokens);
	}
	assay_plan_release(&plan);
	return 0;
}

json_t *cmd_engines_plan_hash(const json_t *result)
{
	const json_t *points = json_object_get(result, "points");
	struct assay_buf b;
	char hash[65];
	size_t i;
	json_t *p;
	int rc = json_array_size(points) && json_array_size(points) <= CASES_MAX ? 0 : -1;
	assay_buf_init(&b, (size_t)64 << 20);
	json_array_foreach(points, i, p)
		rc = rc ? rc : add_point(result, p, &b);
	rc = rc || !b.len_bytes || b.overflow ? -1 : 0;
	if (!rc)
		assay_sha256_hex(b.data, b.len_bytes, hash);
	assay_buf_release(&b);
	return rc ? NULL : json_string(hash);
}

bool cmd_engines_lengths_hold(const json_t *result)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		const json_t *c = json_object_get(p, "case"), *requests = json_object_get(p, "requests"), *tokens = json_object_get(p, "tokens");
		int64_t n = assay_json_get_int(requests, "offered", -1);
		if (n < 1 || assay_json_get_int(requests, "succeeded", -2) != n || assay_json_get_int(tokens, "prompt", -1) != n * assay_json_get_int(c, "prompt_tokens", 0) ||
		    assay_json_get_int(tokens, "output", -1) != n * assay_json_get_int(c, "output_tokens", 0))
			return false;
	}
	return json_array_size(json_object_get(result, "points"));
}
