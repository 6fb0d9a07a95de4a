/* Inside of a session, for the files of this folder: the open engine, where records go, and what is known so far. */
#ifndef ASSAY_EXPERIMENT_SESSION_H
#define ASSAY_EXPERIMENT_SESSION_H

#include "experiment/drive.h"
#include "experiment/experiment.h"
#include "experiment/rate.h"
#include "experiment/tally.h"
#include "telemetry/telemetry.h"

/* Machine ceilings are probed between visits: how much time they took, and when last. */
struct assay_probing { int64_t spent_ns, last_ns; bool probed, skipped; };

/* sim: telemetry given as input is played back as SAMPLE records on the engine's clock. */
struct assay_playback { const json_t *rows; size_t at; int64_t t_ns; struct assay_rec_sample sample; };

#define ASSAY_THREADS_MAX 4096 /* of all its processes; more are not looked at */
/* Threads of the engine's processes when the first measured run began (engine_threads.h); before: NULL until then, and once it is told. */
struct assay_thread_watch { struct assay_thread_cpu *before; int n; bool told; };

struct assay_session {
	struct assay_session_config c;
	const struct assay_engine_info *info;
	struct assay_sampler *sampler;     /* NULL where nothing runs here */
	struct assay_group *group;         /* the engine's processes, where they are not this one; else NULL */
	struct assay_thread_watch threads;
	struct assay_tally tally;
	struct assay_drive drive;
	struct assay_rate rate;            /* what visits took: for time budgets */
	struct assay_probing probing;
	struct assay_playback playback;
	struct assay_session_totals totals;
	uint32_t next_point, next_order, next_request;
	int64_t opened_ns;                 /* engine's clock */
	bool engine_gone;                  /* an error from which it did not come back */
	char gone[300];
	const char *enough;                /* why the run ends early, or NULL */
	bool text_shown;                   /* a sample of text was noted */
};

static inline bool assay_session_stopped(const struct assay_session *s)
{
	return s->c.hooks.stop && s->c.hooks.stop(s->c.hooks.arg);
}

/* Another visit may begin. */
static inline bool assay_session_goes_on(const struct assay_session *s)
{
	return !s->engine_gone && !s->enough && !assay_session_stopped(s);
}

/* Writes a MEMORY record where memory is known (process and engine). Not on the timed path. */
void assay_session_memory(struct assay_session *s, enum assay_mem_label label, uint32_t point, int32_t repeat);
/* Probes the machine's ceilings if that is due: at most 3 % of the run's time (1 s allowed at once), at least 2 s apart. */
void assay_session_probe(struct assay_session *s);
/* Resident memory of what answers: of this process or the engine's, else as the engine says; -1 unknown. Cheap. */
int64_t assay_session_rss(const struct assay_session *s);
/* CPU time so far of what answers; -1 unknown. Cheap. */
int64_t assay_session_cpu_ns(const struct assay_session *s);
/* Plays stated telemetry up to the engine's now. */
void assay_session_play(struct assay_session *s);
/* Writes a NOTE; steals the object. */
void assay_session_note(struct assay_session *s, json_t *note);

#endif
