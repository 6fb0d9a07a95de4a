/* Chooses the kernel table; see kernels.h. */
#include "nn/kernels.h"

#include <string.h>

#include "base/cpu.h"

static const char *const names[] = { "auto", "scalar", "avx2", "avx512", "amx" };

const char *nn_isa_name(enum nn_isa i)
{
	return (unsigned)i < sizeof names / sizeof *names ? names[i] : "?";
}

int nn_isa_parse(const char *name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return (int)i;
	return -1;
}

bool nn_isa_available(enum nn_isa i)
{
	const struct assay_cpu *cpu = assay_cpu();
	switch (i) {
	case NN_ISA_AUTO:
	case NN_ISA_SCALAR:
		return true;
	case NN_ISA_AVX2:
		return cpu->avx2 && cpu->fma && cpu->f16c;
	case NN_ISA_AVX512:
		return cpu->avx512;
	case NN_ISA_AMX:
		return cpu->avx512 && cpu->amx_tile && cpu->amx_bf16;
	}
	return false;
}

const struct nn_kernels *nn_kernels_for(enum nn_isa isa)
{
	const struct nn_kernels *k = NULL;
	if (isa == NN_ISA_AUTO)
		isa = nn_isa_available(NN_ISA_AVX512) ? NN_ISA_AVX512 : nn_isa_available(NN_ISA_AVX2) ? NN_ISA_AVX2 : NN_ISA_SCALAR;
	if (!nn_isa_available(isa))
		return NULL;
	if (isa >= NN_ISA_AVX512)
		k = nn_kernels_avx512(assay_cpu()->avx512_bf16);
	else if (isa == NN_ISA_AVX2)
		k = nn_kernels_avx2();
	return isa == NN_ISA_SCALAR ? nn_kernels_scalar() : k;
}
