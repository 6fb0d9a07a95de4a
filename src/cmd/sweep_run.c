/* Measuring the configurations of a sweep. Those that differ only in what is asked of the engine are measured by one process with one load; another
 * engine is another process, so that no configuration inherits memory, threads or a crash. The order is drawn anew each round. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"
#include "cmd/kept.h"
#include "cmd/run_signals.h"
#include "cmd/sweep.h"
#include "experiment/visit.h"

/* ---- planning ---- */

int cmd_sweep_open_run(const struct cmd_sweep *s, const struct cmd_config *c, int round, const char *dir, struct cmd_argv *argv, struct cmd_run *r, struct assay_err *e)
{
	*r = (struct cmd_run){ .exp = s->exp, .quiet = true };
	if (!(r->verb = cmd_verb_find(s->exp->name, e)))
		return e->code;
	cmd_sweep_words(s, c, round, argv);
	if (dir)
		cmd_argv_add(argv, "--output=%s", dir);
	if (!assay_options_flag(s->o, "progress"))
		cmd_argv_add(argv, "--no-progress");
	r->argc = argv->n;
	r->argv = argv->list;
	r->o = assay_options_open(r->verb->tables);
	return assay_options_parse(r->o, argv->n, argv->list, e) ? e->code : cmd_run_plan(r, e);
}

/* Whether there is a load that could be shared: --setup comes before each, and what plays a schedule must begin it anew to repeat exactly. */
static bool loads(const struct assay_options *o)
{
	static const char *const play[] = { "sim:", "replay:", "null" };
	for (size_t i = 0; i < sizeof play / sizeof *play; i++)
		if (!strncmp(assay_options_str(o, "engine"), play[i], strlen(play[i])))
			return false;
	return !assay_options_is_set(o, "setup");
}

/* The values of every option that an engine is opened with. */
static char *engine_key(const struct cmd_sweep *s, const struct cmd_config *c, const struct cmd_run *r)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	for (const struct assay_opt *x = cmd_engine_options; x->name; x++) {
		const char *const *list, *text = assay_options_repeats(x) ? NULL : assay_options_text(r->o, x->name);
		assay_buf_printf(&b, "%s=%s\n", x->name, text ? text : "");
		for (int i = 0, n = assay_options_repeats(x) ? assay_options_strs(r->o, x->name, &list) : 0; i < n; i++)
			assay_buf_printf(&b, "%s\n", list[i]);
	}
	if (!assay_options_flag(s->o, "share") || !loads(r->o))
		assay_buf_printf(&b, "%d", c->n);
	char *key = xstrdup(b.data ? b.data : "");
	assay_buf_release(&b);
	return key;
}

static bool same_load(const struct cmd_config *a, const struct cmd_config *b)
{
	return a->planned && b->planned && !strcmp(a->engine_key, b->engine_key);
}

/* A load serves every configuration of its kind: the pool is for the largest, whoever is measured. */
static void share_loads(struct cmd_sweep *s)
{
	uint64_t *most = xalloc(s->n * sizeof *most);
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->n; k++)
			if (same_load(&s->configs[i], &s->configs[k])) {
				s->configs[i].sharing++;
				if (s->configs[k].kv_tokens > most[i])
					most[i] = s->configs[k].kv_tokens;
			}
	for (size_t i = 0; i < s->n; i++)
		s->configs[i].kv_tokens = most[i];
	free(most);
}

/* Each round: a seeded permutation, in which configurations of one load stand together where the first of them fell. */
static void order_visits(struct cmd_sweep *s)
{
	uint64_t seed = (uint64_t)assay_options_int(s->o, "seed");
	uint32_t *order = xalloc(s->n * sizeof *order);
	bool *taken = xalloc(s->n);
	size_t at = 0;
	for (int round = 1; round <= s->rounds; round++) {
		memset(taken, 0, s->n);
		assay_visit_order(seed, (uint32_t)assay_hash_name("sweep"), round - 1, s->n, order);
		for (size_t i = 0; i < s->n; i++)
			for (size_t k = i; !taken[order[i]] && k < s->n; k++) {
				struct cmd_config *c = &s->configs[order[k]];
				if (taken[order[k]] || (k != i && !same_load(&s->configs[order[i]], c)))
					continue;
				s->visits[at++] = (struct cmd_visit){ .config = (int)order[k], .round = round, .end = c->planned ? SWEEP_PENDING : SWEEP_REFUSED, .code = c->refused.code };
				if (k != i)
					taken[order[k]] = true;
			}
	}
	free(taken);
	free(order);
}

