/* assay pairs: two configurations measured in turn, A B B A ..., looked at only at 10, 14, 20, 28 and 40 pairs, until they are told apart. Every
 * visit is a whole run of its own (a process, a load, a result under DIR/visits); its repeats are pooled and the unit is the pair. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analysis/ab_sequential.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/compare.h"
#include "cmd/run_signals.h"

enum { WORDS_MAX = 200, LOG_BYTES_MAX = 1 << 20 };

const struct assay_opt cmd_pairs_options[] = {
	{ "a", 0, ASSAY_OPT_STR, NULL, .arg = "'OPTIONS'", .help = "configuration A: options of the experiment, or an engine and then options: 'sim:a.yaml', '--dtype bf16 -t 2'" },
	{ "b", 0, ASSAY_OPT_STR, NULL, .arg = "'OPTIONS'", .help = "configuration B" },
	{ "with", 0, ASSAY_OPT_STR, NULL, .arg = "'OPTIONS'", .help = "options of both: '-m gpt2 --prompt-tokens 128'; --runs is 5 unless given" },
	{ "experiment", 0, ASSAY_OPT_ENUM, "latency", .choices = "latency|throughput|seqlen|longdoc|memory|offline", .arg = "NAME", .help = "what each visit measures" },
	{ "max-pairs", 0, ASSAY_OPT_ENUM, "40", .choices = "10|14|20|28|40", .arg = "N", .help = "stop undecided after so many" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "result directory (results/<UTC time>-pairs)" },
	{ "progress", 0, ASSAY_OPT_FLAG, "true", .help = "show progress on stderr" },
	ASSAY_OPT_END,
};

struct words { char *text, *list[WORDS_MAX]; int n; };

struct pairs {
	const struct assay_options *o;
	struct words arm[2], with;
	struct cmd_docs side[2];
	struct cmd_judge judge;
	struct assay_status_line *line;
	char *dir;
	size_t max;
	json_t *doc, *looks;
};

/* Words parted by blanks; '...' and "..." hold blanks. */
static int split(const char *option, const char *text, struct words *w, struct assay_err *e)
{
	w->text = xstrdup(text);
	char *out = w->text;
	for (const char *p = text; *p;) {
		while (*p == ' ' || *p == '\t' || *p == '\n')
			p++;
		if (!*p)
			break;
		if (w->n == WORDS_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--%s: more than %d words", option, WORDS_MAX);
		w->list[w->n++] = out;
		for (char quote = 0; *p && (quote || !strchr(" \t\n", *p)); p++) {
			if (quote ? *p == quote : *p == '\'' || *p == '"')
				quote = quote ? 0 : *p;
			else
				*out++ = *p;
			if (quote && !p[1])
				return assay_fail(e, ASSAY_E_USAGE, "--%s: a quote is not closed", option);
		}
		p += *p != 0;
		*out++ = 0;
	}
	return 0;
}

/* Appends words to argv; a sim engine gets the visit's noise stream. New words are owned by argv from `made` on. */
static int add_words(const struct words *w, bool engine_first, size_t nth, char **argv, int n)
{
	if (engine_first && w->n && w->list[0][0] != '-')
		argv[n++] = xstrdup("--engine");
	for (int i = 0; i < w->n; i++)
		argv[n++] = !strncmp(w->list[i], "sim:", 4) || !strncmp(w->list[i], "--engine=sim:", 13) ? xasprintf("%s@%zu", w->list[i], nth) : xstrdup(w->list[i]);
	return n;
}

/* The last line that a visit's log holds for the user. */
static int visit_failed(const char *log, const char *name, int status, struct assay_err *e)
{
	static const enum assay_code codes[] = { [ASSAY_EXIT_USAGE] = ASSAY_E_USAGE, [ASSAY_EXIT_ENGINE] = ASSAY_E_ENGINE };
	struct assay_buf b;
	char *at, *line;
	if (status == ASSAY_EXIT_INT || status == ASSAY_EXIT_TERM)
		return assay_fail(e, ASSAY_E_INTERRUPT, "interrupted in visit %s", name);
	assay_buf_init(&b, LOG_BYTES_MAX);
	assay_fs_read(log, &b, ASSAY_E_IO, NULL);
	for (line = at = b.data; at && (at = strstr(at, "assay: ")); at++)
		line = at + 7;
	assay_fail(e, status == ASSAY_EXIT_USAGE || status == ASSAY_EXIT_ENGINE ? codes[status] : ASSAY_E_INTERNAL, "visit %s: %.*s", name, line ? (int)strcspn(line, "\n") : 0, line ? line : "");
	assay_buf_release(&b);
	return e->code;
}

/* Runs argv with its output in the file `log`; the exit status. */
static int spawn(char **argv, const char *log)
{
	int status = 0;
	pid_t pid = fork();
	if (pid < 0)
		return ASSAY_EXIT_ENGINE;
	if (!pid) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0)
			execv("/proc/self/exe", argv);
		_exit(ASSAY_EXIT_ENGINE);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (cmd_signal_seen())
			return 128 + cmd_signal_seen();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Nothing was measured. */
static void leave_nothing(const char *dir, const char *log)
{
	char *visits = xasprintf("%s/visits", dir);
	unlink(log);
	rmdir(visits);
	rmdir(dir);
	free(visits);
}

/* One visit: measures, and loads what it measured. */
static int visit(struct pairs *p, int arm, size_t nth, struct assay_err *e)
{
	char *argv[3 * WORDS_MAX + 16] = { NULL }, what[60], *name = xasprintf("%03zu-%c", nth, 'A' + arm), *dir = xasprintf("%s/visits/%s", p->dir, name), *log = xasprintf("%s.log", dir);
	int n = 0, rc = 0;
	snprintf(what, sizeof what, "pair %zu of at most %zu: %c", (nth + 1) / 2, p->max, 'A' + arm);
	assay_status_line_show(p->line, "pairs", what, (double)(nth - 1), 2 * (double)p->max, -1);
	argv[n++] = xstrdup("assay");
	argv[n++] = xstrdup(assay_options_str(p->o, "experiment"));
	argv[n++] = xstrdup("--runs=5");
	n = add_words(&p->with, false, nth, argv, n);
	n = add_words(&p->arm[arm], true, nth, argv, n);
	argv[n++] = xstrdup("--no-progress");
	argv[n++] = xasprintf("--output=%s", dir);
	int status = spawn(argv, log);
	if (status == ASSAY_EXIT_OK || status == ASSAY_EXIT_FAILED || status == ASSAY_EXIT_INVALID)
		rc = cmd_docs_load(&p->side[arm], dir, e);
	else
		rc = visit_failed(log, name, status, e);
	if (rc && nth == 1)
		leave_nothing(p->dir, log);
	while (n--)
		free(argv[n]);
	free(name);
	free(dir);
	free(log);
	return rc;
}

/* The first pair must be comparable, before another 39 are measured in vain. */
static int check_first(struct pairs *p, struct assay_err *e)
{
	json_t *doc = assay_compare(p->side[0].list, 1, p->side[1].list, 1, &p->judge.o, e);
	int rc = !doc ? e->code : assay_json_get_bool(doc, "comparable", 0) ? 0 : cmd_judge_refuse(doc, e);
	json_decref(doc);
	return rc;
}

/* Judges what is there; *decided when measuring may stop. */
static int look(struct pairs *p, bool *decided, struct assay_err *e)
{
	struct assay_compare_options o = p->judge.o;
	o.paired = o.sequential = true;
	json_decref(p->doc);
	if (!(p->doc = assay_compare(p->side[0].list, p->side[0].n, p->side[1].list, p->side[1].n, &o, e)))
		return e->code;
	if (!assay_json_get_bool(p->doc, "comparable", 0))
		return cmd_judge_refuse(p->doc, e);
	const char *verdict = assay_json_get_str(p->doc, "verdict", "UNDECIDED");
	json_array_append_new(p->looks, json_pack("{s:I, s:s}", "pairs", (json_int_t)p->side[0].n, "verdict", verdict));
	*decided = strcmp(verdict, "UNDECIDED");
	return 0;
}

static int measure(struct pairs *p, struct assay_err *e)
{
	struct assay_ab_looks looks;
	bool decided = false;
	int rc = 0;
	assay_ab_looks_init(&looks);
	for (size_t i = 0; !rc && !decided && i < p->max; i++) {
		int first = i % 2 ? 1 : 0; /* A B, B A, ... */
		if ((rc = visit(p, first, 2 * i + 1, e)) || (rc = visit(p, !first, 2 * i + 2, e)))
			break;
		if (!i)
			rc = check_first(p, e);
		if (!rc && assay_ab_look_at(&looks, i + 1) >= 0)
			rc = look(p, &decided, e);
		if (!rc && cmd_signal_seen())
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted after %zu pairs; their results are in %s/visits", i + 1, p->dir);
	}
	return rc;
}

static bool holds_something(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;
	for (struct dirent *x; d && (x = readdir(d));)
		n += strcmp(x->d_name, ".") && strcmp(x->d_name, "..");
	if (d)
		closedir(d);
	return n || (!d && assay_fs_exists(dir));
}

static int make_dir(struct pairs *p, struct assay_err *e)
{
	const char *given = assay_options_str(p->o, "output");
	char stamp[40], *visits;
	time_t now = time(NULL);
	struct tm tm;
	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	p->dir = given ? xstrdup(given) : xasprintf("results/%s-pairs", stamp);
	if (holds_something(p->dir))
		return assay_fail(e, ASSAY_E_USAGE, "--output %s: already holds something; results are never overwritten", p->dir);
	visits = xasprintf("%s/visits", p->dir);
	int rc = assay_fs_mkdir_p(visits, e);
	free(visits);
	return rc ? e->code = ASSAY_E_USAGE : 0;
}

static int prepare(struct pairs *p, struct assay_err *e)
{
	const char *a = assay_options_str(p->o, "a"), *b = assay_options_str(p->o, "b"), *with = assay_options_str(p->o, "with");
	p->looks = json_array();
	p->max = (size_t)atoi(assay_options_str(p->o, "max-pairs"));
	if (!a || !b)
		return assay_fail(e, ASSAY_E_USAGE, "pairs needs --a 'OPTIONS' and --b 'OPTIONS'");
	if (split("a", a, &p->arm[0], e) || split("b", b, &p->arm[1], e) || split("with", with ? with : "", &p->with, e) || cmd_judge_read(&p->judge, p->o, e))
		return e->code;
	return make_dir(p, e);
}

/* What was compared, into the document and the document into DIR/comparison.json. */
static int publish(struct pairs *p, struct assay_err *e)
{
	struct assay_buf b;
	char *path = xasprintf("%s/comparison.json", p->dir);
	json_object_set_new(p->doc, "pairs", json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:O}", "experiment", assay_options_str(p->o, "experiment"), "a", assay_options_str(p->o, "a"), "b", assay_options_str(p->o, "b"),
	                                               "with", assay_options_str(p->o, "with"), "measured", (json_int_t)p->side[0].n, "max", (json_int_t)p->max, "looks", p->looks));
	int rc = p->judge.n_gates ? assay_compare_gate(p->doc, p->judge.gates, p->judge.n_gates, e) : 0;
	assay_buf_init(&b, (size_t)64 << 20);
	assay_json_print(&b, p->doc, 2);
	assay_buf_puts(&b, "\n");
	if (!rc)
		rc = assay_fs_write_atomic(path, b.data, b.len_bytes, e);
	assay_buf_release(&b);
	if (!rc)
		cmd_judge_show(p->doc, p->o);
	if (!rc && !assay_options_flag(p->o, "json"))
		printf("\n%zu pairs of at most %zu\nresult  %s\n", p->side[0].n, p->max, path);
	free(path);
	return rc;
}

int cmd_pairs(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	struct pairs *p = xalloc(sizeof *p);
	p->o = o;
	cmd_signals_install();
	int rc = prepare(p, &e);
	if (!rc) {
		p->line = assay_options_flag(o, "progress") ? assay_status_line_open() : NULL;
		rc = measure(p, &e);
		assay_status_line_close(p->line);
	}
	if (!rc)
		rc = publish(p, &e);
	status = rc ? cmd_error(&e) : cmd_judge_status(&p->judge, p->doc, &p->side[0], &p->side[1], o);
	json_decref(p->doc);
	json_decref(p->looks);
	cmd_docs_release(&p->side[0]);
	cmd_docs_release(&p->side[1]);
	cmd_judge_release(&p->judge);
	free(p->arm[0].text);
	free(p->arm[1].text);
	free(p->with.text);
	free(p->dir);
	free(p);
	assay_options_close(o);
	return status;
}
