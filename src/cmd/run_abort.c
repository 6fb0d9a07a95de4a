/* --abort-on: conditions held between visits against the result so far, which is made of the journal so far, as the final one will be. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/run.h"

/* Judging reads the whole journal and computes every metric. On a real clock it may take a share of the run's time; on a virtual one, where a visit
 * takes no time and the outcome must repeat, it happens after each of the first visits and then whenever the run has grown by a quarter. */
#define COST_SHARE 0.05                      /* of the run's time that judging may take, */
#define COST_FREE_NS (200 * ASSAY_NS_PER_MS) /* beyond this much */

int cmd_run_abort_parse(struct cmd_run *r, struct assay_err *e)
{
	const char *const *list;
	int n = assay_options_strs(r->o, "abort-on", &list);
	r->aborts.list = xalloc((size_t)(n + 1) * sizeof *r->aborts.list);
	for (; r->aborts.n < n; r->aborts.n++)
		if (assay_condition_parse(list[r->aborts.n], &r->aborts.list[r->aborts.n], e))
			return assay_fail_in(e, "--abort-on");
	return 0;
}

/* Every point must hold the opposite: "not met" is then one that holds c. */
static struct assay_condition opposite(const struct assay_condition *c)
{
	static const enum assay_relation other[] = { [ASSAY_LESS] = ASSAY_AT_LEAST, [ASSAY_AT_MOST] = ASSAY_MORE, [ASSAY_MORE] = ASSAY_AT_MOST, [ASSAY_AT_LEAST] = ASSAY_LESS };
	struct assay_condition o = *c;
	o.relation = other[c->relation];
	return o;
}

/* The document of what is recorded so far, or NULL. */
static json_t *result_so_far(struct cmd_run *r)
{
	struct assay_run run = { 0 };
	json_t *doc = NULL;
	assay_journal_drain(r->journal);
	if (!assay_journal_read_own(r->dir, &run, NULL)) {
		doc = assay_result_build(&run);
		assay_run_release(&run);
	}
	return doc;
}

static void put_note(struct cmd_run *r, json_t *note)
{
	struct assay_sink *sink = assay_journal_sink(r->journal);
	sink->put_json(sink, ASSAY_REC_NOTE, note);
}

static void abort_run(struct cmd_run *r, const struct assay_condition *c, const struct assay_condition_answer *a, const json_t *doc)
{
	const json_t *point = json_array_get(json_object_get(doc, "points"), (size_t)a->point);
	char *kase = json_dumps(json_object_get(point, "case"), JSON_COMPACT | JSON_ENCODE_ANY), actual[40] = "infinite: requests failed";
	if (isfinite(a->actual))
		snprintf(actual, sizeof actual, "%.6g", a->actual);
	r->aborted = xasprintf("--abort-on %s holds: %s at %s %s", c->text, actual, assay_json_get_str(point, "experiment", "?"), kase ? kase : "");
	free(kase);
	put_note(r, json_pack("{s:s, s:s, s:o, s:i, s:s}", "code", "aborted", "condition", c->text, "actual", isfinite(a->actual) ? json_real(a->actual) : json_null(), "point", a->point,
			      "reason", r->aborted));
}

/* last: conditions that nobody could judge are noted. */
static void judge(struct cmd_run *r, bool last)
{
	int64_t t0_ns = assay_now_ns();
	json_t *doc = result_so_far(r);
	for (int i = 0; doc && !r->aborted && i < r->aborts.n; i++) {
		const struct assay_condition *c = &r->aborts.list[i];
		struct assay_condition not_c = opposite(c);
		struct assay_condition_answer a;
		assay_condition_judge(&not_c, doc, &a);
		if (a.held == ASSAY_NOT_MET)
			abort_run(r, c, &a, doc);
		else if (last && a.held == ASSAY_UNKNOWN)
			put_note(r, json_pack("{s:s, s:s, s:s}", "code", "abort_on_unknown", "condition", c->text, "reason", a.why));
	}
	json_decref(doc);
	r->aborts.last_ns = assay_now_ns() - t0_ns;
	r->aborts.spent_ns += r->aborts.last_ns;
}

const char *cmd_run_abort_hook(void *arg)
{
	struct cmd_run *r = arg;
	struct cmd_aborts *a = &r->aborts;
	int64_t would_ns = a->spent_ns + a->last_ns;
	bool dear = would_ns > COST_FREE_NS && (double)would_ns > COST_SHARE * (double)(assay_now_ns() - r->begun_ns);
	a->visits++;
	if (r->engine->ops->info(r->engine)->virtual_clock)
		dear = a->visits < a->next;
	if (a->n && !r->aborted && !dear) {
		a->next = a->visits + 1 + a->visits / 4;
		judge(r, false);
	}
	return r->aborted;
}

void cmd_run_abort_last(struct cmd_run *r)
{
	if (r->aborts.n && !r->aborted)
		judge(r, true);
}
