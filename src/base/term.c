/* See term.h. */
#include "base/term.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { WIDTH_MIN = 20, WIDTH_MAX = 500, REDRAW_MS = 250, LINE_MS = 5000 };

static int width_of(int fd, bool tty)
{
	struct winsize w = { 0 };
	const char *env = getenv("COLUMNS");
	long n = tty && ioctl(fd, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
	if (n <= 0 && env)
		n = strtol(env, NULL, 10);
	if (n <= 0)
		n = 80;
	return n < WIDTH_MIN ? WIDTH_MIN : n > WIDTH_MAX ? WIDTH_MAX : (int)n;
}

void assay_term_init(struct assay_term *t, int fd, bool allow_colour)
{
	const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
	t->tty = isatty(fd);
	t->width = width_of(fd, t->tty);
	t->colour = allow_colour && t->tty && !(no && *no) && kind && strcmp(kind, "dumb");
}

void assay_duration_format(char *out, int size_bytes, double s)
{
	long n = (long)(s + 0.5);
	if (n < 60)
		snprintf(out, (size_t)size_bytes, "%lds", n);
	else if (n < 3600)
		snprintf(out, (size_t)size_bytes, "%ldm%02lds", n / 60, n % 60);
	else
		snprintf(out, (size_t)size_bytes, "%ldh%02ldm", n / 3600, n / 60 % 60);
}

void assay_progress_format(char *out, int width, const char *name, const char *what, double done, double total, double tok_s, double elapsed_s)
{
	char line[400], eta[24];
	int n = snprintf(line, sizeof line, "%.60s  %.100s", name, what);
	if (total > 0 && done >= 0)
		n += snprintf(line + n, sizeof line - (size_t)n, "  %.0f %%", floor(100 * fmin(done / total, 1)));
	if (isfinite(tok_s) && tok_s >= 0)
		n += snprintf(line + n, sizeof line - (size_t)n, tok_s < 100 ? "  %.1f tok/s" : "  %.0f tok/s", tok_s);
	if (total > 0 && done > 0 && done < total && elapsed_s >= 1 && elapsed_s * (total - done) / done < 1e7) {
		assay_duration_format(eta, sizeof eta, elapsed_s * (total - done) / done);
		snprintf(line + n, sizeof line - (size_t)n, "  ETA %s", eta);
	}
	snprintf(out, (size_t)width, "%s", line);
}

struct assay_progress {
	pthread_t thread;
	pthread_mutex_t lock;      /* everything below */
	pthread_cond_t wake;
	bool stop, news;
	int64_t t_open_ns;
	char name[64], what[104];
	double done, total, tok_s;
	struct assay_term term;    /* written before the thread starts only */
};

/* Called with the lock held; lets go of it while writing. */
static void show(struct assay_progress *p)
{
	char line[WIDTH_MAX + 1], name[sizeof p->name], what[sizeof p->what];
	double done = p->done, total = p->total, tok_s = p->tok_s, elapsed = (double)(assay_now_ns() - p->t_open_ns) / 1e9;
	memcpy(name, p->name, sizeof name);
	memcpy(what, p->what, sizeof what);
	p->news = false;
	pthread_mutex_unlock(&p->lock);
	assay_progress_format(line, p->term.tty ? p->term.width : 200, name, what, done, total, tok_s, elapsed);
	if (p->term.tty)
		fprintf(stderr, "\r\033[K%s", line);
	else
		fprintf(stderr, "%s\n", line);
	fflush(stderr);
	pthread_mutex_lock(&p->lock);
}

static void *run(void *arg)
{
	struct assay_progress *p = arg;
	int64_t period = (p->term.tty ? REDRAW_MS : LINE_MS) * ASSAY_NS_PER_MS, next = p->t_open_ns + period;
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct timespec t = { next / ASSAY_NS_PER_S, next % ASSAY_NS_PER_S };
		pthread_cond_timedwait(&p->wake, &p->lock, &t);
		if (p->stop || assay_now_ns() < next)
			continue;
		if (p->news)
			show(p);
		next = assay_now_ns() + period;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct assay_progress *assay_progress_open(void)
{
	struct assay_progress *p = xalloc(sizeof *p);
	pthread_condattr_t a;
	assay_term_init(&p->term, STDERR_FILENO, false);
	p->t_open_ns = assay_now_ns();
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &a);
	pthread_condattr_destroy(&a);
	if (pthread_create(&p->thread, NULL, run, p)) { /* no thread, no progress: nothing else depends on it */
		pthread_cond_destroy(&p->wake);
		pthread_mutex_destroy(&p->lock);
		free(p);
		return NULL;
	}
	return p;
}

void assay_progress_set(struct assay_progress *p, const char *name, const char *what, double done, double total, double tok_s)
{
	if (!p || pthread_mutex_trylock(&p->lock))
		return;
	strncpy(p->name, name ? name : "", sizeof p->name - 1);
	strncpy(p->what, what ? what : "", sizeof p->what - 1);
	p->done = done;
	p->total = total;
	p->tok_s = tok_s;
	p->news = true;
	pthread_mutex_unlock(&p->lock);
}

void assay_progress_close(struct assay_progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	if (p->term.tty)
		fputs("\r\033[K", stderr);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
