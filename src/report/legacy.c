/* See legacy.h. */
#include "report/legacy.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "base/json.h"
#include "report/face_data.h"

#define LEGACY_BYTES_MAX ((size_t)1 << 30)

/* "2026-01-28T17:01:52.123456" at the start of an RFC 3339 time. */
static bool has_shape(const char *s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddddd";
	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
			return false;
	return true;
}

static struct legacy_time time_of(const char *s)
{
	struct legacy_time t;
	if (!has_shape(s))
		s = "1970-01-01T00:00:00.000000";
	snprintf(t.iso, sizeof t.iso, "%.26s", s);
	snprintf(t.plain, sizeof t.plain, "%.10s %.8s", s, s + 11);
	snprintf(t.compact, sizeof t.compact, "%.4s%.2s%.2s_%.2s%.2s%.2s", s, s + 5, s + 8, s + 11, s + 14, s + 17);
	return t;
}

struct legacy_time legacy_time(const json_t *result)
{
	return time_of(assay_json_get_str(result, "created", ""));
}

struct legacy_time legacy_time_at(const json_t *result, const struct assay_run *run, int64_t t_ns)
{
	const char *created = assay_json_get_str(result, "created", "");
	int64_t from_ns = assay_json_get_int(json_object_get(run->header, "clock"), "mono_ns", -1);
	struct tm tm = { 0 };
	char text[64];
	if (from_ns < 0 || t_ns < from_ns || assay_json_get_bool(run->header, "virtual_clock", 0) || !has_shape(created))
		return time_of(created);
	int64_t us = (t_ns - from_ns) / 1000 + strtol(created + 20, NULL, 10);
	sscanf(created, "%d-%d-%dT%d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	time_t s = timegm(&tm) + us / 1000000; /* arithmetic of the calendar only: the zone stays that of `created` */
	gmtime_r(&s, &tm);
	size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof text - n, ".%06d", (int)(us % 1000000));
	return time_of(text);
}

char *legacy_slug(const json_t *result)
{
	char *s = xstrdup(face_model(result));
	if (strlen(s) > 100)
		s[100] = 0;
	for (char *p = s; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *p))
			*p = '_';
	if (s[0] == '.')
		s[0] = '_';
	return s;
}

json_t *legacy_stat(const json_t *point, const char *key, const char *stat)
{
	return assay_json_real(face_stat(point, key, stat));
}

json_t *legacy_pct(const json_t *point, const char *key, const char *method, const char *pct)
{
	return assay_json_real(assay_json_get_num(json_object_get(face_metric(point, key), method), pct, NAN));
}

const json_t *legacy_batch_point(const json_t *result)
{
	const json_t *best = NULL;
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		bool candidate = face_ok(p) && (face_is(p, "throughput") || face_is(p, "offline"));
		if (candidate && (!best || assay_json_get_int(p, "requests_per_run", 0) > assay_json_get_int(best, "requests_per_run", 0)))
			best = p;
	}
	return best ? best : face_first(result, "latency");
}

int legacy_has_gpu(const json_t *result)
{
	return json_array_size(json_object_get(json_object_get(result, "machine"), "gpus")) > 0;
}

int legacy_write(const char *dir, const char *sub, const char *name, const char *data, size_t n, struct assay_err *e)
{
	char *folder = xasprintf("%s/legacy/%s", dir, sub), *path = xasprintf("%s/%s", folder, name);
	int rc = assay_fs_mkdir_p(folder, e);
	if (!rc)
		rc = assay_fs_write_atomic(path, data, n, e);
	free(path);
	free(folder);
	return rc;
}

int legacy_write_json(const char *dir, const char *sub, const char *name, json_t *steal, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, LEGACY_BYTES_MAX);
	int rc = !steal || assay_json_print(&b, steal, 2) ? assay_fail(e, ASSAY_E_INTERNAL, "legacy/%s/%s: cannot be printed", sub, name) : legacy_write(dir, sub, name, b.data, b.len_bytes, e);
	assay_buf_release(&b);
	json_decref(steal);
	return rc;
}
