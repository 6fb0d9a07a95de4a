/* How many floating-point operations per second this CPU's matrix-product instruction reaches: independent
 * multiply-adds in registers, on every thread at once. That is the ceiling a perfect matrix product tends to; a library's
 * product is no ceiling (oneDNN 2.6 reaches 80 % of it, our own kernels pass it, and a utilisation over 100 % says nothing).
 * bf16 takes the best of AMX, vdpbf16ps and widening to f32, because on some CPUs vdpbf16ps is slower than plain FMA. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/cpu.h"
#include "telemetry/probe_team.h"
#include "telemetry/telemetry.h"

#define LANES 16       /* independent chains: more than latency x issue width of any CPU known */
#define ROUNDS 20000   /* a pass of 30 to 200 us */

typedef double (*flop_loop)(void); /* runs once, returns the operations done */

/* Keeps the result alive without storing it. */
#define SINK(x) __asm__ volatile("" : : "m"(x))

static double loop_scalar(void)
{
	float acc[LANES], a = 0.999f, b = 0.001f;
	for (int i = 0; i < LANES; i++)
		acc[i] = (float)i;
	for (int r = 0; r < ROUNDS / 8; r++) {
		for (int i = 0; i < LANES; i++)
			acc[i] = acc[i] * a + b;
		__asm__ volatile("" : "+m"(acc));
	}
	SINK(acc);
	return 2.0 * LANES * (ROUNDS / 8);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static double loop_fma256(void)
{
	__m256 acc[12], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
	for (int i = 0; i < 12; i++)
		acc[i] = _mm256_set1_ps((float)i);
	for (int r = 0; r < ROUNDS; r++)
#pragma GCC unroll 12
		for (int i = 0; i < 12; i++)
			acc[i] = _mm256_fmadd_ps(acc[i], a, b);
	SINK(acc);
	return 2.0 * 8 * 12 * ROUNDS;
}

__attribute__((target("avx512f"))) static double loop_fma512(void)
{
	__m512 acc[LANES], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
	for (int i = 0; i < LANES; i++)
		acc[i] = _mm512_set1_ps((float)i);
	for (int r = 0; r < ROUNDS; r++)
#pragma GCC unroll 16
		for (int i = 0; i < LANES; i++)
			acc[i] = _mm512_fmadd_ps(acc[i], a, b);
	SINK(acc);
	return 2.0 * 16 * LANES * ROUNDS;
}

__attribute__((target("avx512f,avx512bf16"))) static double loop_bf16dot(void)
{
	__m512 acc[LANES];
	__m512bh a = (__m512bh)_mm512_set1_epi16(0x3c23), b = (__m512bh)_mm512_set1_epi16(0x3c23); /* about 0.01 */
	for (int i = 0; i < LANES; i++)
		acc[i] = _mm512_set1_ps((float)i);
	for (int r = 0; r < ROUNDS; r++)
#pragma GCC unroll 16
		for (int i = 0; i < LANES; i++)
			acc[i] = _mm512_dpbf16_ps(acc[i], a, b);
	SINK(acc);
	return 2.0 * 32 * LANES * ROUNDS;
}

/* Palette 1, tiles 0-7 of 16 rows x 64 bytes: C 0-3, A 4-5, B 6-7 (Intel SDM 1, 18.3). */
static const struct { uint8_t palette, start_row, reserved[14]; uint16_t column_bytes[16]; uint8_t rows[16]; }
	amx_config __attribute__((aligned(64))) = { .palette = 1, .column_bytes = { 64, 64, 64, 64, 64, 64, 64, 64 }, .rows = { 16, 16, 16, 16, 16, 16, 16, 16 } };

__attribute__((target("amx-tile,amx-bf16"))) static double loop_amx(void)
{
	__asm__ volatile("ldtilecfg %0" : : "m"(amx_config) : "memory");
	for (int r = 0; r < ROUNDS / 8; r++)
		__asm__ volatile("tdpbf16ps %tmm6, %tmm4, %tmm0\n\ttdpbf16ps %tmm7, %tmm4, %tmm1\n\t"
		                 "tdpbf16ps %tmm6, %tmm5, %tmm2\n\ttdpbf16ps %tmm7, %tmm5, %tmm3");
	__asm__ volatile("tilerelease");
	return 2.0 * 16 * 16 * 32 * 4 * (ROUNDS / 8);
}

/* Tile state needs the kernel's permission, once a process (arch_prctl ARCH_REQ_XCOMP_PERM, feature 18). */
static int amx_allowed(void)
{
	return assay_cpu()->amx_tile && assay_cpu()->amx_bf16 && !syscall(SYS_arch_prctl, 0x1023, 18);
}
#endif

static flop_loop best_f32(void)
{
#if defined(__x86_64__)
	if (assay_cpu()->avx512)
		return loop_fma512;
	if (assay_cpu()->avx2 && assay_cpu()->fma)
		return loop_fma256;
#endif
	return loop_scalar;
}

static double one_pass(void *arg, int index, int n)
{
	flop_loop loop;
	(void)index;
	(void)n;
	memcpy(&loop, arg, sizeof loop);
	return loop();
}

static double peak(flop_loop loop, int threads, int64_t budget_ns)
{
	return assay_probe_team_run(threads, NULL, one_pass, &loop, budget_ns); /* operations per ns = GFLOP/s */
}

double assay_probe_gemm_gflop_s(int threads, int bf16, int64_t budget_ns)
{
	if (!bf16)
		return peak(best_f32(), threads, budget_ns);
#if defined(__x86_64__)
	if (amx_allowed())
		return peak(loop_amx, threads, budget_ns);
	if (assay_cpu()->avx512_bf16)
		return fmax(peak(loop_bf16dot, threads, budget_ns / 2), peak(loop_fma512, threads, budget_ns / 2));
#endif
	return 0;
}
