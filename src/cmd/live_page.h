/* What a soak is doing now, on stderr: on a terminal a page that is drawn again twice a second, elsewhere a line a window. Drawn by a thread of
 * its own, because a terminal may block and the load may not. */
#ifndef ASSAY_CMD_LIVE_PAGE_H
#define ASSAY_CMD_LIVE_PAGE_H

#include "base/mem.h"
#include "experiment/experiment.h"

#define LIVE_WINDOWS 256 /* windows that the shapes show */

/* All that is drawn: the newest state, and numbers of the windows so far (of many, the last). */
struct live_view {
	struct assay_live now;
	const char *name;                 /* "soak: gpt2 on cpu" */
	double wall_s;                    /* since the page was opened */
	size_t n;                         /* windows kept */
	double p99_ms[LIVE_WINDOWS], tok_s[LIVE_WINDOWS], rss_mib[LIVE_WINDOWS]; /* NaN unknown */
};
/* Takes a new state into the view. */
void live_view_add(struct live_view *v, const struct assay_live *now);
/* The page: lines ended by a newline, none longer than width - 1; the count. Pure. */
int live_view_page(const struct live_view *v, struct assay_buf *out, int width, bool utf8);
/* One line, without its newline. */
void live_view_line(const struct live_view *v, struct assay_buf *out);

struct live_page;
/* NULL where no thread can be started: then nothing is drawn. */
struct live_page *live_page_open(const char *name);
/* Never waits: a state that comes while the thread takes the one before is left out. */
void live_page_update(struct live_page *p, const struct assay_live *now);
/* Draws a last time, waits for the thread. NULL is fine. */
void live_page_close(struct live_page *p);

#endif
