/* See live_page.h. */
#include "cmd/live_page.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/term.h"
#include "draw/chart.h"

#define DRAW_NS (ASSAY_NS_PER_S / 2)
#define LINE_NS (5 * ASSAY_NS_PER_S)   /* least between two plain lines */
#define SHAPE_COLUMNS 60

void live_view_add(struct live_view *v, const struct assay_live *now)
{
	bool closed = now->windows_closed > (now->probe == v->now.probe ? v->now.windows_closed : 0);
	v->now = *now;
	if (!closed)
		return;
	if (v->n == LIVE_WINDOWS) {
		memmove(v->p99_ms, v->p99_ms + 1, (LIVE_WINDOWS - 1) * sizeof *v->p99_ms);
		memmove(v->tok_s, v->tok_s + 1, (LIVE_WINDOWS - 1) * sizeof *v->tok_s);
		memmove(v->rss_mib, v->rss_mib + 1, (LIVE_WINDOWS - 1) * sizeof *v->rss_mib);
		v->n--;
	}
	v->p99_ms[v->n] = now->ttft_p99_ms;
	v->tok_s[v->n] = now->tok_s;
	v->rss_mib[v->n++] = now->rss_mib;
}

/* "  ETA 42m" by the rate at which the run has gone so far (a virtual clock is faster); empty while it cannot be told. */
static void eta(const struct live_view *v, char out[48])
{
	double done = v->now.elapsed_s - v->now.begun_s, left = v->now.total_s - v->now.elapsed_s;
	char text[24];
	*out = 0;
	if (v->now.probe || done <= 0 || left <= 0 || v->wall_s < 1 || v->wall_s * left / done > 1e9)
		return;
	assay_duration_format(text, sizeof text, v->wall_s * left / done);
	snprintf(out, 48, "  ETA %s", text);
}

static void number(char out[32], double x, int digits)
{
	if (isnan(x))
		snprintf(out, 32, "-");
	else
		snprintf(out, 32, "%.*f", digits, x);
}

/* A line of the page, cut to the width. */
__attribute__((format(printf, 3, 4)))
static int line(struct assay_buf *out, int width, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	assay_buf_printf(out, "%.*s\n", width - 1, text);
	return 1;
}

static int shape(struct assay_buf *out, int width, bool utf8, const char *name, double last, const char *unit, const double *x, size_t n, bool from_zero)
{
	char value[32], left[80];
	number(value, last, 1);
	int used = snprintf(left, sizeof left, "  %-9s %9s %-6s ", name, value, unit), room = width - 1 - used;
	if (!n || isnan(last) || room < 8)
		return 0;
	assay_buf_puts(out, left);
	draw_chart_spark(out, x, n, room < SHAPE_COLUMNS ? room : SHAPE_COLUMNS, from_zero, utf8);
	assay_buf_puts(out, "\n");
	return 1;
}

int live_view_page(const struct live_view *v, struct assay_buf *out, int width, bool utf8)
{
	const struct assay_live *l = &v->now;
	char total[24], left[48], load[32], req[32], tok[32], p50[32], p99[32], tpot[32], busy[32];
	assay_duration_format(total, sizeof total, l->total_s);
	eta(v, left);
	number(load, l->load_per_s, 2);
	number(req, l->request_s, 2);
	number(tok, l->tok_s, 1);
	number(p50, l->ttft_p50_ms, 1);
	number(p99, l->ttft_p99_ms, 1);
	number(tpot, l->tpot_p50_ms, 2);
	number(busy, 100 * l->busy, 0);
	int n = line(out, width, "assay %s  %s %s (%s req/s)", v->name, l->probe ? "probe" : "load", l->load, load);
	n += line(out, width, "  %3.0f %% of %s%s  window %u, %.0f of %.0f s", l->total_s > 0 ? floor(100 * l->elapsed_s / l->total_s) : 0, total, left, l->window, l->window_elapsed_s, l->window_s);
	n += line(out, width, "  in flight %u  offered %llu  succeeded %llu  failed %llu  unsent %llu", l->live, (unsigned long long)l->offered, (unsigned long long)l->succeeded,
		  (unsigned long long)l->failed, (unsigned long long)l->unsent);
	if (l->windows_closed)
		n += line(out, width, "  last window: %s req/s  %s tok/s  TTFT P50 %s P99 %s ms  TPOT %s ms  busy %s %%", req, tok, p50, p99, tpot, busy);
	n += shape(out, width, utf8, "TTFT P99", l->ttft_p99_ms, "ms", v->p99_ms, v->n, true);
	n += shape(out, width, utf8, "Tokens", l->tok_s, "tok/s", v->tok_s, v->n, true);
	n += shape(out, width, utf8, "RSS", l->rss_mib, "MiB", v->rss_mib, v->n, false);
	n += line(out, width, "  Ctrl-C stops and saves; --resume goes on");
	return n;
}

