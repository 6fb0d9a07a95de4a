/* The middle of the corridor: the engine opens, the journal opens with the header, the experiment runs. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/json.h"
#include "cmd/live_page.h"
#include "cmd/run_commands.h"
#include "cmd/run_signals.h"
#include "draw/text.h"
#include "telemetry/telemetry.h"

static void say_engine(const struct assay_engine_info *g)
{
	char *effective = json_dumps(g->effective, JSON_COMPACT), *load = json_dumps(g->load, JSON_COMPACT);
	fprintf(stderr, "engine %s %s\n  effective %s\n  load %s\n  KV pool %.1f MiB, %llu tokens\n", g->name, g->version, effective ? effective : "-", load ? load : "-",
	        (double)g->kv_pool_bytes / 0x1p20, (unsigned long long)g->kv_tokens);
	free(effective);
	free(load);
}

static bool cancelled(void) { return cmd_signal_seen(); }

/* A worker's model is written as a directory, once. */
static void on_export(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
	struct cmd_run *r = arg;
	r->exported = r->exported || total_bytes;
	assay_status_line_show(r->line, r->title ? r->title : r->verb->name, total_bytes ? "writing the model for the worker, once" : "another process writes the model for the worker", (double)done_bytes,
			       total_bytes ? (double)total_bytes : NAN, NAN);
}

static void say_export(const struct cmd_run *r)
{
	const char *dir = assay_json_get_str(r->engine->ops->info(r->engine)->effective, "model_directory", NULL);
	if (r->exported && dir && !r->quiet)
		fprintf(stderr, "assay: %s was written for workers, once: %s\n", assay_options_str(r->o, "model"), dir);
}

int cmd_run_open_engine(struct cmd_run *r, struct assay_err *e)
{
	struct assay_engine_config c = {
		.model = assay_options_str(r->o, "model"), .dtype = assay_options_str(r->o, "dtype"), .kv_dtype = assay_options_str(r->o, "kv-dtype"),
		.isa = assay_options_str(r->o, "isa"), .threads = (int)assay_options_int(r->o, "threads"), .seed = (uint64_t)assay_options_int(r->o, "seed"),
		.max_num_seqs = (int)assay_options_int(r->o, "max-num-seqs"), .max_batched_tokens = (int)assay_options_int(r->o, "max-batched-tokens"),
		.block_size = (int)assay_options_int(r->o, "block-size"), .kv_bytes = (uint64_t)assay_options_int(r->o, "kv-memory"), .kv_tokens_wanted = r->plan.kv_tokens,
		.cancelled = cancelled, .exporting = on_export, .exporting_arg = r, .log_dir = r->dir,
	};
	c.n_opts = assay_options_strs(r->o, "engine-opt", &c.opts);
	assay_memory_read(&r->at_start);
	assay_status_line_show(r->line, r->title ? r->title : r->verb->name, "loading the model", NAN, NAN, NAN);
	if (assay_engine_open(assay_options_str(r->o, "engine"), &c, &r->engine, e))
		return e->code;
	say_export(r);
	if (assay_options_flag(r->o, "verbose"))
		say_engine(r->engine->ops->info(r->engine));
	return cmd_signal_seen() ? assay_fail(e, ASSAY_E_INTERRUPT, "interrupted while the model was loaded; nothing was measured") : 0;
}

