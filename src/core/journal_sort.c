/* Records in file order -> struct assay_run, sorted and cross-linked as core/run.h promises. Times and
 * ids are only compared here, never trusted to be in range. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal_records.h"

/* ---- stable sorting of structs by an integer key ---- */
struct key { int64_t a, b; size_t at; };

static int key_cmp(const void *x, const void *y)
{
	const struct key *p = x, *q = y;
	if (p->a != q->a)
		return p->a < q->a ? -1 : 1;
	if (p->b != q->b)
		return p->b < q->b ? -1 : 1;
	return p->at < q->at ? -1 : p->at > q->at;
}

/* Puts v's items into the order of keys (n of them; sorted here). */
static void reorder(struct journal_vec *v, struct key *keys)
{
	bool sorted = true;
	for (size_t i = 1; i < v->n && sorted; i++)
		sorted = key_cmp(&keys[i - 1], &keys[i]) < 0;
	if (sorted)
		return;
	qsort(keys, v->n, sizeof *keys, key_cmp);
	char *to = xalloc(v->n * v->size), *from = v->data;
	for (size_t i = 0; i < v->n; i++)
		memcpy(to + i * v->size, from + keys[i].at * v->size, v->size);
	free(v->data);
	v->data = to;
	v->cap = v->n;
}

/* Sorts by the int64 time that lies `offset` bytes into each item. */
static void sort_by_time(struct journal_vec *v, size_t offset)
{
	struct key *k = xalloc(v->n * sizeof *k);
	for (size_t i = 0; i < v->n; i++) {
		memcpy(&k[i].a, (char *)v->data + i * v->size + offset, 8);
		k[i].at = i;
	}
	reorder(v, k);
	free(k);
}

/* ---- visits ---- */
/* Measured repeats after warm-ups, each in the order they were numbered: -1, -2, ... 0, 1, ... */
static int64_t repeat_rank(int32_t repeat)
{
	return repeat < 0 ? -(int64_t)repeat - INT64_C(0x100000000) : repeat;
}

static void sort_visits(struct journal_records *r)
{
	struct assay_rec_visit *v = r->visits.data;
	struct key *k = xalloc(r->visits.n * sizeof *k);
	for (size_t i = 0; i < r->visits.n; i++)
		k[i] = (struct key){ v[i].point, repeat_rank(v[i].repeat), i };
	reorder(&r->visits, k);
	free(k);
}

/* Index of the visit (point, repeat) in visits sorted as above, or -1. */
static int64_t find_visit(const struct assay_run_visit *v, size_t n, uint32_t point, int32_t repeat)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int64_t rank = repeat_rank(v[mid].v.repeat), want = repeat_rank(repeat);
		if (v[mid].v.point < point || (v[mid].v.point == point && rank < want))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && v[lo].v.point == point && v[lo].v.repeat == repeat ? (int64_t)lo : -1;
}

static size_t make_visits(struct journal_records *r, struct assay_run *out)
{
	const struct assay_rec_visit *end = r->visit_ends.data;
	size_t orphans = 0;
	sort_visits(r);
	const struct assay_rec_visit *v = r->visits.data;
	out->visits = xalloc(r->visits.n * sizeof *out->visits);
	for (size_t i = 0; i < r->visits.n; i++) {
		if (v[i].point >= r->points.n) {
			orphans++;
			continue;
		}
		out->visits[out->n_visits].v = v[i];
		out->visits[out->n_visits++].v.t1_ns = -1;
	}
	for (size_t i = 0; i < r->visit_ends.n; i++) {
		int64_t at = find_visit(out->visits, out->n_visits, end[i].point, end[i].repeat);
		if (at < 0)
			orphans++;
		else
			out->visits[at].v.t1_ns = end[i].t1_ns;
	}
	return orphans;
}

static void *give(struct journal_vec *v, size_t *n)
{
	void *p = v->data ? v->data : xalloc(1); /* never NULL: readers may point at its end */
	*n = v->n;
	v->data = NULL;
	v->n = v->cap = 0;
	return p;
}

static void make_points(struct journal_records *r, struct assay_run *out)
{
	struct assay_run_point *p;
	out->points = p = give(&r->points, &out->n_points);
	size_t v = 0;
	for (size_t i = 0; i < out->n_points; i++) {
		if (!p[i].info)
			p[i].info = json_pack("{s:I, s:s, s:{}, s:b}", "index", (json_int_t)i, "experiment", "unknown", "case", "undeclared", 1);
		p[i].first_visit = v;
		while (v < out->n_visits && out->visits[v].v.point == i)
			v++;
		p[i].n_visits = v - p[i].first_visit;
	}
}

