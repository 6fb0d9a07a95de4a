/* libFuzzer target: the sim engine's input file. */
#include <stddef.h>
#include <stdint.h>

#include "engine/sim_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assay_sim_spec s;
	struct assay_err e = ASSAY_ERR_INIT;
	assay_sim_parse((const char *)data, size, "fuzz", &s, &e);
	assay_sim_spec_release(&s);
	return 0;
}
