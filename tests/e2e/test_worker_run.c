/* Whole commands on -e worker:NAME: the same corridor, result and checks as for every engine; what is left of a worker that dies, or of a Ctrl-C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "e2e.h"
#include "unit/gguf_build.h"
#include "unit/golden.h"
#include "unit/tokenizer_fixture.h"

static char root[4000], fake[4200];

static int set_up(void **state)
{
	(void)state;
	snprintf(fake, sizeof fake, "-e worker:%s/tests/workers/fake_worker.py", getcwd(root, sizeof root) ? root : ".");
	return 0;
}

/* 4: another program had the CPU, which is no matter here. */
static bool measured(const struct e2e *r)
{
	return r->status == 0 || r->status == 4;
}

static void need_python(void)
{
	if (system("command -v python3 >/dev/null 2>&1")) {
		print_message("python3 is not there\n");
		skip();
	}
}

static void test_good(void **state)
{
	(void)state;
	need_python();
	struct e2e r;
	e2e_run(&r, "$A throughput -e worker:toy --batch 1,4 --prompt-tokens 8 --output-tokens 6 --runs 3 --engine-opt step_ms=2 --engine-opt odd=1 -o good; s=$?; $A verify good && $A engines; "
		    "$A throughput -e replay:good --batch 1,4 --prompt-tokens 8 --output-tokens 6 --runs 3 -o again >/dev/null; exit $s");
	if (!measured(&r) || !strstr(r.out, "ok: good") || !strstr(r.out, "worker:toy           ready: needs no environment of its own (python3)"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_schema("good/result.json");
	json_t *doc = e2e_json("good/result.json");
	assert_string_equal(json_string_value(e2e_at(doc, "engine.name")), "worker:toy");
	assert_string_equal(json_string_value(e2e_at(doc, "engine.effective.ignored.0")), "odd");
	assert_int_equal(json_integer_value(e2e_at(doc, "points.1.requests.succeeded")), 12);
	assert_true(json_real_value(e2e_at(doc, "points.1.metrics.tpot_ms.mean")) >= 2);
	assert_true(json_real_value(e2e_at(doc, "points.0.metrics.ttft_ms.mean")) >= 2);
	assert_true(json_real_value(e2e_at(doc, "engine.load.total_ms")) > 0);
	json_decref(doc);
	for (size_t i = 0; i < 2; i++) { /* what it does not say is no zero, nor is it when played back */
		doc = e2e_json(i ? "again/result.json" : "good/result.json");
		assert_int_equal(json_integer_value(e2e_at(doc, "points.1.requests.succeeded")), 12);
		assert_true(json_is_null(e2e_at(doc, "points.1.metrics.preemptions.value")) || !e2e_at(doc, "points.1.metrics.preemptions"));
		json_decref(doc);
	}
}

static void test_bad(void **state)
{
	(void)state;
	need_python();
	static const struct { const char *dir, *env, *options; int status; const char *err, *left; } t[] = {
		{ "b1", "load:exit", "", 3, "assay: worker ", "worker.log\n" },
		{ "b2", "step:exit", "", 3, "engine_dead: exit status 3; it said: fake worker: dying by exit; log: b2/worker.log", "journal.bin" },
		{ "b3", "", "--engine-opt python=/nonexistent", 3, "/nonexistent: cannot be started", "" },
		{ "b4", "", "--engine-opt silence_timeout=x", 2, "--engine-opt silence_timeout: \"x\" is not a number of seconds", "" },
		{ "b5", "load:missing", "", 3, "model_not_found: gpt2 is not a directory", "" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "FAKE_FAULT=%s $A latency %s %s --prompt-tokens 8 --output-tokens 6 --runs 2 -o %s >/dev/null; s=$?; ls %s 2>/dev/null; exit $s", t[i].env, fake, t[i].options, t[i].dir, t[i].dir);
		if (r.status != t[i].status || !strstr(r.err, t[i].err) || (*t[i].left ? !strstr(r.out, t[i].left) : *r.out))
			fail_msg("%s: status %d\n%s%s", t[i].dir, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

/* The result has what telling cost the worker, and when token times were told; those told at the end have no read lag. */
static void test_reporting(void **state)
{
	(void)state;
	need_python();
	static const struct { const char *emit, *told, *reason; } t[] = { { "step", "each_step", NULL }, { "final", "at_end", "the engine told token times at the end of each request (emit=final)" } };
	for (size_t i = 0; i < 2; i++) {
		struct e2e r;
		e2e_run(&r, "$A throughput -e worker:toy --batch 2 --prompt-tokens 8 --output-tokens 6 --runs 3 --engine-opt emit=%s -o told%zu && $A verify told%zu", t[i].emit, i, i);
		assert_true(measured(&r));
		e2e_release(&r);
		json_t *doc = e2e_json(i ? "told1/result.json" : "told0/result.json"), *note = assay_json_find(e2e_at(doc, "notes"), "code", "worker_reporting"), *lag = e2e_at(doc, "points.0.metrics.read_lag_ms");
		int64_t run_ns = assay_json_get_int(note, "run_ns", 0), report_ns = assay_json_get_int(note, "report_ns", 0);
		assert_string_equal(assay_json_get_str(note, "emit", ""), t[i].emit);
		assert_true(report_ns > 0 && report_ns < run_ns && assay_json_get_int(note, "runs", 0) >= 3);
		assert_string_equal(json_string_value(e2e_at(doc, "engine.effective.told")), t[i].told);
		assert_string_equal(assay_json_get_str(lag, "reason", ""), t[i].reason ? t[i].reason : "");
		assert_int_equal(json_is_number(json_object_get(lag, "p50")), i == 0);
		json_decref(doc);
	}
}

/* What NAME.env.json says reaches the process and the result; a bad one stops all before the process begins. */
static void test_environment(void **state)
{
	(void)state;
	need_python();
	struct e2e r;
	e2e_write("own.py", "import os, sys\nsys.exit('it has %s GiB' % os.environ['TOY_GIB'])\n");
	e2e_write("own.env.json", "{\"TOY_GIB\": \"{kv_gib:2}\"}");
	e2e_expect(3, "$A latency -e worker:./own.py -o e1", "", "it said: it has 2 GiB");
	e2e_expect(3, "$A latency -e worker:./own.py --engine-opt kv_gib=3 -o e3", "", "it said: it has 3 GiB");
	e2e_write("own.env.json", "{\"TOY_GIB\": \"{gib}\"}");
	e2e_expect(2, "$A latency -e worker:./own.py -o e4", "", "own.env.json: TOY_GIB: unknown placeholder {gib}");
	e2e_write("toy.env.json", "{\"TOY_GIB\": \"{kv_gib:2}\"}");
	e2e_run(&r, "cp %s/workers/toy.py %s/workers/common.py . && $A latency -e worker:./toy.py --prompt-tokens 8 --output-tokens 4 --runs 2 -o e2 && $A verify e2", root, root);
	assert_true(measured(&r));
	e2e_release(&r);
	json_t *doc = e2e_json("e2/result.json");
	assert_string_equal(json_string_value(e2e_at(doc, "engine.effective.environment.TOY_GIB")), "2");
	json_decref(doc);
}

/* Says in its log what it was given. */
static const char taker[] =
	"import os, sys\n"
	"sys.path.insert(0, os.environ['WORKERS'])\n"
	"from common import Worker, now, serve\n"
	"class Taker(Worker):\n"
	"    name = 'taker'\n"
	"    module = os.environ.get('MODULE')\n"
	"    caps = dict(stream=True)\n"
	"    def load(self, model, opts):\n"
	"        print('model', model, sorted(os.listdir(model)), flush=True)\n"
	"        return {}\n"
	"    def run(self, out):\n"
	"        for q in out.take():\n"
	"            print('ids', q.ids, flush=True)\n"
	"            for i in range(q.max_tokens):\n"
	"                out.step(now(), [(q, [1])])\n"
	"            out.done(q, 'length')\n"
	"serve(Taker())\n";

static void write_model(void)
{
	struct gguf_build b;
	struct assay_buf bytes;
	gguf_build_init(&b);
	gguf_put_llama_keys(&b, "llama");
	gguf_put_llama_tensors(&b);
	gguf_build_finish(&b, &bytes);
	char *path = xasprintf("%s/small.gguf", e2e_dir());
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_fs_write_atomic(path, bytes.data, bytes.len_bytes, &e), 0);
	free(path);
	assay_buf_release(&bytes);
	gguf_build_release(&b);
}

/* What is no directory is written as one first, once, and no run has it in its load; a worker whose engine is not there is found out before. */
static void test_directory(void **state)
{
	(void)state;
	need_python();
	char *workers = realpath("workers", NULL);
	setenv("WORKERS", workers, 1);
	setenv("XDG_CACHE_HOME", e2e_dir(), 1);
	e2e_write("taker.py", taker);
	write_model();
	e2e_expect(3, "MODULE=no_such_module $A latency -e worker:./taker.py -m small.gguf --prompt-tokens 8 --output-tokens 4 --runs 2 -o d0; s=$?; ls assay 2>/dev/null; exit $s", "", "not_installed: no_such_module is not in ");
	e2e_expect(0, "$A latency -e worker:./taker.py -m small.gguf --prompt-tokens 8 --output-tokens 4 --runs 2 --dtype bf16 -o d1; grep -c model.safetensors d1/worker.log", "\n1\n",
	           "assay: small.gguf was written for workers, once: ");
	struct e2e r;
	e2e_run(&r, "$A latency -e worker:./taker.py -m small.gguf --prompt-tokens 8 --output-tokens 4 --runs 2 --dtype bf16 -o d2 >/dev/null; ls assay/exports");
	if (r.status || *r.err || strlen(r.out) > 2 * strlen("small-bf16-12345678.lock\n"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	json_t *doc = e2e_json("d2/result.json");
	assert_non_null(strstr(json_string_value(e2e_at(doc, "engine.effective.model_directory")), "/assay/exports/small-bf16-"));
	assert_string_equal(json_string_value(e2e_at(doc, "model.source")), "small.gguf");
	json_decref(doc);
	unsetenv("XDG_CACHE_HOME");
	free(workers);
}

/* Text is encoded by assay, with the model's own tokenizer: as the embedded engine does it. */
static void test_text(void **state)
{
	(void)state;
	struct golden g;
	need_python();
	if (golden_read("gpt2", &g))
		skip();
	char *line = xasprintf("cp -r %s text", realpath(g.dir, NULL)), *text = fixture_text(fixture_tokenizer(NULL, 0));
	struct e2e r;
	e2e_run(&r, "%s", line);
	e2e_release(&r);
	e2e_write("text/tokenizer.json", text);
	e2e_expect(0, "$A latency -e worker:./taker.py -m text --prompt Hey --output-tokens 4 --runs 2 -o t1; tail -1 t1/worker.log", "ids [72, 101, 121]", "");
	e2e_expect(0, "$A latency -m text --prompt Hey --output-tokens 4 --runs 2 -o t2; $A compare t2 t1 --metrics output_tok_s", "A is cpu embedded, B is worker:taker unknown.", "");
	e2e_expect(2, "$A latency -e worker:./taker.py -m gpt2 --prompt Hey -o t3", "", "--prompt: gpt2 is a preset with synthetic weights: it has no tokenizer");
	free(text);
	free(line);
}

/* Another engine option is another load. */
static void test_sweep(void **state)
{
	(void)state;
	need_python();
	struct e2e r;
	e2e_run(&r, "$A sweep -e worker:toy --vary engine-opt=step_ms=1,step_ms=15 --batch 2 --prompt-tokens 8 --output-tokens 6 --runs 3 --no-confirm -o sweep");
	assert_true(measured(&r));
	e2e_release(&r);
	e2e_run(&r, "grep -ho '\"step_ms\": *[0-9][0-9.]*' $(find sweep -name result.json) | sort -u | wc -l");
	assert_string_equal(r.out, "2\n"); /* as the worker says of itself */
	e2e_release(&r);
}

static void test_interrupted(void **state)
{
	(void)state;
	need_python();
	struct e2e r;
	e2e_run(&r, "$A latency -e worker:toy --engine-opt step_ms=50 --output-tokens 400 -o stop >/dev/null & p=$!; n=0; while ! test -s stop/journal.bin && test $n -lt 200; do sleep 0.05; n=$((n+1)); done; "
	            "sleep 0.3; w=$(cat /proc/$p/task/$p/children); kill -INT $p; wait $p; s=$?; grep -qs '^State:.[^Z]' /proc/${w%% *}/status && echo alive; exit $s");
	if (r.status != 130 || *r.out)
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	json_t *doc = e2e_json("stop/result.json");
	assert_true(json_is_true(e2e_at(doc, "interrupted")));
	json_decref(doc);
}

/* What a worker's processes use is the engine's, also of one that leaves the group; what another program uses is foreign load. */
static void test_who_had_the_cpu(void **state)
{
	(void)state;
	need_python();
	struct e2e r;
	e2e_run(&r, "FAKE_BURN=1 FAKE_STEP_MS=4 $A latency %s -t 2 --prompt-tokens 8 --output-tokens 80 --runs 4 -o burn; s=$?; $A verify burn; exit $s", fake);
	if (!measured(&r) || !strstr(r.out, "ok: burn"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	json_t *doc = e2e_json("burn/result.json");
	assert_true(json_real_value(e2e_at(doc, "telemetry.summary.engine_cpu.mean")) > 0.1);
	assert_true(json_real_value(e2e_at(doc, "points.0.metrics.cpu_util.value")) > 0.03);
	assert_true(json_real_value(e2e_at(doc, "points.0.metrics.rss_peak_mib.value")) > 1);
	assert_true(json_integer_value(e2e_at(doc, "memory.0.rss_bytes")) > 1 << 20);
	assert_int_equal(json_array_size(e2e_at(doc, "ceilings")), 0); /* no probe beside an engine that does not rest */
	assert_string_equal(assay_json_get_str(assay_json_find(e2e_at(doc, "unavailable"), "what", "ceilings[]"), "reason", ""), "the engine used the CPU while no request was under way");
	const json_t *threads = assay_json_find(e2e_at(doc, "notes"), "code", "engine_threads");
	assert_non_null(threads);
	assert_int_equal(json_integer_value(json_object_get(threads, "asked")), 2);
	assert_true(json_is_null(json_object_get(threads, "effective"))); /* it does not say */
	assert_int_equal(json_integer_value(json_object_get(threads, "busy")), 1);
	json_decref(doc);
	e2e_run(&r, "sh -c 'while :; do :; done' & b=$!; FAKE_STEP_MS=4 $A latency %s --prompt-tokens 8 --output-tokens 80 --runs 4 -o foreign; s=$?; kill $b; $A verify foreign; exit $s", fake);
	if (!measured(&r) || !strstr(r.out, "ok: foreign"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	doc = e2e_json("foreign/result.json");
	assert_non_null(assay_json_find(e2e_at(doc, "verdict.reasons"), "code", "foreign_load"));
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_directory), cmocka_unit_test(test_text), cmocka_unit_test(test_reporting), cmocka_unit_test(test_environment), cmocka_unit_test(test_sweep), cmocka_unit_test(test_interrupted), cmocka_unit_test(test_who_had_the_cpu) };
	return cmocka_run_group_tests_name("worker_run", tests, set_up, NULL);
}
