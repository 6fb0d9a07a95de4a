/* assay compare-engines: the verb. Checks that the engines give the same answers, measures them in blocks, shows the table. */
#include "cmd/compare_engines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/sysmem.h"
#include "base/term.h"
#include "cmd/engines.h"
#include "cmd/run_signals.h"
#include "cmd/show_result.h"
#include "engine/engine.h"
#include "report/engines_tables.h"
#include "report/face_overlay.h"

#define ROOM_BYTES (UINT64_C(2) << 30) /* left free beside weights and KV cache */
enum { KV_SLACK_TOKENS = 16 };

const struct assay_opt cmd_compare_engines_options[] = {
	{ "engines", 0, ASSAY_OPT_STR, NULL, .arg = "E,E,...", .help = "2 to 12 engines, the first is the reference: cpu,worker:transformers,worker:vllm; they are called A, B, ... in this order" },
	{ "model", 'm', ASSAY_OPT_STR, "smollm2", .arg = "NAME|DIR", .help = "the model of all; for a worker a preset is exported to the user's cache, and all load that" },
	{ "dtype", 0, ASSAY_OPT_ENUM, "f32", .choices = "f32|bf16|f16", .help = "type of the weights, of all" },
	{ "threads", 't', ASSAY_OPT_INT, "0", 0, 1024, .arg = "N", .help = "compute threads, of all; 0 = every CPU that this process may use" },
	{ "isa", 0, ASSAY_OPT_ENUM, "auto", .choices = "auto|scalar|avx2|avx512|amx", .help = "instruction set of the embedded engine's kernels" },
	{ "seed", 0, ASSAY_OPT_INT, "0", 0, 9007199254740991, .arg = "N", .help = "seed of prompts and synthetic weights" },
	{ "batch", 0, ASSAY_OPT_INTS, "1,8,32", 1, 4096, .arg = "N,...", .help = "batch sizes" },
	{ "prompt-tokens", 0, ASSAY_OPT_INT, "128", 1, 1048576, .arg = "N", .help = "prompt length" },
	{ "output-tokens", 0, ASSAY_OPT_INT, "64", 2, 65536, .arg = "N", .help = "tokens to generate, each" },
	{ "runs", 0, ASSAY_OPT_INT, "3", 3, 1000, .arg = "N", .help = "measured runs of each batch size in a block" },
	{ "warmup", 0, ASSAY_OPT_INT, "1", 0, 1000, .arg = "N", .help = "warm-up runs of each batch size in a block" },
	{ "rounds", 0, ASSAY_OPT_INT, "2", 2, 20, .arg = "N", .help = "blocks of each engine: 2 = A B B A; each loads the engine anew, and is one sample" },
	{ "engine-opt", 0, ASSAY_OPT_MAP, NULL, .arg = "LETTER:K=V", .help = "an option of one engine, by its letter: B:eager=true" },
	{ "check", 0, ASSAY_OPT_FLAG, "true", .help = "first see whether each gives the answers of the first (assay engines check)" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "result directory (results/<UTC time>-engines)" },
	{ "dry-run", 0, ASSAY_OPT_FLAG, "false", .help = "print the blocks and the memory that is needed; measure nothing" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print engines.json on stdout, and only that" },
	{ "progress", 0, ASSAY_OPT_FLAG, "true", .help = "show progress on stderr" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	ASSAY_OPT_END,
};

int cmd_engines_turn(int number, int n_engines)
{
	int round = number / n_engines, place = number % n_engines;
	return round % 2 ? n_engines - 1 - place : place;
}

static bool is_worker(const struct cmd_engine_arm *a) { return !strncmp(a->spec, "worker:", 7); }

/* ---- what is refused before anything is measured ---- */

static int read_engines(struct cmd_engines_job *j, struct assay_err *e)
{
	const char *text = assay_options_str(j->o, "engines");
	char *save = NULL;
	if (!text)
		return assay_fail(e, ASSAY_E_USAGE, "compare-engines needs --engines E,E,...: --engines cpu,worker:transformers; assay engines lists them");
	j->specs = xstrdup(text);
	for (char *w = strtok_r(j->specs, ", ", &save); w; w = strtok_r(NULL, ", ", &save)) {
		if (j->n == CMD_ENGINES_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--engines: at most %d", CMD_ENGINES_MAX);
		j->arm[j->n++] = (struct cmd_engine_arm){ .spec = w, .blocks = json_array() };
	}
	return j->n > 1 ? 0 : assay_fail(e, ASSAY_E_USAGE, "--engines %.80s: one engine cannot be compared: name two or more, parted by commas", text);
}

/* "B:eager=true" is engine B's "eager=true". */
static int read_engine_opts(struct cmd_engines_job *j, struct assay_err *e)
{
	const char *const *list;
	int n = assay_options_strs(j->o, "engine-opt", &list);
	for (int i = 0; i < n; i++) {
		int at = list[i][0] - 'A';
		if (at < 0 || at >= j->n || list[i][1] != ':' || !list[i][2] || list[i][2] == '=')
			return assay_fail(e, ASSAY_E_USAGE, "--engine-opt %.80s: not LETTER:K=V with a letter from A to %c", list[i], 'A' + j->n - 1);
		if (j->arm[at].n_opts == CMD_ENGINE_OPTS_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--engine-opt: more than %d of one engine", CMD_ENGINE_OPTS_MAX);
		j->arm[at].opts[j->arm[at].n_opts++] = list[i] + 2;
	}
	for (int i = 0; i < j->n; i++) {
		if (is_worker(&j->arm[i]) && !assay_worker_there(j->arm[i].spec + strlen("worker:")))
			return assay_fail(e, ASSAY_E_USAGE, "--engines %.200s: there is no such worker: assay engines lists them", j->arm[i].spec);
		if (assay_engine_check(j->arm[i].spec, j->arm[i].opts, j->arm[i].n_opts, e))
			return assay_fail_in(e, "--engines %s", j->arm[i].spec);
	}
	return 0;
}

static int64_t largest_batch(const struct cmd_engines_job *j)
{
	const int64_t *list;
	int64_t most = 1;
	int n = assay_options_ints(j->o, "batch", &list);
	for (int i = 0; i < n; i++)
		most = list[i] > most ? list[i] : most;
	return most;
}

/* One engine is resident at a time. A sim, a replay and null hold no model. */
static int check_memory(struct cmd_engines_job *j, struct assay_err *e)
{
	enum nn_dtype dtype = (enum nn_dtype)nn_dtype_parse(assay_options_str(j->o, "dtype"));
	int64_t length = assay_options_int(j->o, "prompt-tokens") + assay_options_int(j->o, "output-tokens");
	struct assay_sysmem m;
	bool holds = false;
	for (int i = 0; i < j->n; i++)
		holds = holds || is_worker(&j->arm[i]) || !strcmp(j->arm[i].spec, "cpu");
	if (length > j->shape.max_context)
		return assay_fail(e, ASSAY_E_USAGE, "--prompt-tokens and --output-tokens need a context of %lld; %s has %d", (long long)length, j->shape.name, j->shape.max_context);
	if (!holds)
		return 0;
	assay_sysmem_read("", &m);
	uint64_t weights = nn_shape_weight_bytes(&j->shape, dtype), kv = nn_shape_kv_bytes_per_token(&j->shape, dtype) * (uint64_t)(length + KV_SLACK_TOKENS) * (uint64_t)largest_batch(j);
	uint64_t safe = assay_sysmem_safe_bytes(&m);
	j->needed_bytes = weights + kv + ROOM_BYTES;
	j->free_bytes = safe == ASSAY_SYSMEM_NONE ? 0 : safe;
	if (j->needed_bytes <= safe)
		return 0;
	return assay_fail(e, ASSAY_E_USAGE, "%s as %s needs %.2f GiB (weights %.2f, KV cache of the largest batch %.2f, room 2.00), has %.2f GiB safely free: take a smaller model, batch or --dtype", j->shape.name,
			  nn_dtype_name(dtype), (double)j->needed_bytes / 0x1p30, (double)weights / 0x1p30, (double)kv / 0x1p30, (double)safe / 0x1p30);
}

static int prepare(struct cmd_engines_job *j, struct assay_err *e)
{
	bool worker = false;
	assay_rfc3339(assay_wall_ns(), j->created, sizeof j->created);
	j->rounds = (int)assay_options_int(j->o, "rounds");
	if (cmd_check_engine_options(j->o, e) || read_engines(j, e) || read_engine_opts(j, e) || nn_shape_of(assay_options_str(j->o, "model"), &j->shape, e) || check_memory(j, e))
		return e->code;
	for (int i = 0; i < j->n; i++)
		worker = worker || is_worker(&j->arm[i]);
	j->model = cmd_engines_model(j->o, &j->shape, worker);
	return 0;
}

/* ---- commands ---- */

static void add_options(const struct cmd_engines_job *j, const char *const *names, struct cmd_argv *out)
{
	for (; *names; names++)
		cmd_argv_add(out, "--%s=%s", *names, assay_options_text(j->o, *names));
}

static void add_engine_opts(const struct cmd_engine_arm *a, struct cmd_argv *out)
{
	for (int i = 0; i < a->n_opts; i++)
		cmd_argv_add(out, "--engine-opt=%s", a->opts[i]);
}

/* A sim engine gets the block's noise stream. */
static void block_argv(const struct cmd_engines_job *j, int number, struct cmd_argv *out)
{
	static const char *const same[] = { "dtype", "threads", "isa", "seed", "batch", "prompt-tokens", "output-tokens", "runs", "warmup", NULL };
	const struct cmd_engine_arm *a = &j->arm[cmd_engines_turn(number, j->n)];
	cmd_argv_add(out, "assay");
	cmd_argv_add(out, "throughput");
	if (!strncmp(a->spec, "sim:", 4))
		cmd_argv_add(out, "--engine=%s@%d", a->spec, number + 1);
	else
		cmd_argv_add(out, "--engine=%s", a->spec);
	cmd_argv_add(out, "--model=%s", j->model);
	add_options(j, same, out);
	add_engine_opts(a, out);
	cmd_argv_add(out, "--no-progress");
}

/* Both engines' options: a worker leaves out what it does not know. */
static void check_argv(const struct cmd_engines_job *j, const struct cmd_engine_arm *b, struct cmd_argv *out)
{
	static const char *const same[] = { "dtype", "threads", "isa", "seed", "prompt-tokens", "output-tokens", NULL };
	static const char *const words[] = { "assay", "engines", "check", NULL };
	for (const char *const *w = words; *w; w++)
		cmd_argv_add(out, "%s", *w);
	cmd_argv_add(out, "%s", j->arm[0].spec);
	cmd_argv_add(out, "%s", b->spec);
	cmd_argv_add(out, "--model=%s", j->model);
	add_options(j, same, out);
	for (int i = 0; i < 2; i++)
		if (is_worker(i ? b : &j->arm[0]))
			add_engine_opts(i ? b : &j->arm[0], out);
	cmd_argv_add(out, "--json");
}

static void print_words(const struct cmd_argv *argv)
{
	for (int i = 0; i < argv->n; i++)
		printf("%s%s", i ? " " : "  ", argv->list[i]);
	putchar('\n');
}

static void plan(const struct cmd_engines_job *j)
{
	for (int i = 0; i < j->n; i++)
		printf("%c  %s\n", 'A' + i, j->arm[i].spec);
	printf("model  %s, %s%s\n", j->model, assay_options_str(j->o, "dtype"), strcmp(j->model, assay_options_str(j->o, "model")) && !assay_fs_is_dir(j->model) ? " (to be exported)" : "");
	if (j->needed_bytes)
		printf("memory  %.2f GiB needed, %.2f GiB safely free\n", (double)j->needed_bytes / 0x1p30, (double)j->free_bytes / 0x1p30);
	for (int i = 1; i < j->n && assay_options_flag(j->o, "check"); i++) {
		struct cmd_argv argv = { 0 };
		check_argv(j, &j->arm[i], &argv);
		print_words(&argv);
		cmd_argv_release(&argv);
	}
	for (int i = 0; i < j->n * j->rounds; i++) {
		struct cmd_argv argv = { 0 };
		block_argv(j, i, &argv);
		print_words(&argv);
		cmd_argv_release(&argv);
	}
}

/* ---- measuring ---- */

static void check_one(struct cmd_engines_job *j, struct cmd_engine_arm *b, struct assay_status_line *line)
{
	struct cmd_argv argv = { 0 };
	struct assay_err e = ASSAY_ERR_INIT;
	char label = (char)('A' + (b - j->arm));
	char *name = xasprintf("check/A-%c.json", label), *out = xasprintf("%s/%s", j->dir, name), *log = xasprintf("%s/check/A-%c.log", j->dir, label);
	assay_status_line_show(line, "engines", name, 0, 1, -1);
	check_argv(j, b, &argv);
	int status = cmd_child_output(&argv, out, log);
	json_t *doc = cmd_child_measured(status) ? assay_json_load(out, 1 << 24, ASSAY_E_DATA, &e) : NULL;
	if (!doc && !e.code)
		cmd_child_error("check", status, log, &e);
	b->agreement = json_pack("{s:s, s:s, s:o, s:s}", "with", "A", "outcome", doc ? assay_json_get_str(doc, "outcome", "?") : "failed", "reason", cmd_engines_text(doc ? assay_json_get_str(doc, "reason", "") : e.msg), "file",
				 doc ? name : "");
	json_decref(doc);
	cmd_argv_release(&argv);
	free(name);
	free(out);
	free(log);
}

/* An engine that fails is not tried again; the others go on. */
static void block(struct cmd_engines_job *j, int number)
{
	struct cmd_engine_arm *a = &j->arm[cmd_engines_turn(number, j->n)];
	struct cmd_argv argv = { 0 };
	struct assay_err e = ASSAY_ERR_INIT;
	char *name = xasprintf("blocks/%03d-%c", number + 1, (char)('A' + (a - j->arm))), *dir = xasprintf("%s/%s", j->dir, name), *log = xasprintf("%s.log", dir);
	int64_t from_ns = assay_now_ns();
	block_argv(j, number, &argv);
	cmd_argv_add(&argv, "--output=%s", dir);
	int status = cmd_child_run(&argv, log);
	bool measured = cmd_child_measured(status) && !cmd_docs_load(&a->docs, dir, &e);
	if (!measured) {
		if (!e.code)
			cmd_child_error(name, status, log, &e);
		snprintf(a->reason, sizeof a->reason, "%s", e.msg);
	}
	a->failed = !measured;
	a->status = measured ? cmd_child_worse(a->status, status) : status == ASSAY_EXIT_USAGE ? ASSAY_EXIT_USAGE : ASSAY_EXIT_ENGINE;
	json_array_append_new(a->blocks, json_pack("{s:i, s:s, s:i, s:s?, s:o}", "number", number + 1, "directory", name, "exit_status", status, "verdict",
						   measured ? assay_json_get_str(json_object_get(a->docs.list[a->docs.n - 1], "verdict"), "state", NULL) : NULL, "wall_s",
						   assay_json_real((double)(assay_now_ns() - from_ns) / 1e9)));
	cmd_argv_release(&argv);
	free(name);
	free(dir);
	free(log);
}

static int measure(struct cmd_engines_job *j, struct assay_err *e)
{
	struct assay_status_line *line = assay_options_flag(j->o, "progress") ? assay_status_line_open() : NULL;
	int total = j->n * j->rounds;
	for (int i = 1; i < j->n && assay_options_flag(j->o, "check") && !cmd_signal_seen(); i++)
		check_one(j, &j->arm[i], line);
	for (int i = 0; i < total && !cmd_signal_seen(); i++) {
		char what[60];
		snprintf(what, sizeof what, "block %d of %d: %c", i + 1, total, 'A' + cmd_engines_turn(i, j->n));
		assay_status_line_show(line, "engines", what, (double)i, (double)total, -1);
		if (!j->arm[cmd_engines_turn(i, j->n)].failed)
			block(j, i);
	}
	assay_status_line_close(line);
	return cmd_signal_seen() ? assay_fail(e, ASSAY_E_INTERRUPT, "interrupted; what was measured is in %s/blocks", j->dir) : 0;
}

/* ---- the answer ---- */

/* 3 > 4 > 1 > 0: an engine that failed, a block that is INVALID, an engine that disagrees; 2 when every engine refused its options. */
static int exit_status(const struct cmd_engines_job *j, const json_t *doc)
{
	int status = json_array_size(json_object_get(doc, "disagree")) ? ASSAY_EXIT_FAILED : ASSAY_EXIT_OK;
	bool usage = true;
	for (int i = 0; i < j->n; i++) {
		usage = usage && j->arm[i].status == ASSAY_EXIT_USAGE;
		status = cmd_child_worse(status, j->arm[i].failed ? ASSAY_EXIT_ENGINE : j->arm[i].status);
	}
	return usage ? ASSAY_EXIT_USAGE : status;
}

/* The first block of each, laid over each other: report.html and report.md. */
static int overlay(const struct cmd_engines_job *j, struct assay_err *e)
{
	struct assay_overlay_side sides[CMD_ENGINES_MAX];
	size_t n = 0;
	for (int i = 0; i < j->n; i++)
		if (j->arm[i].docs.n)
			sides[n++] = (struct assay_overlay_side){ j->arm[i].docs.list[0], j->arm[i].spec };
	return n > 1 ? assay_overlay_write(sides, n, j->dir, e) : 0;
}

static void show(const struct cmd_engines_job *j, const json_t *doc)
{
	struct assay_term term;
	struct assay_buf b;
	assay_buf_init(&b, (size_t)64 << 20);
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(j->o, "color"));
	if (assay_options_flag(j->o, "json")) {
		assay_json_print(&b, doc, 2);
		assay_buf_puts(&b, "\n");
	} else {
		assay_engines_text(doc, &b, term.width, term.colour);
		assay_buf_printf(&b, "\nresult  %s/engines.json\nreport  %s/engines.md\n", j->dir, j->dir);
	}
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	assay_buf_init(&b, 1 << 20);
	assay_engines_markdown(doc, &b);
	cmd_step_summary(&b);
	assay_buf_release(&b);
}

static int publish(struct cmd_engines_job *j, int *status, struct assay_err *e)
{
	json_t *doc = cmd_engines_document(j);
	*status = exit_status(j, doc);
	json_object_set_new(doc, "exit_status", json_integer(*status));
	int rc = assay_engines_write(doc, j->dir, e);
	if (!rc)
		rc = overlay(j, e);
	if (!rc)
		show(j, doc);
	json_decref(doc);
	return rc;
}

static int make_dirs(struct cmd_engines_job *j, struct assay_err *e)
{
	static const char *const below[] = { "blocks", "check" };
	int rc = cmd_many_dir(assay_options_str(j->o, "output"), "engines", &j->dir, e);
	for (size_t i = 0; !rc && i < (assay_options_flag(j->o, "check") ? 2 : 1); i++) {
		char *path = xasprintf("%s/%s", j->dir, below[i]);
		rc = assay_fs_mkdir_p(path, e);
		free(path);
	}
	return rc;
}

static void job_release(struct cmd_engines_job *j)
{
	for (int i = 0; i < j->n; i++) {
		cmd_docs_release(&j->arm[i].docs);
		json_decref(j->arm[i].blocks);
		json_decref(j->arm[i].agreement);
	}
	free(j->specs);
	free(j->model);
	free(j->dir);
	free(j);
}

int cmd_compare_engines(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	struct cmd_engines_job *j = xalloc(sizeof *j);
	j->o = o;
	cmd_signals_install();
	int rc = prepare(j, &e);
	if (!rc && assay_options_flag(o, "dry-run")) {
		plan(j);
	} else if (!rc) {
		rc = make_dirs(j, &e) || cmd_engines_export(o, j->model, &e) || measure(j, &e) || publish(j, &status, &e) ? (int)e.code : 0;
	}
	if (rc)
		status = cmd_error(&e);
	job_release(j);
	assay_options_close(o);
	return status;
}
