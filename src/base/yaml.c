/* One YAML document to JSON values, with the place of every node. libyaml scans and parses; what it
 * yields is refused where it goes beyond plain data: anchors, tags, duplicate keys, depth, size.
 * Knows no option and no file format. */
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/yaml_scalar.h"

enum { DEPTH_MAX = 32, NODES_MAX = 1000000, BYTES_MAX = 4 << 20 };

/* key NULL: the node itself; else the place of `key` inside mapping `node`. */
struct place { const json_t *node; const char *key; int line, column; };

struct assay_yaml {
	char *what;
	json_t *root;
	struct place *places;
	size_t n_places, cap_places;
	char where[400];
};

struct parse {
	struct assay_yaml *y;
	yaml_parser_t p;
	yaml_event_t ev;
	bool has_event;
	struct assay_err *e;
};

static int refuse_at(struct parse *s, yaml_mark_t m, const char *why)
{
	return assay_fail(s->e, ASSAY_E_USAGE, "%.300s:%zu:%zu: %s", s->y->what, m.line + 1, m.column + 1, why);
}

static int refuse(struct parse *s, const char *why) { return refuse_at(s, s->ev.start_mark, why); }

static int scan_error(struct parse *s)
{
	const char *why = s->p.problem ? s->p.problem : "not valid YAML";
	if (s->p.error == YAML_READER_ERROR)
		return assay_fail(s->e, ASSAY_E_USAGE, "%.300s:%zu:%zu: byte %zu: %s", s->y->what, s->p.mark.line + 1, s->p.mark.column + 1, s->p.problem_offset, why);
	return refuse_at(s, s->p.problem_mark, why);
}

static int next(struct parse *s)
{
	if (s->has_event)
		yaml_event_delete(&s->ev);
	s->has_event = yaml_parser_parse(&s->p, &s->ev);
	return s->has_event ? 0 : scan_error(s);
}

static int remember(struct parse *s, const json_t *node, const char *key, yaml_mark_t m)
{
	struct assay_yaml *y = s->y;
	if (y->n_places == NODES_MAX)
		return refuse(s, "too many values in one document");
	if (y->n_places == y->cap_places) {
		y->cap_places = y->cap_places ? y->cap_places * 2 : 64;
		y->places = xrealloc(y->places, y->cap_places * sizeof *y->places);
	}
	y->places[y->n_places++] = (struct place){ node, key, (int)m.line + 1, (int)m.column + 1 };
	return 0;
}

static int scalar(struct parse *s, json_t **out)
{
	const char *text = (const char *)s->ev.data.scalar.value, *why = "this text is not valid UTF-8";
	if (s->ev.data.scalar.anchor)
		return refuse(s, "anchors (&name) are not accepted");
	if (s->ev.data.scalar.tag)
		return refuse(s, "tags (!name) are not accepted");
	if (strlen(text) != s->ev.data.scalar.length)
		return refuse(s, "a NUL byte inside a text is not accepted");
	*out = s->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? assay_yaml_plain(text, &why) : json_string(text);
	return *out ? 0 : refuse(s, why);
}

static int node(struct parse *s, int depth, json_t **out);

