/* See circumstances.h. */
#include "analysis/circumstances.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static const char *const fields[] = {
	"definitions", "seed", "assay.version", "assay.commit", "assay.compiler", "assay.build", "provenance.binary.sha256", "engine.name", "engine.version", "provenance.libraries", "machine.cpu.model",
	"machine.cpu.cores", "machine.cpu.usable", "machine.cpu.microcode", "machine.cpu.governor", "machine.memory.total_bytes", "machine.gpus", "machine.host", "machine.os", "machine.kernel",
	"machine.hypervisor", "provenance.kernel_command_line", "provenance.environment", "engine.effective",
};

static bool equal(const json_t *a, const json_t *b)
{
	bool none_a = !a || json_is_null(a), none_b = !b || json_is_null(b);
	return none_a || none_b ? none_a && none_b : json_equal(a, b);
}

static json_t *copy(const json_t *v)
{
	return v ? json_deep_copy(v) : json_null();
}

static void say(json_t *list, const char *what, const json_t *was, const json_t *is)
{
	json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "what", what, "was", copy(was), "is", copy(is)));
}

/* Measured anew by each run: the offset of a worker's clock. */
static bool is_measured(const char *key) { return !strncmp(key, "clock_", 6); }

/* Members one by one, where both are objects. */
static void compare(json_t *list, const char *what, const json_t *was, const json_t *is)
{
	const char *key;
	json_t *v;
	char name[160];
	if (equal(was, is))
		return;
	if (!json_is_object(was) || !json_is_object(is)) {
		say(list, what, was, is);
		return;
	}
	json_object_foreach((json_t *)was, key, v) {
		snprintf(name, sizeof name, "%s.%.80s", what, key);
		if (!is_measured(key))
			compare(list, name, v, json_object_get(is, key));
	}
	json_object_foreach((json_t *)is, key, v) {
		snprintf(name, sizeof name, "%s.%.80s", what, key);
		if (!json_object_get(was, key) && !is_measured(key))
			compare(list, name, NULL, v);
	}
}

static void inputs(json_t *list, const json_t *was, const json_t *is)
{
	size_t n = json_array_size(was) > json_array_size(is) ? json_array_size(was) : json_array_size(is);
	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_array_get(was, i), *b = json_array_get(is, i), *any = a ? a : b;
		char what[300];
		if (equal(json_object_get(a, "sha256"), json_object_get(b, "sha256")) && equal(json_object_get(a, "role"), json_object_get(b, "role")))
			continue;
		snprintf(what, sizeof what, "input %.40s (%.200s)", assay_json_get_str(any, "role", "?"), assay_json_get_str(any, "path", "?"));
		say(list, what, json_object_get(a, "sha256"), json_object_get(b, "sha256"));
	}
}

json_t *assay_circumstances(const json_t *was, const json_t *is)
{
	json_t *list = json_array();
	const json_t *a = json_object_get(was, "provenance"), *b = json_object_get(is, "provenance");
	if (a && b)
		inputs(list, json_object_get(a, "inputs"), json_object_get(b, "inputs"));
	else if (a || b)
		say(list, "provenance", a ? json_object_get(a, "binary") : NULL, b ? json_object_get(b, "binary") : NULL);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if ((a && b) || strncmp(fields[i], "provenance.", 11))
			compare(list, fields[i], assay_json_at(was, fields[i]), assay_json_at(is, fields[i]));
	return list;
}