int cmd_sweep_plan(struct cmd_sweep *s, struct assay_err *e)
{
	size_t planned = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct cmd_config *c = &s->configs[i];
		struct cmd_argv argv = { 0 };
		struct cmd_run r;
		c->planned = !cmd_sweep_open_run(s, c, 1, NULL, &argv, &r, &c->refused);
		c->engine_key = c->planned ? engine_key(s, c, &r) : NULL;
		c->kv_tokens = r.plan.kv_tokens;
		planned += c->planned;
		cmd_run_release(&r);
		cmd_argv_release(&argv);
	}
	if (!planned) {
		*e = s->configs[0].refused;
		return s->n == 1 ? e->code : assay_fail_in(e, "none of %zu configurations can be measured; %s", s->n, s->configs[0].name);
	}
	share_loads(s);
	s->n_visits = s->n * (size_t)s->rounds;
	s->visits = mmap(NULL, s->n_visits * sizeof *s->visits, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->visits == MAP_FAILED) {
		s->visits = NULL;
		return assay_fail(e, ASSAY_E_INTERNAL, "out of memory");
	}
	order_visits(s);
	return 0;
}

char *cmd_sweep_dir(const struct cmd_sweep *s, const struct cmd_visit *v)
{
	const struct cmd_config *c = &s->configs[v->config];
	int digits = s->n >= 1000 ? 4 : s->n >= 100 ? 3 : 2;
	return v->round == 1 ? xasprintf("%s/configs/%0*d-%s", s->dir, digits, c->n, c->slug) : xasprintf("%s/round-%d/%0*d-%s", s->dir, v->round, digits, c->n, c->slug);
}

/* ---- one process: one load, one or more configurations ---- */

struct batch { struct cmd_sweep *s; size_t visit[ASSAY_GRID_ROWS]; size_t n; };

static void conclude(struct cmd_visit *v, int status, const struct assay_err *e)
{
	v->status = status;
	v->code = e->code;
	snprintf(v->why, sizeof v->why, "%.*s", (int)sizeof v->why - 1, e->msg);
	v->end = SWEEP_DONE;
}

static char *title_of(const struct cmd_sweep *s, const struct cmd_visit *v)
{
	size_t done = 0;
	for (size_t i = 0; i < s->n_visits; i++)
		done += s->visits[i].end == SWEEP_DONE || s->visits[i].end == SWEEP_REFUSED;
	return xasprintf("sweep %zu/%zu %s", done + 1, s->n_visits, s->configs[v->config].name);
}

/* False when the engine must not be used again. */
static bool measure(struct cmd_sweep *s, struct cmd_visit *v, const struct cmd_run *lender)
{
	struct cmd_config *c = &s->configs[v->config];
	struct cmd_argv argv = { 0 };
	struct cmd_run r;
	struct assay_err e = ASSAY_ERR_INIT;
	char *dir = cmd_sweep_dir(s, v), *title = title_of(s, v);
	int status = 0;
	v->end = SWEEP_BEGUN;
	int rc = cmd_sweep_open_run(s, c, v->round, dir, &argv, &r, &e);
	r.title = title;
	if (lender->engine) {
		r.lent = true;
		r.engine = lender->engine;
		r.at_start = lender->at_start;
	}
	r.sharing = c->sharing > 1 ? c->sharing : 0;
	if (!rc)
		rc = cmd_run_output(&r, &e);
	if (!rc)
		rc = cmd_run_walk(&r, &e, &status);
	bool sound = !rc && !r.totals.points_error;
	conclude(v, rc ? cmd_exit_of(e.code) : status, &e);
	cmd_run_release(&r);
	cmd_argv_release(&argv);
	free(title);
	free(dir);
	return sound;
}

