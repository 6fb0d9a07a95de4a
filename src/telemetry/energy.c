/* See energy.h. Must not know who reads the joules. */
#include "telemetry/energy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "telemetry/inventory.h"
#include "telemetry/proc_read.h"

#define POWERCAP "/sys/class/powercap/intel-rapl"

enum { PACKAGES_MAX = 16, PARTS_MAX = 8 };

static int64_t counter(int fd)
{
	char text[64];
	ssize_t n;
	do
		n = pread(fd, text, sizeof text, 0);
	while (n < 0 && errno == EINTR);
	return n > 0 ? assay_parse_int(text, (size_t)n) : -1;
}

/* 1 when the zone is there and one of those that are counted: packages ("core" and "uncore" are inside them, "psys" holds them), and
 * dram below a package. */
static int is_counted(const char *root, const char *zone, const char *prefix, char name[32])
{
	char path[128], text[600];
	snprintf(path, sizeof path, "%.100s/name", zone);
	if (assay_inv_read(root, path, text, sizeof text) < 0)
		return 0;
	snprintf(name, 32, "%.31s", text);
	return !strncmp(text, prefix, strlen(prefix));
}

static int add_zone(struct assay_energy *en, const char *root, const char *zone, const char *name, char *why, size_t why_bytes)
{
	struct assay_energy_zone *z = &en->zone[en->n];
	char path[128], full[600], cause[600];
	if (en->n == ASSAY_ENERGY_ZONES)
		return 0;
	snprintf(path, sizeof path, "%.90s/max_energy_range_uj", zone);
	z->range_uj = assay_inv_read_int(root, path, cause, sizeof cause);
	if (z->range_uj <= 0) {
		snprintf(why, why_bytes, "unavailable: %.150s", z->range_uj ? cause : path);
		return -1;
	}
	snprintf(full, sizeof full, "%.400s%.100s/energy_uj", root, zone);
	z->fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	z->last_uj = z->fd < 0 ? -1 : counter(z->fd);
	if (z->last_uj < 0) {
		snprintf(why, why_bytes, "unavailable: %.100s/energy_uj: %s%s", zone, z->fd < 0 ? strerror(errno) : "not a number",
			 z->fd < 0 && errno == EACCES ? " (only root may read it)" : "");
		if (z->fd >= 0)
			close(z->fd);
		return -1;
	}
	snprintf(z->name, sizeof z->name, "%.31s", name);
	en->n++;
	return 0;
}

int assay_energy_open(struct assay_energy *en, const char *root, char *why, size_t why_bytes)
{
	char zone[100], part[120], name[32];
	*en = (struct assay_energy){ 0 };
	snprintf(why, why_bytes, "unavailable: no " POWERCAP ":0 (a virtual machine, or a CPU without RAPL)");
	for (int p = 0; p < PACKAGES_MAX; p++) {
		snprintf(zone, sizeof zone, POWERCAP ":%d", p);
		if (!is_counted(root, zone, "package", name))
			continue;
		if (add_zone(en, root, zone, name, why, why_bytes))
			goto refuse;
		for (int k = 0; k < PARTS_MAX; k++) {
			snprintf(part, sizeof part, "%s:%d", zone, k);
			if (is_counted(root, part, "dram", name) && add_zone(en, root, part, name, why, why_bytes))
				goto refuse;
		}
	}
	return en->n ? 0 : -1;
refuse:
	assay_energy_close(en);
	return -1;
}

void assay_energy_close(struct assay_energy *en)
{
	for (int i = 0; i < en->n; i++)
		close(en->zone[i].fd);
	en->n = 0;
}

int64_t assay_energy_read(struct assay_energy *en)
{
	for (int i = 0; i < en->n; i++) {
		struct assay_energy_zone *z = &en->zone[i];
		int64_t now = counter(z->fd);
		if (now < 0) {
			assay_energy_close(en);
			return -1;
		}
		en->total_uj += now >= z->last_uj ? now - z->last_uj : now + (z->range_uj - z->last_uj);
		z->last_uj = now;
	}
	return en->n ? en->total_uj : -1;
}
