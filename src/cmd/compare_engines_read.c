/* assay compare-engines: which engines, with which options, on what; and what is refused before anything is measured. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/sysmem.h"
#include "cmd/compare_engines.h"
#include "cmd/engines.h"
#include "cmd/run_signals.h"
#include "engine/engine.h"
#include "engine/worker_env.h"

#define ROOM_BYTES (UINT64_C(2) << 30) /* left free beside weights and KV cache */
enum { KV_SLACK_TOKENS = 16 };

static int read_engines(struct cmd_engines_job *j, struct assay_err *e)
{
	const char *text = assay_options_str(j->o, "engines");
	char *save = NULL;
	if (!text)
		return assay_fail(e, ASSAY_E_USAGE, "compare-engines needs --engines E,E,...: --engines cpu,worker:transformers; assay engines lists them");
	j->specs = xstrdup(text);
	for (char *w = strtok_r(j->specs, ", ", &save); w; w = strtok_r(NULL, ", ", &save)) {
		if (j->n == CMD_ENGINES_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--engines: at most %d", CMD_ENGINES_MAX);
		j->arm[j->n++] = (struct cmd_engine_arm){ .spec = w };
	}
	return j->n > 1 ? 0 : assay_fail(e, ASSAY_E_USAGE, "--engines %.80s: one engine cannot be compared: name two or more, parted by commas", text);
}

/* "B:eager=true" is engine B's "eager=true". */
static int read_engine_opts(struct cmd_engines_job *j, struct assay_err *e)
{
	const char *const *list;
	int n = assay_options_strs(j->o, "engine-opt", &list);
	for (int i = 0; i < n; i++) {
		int at = list[i][0] - 'A';
		if (at < 0 || at >= j->n || list[i][1] != ':' || !list[i][2] || list[i][2] == '=')
			return assay_fail(e, ASSAY_E_USAGE, "--engine-opt %.80s: not LETTER:K=V with a letter from A to %c", list[i], 'A' + j->n - 1);
		if (j->arm[at].n_opts == CMD_ENGINE_OPTS_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--engine-opt: more than %d of one engine", CMD_ENGINE_OPTS_MAX);
		j->arm[at].opts[j->arm[at].n_opts++] = list[i] + 2;
	}
	for (int i = 0; i < j->n; i++) {
		if (assay_engine_is_worker(j->arm[i].spec) && !assay_worker_there(j->arm[i].spec + strlen("worker:")))
			return assay_fail(e, ASSAY_E_USAGE, "--engines %.200s: there is no such worker: assay engines lists them", j->arm[i].spec);
		if (assay_engine_check(j->arm[i].spec, j->arm[i].opts, j->arm[i].n_opts, e))
			return assay_fail_in(e, "--engines %s", j->arm[i].spec);
	}
	return 0;
}

static int64_t largest_batch(const struct cmd_engines_job *j)
{
	const int64_t *list;
	int64_t most = 1;
	int n = assay_options_ints(j->o, "batch", &list);
	for (int i = 0; i < n; i++)
		most = list[i] > most ? list[i] : most;
	return most;
}

/* One engine is resident at a time. A sim, a replay and null hold no model. */
static int check_memory(struct cmd_engines_job *j, struct assay_err *e)
{
	enum nn_dtype dtype = (enum nn_dtype)nn_dtype_parse(assay_options_str(j->o, "dtype"));
	int64_t length = assay_options_int(j->o, "prompt-tokens") + assay_options_int(j->o, "output-tokens");
	struct assay_sysmem m;
	bool holds = false;
	for (int i = 0; i < j->n; i++)
		holds = holds || assay_engine_is_worker(j->arm[i].spec) || !strcmp(j->arm[i].spec, "cpu");
	if (length > j->shape.max_context)
		return assay_fail(e, ASSAY_E_USAGE, "--prompt-tokens and --output-tokens need a context of %lld; %s has %d", (long long)length, j->shape.name, j->shape.max_context);
	if (!holds)
		return 0;
	assay_sysmem_read("", &m);
	uint64_t weights = nn_shape_weight_bytes(&j->shape, dtype), kv = nn_shape_kv_bytes_per_token(&j->shape, dtype) * (uint64_t)(length + KV_SLACK_TOKENS) * (uint64_t)largest_batch(j);
	uint64_t safe = assay_sysmem_safe_bytes(&m);
	j->needed_bytes = weights + kv + ROOM_BYTES;
	j->free_bytes = safe == ASSAY_SYSMEM_NONE ? 0 : safe;
	if (j->needed_bytes <= safe)
		return 0;
	return assay_fail(e, ASSAY_E_USAGE, "%s as %s needs %.2f GiB (weights %.2f, KV cache of the largest batch %.2f, room 2.00), has %.2f GiB safely free: take a smaller model, batch or --dtype", j->shape.name,
			  nn_dtype_name(dtype), (double)j->needed_bytes / 0x1p30, (double)weights / 0x1p30, (double)kv / 0x1p30, (double)safe / 0x1p30);
}

int cmd_engines_read(struct cmd_engines_job *j, struct assay_err *e)
{
	bool worker = false;
	j->rounds = (int)assay_options_int(j->o, "rounds");
	if (cmd_check_engine_options(j->o, e) || read_engines(j, e) || read_engine_opts(j, e) || nn_shape_of(assay_options_str(j->o, "model"), &j->shape, e) || check_memory(j, e))
		return e->code;
	for (int i = 0; i < j->n; i++)
		worker = worker || assay_engine_is_worker(j->arm[i].spec);
	j->model = cmd_engines_model(j->o, &j->shape, worker);
	return 0;
}

/* ---- is it installed? ---- */

static bool stopped(void) { return cmd_signal_seen() != 0; }

static void probe(struct cmd_engine_arm *a)
{
	const char *name = a->spec + strlen("worker:");
	struct assay_engine_config c = { .arg = name, .opts = a->opts, .n_opts = a->n_opts, .cancelled = stopped };
	struct assay_err e = ASSAY_ERR_INIT;
	if (!assay_worker_probe(&c, &e))
		return;
	if (assay_worker_env_find(name))
		snprintf(a->missing, sizeof a->missing, "%.200s: %.200s: assay engines install %.60s%s", a->spec, e.msg, name, strcmp(name, "nanovllm") ? "" : " --source DIR");
	else
		snprintf(a->missing, sizeof a->missing, "%.200s: %.300s", a->spec, e.msg);
}

int cmd_engines_ready(struct cmd_engines_job *j, struct assay_err *e)
{
	int missing = 0;
	for (int i = 0; i < j->n && !stopped(); i++) {
		if (assay_engine_is_worker(j->arm[i].spec) && !cmd_engines_is_done(j, i))
			probe(&j->arm[i]);
		missing += *j->arm[i].missing != 0;
	}
	if (stopped())
		return assay_fail(e, ASSAY_E_INTERRUPT, "interrupted; nothing was measured");
	if (!missing || assay_options_flag(j->o, "dry-run"))
		return 0;
	for (int i = 0; i < j->n; i++)
		if (*j->arm[i].missing)
			fprintf(stderr, "assay: %c %s\n", 'A' + i, j->arm[i].missing);
	if (*j->arm[0].missing)
		return assay_fail(e, ASSAY_E_USAGE, "--engines: A is missing, which the others are held against; nothing was measured");
	if (!assay_options_flag(j->o, "skip-missing"))
		return assay_fail(e, ASSAY_E_USAGE, "--engines: %d of %d cannot be measured here; --skip-missing goes on with the others; nothing was measured", missing, j->n);
	return j->n - missing > 1 || assay_options_str(j->o, "resume") ? 0 : assay_fail(e, ASSAY_E_USAGE, "--engines: only %s is left, which cannot be compared with itself; nothing was measured", j->arm[0].spec);
}
