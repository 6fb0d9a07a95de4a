/* machine.gpus: the devices, or null with "none: reason". */
#include "telemetry/inventory.h"
#include "telemetry/nvml.h"

void assay_inventory_gpu(json_t *machine)
{
	char why[300] = "";
	struct assay_nvml *n = assay_nvml_open(why, sizeof why);
	if (n)
		json_object_set_new(machine, "gpus", assay_nvml_list(n));
	else
		assay_inv_null(machine, "gpus", why);
	assay_nvml_close(n);
}
