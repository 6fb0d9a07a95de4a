/* See nvml.h. Prototypes are those of NVIDIA's public nvml.h (API 11 to 13); any symbol may be missing. */
#include "telemetry/nvml.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "telemetry/inventory.h"

#define MAX_DEVICES 64
#define CLOCK_SM 1

typedef void *nvml_dev; /* nvmlDevice_t: opaque */
struct nvml_memory { unsigned long long total, free, used; };
struct nvml_rates { unsigned gpu, memory; };

struct assay_nvml {
	void *lib;
	int (*init)(void), (*shutdown)(void);
	const char *(*error_string)(int);
	int (*count)(unsigned *);
	int (*handle)(unsigned, nvml_dev *);
	int (*driver)(char *, unsigned);
	int (*name)(nvml_dev, char *, unsigned), (*uuid)(nvml_dev, char *, unsigned);
	int (*memory)(nvml_dev, struct nvml_memory *);
	int (*rates)(nvml_dev, struct nvml_rates *);
	int (*power_limit)(nvml_dev, unsigned *), (*pcie_gen)(nvml_dev, unsigned *), (*pcie_width)(nvml_dev, unsigned *);
	int (*max_clock)(nvml_dev, unsigned, unsigned *);
	int (*ecc)(nvml_dev, unsigned *, unsigned *), (*mig)(nvml_dev, unsigned *, unsigned *);
	unsigned n;
	nvml_dev dev[MAX_DEVICES];
};

/* POSIX lets dlsym's object pointer be stored as a function pointer; ISO C has no cast for it. */
#define FIND(n, field, symbol) (*(void **)&(n)->field = dlsym((n)->lib, symbol))

static void find_symbols(struct assay_nvml *n)
{
	FIND(n, init, "nvmlInit_v2");
	FIND(n, shutdown, "nvmlShutdown");
	FIND(n, error_string, "nvmlErrorString");
	FIND(n, count, "nvmlDeviceGetCount_v2");
	FIND(n, handle, "nvmlDeviceGetHandleByIndex_v2");
	FIND(n, driver, "nvmlSystemGetDriverVersion");
	FIND(n, name, "nvmlDeviceGetName");
	FIND(n, uuid, "nvmlDeviceGetUUID");
	FIND(n, memory, "nvmlDeviceGetMemoryInfo");
	FIND(n, rates, "nvmlDeviceGetUtilizationRates");
	FIND(n, power_limit, "nvmlDeviceGetPowerManagementLimit");
	FIND(n, pcie_gen, "nvmlDeviceGetCurrPcieLinkGeneration");
	FIND(n, pcie_width, "nvmlDeviceGetCurrPcieLinkWidth");
	FIND(n, max_clock, "nvmlDeviceGetMaxClockInfo");
	FIND(n, ecc, "nvmlDeviceGetEccMode");
	FIND(n, mig, "nvmlDeviceGetMigMode");
}

static struct assay_nvml *give_up(struct assay_nvml *n, int up, char *why, size_t why_bytes, const char *what, const char *detail)
{
	if (why)
		snprintf(why, why_bytes, "none: %s%s%s", what, detail ? ": " : "", detail ? detail : "");
	if (up && n->shutdown)
		n->shutdown();
	if (n->lib)
		dlclose(n->lib);
	free(n);
	return NULL;
}

struct assay_nvml *assay_nvml_open(char *why, size_t why_bytes)
{
	struct assay_nvml *n = xalloc(sizeof *n);
	unsigned found = 0;
	n->lib = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!n->lib)
		return give_up(n, 0, why, why_bytes, "no NVIDIA driver library (libnvidia-ml.so.1) on this machine", NULL);
	find_symbols(n);
	if (!n->init || !n->count || !n->handle)
		return give_up(n, 0, why, why_bytes, "libnvidia-ml.so.1 lacks the functions needed", NULL);
	int rc = n->init();
	if (rc)
		return give_up(n, 0, why, why_bytes, "nvmlInit failed", n->error_string ? n->error_string(rc) : NULL);
	rc = n->count(&found);
	if (rc || !found)
		return give_up(n, 1, why, why_bytes, "the NVIDIA driver sees no device", rc && n->error_string ? n->error_string(rc) : NULL);
	for (unsigned i = 0; i < found && n->n < MAX_DEVICES; i++)
		if (!n->handle(i, &n->dev[n->n]))
			n->n++;
	if (!n->n)
		return give_up(n, 1, why, why_bytes, "no NVIDIA device may be opened by this user", NULL);
	return n;
}

