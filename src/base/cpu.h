/* What instructions this CPU and operating system can run. Read once, by CPUID
 * and XGETBV, never by CPU name. Used to choose kernels and for the inventory. */
#ifndef ASSAY_BASE_CPU_H
#define ASSAY_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

struct assay_cpu {
	bool avx2, fma, f16c;
	bool avx512;      /* F + BW + DQ + VL, and the OS saves zmm state */
	bool avx512_bf16, avx512_vnni, avx512_fp16, avx_vnni;
	bool amx_tile, amx_bf16, amx_int8; /* the CPU has them; permission is asked by whoever uses them */
};

const struct assay_cpu *assay_cpu(void);
/* Space-separated names of the above that hold ("avx2 fma ..."), or "none". */
void assay_cpu_isa_names(char *out, size_t size_bytes);
/* Number of CPUs that this process may run on (affinity mask), >= 1. */
int assay_cpu_count(void);

#endif
