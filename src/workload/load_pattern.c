/* See load_pattern.h. Must not know engines, clocks or requests. */
#include "workload/load_pattern.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SECONDS 3.2e7   /* a year */
#define MOST_RATE 1e6

struct cursor { const char *text, *at; };

static int bad(const struct cursor *c, const char *what, struct assay_err *e)
{
	return assay_fail(e, ASSAY_E_USAGE, "--load %.80s: %s at character %d (\"%.20s\"): use 50%%, 2.5/s, ramp:0%%:100%%, closed:8, steps:50%%x10m,200%%x5m or variable", c->text,
			  what, (int)(c->at - c->text) + 1, c->at);
}

static bool take(struct cursor *c, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(c->at, word, n))
		return false;
	c->at += n;
	return true;
}

/* Digits, point and digits only: strtod alone would take "inf", "0x1" and "1e3". */
static int number(struct cursor *c, double most, double *out, struct assay_err *e)
{
	size_t n = strspn(c->at, "0123456789.");
	char *end;
	if (!n || n > 20)
		return bad(c, "a number is missing", e);
	*out = strtod(c->at, &end);
	if (end != c->at + n || !(*out <= most))
		return bad(c, "the number is out of range", e);
	c->at = end;
	return 0;
}

static int level(struct cursor *c, double *rate, bool *relative, struct assay_err *e)
{
	int rc = number(c, MOST_RATE, rate, e);
	if (rc)
		return rc;
	*relative = take(c, "%");
	if (*relative)
		*rate /= 100;
	else if (!take(c, "/s"))
		return bad(c, "a level needs % or /s", e);
	return 0;
}

