/* See cpu.h. */
#include "base/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct assay_cpu found;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
static uint64_t xgetbv0(void)
{
	uint32_t a, d;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return ((uint64_t)d << 32) | a;
}

static void detect(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
		return;
	uint64_t xcr = xgetbv0();
	bool ymm = (xcr & 0x6) == 0x6, zmm = (xcr & 0xe6) == 0xe6, tile = (xcr & 0x60000) == 0x60000;
	found.fma = ymm && (c & (1u << 12));
	found.f16c = ymm && (c & (1u << 29));
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return;
	found.avx2 = ymm && (b & (1u << 5));
	unsigned need = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
	found.avx512 = zmm && (b & need) == need;
	found.avx512_vnni = found.avx512 && (c & (1u << 11));
	found.avx512_fp16 = found.avx512 && (d & (1u << 23));
	found.amx_tile = tile && (d & (1u << 24));
	found.amx_bf16 = tile && (d & (1u << 22));
	found.amx_int8 = tile && (d & (1u << 25));
	if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
		found.avx_vnni = ymm && (a & (1u << 4));
		found.avx512_bf16 = found.avx512 && (a & (1u << 5));
	}
}
#else
static void detect(void)
{
}
#endif

const struct assay_cpu *assay_cpu(void)
{
	pthread_once(&once, detect);
	return &found;
}

void assay_cpu_isa_names(char *out, size_t size)
{
	const struct assay_cpu *f = assay_cpu();
	const struct { bool on; const char *name; } row[] = {
		{ f->avx2, "avx2" }, { f->fma, "fma" }, { f->f16c, "f16c" }, { f->avx_vnni, "avx_vnni" },
		{ f->avx512, "avx512" }, { f->avx512_bf16, "avx512_bf16" }, { f->avx512_vnni, "avx512_vnni" },
		{ f->avx512_fp16, "avx512_fp16" }, { f->amx_tile, "amx_tile" }, { f->amx_bf16, "amx_bf16" },
		{ f->amx_int8, "amx_int8" },
	};
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].on && n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "", row[i].name);
	if (!n)
		snprintf(out, size, "none");
}

int assay_cpu_count(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set))
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? n : 1;
}
