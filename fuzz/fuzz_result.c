/* Any records as a run: building the result document and drawing it never crashes, whatever the numbers and
 * texts in the journal are. Checksums are made right first, so that all input reaches the records. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void repair(uint8_t *p, size_t n)
{
	uint32_t len;
	memcpy(p, "ASSAYJ01\1\0\0\0\0\0\0\0", 16);
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
	static FILE *nowhere;
	struct assay_run run;
	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (size < 17)
		return 0;
	uint8_t *copy = malloc(size);
	memcpy(copy, data, size);
	repair(copy, size);
	if (assay_journal_parse(copy, size, &run, NULL) == 0) {
		json_t *doc = assay_result_build(&run);
		assay_face_terminal(doc, nowhere, 80, true);
		json_decref(doc);
		assay_run_release(&run);
	}
	free(copy);
	return 0;
}
