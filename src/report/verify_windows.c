/* Do the windows of a stream follow from its requests? A window's counts and times are made again from the SERVED records before it and
 * compared bit for bit. What only the run itself saw (gaps between all tokens, engine steps, memory) cannot be made again. */
#include <stdio.h>
#include <string.h>

#include "core/journal.h"
#include "core/journal_format.h"
#include "metrics/window.h"
#include "report/verify_work.h"

struct again {
	struct assay_window *w;
	struct assay_rec_dist said[ASSAY_STREAM_METRICS]; /* of the window that comes next */
	uint64_t wrong;
	uint32_t first;                                   /* window */
	char what[60];
};

static void restart(struct again *a)
{
	static const struct assay_rec_window none;
	assay_window_begin(a->w, &none);
	memset(a->said, 0, sizeof a->said);
}

static void differs(struct again *a, uint32_t window, const char *what)
{
	if (a->wrong++)
		return;
	a->first = window;
	snprintf(a->what, sizeof a->what, "%s", what);
}

static void check_window(struct again *a, const struct assay_rec_window *w)
{
	static const char *const names[] = { "ttft_ms", "ttft_service_ms", "itl_ms", "tpot_ms", "e2el_ms", "queue_ms", "send_lag_ms" };
	const struct assay_rec_window *h = assay_window_head(a->w);
	if (memcmp(h->ends, w->ends, sizeof h->ends))
		differs(a, w->index, "end states");
	else if (h->prompt_tokens != w->prompt_tokens || h->output_tokens != w->output_tokens || h->cached_tokens != w->cached_tokens)
		differs(a, w->index, "token counts");
	for (uint32_t m = 0; m < ASSAY_STREAM_METRICS; m++) {
		struct assay_rec_dist d;
		if (m == ASSAY_STREAM_ITL)
			continue;
		if (assay_window_dist(a->w, (enum assay_stream_metric)m, &d))
			d.window = a->said[m].window;
		if (memcmp(&d, &a->said[m], sizeof d))
			differs(a, w->index, names[m]);
	}
	restart(a);
}

static void each(void *arg, uint32_t type, const void *record)
{
	struct again *a = arg;
	struct assay_rec_request q;
	struct assay_rec_window w;
	struct assay_rec_dist d;
	switch (type) {
	case ASSAY_REC_SERVED:
		memcpy(&q, record, sizeof q);
		assay_window_ended(a->w, &q, q.first_tokens);
		break;
	case ASSAY_REC_DIST:
		memcpy(&d, record, sizeof d);
		if (d.metric < ASSAY_STREAM_METRICS)
			a->said[d.metric] = d;
		break;
	case ASSAY_REC_WINDOW:
		memcpy(&w, record, sizeof w);
		check_window(a, &w);
		break;
	case ASSAY_REC_RESUME: /* requests before it that no window counts were cut off by a kill */
		restart(a);
		break;
	}
}

int verify_read(struct verify_work *w, struct assay_err *e)
{
	struct again a = { .w = assay_window_open() };
	char at[40];
	restart(&a);
	int rc = assay_journal_read_each(w->dir, each, &a, &w->run, e);
	snprintf(at, sizeof at, "window %u", a.first);
	if (!rc && a.wrong)
		verify_problem(w, JOURNAL_FILE, at, "its %s do not follow from its requests%s", a.what, a.wrong > 1 ? ", nor do others" : "");
	assay_window_close(a.w);
	return rc;
}
