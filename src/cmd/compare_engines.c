/* assay compare-engines: the verb. Sees which engines are there, whether they give the same answers, measures them in blocks, shows the table. Killed or
 * stopped, the same command goes on where it was. */
#include "cmd/compare_engines.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/term.h"
#include "cmd/engines.h"
#include "cmd/kept.h"
#include "cmd/run_signals.h"
#include "cmd/show_result.h"
#include "report/engines_tables.h"

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
	{ "skip-missing", 0, ASSAY_OPT_FLAG, "false", .help = "leave out engines that are not installed and go on with the others (else nothing is measured)" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "result directory (results/<UTC time>-engines); one where this comparison was begun goes on" },
	{ "resume", 0, ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "go on with the comparison in DIR; without --engines its command is taken from there" },
	{ "dry-run", 0, ASSAY_OPT_FLAG, "false", .help = "print the blocks, the memory that is needed and a bound of the time; measure nothing" },
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

/* ---- the answer ---- */

static void show(const struct cmd_engines_job *j, const json_t *doc)
{
	struct assay_term term;
	struct assay_buf b;
	assay_buf_init(&b, (size_t)64 << 20);
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(j->o, "color"));
	if (assay_options_flag(j->o, "json")) {
		cmd_print_json(doc, NULL);
	} else {
		assay_engines_text(doc, &b, term.width, term.colour);
		assay_buf_printf(&b, "\nresult  %s/engines.json\nreport  %s/report.html, engines.md\n", j->dir, j->dir);
	}
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	assay_buf_init(&b, 1 << 20);
	assay_engines_markdown(doc, &b);
	cmd_step_summary(&b);
	assay_buf_release(&b);
}

static void say_left(const struct cmd_engines_job *j)
{
	size_t i, done = 0, n = json_array_size(json_object_get(j->record, "blocks"));
	json_t *b;
	json_array_foreach(json_object_get(j->record, "blocks"), i, b)
		done += !strcmp(assay_json_get_str(b, "end", ""), "measured");
	fflush(stdout);
	fprintf(stderr, "assay: interrupted; %zu of %zu blocks are kept in %s\n", done, n, j->dir);
	cmd_advise("assay compare-engines --resume %s goes on", j->dir);
}

static int walk(struct cmd_engines_job *j, json_t *command, int *status, struct assay_err *e)
{
	json_t *doc = NULL;
	int rc = cmd_engines_take(j, command, e);
	if (!rc)
		rc = cmd_engines_export(j->o, j->model, e);
	if (!rc)
		rc = cmd_engines_measure(j, e);
	bool interrupted = rc == ASSAY_E_INTERRUPT && j->record;
	if (!rc || interrupted)
		rc = cmd_engines_save(j, interrupted ? "interrupted" : "complete", e) || cmd_engines_publish(j->record, j->dir, j->dir, &doc, e) ? (int)e->code : 0;
	if (rc)
		return rc;
	show(j, doc);
	*status = interrupted ? cmd_exit_of(ASSAY_E_INTERRUPT) : (int)assay_json_get_int(doc, "exit_status", ASSAY_EXIT_ENGINE);
	json_decref(doc);
	if (interrupted)
		say_left(j);
	return 0;
}

static void job_release(struct cmd_engines_job *j)
{
	if (j->lock >= 0)
		close(j->lock);
	json_decref(j->record);
	free(j->specs);
	free(j->model);
	free(j->dir);
	assay_options_close(j->o);
	free(j);
}

static int run(struct cmd_engines_job *j, const struct cmd_argv *words, int *status, struct assay_err *e)
{
	if (assay_options_flag(j->o, "dry-run") && assay_options_flag(j->o, "json"))
		return assay_fail(e, ASSAY_E_USAGE, "--json: a dry run has no document; leave one of --dry-run and --json out");
	if (cmd_engines_read(j, e) || cmd_engines_ready(j, e))
		return e->code;
	if (!assay_options_flag(j->o, "dry-run"))
		return walk(j, cmd_kept_words("compare-engines", words), status, e);
	cmd_engines_dry(j);
	return 0;
}

int cmd_compare_engines(const struct assay_verb *v, int argc, char **argv)
{
	static const char *const own[] = { "--engines", NULL }; /* with it, it is a whole command */
	struct cmd_engines_job *j = xalloc(sizeof *j);
	struct cmd_argv words = { 0 };
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	j->lock = -1;
	if (cmd_kept_command(argc, argv, own, cmd_engines_command, &words, &e)) {
		status = cmd_error(&e);
	} else if (!cmd_options(v, words.n, words.list, &j->o, &status)) {
		cmd_signals_install();
		if (run(j, &words, &status, &e))
			status = cmd_error(&e);
	}
	cmd_argv_release(&words);
	job_release(j);
	return status;
}
