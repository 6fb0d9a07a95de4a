/* The summary that a person reads first. Every line fits the width; text from outside is made harmless; the
 * verdict and its reasons stand last, where the eye is. Computes nothing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "draw/chart.h"
#include "draw/text.h"
#include "report/face_data.h"
#include "report/face_findings.h"
#include "report/face_sections.h"
#include "report/face_shapes.h"
#include "report/face_soak.h"
#include "report/report.h"

#define OUT_BYTES_MAX ((size_t)64 << 20)
#define UNAVAILABLE_SHOWN 6
#define NOT_MEASURED_SHOWN 3
#define FINDINGS_SHOWN 5

struct page { struct assay_buf b; int width; bool colour, utf8; int said; };

static const char *paint(const struct page *p, const char *code)
{
	return p->colour ? code : "";
}

static void line(struct page *p, const char *first, const char *rest, const char *text)
{
	draw_text_wrap(&p->b, text, first, rest, p->width);
}

static void title(struct page *p, const char *text)
{
	assay_buf_printf(&p->b, "\n%s", paint(p, "\033[1m"));
	line(p, "", "  ", text);
	assay_buf_puts(&p->b, paint(p, "\033[0m"));
}

static void say_line(void *arg, const char *text)
{
	line(arg, "", "  ", text);
}

static void say_bullet(void *arg, const char *text)
{
	line(arg, "- ", "  ", text);
}

/* The first few cases of a section that were not measured; the rest is counted. */
static void say_not_measured(void *arg, const char *text)
{
	struct page *p = arg;
	if (p->said++ < NOT_MEASURED_SHOWN)
		say_bullet(p, text);
}

static void head(struct page *p, const json_t *result)
{
	const json_t *engine = json_object_get(result, "engine"), *cpu = json_object_get(json_object_get(result, "machine"), "cpu");
	const char *dtype = assay_json_get_str(json_object_get(result, "model"), "dtype", NULL);
	char text[700];
	snprintf(text, sizeof text, "assay %.40s: %.200s%s%.20s%s on engine %.40s", assay_json_get_str(result, "experiment", "?"), face_model(result), dtype ? " (" : "", dtype ? dtype : "",
		dtype ? ")" : "", assay_json_get_str(engine, "name", "?"));
	assay_buf_puts(&p->b, paint(p, "\033[1m"));
	line(p, "", "  ", text);
	assay_buf_puts(&p->b, paint(p, "\033[0m"));
	snprintf(text, sizeof text, "%.200s, %lld cores", assay_json_get_str(cpu, "model", "CPU unknown"), (long long)assay_json_get_int(cpu, "cores", 0));
	line(p, "", "  ", text);
	if (face_synthetic(result))
		line(p, "", "", FACE_SYNTHETIC);
	struct assay_buf labels;
	assay_buf_init(&labels, (size_t)1 << 20);
	if (face_labels(&labels, result))
		line(p, "", "  ", labels.data);
	assay_buf_release(&labels);
}

/* S4's lines; a bar behind each batch size, all on one scale, where there is room for it. */
static void s4_lines(struct page *p, const json_t *result)
{
	const json_t *points = json_object_get(result, "points"), *batch[64];
	char text[64][160];
	double most = 0;
	int n = 0, widest = 0;
	size_t i;
	json_t *x;
	if (face_has(result, "latency") || face_has(result, "throughput"))
		assay_buf_puts(&p->b, "\n");
	face_s4_latency(result, say_line, p);
	json_array_foreach((json_t *)points, i, x) {
		if (n == 64 || !face_s4_batch(text[n], x))
			continue;
		most = fmax(most, face_stat(x, "output_tok_s", "mean"));
		widest = (int)strlen(text[n]) > widest ? (int)strlen(text[n]) : widest;
		batch[n++] = x;
	}
	int room = p->width - widest - 2 < 32 ? p->width - widest - 2 : 32;
	for (int k = 0; k < n; k++) {
		if (n < 2 || room < 8) {
			line(p, "", "  ", text[k]);
			continue;
		}
		assay_buf_printf(&p->b, "%-*s  ", widest, text[k]);
		draw_chart_bar(&p->b, face_stat(batch[k], "output_tok_s", "mean") / most, room, p->utf8);
		assay_buf_puts(&p->b, "\n");
	}
}

/* Under a table: the shape of single requests' times, of each run's throughput. */
static void shapes(struct page *p, const json_t *result, const char *experiment)
{
	static const char *const keys[] = { "ttft_ms", "itl_ms", "e2el_ms" };
	const json_t *one = face_first(result, experiment);
	if (!strcmp(experiment, "latency"))
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			face_shape_distribution(&p->b, one, keys[k], p->width, p->utf8);
	if (!strcmp(experiment, "offline"))
		face_shape_over_time(&p->b, one, p->width, p->utf8);
}

