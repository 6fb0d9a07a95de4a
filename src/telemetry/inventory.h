/* Between the inventory's files. Each section adds to the object it is given; `root` is "" or a folder with a
 * recorded proc/ and sys/. A field that cannot be read is null, and its reason stands in the sibling
 * object "unavailable" under the same key. */
#ifndef ASSAY_TELEMETRY_INVENTORY_H
#define ASSAY_TELEMETRY_INVENTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void assay_inv_null(json_t *o, const char *key, const char *why);
/* NULL or "" is missing; bytes that are no UTF-8 are missing too. */
void assay_inv_text(json_t *o, const char *key, const char *text, const char *why);
/* Negative is missing. */
void assay_inv_int(json_t *o, const char *key, int64_t v, const char *why);
void assay_inv_real(json_t *o, const char *key, double v, const char *why); /* NaN or negative is missing */

/* The file root+path, at most size-1 bytes, NUL-terminated, trailing white space cut; its length, or -1 with
 * out holding the reason ("PATH: No such file or directory"). */
long assay_inv_read(const char *root, const char *path, char *out, size_t size_bytes);
/* The same for one integer; -1 when it is no number (why then says so). */
int64_t assay_inv_read_int(const char *root, const char *path, char *why, size_t why_bytes);
/* Number of CPUs in a kernel list such as "0-3,8"; -1 when it is no such list. */
int assay_inv_count_list(const char *list);

/* machine.cpu, machine.memory, machine.limits: new references. */
json_t *assay_inventory_cpu(const char *root);
json_t *assay_inventory_memory(const char *root);
json_t *assay_inventory_limits(const char *root);
/* machine.energy: {source, zones[]} or null. */
void assay_inventory_energy(json_t *machine, const char *root);
/* machine.gpus, machine.virtualised, hypervisor, container: written into machine. */
void assay_inventory_gpu(json_t *machine);
void assay_inventory_platform(json_t *machine, const char *root);
/* The whole, from a recorded root (assay_inventory() is this with ""). */
json_t *assay_inventory_at(const char *root);

/* Largest cache that CPU 0 sees, bytes; 0 when unknown. For the size of the read probe's buffer. */
int64_t assay_inventory_last_cache_bytes(const char *root);

#endif
