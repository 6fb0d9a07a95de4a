/* Any bytes as a journal: never a crash, a leak or a read past the end. The first byte chooses: even = the
 * rest as it is; odd = with the frames' checksums made right first, so that the records behind them are reached. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void repair(uint8_t *p, size_t n)
{
	uint32_t len;
	for (size_t at = 16; n >= at + 12; at += 12 + len) {
		memcpy(&len, p + at, 4);
		if (len > n - at - 12)
			len = (uint32_t)(n - at - 12);
		memcpy(p + at, &len, 4);
		memset(p + at + 6, 0, 2);
		uint32_t crc = assay_crc32c(assay_crc32c(0, p + at, 8), p + at + 12, len);
		memcpy(p + at + 8, &crc, 4);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assay_run run;
	struct assay_err e = ASSAY_ERR_INIT;
	if (size < 1)
		return 0;
	uint8_t *copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1 && size > 17) {
		memcpy(copy, "ASSAYJ01\1\0\0\0\0\0\0\0", 16);
		repair(copy, size - 1);
	}
	if (assay_journal_parse(copy, size - 1, &run, &e) == 0)
		assay_run_release(&run);
	free(copy);
	return 0;
}
