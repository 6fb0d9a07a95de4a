/* A session owns what outlives a point: engine, telemetry, sink, counters; and what is read between visits: memory,
 * ceilings, stated telemetry. Must not know any experiment. */
#include "experiment/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/mem.h"

#define SAMPLE_PERIOD_NS (100 * ASSAY_NS_PER_MS)
#define PROBE_NS (60 * ASSAY_NS_PER_MS)         /* one probe; three make a record */
#define PROBE_GAP_NS (2 * ASSAY_NS_PER_S)
#define PROBE_SHARE 0.03
#define IDLE_LOOK_NS (50 * ASSAY_NS_PER_MS)
#define IDLE_SHARE 0.05                         /* of a core: what an engine that waits for requests may take (vLLM: 0.01 to 0.02) */
enum { IDLE_LOOKS = 12 };

static void put(struct assay_session *s, enum assay_lane lane, const struct assay_record *r)
{
	s->c.sink->put(s->c.sink, lane, r);
}

void assay_session_note(struct assay_session *s, json_t *note)
{
	s->c.sink->put_json(s->c.sink, ASSAY_REC_NOTE, note);
}

void assay_session_memory(struct assay_session *s, enum assay_mem_label label, uint32_t point, int32_t repeat)
{
	struct assay_record r = { .type = ASSAY_REC_MEMORY };
	struct assay_rec_memory *m = &r.u.memory;
	struct assay_engine_memory g;
	if (s->info->recorded)
		return; /* put_recorded did */
	s->c.engine->ops->memory(s->c.engine, &g);
	*m = (struct assay_rec_memory){ .t_ns = assay_engine_now(s->c.engine), .rss_bytes = g.rss_bytes, .pss_bytes = -1, .hwm_bytes = -1 };
	if (s->info->place == ASSAY_PLACE_THIS_PROCESS)
		assay_memory_read(m);
	else if (s->group)
		assay_group_memory(s->group, m);
	else if (g.rss_bytes < 0 && g.weight_bytes < 0 && g.kv_used_bytes < 0)
		return; /* nothing is known: no record */
	m->label = label;
	m->point = point;
	m->repeat = repeat;
	m->weight_bytes = g.weight_bytes;
	m->kv_pool_bytes = g.kv_pool_bytes;
	m->kv_used_bytes = g.kv_used_bytes;
	m->kv_peak_bytes = g.kv_peak_bytes;
	m->kv_tokens = g.kv_tokens;
	m->workspace_bytes = g.workspace_bytes;
	put(s, ASSAY_LANE_DRIVE, &r);
}

int64_t assay_session_rss(const struct assay_session *s)
{
	struct assay_engine_memory g;
	struct assay_group_use use;
	if (s->info->place == ASSAY_PLACE_THIS_PROCESS)
		return assay_memory_rss();
	if (s->group) {
		assay_group_read(s->group, &use);
		return use.rss_bytes;
	}
	s->c.engine->ops->memory(s->c.engine, &g);
	return g.rss_bytes;
}

int64_t assay_session_cpu_ns(const struct assay_session *s)
{
	struct assay_group_use use = { .cpu_ns = -1 };
	if (s->info->place == ASSAY_PLACE_THIS_PROCESS)
		return assay_process_cpu_ns();
	if (s->group)
		assay_group_read(s->group, &use);
	return use.cpu_ns;
}

static void put_start(struct assay_session *s, const struct assay_rec_memory *start)
{
	struct assay_record r = { .type = ASSAY_REC_MEMORY };
	r.u.memory = *start;
	r.u.memory.label = ASSAY_MEM_START;
	r.u.memory.weight_bytes = r.u.memory.kv_pool_bytes = r.u.memory.kv_used_bytes = r.u.memory.kv_peak_bytes = -1;
	r.u.memory.kv_tokens = r.u.memory.workspace_bytes = -1;
	put(s, ASSAY_LANE_DRIVE, &r);
}

/* A thread that wants to run also where others keep it from running. */
static bool any_runnable(struct assay_session *s)
{
	struct assay_thread_cpu *t = xalloc(ASSAY_THREADS_MAX * sizeof *t);
	int n = assay_group_threads(s->group, t, ASSAY_THREADS_MAX);
	bool any = false;
	for (int i = 0; i < n; i++)
		any = any || t[i].state == 'R';
	free(t);
	return any;
}

