/* See sysmem.h. */
#include "base/sysmem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define MAX_TEXT (256u << 10)

/* The file's text (malloc'ed), or NULL. */
static char *slurp(const char *path)
{
	struct assay_buf b;
	assay_buf_init(&b, MAX_TEXT);
	if (assay_fs_read(path, &b, ASSAY_E_IO, NULL) || !b.data) {
		assay_buf_release(&b);
		return NULL;
	}
	return b.data;
}

/* The number after `key` at the start of a line, times unit. */
static uint64_t field(const char *text, const char *key, uint64_t unit)
{
	size_t n = strlen(key);
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, key, n))
			continue;
		char *end;
		uint64_t v = strtoull(line + n, &end, 10);
		if (end != line + n && !__builtin_mul_overflow(v, unit, &v))
			return v;
	}
	return ASSAY_SYSMEM_NONE;
}

static uint64_t number_in(const char *dir, const char *file)
{
	char *path = xasprintf("%s/%s", dir, file), *text = slurp(path);
	uint64_t v = text ? field(text, "", 1) : ASSAY_SYSMEM_NONE; /* "max" is no number: no limit */
	free(text);
	free(path);
	return v;
}

struct names {
	const char *mount, *limit, *usage, *inactive;
};

static const struct names v2 = { "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file " };
static const struct names v1 = { "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file " };

static void consider(const char *dir, const struct names *f, struct assay_sysmem *m)
{
	uint64_t limit = number_in(dir, f->limit), used = number_in(dir, f->usage);
	if (limit == ASSAY_SYSMEM_NONE || used == ASSAY_SYSMEM_NONE || limit >= UINT64_C(1) << 60)
		return;
	char *path = xasprintf("%s/memory.stat", dir), *stat = slurp(path);
	uint64_t cache = stat ? field(stat, f->inactive, 1) : 0;
	if (cache == ASSAY_SYSMEM_NONE || cache > used)
		cache = 0;
	used -= cache;
	uint64_t headroom = limit > used ? limit - used : 0;
	if (headroom < m->cgroup_headroom) {
		m->cgroup_headroom = headroom;
		m->cgroup_limit = limit;
	}
	free(stat);
	free(path);
}

/* The group and its ancestors. Inside a container the path may name groups that are not mounted: those are skipped. */
static void walk(const char *root, const struct names *f, const char *group, struct assay_sysmem *m)
{
	char *dir = xasprintf("%s/%s%s", root, f->mount, strcmp(group, "/") ? group : "");
	size_t top = strlen(root) + 1 + strlen(f->mount);
	for (;;) {
		consider(dir, f, m);
		char *slash = strrchr(dir, '/');
		if (strlen(dir) <= top || !slash)
			break;
		*slash = 0;
	}
	free(dir);
}

static void read_groups(const char *root, struct assay_sysmem *m)
{
	char *path = xasprintf("%s/proc/self/cgroup", root), *text = slurp(path), *rest = text, *line;
	while (rest && (line = strsep(&rest, "\n"))) {
		char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
		if (!group || group[1] != '/' || strstr(group, ".."))
			continue;
		*group++ = 0;
		if (!strcmp(line, "0:"))
			walk(root, &v2, group, m);
		else if (!strcmp(names + 1, "memory"))
			walk(root, &v1, group, m);
	}
	free(text);
	free(path);
}

/* What `ulimit -v` leaves. */
static uint64_t address_headroom(const char *root)
{
	char *path = xasprintf("%s/proc/self/limits", root), *dir = xasprintf("%s/proc/self", root), *text = slurp(path);
	uint64_t limit = text ? field(text, "Max address space", 1) : ASSAY_SYSMEM_NONE; /* "unlimited" is no number */
	uint64_t pages = limit == ASSAY_SYSMEM_NONE ? 0 : number_in(dir, "statm"), used;
	free(text);
	free(dir);
	free(path);
	if (limit == ASSAY_SYSMEM_NONE || __builtin_mul_overflow(pages, (uint64_t)sysconf(_SC_PAGESIZE), &used))
		return ASSAY_SYSMEM_NONE;
	return limit > used ? limit - used : 0;
}

void assay_sysmem_read(const char *root, struct assay_sysmem *m)
{
	*m = (struct assay_sysmem){ ASSAY_SYSMEM_NONE, ASSAY_SYSMEM_NONE, ASSAY_SYSMEM_NONE, ASSAY_SYSMEM_NONE, ASSAY_SYSMEM_NONE };
	char *path = xasprintf("%s/proc/meminfo", root), *text = slurp(path);
	if (text) {
		m->total = field(text, "MemTotal:", 1024);
		m->available = field(text, "MemAvailable:", 1024);
	}
	free(text);
	free(path);
	read_groups(root, m);
	m->address_headroom = address_headroom(root);
}

uint64_t assay_sysmem_safe_bytes(const struct assay_sysmem *m)
{
	uint64_t least = m->available < m->cgroup_headroom ? m->available : m->cgroup_headroom;
	if (m->address_headroom < least)
		least = m->address_headroom;
	return least == ASSAY_SYSMEM_NONE ? least : least - least / 10;
}