void assay_nvml_close(struct assay_nvml *n)
{
	if (n)
		give_up(n, 1, NULL, 0, NULL, NULL);
}

static void put_number(json_t *o, const char *key, int (*get)(nvml_dev, unsigned *), nvml_dev d, double scale)
{
	unsigned v = 0;
	if (get && !get(d, &v))
		assay_inv_real(o, key, v * scale, NULL);
	else
		assay_inv_null(o, key, "not told by the driver");
}

static void put_mode(json_t *o, const char *key, int (*get)(nvml_dev, unsigned *, unsigned *), nvml_dev d)
{
	unsigned now = 0, pending = 0;
	if (get && !get(d, &now, &pending))
		json_object_set_new(o, key, json_boolean(now));
	else
		assay_inv_null(o, key, "not told by the driver");
}

static void put_text(json_t *o, const char *key, int (*get)(nvml_dev, char *, unsigned), nvml_dev d)
{
	char text[96] = "";
	int ok = get && !get(d, text, sizeof text);
	assay_inv_text(o, key, ok ? text : NULL, "not told by the driver");
}

static json_t *describe(struct assay_nvml *n, unsigned i)
{
	json_t *o = json_object();
	struct nvml_memory m = { 0 };
	char driver[96] = "";
	unsigned mhz = 0;
	nvml_dev d = n->dev[i];
	json_object_set_new(o, "index", json_integer(i));
	put_text(o, "name", n->name, d);
	put_text(o, "uuid", n->uuid, d);
	assay_inv_text(o, "driver", n->driver && !n->driver(driver, sizeof driver) ? driver : NULL, "not told by the driver");
	int ok = n->memory && !n->memory(d, &m);
	assay_inv_int(o, "memory_bytes", ok ? (int64_t)m.total : -1, "not told by the driver");
	assay_inv_int(o, "used_bytes", ok ? (int64_t)m.used : -1, "not told by the driver");
	put_number(o, "power_limit_w", n->power_limit, d, 1e-3);
	ok = n->max_clock && !n->max_clock(d, CLOCK_SM, &mhz);
	assay_inv_int(o, "sm_clock_max_mhz", ok ? (int64_t)mhz : -1, "not told by the driver");
	put_mode(o, "ecc", n->ecc, d);
	put_mode(o, "mig", n->mig, d);
	put_number(o, "pcie_gen", n->pcie_gen, d, 1);
	put_number(o, "pcie_width", n->pcie_width, d, 1);
	return o;
}

json_t *assay_nvml_list(struct assay_nvml *n)
{
	json_t *a = json_array();
	for (unsigned i = 0; i < n->n; i++)
		json_array_append_new(a, describe(n, i));
	return a;
}

void assay_nvml_sample(struct assay_nvml *n, int64_t *util_pct, int64_t *used_bytes)
{
	int64_t util = 0, used = 0, n_util = 0, n_used = 0;
	for (unsigned i = 0; i < n->n; i++) {
		struct nvml_rates r = { 0 };
		struct nvml_memory m = { 0 };
		if (n->rates && !n->rates(n->dev[i], &r)) {
			util += r.gpu;
			n_util++;
		}
		if (n->memory && !n->memory(n->dev[i], &m)) {
			used += (int64_t)m.used;
			n_used++;
		}
	}
	*util_pct = n_util ? util / n_util : -1;
	*used_bytes = n_used ? used : -1;
}
