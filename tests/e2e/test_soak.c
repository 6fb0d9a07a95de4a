/* assay soak as a user runs it: a day of virtual time in seconds and in constant memory, kill -9 and --resume, journals in segments, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "e2e.h"

#define VIRTUAL "clock: virtual\nprefill: {fixed_ms: 20, per_token_us: 500}\ndecode: {fixed_ms: 30, per_sequence_us: 200}\nmax_batch: 8\nweights_mib: 500\n"
#define REAL "clock: real\nprefill: {fixed_ms: 4}\ndecode: {fixed_ms: 4}\nmax_batch: 8\nweights_mib: 100\n"

static void run_ok(const char *fmt, const char *arg, int status)
{
	struct e2e r;
	e2e_run(&r, fmt, arg);
	if (r.status != status)
		fail_msg("%s (%s): exit %d: %s", fmt, arg, r.status, r.err);
	e2e_release(&r);
}

static void says(const char *command, int status, const char *text)
{
	struct e2e r;
	e2e_run(&r, "%s", command);
	if (r.status != status || (!strstr(r.err, text) && !strstr(r.out, text)))
		fail_msg("%s: exit %d, not %d with \"%s\": %s%s", command, r.status, status, text, r.out, r.err);
	e2e_release(&r);
}

/* Most resident memory of a command, MiB; its wall time. The largest child so far counts, so small ones come first. */
static double peak_mib(const char *duration, const char *dir, double *wall_s)
{
	struct rusage u;
	int64_t t0 = assay_now_ns();
	struct e2e r;
	e2e_run(&r, "exec $A soak -e sim:day.yaml --duration %s --output-tokens 16:32 --no-progress --format csv -o %s >/dev/null", duration, dir);
	if (r.status)
		fail_msg("exit %d: %s", r.status, r.err);
	e2e_release(&r);
	*wall_s = (double)(assay_now_ns() - t0) / 1e9;
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &u), 0);
	return (double)u.ru_maxrss / 1024;
}

static double num(json_t *v, const char *path)
{
	json_t *x = e2e_at(v, path);
	if (!json_is_number(x))
		fail_msg("no number %s", path);
	return json_number_value(x);
}

static void a_day_in_seconds_and_constant_memory(void **state)
{
	(void)state;
	double short_s, day_s;
	e2e_write("day.yaml", VIRTUAL);
	double one = peak_mib("2h", "two", &short_s), day = peak_mib("24h", "day", &day_s);
	if (day - one > 12)
		fail_msg("two hours need %.1f MiB, a day %.1f", one, day);
	assert_true(day_s < 20);
	json_t *v = e2e_json("day/result.json");
	json_t *windows = e2e_at(v, "soak.windows");
	assert_true(num(v, "soak.measured_s") == 86400);
	assert_int_equal(json_array_size(windows), 1440 + 2 + 1); /* and of the probe: 60 s and what was running, and the tail */
	double offered = 0, succeeded = 0;
	size_t i;
	json_t *w;
	json_array_foreach(windows, i, w) {
		offered += json_number_value(json_object_get(w, "offered"));
		succeeded += json_number_value(json_object_get(w, "succeeded"));
	}
	assert_true(offered == succeeded && offered == num(v, "soak.kept.requests"));
	assert_true(succeeded == num(v, "points.0.requests.succeeded") + num(v, "points.1.requests.succeeded"));
	assert_string_equal(json_string_value(e2e_at(v, "soak.memory.leak")), "no");
	assert_string_equal(json_string_value(e2e_at(v, "verdict.state")), "VALID");
	json_decref(v);
	run_ok("$A verify %s", "day", 0);
}

