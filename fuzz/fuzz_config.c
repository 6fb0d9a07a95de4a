/* libFuzzer: any bytes as config.json. What is accepted must be a shape that passes nn_shape_check. */
#include <stdint.h>
#include <stdlib.h>

#include "nn/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nn_shape s;
	struct assay_err e = ASSAY_ERR_INIT;
	if (nn_config_parse((const char *)data, size, "fuzz", &s, &e) == 0 && nn_shape_check(&s, &e))
		abort();
	return 0;
}
