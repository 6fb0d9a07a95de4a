/* The middle of the corridor: the engine opens, the journal opens with the header, the experiment runs. */
#include <math.h>

#include "cmd/run.h"
#include "cmd/run_signals.h"
#include "telemetry/telemetry.h"

int cmd_run_open_engine(struct cmd_run *r, struct assay_err *e)
{
	struct assay_engine_config c = {
		.model = assay_options_str(r->o, "model"), .dtype = assay_options_str(r->o, "dtype"), .kv_dtype = assay_options_str(r->o, "kv-dtype"),
		.isa = assay_options_str(r->o, "isa"), .threads = (int)assay_options_int(r->o, "threads"), .seed = (uint64_t)assay_options_int(r->o, "seed"),
		.max_num_seqs = (int)assay_options_int(r->o, "max-num-seqs"), .max_batched_tokens = (int)assay_options_int(r->o, "max-batched-tokens"),
		.block_size = (int)assay_options_int(r->o, "block-size"), .kv_bytes = (uint64_t)assay_options_int(r->o, "kv-memory"), .kv_tokens_wanted = r->plan.kv_tokens,
	};
	assay_progress_set(r->progress, r->verb->name, "loading the model", NAN, NAN, NAN);
	assay_memory_read(&r->start);
	if (assay_engine_open(assay_options_str(r->o, "engine"), &c, &r->engine, e))
		return e->code;
	return cmd_signal_seen() ? assay_fail(e, ASSAY_E_INTERRUPT, "interrupted while the model was loaded; nothing was measured") : 0;
}

int cmd_run_open_journal(struct cmd_run *r, struct assay_err *e)
{
	if (assay_journal_open(r->dir, r->plan.hot_records, &r->journal, e))
		return e->code;
	struct assay_sink *sink = assay_journal_sink(r->journal);
	sink->put_json(sink, ASSAY_REC_HEADER, cmd_run_header(r));
	sink->flush(sink);
	cmd_signals_dir(r->dir);
	return 0;
}

static bool should_stop(void *arg)
{
	struct cmd_run *r = arg;
	return cmd_signal_seen() || assay_journal_failed(r->journal, NULL);
}

static void on_progress(void *arg, const char *experiment, const char *what, double done, double total, double tok_s)
{
	assay_progress_set(((struct cmd_run *)arg)->progress, experiment, what, done, total, tok_s);
}

int cmd_run_measure(struct cmd_run *r, struct assay_err *e)
{
	const struct assay_engine_info *info = r->engine->ops->info(r->engine);
	struct assay_session_config c = {
		.engine = r->engine, .sink = assay_journal_sink(r->journal), .hooks = { r, should_stop, on_progress }, .seed = (uint64_t)assay_options_int(r->o, "seed"),
		.probes = info->runs_here && !info->virtual_clock, .threads = (int)assay_options_int(r->o, "threads"), .start = &r->start,
	};
	struct assay_session *s = NULL;
	int rc = assay_session_open(&c, &s, e);
	if (!rc)
		rc = r->exp->run(s, r->o, e);
	if (s)
		assay_session_totals(s, &r->totals);
	assay_session_close(s);
	return rc;
}