static void truth_is_found(void **state)
{
	(void)state;
	e2e_write("ill.yaml", VIRTUAL "leak_kib_per_request: 3\ndrift_pct_per_min: 0.05\nfaults: [{kind: error, every: 50}]\n");
	run_ok("$A soak -e sim:ill.yaml --duration 4h --load 1/s --no-progress -o %s >/dev/null", "ill", 0);
	json_t *v = e2e_json("ill/result.json");
	assert_string_equal(json_string_value(e2e_at(v, "soak.memory.leak")), "yes");
	double leak = num(v, "soak.memory.kib_per_1k.slope");
	assert_true(leak > 2990 && leak < 3010);
	double failed = num(v, "points.0.requests.failed"), offered = num(v, "points.0.requests.offered");
	assert_true(failed > 0.019 * offered && failed < 0.021 * offered);
	json_t *d;
	size_t i, seen = 0;
	json_array_foreach(e2e_at(v, "soak.drift"), i, d) {
		if (strcmp(json_string_value(json_object_get(d, "series")), "tpot_p50_ms"))
			continue;
		double per_hour = json_number_value(json_object_get(d, "pct_per_hour"));
		assert_true(per_hour > 2 && per_hour < 5); /* 0.05 % a minute = 3 % an hour, and what the load adds to it */
		seen++;
	}
	assert_int_equal(seen, 1);
	json_decref(v);
}

/* The case is what was asked, not what a probe made of it; arrivals of another seed are no other work. */
static void two_soaks_are_comparable(void **state)
{
	(void)state;
	e2e_write("bare.yaml", "clock: virtual\nprefill: {fixed_ms: 20}\ndecode: {fixed_ms: 30}\nmax_batch: 8\n");
	for (int seed = 1; seed <= 2; seed++) {
		char line[200];
		snprintf(line, sizeof line, "$A soak -e sim:bare.yaml --duration 20m --output-tokens 16:32 --seed %d --no-progress --format html -o pair%d >/dev/null", seed, seed);
		says(line, 0, "");
	}
	json_t *v = e2e_json("pair1/result.json");
	assert_null(json_object_get(e2e_at(v, "points.1.case"), "rate_per_s"));
	assert_string_equal(json_string_value(e2e_at(v, "points.1.case.load")), "50%");
	json_decref(v);
	says("$A compare pair1 pair2 --json", 0, "\"comparable\": true");
	says("$A compare pair1 pair2 --json | grep -c probe", 1, "0");
	says("$A history pair1 pair2 --json | grep -c '\"n\": 2,' | sed 's/^[1-9].*/series of two/'", 0, "series of two");
	says("cat pair1/report.html", 0, "Memory over hours of load:</b> the engine does not say how much memory it holds.");
}

#define SOAK "$A soak -e sim:real.yaml --duration 6s --probe 500ms --window 500ms --prompt-tokens 8 --output-tokens 6 --no-progress"

/* Starts it, kills it after a while. */
static void killed_after(const char *dir, double s)
{
	struct e2e r;
	e2e_run(&r, SOAK " -o %s >/dev/null 2>&1 & sleep %.2f; kill -9 $!; wait $!; true", dir, s);
	e2e_release(&r);
}

