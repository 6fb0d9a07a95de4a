/* The load of a soak over time, from a small grammar, and the times of its arrivals. Pure.
 *
 *   PATTERN := "variable" | ["steps:"] ITEM {"," ITEM}
 *   ITEM    := LEVEL ["x" TIME] | "ramp:" LEVEL ":" LEVEL ["x" TIME] | "closed:" N ["x" TIME]
 *   LEVEL   := NUMBER "%" | NUMBER "/s"
 *   TIME    := NUMBER "ms" | "s" | "m" | "h"
 *
 * 100 % is the capacity that was measured before. An item without a time gets an equal share of what the others leave of the whole. Items that do
 * not fill the whole are repeated. "closed:N" keeps N requests in flight. "variable" is a day: the load falls to 10 % at hour 4 and rises to
 * 90 % at hour 16, in straight lines between full hours of 50 % - 40 % cos(2 pi (hour - 4) / 24); a run of less than a day squeezes it. */
#ifndef ASSAY_WORKLOAD_LOAD_PATTERN_H
#define ASSAY_WORKLOAD_LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ASSAY_LOAD_ITEMS 32
#define ASSAY_LOAD_PIECES (ASSAY_LOAD_ITEMS + 24)

/* A straight line: from, to in requests per second (before scaling: shares of the capacity, where relative). */
struct assay_load_piece { double from, to, seconds; uint32_t item, closed; bool relative; };

struct assay_load {
	struct assay_load_piece piece[ASSAY_LOAD_PIECES];
	size_t n;
	char item[ASSAY_LOAD_ITEMS][48];      /* as typed: "50%", "ramp:0%:100%" */
	size_t n_items;
	double cycle_s, total_s;              /* all pieces once; all of the run */
};

/* total_s: length of the run; 0 = the sum of the items, all of which then need a time. ASSAY_E_USAGE names what is wrong and where. */
int assay_load_parse(const char *text, double total_s, struct assay_load *out, struct assay_err *e);
/* Whether any item is relative to the capacity. */
bool assay_load_is_relative(const struct assay_load *l);
/* Puts the capacity (requests per second) in. Once. */
void assay_load_scale(struct assay_load *l, double capacity_per_s);

/* What holds at t_s (0 <= t_s < total_s): the item, when this stretch of it began and ends, and how many requests a closed loop keeps (0: open). */
struct assay_load_phase { uint32_t item, closed; double begin_s, end_s; };
struct assay_load_phase assay_load_at(const struct assay_load *l, double t_s);
/* Arrivals wanted in [0, t_s]: the integral of the rate. */
double assay_load_arrivals(const struct assay_load *l, double t_s);
/* The first time at which that integral reaches `count`; INFINITY when it does not before total_s. */
double assay_load_time(const struct assay_load *l, double count);

#endif
