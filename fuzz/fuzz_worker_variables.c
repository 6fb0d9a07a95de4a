/* libFuzzer target: any text as a worker's NAME.env.json; what is accepted makes an environment. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/worker_variables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const opts[] = { "kv_gib=3", "processes=one" };
	const struct worker_given given = { .python = "/usr/bin/env", .threads = 1, .opts = opts, .n_opts = 2 };
	json_t *out = NULL;
	if (!worker_variables_parse((const char *)data, size, "fuzz", &given, &out, NULL)) {
		char **block = worker_variables_block(out);
		free(block);
		json_decref(out);
	}
	return 0;
}