int cmd_run_open_journal(struct cmd_run *r, struct assay_err *e)
{
	enum assay_journal_mode mode = r->resumed ? ASSAY_JOURNAL_CONTINUE : r->exp->resumable ? ASSAY_JOURNAL_SEGMENTS : ASSAY_JOURNAL_ONE;
	if (assay_journal_open(r->dir, r->plan.hot_records, mode, &r->journal, e))
		return e->code;
	r->recorded = true;
	struct assay_sink *sink = assay_journal_sink(r->journal);
	if (r->resumed)
		sink->put_json(sink, ASSAY_REC_RESUME, cmd_run_resume_record(r));
	else
		sink->put_json(sink, ASSAY_REC_HEADER, cmd_run_header(r));
	if (r->sharing)
		sink->put_json(sink, ASSAY_REC_NOTE, json_pack("{s:s, s:i}", "code", "shared_load", "runs", r->sharing));
	for (size_t i = 0; i < json_array_size(r->early_notes); i++)
		sink->put_json(sink, ASSAY_REC_NOTE, json_incref(json_array_get(r->early_notes, i)));
	sink->flush(sink);
	cmd_signals_dir(r->dir);
	return 0;
}

static int before_visit(void *arg, uint32_t point, int32_t repeat, struct assay_err *e) { return cmd_run_prepare(arg, point, repeat, e); }

/* --max-time counts from the start of the command; on a virtual clock from the start of measuring. */
static int64_t time_left_ns(const struct cmd_run *r, bool virtual_clock)
{
	int64_t most_ns = assay_options_is_set(r->o, "max-time") ? assay_options_int(r->o, "max-time") : 0;
	int64_t gone_ns = virtual_clock ? 0 : assay_now_ns() - r->begun_ns;
	return !most_ns ? 0 : most_ns - gone_ns > 1 ? most_ns - gone_ns : 1;
}

static bool should_stop(void *arg)
{
	struct cmd_run *r = arg;
	return cmd_signal_seen() || assay_journal_failed(r->journal, NULL);
}

static void on_progress(void *arg, const char *experiment, const char *what, double done, double total, double tok_s)
{
	const struct cmd_run *r = arg;
	assay_status_line_show(r->line, r->title ? r->title : experiment, what, done, total, tok_s);
}

static void on_live(void *arg, const struct assay_live *now) { live_page_update(((struct cmd_run *)arg)->page, now); }

/* The line of progress gives way to the page. */
static void open_page(struct cmd_run *r, const struct assay_engine_info *info)
{
	struct assay_buf name;
	assay_buf_init(&name, 1 << 16);
	assay_buf_printf(&name, "%s: ", r->verb->name);
	draw_text_clean(&name, r->shape.name);
	assay_buf_printf(&name, " on %s", info->name);
	assay_status_line_close(r->line);
	r->line = NULL;
	r->page = live_page_open(name.data);
	assay_buf_release(&name);
}

int cmd_run_measure(struct cmd_run *r, struct assay_err *e)
{
	const struct assay_engine_info *info = r->engine->ops->info(r->engine);
	int threads = (int)assay_options_int(r->o, "threads");
	struct assay_session_config c = {
		.engine = r->engine, .sink = assay_journal_sink(r->journal), .hooks = { .arg = r, .stop = should_stop, .progress = on_progress, .live = r->exp->resumable && r->line ? on_live : NULL, .prepare = before_visit, .enough = cmd_run_abort_hook }, .seed = (uint64_t)assay_options_int(r->o, "seed"),
		.probes = info->place != ASSAY_PLACE_ELSEWHERE && !info->virtual_clock, .threads = threads ? threads : assay_cpu_count(), .start = &r->at_start, .sample_period_ns = r->plan.sample_period_ns,
		.before = r->resumed ? &r->before : NULL, .max_time_ns = time_left_ns(r, info->virtual_clock),
	};
	if (c.hooks.live)
		open_page(r, info);
	struct assay_session *s = NULL;
	int rc = assay_session_open(&c, &s, e);
	if (!rc)
		rc = r->exp->run(s, r->o, e);
	if (!rc)
		cmd_run_abort_last(r);
	json_t *account = r->engine->ops->account ? r->engine->ops->account(r->engine) : NULL;
	if (account)
		c.sink->put_json(c.sink, ASSAY_REC_NOTE, account);
	if (s)
		assay_session_totals(s, &r->totals);
	assay_session_close(s);
	live_page_close(r->page);
	r->page = NULL;
	return rc;
}
