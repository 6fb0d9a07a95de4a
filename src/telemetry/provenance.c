/* See provenance.h. */
#include "telemetry/provenance.h"

#include <dnnl.h>
#include <gnu/libc-version.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "telemetry/inventory.h"

/* Exact names, and beginnings that end in '*'. */
static const char *const environment_names[] = {
	"OMP_*", "GOMP_CPU_AFFINITY", "GOMP_SPINCOUNT", "KMP_*", "MKL_NUM_THREADS", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_NUM_THREADS", "ONEDNN_*", "DNNL_*",
	"MALLOC_*", "GLIBC_TUNABLES", "LD_PRELOAD", "LD_BIND_NOW", "CUDA_VISIBLE_DEVICES", "VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND", "VLLM_USE_V1",
	"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "TOKENIZERS_PARALLELISM", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS",
};

static const char *const kernel_names[] = {
	"mitigations", "nosmt", "isolcpus", "nohz", "nohz_full", "rcu_nocbs", "irqaffinity", "intel_pstate", "amd_pstate", "cpufreq.default_governor", "processor.max_cstate",
	"intel_idle.max_cstate", "idle", "transparent_hugepage", "default_hugepagesz", "hugepagesz", "hugepages", "maxcpus", "nr_cpus", "mem", "numa", "numa_balancing",
	"preempt", "clocksource", "tsc", "pti", "nopti", "spectre_v2", "nospectre_v1", "nospectre_v2", "spec_store_bypass_disable", "retbleed", "l1tf", "mds", "tsx",
	"tsx_async_abort", "mmio_stale_data", "srso", "split_lock_detect", "iommu", "intel_iommu", "amd_iommu", "skew_tick", "nowatchdog", "swapaccount", "audit",
};

static bool is_listed(const char *const *names, size_t n, const char *word, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = strlen(names[i]);
		if (names[i][k - 1] == '*' ? len >= k && !strncmp(word, names[i], k - 1) : len == k && !strncmp(word, names[i], k))
			return true;
	}
	return false;
}

static json_t *text_or_null(const char *s)
{
	json_t *v = s ? json_string(s) : NULL;
	return v ? v : json_null();
}

static json_t *environment(void)
{
	json_t *o = json_object();
	for (char **p = environ; p && *p; p++) {
		const char *eq = strchr(*p, '=');
		size_t n = eq ? (size_t)(eq - *p) : 0;
		if (n && is_listed(environment_names, sizeof environment_names / sizeof *environment_names, *p, n))
			json_object_setn_new(o, *p, n, text_or_null(eq + 1));
	}
	return o;
}

json_t *assay_provenance_kernel_words(const char *text)
{
	json_t *a = json_array();
	for (size_t n; *(text += strspn(text, " \t\n")); text += n) {
		n = strcspn(text, " \t\n");
		if (is_listed(kernel_names, sizeof kernel_names / sizeof *kernel_names, text, strcspn(text, "= \t\n")))
			json_array_append_new(a, json_stringn(text, n));
	}
	return a;
}

static json_t *kernel_words(void)
{
	char text[8192];
	return assay_inv_read("", "/proc/cmdline", text, sizeof text) < 0 ? json_null() : assay_provenance_kernel_words(text);
}

static json_t *libraries(void)
{
	const dnnl_version_t *v = dnnl_version();
	char onednn[64];
	snprintf(onednn, sizeof onednn, "%d.%d.%d", v->major, v->minor, v->patch);
	return json_pack("{s:s, s:s, s:s, s:s}", "onednn", onednn, "libc", gnu_get_libc_version(), "jansson", jansson_version_str(), "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
}

json_t *assay_provenance_file(const char *path, uint64_t full_max)
{
	struct stat st;
	char hash[65];
	struct assay_err e = ASSAY_ERR_INIT;
	bool there = stat(path, &st) == 0, sampled = there && (uint64_t)st.st_size > full_max;
	json_t *o = json_pack("{s:o, s:o, s:n, s:n}", "path", text_or_null(path), "bytes", there ? json_integer(st.st_size) : json_null(), "sha256", "method");
	if (!there || !S_ISREG(st.st_mode) || (sampled ? assay_fs_sha256_sampled(path, hash, &e) : assay_fs_sha256(path, hash, NULL, &e))) {
		json_object_set_new(o, "reason", json_string(there && !S_ISREG(st.st_mode) ? "not a regular file" : there ? "cannot be read" : "no such file"));
		return o;
	}
	json_object_set_new(o, "sha256", json_string(hash));
	json_object_set_new(o, "method", json_string(sampled ? "sha256-sampled" : "sha256"));
	return o;
}

json_t *assay_provenance(void)
{
	json_t *binary = assay_provenance_file("/proc/self/exe", UINT64_MAX), *o = json_object();
	char *cwd = getcwd(NULL, 0);
	json_object_del(binary, "path");
	json_object_del(binary, "method");
	json_object_set_new(o, "binary", binary);
	json_object_set_new(o, "cwd", text_or_null(cwd));
	json_object_set_new(o, "libraries", libraries());
	json_object_set_new(o, "environment", environment());
	json_object_set_new(o, "kernel_command_line", kernel_words());
	free(cwd);
	return o;
}
