/* libFuzzer: any bytes as a .safetensors file. What is accepted must describe bytes inside the file, in order. */
#include <stdint.h>
#include <stdlib.h>

#include "nn/st_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nn_st_header h;
	struct assay_err e = ASSAY_ERR_INIT;
	if (nn_st_header_parse(data, size, size, "fuzz", &h, &e) == 0)
		for (size_t i = 0; i < h.n; i++)
			if (h.tensor[i].begin > h.tensor[i].end || h.tensor[i].end > size || (i && h.tensor[i].begin != h.tensor[i - 1].end))
				abort();
	nn_st_header_release(&h);
	return 0;
}