/* "x10m"; 0 seconds when there is none. */
static int duration(struct cursor *c, double *seconds, struct assay_err *e)
{
	static const struct { const char *unit; double s; } units[] = { { "ms", 1e-3 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	*seconds = 0;
	if (!take(c, "x"))
		return 0;
	int rc = number(c, MOST_SECONDS, seconds, e);
	for (size_t i = 0; !rc && i < sizeof units / sizeof *units; i++)
		if (take(c, units[i].unit)) {
			*seconds *= units[i].s;
			return *seconds >= 1e-3 && *seconds <= MOST_SECONDS ? 0 : bad(c, "a time must be 1ms to a year", e);
		}
	return rc ? rc : bad(c, "a time needs ms, s, m or h", e);
}

static int item(struct cursor *c, struct assay_load *l, struct assay_err *e)
{
	struct assay_load_piece p = { .item = (uint32_t)l->n_items };
	const char *start = c->at;
	double n = 0;
	bool other = false;
	int rc;
	if (l->n_items == ASSAY_LOAD_ITEMS)
		return bad(c, "more than 32 items", e);
	if (take(c, "closed:")) {
		rc = number(c, 65536, &n, e);
		p.closed = (uint32_t)n;
		if (!rc && (p.closed < 1 || p.closed != n))
			rc = bad(c, "closed: needs a whole number from 1", e);
	} else if (take(c, "ramp:")) {
		rc = level(c, &p.from, &p.relative, e);
		if (!rc && !take(c, ":"))
			rc = bad(c, "a ramp needs two levels", e);
		if (!rc)
			rc = level(c, &p.to, &other, e);
		if (!rc && other != p.relative)
			rc = bad(c, "both ends of a ramp need the same unit", e);
	} else {
		rc = level(c, &p.from, &p.relative, e);
		p.to = p.from;
	}
	size_t len = (size_t)(c->at - start);
	if (!rc)
		rc = duration(c, &p.seconds, e);
	if (rc)
		return rc;
	snprintf(l->item[l->n_items++], sizeof l->item[0], "%.*s", (int)(len < 47 ? len : 47), start);
	l->piece[l->n++] = p;
	return 0;
}

/* A day's wave, squeezed into a run of less than a day. */
static void add_day(struct assay_load *l, double total_s)
{
	double hour_s = total_s > 0 && total_s < 86400 ? total_s / 24 : 3600;
	strcpy(l->item[l->n_items++], "variable");
	for (int h = 0; h < 24; h++)
		l->piece[l->n++] = (struct assay_load_piece){ .from = 0.5 - 0.4 * cos((h - 4) * M_PI / 12), .to = 0.5 - 0.4 * cos((h - 3) * M_PI / 12), .seconds = hour_s,
							      .relative = true };
}

/* Items without a time share what is left. */
static int share_time(struct cursor *c, struct assay_load *l, struct assay_err *e)
{
	double known = 0;
	size_t open = 0;
	for (size_t i = 0; i < l->n; i++) {
		known += l->piece[i].seconds;
		open += l->piece[i].seconds == 0;
	}
	if (open && l->total_s - known < 1e-3 * (double)open)
		return bad(c, l->total_s > 0 ? "no time is left for the items without one" : "every item needs a time", e);
	for (size_t i = 0; i < l->n; i++)
		if (l->piece[i].seconds == 0)
			l->piece[i].seconds = (l->total_s - known) / (double)open;
	l->cycle_s = 0;
	for (size_t i = 0; i < l->n; i++)
		l->cycle_s += l->piece[i].seconds;
	if (!(l->total_s > 0))
		l->total_s = l->cycle_s;
	return 0;
}

int assay_load_parse(const char *text, double total_s, struct assay_load *out, struct assay_err *e)
{
	struct cursor c = { text, text };
	*out = (struct assay_load){ .total_s = total_s };
	int rc = 0;
	if (take(&c, "variable")) {
		add_day(out, total_s);
	} else {
		take(&c, "steps:");
		do
			rc = item(&c, out, e);
		while (!rc && take(&c, ","));
	}
	if (!rc && *c.at)
		rc = bad(&c, "unexpected text", e);
	return rc ? rc : share_time(&c, out, e);
}

bool assay_load_is_relative(const struct assay_load *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->piece[i].relative)
			return true;
	return false;
}

void assay_load_scale(struct assay_load *l, double capacity_per_s)
{
	for (size_t i = 0; i < l->n; i++) {
		double k = l->piece[i].relative ? capacity_per_s : 1;
		l->piece[i].from *= k;
		l->piece[i].to *= k;
		l->piece[i].relative = false;
	}
}

struct assay_load_phase assay_load_at(const struct assay_load *l, double t_s)
{
	double cycle = floor(t_s / l->cycle_s), at = t_s - cycle * l->cycle_s, begin = 0, end = 0;
	struct assay_load_phase p = { 0 };
	for (size_t i = 0; i < l->n; i++) {
		if (!i || l->piece[i].item != l->piece[i - 1].item)
			begin = end; /* pieces of one item are one phase */
		end += l->piece[i].seconds;
		p.item = l->piece[i].item;
		p.closed = l->piece[i].closed;
		bool last = i + 1 == l->n || l->piece[i + 1].item != p.item;
		if (last && (at < end || i + 1 == l->n))
			break;
	}
	if (l->n_items == 1)
		return (struct assay_load_phase){ p.item, p.closed, 0, l->total_s };
	p.begin_s = cycle * l->cycle_s + begin;
	p.end_s = fmin(cycle * l->cycle_s + end, l->total_s);
	return p;
}

/* Arrivals in the first t_s of a piece. */
static double piece_arrivals(const struct assay_load_piece *p, double t_s)
{
	return p->from * t_s + (p->to - p->from) * t_s * t_s / (2 * p->seconds);
}

static double cycle_arrivals(const struct assay_load *l, double t_s)
{
	double sum = 0;
	for (size_t i = 0; i < l->n && t_s > 0; i++) {
		sum += piece_arrivals(&l->piece[i], fmin(t_s, l->piece[i].seconds));
		t_s -= l->piece[i].seconds;
	}
	return sum;
}

double assay_load_arrivals(const struct assay_load *l, double t_s)
{
	double cycles = floor(t_s / l->cycle_s);
	return cycles * cycle_arrivals(l, l->cycle_s) + cycle_arrivals(l, t_s - cycles * l->cycle_s);
}

/* Inverse of piece_arrivals: the smaller root of a t^2 / 2 + from t = count, in the form that does not cancel. */
static double piece_time(const struct assay_load_piece *p, double count)
{
	double slope = (p->to - p->from) / p->seconds, root = sqrt(fmax(0, p->from * p->from + 2 * slope * count));
	return p->from + root > 0 ? fmin(p->seconds, 2 * count / (p->from + root)) : p->seconds;
}

double assay_load_time(const struct assay_load *l, double count)
{
	double each = cycle_arrivals(l, l->cycle_s), t_s = 0;
	if (!(each > 0))
		return INFINITY;
	double cycles = floor(count / each);
	count -= cycles * each;
	t_s = cycles * l->cycle_s;
	for (size_t i = 0; i < l->n; i++) {
		double here = piece_arrivals(&l->piece[i], l->piece[i].seconds);
		if (count <= here && here > 0) {
			t_s += piece_time(&l->piece[i], count);
			break;
		}
		count -= here;
		t_s += l->piece[i].seconds;
	}
	return t_s < l->total_s ? t_s : INFINITY;
}
