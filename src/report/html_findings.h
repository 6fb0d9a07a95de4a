/* The section "Findings" of report.html. Computes nothing. */
#ifndef ASSAY_REPORT_HTML_FINDINGS_H
#define ASSAY_REPORT_HTML_FINDINGS_H

#include "draw/html.h"

/* The answers in short, then every answer with its evidence (links to the rows "point-N"), then what is open, folded. */
void html_findings(struct html_page *p, const json_t *result);

#endif
