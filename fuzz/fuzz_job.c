/* libFuzzer target: any bytes as a job of assay run, then every step's command. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cmd/campaign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sets[] = { "runs=3", "a.seed=1" };
	struct cmd_campaign c;
	struct assay_err e = ASSAY_ERR_INIT;
	bool set = size && data[size - 1] % 2;
	if (!cmd_campaign_parse((const char *)data, size, "f", sets, set ? 2 : 0, NULL, &c, &e))
		for (int i = 0; i < c.n; i++) {
			struct cmd_argv argv = { 0 };
			cmd_step_argv(&c.steps[i], &argv);
			if (argv.n < 2 || !cmd_step_where(&c, &c.steps[i]))
				abort();
			cmd_argv_release(&argv);
		}
	cmd_campaign_release(&c);
	return 0;
}
