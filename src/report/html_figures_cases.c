/* Every case with its spread, drawn as SVG; see html_figures.h. */
#include "base/json.h"
#include "report/face_data.h"
#include "report/html_figures.h"
#include "report/svg_figures.h"

enum { svg_bytes_most = 1 << 20 };

void html_figure_intervals(struct html_page *page, const json_t *result)
{
	static const char title[] = "End-to-end latency of every case";
	struct assay_buf svg;
	struct draw_table t;
	size_t i;
	json_t *p;
	char label[96];
	assay_buf_init(&svg, svg_bytes_most);
	if (!svg_intervals(result, "e2el_ms", NULL, &svg)) {
		html_no_figure(page, title, "no request ended", "Measure anything: assay latency");
		assay_buf_release(&svg);
		return;
	}
	draw_table_init(&t);
	draw_table_col(&t, "Experiment", false, 0);
	draw_table_col(&t, "Case", false, 0);
	draw_table_col(&t, "n", true, 0);
	draw_table_col(&t, "Mean ms", true, 0);
	draw_table_col(&t, "Std", true, 0);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		face_case(label, p);
		draw_table_cell(&t, "%s", assay_json_get_str(p, "experiment", "?"));
		draw_table_cell(&t, "%s", label);
		draw_table_cell(&t, "%lld", (long long)assay_json_get_int(face_metric(p, "e2el_ms"), "n", 0));
		face_number_cell(&t, p, "e2el_ms", "mean");
		face_number_cell(&t, p, "e2el_ms", "std");
	}
	html_figure_svg(page, "intervals", title, "Mean, its 95 % interval and the mean of each run (small ticks). Runs far apart, or an interval that ends in an arrow, ask for more runs.", &svg, &t);
	assay_buf_release(&svg);
}
