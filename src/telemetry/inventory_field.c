/* How the inventory writes a field and reads a small kernel file. Must not know any particular field. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "telemetry/inventory.h"
#include "telemetry/proc_read.h"

void assay_inv_null(json_t *o, const char *key, const char *why)
{
	json_t *u = json_object_get(o, "unavailable"), *reason = json_string(why);
	if (!u) {
		u = json_object();
		json_object_set_new(o, "unavailable", u);
	}
	json_object_set_new(o, key, json_null());
	json_object_set_new(u, key, reason ? reason : json_string("the reason is no valid UTF-8"));
}

void assay_inv_text(json_t *o, const char *key, const char *text, const char *why)
{
	json_t *v = text && *text ? json_string(text) : NULL;
	if (v)
		json_object_set_new(o, key, v);
	else
		assay_inv_null(o, key, text && *text ? "not valid UTF-8" : why);
}

void assay_inv_int(json_t *o, const char *key, int64_t v, const char *why)
{
	if (v >= 0)
		json_object_set_new(o, key, json_integer(v));
	else
		assay_inv_null(o, key, why);
}

void assay_inv_real(json_t *o, const char *key, double v, const char *why)
{
	if (isfinite(v) && v >= 0)
		json_object_set_new(o, key, json_real(v));
	else
		assay_inv_null(o, key, why);
}

long assay_inv_read(const char *root, const char *path, char *out, size_t size)
{
	char full[600];
	ssize_t n = -1;
	size_t len = 0;
	int fd = -1;
	if (snprintf(full, sizeof full, "%s%s", root, path) >= (int)sizeof full)
		errno = ENAMETOOLONG;
	else
		fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	while (fd >= 0 && len < size - 1 && (n = read(fd, out + len, size - 1 - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		len += (size_t)n;
	}
	int cause = errno;
	if (fd >= 0)
		close(fd);
	if (fd < 0 || n < 0) {
		snprintf(out, size, "%s: %s", path, strerror(cause));
		return -1;
	}
	while (len && strchr(" \t\r\n", out[len - 1]))
		len--;
	out[len] = 0;
	return (long)len;
}

int64_t assay_inv_read_int(const char *root, const char *path, char *why, size_t why_bytes)
{
	char text[64], full[600];
	long n = assay_inv_read(root, path, full, sizeof full);
	if (n < 0) {
		snprintf(why, why_bytes, "%s", full);
		return -1;
	}
	snprintf(text, sizeof text, "%.40s", full);
	int64_t v = assay_parse_int(full, (size_t)n);
	if (v < 0)
		snprintf(why, why_bytes, "%s: not a number: \"%s\"", path, text);
	return v;
}

int assay_inv_count_list(const char *s)
{
	int count = 0;
	while (*s) {
		char *end;
		if (*s < '0' || *s > '9')
			return -1;
		long a = strtol(s, &end, 10), b = a;
		if (*end == '-') {
			s = end + 1;
			if (*s < '0' || *s > '9')
				return -1;
			b = strtol(s, &end, 10);
		}
		if (b < a || b > 1 << 20 || (*end && *end != ','))
			return -1;
		count += (int)(b - a + 1);
		if (count > 1 << 20)
			return -1;
		s = *end ? end + 1 : end;
		if (*end && !*s)
			return -1;
	}
	return count ? count : -1;
}
