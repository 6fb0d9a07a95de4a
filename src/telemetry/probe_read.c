/* How fast memory can be read: every thread sums its own contiguous share of a buffer far larger than the caches.
 * One stream a thread: more streams are slower. Must not know the engine. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cpu.h"
#include "telemetry/inventory.h"
#include "telemetry/memory_scratch.h"
#include "telemetry/probe_team.h"
#include "telemetry/proc_read.h"
#include "telemetry/telemetry.h"

#define MIB ((size_t)1 << 20)
#define HUGE_PAGE (2 * MIB)
#define LEAST_BYTES (256 * MIB)
#define MOST_BYTES (1024 * MIB)

/* The kept address range; its pages are given back after each call so that they count as nobody's memory. */
static struct { unsigned char *base; size_t bytes; } kept;

struct read_job { const unsigned char *base; size_t bytes; uint64_t sums[ASSAY_PROBE_THREADS_MAX]; };

typedef uint64_t vec64 __attribute__((vector_size(64)));
typedef uint64_t vec32 __attribute__((vector_size(32)));

/* Four accumulators of 64 bytes each; the same text is compiled for each instruction set. p is 64-byte aligned, n a multiple of 256. */
#define SUM_BODY(vec, lanes) \
	const vec *v = (const vec *)p; \
	vec a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 }; \
	for (size_t i = 0, k = n / sizeof(vec); i < k; i += 4) { \
		a += v[i]; \
		b += v[i + 1]; \
		c += v[i + 2]; \
		d += v[i + 3]; \
	} \
	a += b + c + d; \
	uint64_t s = 0; \
	for (int i = 0; i < (lanes); i++) \
		s += a[i]; \
	return s;

static uint64_t sum_scalar(const unsigned char *p, size_t n)
{
	const uint64_t *v = (const uint64_t *)p;
	uint64_t a = 0, b = 0, c = 0, d = 0;
	for (size_t i = 0; i < n / 8; i += 4) {
		a += v[i];
		b += v[i + 1];
		c += v[i + 2];
		d += v[i + 3];
	}
	return a + b + c + d;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t sum_avx2(const unsigned char *p, size_t n) { SUM_BODY(vec32, 4) }
__attribute__((target("avx512f"))) static uint64_t sum_avx512(const unsigned char *p, size_t n) { SUM_BODY(vec64, 8) }
#endif

static uint64_t (*best_sum(void))(const unsigned char *, size_t)
{
#if defined(__x86_64__)
	if (assay_cpu()->avx512)
		return sum_avx512;
	if (assay_cpu()->avx2)
		return sum_avx2;
#endif
	return sum_scalar;
}

static void share_of(const struct read_job *j, int index, int n, size_t *at, size_t *len)
{
	size_t each = j->bytes / (size_t)n / 4096 * 4096;
	*at = each * (size_t)index;
	*len = each;
}

/* First touch by the thread that will read: the pages land on its node. Non-zero, so that no zero page is shared. */
static double touch(void *arg, int index, int n)
{
	const struct read_job *j = arg;
	size_t at, len;
	share_of(j, index, n, &at, &len);
	for (size_t i = at; i < at + len; i += 4096)
		((unsigned char *)j->base)[i] = 1;
	return 0;
}

static double read_share(void *arg, int index, int n)
{
	struct read_job *j = arg;
	size_t at, len;
	share_of(j, index, n, &at, &len);
	j->sums[index] += best_sum()(j->base + at, len);
	return (double)len;
}

/* 4 x the largest cache and at least 256 MiB, but at most 1 GiB and an eighth of what is available. */
static size_t buffer_bytes(void)
{
	char text[8192];
	size_t want = (size_t)assay_inventory_last_cache_bytes("") * 4;
	long n = assay_inv_read("", "/proc/meminfo", text, sizeof text);
	int64_t free_kib = n < 0 ? -1 : assay_parse_keyed(text, (size_t)n, "MemAvailable");
	if (want < LEAST_BYTES)
		want = LEAST_BYTES;
	if (want > MOST_BYTES)
		want = MOST_BYTES;
	if (free_kib >= 0 && (uint64_t)free_kib * 1024 / 8 < want)
		want = (size_t)free_kib * 1024 / 8;
	return want < 8 * MIB ? 8 * MIB : want / HUGE_PAGE * HUGE_PAGE;
}

static int keep_range(void)
{
	if (kept.base)
		return 0;
	size_t bytes = buffer_bytes();
	unsigned char *p = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	size_t head = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
	if (head)
		munmap(p, head);
	if (HUGE_PAGE - head)
		munmap(p + head + bytes, HUGE_PAGE - head);
	madvise(p + head, bytes, MADV_HUGEPAGE);
	kept.base = p + head;
	kept.bytes = bytes;
	return 0;
}

double assay_probe_read_gb_s(int threads, int64_t budget_ns)
{
	if (keep_range())
		return 0;
	struct read_job *j = calloc(1, sizeof *j);
	if (!j)
		return 0;
	j->base = kept.base;
	j->bytes = kept.bytes;
	assay_memory_scratch_begin();
	double bytes_per_ns = assay_probe_team_run(threads, touch, read_share, j, budget_ns);
	madvise(kept.base, kept.bytes, MADV_DONTNEED);
	assay_memory_scratch_end();
	free(j);
	return bytes_per_ns; /* bytes per ns = 10^9 bytes per s */
}

void assay_probe_close(void)
{
	if (kept.base)
		munmap(kept.base, kept.bytes);
	kept.base = NULL;
	kept.bytes = 0;
}
