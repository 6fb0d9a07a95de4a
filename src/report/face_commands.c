/* What notes[] says of the user's own commands (--setup, --prepare, --cleanup) and of an early end (--abort-on), as sentences. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/face_sections.h"

/* Notes of one command. */
struct tally { int n, failed; double sum_ms, most_ms; const json_t *last, *last_failed; };

static void count(const json_t *result, const char *which, struct tally *t)
{
	size_t i;
	json_t *n;
	json_array_foreach(json_object_get(result, "notes"), i, n) {
		if (strcmp(assay_json_get_str(n, "code", ""), "command") || strcmp(assay_json_get_str(n, "which", ""), which))
			continue;
		double ms = assay_json_get_num(n, "duration_ms", 0);
		t->n++;
		t->sum_ms += ms;
		t->most_ms = ms > t->most_ms ? ms : t->most_ms;
		t->last = n;
		if (assay_json_get_int(n, "exit_status", 0)) {
			t->failed++;
			t->last_failed = n;
		}
	}
}

static void say_command(const char *which, const struct tally *t, void (*say)(void *arg, const char *sentence), void *arg)
{
	char text[600], ended[300] = "exit 0";
	const json_t *f = t->last_failed;
	if (f)
		snprintf(ended, sizeof ended, "%s %d%s%s", t->n > 1 ? "the last failure with exit" : "exit", (int)assay_json_get_int(f, "exit_status", 0), json_is_string(json_object_get(f, "last_line")) ? ": " : "",
			 assay_json_get_str(f, "last_line", ""));
	const char *command = assay_json_get_str(t->last, "command", "(not UTF-8)");
	if (t->n > 1)
		snprintf(text, sizeof text, "%s: %.200s: %d times, %d failed, %.3g s on average, %.3g s at most%s%s", which, command, t->n, t->failed, t->sum_ms / t->n / 1e3, t->most_ms / 1e3,
			 f ? "; " : "", f ? ended : "");
	else
		snprintf(text, sizeof text, "%s: %.200s: %s, %.3g s", which, command, ended, t->sum_ms / 1e3);
	say(arg, text);
}

void face_commands(const json_t *result, void (*say)(void *arg, const char *sentence), void *arg)
{
	static const char *const which[] = { "setup", "prepare", "cleanup" };
	size_t i;
	json_t *n;
	for (int k = 0; k < 3; k++) {
		struct tally t = { 0 };
		count(result, which[k], &t);
		if (t.n)
			say_command(which[k], &t, say, arg);
	}
	json_array_foreach(json_object_get(result, "notes"), i, n) {
		char text[700];
		if (strcmp(assay_json_get_str(n, "code", ""), "aborted"))
			continue;
		snprintf(text, sizeof text, "The run ended early: %s", assay_json_get_str(n, "reason", "?"));
		say(arg, text);
	}
}
