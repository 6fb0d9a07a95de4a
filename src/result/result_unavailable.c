/* unavailable[] of the result document: walks the document for what is null and says why. Must not know any
 * particular metric or machine field. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "result/result_parts.h"

/* One entry a (what, reason); `seen` keeps them apart. */
static void add(json_t *list, json_t *seen, const char *what, const char *reason)
{
	char *key = xasprintf("%s\n%s", what, reason);
	if (!json_object_get(seen, key)) {
		json_object_set_new(seen, key, json_true());
		json_array_append_new(list, json_pack("{s:s, s:s}", "what", what, "reason", reason));
	}
	free(key);
}

/* The inventory's way: {field: null, unavailable: {field: reason}} at any depth. */
static void walk_inventory(json_t *list, json_t *seen, const char *path, const json_t *o)
{
	const char *key;
	json_t *v, *u = json_object_get(o, "unavailable");
	json_object_foreach(u, key, v) {
		char *what = xasprintf("%s.%s", path, key);
		add(list, seen, what, json_is_string(v) ? json_string_value(v) : "not known");
		free(what);
	}
	json_object_foreach((json_t *)o, key, v) {
		if (v == u || !json_is_object(v))
			continue;
		char *what = xasprintf("%s.%s", path, key);
		walk_inventory(list, seen, what, v);
		free(what);
	}
}

/* capabilities: {name: "none: reason"}. */
static void walk_engine(json_t *list, json_t *seen, const json_t *engine)
{
	const char *key;
	json_t *v;
	json_object_foreach(json_object_get(engine, "capabilities"), key, v) {
		if (!json_is_string(v) || strncmp(json_string_value(v), "none", 4))
			continue;
		const char *why = json_string_value(v) + 4;
		why += strspn(why, ": ");
		char *what = xasprintf("engine.%s", key);
		add(list, seen, what, *why ? why : "this engine cannot tell");
		free(what);
	}
	json_object_foreach(json_object_get(engine, "load"), key, v) {
		if (!json_is_null(v))
			continue;
		char *what = xasprintf("engine.load.%s", key);
		add(list, seen, what, "this engine has or tells no such phase");
		free(what);
	}
}

static bool is_missing(const json_t *metric)
{
	const json_t *v = json_object_get(metric, "value"), *mean = json_object_get(metric, "mean");
	return v ? json_is_null(v) : json_is_null(mean);
}

static void walk_points(json_t *list, json_t *seen, const json_t *points)
{
	size_t i;
	const char *key;
	json_t *p, *v;
	json_array_foreach((json_t *)points, i, p)
		json_object_foreach(json_object_get(p, "metrics"), key, v)
			if (is_missing(v))
				add(list, seen, key, assay_json_get_str(v, "reason", "not known"));
}

static void walk_telemetry(json_t *list, json_t *seen, const json_t *telemetry)
{
	const char *key, *reason = assay_json_get_str(telemetry, "reason", NULL);
	json_t *v;
	if (reason)
		add(list, seen, "telemetry", reason);
	json_object_foreach(json_object_get(telemetry, "summary"), key, v) {
		const char *why = assay_json_get_str(v, "reason", NULL);
		char *what = xasprintf("telemetry.%s", key);
		if (why)
			add(list, seen, what, why);
		free(what);
	}
}

static void walk_notes(json_t *list, json_t *seen, const json_t *notes)
{
	size_t i;
	json_t *n;
	json_array_foreach((json_t *)notes, i, n)
		if (!strcmp(assay_json_get_str(n, "code", ""), "unavailable"))
			add(list, seen, assay_json_get_str(n, "what", "?"), assay_json_get_str(n, "reason", "not known"));
}

json_t *result_unavailable(const json_t *doc)
{
	json_t *list = json_array(), *seen = json_object();
	walk_notes(list, seen, json_object_get(doc, "notes"));
	walk_points(list, seen, json_object_get(doc, "points"));
	walk_telemetry(list, seen, json_object_get(doc, "telemetry"));
	walk_engine(list, seen, json_object_get(doc, "engine"));
	walk_inventory(list, seen, "model", json_object_get(doc, "model"));
	walk_inventory(list, seen, "machine", json_object_get(doc, "machine"));
	json_decref(seen);
	return list;
}