/* ---- requests and tokens ---- */
/* id -> place, open addressing; places are stored + 1. */
struct id_map { uint32_t *ids; size_t *places, mask; };

static void id_map_init(struct id_map *m, size_t n)
{
	size_t size = 16;
	while (size < n * 2)
		size *= 2;
	*m = (struct id_map){ xalloc(size * sizeof(uint32_t)), xalloc(size * sizeof(size_t)), size - 1 };
}

static void id_map_release(struct id_map *m)
{
	free(m->ids);
	free(m->places);
}

/* The slot of an id: *slot is 0 when it is not there yet. */
static size_t *id_map_slot(struct id_map *m, uint32_t id)
{
	size_t i = (id * UINT32_C(2654435761)) & m->mask;
	while (m->places[i] && m->ids[i] != id)
		i = (i + 1) & m->mask;
	m->ids[i] = id;
	return &m->places[i];
}

static struct assay_rec_request from_submit(const struct assay_rec_submit *s)
{
	return (struct assay_rec_request){
		.id = s->id, .point = s->point, .repeat = s->repeat, .end_state = ASSAY_END_UNFINISHED, .prompt_tokens = s->prompt_tokens,
		.max_tokens = s->max_tokens, .reported_tokens = UINT32_MAX, .cached_tokens = UINT32_MAX, .t_intended = s->t_intended, .t_sent = s->t_sent,
		.t_scheduled = -1, .t_first = -1, .t_last = -1, .t_end = -1,
	};
}

/* Place + 1 of an id, 0 when it is not there. */
static size_t id_map_find(const struct id_map *m, uint32_t id)
{
	size_t i = (id * UINT32_C(2654435761)) & m->mask;
	while (m->places[i] && m->ids[i] != id)
		i = (i + 1) & m->mask;
	return m->places[i];
}

/* Submitted requests in submit order, completed by their end records; those with no submit follow. */
static void join_requests(struct journal_records *r, struct journal_vec *all)
{
	const struct assay_rec_submit *s = r->submits.data;
	const struct assay_rec_request *q = r->requests.data;
	struct id_map m;
	id_map_init(&m, r->submits.n + r->requests.n);
	for (size_t i = 0; i < r->submits.n; i++) {
		struct assay_rec_request x = from_submit(&s[i]);
		size_t *slot = id_map_slot(&m, x.id);
		if (*slot)
			continue;
		journal_vec_add(all, &x);
		*slot = all->n;
	}
	for (size_t i = 0; i < r->requests.n; i++) {
		size_t *slot = id_map_slot(&m, q[i].id);
		if (*slot) {
			((struct assay_rec_request *)all->data)[*slot - 1] = q[i];
		} else {
			journal_vec_add(all, &q[i]);
			*slot = all->n;
		}
	}
	id_map_release(&m);
}

static size_t make_requests(struct journal_records *r, struct assay_run *out)
{
	struct journal_vec all = { .size = sizeof(struct assay_rec_request) };
	join_requests(r, &all);
	const struct assay_rec_request *q = all.data;
	struct key *k = xalloc(all.n * sizeof *k);
	for (size_t i = 0; i < all.n; i++)
		k[i] = (struct key){ find_visit(out->visits, out->n_visits, q[i].point, q[i].repeat), 0, i };
	reorder(&all, k);
	q = all.data;
	out->requests = xalloc(all.n * sizeof *out->requests);
	size_t orphans = 0;
	for (size_t i = 0; i < all.n; i++) {
		int64_t at = find_visit(out->visits, out->n_visits, q[i].point, q[i].repeat);
		if (at < 0) {
			orphans++;
			continue;
		}
		struct assay_run_visit *v = &out->visits[at];
		if (!v->n_requests++)
			v->first_request = out->n_requests;
		struct assay_rec_request *to = &out->requests[out->n_requests++].r;
		*to = q[i];
		if (to->end_state >= ASSAY_END_N)
			to->end_state = ASSAY_END_LOCAL_ERROR;
	}
	free(k);
	free(all.data);
	return orphans;
}

