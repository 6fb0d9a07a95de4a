/* machine.energy: which counters of energy can be read, or null with the reason. */
#include "telemetry/energy.h"
#include "telemetry/inventory.h"

void assay_inventory_energy(json_t *machine, const char *root)
{
	struct assay_energy en;
	char why[256];
	if (assay_energy_open(&en, root, why, sizeof why)) {
		assay_inv_null(machine, "energy", why);
		return;
	}
	json_t *zones = json_array();
	for (int i = 0; i < en.n; i++)
		json_array_append_new(zones, json_string(en.zone[i].name));
	json_object_set_new(machine, "energy", json_pack("{s:s, s:o}", "source", "powercap RAPL", "zones", zones));
	assay_energy_close(&en);
}
