/* The second half of S3's phase document: validation summary, the document's expectations of GPUs, findings, limitations,
 * recommendations, next steps, files, conclusion. Computes nothing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/face_data.h"
#include "report/face_findings.h"
#include "report/face_sections.h"
#include "report/legacy.h"
#include "report/legacy_text.h"

enum { LIMITATIONS = 8, BEST = 5 };

struct totals { int64_t offered, failed; size_t points, ok, limit; int met, missed; };

static struct totals totals_of(const json_t *result)
{
	struct totals t = { .points = json_array_size(json_object_get(result, "points")) };
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		t.offered += assay_json_get_int(json_object_get(p, "requests"), "offered", 0);
		t.failed += assay_json_get_int(json_object_get(p, "requests"), "failed", 0);
		t.ok += face_ok(p);
		t.limit += !strcmp(assay_json_get_str(p, "status", ""), "limit");
	}
	json_array_foreach(json_object_get(result, "targets"), i, p) {
		t.met += !strcmp(assay_json_get_str(p, "status", ""), "pass");
		t.missed += !strcmp(assay_json_get_str(p, "status", ""), "fail");
	}
	return t;
}

static const char *verdict_of(const json_t *result)
{
	return assay_json_get_str(json_object_get(result, "verdict"), "state", "?");
}

static void criterion(struct draw_table *t, const char *name, const char *status, const char *notes)
{
	draw_table_cell(t, "%s", name);
	draw_table_cell(t, "%s", status);
	draw_table_cell(t, "%s", notes);
}

/* Whether all of S3's seven criteria hold. */
static bool criteria(struct assay_buf *b, const json_t *result, const struct totals *n)
{
	struct draw_table t;
	char text[LEGACY_TEXT], engine[LEGACY_TEXT];
	double s = legacy_duration_s(result);
	bool whole = !assay_json_get_bool(result, "interrupted", false), ran = n->ok > 0, clean = !n->failed && whole, sane = strcmp(verdict_of(result), "INVALID") && !n->missed;
	assay_buf_puts(b, "## Validation Summary\n\n### Success Criteria\n\n");
	legacy_table(&t, "Criterion", "Status", "Notes", NULL);
	legacy_engine(engine, result);
	criterion(&t, "Environment setup complete", "Pass", engine);
	criterion(&t, "Benchmark modules load", "Pass", "the engine opened and told its capabilities");
	if (isnan(s))
		snprintf(text, sizeof text, "%zu of %zu cases measured, %zu found a limit; duration not measured: %s", n->ok, n->points, n->limit,
			 assay_json_get_str(json_object_get(result, "telemetry"), "reason", "the run has no end"));
	else
		snprintf(text, sizeof text, "%zu of %zu cases measured, %zu found a limit, in %.0f seconds", n->ok, n->points, n->limit, s);
	criterion(&t, "Quick benchmark runs", ran ? "Pass" : "FAIL", text);
	criterion(&t, "Report generation works", "Pass", "JSON and CSV beside this document");
	criterion(&t, "Data format valid", "Pass", "result.json follows docs/result.schema.json; assay verify recomputes every number");
	snprintf(text, sizeof text, "%lld requests, %lld failed%s", (long long)n->offered, (long long)n->failed, whole ? "" : "; interrupted");
	criterion(&t, "No errors or crashes", clean ? "Pass" : "FAIL", text);
	if (n->met + n->missed)
		snprintf(text, sizeof text, "verdict %.20s; %d of %d targets met", verdict_of(result), n->met, n->met + n->missed);
	else
		snprintf(text, sizeof text, "verdict %.20s; no target was judged (--targets s3-cpu)", verdict_of(result));
	criterion(&t, "Performance reasonable", !sane ? "FAIL" : n->met ? "Pass" : "not judged", text);
	markdown_table(b, &t);
	return ran && clean && sane;
}