void live_view_line(const struct live_view *v, struct assay_buf *out)
{
	const struct assay_live *l = &v->now;
	char left[48], req[32], tok[32], p99[32], rss[32];
	eta(v, left);
	number(req, l->request_s, 2);
	number(tok, l->tok_s, 1);
	number(p99, l->ttft_p99_ms, 1);
	number(rss, l->rss_mib, 1);
	assay_buf_printf(out, "soak  %s %s  window %u  %.0f %%%s  %s req/s  %s tok/s  TTFT P99 %s ms  RSS %s MiB  failed %llu", l->probe ? "probe" : "load", l->load, l->windows_closed,
			 l->total_s > 0 ? floor(100 * l->elapsed_s / l->total_s) : 0, left, req, tok, p99, rss, (unsigned long long)l->failed);
}

struct live_page {
	pthread_t thread;
	pthread_mutex_t mutex;             /* guards newest, fresh and stopping; never held while something is printed */
	pthread_cond_t wake;
	struct assay_live newest;
	bool fresh, stopping;
	/* the thread's own */
	struct live_view view;
	struct assay_term term;
	int64_t opened_ns, said_ns;
	uint32_t said_windows;
	int lines;                         /* of the page on the terminal */
	char *name;
};

/* Over the page before, which may have been longer. */
static void draw_page(struct live_page *p)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	if (p->lines)
		assay_buf_printf(&b, "\033[%dA\r\033[J", p->lines);
	p->lines = live_view_page(&p->view, &b, p->term.width, p->term.utf8);
	fwrite(b.data, 1, b.len_bytes, stderr);
	fflush(stderr);
	assay_buf_release(&b);
}

static void say_line(struct live_page *p)
{
	struct assay_buf b;
	int64_t now_ns = assay_now_ns();
	if (p->view.now.windows_closed == p->said_windows || now_ns - p->said_ns < LINE_NS)
		return;
	p->said_windows = p->view.now.windows_closed;
	p->said_ns = now_ns;
	assay_buf_init(&b, 1 << 16);
	live_view_line(&p->view, &b);
	fprintf(stderr, "%s\n", b.data);
	assay_buf_release(&b);
}

/* Waits for half a second, or until the end. */
static bool take(struct live_page *p, struct assay_live *now, bool *stop)
{
	int64_t until_ns = assay_now_ns() + DRAW_NS;
	struct timespec t = { until_ns / ASSAY_NS_PER_S, until_ns % ASSAY_NS_PER_S };
	pthread_mutex_lock(&p->mutex);
	while (!p->stopping && pthread_cond_timedwait(&p->wake, &p->mutex, &t) == 0)
		;
	bool fresh = p->fresh;
	*now = p->newest;
	*stop = p->stopping;
	p->fresh = false;
	pthread_mutex_unlock(&p->mutex);
	return fresh;
}

static void *page_main(void *arg)
{
	struct live_page *p = arg;
	struct assay_live now;
	for (bool stop = false; !stop;) {
		if (!take(p, &now, &stop))
			continue;
		p->view.wall_s = (double)(assay_now_ns() - p->opened_ns) / 1e9;
		live_view_add(&p->view, &now);
		if (p->term.tty)
			draw_page(p);
		else
			say_line(p);
	}
	if (p->term.tty && p->lines) {
		fprintf(stderr, "\033[%dA\r\033[J", p->lines);
		fflush(stderr);
	}
	return NULL;
}

struct live_page *live_page_open(const char *name)
{
	struct live_page *p = xalloc(sizeof *p);
	pthread_condattr_t ca;
	sigset_t all, old;
	p->name = xstrdup(name);
	p->view.name = p->name;
	p->opened_ns = assay_now_ns();
	assay_term_init(&p->term, STDERR_FILENO, false);
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &ca);
	pthread_condattr_destroy(&ca);
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&p->thread, NULL, page_main, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!rc)
		return p;
	free(p->name);
	free(p);
	return NULL;
}

void live_page_update(struct live_page *p, const struct assay_live *now)
{
	if (!p || pthread_mutex_trylock(&p->mutex))
		return;
	p->newest = *now;
	p->fresh = true;
	pthread_mutex_unlock(&p->mutex);
}

void live_page_close(struct live_page *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->stopping = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->mutex);
	pthread_join(p->thread, NULL);
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->wake);
	free(p->name);
	free(p);
}
