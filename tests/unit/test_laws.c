/* Laws are fitted to what they say they are, and known only where lengths span a factor of two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/laws.h"
#include "base/mem.h"
#include "run_fixture.h"

static int64_t now;

/* A point of single requests, a run each TTFT; 10 ms a token after that. */
static void point(struct fx *f, const char *experiment, int batch, int prompt, int output, const double *ttft_ms, int runs)
{
	char *info = xasprintf("{\"index\": %zu, \"experiment\": \"%s\", \"case\": {\"batch_size\": %d, \"prompt_tokens\": %d, \"output_tokens\": %d}}", 10 + f->run.n_points, experiment, batch, prompt, output);
	fx_point(f, info, "{\"status\": \"ok\"}");
	free(info);
	for (int r = 0; r < runs; r++) {
		int64_t first = now + (int64_t)(ttft_ms[r] * 1e6), end = first + 10 * MS * (output - 1);
		fx_visit(f, r, now, end);
		fx_request(f, (uint32_t)prompt, (uint32_t)output, now, first, 10 * MS);
		now = end + MS;
	}
}

static void near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
		fail_msg("got %.15g, want %.15g", got, want);
}

/* TTFT 10, 10 at 100 tokens and 10, 40 at 200. With weights 1/y^2 the means are 10 and 0.125 / 0.010625 = 200/17, and of the spread
 * around the common mean 2/51 is explained; without weights the law would seem worse than none. */
static void goodness_has_the_weights_of_the_fit(void **state)
{
	static const double even[] = { 10, 10 }, uneven[] = { 10, 40 };
	struct fx f;
	struct assay_run_metrics m;
	struct assay_law l;
	(void)state;
	fx_init(&f, "{}");
	point(&f, "seqlen", 1, 100, 4, even, 2);
	point(&f, "seqlen", 1, 200, 4, uneven, 2);
	point(&f, "throughput", 4, 400, 4, even, 2); /* no single request */
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	assay_law_fit(&f.run, &m, ASSAY_LAW_PROMPT_TTFT, &l);
	assert_true(l.known);
	assert_int_equal(l.count, 4);
	near(assay_fit_at(&l.fit, 100), 10);
	near(assay_fit_at(&l.fit, 200), 200 / 17.0);
	near(l.r2, 2 / 51.0);
	near(l.x[3], 200);
	near(l.y[3], 40);
	assert_int_equal(l.point[3], 1);
	assay_law_release(&l);
	assay_law_fit(&f.run, &m, ASSAY_LAW_CONTEXT_DECODE, &l); /* 102 to 202 tokens: no factor of two */
	assert_false(l.known);
	assay_law_release(&l);
	assay_law_fit(&f.run, &m, ASSAY_LAW_OUTPUT_E2E, &l); /* one output length */
	assert_false(l.known);
	assay_law_release(&l);
	assay_law_fit(&f.run, &m, ASSAY_LAW_BATCH_STEP, &l);
	assert_false(l.known);
	assay_law_release(&l);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(goodness_has_the_weights_of_the_fit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
