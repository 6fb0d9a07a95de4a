/* The hand-written list of faces. */
#include "report/faces.h"

const struct assay_face *const *assay_faces(int *n)
{
	static const struct assay_face *const list[] = { &face_markdown, &face_html, &face_csv, &face_junit, &face_summary, &face_jsonl, &face_openmetrics, &legacy_s0, &legacy_s2, &legacy_s3, &legacy_s4,
		&definitions_vllm, &definitions_sglang, &definitions_guidellm, &definitions_aiperf, &definitions_llmperf };
	*n = (int)(sizeof list / sizeof *list);
	return list;
}
