/* See effective.h. Must not know metrics. */
#include "metrics/effective.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

static const json_t *effective(const struct assay_run *run)
{
	return json_object_get(json_object_get(run->header, "engine"), "effective");
}

size_t assay_effective_slots(const struct assay_run *run, size_t point)
{
	const int64_t caps[] = { assay_json_get_int(run->points[point].info, "concurrency", 0), assay_json_get_int(effective(run), "max_num_seqs", 0),
		assay_json_get_int(effective(run), "max_batch", 0) };
	int64_t least = 0;
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		if (caps[i] > 0 && (!least || caps[i] < least))
			least = caps[i];
	return (size_t)least;
}

double assay_effective_page_bytes(const struct assay_run *run)
{
	return assay_json_get_num(effective(run), "block_size", NAN) * assay_json_get_num(json_object_get(run->header, "model"), "kv_bytes_per_token", NAN);
}

bool assay_effective_told_at_end(const struct assay_run *run) { return !strcmp(assay_json_get_str(effective(run), "told", ""), "at_end"); }
