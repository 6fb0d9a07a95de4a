/* See record.h. */
#include "core/record.h"

_Static_assert(ASSAY_END_N <= sizeof ((struct assay_rec_window *)0)->ends / sizeof(uint32_t), "every end state has a place in a window");

uint32_t assay_rec_size(uint32_t type)
{
	switch (type) {
	case ASSAY_REC_VISIT:
	case ASSAY_REC_VISIT_END:
		return sizeof(struct assay_rec_visit);
	case ASSAY_REC_SUBMIT:
		return sizeof(struct assay_rec_submit);
	case ASSAY_REC_REQUEST:
	case ASSAY_REC_SERVED:
		return sizeof(struct assay_rec_request);
	case ASSAY_REC_TOKEN:
	case ASSAY_REC_SERVED_TOKEN:
		return sizeof(struct assay_rec_token);
	case ASSAY_REC_STEP:
		return sizeof(struct assay_rec_step);
	case ASSAY_REC_SAMPLE:
		return sizeof(struct assay_rec_sample);
	case ASSAY_REC_MEMORY:
		return sizeof(struct assay_rec_memory);
	case ASSAY_REC_CEILING:
		return sizeof(struct assay_rec_ceiling);
	case ASSAY_REC_WINDOW:
		return sizeof(struct assay_rec_window);
	case ASSAY_REC_DIST:
		return sizeof(struct assay_rec_dist);
	case ASSAY_REC_BUCKETS:
		return sizeof(struct assay_rec_buckets);
	default:
		return 0;
	}
}
