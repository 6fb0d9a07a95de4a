/* See term.h. */
#include "base/term.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { WIDTH_MIN = 20, WIDTH_MAX = 500, REDRAW_MS = 200, LINE_MS = 5000 };

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

/* What setlocale would take, without changing how this process prints numbers. */
static bool utf8_locale(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = getenv(names[i]);
		if (v && *v)
			return strcasestr(v, "UTF-8") || strcasestr(v, "UTF8");
	}
	return false;
}

void assay_term_init(struct assay_term *t, int fd, bool allow_colour)
{
	const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
	t->tty = isatty(fd);
	t->width = width_of(fd, t->tty);
	t->utf8 = utf8_locale();
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

void assay_status_line_format(char *out, int width, const char *name, const char *what, double done, double total, double tok_s, double elapsed_s)
{
	char head[200], share[24] = "", rate[40] = "", eta[40] = "", left[24];
	int n = snprintf(head, sizeof head, "%.60s  %.100s", name, what), room = width - 1;
	if (total > 0 && done >= 0)
		snprintf(share, sizeof share, "  %.0f %%", floor(100 * fmin(done / total, 1)));
	if (isfinite(tok_s) && tok_s >= 0)
		snprintf(rate, sizeof rate, tok_s < 100 ? "  %.1f tok/s" : "  %.0f tok/s", tok_s);
	if (total > 0 && done > 0 && done < total && elapsed_s >= 1 && elapsed_s * (total - done) / done < 1e7) {
		assay_duration_format(left, sizeof left, elapsed_s * (total - done) / done);
		snprintf(eta, sizeof eta, "  ETA %s", left);
	}
	/* too narrow: the rate goes first, then the end of what is done, then the time to go */
	if (n + (int)(strlen(share) + strlen(rate) + strlen(eta)) > room)
		rate[0] = 0;
	if ((int)(strlen(name) + strlen(share) + strlen(eta)) > room)
		eta[0] = 0;
	int tail = (int)(strlen(share) + strlen(rate) + strlen(eta));
	snprintf(out, (size_t)width, "%.*s%s%s%s", room > tail ? room - tail : 0, head, share, rate, eta);
}

struct assay_status_line {
	struct assay_term term;
	int64_t t_open_ns, next_ns;
	bool shown;
};

struct assay_status_line *assay_status_line_open(void)
{
	struct assay_status_line *l = xalloc(sizeof *l);
	assay_term_init(&l->term, STDERR_FILENO, false);
	l->t_open_ns = assay_now_ns();
	l->next_ns = l->t_open_ns + (l->term.tty ? 0 : LINE_MS * ASSAY_NS_PER_MS);
	return l;
}

void assay_status_line_show(struct assay_status_line *l, const char *name, const char *what, double done, double total, double tok_s)
{
	char line[WIDTH_MAX + 1];
	int64_t now_ns = assay_now_ns();
	if (!l || now_ns < l->next_ns)
		return;
	l->next_ns = now_ns + (l->term.tty ? REDRAW_MS : LINE_MS) * ASSAY_NS_PER_MS;
	assay_status_line_format(line, l->term.tty ? l->term.width : 200, name, what, done, total, tok_s, (double)(now_ns - l->t_open_ns) / 1e9);
	fprintf(stderr, l->term.tty ? "\r\033[K%s" : "%s\n", line);
	fflush(stderr);
	l->shown = true;
}

void assay_status_line_close(struct assay_status_line *l)
{
	if (l && l->term.tty && l->shown)
		fputs("\r\033[K", stderr);
	free(l);
}
