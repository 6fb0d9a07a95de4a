/* What is written about a campaign (assay run): campaign.json, and from it and the results of its steps summary.md, junit.xml and results.jsonl.
 * docs/campaign.schema.json is the form of the document. Computes nothing that is not in it or in a result. */
#ifndef ASSAY_REPORT_CAMPAIGN_H
#define ASSAY_REPORT_CAMPAIGN_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

#define ASSAY_CAMPAIGN_SCHEMA "assay.campaign/1"

/* DIR/campaign.json, atomically. */
int assay_campaign_save(const char *dir, const json_t *campaign, struct assay_err *e);
/* New reference; ASSAY_E_USAGE when it is not there or no such document. */
json_t *assay_campaign_load(const char *dir, struct assay_err *e);
/* The three faces; the text of summary.md is also appended to *summary. */
int assay_campaign_faces(const char *dir, const json_t *campaign, struct assay_buf *summary, struct assay_err *e);

/* The numbers of a result that fit on a line: "TTFT 64.2 ms, TPOT 7.10 ms, 127.0 tok/s (128 -> 100; 6 cases)"; empty when nothing was measured. */
void assay_campaign_headline(const json_t *result, char out[200]);
/* What a sweep or pairs in DIR found, in a line: "best in output_tok_s: batch=4"; false when DIR holds neither. */
bool assay_campaign_note(const char *dir, char out[300]);
/* The same of a comparison: "ttft_ms +5.2% SLOWER, tpot_ms +0.1% SAME". */
void assay_campaign_effects(const json_t *comparison, char out[400]);

#endif
