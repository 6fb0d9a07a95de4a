/* The table of verbs. Experiments come from their registry; tools are one file each. */
#include <string.h>

#include "cmd/baselines.h"
#include "cmd/campaign.h"
#include "cmd/cmd.h"
#include "cmd/compare.h"
#include "cmd/compare_engines.h"
#include "cmd/doctor.h"
#include "cmd/engines.h"
#include "cmd/generate.h"
#include "cmd/history.h"
#include "cmd/models.h"
#include "cmd/reproduce.h"
#include "cmd/show_result.h"
#include "cmd/sweep.h"
#include "experiment/experiment.h"

enum { EXPERIMENTS_MAX = 32 };

static const struct assay_opt *const models_tables[] = { cmd_models_options, NULL };
static const struct assay_opt *const engines_tables[] = { cmd_engines_options, NULL };
static const struct assay_opt *const doctor_tables[] = { cmd_doctor_options, NULL };
static const struct assay_opt *const generate_tables[] = { cmd_engine_options, cmd_generate_options, NULL };
static const struct assay_opt *const report_tables[] = { cmd_report_options, NULL };
static const struct assay_opt *const compare_tables[] = { cmd_judge_options, cmd_compare_options, NULL };
static const struct assay_opt *const reproduce_tables[] = { cmd_reproduce_options, NULL };
static const struct assay_opt *const history_tables[] = { cmd_history_options, NULL };
static const struct assay_opt *const baselines_tables[] = { cmd_baselines_options, NULL };
static const struct assay_opt *const verify_tables[] = { cmd_verify_options, NULL };
static const struct assay_opt *const pairs_tables[] = { cmd_judge_options, cmd_pairs_options, NULL };
static const struct assay_opt *const compare_engines_tables[] = { cmd_compare_engines_options, NULL };
static const struct assay_opt *const campaign_tables[] = { cmd_campaign_options, NULL };
static const struct assay_opt *const sweep_tables[] = { cmd_engine_options, cmd_common_options, cmd_sweep_options, NULL };
static const struct assay_opt *const explain_tables[] = { cmd_explain_options, NULL };
static const struct assay_opt *const no_tables[] = { NULL };

static const struct assay_verb tools[] = {
	{ "report", "DIR...", "write a result's faces again, or several results on one page; rebuild the result of a killed run from its journal", report_tables, cmd_report },
	{ "compare", "A B | A... -- B...", "say whether two results (or several a side) differ, metric by metric, and what could not have been seen", compare_tables, cmd_compare },
	{ "reproduce", "DIR", "run a result's command again, say whether it gives the same, and what was not the same around it", reproduce_tables, cmd_reproduce },
	{ "history", "DIR...", "follow the results below some folders over time: spread, changes of level, trend, what stands out", history_tables, cmd_history },
	{ "baselines", "list | show NAME | save NAME DIR | remove NAME", "results kept under a name, by machine: compare takes them by it", baselines_tables, cmd_baselines },
	{ "verify", "DIR", "recompute a result, or every result below a folder, from its journal and name every number and file that does not hold", verify_tables, cmd_verify },
	{ "pairs", NULL, "measure two configurations in turn until they are told apart, or shown to be equal", pairs_tables, cmd_pairs },
	{ "compare-engines", NULL, "measure several engines on the same work in turn, after seeing whether they give the same answers", compare_engines_tables, cmd_compare_engines },
	{ "run", "JOB.yaml", "run a whole campaign from a YAML job: several experiments, models, comparisons, each step a process of its own", campaign_tables, cmd_campaign },
	{ "sweep", NULL, "measure every combination of some options' values, and name the best", sweep_tables, cmd_sweep },
	{ "explain", "[METRIC...]", "say what a metric means", explain_tables, cmd_explain },
	{ "generate", NULL, "run the embedded engine once and print what it wrote", generate_tables, cmd_generate },
	{ "models", "list | show M | check DIR... | export M DIR", "models by name, their shapes and sizes; compare with reference logits; write one for other engines", models_tables, cmd_models },
	{ "engines", "[install NAME | check A B]", "list the engines, install one, or see whether two give the same answer", engines_tables, cmd_engines },
	{ "doctor", NULL, "look at this machine: what it is, how fast it reads and multiplies, what would disturb a measurement", doctor_tables, cmd_doctor },
	{ "completion", "bash", "print shell completion", no_tables, cmd_completion },
	{ "man", NULL, "print the man page", no_tables, cmd_man },
	{ "version", NULL, "say what was built", no_tables, cmd_version },
	{ "help", "[VERB]", "list the verbs, or show one's options", no_tables, cmd_help },
};
enum { TOOLS = sizeof tools / sizeof *tools };

const struct assay_verb *const *cmd_verbs(int *n)
{
	static struct assay_verb measuring[EXPERIMENTS_MAX];
	static const struct assay_opt *tables[EXPERIMENTS_MAX][4];
	static const struct assay_verb *all[EXPERIMENTS_MAX + TOOLS];
	static int count;
	if (!count) {
		int n_exp;
		const struct assay_experiment *const *x = assay_experiments(&n_exp);
		for (int i = 0; i < n_exp && i < EXPERIMENTS_MAX; i++) {
			tables[i][0] = cmd_engine_options;
			tables[i][1] = cmd_common_options;
			tables[i][2] = x[i]->options;
			measuring[i] = (struct assay_verb){ x[i]->name, NULL, x[i]->summary, tables[i], cmd_run_experiment };
			all[count++] = &measuring[i];
		}
		for (int i = 0; i < TOOLS; i++)
			all[count++] = &tools[i];
	}
	*n = count;
	return all;
}

const struct assay_verb *cmd_verb_find(const char *name, struct assay_err *e)
{
	int n;
	const struct assay_verb *const *verbs = cmd_verbs(&n);
	const char *names[EXPERIMENTS_MAX + TOOLS];
	for (int i = 0; i < n; i++) {
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
		names[i] = verbs[i]->name;
	}
	const char *near = assay_nearest(name, names, n);
	assay_fail(e, ASSAY_E_USAGE, "unknown verb \"%.60s\"%s%s%s; assay help lists all", name, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	return NULL;
}
