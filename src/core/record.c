/* See record.h. */
#include "core/record.h"

uint32_t assay_rec_size(uint32_t type)
{
	switch (type) {
	case ASSAY_REC_VISIT:
	case ASSAY_REC_VISIT_END:
		return sizeof(struct assay_rec_visit);
	case ASSAY_REC_SUBMIT:
		return sizeof(struct assay_rec_submit);
	case ASSAY_REC_REQUEST:
		return sizeof(struct assay_rec_request);
	case ASSAY_REC_TOKEN:
		return sizeof(struct assay_rec_token);
	case ASSAY_REC_STEP:
		return sizeof(struct assay_rec_step);
	case ASSAY_REC_SAMPLE:
		return sizeof(struct assay_rec_sample);
	case ASSAY_REC_MEMORY:
		return sizeof(struct assay_rec_memory);
	case ASSAY_REC_CEILING:
		return sizeof(struct assay_rec_ceiling);
	default:
		return 0;
	}
}
