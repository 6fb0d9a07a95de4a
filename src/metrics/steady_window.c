/* See steady_window.h. Must not know rates. */
#include "metrics/steady_window.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* A change of the number of running requests, or (delta 0) tokens that arrive. */
struct moment { int64_t t; int delta; uint32_t tokens; };

/* At one instant tokens come first (a window is open at its start and closed at its end), then starts, then ends: a slot refilled in
 * the same step never reads as free. */
static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;
	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	static const int rank[3] = { 2, 0, 1 }; /* -1, 0, +1 */
	return rank[x->delta + 1] - rank[y->delta + 1];
}

static size_t collect(const struct assay_run_request *q, size_t n, struct moment *m)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		m[k++] = (struct moment){ q[i].r.t_first, 1, 0 };
		m[k++] = (struct moment){ q[i].r.t_last, -1, 0 };
		for (size_t j = 0; j < q[i].n_tokens; j++)
			m[k++] = (struct moment){ q[i].tokens[j].t_engine, 0, q[i].tokens[j].n_tokens };
	}
	return k;
}

/* once: the window ends for good when the count first falls under need. */
static void sweep(const struct moment *m, size_t k, size_t need, bool once, struct assay_steady *out)
{
	size_t running = 0;
	int64_t since = -1;
	for (size_t i = 0; i < k; i++) {
		if (m[i].delta == 0) {
			if (since >= 0)
				out->tokens += m[i].tokens;
			continue;
		}
		running = m[i].delta > 0 ? running + 1 : running - 1;
		if (since < 0 && running >= need)
			since = m[i].t;
		if (since >= 0 && running < need) {
			out->ns += m[i].t - since;
			out->t0_ns = out->stretches++ ? out->t0_ns : since;
			out->t1_ns = m[i].t;
			since = -1;
			if (once)
				return;
		}
	}
}

void assay_steady_window(const struct assay_run_request *q, size_t n, size_t slots, struct assay_steady *out)
{
	*out = (struct assay_steady){ .reason = "" };
	size_t moments = 2 * n;
	bool equal = true;
	for (size_t i = 0; i < n; i++) {
		if (q[i].r.t_first < 0 || q[i].r.t_last < 0 || !q[i].n_tokens) {
			out->reason = "a request without token stamps";
			return;
		}
		moments += q[i].n_tokens;
		equal = equal && q[i].r.max_tokens == q[0].r.max_tokens;
	}
	if (!slots || slots > n)
		slots = n;
	bool batch = equal && slots == n;
	size_t need = batch ? n : (slots * 95 + 99) / 100;
	struct moment *m = xalloc(moments * sizeof *m);
	size_t k = collect(q, n, m);
	qsort(m, k, sizeof *m, by_time);
	if (n)
		sweep(m, k, need, batch, out);
	free(m);
	if (out->ns == 0)
		out->reason = "no steady window: slots never ran together for a measurable time";
}
