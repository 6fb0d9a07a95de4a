/* The grammar of --load: what it means, what it refuses, and that arrival times invert the integral of the load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "workload/load_pattern.h"

static void means(void **state)
{
	static const struct { const char *text; double total_s, cycle_s, expect_total_s, arrivals; size_t items; bool relative; } rows[] = {
		/* at a capacity of 10/s */
		{ "50%", 3600, 3600, 3600, 18000, 1, true },
		{ "2.5/s", 100, 100, 100, 250, 1, false },
		{ "ramp:0%:100%", 60, 60, 60, 300, 1, true },
		{ "ramp:4/s:2/s", 60, 60, 60, 180, 1, false },
		{ "closed:8", 60, 60, 60, 0, 1, false },
		{ "steps:50%x10m,200%x5m", 0, 900, 900, 9000, 2, true },
		{ "50%x10m,200%x5m", 1800, 900, 1800, 18000, 2, true },        /* repeated */
		{ "50%x10m,200%x5m", 1200, 900, 1200, 10500, 2, true },        /* cut in the second round */
		{ "50%x10m,1/s,100%", 1200, 1200, 1200, 6300, 3, true },       /* 300 s each for what has no time */
		{ "0%x10s,closed:4x10s,20%x10s", 0, 30, 30, 20, 3, true },
		{ "1/sx500ms,3/sx0.5s", 0, 1, 1, 2, 2, false },
		{ "variable", 86400, 86400, 86400, 432000, 1, true },          /* half the capacity over a day */
		{ "variable", 2400, 2400, 2400, 12000, 1, true },
		{ "variable", 172800, 86400, 172800, 864000, 1, true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct assay_load l;
		struct assay_err e = ASSAY_ERR_INIT;
		if (assay_load_parse(rows[i].text, rows[i].total_s, &l, &e))
			fail_msg("%s: %s", rows[i].text, e.msg);
		assert_int_equal(l.n_items, rows[i].items);
		assert_int_equal(assay_load_is_relative(&l), rows[i].relative);
		assay_load_scale(&l, 10);
		assert_true(fabs(l.cycle_s - rows[i].cycle_s) < 1e-9 * l.cycle_s);
		assert_true(fabs(l.total_s - rows[i].expect_total_s) < 1e-9 * l.total_s);
		double n = assay_load_arrivals(&l, l.total_s);
		if (fabs(n - rows[i].arrivals) > 1e-6 * (1 + n))
			fail_msg("%s: %.9g arrivals, not %.9g", rows[i].text, n, rows[i].arrivals);
	}
}

static void refuses(void **state)
{
	static const struct { const char *text, *says; double total_s; } rows[] = {
		{ "", "a number is missing at character 1", 60 }, { "50", "a level needs % or /s", 60 }, { "%", "a number is missing", 60 }, { "-5%", "a number is missing", 60 },
		{ "inf%", "a number is missing", 60 }, { "1e9%", "the number is out of range", 60 }, { "5..5%", "out of range", 60 }, { "9999999/s", "out of range", 60 },
		{ "50%x", "a number is missing", 60 }, { "50%x10", "a time needs ms, s, m or h", 60 }, { "50%x0s", "a time must be", 60 }, { "50%x99999h", "a time must be", 60 },
		{ "ramp:5%", "a ramp needs two levels", 60 }, { "ramp:5%:2/s", "the same unit", 60 }, { "closed:0", "a whole number from 1", 60 }, { "closed:1.5", "a whole number from 1", 60 },
		{ "50%,", "a number is missing at character 5", 60 }, { "50%;20%", "unexpected text at character 4", 60 }, { "variable,50%", "unexpected text", 60 },
		{ "50%x60s,20%", "no time is left", 60 }, { "50%,20%x5s", "every item needs a time", 0 }, { "steps:", "a number is missing", 60 }, { "ramp:%:5%", "a number is missing", 60 },
		{ "1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%,1%", "more than 32 items", 60 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct assay_load l;
		struct assay_err e = ASSAY_ERR_INIT;
		assert_int_equal(assay_load_parse(rows[i].text, rows[i].total_s, &l, &e), ASSAY_E_USAGE);
		if (!strstr(e.msg, rows[i].says))
			fail_msg("\"%s\": \"%s\" lacks \"%s\"", rows[i].text, e.msg, rows[i].says);
	}
}

/* time(count) is the first time with that many arrivals: the integral there is count, and time rises with count. */
static void times_invert_arrivals(void **state)
{
	static const char *const texts[] = { "50%", "ramp:0%:100%", "ramp:100%:0%", "50%x100s,0%x50s,200%x30s", "variable", "closed:3x50s,20%x50s", "ramp:0/s:5/sx60s,5/sx60s,ramp:5/s:0/sx60s" };
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct assay_load l;
		struct assay_err e = ASSAY_ERR_INIT;
		assert_int_equal(assay_load_parse(texts[i], 1000, &l, &e), 0);
		assay_load_scale(&l, 7);
		double all = assay_load_arrivals(&l, l.total_s), last = 0;
		for (double n = all / 1000; n < all * 0.9999; n += all / 1000) {
			double t = assay_load_time(&l, n);
			if (!(t >= last && t <= l.total_s) || fabs(assay_load_arrivals(&l, t) - n) > 1e-6 * (1 + n))
				fail_msg("%s: arrival %g at %g s, where there are %g", texts[i], n, t, assay_load_arrivals(&l, t));
			last = t;
		}
		assert_true(isinf(assay_load_time(&l, all * 1.001)));
	}
	struct assay_load closed;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_load_parse("closed:3", 10, &closed, &e), 0);
	assert_true(isinf(assay_load_time(&closed, 1)));
}

static void phases(void **state)
{
	(void)state;
	struct assay_load l;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_load_parse("50%x100s,closed:4x50s", 400, &l, &e), 0);
	static const struct { double t, begin, end; uint32_t item, closed; } rows[] = {
		{ 0, 0, 100, 0, 0 }, { 99.9, 0, 100, 0, 0 }, { 100, 100, 150, 1, 4 }, { 149, 100, 150, 1, 4 }, { 150, 150, 250, 0, 0 }, { 399, 300, 400, 0, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct assay_load_phase p = assay_load_at(&l, rows[i].t);
		assert_true(fabs(p.begin_s - rows[i].begin) < 1e-9 && fabs(p.end_s - rows[i].end) < 1e-9);
		assert_int_equal(p.item, rows[i].item);
		assert_int_equal(p.closed, rows[i].closed);
	}
	assert_int_equal(assay_load_parse("variable", 172800, &l, &e), 0);
	assert_true(assay_load_at(&l, 100000).end_s == 172800); /* one phase, however many days */
	assert_string_equal(l.item[0], "variable");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(means), cmocka_unit_test(refuses), cmocka_unit_test(times_invert_arrivals), cmocka_unit_test(phases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
