/* How much memory this process holds, now and at most. Slow (PSS walks the page tables): between points only. */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "telemetry/inventory.h"
#include "telemetry/memory_scratch.h"
#include "telemetry/proc_read.h"
#include "telemetry/telemetry.h"

/* The largest VmHWM seen before a probe's own buffers came in. The probes and assay_memory_read are called by one thread. */
static int64_t hwm_before_scratch = -1;
static _Atomic uint64_t scratch_turns; /* odd: a buffer is there */

static int64_t kib_field(const char *path, const char *key)
{
	char text[8192];
	long n = assay_inv_read("", path, text, sizeof text);
	int64_t v = n < 0 ? -1 : assay_parse_keyed(text, (size_t)n, key);
	return v < 0 || v > INT64_MAX / 1024 ? -1 : v * 1024;
}

int64_t assay_memory_rss(void)
{
	char text[256];
	long n = assay_inv_read("", "/proc/self/statm", text, sizeof text);
	int64_t pages = n < 0 ? -1 : assay_parse_statm(text, (size_t)n);
	return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

void assay_memory_scratch_begin(void)
{
	int64_t hwm = kib_field("/proc/self/status", "VmHWM");
	if (hwm > hwm_before_scratch)
		hwm_before_scratch = hwm;
	atomic_fetch_add(&scratch_turns, 1);
}

void assay_memory_scratch_end(void)
{
	atomic_fetch_add(&scratch_turns, 1);
	FILE *f = fopen("/proc/self/clear_refs", "we"); /* 5 = set VmHWM to what is resident now: proc(5) */
	if (!f)
		return;
	fputc('5', f);
	fclose(f);
}

uint64_t assay_memory_scratch_mark(void)
{
	return atomic_load(&scratch_turns);
}

bool assay_memory_scratch_since(uint64_t mark)
{
	return (mark & 1) || atomic_load(&scratch_turns) != mark;
}

void assay_memory_read(struct assay_rec_memory *m)
{
	m->t_ns = assay_now_ns();
	/* statm counts lazily by CPU in newer kernels; the rollup is exact where it can be read. */
	m->rss_bytes = kib_field("/proc/self/smaps_rollup", "Rss");
	if (m->rss_bytes < 0)
		m->rss_bytes = assay_memory_rss();
	m->pss_bytes = kib_field("/proc/self/smaps_rollup", "Pss");
	m->hwm_bytes = kib_field("/proc/self/status", "VmHWM");
	if (m->hwm_bytes < hwm_before_scratch)
		m->hwm_bytes = hwm_before_scratch;
}
