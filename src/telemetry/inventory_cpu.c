/* machine.cpu: name, counts, instruction sets, caches, frequency control. Must not know limits set on us (inventory_limits.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "telemetry/inventory.h"
#include "telemetry/proc_read.h"

#define CPU_DIR "/sys/devices/system/cpu"
#define MAX_CPUS 4096
#define CPUINFO_BYTES 65536 /* several CPUs' blocks: all that is looked for is in the first */

/* Copies "key : value" of the first CPU's block; NULL when there is none. */
static const char *cpuinfo_value(const char *text, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, key, n) || (line[n] != '\t' && line[n] != ' ' && line[n] != ':'))
			continue;
		const char *v = line + n;
		v += strspn(v, " \t:");
		snprintf(out, size, "%.*s", (int)strcspn(v, "\n"), v);
		return *out ? out : NULL;
	}
	return NULL;
}

static void put_identity(json_t *c, const char *root)
{
	static const struct { const char *key, *name; } row[] = {
		{ "model", "model name" }, { "vendor", "vendor_id" }, { "family", "cpu family" }, { "model_number", "model" },
		{ "stepping", "stepping" }, { "microcode", "microcode" },
	};
	char *text = malloc(CPUINFO_BYTES), value[256], why[128];
	long n = text ? assay_inv_read(root, "/proc/cpuinfo", text, CPUINFO_BYTES) : -1;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		snprintf(why, sizeof why, n < 0 ? "/proc/cpuinfo cannot be read" : "/proc/cpuinfo: no \"%s\" line", row[i].name);
		assay_inv_text(c, row[i].key, n < 0 ? NULL : cpuinfo_value(text, row[i].name, value, sizeof value), why);
	}
	free(text);
}

struct core_id { int64_t package, core; };

static int compare_cores(const void *a, const void *b)
{
	const struct core_id *x = a, *y = b;
	if (x->package != y->package)
		return x->package < y->package ? -1 : 1;
	return x->core < y->core ? -1 : x->core > y->core;
}

/* Physical cores and sockets by topology files: distinct (package, core) pairs. */
static void put_counts(json_t *c, const char *root)
{
	char text[4096], path[160], why[256];
	int online = assay_inv_read(root, CPU_DIR "/online", text, sizeof text) < 0 ? -1 : assay_inv_count_list(text);
	struct core_id *id = calloc(MAX_CPUS, sizeof *id);
	int n = 0, cores = 0, sockets = 0;
	for (int i = 0, misses = 0; id && i < MAX_CPUS && misses < 64; i++) {
		snprintf(path, sizeof path, CPU_DIR "/cpu%d/topology/core_id", i);
		id[n].core = assay_inv_read_int(root, path, why, sizeof why);
		snprintf(path, sizeof path, CPU_DIR "/cpu%d/topology/physical_package_id", i);
		id[n].package = assay_inv_read_int(root, path, why, sizeof why);
		if (id[n].core >= 0 && id[n].package >= 0)
			n++;
		else
			misses++;
	}
	if (n)
		qsort(id, (size_t)n, sizeof *id, compare_cores);
	for (int i = 0; i < n; i++) {
		cores += !i || compare_cores(&id[i - 1], &id[i]) != 0;
		sockets += !i || id[i - 1].package != id[i].package;
	}
	free(id);
	assay_inv_int(c, "cores", cores ? cores : -1, CPU_DIR "/cpu*/topology cannot be read");
	assay_inv_int(c, "threads", online, CPU_DIR "/online cannot be read");
	assay_inv_int(c, "sockets", sockets ? sockets : -1, CPU_DIR "/cpu*/topology cannot be read");
	json_object_set_new(c, "usable", json_integer(assay_cpu_count()));
}

