/* See json.h. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

json_t *assay_json_parse(const char *text, size_t len, const char *what, enum assay_code code, struct assay_err *e)
{
	json_error_t je;
	json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!v)
		assay_fail(e, code, "%s:%d:%d: not valid JSON: %s", what, je.line, je.column, je.text);
	return v;
}

json_t *assay_json_load(const char *path, size_t max_bytes, enum assay_code code, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, max_bytes);
	json_t *v = NULL;
	if (assay_fs_read(path, &b, code, e) == 0)
		v = assay_json_parse(b.data ? b.data : "", b.len_bytes, path, code, e);
	assay_buf_release(&b);
	return v;
}

void assay_json_number(double x, char out[32])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, 32, "%.*g", digits, x);
		if (strtod(out, NULL) == x)
			break;
	}
	if (!strpbrk(out, ".en"))
		strcat(out, ".0");
}

json_t *assay_json_real(double x)
{
	return isfinite(x) ? json_real(x) : json_null();
}

static int newline(struct assay_buf *b, int indent, int depth)
{
	if (indent <= 0)
		return 0;
	return assay_buf_printf(b, "\n%*s", indent * depth, "");
}

static int print_string(struct assay_buf *b, const json_t *v)
{
	char *s = json_dumps(v, JSON_ENCODE_ANY);
	int r = s ? assay_buf_puts(b, s) : -1;
	free(s);
	return r;
}

static int print_value(struct assay_buf *b, const json_t *v, int indent, int depth);

static int print_object(struct assay_buf *b, const json_t *v, int indent, int depth)
{
	const char *key, *gap = "";
	json_t *item;
	int r = assay_buf_puts(b, "{");
	json_object_foreach((json_t *)v, key, item) {
		json_t *k = json_string(key);
		r |= assay_buf_puts(b, gap) | newline(b, indent, depth + 1);
		r |= print_string(b, k) | assay_buf_puts(b, indent > 0 ? ": " : ":");
		r |= print_value(b, item, indent, depth + 1);
		json_decref(k);
		gap = ",";
	}
	if (*gap)
		r |= newline(b, indent, depth);
	return r | assay_buf_puts(b, "}");
}

static int print_array(struct assay_buf *b, const json_t *v, int indent, int depth)
{
	int r = assay_buf_puts(b, "[");
	size_t n = json_array_size(v);
	for (size_t i = 0; i < n; i++) {
		json_t *item = json_array_get(v, i);
		r |= assay_buf_puts(b, i ? "," : "");
		r |= json_is_object(item) || json_is_array(item) ? newline(b, indent, depth + 1)
		                                                 : assay_buf_puts(b, i && indent > 0 ? " " : "");
		r |= print_value(b, item, indent, depth + 1);
	}
	if (n && (json_is_object(json_array_get(v, n - 1)) || json_is_array(json_array_get(v, n - 1))))
		r |= newline(b, indent, depth);
	return r | assay_buf_puts(b, "]");
}

static int print_value(struct assay_buf *b, const json_t *v, int indent, int depth)
{
	char num[32];
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return print_object(b, v, indent, depth);
	case JSON_ARRAY:
		return print_array(b, v, indent, depth);
	case JSON_STRING:
		return print_string(b, v);
	case JSON_INTEGER:
		return assay_buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	case JSON_REAL:
		assay_json_number(json_real_value(v), num);
		return assay_buf_puts(b, num);
	case JSON_TRUE:
		return assay_buf_puts(b, "true");
	case JSON_FALSE:
		return assay_buf_puts(b, "false");
	default:
		return assay_buf_puts(b, "null");
	}
}

int assay_json_print(struct assay_buf *b, const json_t *v, int indent)
{
	int r = print_value(b, v, indent, 0);
	if (indent > 0)
		r |= assay_buf_puts(b, "\n");
	return r ? -1 : 0;
}

int assay_json_save(const char *path, const json_t *v, int indent, size_t max_bytes, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, max_bytes);
	int rc = assay_json_print(&b, v, indent) ? assay_fail(e, ASSAY_E_IO, "%s: larger than %zu bytes", path, max_bytes) : assay_fs_write_atomic(path, b.data, b.len_bytes, e);
	assay_buf_release(&b);
	return rc;
}

double assay_json_get_num(const json_t *o, const char *key, double otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_number(v) ? json_number_value(v) : otherwise;
}

int64_t assay_json_get_int(const json_t *o, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

const char *assay_json_get_str(const json_t *o, const char *key, const char *otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? json_string_value(v) : otherwise;
}

int assay_json_get_bool(const json_t *o, const char *key, int otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

json_t *assay_json_at(const json_t *o, const char *path)
{
	for (const char *dot; o && (dot = strchr(path, '.')); path = dot + 1)
		o = json_object_getn(o, path, (size_t)(dot - path));
	return json_object_get(o, path);
}

json_t *assay_json_find(const json_t *list, const char *key, const char *text)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o)
		if (!strcmp(assay_json_get_str(o, key, ""), text))
			return o;
	return NULL;
}
