/* See baselines.h. */
#include "cmd/baselines.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/machine_id.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/show_result.h"
#include "draw/table.h"
#include "result/baselines.h"
#include "report/report.h"
#include "telemetry/telemetry.h"

const struct assay_opt cmd_baselines_options[] = {
	{ "replace", 0, ASSAY_OPT_FLAG, "false", .help = "save: NAME may be taken" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "list: print JSON on stdout, and only that; show: the result document" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	ASSAY_OPT_END,
};

/* Of the machine that this program runs on. */
static void this_machine(char out[ASSAY_MACHINE_ID_LEN + 1])
{
	json_t *m = assay_inventory();
	assay_machine_id(m, out);
	json_decref(m);
}

static const char *cpu_of(const json_t *result)
{
	return assay_json_get_str(json_object_get(json_object_get(result, "machine"), "cpu"), "model", "CPU unknown");
}

/* ---- --save-as ---- */

/* Before anything is measured: a folder that is not there is made in the nearest one that is. */
static bool can_be_made(const char *path)
{
	char *p = xstrdup(path), *slash;
	while (!assay_fs_exists(p) && (slash = strrchr(p, '/')) && slash > p)
		*slash = 0;
	bool ok = *p != '/' && !assay_fs_exists(p) ? access(".", W_OK | X_OK) == 0 : assay_fs_is_dir(p) && access(p, W_OK | X_OK) == 0;
	free(p);
	return ok;
}

int cmd_baseline_check(const struct assay_options *o, struct assay_err *e)
{
	const char *name = assay_options_str(o, "save-as");
	char machine[ASSAY_MACHINE_ID_LEN + 1];
	if (!name)
		return assay_options_flag(o, "replace") ? assay_fail(e, ASSAY_E_USAGE, "--replace is for --save-as NAME") : 0;
	if (assay_baseline_name(name, e))
		return assay_fail_in(e, "--save-as");
	this_machine(machine);
	char *path = assay_baseline_path(machine, name);
	int rc = 0;
	if (!assay_options_flag(o, "replace") && assay_fs_exists(path))
		rc = assay_fail(e, ASSAY_E_USAGE, "--save-as %s: this machine has a baseline of that name: choose another, or --replace", name);
	else if (!can_be_made(path))
		rc = assay_fail(e, ASSAY_E_USAGE, "--save-as %s: %s cannot be made; name a place for baselines with XDG_DATA_HOME", name, path);
	free(path);
	return rc;
}

static int keep(const char *name, bool replace, const json_t *result, const char *dir, bool quiet, struct assay_err *e)
{
	char machine[ASSAY_MACHINE_ID_LEN + 1];
	const char *state = assay_json_get_str(json_object_get(result, "verdict"), "state", "?");
	assay_machine_id(json_object_get(result, "machine"), machine);
	if (!*machine)
		return assay_fail(e, ASSAY_E_DATA, "%s: names no machine: it cannot be filed", dir);
	if (assay_baseline_save(dir, machine, name, replace, e))
		return assay_fail_in(e, "baseline %s", name);
	if (!quiet)
		printf("saved   baseline %s of machine %s (%s)\n", name, machine, cpu_of(result));
	if (!strcmp(state, "INVALID"))
		fprintf(stderr, "assay: baseline %s is INVALID: its numbers cannot prove or clear a regression\n", name);
	return 0;
}

int cmd_baseline_keep(const struct assay_options *o, const json_t *result, const char *dir, struct assay_err *e)
{
	return keep(assay_options_str(o, "save-as"), assay_options_flag(o, "replace"), result, dir, assay_options_flag(o, "json"), e);
}

/* ---- finding ---- */

struct search { const char *machine; char here[ASSAY_MACHINE_ID_LEN + 1]; char *mine, *other; char others[200]; int n_others; };

static int take(void *arg, const char *machine, const char *name, const char *dir)
{
	struct search *s = arg;
	size_t used = strlen(s->others);
	(void)name;
	if (!strcmp(machine, s->machine ? s->machine : s->here)) {
		s->mine = xstrdup(dir);
	} else if (!s->machine) {
		free(s->other);
		s->other = xstrdup(dir);
		snprintf(s->others + used, sizeof s->others - used, "%s%.20s", s->n_others++ ? ", " : "", machine);
	}
	return 0;
}

int cmd_baseline_find(const char *name, char **dir, struct assay_err *e)
{
	struct search s = { 0 };
	char *plain = xstrdup(name), *at = strchr(plain, '@');
	int rc = 0;
	*dir = NULL;
	if (at)
		*at = 0;
	s.machine = at ? at + 1 : NULL;
	this_machine(s.here);
	assay_baselines_each(plain, take, &s);
	if (s.mine || s.n_others == 1)
		*dir = xstrdup(s.mine ? s.mine : s.other);
	else if (s.n_others)
		rc = assay_fail(e, ASSAY_E_USAGE, "baseline %s: not of this machine (%s); others have it: take %s@MACHINE with one of %s", plain, s.here, plain, s.others);
	else
		rc = assay_fail(e, ASSAY_E_USAGE, "%.100s: no such directory, and no saved baseline of that name (assay baselines list)", name);
	if (!s.mine && s.n_others == 1)
		fprintf(stderr, "assay: baseline %s is of another machine (%s; this is %s)\n", plain, s.others, s.here);
	free(s.mine);
	free(s.other);
	free(plain);
	return rc;
}

/* ---- the verb ---- */

struct listing { struct draw_table t; json_t *list; char here[ASSAY_MACHINE_ID_LEN + 1]; };

static int list_one(void *arg, const char *machine, const char *name, const char *dir)
{
	struct listing *l = arg;
	json_t *r = assay_result_load(dir, NULL);
	const char *created = assay_json_get_str(r, "created", "?"), *state = assay_json_get_str(json_object_get(r, "verdict"), "state", r ? "?" : "unreadable");
	const char *model = assay_json_get_str(json_object_get(r, "model"), "name", "?"), *engine = assay_json_get_str(json_object_get(r, "engine"), "name", "?");
	bool here = !strcmp(machine, l->here);
	draw_table_cell(&l->t, "%s", name);
	draw_table_cell(&l->t, "%s%s", machine, here ? " (this)" : "");
	draw_table_cell(&l->t, "%s", assay_json_get_str(r, "experiment", "?"));
	draw_table_cell(&l->t, "%s", model);
	draw_table_cell(&l->t, "%s", engine);
	draw_table_cell(&l->t, "%.19s", created);
	draw_table_cell(&l->t, "%s", state);
	json_array_append_new(l->list, json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", name, "machine", machine, "this_machine", here, "cpu", cpu_of(r), "dir", dir, "experiment",
	                                         assay_json_get_str(r, "experiment", "?"), "model", model, "engine", engine, "created", created, "verdict", state));
	json_decref(r);
	return 0;
}

