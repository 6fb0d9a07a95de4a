/* Any bytes as a journal: never a crash, a leak or a read past the end. The first byte chooses: even = the
 * rest as it is; odd = with the frames' checksums made right first, so that the records behind them are reached. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "journal_repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assay_run run;
	struct assay_err e = ASSAY_ERR_INIT;
	if (size < 1)
		return 0;
	uint8_t *copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1 && size > 17)
		journal_repair(copy, size - 1);
	if (assay_journal_parse(copy, size - 1, &run, &e) == 0)
		assay_run_release(&run);
	free(copy);
	return 0;
}