/* Token events grouped by request, in file order inside each (one thread wrote them as they came). */
static size_t make_tokens(struct journal_records *r, struct assay_run *out)
{
	const struct assay_rec_token *t = r->tokens.data;
	struct id_map m;
	size_t orphans = 0;
	id_map_init(&m, out->n_requests);
	for (size_t i = 0; i < out->n_requests; i++)
		*id_map_slot(&m, out->requests[i].r.id) = i + 1;
	size_t *of = xalloc(r->tokens.n * sizeof *of);
	for (size_t i = 0; i < r->tokens.n; i++) {
		of[i] = id_map_find(&m, t[i].id);
		if (of[i])
			out->requests[of[i] - 1].n_tokens++;
		else
			orphans++;
	}
	out->tokens = xalloc(r->tokens.n * sizeof *out->tokens);
	struct assay_rec_token **next = xalloc(out->n_requests * sizeof *next);
	for (size_t i = 0; i < out->n_requests; i++) {
		next[i] = out->tokens + out->n_tokens;
		out->requests[i].tokens = next[i];
		out->n_tokens += out->requests[i].n_tokens;
	}
	for (size_t i = 0; i < r->tokens.n; i++)
		if (of[i])
			*next[of[i] - 1]++ = t[i];
	free(next);
	free(of);
	id_map_release(&m);
	return orphans;
}

/* ---- what belongs to a visit by its time ---- */
/* First item whose time is >= t. */
static size_t lower_bound(const char *items, size_t n, size_t size, size_t offset, int64_t t)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int64_t x;
		memcpy(&x, items + mid * size + offset, 8);
		if (x < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int visit_time_cmp(const void *a, const void *b)
{
	const struct assay_run_visit *x = *(struct assay_run_visit *const *)a, *y = *(struct assay_run_visit *const *)b;
	if (x->v.order != y->v.order)
		return x->v.order < y->v.order ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* [first, end) of the items with time in [t0, t1], where t1 yields to the next visit's t0: what starts in the
 * very instant that one visit ends and another begins (a virtual clock does that) belongs to the later. */
static void slice(const struct assay_run_visit *v, int64_t next_t0, const void *items, size_t n, size_t size, size_t offset, size_t *first, size_t *count)
{
	int64_t t1 = v->v.t1_ns < 0 ? INT64_MAX : v->v.t1_ns;
	int64_t stop = t1 == INT64_MAX ? t1 : t1 + 1;
	if (next_t0 >= v->v.t0_ns && next_t0 < stop)
		stop = next_t0;
	*first = lower_bound(items, n, size, offset, v->v.t0_ns);
	size_t end = lower_bound(items, n, size, offset, stop);
	*count = end > *first ? end - *first : 0;
}

static void make_slices(struct assay_run *out)
{
	struct assay_run_visit **by_time = xalloc(out->n_visits * sizeof *by_time);
	for (size_t i = 0; i < out->n_visits; i++)
		by_time[i] = &out->visits[i];
	qsort(by_time, out->n_visits, sizeof *by_time, visit_time_cmp);
	for (size_t i = 0; i < out->n_visits; i++) {
		struct assay_run_visit *v = by_time[i];
		int64_t next = i + 1 < out->n_visits ? by_time[i + 1]->v.t0_ns : INT64_MAX;
		slice(v, next, out->steps, out->n_steps, sizeof *out->steps, offsetof(struct assay_rec_step, t0_ns), &v->first_step, &v->n_steps);
		slice(v, next, out->samples, out->n_samples, sizeof *out->samples, offsetof(struct assay_rec_sample, t_ns), &v->first_sample, &v->n_samples);
	}
	free(by_time);
}

void journal_sort(struct journal_records *r, struct assay_run *out)
{
	size_t orphans = make_visits(r, out);
	make_points(r, out);
	orphans += make_requests(r, out);
	orphans += make_tokens(r, out);
	sort_by_time(&r->steps, offsetof(struct assay_rec_step, t0_ns));
	sort_by_time(&r->samples, offsetof(struct assay_rec_sample, t_ns));
	out->steps = give(&r->steps, &out->n_steps);
	out->samples = give(&r->samples, &out->n_samples);
	out->memory = give(&r->memory, &out->n_memory);
	out->ceilings = give(&r->ceilings, &out->n_ceilings);
	make_slices(out);
	journal_give_stream(r, out);
	out->header = json_incref(r->header);
	out->footer = json_incref(r->footer);
	out->notes = json_incref(r->notes);
	out->bytes_read = r->bytes_read;
	out->bytes_total = r->bytes_total;
	out->torn = r->torn || !r->footer || orphans;
	if (r->torn)
		snprintf(out->torn_reason, sizeof out->torn_reason, "%s", r->torn_reason);
	else if (!r->footer)
		snprintf(out->torn_reason, sizeof out->torn_reason, "no footer: the run was cut short");
	else if (orphans)
		snprintf(out->torn_reason, sizeof out->torn_reason, "%zu records belong to no visit that is here", orphans);
}
