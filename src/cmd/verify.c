/* assay verify DIR: is every number of a result what its journal gives, and every file what was written? Of a folder of results: of each. */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/term.h"
#include "cmd/cmd.h"
#include "cmd/show_result.h"
#include "cmd/verify_judgement.h"
#include "result/result_find.h"
#include "report/verify.h"

const struct assay_opt cmd_verify_options[] = {
	{ "expect", 0, ASSAY_OPT_STR, NULL, .arg = "SHA256", .help = "the fingerprint that the journal must have (verify prints it)" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print {ok, checked, problems[]{what, where}, ...} on stdout, and only that" },
	ASSAY_OPT_END,
};

/* Lower case; NULL + error unless it is 64 hex digits. Static storage. */
static const char *hash_of(const char *text, struct assay_err *e)
{
	static char hash[65];
	if (strlen(text) != 64 || strspn(text, "0123456789abcdefABCDEF") != 64) {
		assay_fail(e, ASSAY_E_USAGE, "--expect %.80s: not a SHA-256: it has 64 hexadecimal digits", text);
		return NULL;
	}
	for (int i = 0; i < 64; i++)
		hash[i] = (char)tolower((unsigned char)text[i]);
	return hash;
}

/* As struct assay_verify has written_by. Static storage. */
static const char *program(void)
{
	static char name[64];
	json_t *build = cmd_build_info();
	snprintf(name, sizeof name, "%.20s %.40s", assay_json_get_str(build, "version", "?"), assay_json_get_str(build, "commit", "?"));
	json_decref(build);
	return name;
}

static json_t *document(const struct assay_verify *v)
{
	return json_pack("{s:b, s:i, s:O, s:b, s:b, s:o, s:s, s:o}", "ok", v->ok, "checked", v->checked, "problems", v->problems, "recomputed", v->recomputed, "mixed_version",
	                        v->mixed_version, "fingerprint", *v->fingerprint ? json_string(v->fingerprint) : json_null(), "written_by", v->written_by, "redacted_of", *v->redacted_of ? json_string(v->redacted_of) : json_null());
}

/* Releases doc. */
static void print_json(json_t *doc)
{
	cmd_print_json(doc, NULL);
	json_decref(doc);
}

static void print_found(const struct assay_verify *v, const char *dir)
{
	size_t i, n = json_array_size(v->problems);
	json_t *p;
	if (v->ok)
		printf("ok: %s: %d files hold; every number follows from the journal, bit for bit\n", dir, v->checked);
	else
		printf("not ok: %s: %zu problem%s in %d files%s\n", dir, n, n == 1 ? "" : "s", v->checked, v->recomputed ? "" : "; only hashes could be checked");
	json_array_foreach(v->problems, i, p)
		printf("  %s: %s\n", assay_json_get_str(p, "where", "?"), assay_json_get_str(p, "what", "?"));
}

static void print_limits(void)
{
	struct assay_term t;
	assay_term_init(&t, STDOUT_FILENO, false);
	cmd_wrap(stdout, "This finds damage and partial edits. A rewrite of the journal, the result and all hashes together it cannot find, unless the fingerprint was kept elsewhere: "
	         "give it as --expect.", 0, 0, t.width);
}

static void print_text(const struct assay_verify *v, const char *dir)
{
	print_found(v, dir);
	if (*v->fingerprint)
		printf("fingerprint  %s  (SHA-256 of the journal)\n", v->fingerprint);
	if (*v->redacted_of)
		printf("redacted     a copy of the journal %s: host name, paths, prompts and serial numbers\n             were replaced; the numbers are its numbers\n", v->redacted_of);
	if (!v->ok && *v->written_by)
		printf("written by   assay %s; this is %s\n", v->written_by, program());
	print_limits();
}

/* ---- a folder of results ---- */
struct many { bool json; int all, ok, judgements, judgements_ok; json_t *list, *judged; };

static int check_one(void *arg, const char *dir, struct assay_err *e)
{
	struct many *m = arg;
	struct assay_verify found = { 0 };
	struct assay_err why = ASSAY_ERR_INIT;
	(void)e;
	m->all++;
	int rc = cmd_not_in_use(dir, &why);
	if (!rc)
		rc = assay_verify(dir, program(), NULL, &found, &why);
	m->ok += !rc && found.ok;
	if (m->json) {
		json_t *doc = rc ? json_pack("{s:b, s:s}", "ok", 0, "error", why.msg) : document(&found);
		json_object_set_new(doc, "dir", json_string(dir));
		json_array_append_new(m->list, doc);
	} else if (rc) {
		printf("not ok: %s\n", why.msg);
	} else {
		print_found(&found, dir);
	}
	assay_verify_release(&found);
	return 0;
}

/* What was concluded from several results. */
static int check_judgement(void *arg, const char *dir, struct assay_err *e)
{
	struct many *m = arg;
	const char *name = assay_judgement_here(dir);
	json_t *problems = cmd_verify_judgement(dir, e);
	if (!problems)
		return e->code; /* 0: nothing to check it by */
	size_t n = json_array_size(problems);
	m->judgements++;
	m->judgements_ok += !n;
	if (!m->json)
		printf("%sok: %s/%s: %s\n", n ? "not " : "", dir, name, n ? "does not follow from the results below it" : "follows from the results below it");
	for (size_t i = 0; i < n && !m->json; i++)
		printf("  %s: %s\n", assay_json_get_str(json_array_get(problems, i), "where", "?"), assay_json_get_str(json_array_get(problems, i), "what", "?"));
	json_array_append_new(m->judged, json_pack("{s:b, s:s, s:s, s:o}", "ok", !n, "dir", dir, "file", name, "problems", problems));
	return 0;
}

/* The exit status, or an error. */
static int verify_below(const char *dir, bool json, struct assay_err *e)
{
	struct many m = { .json = json, .list = json_array(), .judged = json_array() };
	int rc = assay_results_find(dir, check_one, &m, e);
	if (!rc)
		rc = assay_judgements_find(dir, check_judgement, &m, e);
	bool ok = m.ok == m.all && m.judgements_ok == m.judgements;
	if (!rc && !m.all)
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: no result directory, and there is none below it", dir);
	if (!rc && json)
		print_json(json_pack("{s:b, s:i, s:i, s:O, s:O}", "ok", ok, "results", m.all, "not_ok", m.all - m.ok, "list", m.list, "judgements", m.judged));
	else if (!rc) {
		printf("%d results: %d ok, %d not ok\n", m.all, m.ok, m.all - m.ok);
		if (m.judgements)
			printf("%d judgements over several results: %d ok, %d not ok\n", m.judgements, m.judgements_ok, m.judgements - m.judgements_ok);
		print_limits();
	}
	json_decref(m.list);
	json_decref(m.judged);
	return rc ? rc : ok ? ASSAY_EXIT_OK : ASSAY_EXIT_FAILED;
}

/* The exit status, or an error. */
static int verify(const struct assay_options *o, struct assay_err *e)
{
	struct assay_verify found = { 0 };
	const char *expect = assay_options_str(o, "expect");
	bool json = assay_options_flag(o, "json");
	char **list;
	if (assay_options_positionals(o, &list) != 1)
		return assay_fail(e, ASSAY_E_USAGE, "verify needs one directory: a result, or a folder of results");
	if (expect && !(expect = hash_of(expect, e)))
		return e->code;
	if (!expect && !assay_result_here(list[0]))
		return verify_below(list[0], json, e);
	int rc = cmd_not_in_use(list[0], e);
	if (!rc)
		rc = assay_verify(list[0], program(), expect, &found, e);
	if (!rc && json)
		print_json(document(&found));
	else if (!rc)
		print_text(&found, list[0]);
	if (!rc && !found.ok)
		rc = ASSAY_EXIT_FAILED;
	assay_verify_release(&found);
	return rc;
}

int cmd_verify(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	status = verify(o, &e);
	if (e.code)
		status = cmd_error(&e);
	assay_options_close(o);
	return status;
}
