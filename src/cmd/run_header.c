/* The first record of a run: everything about it that is known before the first request. */
#include "base/clock.h"
#include "cmd/run.h"
#include "metrics/definitions.h"
#include "telemetry/telemetry.h"

static json_t *share(json_t *v) { return v ? json_incref(v) : json_null(); }

static json_t *command(const struct cmd_run *r)
{
	json_t *a = json_pack("[s s]", "assay", r->verb->name);
	for (int i = 0; i < r->argc; i++) {
		json_t *word = json_string(r->argv[i]);
		json_array_append_new(a, word ? word : json_string("(not UTF-8)"));
	}
	return a;
}

json_t *cmd_run_clocks(void)
{
	return json_pack("{s:I s:I}", "wall_ns", (json_int_t)assay_wall_ns(), "mono_ns", (json_int_t)assay_now_ns());
}

json_t *cmd_run_header(const struct cmd_run *r)
{
	const struct assay_engine_info *g = r->engine->ops->info(r->engine);
	char created[40];
	assay_rfc3339(assay_wall_ns(), created, sizeof created);
	json_t *engine = json_pack("{s:s s:s s:o s:o s:o}", "name", g->name, "version", g->version, "capabilities", share(g->capabilities), "effective", share(g->effective), "load",
	                           share(g->load));
	json_t *h = json_object();
	json_object_set_new(h, "argv", command(r));
	json_object_set_new(h, "config", assay_options_echo(r->o));
	json_object_set_new(h, "seed", json_integer(assay_options_int(r->o, "seed")));
	json_object_set_new(h, "experiment", json_string(r->exp->name));
	json_object_set_new(h, "created", json_string(created));
	json_object_set_new(h, "machine", assay_inventory());
	json_object_set_new(h, "engine", engine);
	json_object_set_new(h, "model", share(g->model));
	json_object_set_new(h, "assay", cmd_build_info());
	json_object_set_new(h, "provenance", cmd_run_provenance(r));
	json_object_set_new(h, "definitions", json_string(ASSAY_DEFINITIONS_VERSION));
	json_object_set_new(h, "targets", share(r->targets));
	json_object_set_new(h, "virtual_clock", json_boolean(g->virtual_clock));
	json_object_set_new(h, "truth", share(g->truth));
	json_object_set_new(h, "clock", cmd_run_clocks());
	json_object_set_new(h, "clock_resolution_ns", json_integer(assay_clock_resolution_ns()));
	return h;
}