static void list_all(const struct assay_options *o)
{
	static const struct { const char *head; int keep; } cols[] = { { "Name", 0 }, { "Machine", 0 }, { "Experiment", 3 }, { "Model", 2 }, { "Engine", 1 }, { "Created", 0 }, { "Verdict", 3 } };
	struct listing l = { .list = json_array() };
	struct assay_term term;
	struct assay_buf b;
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(o, "color"));
	assay_buf_init(&b, (size_t)64 << 20);
	draw_table_init(&l.t);
	for (size_t i = 0; i < sizeof cols / sizeof *cols; i++)
		draw_table_col(&l.t, cols[i].head, false, cols[i].keep);
	this_machine(l.here);
	assay_baselines_each(NULL, list_one, &l);
	if (assay_options_flag(o, "json"))
		cmd_print_json(l.list, NULL);
	else if (draw_table_rows(&l.t))
		draw_table_text(&l.t, &b, term.width, term.colour);
	else
		assay_buf_printf(&b, "no baseline yet: --save-as NAME of a measuring verb keeps one (this machine is %s)\n", l.here);
	fwrite(b.data ? b.data : "", 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	draw_table_release(&l.t);
	json_decref(l.list);
}

static int show(const struct assay_options *o, const char *name, struct assay_err *e)
{
	char *dir = NULL;
	json_t *r = cmd_baseline_find(name, &dir, e) ? NULL : assay_result_load(dir, e);
	if (r)
		cmd_result_print(o, r);
	if (r && !assay_options_flag(o, "json"))
		printf("\nresult  %s/result.json\n", dir);
	json_decref(r);
	free(dir);
	return r ? 0 : e->code;
}

static int save(const struct assay_options *o, const char *name, const char *dir, struct assay_err *e)
{
	if (!assay_fs_is_dir(dir))
		return assay_fail(e, ASSAY_E_USAGE, "%s: no such directory", dir);
	if (assay_baseline_name(name, e) || cmd_not_in_use(dir, e))
		return e->code;
	json_t *r = assay_result_load(dir, e);
	int rc = r ? keep(name, assay_options_flag(o, "replace"), r, dir, false, e) : (e->code = ASSAY_E_USAGE);
	json_decref(r);
	return rc;
}

/* Of this machine only, unless @MACHINE says otherwise. */
static int remove_one(const char *name, struct assay_err *e)
{
	char machine[ASSAY_MACHINE_ID_LEN + 1], *plain = xstrdup(name), *at = strchr(plain, '@');
	this_machine(machine);
	if (at)
		*at = 0;
	int rc = at ? assay_baseline_name(at + 1, e) : 0;
	if (!rc)
		rc = assay_baseline_remove(at ? at + 1 : machine, plain, e);
	if (!rc)
		printf("removed baseline %s of machine %s\n", plain, at ? at + 1 : machine);
	free(plain);
	return rc;
}

static int dispatch(const struct assay_options *o, struct assay_err *e)
{
	char **list;
	int n = assay_options_positionals(o, &list);
	const char *what = n ? list[0] : "list";
	if (n <= 1 && !strcmp(what, "list")) {
		list_all(o);
		return 0;
	}
	if (n == 2 && !strcmp(what, "show"))
		return show(o, list[1], e);
	if (n == 3 && !strcmp(what, "save"))
		return save(o, list[1], list[2], e);
	if (n == 2 && !strcmp(what, "remove"))
		return remove_one(list[1], e);
	return assay_fail(e, ASSAY_E_USAGE, "baselines: list, show NAME, save NAME DIR or remove NAME");
}

int cmd_baselines(const struct assay_verb *v, int argc, char **argv)
{
	return cmd_tool(v, argc, argv, dispatch);
}
