/* assay run JOB.yaml: a campaign is a list of steps, each one assay command in a process of its own with a result directory of its own. The
 * rooms of the verb: campaign_read.c (YAML to steps; touches no file), campaign_check.c (what can be refused before the first step), campaign.c (the
 * verb, the loop), campaign_step.c (one step), campaign_compare.c (a step against its baseline), campaign_kept.c (resuming). docs/campaigns.md is
 * the contract for users, docs/campaign.schema.json that of campaign.json. */
#ifndef ASSAY_CMD_CAMPAIGN_H
#define ASSAY_CMD_CAMPAIGN_H

#include <jansson.h>

#include "base/yaml.h"
#include "cmd/child.h"
#include "cmd/cmd.h"

enum { CMD_STEPS_MAX = 1000 };

extern const struct assay_opt cmd_campaign_options[];
int cmd_campaign(const struct assay_verb *v, int argc, char **argv);

/* One run of a step: of each combination of its matrix, of each repeat. */
struct cmd_step {
	char *base, *stem, *name;         /* as the job names it; "base.gpt2.bf16": of this combination; "base.gpt2.bf16.r2": unique, the directory */
	int repeat, repeats;              /* 1... */
	const json_t *spec;               /* its mapping in the job; borrowed */
	const struct assay_verb *verb;
	struct assay_options *o;          /* the verb's, set from defaults, step, matrix and --set */
	json_t *targets;                  /* rows written in the job itself, or NULL; owned */
	const json_t *args;               /* words after the options, or NULL; borrowed */
	int *needs, n_needs;              /* indices of earlier steps; owned */
	struct assay_options *compare;    /* of the verb compare, when this step is the last of its stem and is compared; else NULL */
	char *baseline;                   /* as given */
	bool baseline_optional;           /* no comparison where there is no such result */
	int baseline_step;                /* a step of that stem, -1: not of this job */
	bool selected;                    /* by --only, or needed by what is */
};

struct cmd_campaign {
	struct assay_yaml *yaml;
	char *name;                       /* owned */
	struct cmd_step *steps;
	int n;
};

/* Reads a job: path for messages and the default name. sets: "KEY=VALUE" or "STEP.KEY=VALUE", stronger than the job. baseline: instead of
 * the job's, for every step that is compared with something outside the job; NULL = the job's. ASSAY_E_USAGE with FILE:line:column. Release in either case. */
int cmd_campaign_parse(const char *text, size_t len_bytes, const char *path, const char *const *sets, int n_sets, const char *baseline, struct cmd_campaign *out, struct assay_err *e);
void cmd_campaign_release(struct cmd_campaign *c);
/* "FILE:line:column" of a step. */
const char *cmd_step_where(const struct cmd_campaign *c, const struct cmd_step *s);
/* The step's command: "assay VERB --key=value...", without the directory. */
void cmd_step_argv(const struct cmd_step *s, struct cmd_argv *out);
/* The file of the step's own targets, by their content: "NAME.targets-1f2e3d4c.json"; NULL when it has none. The caller frees. */
char *cmd_step_targets(const struct cmd_step *s);
bool cmd_step_has(const struct cmd_step *s, const char *option);

/* Whether its baseline is a step, a directory (a result, an earlier campaign) or a name that a result was kept under. */
bool cmd_step_has_baseline(const struct cmd_step *s);

/* Marks the steps that --only names (NULL: all) and what they need. */
int cmd_campaign_select(struct cmd_campaign *c, const char *only, struct assay_err *e);
/* Plans every selected step without opening an engine; with print a table of what would be measured. */
int cmd_campaign_check(const struct cmd_campaign *c, bool print, struct assay_err *e);

/* ---- running ---- */

/* campaign.json as it grows, and where. */
struct cmd_running {
	const struct cmd_campaign *c;
	char *dir;
	json_t *doc;
	FILE *out;                        /* a line a step: stdout, with --json stderr */
	bool goes_on[CMD_STEPS_MAX];      /* of a step that was stopped and whose verb can go on by itself (soak, sweep) */
};

/* The step's object of steps[]. Borrowed. */
json_t *cmd_step_doc(const struct cmd_running *r, int i);
/* Runs step i and notes what became of it. */
void cmd_step_run(struct cmd_running *r, int i);
/* Compares the repeats of step i's stem with its baseline; notes and prints it. */
void cmd_step_compare(struct cmd_running *r, int i);
/* DIR/name -> DIR/name.old-1, the first number that is free; 0 also when there is none. */
int cmd_campaign_aside(const char *dir, const char *name, struct assay_err *e);
/* Resuming: takes over from DIR/campaign.json what is finished and would be run again alike. *kept = steps. Others' leftovers are moved aside. */
int cmd_campaign_keep(struct cmd_running *r, int *kept, struct assay_err *e);

#endif
