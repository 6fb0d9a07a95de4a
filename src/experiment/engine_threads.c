/* See engine_threads.h. Must not judge. */
#include "experiment/engine_threads.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define SHARE 0.5                               /* of the busiest thread's CPU time: a thread of the team does about as much, a helper much less */
#define ENOUGH_NS (100 * ASSAY_NS_PER_MS)       /* of the busiest thread: times come in ticks of 10 ms */

static int read_threads(struct assay_session *s, struct assay_thread_cpu *out)
{
	struct assay_group_use use;
	assay_group_read(s->group, &use);
	return assay_group_threads(s->group, out, ASSAY_THREADS_MAX);
}

void assay_engine_threads_before(struct assay_session *s, int repeat)
{
	if (!s->group || s->threads.told || s->threads.before || repeat < 0)
		return;
	s->threads.before = xalloc(ASSAY_THREADS_MAX * sizeof *s->threads.before);
	s->threads.n = read_threads(s, s->threads.before);
}

void assay_engine_threads_after(struct assay_session *s, uint32_t point)
{
	int64_t most_ns;
	if (!s->threads.before)
		return;
	struct assay_thread_cpu *after = xalloc(ASSAY_THREADS_MAX * sizeof *after);
	int n = read_threads(s, after), busy = assay_threads_busy(s->threads.before, s->threads.n, after, n, SHARE, &most_ns);
	if (most_ns >= ENOUGH_NS) { /* else the next run adds to it */
		assay_session_note(s, json_pack("{s:s, s:i, s:O?, s:i, s:f, s:f, s:i}", "code", "engine_threads", "asked", s->c.threads, "effective", json_object_get(s->info->effective, "threads"),
						"busy", busy, "share_of_busiest", SHARE, "busiest_cpu_s", (double)most_ns / 1e9, "point", (int)point));
		s->threads.told = true;
		free(s->threads.before);
		s->threads.before = NULL;
	}
	free(after);
}
