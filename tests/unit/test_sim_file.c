/* The sim engine's input file: what is read, and what is refused with its line and column. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/sim_file.h"

static const char full[] =
	"clock: real\n"
	"prefill: {fixed_ms: 5, per_token_us: 200}\n"
	"decode: {fixed_ms: 10.5, per_sequence_us: 100, per_context_token_us: 0.25}\n"
	"max_batch: 8\n"
	"kv: {tokens: 4096, bytes_per_token: 73728}\n"
	"load_ms: 1500\n"
	"weights_mib: 474.7\n"
	"noise: {cv: 0.01, run_cv: 0.02, ar1: 0.5, seed: 7}\n"
	"drift_pct_per_min: -3\n"
	"ceilings: {read_gb_s: 20, gemm_gflop_s: 300}\n"
	"leak_kib_per_request: 12\n"
	"faults:\n"
	"  - {kind: error, every: 10}\n"
	"  - {kind: stall, at: 3, ms: 250}\n"
	"telemetry:\n"
	"  - {at_ms: 0, cpu_steal_pct: 0, rss_mib: 100}\n"
	"  - {at_ms: 500, cpu_steal_pct: 30, throttled: true}\n";

static void reads_every_key(void **state)
{
	(void)state;
	struct assay_sim_spec s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_sim_parse(full, sizeof full - 1, "t.yaml", &s, &e), 0);
	assert_false(s.virtual_clock);
	assert_true(s.prefill_fixed_ms == 5 && s.prefill_per_token_us == 200);
	assert_true(s.decode_fixed_ms == 10.5 && s.decode_per_sequence_us == 100 && s.decode_per_context_token_us == 0.25);
	assert_int_equal(s.max_batch, 8);
	assert_int_equal(s.kv_tokens, 4096);
	assert_true(s.kv_bytes_per_token == 73728 && s.load_ms == 1500 && s.weights_mib == 474.7);
	assert_true(s.noise_cv == 0.01 && s.noise_run_cv == 0.02 && s.noise_ar1 == 0.5 && s.noise_seed == 7);
	assert_true(s.drift_pct_per_min == -3 && s.read_gb_s == 20 && s.gemm_gflop_s == 300 && s.leak_kib_per_request == 12);
	assert_int_equal(s.n_faults, 2);
	assert_int_equal(s.faults[0].kind, ASSAY_SIM_ERROR);
	assert_int_equal(s.faults[0].every, 10);
	assert_int_equal(s.faults[1].kind, ASSAY_SIM_STALL);
	assert_true(s.faults[1].at == 3 && s.faults[1].ms == 250);
	assert_int_equal(json_array_size(s.telemetry), 2);
	assay_sim_spec_release(&s);
}

static void defaults(void **state)
{
	(void)state;
	struct assay_sim_spec s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_sim_parse("prefill: {fixed_ms: 1}\n", 23, "t.yaml", &s, &e), 0);
	assert_true(s.virtual_clock && isnan(s.load_ms) && s.kv_tokens == 0 && s.n_faults == 0 && !s.telemetry);
	assay_sim_spec_release(&s);
}

static const struct { const char *text, *place, *says; } bad[] = {
	{ "", "t.yaml", "mapping" },
	{ "- 1\n", "t.yaml:1:1", "mapping" },
	{ "clock: virtual\nprefil: {fixed_ms: 1}\n", "t.yaml:2:1", "did you mean \"prefill\"" },
	{ "prefill:\n  fixed_ms: 1\n  per_token: 3\n", "t.yaml:3:3", "did you mean \"per_token_us\"" },
	{ "prefill: 3\n", "t.yaml:1:10", "prefill must be a mapping" },
	{ "prefill: {fixed_ms: fast}\n", "t.yaml:1:", "fixed_ms must be a number" },
	{ "prefill: {fixed_ms: -1}\n", "t.yaml:1:", "allowed is 0 to" },
	{ "prefill: {fixed_ms: .inf}\n", "t.yaml:1:21", "infinity" },
	{ "prefill: {fixed_ms: .nan}\n", "t.yaml:1:21", "not-a-number" },
	{ "prefill: {fixed_ms: true}\n", "t.yaml:1:", "fixed_ms must be a number" },
	{ "max_batch: 2.5\n", "t.yaml:1:", "whole number" },
	{ "max_batch: 0\n", "t.yaml:1:", "allowed is 1" },
	{ "clock: fast\n", "t.yaml:1:", "virtual or real" },
	{ "clock: virtual\nclock: real\n", "t.yaml:2:", "" },
	{ "noise: {ar1: 1}\n", "t.yaml:1:", "ar1" },
	{ "faults: {kind: error}\n", "t.yaml:1:", "list" },
	{ "faults:\n  - {kind: bang, at: 1}\n", "t.yaml:2:", "error, stall, short or extra" },
	{ "faults:\n  - {kind: error}\n", "t.yaml:2:", "every: N or at: N" },
	{ "faults:\n  - {kind: error, at: 1, every: 2}\n", "t.yaml:2:", "every: N or at: N" },
	{ "faults:\n  - {kind: error, at: 0}\n", "t.yaml:2:", "allowed is 1" },
	{ "faults:\n  - {kind: error, at: 1, mss: 2}\n", "t.yaml:2:", "\"mss\"" },
	{ "telemetry:\n  - {cpu_steal_pct: 3}\n", "t.yaml:2:", "at_ms" },
	{ "telemetry:\n  - {at_ms: 5}\n  - {at_ms: 5}\n", "t.yaml:3:", "rising" },
	{ "telemetry:\n  - {at_ms: 5, cpu_steal_pct: 101}\n", "t.yaml:2:", "allowed is 0 to 100" },
	{ "kv: {tokens: 99999999999999999999}\n", "t.yaml:1:14", "64 bits" },
	{ "prefill: {fixed_ms: 1\n", "t.yaml:", "" },
};

static void refuses_with_line_and_column(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct assay_sim_spec s;
		struct assay_err e = ASSAY_ERR_INIT;
		assert_int_equal(assay_sim_parse(bad[i].text, strlen(bad[i].text), "t.yaml", &s, &e), ASSAY_E_USAGE);
		if (strncmp(e.msg, bad[i].place, strlen(bad[i].place)) || !strstr(e.msg, bad[i].says) || strchr(e.msg, '\n'))
			fail_msg("case %zu: \"%s\" should start with %s and say %s", i, e.msg, bad[i].place, bad[i].says);
		assay_sim_spec_release(&s);
	}
}

/* Every prefix and every single damaged byte is read or refused, never worse (run under sanitizers too). */
static void survives_damage(void **state)
{
	(void)state;
	char text[sizeof full];
	for (size_t n = 0; n < sizeof full; n++) {
		struct assay_sim_spec s;
		struct assay_err e = ASSAY_ERR_INIT;
		int rc = assay_sim_parse(full, n, "t.yaml", &s, &e);
		assert_true(rc == 0 || rc == ASSAY_E_USAGE);
		assay_sim_spec_release(&s);
		memcpy(text, full, sizeof full);
		text[n] = (char)(n * 37);
		rc = assay_sim_parse(text, sizeof full - 1, "t.yaml", &s, NULL);
		assert_true(rc == 0 || rc == ASSAY_E_USAGE);
		assay_sim_spec_release(&s);
	}
}

static void missing_file(void **state)
{
	(void)state;
	struct assay_sim_spec s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_sim_load("/nonexistent/sim.yaml", &s, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "/nonexistent/sim.yaml"));
	assert_int_equal(assay_sim_load("/", &s, &e), ASSAY_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_key), cmocka_unit_test(defaults), cmocka_unit_test(refuses_with_line_and_column),
		cmocka_unit_test(survives_damage), cmocka_unit_test(missing_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
