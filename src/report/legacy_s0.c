/* S0's per-run record as legacy/s0/metrics.csv: a row a measured run of every experiment, with the time
 * when it began. MB = 1024^2 bytes; seq_len = prompt + output tokens. */
#include <math.h>

#include "base/json.h"
#include "draw/csv.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/faces.h"
#include "report/legacy.h"
#include "report/legacy_text.h"

#define MIB (1024.0 * 1024.0)

/* What the engine holds: weights, KV in use, workspace. NaN unless all are known. */
static double allocated_mb(const struct assay_rec_memory *m)
{
	if (!m || m->weight_bytes < 0 || m->kv_used_bytes < 0 || m->workspace_bytes < 0)
		return NAN;
	int64_t kv = m->kv_peak_bytes > m->kv_used_bytes ? m->kv_peak_bytes : m->kv_used_bytes;
	return ((double)m->weight_bytes + (double)kv + (double)m->workspace_bytes) / MIB;
}

/* prompt + output of the case; where it names none (texts, ranges), of the run's requests when they are equal. -1 = they are not. */
static int64_t seq_len(const json_t *p, const struct assay_run *run, const struct assay_run_visit *v)
{
	int64_t prompt = face_case_int(p, "prompt_tokens", -1), output = face_case_int(p, "output_tokens", -1), one = -1;
	if (prompt >= 0 && output >= 0)
		return prompt + output;
	for (size_t k = 0; k < v->n_requests; k++) {
		const struct assay_rec_request *r = &run->requests[v->first_request + k].r;
		int64_t len = (int64_t)r->prompt_tokens + r->max_tokens;
		if (k && len != one)
			return -1;
		one = len;
	}
	return one;
}

static void row(struct csv *c, const json_t *result, const json_t *p, const struct assay_run *run, const struct assay_run_visit *v, size_t i)
{
	csv_text(c, legacy_time_at(result, run, v->v.t0_ns).iso);
	csv_text(c, face_model(result));
	csv_count(c, face_case_int(p, "batch_size", assay_json_get_int(p, "requests_per_run", -1)));
	csv_count(c, seq_len(p, run, v));
	csv_num(c, face_per_run(p, "e2el_ms", i));
	csv_num(c, face_per_run(p, "output_tok_s", i));
	csv_num(c, face_per_run(p, "rss_peak_mib", i));
	csv_num(c, allocated_mb(face_memory(run, v->v.point, v->v.repeat, ASSAY_MEM_AFTER_RUN)));
	csv_num(c, face_per_run(p, "gpu_util", i) * 100);
	csv_end(c);
}

static int write_s0(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct csv c;
	size_t k;
	json_t *p;
	csv_init(&c, "timestamp,model,batch_size,seq_len,latency_ms,throughput_tokens_per_sec,peak_memory_mb,memory_allocated_mb,gpu_utilization_percent");
	json_array_foreach(json_object_get(result, "points"), k, p) {
		const struct assay_run_visit *v;
		for (size_t i = 0; (v = face_measured(p, run, i)); i++)
			row(&c, result, p, run, v, i);
	}
	int rc = c.b.overflow ? assay_fail(e, ASSAY_E_IO, "legacy/s0/metrics.csv: too large") : legacy_write(dir, "s0", "metrics.csv", c.b.data, c.b.len_bytes, e);
	csv_release(&c);
	return rc ? rc : legacy_s0_report(result, dir, e);
}

const struct assay_face legacy_s0 = { "s0", "metrics.csv and baseline_report.md: nano-vLLM plan", true, write_s0 };