static int sequence(struct parse *s, int depth, json_t *list)
{
	for (;;) {
		json_t *item = NULL;
		if (next(s))
			return ASSAY_E_USAGE;
		if (s->ev.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (node(s, depth + 1, &item)) {
			json_decref(item);
			return ASSAY_E_USAGE;
		}
		json_array_append_new(list, item);
	}
}

/* One key and its value. */
static int pair(struct parse *s, int depth, json_t *map)
{
	json_t *key = NULL, *value = NULL;
	yaml_mark_t at = s->ev.start_mark;
	int rc = ASSAY_E_USAGE;
	if (s->ev.type == YAML_ALIAS_EVENT)
		return refuse(s, "aliases (*name) are not accepted");
	if (s->ev.type != YAML_SCALAR_EVENT)
		return refuse(s, "a key must be a plain word");
	if (scalar(s, &key))
		return ASSAY_E_USAGE;
	char *name = xstrdup((const char *)s->ev.data.scalar.value);
	if (json_object_get(map, name)) {
		char why[160];
		snprintf(why, sizeof why, "the key %.100s is given twice", name);
		refuse(s, why);
		goto out;
	}
	if (next(s) || node(s, depth + 1, &value))
		goto out;
	if (json_object_set(map, name, value)) {
		refuse_at(s, at, "this key is not valid UTF-8");
		goto out;
	}
	rc = remember(s, map, json_object_iter_key(json_object_iter_at(map, name)), at);
out:
	json_decref(key);
	json_decref(value);
	free(name);
	return rc;
}

static int mapping(struct parse *s, int depth, json_t *map)
{
	for (;;) {
		if (next(s))
			return ASSAY_E_USAGE;
		if (s->ev.type == YAML_MAPPING_END_EVENT)
			return 0;
		if (pair(s, depth, map))
			return ASSAY_E_USAGE;
	}
}

static int collection(struct parse *s, int depth, bool is_map, json_t **out)
{
	if (is_map ? s->ev.data.mapping_start.anchor : s->ev.data.sequence_start.anchor)
		return refuse(s, "anchors (&name) are not accepted");
	if (is_map ? s->ev.data.mapping_start.tag : s->ev.data.sequence_start.tag)
		return refuse(s, "tags (!name) are not accepted");
	if (depth >= DEPTH_MAX)
		return refuse(s, "nested deeper than 32 levels");
	*out = is_map ? json_object() : json_array();
	if (remember(s, *out, NULL, s->ev.start_mark))
		return ASSAY_E_USAGE;
	return is_map ? mapping(s, depth, *out) : sequence(s, depth, *out);
}

/* The event at hand begins a node. *out may be set even on failure; the caller releases it. */
static int node(struct parse *s, int depth, json_t **out)
{
	switch (s->ev.type) {
	case YAML_SCALAR_EVENT:
		return scalar(s, out) ? ASSAY_E_USAGE : remember(s, *out, NULL, s->ev.start_mark);
	case YAML_SEQUENCE_START_EVENT: return collection(s, depth, false, out);
	case YAML_MAPPING_START_EVENT: return collection(s, depth, true, out);
	case YAML_ALIAS_EVENT: return refuse(s, "aliases (*name) are not accepted");
	default: return refuse(s, "a value was expected here");
	}
}

static int document(struct parse *s)
{
	if (next(s) || next(s)) /* stream start, then the first document */
		return ASSAY_E_USAGE;
	if (s->ev.type == YAML_STREAM_END_EVENT) {
		s->y->root = json_null();
		return 0;
	}
	if (s->ev.data.document_start.tag_directives.start != s->ev.data.document_start.tag_directives.end)
		return refuse(s, "tags (!name) are not accepted");
	if (next(s) || node(s, 0, &s->y->root) || next(s) || next(s))
		return ASSAY_E_USAGE;
	return s->ev.type == YAML_STREAM_END_EVENT ? 0 : refuse(s, "only one document a file is accepted");
}

int assay_yaml_parse(const char *text, size_t len_bytes, const char *what, struct assay_yaml **out, struct assay_err *e)
{
	struct parse s = { .e = e };
	*out = NULL;
	if (len_bytes > BYTES_MAX)
		return assay_fail(e, ASSAY_E_USAGE, "%s:1:1: larger than the 4 MiB allowed for YAML", what);
	s.y = xalloc(sizeof *s.y);
	s.y->what = xstrdup(what);
	if (!yaml_parser_initialize(&s.p))
		abort();
	yaml_parser_set_encoding(&s.p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&s.p, (const unsigned char *)text, len_bytes);
	int rc = document(&s);
	if (s.has_event)
		yaml_event_delete(&s.ev);
	yaml_parser_delete(&s.p);
	if (rc)
		assay_yaml_close(s.y);
	else
		*out = s.y;
	return rc;
}

int assay_yaml_load(const char *path, struct assay_yaml **out, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, BYTES_MAX);
	*out = NULL;
	int rc = assay_fs_read(path, &b, ASSAY_E_USAGE, e);
	if (!rc)
		rc = assay_yaml_parse(b.data ? b.data : "", b.len_bytes, path, out, e);
	assay_buf_release(&b);
	return rc;
}

void assay_yaml_close(struct assay_yaml *y)
{
	if (!y)
		return;
	json_decref(y->root);
	free(y->places);
	free(y->what);
	free(y);
}

json_t *assay_yaml_root(const struct assay_yaml *y) { return y->root; }

static const char *say(const struct assay_yaml *y, const struct place *p)
{
	char *out = ((struct assay_yaml *)y)->where;
	if (p)
		snprintf(out, sizeof y->where, "%.300s:%d:%d", y->what, p->line, p->column);
	else
		snprintf(out, sizeof y->where, "%.300s", y->what);
	return out;
}

const char *assay_yaml_where(const struct assay_yaml *y, const json_t *v)
{
	if (json_is_boolean(v) || json_is_null(v)) /* shared by all documents: no place of their own */
		return say(y, NULL);
	return assay_yaml_where_key(y, v, NULL);
}

const char *assay_yaml_where_key(const struct assay_yaml *y, const json_t *map, const char *key)
{
	for (size_t i = 0; i < y->n_places; i++) {
		const struct place *p = &y->places[i];
		if (p->node == map && (key ? p->key && !strcmp(p->key, key) : !p->key))
			return say(y, p);
	}
	return say(y, NULL);
}