static void put_isa(json_t *c)
{
	char names[256], *save = NULL;
	json_t *a = json_array();
	assay_cpu_isa_names(names, sizeof names);
	for (char *w = strtok_r(names, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (strcmp(w, "none"))
			json_array_append_new(a, json_string(w));
	json_object_set_new(c, "isa", a);
}

/* "32768K", "1M" -> bytes; -1 when it is no such text. */
static int64_t cache_bytes(const char *s)
{
	char *end;
	long long v = *s >= '0' && *s <= '9' ? strtoll(s, &end, 10) : -1;
	if (v < 0 || v > 1 << 30)
		return -1;
	return *end == 'K' ? v * 1024 : *end == 'M' ? v * 1024 * 1024 : *end ? -1 : v;
}

static bool read_cache(const char *root, int index, const char *file, char *out, size_t size)
{
	char path[160];
	snprintf(path, sizeof path, CPU_DIR "/cpu0/cache/index%d/%s", index, file);
	return assay_inv_read(root, path, out, size) >= 0;
}

/* What CPU 0 sees: [{level, type, size_bytes, shared_by}], shared_by = CPUs that share it. */
static void put_caches(json_t *c, const char *root)
{
	json_t *a = json_array();
	char size[32], level[16], type[32], shared[1024];
	for (int i = 0; i < 16 && read_cache(root, i, "size", size, sizeof size); i++) {
		json_t *o = json_object();
		bool ok = read_cache(root, i, "level", level, sizeof level);
		assay_inv_int(o, "level", ok ? assay_parse_int(level, strlen(level)) : -1, "not told by the kernel");
		ok = read_cache(root, i, "type", type, sizeof type);
		assay_inv_text(o, "type", ok ? type : NULL, "not told by the kernel");
		assay_inv_int(o, "size_bytes", cache_bytes(size), "not told by the kernel");
		ok = read_cache(root, i, "shared_cpu_list", shared, sizeof shared);
		assay_inv_int(o, "shared_by", ok ? assay_inv_count_list(shared) : -1, "not told by the kernel");
		json_array_append_new(a, o);
	}
	if (json_array_size(a)) {
		json_object_set_new(c, "caches", a);
		return;
	}
	json_decref(a);
	assay_inv_null(c, "caches", CPU_DIR "/cpu0/cache: nothing readable");
}

int64_t assay_inventory_last_cache_bytes(const char *root)
{
	int64_t most = 0;
	char size[32];
	for (int i = 0; i < 16 && read_cache(root, i, "size", size, sizeof size); i++)
		if (cache_bytes(size) > most)
			most = cache_bytes(size);
	return most;
}

static void put_text_file(json_t *c, const char *key, const char *root, const char *path)
{
	char text[300];
	bool ok = assay_inv_read(root, path, text, sizeof text) >= 0;
	assay_inv_text(c, key, ok ? text : NULL, ok ? "empty" : text);
}

static void put_int_file(json_t *c, const char *key, const char *root, const char *path)
{
	char why[300];
	int64_t v = assay_inv_read_int(root, path, why, sizeof why);
	assay_inv_int(c, key, v, why);
}

json_t *assay_inventory_cpu(const char *root)
{
	json_t *c = json_object();
	char why[300];
	put_identity(c, root);
	put_counts(c, root);
	put_isa(c);
	put_caches(c, root);
	put_text_file(c, "governor", root, CPU_DIR "/cpu0/cpufreq/scaling_governor");
	put_text_file(c, "frequency_driver", root, CPU_DIR "/cpu0/cpufreq/scaling_driver");
	put_int_file(c, "frequency_max_khz", root, CPU_DIR "/cpu0/cpufreq/cpuinfo_max_freq");
	int64_t no_turbo = assay_inv_read_int(root, CPU_DIR "/intel_pstate/no_turbo", why, sizeof why);
	int64_t boost = no_turbo >= 0 ? !no_turbo : assay_inv_read_int(root, CPU_DIR "/cpufreq/boost", why, sizeof why);
	if (boost >= 0)
		json_object_set_new(c, "turbo", json_boolean(boost));
	else
		assay_inv_null(c, "turbo", why);
	int64_t smt = assay_inv_read_int(root, CPU_DIR "/smt/active", why, sizeof why);
	if (smt >= 0)
		json_object_set_new(c, "smt", json_boolean(smt));
	else
		assay_inv_null(c, "smt", why);
	return c;
}