static void a_killed_run_goes_on(void **state)
{
	(void)state;
	e2e_write("real.yaml", REAL);
	killed_after("k", 3.3);
	says(SOAK " --load 60% --resume -o k", 2, "load was \"50%\" and is now \"60%\"");
	says(SOAK " -o k", 2, "not empty");
	says("$A report k && $A verify k", 1, "interrupted");
	says("printf 'half a record' >>k/journal.bin; cp -r k torn; rm torn/result.json; $A report torn 2>&1 >/dev/null | head -1", 0, "cut short");
	says(SOAK " --resume -o k 2>&1", 0, "Stopped without notice");
	says("$A verify k", 0, "ok: k");
	says("$A report k --redact -o public && $A verify public", 0, "ok: public");
	says(SOAK " --resume -o k", 2, "complete: all 6 s are measured");
	json_t *v = e2e_json("k/result.json");
	assert_true(num(v, "soak.measured_s") == 6);
	assert_int_equal(json_array_size(e2e_at(v, "soak.parts")), 1);
	assert_true(json_is_true(e2e_at(v, "soak.parts.0.killed")));
	assert_true(num(v, "soak.parts.0.gap_s") > 0);
	assert_true(num(v, "soak.segments") == 2);
	assert_true(json_is_false(e2e_at(v, "interrupted")));
	double last = -1;
	size_t i;
	json_t *w;
	json_array_foreach(e2e_at(v, "soak.windows"), i, w) {
		double at = json_number_value(json_object_get(w, "elapsed_s"));
		if (!strcmp(json_string_value(json_object_get(w, "part_of")), "probe"))
			continue;
		assert_true(at > last); /* one series, whatever the gap */
		last = at;
	}
	json_decref(v);
	says("cp -r k lost; rm lost/journal-001.bin; $A verify lost", 1, "journal-001.bin: missing");
	says("$A soak -e replay:k -o again", 2, "it cannot be played");
	says("$A soak --resume -e sim:real.yaml", 2, "name the run to go on with");
	says("mkdir lat; $A latency -e sim:real.yaml --runs 1 --no-progress -o lat/x >/dev/null; " SOAK " --resume -o lat/x", 2, "holds a run of assay latency");
}

/* Many token stamps: more than one file of 64 MiB. Each is needed, and each is named when it is not there. */
static void segments(void **state)
{
	(void)state;
	e2e_write("quick.yaml", "clock: virtual\nprefill: {fixed_ms: 1}\ndecode: {fixed_ms: 1}\n");
	run_ok("$A soak -e sim:quick.yaml --duration 1100s --load 30/s --output-tokens 100 --keep-tokens 1 --no-progress --format csv -o %s >/dev/null", "seg", 0);
	json_t *v = e2e_json("seg/result.json");
	assert_true(num(v, "soak.segments") >= 3);
	assert_true(json_array_size(e2e_at(v, "files")) == (size_t)num(v, "soak.segments"));
	json_decref(v);
	says("$A verify seg", 0, "ok: seg");
	says("mv seg/journal-001.bin x; $A verify seg", 1, "journal-001.bin: missing");
	says("$A verify seg", 1, "the files before and after it are here");
	says("mv x seg/journal-001.bin; cp seg/journal-002.bin y; cp seg/journal-001.bin seg/journal-002.bin; $A verify seg", 1, "journal-002.bin: changed");
	says("cp y seg/journal-002.bin; printf X | dd of=seg/journal-001.bin bs=1 seek=5000 conv=notrunc 2>/dev/null; $A verify seg", 1, "journal-001.bin: changed");
}

static void refusals(void **state)
{
	static const char *const rows[][2] = {
		{ "--load 50", "a level needs % or /s" }, { "--load ramp:5%", "a ramp needs two levels" }, { "--window 2h", "longer than the whole run" }, { "--window 1s --duration 24h", "more than 20000 windows" },
		{ "--backlog 4 --load closed:8", "fewer than the 8 requests" }, { "--max-time 1h", "--duration bounds it" }, { "--duration 0s", "--duration" }, { "--load 0%", "asks for no request" }, { "--load 0.001/s --duration 1m", "asks for no request" }, { "--arrivals sometimes", "poisson" },
	};
	(void)state;
	e2e_write("day.yaml", VIRTUAL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char line[300];
		snprintf(line, sizeof line, "$A soak -e sim:day.yaml %s -o no", rows[i][0]);
		says(line, 2, rows[i][1]);
		says("test ! -e no && echo gone", 0, "gone");
	}
	says("$A soak --dry-run --duration 24h --load steps:50%x10m,200%x5m -m gpt2", 0, "24h00m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_in_seconds_and_constant_memory), cmocka_unit_test(truth_is_found), cmocka_unit_test(two_soaks_are_comparable), cmocka_unit_test(a_killed_run_goes_on), cmocka_unit_test(segments),
		cmocka_unit_test(refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