/* Threads of an engine in other processes may spin for a while before they sleep, and a probe beside them would measure what is left of the machine. */
static bool engine_rests(struct assay_session *s)
{
	struct assay_group_use a, b;
	if (!s->group)
		return true;
	assay_group_read(s->group, &a);
	for (int i = 0; i < IDLE_LOOKS; i++, a = b) {
		int64_t from_ns = assay_now_ns();
		assay_sleep_until_ns(from_ns + IDLE_LOOK_NS);
		assay_group_read(s->group, &b);
		if (a.n && b.n && (double)(b.cpu_ns - a.cpu_ns) < IDLE_SHARE * (double)(assay_now_ns() - from_ns) && !any_runnable(s))
			return true;
	}
	return false;
}

void assay_session_probe(struct assay_session *s)
{
	int64_t now_ns = assay_now_ns();
	if (!s->c.probes || assay_session_stopped(s))
		return;
	double allowed_ns = 1e9 + PROBE_SHARE * (double)(now_ns - s->opened_ns);
	if (s->probing.last_ns && (now_ns - s->probing.last_ns < PROBE_GAP_NS || (double)(s->probing.spent_ns + 3 * PROBE_NS) > allowed_ns))
		return;
	if (!engine_rests(s)) {
		s->probing.skipped = true;
		s->probing.last_ns = assay_now_ns();
		s->probing.spent_ns += s->probing.last_ns - now_ns;
		return;
	}
	struct assay_record r = { .type = ASSAY_REC_CEILING };
	r.u.ceiling = (struct assay_rec_ceiling){ .read_gb_s = assay_probe_read_gb_s(s->c.threads, PROBE_NS),
						  .gemm_f32_gflop_s = assay_probe_gemm_gflop_s(s->c.threads, 0, PROBE_NS),
						  .gemm_bf16_gflop_s = assay_probe_gemm_gflop_s(s->c.threads, 1, PROBE_NS),
						  .threads = (uint32_t)s->c.threads };
	r.u.ceiling.t_ns = s->probing.last_ns = assay_now_ns();
	s->probing.probed = true;
	s->probing.spent_ns += s->probing.last_ns - now_ns;
	put(s, ASSAY_LANE_DRIVE, &r);
}

/* A ceiling that the sim file states. */
static void put_stated_ceiling(struct assay_session *s)
{
	const json_t *c = json_object_get(s->info->truth, "ceilings");
	struct assay_record r = { .type = ASSAY_REC_CEILING };
	double gemm = assay_json_get_num(c, "gemm_gflop_s", 0);
	r.u.ceiling = (struct assay_rec_ceiling){ .t_ns = assay_engine_now(s->c.engine), .read_gb_s = assay_json_get_num(c, "read_gb_s", 0),
						  .gemm_f32_gflop_s = gemm, .gemm_bf16_gflop_s = gemm, .threads = (uint32_t)s->c.threads };
	if (r.u.ceiling.read_gb_s > 0 || gemm > 0)
		put(s, ASSAY_LANE_DRIVE, &r);
}

/* The sample at t from the counters before it: what was stated last holds. One CPU: steal, others, and the rest ours. */
static void advance_sample(struct assay_rec_sample *m, const json_t *row, int64_t t_ns)
{
	int64_t dt_ns = t_ns - m->t_ns;
	double steal = assay_json_get_num(row, "cpu_steal_pct", NAN), other = assay_json_get_num(row, "other_cpu_pct", NAN);
	double rss = assay_json_get_num(row, "rss_mib", NAN), swap = assay_json_get_num(row, "swap_mib", NAN), gpu = assay_json_get_num(row, "gpu_util", NAN);
	double power = assay_json_get_num(row, "power_w", NAN);
	m->t_ns = t_ns;
	if (!isnan(steal) || !isnan(other)) {
		double s = isnan(steal) ? 0 : steal, o = isnan(other) ? 0 : other, own = s + o < 100 ? 100 - s - o : 0;
		m->cpu_steal_ns = (m->cpu_steal_ns < 0 ? 0 : m->cpu_steal_ns) + llround(s / 100 * (double)dt_ns);
		m->cpu_busy_ns = (m->cpu_busy_ns < 0 ? 0 : m->cpu_busy_ns) + llround((o + own) / 100 * (double)dt_ns);
		m->proc_cpu_ns = (m->proc_cpu_ns < 0 ? 0 : m->proc_cpu_ns) + llround(own / 100 * (double)dt_ns);
		m->cpu_idle_ns = m->cpu_iowait_ns = 0;
	}
	if (!isnan(rss))
		m->rss_bytes = llround(rss * 1048576);
	if (!isnan(swap))
		m->swap_in_pages = llround(swap * 256);
	if (!isnan(gpu))
		m->gpu_util_pct = llround(gpu);
	if (!isnan(power))
		m->energy_uj = (m->energy_uj < 0 ? 0 : m->energy_uj) + llround(power * (double)dt_ns / 1e3);
}

