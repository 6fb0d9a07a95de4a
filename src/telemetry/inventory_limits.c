/* machine.limits: what this process may use: cgroup v1 or v2 quota and memory, rlimits, affinity, priority. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cpu.h"
#include "telemetry/inventory.h"
#include "telemetry/proc_read.h"

#define NO_LIMIT (INT64_MAX / 2) /* v1 writes a page-rounded INT64_MAX for "none" */

/* Path of our group: v2's line is "0::PATH", v1's "N:a,b:PATH" with the controller in the list. false: no such line. */
static bool group_path(const char *text, const char *controller, char *out, size_t size)
{
	size_t want = controller ? strlen(controller) : 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		bool match = !controller && path == list + 1;
		for (const char *w = list + 1; controller && w < path; w += strcspn(w, ",:") + 1)
			match |= strcspn(w, ",:") == want && !strncmp(w, controller, want);
		if (match) {
			int n = (int)strcspn(path + 1, "\n");
			if (n == 1)
				n = 0; /* "/" */
			return snprintf(out, size, "%.*s", n, path + 1) < (int)size;
		}
	}
	return false;
}

/* Reads dir+group+"/"+file, or the same at the root of the hierarchy (in a container the group's path is the host's). */
static long read_group(const char *root, const char *dir, const char *group, const char *file, char *out, size_t size)
{
	char path[512];
	snprintf(path, sizeof path, "%s%.300s/%s", dir, group, file);
	long n = assay_inv_read(root, path, out, size);
	if (n < 0 && *group) {
		snprintf(path, sizeof path, "%s/%s", dir, file);
		n = assay_inv_read(root, path, out, size);
	}
	return n;
}

/* The tightest value of a v2 file on the way from our group to the root: a parent's limit binds too. pick: reads one text. */
static double tightest(const char *root, const char *dir, const char *group, const char *file, double (*pick)(const char *))
{
	char g[320], path[512], text[256];
	double least = -1;
	snprintf(g, sizeof g, "%.300s", group);
	for (;;) {
		snprintf(path, sizeof path, "%s%s/%s", dir, g, file);
		if (assay_inv_read(root, path, text, sizeof text) >= 0) {
			double v = pick(text);
			if (v >= 0 && (least < 0 || v < least))
				least = v;
		}
		char *slash = strrchr(g, '/');
		if (!slash)
			return least;
		*slash = 0;
	}
}

static double pick_bytes(const char *text)
{
	int64_t v = assay_parse_int(text, strlen(text));
	return v >= 0 && v < NO_LIMIT ? (double)v : -1;
}

/* cpu.max: "QUOTA PERIOD" or "max PERIOD" -> cores */
static double pick_cores(const char *text)
{
	long long quota, period;
	return sscanf(text, "%18lld %18lld", &quota, &period) == 2 && quota > 0 && period > 0 ? (double)quota / (double)period : -1;
}

static void put_v2(json_t *l, const char *root, const char *dir, const char *group)
{
	char text[4096];
	assay_inv_real(l, "cpu_quota_cores", tightest(root, dir, group, "cpu.max", pick_cores), "no quota set");
	double most = tightest(root, dir, group, "memory.max", pick_bytes);
	assay_inv_int(l, "memory_max_bytes", most < 0 ? -1 : (int64_t)most, "no limit set");
	long n = read_group(root, dir, group, "memory.current", text, sizeof text);
	assay_inv_int(l, "memory_used_bytes", n < 0 ? -1 : assay_parse_int(text, (size_t)n), n < 0 ? text : "not a number");
	n = read_group(root, dir, group, "cpu.stat", text, sizeof text);
	assay_inv_int(l, "cpu_throttled_us", n < 0 ? -1 : assay_parse_keyed(text, (size_t)n, "throttled_usec"), n < 0 ? text : "cpu.stat: no throttled_usec");
}

