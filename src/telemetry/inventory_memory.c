/* machine.memory: how much there is, swap, huge pages, NUMA. */
#include <stdio.h>
#include <string.h>

#include "telemetry/inventory.h"
#include "telemetry/proc_read.h"

static void put_kib(json_t *m, const char *key, const char *text, long n, const char *name)
{
	char why[128];
	int64_t v = n < 0 ? -1 : assay_parse_keyed(text, (size_t)n, name);
	snprintf(why, sizeof why, n < 0 ? "/proc/meminfo cannot be read" : "/proc/meminfo: no \"%s\" line", name);
	assay_inv_int(m, key, v < 0 || v > INT64_MAX / 1024 ? -1 : v * 1024, why);
}

/* The word in brackets of "always [madvise] never". */
static void put_choice(json_t *m, const char *key, const char *root, const char *path)
{
	char text[300];
	if (assay_inv_read(root, path, text, sizeof text) < 0) {
		assay_inv_null(m, key, text);
		return;
	}
	char *a = strchr(text, '['), *b = a ? strchr(a, ']') : NULL;
	if (b)
		*b = 0;
	assay_inv_text(m, key, b ? a + 1 : NULL, "no choice is marked");
}

json_t *assay_inventory_memory(const char *root)
{
	json_t *m = json_object();
	char text[8192], nodes[300];
	long n = assay_inv_read(root, "/proc/meminfo", text, sizeof text);
	put_kib(m, "total_bytes", text, n, "MemTotal");
	put_kib(m, "available_bytes", text, n, "MemAvailable");
	put_kib(m, "swap_total_bytes", text, n, "SwapTotal");
	put_kib(m, "swap_free_bytes", text, n, "SwapFree");
	assay_inv_int(m, "huge_pages", n < 0 ? -1 : assay_parse_keyed(text, (size_t)n, "HugePages_Total"), "/proc/meminfo: no \"HugePages_Total\" line");
	put_choice(m, "thp", root, "/sys/kernel/mm/transparent_hugepage/enabled");
	put_choice(m, "thp_defrag", root, "/sys/kernel/mm/transparent_hugepage/defrag");
	bool ok = assay_inv_read(root, "/sys/devices/system/node/online", nodes, sizeof nodes) >= 0;
	assay_inv_int(m, "numa_nodes", ok ? assay_inv_count_list(nodes) : -1, ok ? "not a list of nodes" : nodes);
	return m;
}
