/* NVIDIA's management library, found at run time. Its absence is a reason, never a failure. */
#ifndef ASSAY_TELEMETRY_NVML_H
#define ASSAY_TELEMETRY_NVML_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct assay_nvml;
/* NULL when there is no library or no device; why (may be NULL) then holds the reason. */
struct assay_nvml *assay_nvml_open(char *why, size_t why_bytes);
void assay_nvml_close(struct assay_nvml *n); /* NULL is fine */

/* One object a device: {index, name, uuid, driver, memory_bytes, used_bytes, power_limit_w, sm_clock_max_mhz, ecc, mig,
 * pcie_gen, pcie_width, unavailable{}}. New reference. */
json_t *assay_nvml_list(struct assay_nvml *n);
/* Mean utilisation and memory in use summed over the devices; -1 what no device tells. */
void assay_nvml_sample(struct assay_nvml *n, int64_t *util_pct, int64_t *used_bytes);

#endif
