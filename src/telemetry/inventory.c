/* machine{} of the result: what the run was made on. The subjects are in inventory_*.c; here host, system and kernel.
 * Called between measurements. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "telemetry/inventory.h"
#include "telemetry/telemetry.h"

/* PRETTY_NAME="..." of os-release(5), quotes taken off; NULL when there is none. */
static const char *pretty_name(char *text)
{
	static const char key[] = "PRETTY_NAME=";
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, key, sizeof key - 1))
			continue;
		char *v = line + sizeof key - 1;
		size_t n = strlen(v);
		if (n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n - 1] == v[0]) {
			v[n - 1] = 0;
			v++;
		}
		return v;
	}
	return NULL;
}

static void put_system(json_t *m, const char *root)
{
	struct utsname u;
	char host[256] = "", text[4096];
	if (gethostname(host, sizeof host - 1))
		host[0] = 0;
	assay_inv_text(m, "host", host, strerror(errno));
	long n = assay_inv_read(root, "/etc/os-release", text, sizeof text);
	if (n < 0)
		assay_inv_null(m, "os", text);
	else
		assay_inv_text(m, "os", pretty_name(text), "/etc/os-release: no PRETTY_NAME");
	int ok = !uname(&u);
	assay_inv_text(m, "kernel", ok ? u.release : NULL, strerror(errno));
	assay_inv_text(m, "arch", ok ? u.machine : NULL, strerror(errno));
}

static void put_file(json_t *m, const char *key, const char *root, const char *path)
{
	char text[1024];
	long n = assay_inv_read(root, path, text, sizeof text);
	if (n < 0)
		assay_inv_null(m, key, text);
	else
		assay_inv_text(m, key, text, "empty");
}

json_t *assay_inventory_at(const char *root)
{
	json_t *m = json_object();
	put_system(m, root);
	json_object_set_new(m, "cpu", assay_inventory_cpu(root));
	json_object_set_new(m, "memory", assay_inventory_memory(root));
	assay_inventory_gpu(m);
	assay_inventory_energy(m, root);
	assay_inventory_platform(m, root);
	put_file(m, "clocksource", root, "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	json_object_set_new(m, "clock_resolution_ns", json_integer(assay_clock_resolution_ns()));
	put_file(m, "load_average", root, "/proc/loadavg");
	json_object_set_new(m, "limits", assay_inventory_limits(root));
	return m;
}

json_t *assay_inventory(void)
{
	return assay_inventory_at("");
}
