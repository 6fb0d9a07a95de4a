/* The figures of report.html, each drawn from what the document holds or replaced by a line that says why it is not there and how
 * to get it. In the order of the report. Computes nothing but where to draw. */
#ifndef ASSAY_REPORT_HTML_FIGURES_H
#define ASSAY_REPORT_HTML_FIGURES_H

#include "draw/html.h"

/* html_figures_scale.c: how speed goes with batch and lengths. */
void html_figure_throughput(struct html_page *p, const json_t *result);
void html_figure_speedup(struct html_page *p, const json_t *result);
void html_figure_prompt(struct html_page *p, const json_t *result);
void html_figure_output(struct html_page *p, const json_t *result);
void html_figure_heat(struct html_page *p, const json_t *result);
void html_figure_tradeoff(struct html_page *p, const json_t *result);
/* html_figures_time.c: how single values spread, and what went on during a run. */
void html_figure_ecdf(struct html_page *p, const json_t *result);
void html_figure_histogram(struct html_page *p, const json_t *result, const char *key);
void html_figure_itl(struct html_page *p, const json_t *result);
void html_figure_output_rate(struct html_page *p, const json_t *result);
void html_figure_running(struct html_page *p, const json_t *result);
void html_figure_kv(struct html_page *p, const json_t *result);
/* html_figures_machine.c: what the hardware was used for. */
void html_figure_roofline(struct html_page *p, const json_t *result);
void html_figure_memory(struct html_page *p, const json_t *result);
void html_figure_memory_time(struct html_page *p, const json_t *result);
void html_figure_use(struct html_page *p, const json_t *result);
void html_figure_ceilings(struct html_page *p, const json_t *result);
/* html_figures_cases.c: every case with its spread. */
void html_figure_intervals(struct html_page *p, const json_t *result);

/* html_figures_soak.c: hours of load; nothing where the result has no soak{}. */
void html_figures_soak(struct html_page *p, const json_t *result);

/* Shared by them: analysis.fits[] by id, or NULL; the reason that the document gives for what it has not, or `otherwise`. */
const json_t *html_fit(const json_t *result, const char *id);
const char *html_reason(const json_t *reasons, const char *key, const char *otherwise);

#endif
