/* What the exports in other suites' formats share. Their fields, order and units are those suites'; what they
 * name and this run could not measure is null (formats.md), never 0, save where the format itself pads. */
#ifndef ASSAY_REPORT_LEGACY_H
#define ASSAY_REPORT_LEGACY_H

#include <jansson.h>

#include "base/err.h"
#include "core/run.h"

/* `created` of the result as those suites write local times. */
struct legacy_time {
	char iso[32];      /* 2026-01-28T17:01:52.123456 */
	char plain[32];    /* 2026-01-28 17:01:52 */
	char compact[32];  /* 20260128_170152 */
};
struct legacy_time legacy_time(const json_t *result);
/* The same zone's time at t_ns of the run's clock; `created` where the clock is virtual or was not recorded. */
struct legacy_time legacy_time_at(const json_t *result, const struct assay_run *run, int64_t t_ns);

/* Model name with everything but letters, digits, '.', '-', '_' replaced by '_'; the caller frees. */
char *legacy_slug(const json_t *result);
/* A real, or null where x is not finite: assay_json_real(face_stat(...)). */
json_t *legacy_stat(const json_t *point, const char *key, const char *stat);
/* linear or floor_index percentile of a metric. */
json_t *legacy_pct(const json_t *point, const char *key, const char *method, const char *pct);
/* The measured point of most requests a run: throughput's largest batch, else the offline batch, else single requests; NULL = none. */
const json_t *legacy_batch_point(const json_t *result);
/* true when the machine has a GPU that the inventory could read. */
int legacy_has_gpu(const json_t *result);

/* Writes DIR/legacy/SUB/NAME, making the folders. The JSON variant prints with indent 2 and takes the reference. */
int legacy_write(const char *dir, const char *sub, const char *name, const char *data, size_t n, struct assay_err *e);
int legacy_write_json(const char *dir, const char *sub, const char *name, json_t *steal, struct assay_err *e);

#endif
