/* See kept.h. */
#include "cmd/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/run_signals.h"
#include "report/report.h"

enum { LOCK_TRIES = 200, ASIDE_MAX = 10000 };
#define LOCK_WAIT_NS (50 * 1000000ll)

int cmd_kept_lock(const char *dir, const char *noun, int *fd, struct assay_err *e)
{
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int k = 0; *fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB); k++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return assay_fail(e, ASSAY_E_IO, "%s: cannot be locked: %s", dir, strerror(errno));
		if (k == LOCK_TRIES || cmd_signal_seen())
			return assay_fail(e, ASSAY_E_USAGE, "%s: in use: another %s is still measuring there", dir, noun);
		assay_sleep_until_ns(assay_now_ns() + LOCK_WAIT_NS);
	}
	return *fd >= 0 ? 0 : assay_fail(e, ASSAY_E_USAGE, "%s: %s", dir, strerror(errno));
}

/* ---- the same command? ---- */

bool cmd_kept_is_form(const char *word)
{
	static const char *const forms[] = { "--output=", "--no-progress", "--format=", "--legacy=" };
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (!strncmp(word, forms[i], strlen(forms[i])))
			return true;
	return false;
}

static char *text_of(const json_t *v)
{
	return json_is_string(v) ? xstrdup(json_string_value(v)) : v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : xstrdup("none");
}

int cmd_kept_same(const char *prefix, const char *noun, const json_t *was, const json_t *is, const char *dir, struct assay_err *e)
{
	const char *key;
	json_t *v;
	for (int pass = 0; pass < 2; pass++)
		json_object_foreach((json_t *)(pass ? was : is), key, v) {
			const json_t *a = json_object_get(was, key), *b = json_object_get(is, key);
			if (json_equal(a, b) || (json_is_object(a) && json_is_object(b)))
				continue;
			char *old = text_of(a), *new = text_of(b);
			assay_fail(e, ASSAY_E_USAGE, "%s%s: the %s in %s was begun with %.120s, this command has %.120s: choose another directory, or give the same command", prefix, key, noun, dir, old ? old : "?",
			           new ? new : "?");
			free(old);
			free(new);
			return e->code;
		}
	return 0;
}

/* ---- results ---- */

static const char *word_at(const json_t *command, size_t i)
{
	const char *word = json_string_value(json_array_get(command, i));
	return word ? word : "";
}

static bool same_words(const json_t *command, const char *verb, const struct cmd_argv *words)
{
	size_t at = 2, n = json_array_size(command);
	if (n < 2 || strcmp(word_at(command, 1), verb))
		return false;
	for (int i = 0; i < words->n; i++) {
		if (cmd_kept_is_form(words->list[i]))
			continue;
		while (at < n && cmd_kept_is_form(word_at(command, at)))
			at++;
		if (at == n || strcmp(word_at(command, at++), words->list[i]))
			return false;
	}
	while (at < n && cmd_kept_is_form(word_at(command, at)))
		at++;
	return at == n;
}

bool cmd_kept_finished(const char *dir, const char *verb, const struct cmd_argv *words)
{
	char *manifest = xasprintf("%s/manifest.json", dir);
	json_t *result = assay_fs_exists(manifest) ? assay_result_load(dir, NULL) : NULL; /* the manifest is what a run writes last */
	const json_t *points = json_object_get(result, "points");
	bool whole = json_array_size(points) && !assay_json_get_bool(result, "interrupted", 1) && same_words(json_object_get(result, "command"), verb, words);
	for (size_t i = 0; whole && i < json_array_size(points); i++) {
		const char *status = assay_json_get_str(json_array_get(points, i), "status", "");
		whole = !strcmp(status, "ok") || !strcmp(status, "limit") || !strcmp(status, "dropped");
	}
	json_decref(result);
	free(manifest);
	return whole;
}

int cmd_kept_aside(const char *root, const char *dir, struct assay_err *e)
{
	char *aside = xasprintf("%s/aside", root), *to = NULL;
	int rc = 0;
	if (assay_fs_exists(dir)) {
		rc = assay_fs_mkdir_p(aside, e);
		for (int k = 1; !rc && k < ASIDE_MAX && (!to || assay_fs_exists(to)); k++) {
			free(to);
			to = xasprintf("%s/%s-%d", aside, strrchr(dir, '/') + 1, k);
		}
		if (!rc && rename(dir, to))
			rc = assay_fail(e, ASSAY_E_IO, "%s: cannot be put aside: %s", dir, strerror(errno));
	}
	free(to);
	free(aside);
	return rc;
}

/* ---- which command ---- */

json_t *cmd_kept_load(const char *dir, const char *file, const char *schema, size_t max_bytes, struct assay_err *e)
{
	char *path = xasprintf("%s/%s", dir, file);
	json_t *doc = assay_json_load(path, max_bytes, ASSAY_E_USAGE, e);
	if (doc && strcmp(assay_json_get_str(doc, "schema", ""), schema)) {
		assay_fail(e, ASSAY_E_USAGE, "%s: its schema is \"%.40s\", not %s", path, assay_json_get_str(doc, "schema", ""), schema);
		json_decref(doc);
		doc = NULL;
	}
	free(path);
	return doc;
}

json_t *cmd_kept_command_of(json_t *doc, const char *dir, const char *file, struct assay_err *e)
{
	json_t *words = json_incref(json_object_get(doc, "command"));
	json_decref(doc);
	if (doc && !json_is_array(words)) {
		assay_fail(e, ASSAY_E_USAGE, "%s/%s: names no command", dir, file);
		json_decref(words);
		words = NULL;
	}
	return words;
}

int cmd_kept_command(int argc, char **argv, const char *const *own, json_t *(*load)(const char *dir, struct assay_err *e), struct cmd_argv *out, struct assay_err *e)
{
	const char *dir = NULL;
	bool whole = false;
	for (int i = 0; i < argc; i++) {
		for (const char *const *o = own; *o; o++)
			whole |= !strncmp(argv[i], *o, strlen(*o));
		if (!strcmp(argv[i], "--resume") && i + 1 < argc)
			dir = argv[i + 1];
		else if (!strncmp(argv[i], "--resume=", 9))
			dir = argv[i] + 9;
	}
	if (dir && !whole) {
		json_t *words = load(dir, e);
		if (!words)
			return assay_fail_in(e, "--resume");
		for (size_t i = 2; i < json_array_size(words); i++)
			cmd_argv_add(out, "%s", word_at(words, i));
		json_decref(words);
	}
	for (int i = 0; i < argc; i++)
		cmd_argv_add(out, "%s", argv[i]);
	return 0;
}

json_t *cmd_kept_words(const char *verb, const struct cmd_argv *words)
{
	json_t *a = json_pack("[s, s]", "assay", verb);
	for (int i = 0; i < words->n; i++) {
		json_t *w = json_string(words->list[i]);
		json_array_append_new(a, w ? w : json_string("(not UTF-8)"));
	}
	return a;
}
