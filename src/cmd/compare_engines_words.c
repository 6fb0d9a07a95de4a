/* assay compare-engines: the commands of its checks and blocks, and --dry-run, which shows them. Runs none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/term.h"
#include "cmd/compare_engines.h"
#include "cmd/run.h"
#include "draw/table.h"
#include "engine/engine.h"

static void add_options(const struct cmd_engines_job *j, const char *const *names, struct cmd_argv *out)
{
	for (; *names; names++)
		cmd_argv_add(out, "--%s=%s", *names, assay_options_text(j->o, *names));
}

/* of: "", or "A:" and "B:" where the command names two. */
static void add_engine_opts(const struct cmd_engine_arm *a, const char *of, struct cmd_argv *out)
{
	for (int i = 0; i < a->n_opts; i++)
		cmd_argv_add(out, "--engine-opt=%s%s", of, a->opts[i]);
}

static void add_work(const struct cmd_engines_job *j, const char *model, struct cmd_argv *out)
{
	static const char *const same[] = { "dtype", "threads", "isa", "seed", "batch", "prompt-tokens", "output-tokens", "runs", "warmup", NULL };
	cmd_argv_add(out, "--model=%s", model);
	add_options(j, same, out);
}

/* A sim engine gets the block's noise stream. */
void cmd_engines_block_words(const struct cmd_engines_job *j, int number, struct cmd_argv *out)
{
	const struct cmd_engine_arm *a = &j->arm[cmd_engines_turn(number, j->n)];
	if (!strncmp(a->spec, "sim:", 4))
		cmd_argv_add(out, "--engine=%s@%d", a->spec, number + 1);
	else
		cmd_argv_add(out, "--engine=%s", a->spec);
	add_work(j, j->model, out);
	add_engine_opts(a, "", out);
}

void cmd_engines_check_words(const struct cmd_engines_job *j, const struct cmd_engine_arm *b, struct cmd_argv *out)
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
		if (assay_engine_is_worker(i ? b->spec : j->arm[0].spec))
			add_engine_opts(i ? b : &j->arm[0], i ? "B:" : "A:", out);
	cmd_argv_add(out, "--json");
}

/* ---- --dry-run ---- */

/* What a block takes at the speed of this machine's memory and arithmetic: a bound for every engine that computes the model here. */
static double block_seconds(const struct cmd_engines_job *j)
{
	struct cmd_argv argv = { 0 };
	struct cmd_run r = { .quiet = true };
	struct assay_err e = ASSAY_ERR_INIT;
	double s = NAN;
	cmd_argv_add(&argv, "--engine=cpu");
	add_work(j, assay_options_str(j->o, "model"), &argv); /* itself: it need not be exported yet */
	r.exp = assay_experiment_find("throughput");
	if ((r.verb = cmd_verb_find("throughput", &e))) {
		r.argc = argv.n;
		r.argv = argv.list;
		r.o = assay_options_open(r.verb->tables);
		if (!assay_options_parse(r.o, argv.n, argv.list, &e) && !cmd_run_plan(&r, &e))
			s = cmd_run_estimate_s(&r);
	}
	cmd_run_release(&r);
	cmd_argv_release(&argv);
	return s;
}

static bool computes(const struct cmd_engine_arm *a) { return assay_engine_is_worker(a->spec) || !strcmp(a->spec, "cpu"); }

static void print_words(const char *label, const struct cmd_argv *argv)
{
	printf("%s", label);
	for (int i = 0; i < argv->n; i++)
		printf(" %s", argv->list[i]);
	putchar('\n');
}

static void print_engines(const struct cmd_engines_job *j, double block_s)
{
	struct assay_term term;
	struct draw_table t;
	struct assay_buf b;
	assay_term_init(&term, STDOUT_FILENO, false);
	draw_table_init(&t);
	draw_table_col(&t, "", false, 0);
	draw_table_col(&t, "Engine", false, 0);
	draw_table_col(&t, "Options", false, 1);
	draw_table_col(&t, "Here", false, 0);
	draw_table_col(&t, "A block at least", true, 2);
	for (int i = 0; i < j->n; i++) {
		const struct cmd_engine_arm *a = &j->arm[i];
		char took[24] = "-";
		if (computes(a) && isfinite(block_s))
			assay_duration_format(took, sizeof took, block_s);
		draw_table_cell(&t, "%c", 'A' + i);
		draw_table_cell(&t, "%s", a->spec);
		struct assay_buf opts;
		assay_buf_init(&opts, 1 << 20);
		for (int k = 0; k < a->n_opts; k++)
			assay_buf_printf(&opts, "%s%s", k ? " " : "", a->opts[k]);
		draw_table_cell(&t, "%s", opts.data ? opts.data : "");
		assay_buf_release(&opts);
		draw_table_cell(&t, "%s", *a->missing ? "missing" : "ready");
		draw_table_cell(&t, "%s", *a->missing ? "-" : took);
	}
	assay_buf_init(&b, 1 << 24);
	draw_table_text(&t, &b, term.width, false);
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	draw_table_release(&t);
}

static void print_commands(const struct cmd_engines_job *j)
{
	puts("\nchecks and blocks, in this order:");
	for (int i = 1; i < j->n && assay_options_flag(j->o, "check"); i++) {
		struct cmd_argv argv = { 0 };
		if (*j->arm[i].missing || *j->arm[0].missing)
			continue;
		cmd_engines_check_words(j, &j->arm[i], &argv);
		print_words(" ", &argv);
		cmd_argv_release(&argv);
	}
	for (int i = 0; i < j->n * j->rounds; i++) {
		struct cmd_argv argv = { 0 };
		char label[40];
		if (*j->arm[cmd_engines_turn(i, j->n)].missing)
			continue;
		snprintf(label, sizeof label, "  %03d-%c  assay throughput", i + 1, 'A' + cmd_engines_turn(i, j->n));
		cmd_engines_block_words(j, i, &argv);
		print_words(label, &argv);
		cmd_argv_release(&argv);
	}
}

void cmd_engines_dry(const struct cmd_engines_job *j)
{
	bool export = strcmp(j->model, assay_options_str(j->o, "model")) && !assay_fs_is_dir(j->model), bound = false;
	int blocks = 0, timed = 0;
	for (int i = 0; i < j->n; i++) {
		blocks += *j->arm[i].missing ? 0 : j->rounds;
		timed += !*j->arm[i].missing && computes(&j->arm[i]) ? j->rounds : 0;
		bound = bound || computes(&j->arm[i]);
	}
	double block_s = bound ? block_seconds(j) : NAN;
	printf("assay compare-engines would measure %d block%s; nothing is loaded now:\n\n", blocks, blocks == 1 ? "" : "s");
	print_engines(j, block_s);
	for (int i = 0; i < j->n; i++)
		if (*j->arm[i].missing)
			printf("%c %s\n", 'A' + i, j->arm[i].missing);
	printf("\nmodel           %s, %s%s\n", j->model, assay_options_str(j->o, "dtype"), export ? " (to be exported)" : "");
	if (j->needed_bytes)
		printf("memory          %.2f GiB needed (weights, the largest batch's KV cache, 2 GiB), %.2f GiB safely free\n", (double)j->needed_bytes / 0x1p30, (double)j->free_bytes / 0x1p30);
	if (isfinite(block_s)) {
		char took[24];
		assay_duration_format(took, sizeof took, block_s * timed);
		printf("time            at least %s (roofline of this machine, without loads and checks)\n", took);
	}
	print_commands(j);
}