/* ---- expectations ---- */
static void expectations(struct assay_buf *b, const json_t *result)
{
	static const struct { const char *name, *experiment, *key, *t4, *a100; } rows[] = {
		{ "TTFT", "latency", "ttft_ms", "100-200 ms (7-14x faster)", "50-100 ms (14-28x faster)" },
		{ "Tokens/s", "latency", "request_tok_s", "200-400 (6-12x faster)", "400-800 (12-24x faster)" },
		{ "Throughput", "throughput", "request_s", "10-20 req/s (8-15x faster)", "30-50 req/s (23-38x faster)" },
	};
	struct draw_table t;
	char text[LEGACY_TEXT];
	assay_buf_puts(b, "## CPU vs GPU Performance Expectations\n\n**The two right columns are the document's expectations, not measured.** Their factors are of the document's own CPU run of "
			  "GPT-2 (1,397 ms, 34 tokens/s, 1.28 req/s).\n\n");
	legacy_table(&t, "Metric", "This run", "Expected on a T4 (document, not measured)", "Expected on an A100 (document, not measured)");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		legacy_measured(text, face_first(result, rows[i].experiment), rows[i].experiment, rows[i].key, "mean");
		draw_table_cell(&t, "%s", rows[i].name);
		draw_table_cell(&t, "%s", text);
		draw_table_cell(&t, "%s", rows[i].t4);
		draw_table_cell(&t, "%s", rows[i].a100);
	}
	markdown_table(b, &t);
}

/* ---- observations ---- */
static void positive(struct assay_buf *b, const json_t *result, const struct totals *n)
{
	static const struct { const char *id, *name; } good[] = { { "consistency", "Consistent Results" }, { "acceptable", "Targets Met" } };
	int k = 0;
	assay_buf_puts(b, "## Observations and Notes\n\n### Positive Findings\n\n");
	if (n->ok && !n->failed)
		assay_buf_printf(b, "%d. **Stable Performance**: %lld requests, none failed\n", ++k, (long long)n->offered);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (legacy_yes(result, good[i].id)) {
			assay_buf_printf(b, "%d. **%s**: ", ++k, good[i].name);
			markdown_text(b, "", assay_json_get_str(face_finding(result, good[i].id), "answer", ""), "\n");
		}
	if (assay_json_get_int(json_object_get(result, "journal"), "records_lost", -1) == 0)
		assay_buf_printf(b, "%d. **Complete Reports**: no record was lost\n", ++k);
	const char *leak = assay_json_get_str(face_finding(result, "leak"), "answer", "");
	if (face_answered(face_finding(result, "leak")) && !strncmp(leak, "No", 2)) {
		assay_buf_printf(b, "%d. **No Memory Leaks**: ", ++k);
		markdown_text(b, "", leak, "\n");
	}
	assay_buf_puts(b, k ? "\n" : "None that this run proves.\n\n");
}

static void limitations(struct assay_buf *b, const json_t *result)
{
	const json_t *reasons = json_object_get(json_object_get(result, "verdict"), "reasons"), *list = json_object_get(result, "unavailable");
	int k = 0;
	size_t i, left = json_array_size(list);
	json_t *r;
	char text[LEGACY_TEXT];
	assay_buf_puts(b, "### Limitations\n\n");
	json_array_foreach((json_t *)reasons, i, r) {
		assay_buf_printf(b, "%d. ", ++k);
		markdown_text(b, "**", assay_json_get_str(r, "code", "?"), "**: ");
		markdown_text(b, "", assay_json_get_str(r, "measured", ""), " ");
		markdown_text(b, "(bound ", assay_json_get_str(r, "bound", "-"), ")\n");
	}
	if (!legacy_has_gpu(result)) {
		legacy_gpu(text, result);
		assay_buf_printf(b, "%d. ", ++k);
		markdown_text(b, "**No GPU Metrics**: ", text, "; vLLM and DeepSpeed need one\n");
	}
	json_array_foreach((json_t *)list, i, r) {
		if (i == LIMITATIONS)
			break;
		left--;
		assay_buf_printf(b, "%d. ", ++k);
		markdown_text(b, "**", assay_json_get_str(r, "what", "?"), "** not measured: ");
		markdown_text(b, "", assay_json_get_str(r, "reason", "?"), "\n");
	}
	if (left)
		assay_buf_printf(b, "%d. %zu more: `unavailable` in result.json\n", ++k, left);
	assay_buf_puts(b, k ? "\n" : "None found.\n\n");
}

