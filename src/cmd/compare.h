/* assay compare and assay pairs: option rows for the table of verbs, and what both share: the options of judging, results loaded, the face,
 * the exit status. */
#ifndef ASSAY_CMD_COMPARE_H
#define ASSAY_CMD_COMPARE_H

#include "analysis/compare.h"
#include "cmd/cmd.h"

enum { CMD_DOCS_MAX = 200, CMD_GATES_MAX = ASSAY_COMPARE_KEYS + 1 };

extern const struct assay_opt cmd_judge_options[], cmd_compare_options[], cmd_pairs_options[];
int cmd_compare(const struct assay_verb *v, int argc, char **argv);
int cmd_pairs(const struct assay_verb *v, int argc, char **argv);

/* Result documents of one side; owned. */
struct cmd_docs { json_t *list[CMD_DOCS_MAX]; size_t n; };
/* Appends DIR's result. ASSAY_E_USAGE. */
int cmd_docs_load(struct cmd_docs *d, const char *dir, struct assay_err *e);
void cmd_docs_release(struct cmd_docs *d);

/* How to judge: from cmd_judge_options. The options object must outlive it. */
struct cmd_judge {
	char *metrics_text, *fail_text;
	const char *metrics[ASSAY_COMPARE_KEYS + 1];
	struct assay_compare_options o;
	struct assay_gate gates[CMD_GATES_MAX];
	size_t n_gates;
};
int cmd_judge_read(struct cmd_judge *j, const struct assay_options *o, struct assay_err *e);
void cmd_judge_release(struct cmd_judge *j);
/* Fails with the one line that names every difference. */
int cmd_judge_refuse(const json_t *doc, struct assay_err *e);
/* What the document calls itself. */
#define CMD_COMPARISON_SCHEMA "assay.comparison/1"
/* The table, or with --json the document, on stdout. */
void cmd_judge_show(const json_t *doc, const struct assay_options *o);
/* 4, 1 or 0; says on stderr what is not sure. */
int cmd_judge_status(const struct cmd_judge *j, const json_t *doc, const struct cmd_docs *a, const struct cmd_docs *b, const struct assay_options *o);

#endif
