/* The bytes of journal.bin, shared by its writer and its reader; nothing else knows them.
 *   file   = "ASSAYJ01" u32 version u32 0, then frames
 *   frame  = u32 payload length, u16 record type, u16 0, u32 crc32c, payload
 * Little-endian. The checksum covers the frame's first eight bytes and its payload. The payload of a
 * hot record is its struct of core/record.h, that of a cold one compact JSON. Format version 1.
 * A long run's journal goes on in further files of the same form, journal-001.bin and so on; each begins with a SEGMENT record
 * {index, before_bytes: the sum of the files before it}. A record never spans two files. */
#ifndef ASSAY_CORE_JOURNAL_FORMAT_H
#define ASSAY_CORE_JOURNAL_FORMAT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"

#define JOURNAL_FILE "journal.bin"
#define JOURNAL_SEGMENTS_MAX 100000u
#define JOURNAL_SEGMENT_BYTES (UINT64_C(64) << 20) /* a file of this size is the last of its kind: the next record opens another */
#define JOURNAL_MAGIC "ASSAYJ01"
#define JOURNAL_VERSION 1u
#define JOURNAL_START 16u                      /* bytes before the first frame */
#define JOURNAL_FRAME 12u                      /* bytes of a frame's head */
#define JOURNAL_JSON_MAX (UINT32_C(64) << 20)  /* largest cold record */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the journal is written as the machine holds it");

/* Name of segment i: journal.bin, journal-001.bin, ... */
static inline void journal_segment_name(uint32_t i, char out[32])
{
	if (i)
		snprintf(out, 32, "journal-%03u.bin", i);
	else
		snprintf(out, 32, JOURNAL_FILE);
}

static inline void journal_start_put(unsigned char out[JOURNAL_START])
{
	uint32_t v[2] = { JOURNAL_VERSION, 0 };
	memcpy(out, JOURNAL_MAGIC, 8);
	memcpy(out + 8, v, 8);
}

static inline uint32_t journal_crc(const unsigned char head[8], const void *payload, uint32_t n)
{
	return assay_crc32c(assay_crc32c(0, head, 8), payload, n);
}

static inline void journal_frame_put(unsigned char out[JOURNAL_FRAME], uint16_t type, const void *payload, uint32_t n)
{
	uint16_t t[2] = { type, 0 };
	memcpy(out, &n, 4);
	memcpy(out + 4, t, 4);
	uint32_t crc = journal_crc(out, payload, n);
	memcpy(out + 8, &crc, 4);
}

#endif
