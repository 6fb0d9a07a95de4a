/* Places under the roof, variance and gaps, from hand-made steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "analysis/roofline.h"
#include "analysis/variance.h"
#include "run_fixture.h"

static const char header[] = "{\"model\": {\"dtype\": \"f32\"}, \"engine\": {\"name\": \"cpu\"}}";
static const char bf16[] = "{\"model\": {\"dtype\": \"bf16\"}, \"engine\": {\"name\": \"cpu\"}}";

/* One run of 10 decode steps of 10 ms, each `bytes` and `flops`; ceilings 10 GB/s, 100 and 200 GFLOP/s. */
static void decode(struct fx *f, const char *h, uint64_t bytes, uint64_t flops, bool probed)
{
	fx_init(f, h);
	fx_point(f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1}}", "{\"status\": \"ok\"}");
	fx_visit(f, -1, 0, 50 * MS);
	fx_step(f, ASSAY_STEP_DECODE, 1, 1, 0, 50 * MS)->weight_bytes = 999; /* a warm-up is not counted */
	fx_visit(f, 0, 100 * MS, 200 * MS);
	for (int i = 0; i < 10; i++) {
		struct assay_rec_step *s = fx_step(f, ASSAY_STEP_DECODE, 1, 1, (100 + 10 * i) * MS, (110 + 10 * i) * MS);
		s->weight_bytes = bytes / 2;
		s->kv_read_bytes = bytes / 4;
		s->kv_write_bytes = bytes / 4;
		s->flops = flops;
	}
	if (probed)
		fx_ceiling(f, 60 * MS, 10, 100, 200);
	fx_done(f);
}

static struct assay_roof roof(const char *h, uint64_t bytes, uint64_t flops, bool probed)
{
	struct fx f;
	struct assay_roof r;
	decode(&f, h, bytes, flops, probed);
	assay_roofline_point(&f.run, 0, ASSAY_STEP_DECODE, &r);
	fx_release(&f);
	return r;
}

static void places(void **state)
{
	(void)state;
	/* 10 ms at the ceilings: 100 MB, 1 GFLOP */
	struct assay_roof r = roof(header, 80000000, 10000000, true);
	assert_int_equal(r.steps, 10);
	assert_true(fabs(r.time_s - 0.1) < 1e-12 && fabs(r.memory_share - 0.8) < 1e-9 && fabs(r.compute_share - 0.01) < 1e-9);
	assert_int_equal(r.bound, ASSAY_BOUND_MEMORY);
	assert_true(fabs(r.headroom - 1.25) < 1e-9 && fabs(r.intensity - 0.125) < 1e-9 && r.read_gb_s == 10 && fabs(r.gflop_s - 100) < 1e-9);
	r = roof(header, 1000000, 900000000, true);
	assert_int_equal(r.bound, ASSAY_BOUND_COMPUTE);
	assert_true(fabs(r.headroom - 1 / 0.9) < 1e-9);
	assert_int_equal(roof(bf16, 1000000, 900000000, true).bound, ASSAY_BOUND_OVERHEAD); /* 45 % of twice the ceiling */
	r = roof(header, 49000000, 490000000, true);
	assert_int_equal(r.bound, ASSAY_BOUND_OVERHEAD);
	assert_int_equal(roof(header, 51000000, 490000000, true).bound, ASSAY_BOUND_MEMORY);
}

static void unknown(void **state)
{
	(void)state;
	struct assay_roof r = roof(header, 80000000, 10000000, false);
	assert_int_equal(r.bound, ASSAY_BOUND_UNKNOWN);
	assert_true(isnan(r.headroom) && isnan(r.memory_share) && r.bytes == 8e8);
	r = roof(header, 0, 0, true);
	assert_int_equal(r.bound, ASSAY_BOUND_UNKNOWN);
	assert_true(isnan(r.bytes) && isnan(r.flops));
	struct fx f;
	decode(&f, header, 8, 8, true);
	assay_roofline_point(&f.run, 0, ASSAY_STEP_PREFILL, &r);
	assert_int_equal(r.steps, 0);
	assert_int_equal(r.bound, ASSAY_BOUND_UNKNOWN);
	fx_release(&f);
}

