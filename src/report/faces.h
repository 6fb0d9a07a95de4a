/* The registry's rows; faces.c lists them. */
#ifndef ASSAY_REPORT_FACES_H
#define ASSAY_REPORT_FACES_H

#include "report/report.h"

extern const struct assay_face face_markdown, face_html, face_csv, face_junit, face_summary, face_jsonl, face_openmetrics, legacy_s0, legacy_s2, legacy_s3, legacy_s4;
extern const struct assay_face definitions_vllm, definitions_sglang, definitions_guidellm, definitions_aiperf, definitions_llmperf;

#endif