static void sections(struct page *p, const json_t *result)
{
	int n;
	const struct face_section *s = face_sections(&n);
	for (int i = 0; i < n; i++) {
		struct draw_table t;
		if (!face_has(result, s[i].experiment))
			continue;
		char text[160];
		face_title(text, result, &s[i]);
		title(p, text);
		draw_table_init(&t);
		s[i].fill(result, s[i].experiment, &t);
		if (draw_table_rows(&t))
			draw_table_text(&t, &p->b, p->width, p->colour);
		else
			say_bullet(p, FACE_NO_NUMBERS);
		draw_table_release(&t);
		shapes(p, result, s[i].experiment);
		if (!strcmp(s[i].experiment, "soak")) {
			face_soak_shapes(&p->b, result, p->width, p->utf8);
			face_soak_sentences(result, say_bullet, p);
		}
		p->said = 0;
		face_not_measured(result, s[i].experiment, say_not_measured, p);
		if (p->said > NOT_MEASURED_SHOWN) {
			snprintf(text, sizeof text, "and %d more: report.md", p->said - NOT_MEASURED_SHOWN);
			say_bullet(p, text);
		}
	}
	face_dropped(result, say_line, p);
	face_commands(result, say_line, p);
	if (face_has_marks(result))
		line(p, "", "  ", "* n < floor: a percentile at 99 % confidence needs n of 64 (P90), 130 (P95), 662 (P99)");
}

/* The few answers that a person wants first; the rest is in report.md. */
static void findings(struct page *p, const json_t *result)
{
	const json_t *best[FINDINGS_SHOWN];
	int n = face_best_findings(result, best, FINDINGS_SHOWN);
	if (!n)
		return;
	title(p, strcmp(assay_json_get_str(json_object_get(result, "verdict"), "state", ""), "INVALID") ? "Findings" : "Findings (of a run that is INVALID: see the verdict)");
	for (int i = 0; i < n; i++) {
		char text[1200];
		snprintf(text, sizeof text, "%.640s (confidence %.10s)", assay_json_get_str(best[i], "answer", ""), assay_json_get_str(best[i], "confidence", "?"));
		say_bullet(p, text);
	}
}

static void targets(struct page *p, const json_t *result)
{
	struct draw_table t;
	if (!json_array_size(json_object_get(result, "targets")))
		return;
	title(p, "Targets");
	draw_table_init(&t);
	face_targets_table(result, &t);
	draw_table_text(&t, &p->b, p->width, p->colour);
	draw_table_release(&t);
}

static void unavailable(struct page *p, const json_t *result)
{
	const json_t *list = json_object_get(result, "unavailable");
	size_t n = json_array_size(list);
	char text[600];
	if (!n)
		return;
	snprintf(text, sizeof text, "Not available here (%zu)", n);
	title(p, text);
	for (size_t i = 0; i < n && i < UNAVAILABLE_SHOWN; i++) {
		const json_t *u = json_array_get(list, i);
		snprintf(text, sizeof text, "%.100s: %.400s", assay_json_get_str(u, "what", "?"), assay_json_get_str(u, "reason", "?"));
		say_bullet(p, text);
	}
	if (n > UNAVAILABLE_SHOWN) {
		snprintf(text, sizeof text, "and %zu more: unavailable[] in result.json", n - UNAVAILABLE_SHOWN);
		say_bullet(p, text);
	}
}

static void reason(struct page *p, const json_t *r)
{
	char text[700];
	const char *bound = assay_json_get_str(r, "bound", ""), *advice = assay_json_get_str(r, "advice", "");
	snprintf(text, sizeof text, "%s %s: %s%s%s%s", assay_json_get_str(r, "state", "?"), assay_json_get_str(r, "code", "?"), assay_json_get_str(r, "measured", ""),
		*bound ? " (bound " : "", bound, *bound ? ")" : "");
	line(p, "- ", "  ", text);
	if (*advice)
		line(p, "  ", "  ", advice);
}

static void verdict(struct page *p, const json_t *result)
{
	const json_t *v = json_object_get(result, "verdict");
	const char *state = assay_json_get_str(v, "state", "?");
	const char *colour = !strcmp(state, "VALID") ? "\033[1;32m" : !strcmp(state, "CAUTION") ? "\033[1;33m" : "\033[1;31m";
	size_t i;
	json_t *r;
	char text[80];
	snprintf(text, sizeof text, "Verdict: %.20s", state);
	assay_buf_printf(&p->b, "\n%s", paint(p, colour));
	line(p, "", "", text);
	assay_buf_puts(&p->b, paint(p, "\033[0m"));
	json_array_foreach(json_object_get(v, "reasons"), i, r)
		reason(p, r);
	if (assay_json_get_bool(result, "interrupted", false))
		line(p, "", "  ", "Interrupted: these are the results up to then.");
}

void assay_face_terminal(const json_t *result, FILE *out, const struct assay_term *t)
{
	struct page p = { .width = t->width < 20 ? 20 : t->width, .colour = t->colour, .utf8 = t->utf8 };
	assay_buf_init(&p.b, OUT_BYTES_MAX);
	head(&p, result);
	s4_lines(&p, result);
	sections(&p, result);
	targets(&p, result);
	findings(&p, result);
	unavailable(&p, result);
	verdict(&p, result);
	line(&p, "", "  ", "What a number means: assay explain KEY, e.g. assay explain ttft_ms");
	fwrite(p.b.data, 1, p.b.len_bytes, out);
	assay_buf_release(&p.b);
}