/* Opens what the batch shares. */
static int lend(const struct batch *b, struct cmd_argv *argv, struct cmd_run *lender, struct assay_err *e)
{
	struct cmd_visit *first = &b->s->visits[b->visit[0]];
	const struct cmd_config *c = &b->s->configs[first->config];
	char *title = title_of(b->s, first);
	int rc = cmd_sweep_open_run(b->s, c, first->round, NULL, argv, lender, e);
	lender->plan.kv_tokens = c->kv_tokens;
	lender->title = title;
	if (!rc && !assay_options_is_set(lender->o, "setup")) { /* else the run opens its own, after its --setup */
		lender->line = assay_options_flag(b->s->o, "progress") ? assay_status_line_open() : NULL;
		rc = cmd_run_open_engine(lender, e);
		assay_status_line_close(lender->line);
	}
	free(title);
	return rc;
}

static int measure_batch(void *arg)
{
	struct batch *b = arg;
	struct cmd_argv argv = { 0 };
	struct cmd_run lender;
	struct assay_err e = ASSAY_ERR_INIT;
	bool sound = true;
	int rc = lend(b, &argv, &lender, &e);
	for (size_t i = 0; i < b->n && sound && !cmd_signal_seen(); i++) {
		if (rc)
			conclude(&b->s->visits[b->visit[i]], cmd_exit_of(e.code), &e);
		else
			sound = measure(b->s, &b->s->visits[b->visit[i]], &lender);
	}
	cmd_run_release(&lender);
	cmd_argv_release(&argv);
	return cmd_signal_seen() ? 128 + cmd_signal_seen() : 0;
}

/* ---- all of them ---- */

/* The process ended before it could say how: it says so for the configuration that it had begun, else for all (the load). */
static void conclude_dead(struct batch *b, int status)
{
	struct assay_err e = ASSAY_ERR_INIT;
	bool begun = false;
	if (!status || cmd_signal_seen())
		return;
	for (size_t i = 0; i < b->n; i++)
		begun |= b->s->visits[b->visit[i]].end != SWEEP_PENDING;
	for (size_t i = 0; i < b->n; i++) {
		struct cmd_visit *v = &b->s->visits[b->visit[i]];
		if (v->end == SWEEP_DONE || (begun && v->end == SWEEP_PENDING))
			continue;
		if (status > 128)
			assay_fail(&e, ASSAY_E_ENGINE, "the process ended by signal %d (%s)%s", status - 128, strsignal(status - 128), status == 128 + 9 ? ", perhaps for want of memory" : "");
		else
			assay_fail(&e, ASSAY_E_ENGINE, "no process could be started");
		conclude(v, ASSAY_EXIT_ENGINE, &e);
	}
}

/* From visit `from` on: the pending ones of its round that use its load. */
static void gather(struct cmd_sweep *s, size_t from, struct batch *b)
{
	*b = (struct batch){ .s = s };
	for (size_t i = from; i < s->n_visits && s->visits[i].round == s->visits[from].round; i++)
		if (s->visits[i].end == SWEEP_PENDING && same_load(&s->configs[s->visits[i].config], &s->configs[s->visits[from].config]))
			b->visit[b->n++] = i;
}

int cmd_sweep_run(struct cmd_sweep *s, struct assay_err *e)
{
	struct batch *b = xalloc(sizeof *b);
	int rc = 0;
	for (size_t i = 0; !rc && i < s->n_visits; i++) {
		while (!rc && s->visits[i].end == SWEEP_PENDING) {
			gather(s, i, b);
			for (size_t k = 0; !rc && k < b->n; k++) {
				char *dir = cmd_sweep_dir(s, &s->visits[b->visit[k]]);
				rc = cmd_kept_aside(s->dir, dir, e);
				free(dir);
			}
			if (!rc)
				conclude_dead(b, cmd_child_call(measure_batch, b));
			if (!rc && cmd_signal_seen())
				rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted");
			if (!rc)
				rc = cmd_sweep_write(s, "running", e);
		}
	}
	free(b);
	return rc;
}