/* `runs` runs of 20 decode steps: `ms` + along x step + between x run; step `slow` of each run takes three times as long. */
static void steps(struct fx *f, int runs, double along, double between, int slow)
{
	fx_init(f, header);
	fx_point(f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1}}", "{\"status\": \"ok\"}");
	for (int r = 0; r < runs; r++) {
		int64_t t = r * 1000 * MS;
		fx_visit(f, r, t, t + 900 * MS);
		for (int i = 0; i < 20; i++) {
			int64_t d = (int64_t)((10 + along * i + between * r) * (i == slow ? 3 : 1) * 1e6);
			fx_step(f, ASSAY_STEP_DECODE, 1, 1, t, t + d);
			t += d;
		}
	}
}

static void parts(void **state)
{
	(void)state;
	static const struct { double along, between; int slow; double share[3]; } rows[] = {
		{ 0.1, 0, -1, { 1, 0, 0 } }, { 0, 1, -1, { 0, 1, 0 } },
	};
	struct assay_variance v;
	struct fx f;
	for (size_t i = 0; i < 2; i++) {
		steps(&f, 4, rows[i].along, rows[i].between, rows[i].slow);
		fx_done(&f);
		assay_variance_point(&f.run, 0, &v);
		assert_int_equal(v.steps, 80);
		assert_int_equal(v.runs, 4);
		assert_true(fabs(v.along - rows[i].share[0]) < 1e-6 && fabs(v.between - rows[i].share[1]) < 1e-6 && fabs(v.rest - rows[i].share[2]) < 1e-6);
		fx_release(&f);
	}
	steps(&f, 4, 0, 0, 10);
	fx_done(&f);
	assay_variance_point(&f.run, 0, &v);
	assert_true(v.rest > 0.95 && v.between < 1e-6);
	fx_release(&f);
	steps(&f, 4, 0, 0, -1);
	fx_done(&f);
	assay_variance_point(&f.run, 0, &v);
	assert_true(v.cv == 0 && isnan(v.rest) && fabs(v.mean_ms - 10) < 1e-9);
	fx_release(&f);
}

static void slow_steps(void **state)
{
	(void)state;
	struct assay_outliers x;
	struct fx f;
	steps(&f, 4, 0, 0, 10);
	for (int r = 0; r < 4; r++) /* samples each 10 ms; the hypervisor took 5 ms during the slow step only */
		for (int i = 0; i < 24; i++) {
			struct assay_rec_sample *s = fx_sample(&f, (r * 1000 + i * 10) * MS);
			s->cpu_steal_ns = (r + (i > 11)) * 5 * MS;
		}
	fx_done(&f);
	assay_variance_outliers(&f.run, &x);
	assert_int_equal(x.steps, 80);
	assert_int_equal(x.slow, 4);
	assert_true(fabs(x.slow_time_share - 4 * 20.0 / (4 * 220)) < 1e-9);
	assert_true(x.steal_slow == 1 && x.steal_all < 0.1);
	assert_true(isnan(x.switch_slow) && isnan(x.fault_all));
	assert_int_equal(x.preempted, 0);
	f.run.steps[10].preempted = 1;
	assay_variance_outliers(&f.run, &x);
	assert_int_equal(x.preempted, 1);
	fx_release(&f);
	steps(&f, 4, 0, 0, -1);
	fx_done(&f);
	assay_variance_outliers(&f.run, &x);
	assert_int_equal(x.slow, 0);
	assert_true(isnan(x.steal_slow));
	fx_release(&f);
}

static void gaps(void **state)
{
	(void)state;
	struct assay_idle idle;
	struct fx f;
	fx_init(&f, header);
	fx_point(&f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1}}", "{\"status\": \"ok\"}");
	fx_visit(&f, 0, 0, 100 * MS);
	fx_step(&f, ASSAY_STEP_PREFILL, 1, 8, 5 * MS, 15 * MS);
	fx_step(&f, ASSAY_STEP_DECODE, 1, 1, 17 * MS, 27 * MS);
	fx_step(&f, ASSAY_STEP_DECODE, 1, 1, 28 * MS, 38 * MS);
	fx_done(&f);
	assay_variance_idle(&f.run, SIZE_MAX, &idle);
	assert_int_equal(idle.gaps, 2);
	assert_true(fabs(idle.span_s - 0.033) < 1e-12 && fabs(idle.idle_s - 0.003) < 1e-12 && idle.longest_ms == 2 && fabs(idle.per_step_us - 1500) < 1e-6);
	assay_variance_idle(&f.run, 1, &idle);
	assert_int_equal(idle.gaps, 0);
	fx_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places), cmocka_unit_test(unknown), cmocka_unit_test(parts), cmocka_unit_test(slow_steps), cmocka_unit_test(gaps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