static void put_v1(json_t *l, const char *root, const char *cgroups)
{
	static const char cpu_dir[] = "/sys/fs/cgroup/cpu", mem_dir[] = "/sys/fs/cgroup/memory";
	char g[320] = "", text[4096];
	int64_t quota = -1, period = -1;
	group_path(cgroups, "cpu", g, sizeof g);
	long n = read_group(root, cpu_dir, g, "cpu.cfs_quota_us", text, sizeof text);
	if (n > 0)
		quota = assay_parse_int(text, (size_t)n);
	n = read_group(root, cpu_dir, g, "cpu.cfs_period_us", text, sizeof text);
	if (n > 0)
		period = assay_parse_int(text, (size_t)n);
	assay_inv_real(l, "cpu_quota_cores", quota > 0 && period > 0 ? (double)quota / (double)period : -1, "no quota set");
	n = read_group(root, cpu_dir, g, "cpu.stat", text, sizeof text);
	int64_t throttled = n < 0 ? -1 : assay_parse_keyed(text, (size_t)n, "throttled_time");
	g[0] = 0;
	group_path(cgroups, "memory", g, sizeof g);
	double most = tightest(root, mem_dir, g, "memory.limit_in_bytes", pick_bytes);
	assay_inv_int(l, "memory_max_bytes", most < 0 ? -1 : (int64_t)most, "no limit set");
	n = read_group(root, mem_dir, g, "memory.usage_in_bytes", text, sizeof text);
	assay_inv_int(l, "memory_used_bytes", n < 0 ? -1 : assay_parse_int(text, (size_t)n), n < 0 ? text : "not a number");
	assay_inv_int(l, "cpu_throttled_us", throttled < 0 ? -1 : throttled / 1000, "cpu.stat: no throttled_time");
}

static void put_cgroup(json_t *l, const char *root)
{
	static const char *const keys[] = { "cgroup_version", "cpu_quota_cores", "memory_max_bytes", "memory_used_bytes", "cpu_throttled_us" };
	char cgroups[4096], g[320] = "", text[256];
	if (assay_inv_read(root, "/proc/self/cgroup", cgroups, sizeof cgroups) < 0) {
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			assay_inv_null(l, keys[i], cgroups);
		return;
	}
	bool v2 = assay_inv_read(root, "/sys/fs/cgroup/cgroup.controllers", text, sizeof text) >= 0;
	bool v1 = !v2 && group_path(cgroups, "memory", g, sizeof g);
	if (!v2 && !v1) {
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			assay_inv_null(l, keys[i], "no cgroup controllers are mounted at /sys/fs/cgroup");
		return;
	}
	json_object_set_new(l, "cgroup_version", json_integer(v2 ? 2 : 1));
	if (v1) {
		put_v1(l, root, cgroups);
		return;
	}
	group_path(cgroups, NULL, g, sizeof g);
	put_v2(l, root, "/sys/fs/cgroup", g);
}

static void put_rlimit(json_t *l, const char *key, int which)
{
	struct rlimit r;
	if (getrlimit((__rlimit_resource_t)which, &r))
		assay_inv_null(l, key, strerror(errno));
	else if (r.rlim_cur == RLIM_INFINITY)
		assay_inv_null(l, key, "unlimited");
	else
		assay_inv_int(l, key, (int64_t)r.rlim_cur, "does not fit 63 bits");
}

json_t *assay_inventory_limits(const char *root)
{
	json_t *l = json_object();
	put_cgroup(l, root);
	put_rlimit(l, "rlimit_address_space_bytes", RLIMIT_AS);
	put_rlimit(l, "rlimit_data_bytes", RLIMIT_DATA);
	put_rlimit(l, "rlimit_locked_bytes", RLIMIT_MEMLOCK);
	put_rlimit(l, "rlimit_stack_bytes", RLIMIT_STACK);
	put_rlimit(l, "rlimit_open_files", RLIMIT_NOFILE);
	put_rlimit(l, "rlimit_cpu_s", RLIMIT_CPU);
	json_object_set_new(l, "affinity_cpus", json_integer(assay_cpu_count()));
	errno = 0;
	int nice_value = getpriority(PRIO_PROCESS, 0);
	if (errno)
		assay_inv_null(l, "nice", strerror(errno));
	else
		json_object_set_new(l, "nice", json_integer(nice_value));
	return l;
}
