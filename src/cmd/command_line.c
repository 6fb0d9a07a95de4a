/* From argv, environment and job file to checked options; errors to stderr and exit statuses. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cmd/cmd.h"
#include "cmd/run_signals.h"

int cmd_exit_of(enum assay_code code)
{
	switch (code) {
	case ASSAY_OK: return ASSAY_EXIT_OK;
	case ASSAY_E_USAGE: return ASSAY_EXIT_USAGE;
	case ASSAY_E_INTERRUPT: return cmd_signal_seen() ? 128 + cmd_signal_seen() : ASSAY_EXIT_INT;
	default: return ASSAY_EXIT_ENGINE;
	}
}

int cmd_error(const struct assay_err *e)
{
	fprintf(stderr, "assay: %s\n", e->msg);
	return cmd_exit_of(e->code);
}

void cmd_advise(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("  ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

int cmd_print_json(const json_t *v, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, (size_t)1 << 30);
	int rc = !v || assay_json_print(&b, v, 2) ? assay_fail(e, ASSAY_E_INTERNAL, "the answer cannot be printed as JSON") : 0;
	if (!rc)
		fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	return rc;
}

int cmd_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	int why = errno;
	if (why == EPIPE || why == EBADF || status)
		return status;
	fprintf(stderr, "assay: cannot write to standard output: %s\n", strerror(why));
	return ASSAY_EXIT_ENGINE;
}

static const char *where(const json_t *map, const char *key, void *yaml) { return assay_yaml_where_key(yaml, map, key); }

static int apply_job(struct assay_options *o, const char *path, struct assay_err *e)
{
	struct assay_yaml *y = NULL;
	int rc = assay_yaml_load(path, &y, e);
	if (rc)
		return rc;
	json_t *root = assay_yaml_root(y);
	if (json_object_get(root, "job"))
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: a job file cannot name another job file", where(root, "job", y));
	else
		rc = assay_options_job(o, root, where, y, e);
	assay_yaml_close(y);
	return rc;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* A verb that takes no arguments was given one: perhaps an option without its dashes. */
static int refuse_argument(const struct assay_verb *v, const struct assay_options *o, const char *word, struct assay_err *e)
{
	const char *names[256];
	const struct assay_opt *const *rows;
	int n = assay_options_rows(o, &rows);
	for (int i = 0; i < n && i < 256; i++)
		names[i] = rows[i]->name;
	const char *near = assay_nearest(word, names, n < 256 ? n : 256);
	if (!near && assay_options_knows(o, "ids"))
		near = "prompt"; /* generate: a text without its option */
	return assay_fail(e, ASSAY_E_USAGE, "%s takes no argument: \"%.60s\"%s%s%s", v->name, word, near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "");
}

/* "N" or "A:B" */
static bool is_range(const char *s)
{
	size_t a = strspn(s, "0123456789"), b = s[a] == ':' ? strspn(s + a + 1, "0123456789") : 0;
	return a && (s[a] == ':' ? b && !s[a + 1 + b] : !s[a]);
}

/* `offline --output 100:1024` means lengths; any other --output (and -o always) is the result directory. A copy of argv whose new words
 * are in *made; both are freed by the caller. */
static char **with_lengths(const struct assay_options *o, int argc, char **argv, char **made)
{
	char **out = xalloc(((size_t)argc + 1) * sizeof *out);
	*made = NULL;
	for (int i = 0; i < argc; i++) {
		out[i] = argv[i];
		if (!assay_options_knows(o, "input") || !assay_options_knows(o, "output-tokens"))
			continue;
		if (!strcmp(argv[i], "--output") && i + 1 < argc && is_range(argv[i + 1]))
			out[i] = (char *)"--output-tokens";
		else if (!strncmp(argv[i], "--output=", 9) && is_range(argv[i] + 9) && !*made)
			out[i] = *made = xasprintf("--output-tokens=%s", argv[i] + 9);
	}
	return out;
}

static int fill(const struct assay_verb *v, struct assay_options *o, int argc, char **argv, struct assay_err *e)
{
	char **list, *made, **words = with_lengths(o, argc, argv, &made);
	int rc = assay_options_parse(o, argc, words, e);
	free(words);
	free(made);
	if (rc || assay_options_env(o, e))
		return e->code;
	if (!v->args && assay_options_positionals(o, &list))
		return refuse_argument(v, o, list[0], e);
	if (assay_options_knows(o, "job") && assay_options_str(o, "job"))
		return apply_job(o, assay_options_str(o, "job"), e);
	return 0;
}

int cmd_options(const struct assay_verb *v, int argc, char **argv, struct assay_options **out, int *status)
{
	struct assay_err e = ASSAY_ERR_INIT;
	*out = NULL;
	*status = 0;
	if (wants_help(argc, argv)) {
		cmd_help_verb(v, stdout);
		return 1;
	}
	struct assay_options *o = assay_options_open(v->tables);
	if (fill(v, o, argc, argv, &e)) {
		*status = cmd_error(&e);
		assay_options_close(o);
		return 1;
	}
	*out = o;
	return 0;
}

int cmd_tool(const struct assay_verb *v, int argc, char **argv, int (*run)(const struct assay_options *o, struct assay_err *e))
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	status = run(o, &e);
	if (status < 0)
		status = cmd_error(&e);
	assay_options_close(o);
	return status;
}
