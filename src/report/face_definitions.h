/* A result under another tool's definitions, on a terminal. The files are faces (faces.h: definitions_*). */
#ifndef ASSAY_REPORT_FACE_DEFINITIONS_H
#define ASSAY_REPORT_FACE_DEFINITIONS_H

#include <stdio.h>

#include "base/term.h"
#include "core/run.h"

/* tool: a name of metrics/other_tools. */
void assay_definitions_terminal(const char *tool, const json_t *result, const struct assay_run *run, FILE *out, const struct assay_term *term);

#endif
