/* summary.md of a campaign, gathered step by step. Internal to campaign.c. */
#ifndef ASSAY_REPORT_CAMPAIGN_SUMMARY_H
#define ASSAY_REPORT_CAMPAIGN_SUMMARY_H

#include <jansson.h>

#include "draw/table.h"

struct campaign_summary { struct draw_table steps, comparisons; struct assay_buf trouble, said, details; };

void campaign_summary_init(struct campaign_summary *s);
/* result NULL: none. */
void campaign_summary_step(struct campaign_summary *s, const char *dir, const json_t *step, const json_t *result);
/* The whole text; releases s. */
void campaign_summary_print(struct campaign_summary *s, const json_t *campaign, struct assay_buf *out);

/* The document of a step's comparison, or NULL. New reference. */
json_t *campaign_comparison(const char *dir, const json_t *step);

#endif
