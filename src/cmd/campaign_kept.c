/* Going on with a campaign: what is finished and would be run again by the same words is kept; what a killed run left of a step is moved aside. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "cmd/campaign.h"
#include "report/campaign.h"
#include "report/report.h"

enum { ASIDE_MAX = 1000 };

static const json_t *find(const json_t *old, const char *name)
{
	return assay_json_find(json_object_get(old, "steps"), "name", name);
}

/* A word that the campaign itself adds; *targets: that of the step's own targets, as they are now. */
static bool is_added(const char *word, const char *targets, bool *has_targets)
{
	const char *slash = strrchr(word, '/');
	if (targets && !strncmp(word, "--targets=", 10) && slash && !strcmp(slash + 1, targets))
		return *has_targets = true;
	return !strcmp(word, "--no-progress") || !strncmp(word, "--output=", 9) || !strncmp(word, "--resume", 8);
}

/* The old command but for what the campaign itself adds. */
static bool same_command(const struct cmd_step *s, const json_t *old)
{
	const json_t *words = json_object_get(old, "command");
	char *targets = cmd_step_targets(s);
	bool has_targets = false;
	struct cmd_argv argv = { 0 };
	cmd_step_argv(s, &argv);
	bool same = json_array_size(words) >= (size_t)argv.n;
	for (int i = 0; same && i < argv.n; i++) {
		const char *word = json_string_value(json_array_get(words, (size_t)i));
		same = word && !strcmp(word, argv.list[i]);
	}
	for (size_t i = (size_t)argv.n; same && i < json_array_size(words); i++) {
		const char *word = json_string_value(json_array_get(words, i));
		same = word && is_added(word, targets, &has_targets);
	}
	same = same && has_targets == (targets != NULL);
	free(targets);
	cmd_argv_release(&argv);
	return same;
}

/* Its result is still the one that was noted. */
static bool holds(const struct cmd_running *r, const struct cmd_step *s, const json_t *old)
{
	const char *id = assay_json_get_str(json_object_get(old, "result"), "id", NULL);
	struct assay_err ignored = ASSAY_ERR_INIT;
	char *dir = xasprintf("%s/%s", r->dir, s->name);
	json_t *result = id ? assay_result_load(dir, &ignored) : NULL;
	bool ok = id ? result && !strcmp(assay_json_get_str(result, "id", ""), id) : !cmd_step_has(s, "output") || assay_fs_is_dir(dir);
	json_decref(result);
	free(dir);
	return ok;
}

int cmd_campaign_aside(const char *dir, const char *name, struct assay_err *e)
{
	char *from = xasprintf("%s/%s", dir, name);
	int rc = 0;
	for (int k = 1; assay_fs_exists(from) && k < ASIDE_MAX && !rc; k++) {
		char *to = xasprintf("%s.old-%d", from, k);
		if (!assay_fs_exists(to) && rename(from, to))
			rc = assay_fail(e, ASSAY_E_IO, "%s: cannot rename: %s", from, strerror(errno));
		free(to);
	}
	free(from);
	return rc;
}

/* Stopped in the middle of what its verb can resume. One that failed begins anew: it may have failed at that. */
static bool can_go_on(const struct cmd_running *r, const struct cmd_step *s, const json_t *old)
{
	const char *state = assay_json_get_str(old, "state", "");
	char *dir = xasprintf("%s/%s", r->dir, s->name);
	bool can = cmd_step_has(s, "resume") && assay_fs_is_dir(dir) && (!strcmp(state, "running") || !strcmp(state, "interrupted")) && same_command(s, old);
	free(dir);
	return can;
}

static int keep_step(struct cmd_running *r, int i, const json_t *old, bool *kept, struct assay_err *e)
{
	const struct cmd_step *s = &r->c->steps[i];
	*kept = old && !strcmp(assay_json_get_str(old, "state", ""), "done") && same_command(s, old) && holds(r, s, old);
	if (*kept) {
		json_t *doc = cmd_step_doc(r, i);
		json_object_update(doc, (json_t *)old);
		json_object_set_new(doc, "kept", json_true());
		json_object_set_new(doc, "comparison", json_null()); /* made again: its baseline may be another now */
		return 0;
	}
	r->goes_on[i] = can_go_on(r, s, old);
	return r->goes_on[i] ? 0 : cmd_campaign_aside(r->dir, s->name, e);
}

int cmd_campaign_keep(struct cmd_running *r, int *kept, struct assay_err *e)
{
	json_t *old = assay_campaign_load(r->dir, e);
	int rc = old ? 0 : e->code;
	*kept = 0;
	for (int i = 0; !rc && i < r->c->n; i++) {
		bool is_kept = false;
		if (r->c->steps[i].selected)
			rc = keep_step(r, i, find(old, r->c->steps[i].name), &is_kept, e);
		else if (find(old, r->c->steps[i].name))
			json_object_update(cmd_step_doc(r, i), (json_t *)find(old, r->c->steps[i].name));
		*kept += is_kept;
	}
	json_decref(old);
	return rc;
}