static void recommendations(struct assay_buf *b, const json_t *result)
{
	const json_t *best[BEST];
	int n = face_best_findings(result, best, BEST), k = 0;
	size_t i;
	json_t *r;
	assay_buf_puts(b, "### Recommendations\n\n");
	json_array_foreach(json_object_get(json_object_get(result, "verdict"), "reasons"), i, r)
		if (*assay_json_get_str(r, "advice", "")) {
			assay_buf_printf(b, "%d. ", ++k);
			markdown_text(b, "", assay_json_get_str(r, "advice", ""), "\n");
		}
	for (int f = 0; f < n; f++) {
		const char *next = assay_json_get_str(best[f], "next_step", "");
		if (!*next || !strcmp(next, "nothing to do"))
			continue;
		assay_buf_printf(b, "%d. ", ++k);
		markdown_text(b, "", next, "\n");
	}
	assay_buf_puts(b, k ? "\n" : "None: nothing calls for action.\n\n");
}

/* ---- next steps ---- */
static void next_steps(struct assay_buf *b, const json_t *result)
{
	static const struct { const char *phase, *args; } rows[] = {
		{ "Phase 2, latency benchmarks (inputs 128, 512, 1024, 2048)", "latency --cases s3" }, { "Phase 3, memory benchmarks", "memory --runs 100" },
		{ "Phase 4, throughput benchmarks", "throughput --batch 1,2,4,8,16" }, { "Phase 5, all of it with report and analysis", "baseline --targets s3-cpu --legacy s3" },
	};
	const char *model = assay_json_get_str(json_object_get(result, "config"), "model", NULL), *engine = assay_json_get_str(json_object_get(result, "config"), "engine", NULL);
	assay_buf_puts(b, "## Next Steps\n\n");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[LEGACY_TEXT];
		snprintf(text, sizeof text, "assay %s%s%.80s%s%.80s", rows[i].args, model ? " -m " : "", model ? model : "", engine && strcmp(engine, "cpu") ? " -e " : "",
			 engine && strcmp(engine, "cpu") ? engine : "");
		assay_buf_printf(b, "%zu. **%s**: ", i + 1, rows[i].phase);
		markdown_text(b, "", text, "\n");
	}
	assay_buf_puts(b, legacy_has_gpu(result) ? "5. **GPU**: run the same with an engine that uses the GPU (assay engines)\n\n" :
						   "5. **GPU**: run the same commands on a machine that has one; these numbers tell of this CPU only\n\n");
}

void legacy_s3_judgement(struct assay_buf *b, const json_t *result, const char *report_name, const char *document_name)
{
	struct totals n = totals_of(result);
	bool all = criteria(b, result, &n);
	assay_buf_printf(b, "### Overall Assessment\n\n**%s**%s\n\n", all ? "VALIDATION SUCCESSFUL" : "VALIDATION FAILED",
			 all ? "" : ": see the criteria that say FAIL");
	expectations(b, result);
	positive(b, result, &n);
	limitations(b, result);
	recommendations(b, result);
	next_steps(b, result);
	assay_buf_puts(b, "## Files Generated\n\n");
	markdown_text(b, "1. `legacy/s3/", report_name, ".json` and `.csv`: the report\n");
	markdown_text(b, "2. `legacy/s3/", document_name, "`: this document\n3. `result.json`, `report.md`, `journal.bin`: everything, with definitions and every record\n\n");
	assay_buf_puts(b, "## Conclusion\n\n");
	assay_buf_printf(b, "Phase 1 %s: %zu of %zu cases measured, %lld requests, %lld failed; verdict ", all ? "is complete" : "did not pass", n.ok, n.points, (long long)n.offered,
			 (long long)n.failed);
	markdown_text(b, "", verdict_of(result), ".\n");
}