void assay_session_play(struct assay_session *s)
{
	struct assay_playback *p = &s->playback;
	if (!p->rows)
		return;
	int64_t now_ns = assay_engine_now(s->c.engine);
	for (; p->t_ns <= now_ns; p->t_ns += SAMPLE_PERIOD_NS) {
		while (p->at + 1 < json_array_size(p->rows) &&
		       assay_json_get_num(json_array_get(p->rows, p->at + 1), "at_ms", 0) * 1e6 <= (double)(p->t_ns - s->opened_ns))
			p->at++;
		advance_sample(&p->sample, json_array_get(p->rows, p->at), p->t_ns);
		struct assay_record r = { .type = ASSAY_REC_SAMPLE };
		r.u.sample = p->sample;
		put(s, ASSAY_LANE_TELEMETRY, &r);
	}
}

static void start_playback(struct assay_session *s)
{
	const json_t *rows = json_object_get(s->info->truth, "telemetry");
	if (!json_is_array(rows) || !json_array_size(rows))
		return;
	s->playback.rows = rows;
	s->playback.t_ns = s->opened_ns;
	memset(&s->playback.sample, 0xff, sizeof s->playback.sample); /* -1 = not known */
	s->playback.sample.t_ns = s->opened_ns;
}

/* What a replayed run measured beside its requests. */
static void put_recorded(struct assay_session *s)
{
	const struct assay_run *run = s->info->recorded;
	struct assay_record r;
	for (size_t i = 0; i < run->n_memory; i++) {
		r = (struct assay_record){ .type = ASSAY_REC_MEMORY, .u.memory = run->memory[i] };
		put(s, ASSAY_LANE_DRIVE, &r);
	}
	for (size_t i = 0; i < run->n_samples; i++) {
		r = (struct assay_record){ .type = ASSAY_REC_SAMPLE, .u.sample = run->samples[i] };
		put(s, ASSAY_LANE_DRIVE, &r);
	}
	for (size_t i = 0; i < run->n_ceilings; i++) {
		r = (struct assay_record){ .type = ASSAY_REC_CEILING, .u.ceiling = run->ceilings[i] };
		put(s, ASSAY_LANE_DRIVE, &r);
	}
}

int assay_session_open(const struct assay_session_config *c, struct assay_session **out, struct assay_err *e)
{
	struct assay_session *s = xalloc(sizeof *s);
	s->c = *c;
	s->info = c->engine->ops->info(c->engine);
	if (s->c.threads < 1)
		s->c.threads = (int)assay_json_get_int(s->info->effective, "threads", assay_cpu_count());
	s->opened_ns = assay_engine_now(c->engine);
	bool others = s->info->place == ASSAY_PLACE_OTHER_PROCESSES;
	int rc = c->probes ? assay_sampler_start(c->sink, c->sample_period_ns > 0 ? c->sample_period_ns : SAMPLE_PERIOD_NS, others ? &s->info->processes : NULL, &s->sampler, e) : 0;
	if (rc) {
		free(s);
		return rc;
	}
	s->group = others ? assay_group_open("", &s->info->processes) : NULL;
	s->tally.hooks = &s->c.hooks;
	if (c->start && s->info->place == ASSAY_PLACE_THIS_PROCESS)
		put_start(s, c->start);
	assay_session_memory(s, ASSAY_MEM_LOADED, UINT32_MAX, 0);
	if (s->info->recorded) {
		put_recorded(s);
	} else {
		put_stated_ceiling(s);
		start_playback(s);
	}
	*out = s;
	return 0;
}

void assay_session_close(struct assay_session *s)
{
	if (!s)
		return;
	assay_session_memory(s, ASSAY_MEM_END, UINT32_MAX, 0);
	if (s->probing.skipped && !s->probing.probed)
		assay_session_note(s, json_pack("{s:s, s:s, s:s}", "code", "unavailable", "what", "ceilings[]", "reason", "the engine used the CPU while no request was under way"));
	assay_session_play(s);
	if (s->sampler)
		assay_sampler_stop(s->sampler);
	if (s->c.probes)
		assay_probe_close();
	free(s->threads.before);
	assay_group_close(s->group);
	assay_drive_release(&s->drive);
	free(s);
}

void assay_session_totals(const struct assay_session *s, struct assay_session_totals *out)
{
	*out = s->totals;
}
