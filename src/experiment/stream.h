/* A stream of requests under an open-ended load: made as they fall due, forgotten as they end, summed up window by window. Drives one run of a
 * load pattern (or a closed loop) through drive.c, in constant memory, and puts VISIT, WINDOW and SERVED records into the sink. Knows no verdict. */
#ifndef ASSAY_EXPERIMENT_STREAM_H
#define ASSAY_EXPERIMENT_STREAM_H

#include "experiment/session.h"
#include "experiment/texts.h"
#include "workload/lengths.h"
#include "workload/load_pattern.h"

struct assay_stream_config {
	const struct assay_load *load;         /* scaled; borrowed */
	uint32_t first_point;                  /* the POINT of the pattern's first item; the others follow */
	int32_t repeat[ASSAY_LOAD_ITEMS];      /* of the next visit of each item */
	int64_t window_ns;
	int64_t elapsed_ns;                    /* measured before (a resumed series) */
	uint32_t part, first_window, first_id; /* part 0, 1, ... of the series; both numbers go on rising */
	uint64_t first_index;                  /* of the requests: names their lengths and prompts */
	uint32_t most_live;                    /* arrivals beyond are refused (UNSENT) */
	uint32_t keep_tokens;                  /* stamps of one request in so many; 0 = of none */
	bool constant;                         /* arrivals evenly spaced; else Poisson */
	bool probe;
	struct assay_len_range prompt, output;
	const struct assay_texts *texts;       /* encoded; n = 0: prompts are seeded ids */
	struct assay_sampling sampling;
};

struct assay_stream_result {
	struct assay_drive_result drive;
	uint32_t next_window, next_id, next_point; /* point: of the phase that was on at the end */
	uint64_t next_index;
	int64_t elapsed_ns;
	int visits[ASSAY_LOAD_ITEMS];              /* of each item, begun in this run */
};

/* 0 also on interruption (result.drive.interrupted). */
int assay_stream_run(struct assay_session *s, const struct assay_stream_config *c, struct assay_stream_result *out, struct assay_err *e);

#endif
