/* Makes mutated bytes (n >= 16) a journal whose checks hold (magic, lengths inside the data, zero fields, CRC), so that
 * a fuzzer reaches what reads the payloads. */
#ifndef ASSAY_FUZZ_JOURNAL_REPAIR_H
#define ASSAY_FUZZ_JOURNAL_REPAIR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/fs.h"

static inline void journal_repair(uint8_t *p, size_t n)
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

#endif
