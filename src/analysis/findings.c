/* See findings.h. Must not know files or faces. */
#include "analysis/findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/knee.h"
#include "base/json.h"
#include "base/mem.h"

/* Time of a decode step: the engine's own stamps, else the time per token of its sequences. NaN unknown. */
static double step_of(const struct assay_point_metrics *p)
{
	const struct assay_value *step = assay_point_value(p, "decode_step_ms"), *tpot = assay_point_value(p, "tpot_ms");
	if (step && step->value > 0)
		return step->value;
	return tpot && tpot->value > 0 ? tpot->value : NAN;
}

static void say_knee(const struct assay_knee *k, double largest, char *out, size_t size)
{
	int n = snprintf(out, size, "a decode step takes %.3g ms + %.3g ms per sequence", k->a_ms, k->c_ms);
	if (!(k->c_ms * largest > 0.05 * k->a_ms))
		snprintf(out + n, size - (size_t)n, ": it hardly grows with the batch, so scaling did not slow up to %.0f", largest);
	else if (!(k->knee >= 1))
		snprintf(out + n, size - (size_t)n, ": sequences share less than each one costs, so scaling slows from batch 1 on");
	else if (isnan(k->saturated))
		snprintf(out + n, size - (size_t)n, ": from batch %.1f on, one more sequence adds under half of what the first does; %.4g tok/s is the most, 95 %% of it not reached at %.0f",
			 k->knee, k->most_tok_s, largest);
	else
		snprintf(out + n, size - (size_t)n, ": from batch %.1f on, one more sequence adds under half of what the first does; %.4g tok/s is the most, 95 %% of it reached at %.0f",
			 k->knee, k->most_tok_s, k->saturated);
}

static json_t *knee(const struct assay_run *run, const struct assay_run_metrics *m)
{
	double *batch = xalloc(m->n_points * sizeof *batch), *step = xalloc(m->n_points * sizeof *step), largest = 0;
	json_t *evidence = json_array();
	struct assay_knee k;
	char answer[300];
	size_t n = 0, asked = 0;
	for (size_t i = 0; i < m->n_points; i++) {
		const json_t *info = run->points[i].info;
		double ms = step_of(&m->points[i]);
		if (strcmp(assay_json_get_str(info, "experiment", ""), "throughput"))
			continue;
		asked++;
		if (isnan(ms))
			continue;
		batch[n] = assay_json_get_num(json_object_get(info, "case"), "batch_size", 1);
		step[n] = ms;
		if (!isfinite(ms) || !(batch[n] >= 1 && batch[n] <= 1e6))
			continue; /* a journal from anywhere */
		largest = batch[n] > largest ? batch[n] : largest;
		json_array_append_new(evidence, json_pack("{s:I, s:f, s:f}", "point", (json_int_t)i, "batch_size", batch[n], "step_ms", ms));
		n++;
	}
	assay_knee_fit(batch, step, n, &k);
	if (k.known)
		say_knee(&k, largest, answer, sizeof answer);
	free(batch);
	free(step);
	if (!asked) {
		json_decref(evidence);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:o, s:s, s:s?, s:s?, s:o}", "id", "batch_knee", "question", "At what batch size does scaling slow?", "experiment", "throughput",
			 "state", k.known ? "answered" : "needs", "answer", k.known ? answer : NULL, "needs", k.known ? NULL : "decode times of at least three batch sizes", "evidence", evidence,
			 "basis", "modelled", "confidence", k.known ? "low" : NULL, "next_step", k.known ? NULL : "assay throughput --batch 1,2,4,8,16,32", "fit",
			 json_pack("{s:o, s:o, s:o, s:o, s:o}", "fixed_ms", assay_json_real(k.a_ms), "per_sequence_ms", assay_json_real(k.c_ms), "knee_batch", assay_json_real(k.knee),
				   "most_tok_s", assay_json_real(k.most_tok_s), "saturated_batch", assay_json_real(k.saturated)));
}

json_t *assay_findings(const struct assay_run *run, const struct assay_run_metrics *m)
{
	json_t *a = json_array(), *one = knee(run, m);
	if (one)
		json_array_append_new(a, one);
	return a;
}
