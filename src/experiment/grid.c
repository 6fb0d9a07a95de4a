/* See grid.h. Must not know what an axis means. */
#include "experiment/grid.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint16_t *row_of(struct assay_grid *g, size_t i) { return g->value + i * g->n_axes; }

int assay_grid_full(const size_t *sizes, size_t n_axes, struct assay_grid *out, struct assay_err *e)
{
	size_t all = 1;
	*out = (struct assay_grid){ NULL, 0, n_axes };
	for (size_t a = 0; a < n_axes; a++)
		if (!size_mul(all, sizes[a], &all) || all > ASSAY_GRID_ROWS)
			return assay_fail(e, ASSAY_E_USAGE, "more than %d configurations: vary less, or take --pairwise", ASSAY_GRID_ROWS);
	out->value = xalloc(all * n_axes * sizeof *out->value);
	out->n = all;
	for (size_t i = 0; i < all; i++)
		for (size_t a = n_axes, rest = i; a--; rest /= sizes[a])
			row_of(out, i)[a] = (uint16_t)(rest % sizes[a]);
	return 0;
}

/* Which pairs have met: one bit for each (value of axis a, value of axis b), a < b. */
struct cover {
	const size_t *sizes;
	size_t n_axes, at[ASSAY_GRID_AXES][ASSAY_GRID_AXES]; /* where the table of two axes begins */
	bool *met;
};

static bool *pair(const struct cover *c, size_t a, size_t va, size_t b, size_t vb)
{
	return a < b ? &c->met[c->at[a][b] + va * c->sizes[b] + vb] : &c->met[c->at[b][a] + vb * c->sizes[a] + va];
}

static void cover_init(struct cover *c, const size_t *sizes, size_t n_axes)
{
	size_t n = 0;
	c->sizes = sizes;
	c->n_axes = n_axes;
	for (size_t a = 0; a < n_axes; a++)
		for (size_t b = a + 1; b < n_axes; b++) {
			c->at[a][b] = n;
			n += sizes[a] * sizes[b];
		}
	c->met = xalloc(n + 1);
}

/* New pairs that value v of axis a would make with the axes that are set. */
static size_t gain(const struct cover *c, const uint16_t *row, const bool *set, size_t a, size_t v)
{
	size_t n = 0;
	for (size_t b = 0; b < c->n_axes; b++)
		n += set[b] && b != a && !*pair(c, a, v, b, row[b]);
	return n;
}

/* The value that makes most new pairs; of equals the one used least so far. */
static size_t best_value(const struct cover *c, const uint16_t *row, const bool *set, size_t a, const size_t *used)
{
	size_t best = 0, most = 0;
	for (size_t v = 0; v < c->sizes[a]; v++) {
		size_t n = gain(c, row, set, a, v);
		if (!v || n > most || (n == most && used[v] < used[best])) {
			best = v;
			most = n;
		}
	}
	return best;
}

/* Sets the two axes of the first pair that has not met; false when all have. */
static bool start_row(const struct cover *c, uint16_t *row, bool *set)
{
	for (size_t a = 0; a < c->n_axes; a++)
		for (size_t b = a + 1; b < c->n_axes; b++)
			for (size_t i = 0; i < c->sizes[a] * c->sizes[b]; i++)
				if (!c->met[c->at[a][b] + i]) {
					row[a] = (uint16_t)(i / c->sizes[b]);
					row[b] = (uint16_t)(i % c->sizes[b]);
					set[a] = set[b] = true;
					return true;
				}
	return false;
}

static void mark(const struct cover *c, const uint16_t *row)
{
	for (size_t a = 0; a < c->n_axes; a++)
		for (size_t b = a + 1; b < c->n_axes; b++)
			*pair(c, a, row[a], b, row[b]) = true;
}

int assay_grid_pairwise(const size_t *sizes, size_t n_axes, struct assay_grid *out, struct assay_err *e)
{
	struct cover c;
	int rc = 0;
	if (n_axes < 2)
		return assay_grid_full(sizes, n_axes, out, e);
	*out = (struct assay_grid){ xalloc(ASSAY_GRID_ROWS * n_axes * sizeof *out->value), 0, n_axes };
	cover_init(&c, sizes, n_axes);
	size_t(*used)[ASSAY_GRID_VALUES] = xalloc(n_axes * sizeof *used);
	for (bool set[ASSAY_GRID_AXES] = { false };; memset(set, 0, sizeof set)) {
		uint16_t row[ASSAY_GRID_AXES];
		if (!start_row(&c, row, set))
			break;
		if (out->n == ASSAY_GRID_ROWS) {
			rc = assay_fail(e, ASSAY_E_USAGE, "more than %d configurations even by pairs: vary less", ASSAY_GRID_ROWS);
			break;
		}
		for (size_t a = 0; a < n_axes; a++) {
			if (!set[a])
				row[a] = (uint16_t)best_value(&c, row, set, a, used[a]);
			set[a] = true;
			used[a][row[a]]++;
		}
		mark(&c, row);
		memcpy(row_of(out, out->n++), row, n_axes * sizeof *row);
	}
	free(used);
	free(c.met);
	return rc;
}

void assay_grid_release(struct assay_grid *g)
{
	free(g->value);
	*g = (struct assay_grid){ 0 };
}
