/* assay engines check A B: the same prompts, greedily, on both; where they part, how near the two choices were by the embedded engine's f32 logits. */
#include "cmd/engines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/fs.h"
#include "base/json.h"
#include "cmd/run_signals.h"
#include "engine/engine.h"
#include "engine/model_dir.h"
#include "nn/nn.h"
#include "workload/prompts.h"

#define PATIENCE_NS (600 * ASSAY_NS_PER_S)
#define F32_BOUND 2e-4
#define HALF_BOUND_SD 0.05 /* of the logits' standard deviation */
enum { EVENTS = 64, PROMPTS_MAX = 64, OPTS_MAX = 128 };

enum outcome { SAME, TIE, DISAGREE, NOT_CHECKABLE };
static const char *const outcome_name[] = { "SAME", "TIE", "DISAGREE", "not checkable" };

struct prompt {
	int32_t *ids, *out[2];     /* of A, of B; -1 = not told */
	int n_ids, got[2];
	int agreed;                /* length of the common beginning */
	double margin, bound;      /* NAN where they do not part */
	enum outcome outcome;
};

struct check {
	const struct assay_options *o;
	const char *spec[2];
	const char *opts[2][OPTS_MAX]; /* "K=V" of each; borrowed */
	int n_opts[2];
	char *model;               /* what both engines load */
	struct nn_shape shape;
	char version[2][140], why[200];
	bool narrow;               /* one of them computes in less than f32 */
	struct prompt prompt[PROMPTS_MAX];
	int n, n_out;
};

static bool asked_to_stop(void) { return cmd_signal_seen() != 0; }

/* ---- what both load ---- */

static void say_export(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
	static bool said;
	if (!said && total_bytes)
		fprintf(stderr, "assay: writing %s as a directory, for workers, once (%.0f MiB)\n", (const char *)arg, (double)total_bytes / 0x1p20);
	said = said || total_bytes;
	(void)done_bytes;
}

static struct assay_model_dir model_dir(const struct assay_options *o)
{
	const char *model = assay_options_str(o, "model");
	return (struct assay_model_dir){ .model = model, .dtype = assay_options_str(o, "dtype"), .seed = (uint64_t)assay_options_int(o, "seed"), .cancelled = asked_to_stop, .progress = say_export,
					 .arg = (char *)model };
}

char *cmd_engines_model(const struct assay_options *o, const struct nn_shape *shape, bool worker)
{
	struct assay_model_dir m = model_dir(o);
	return worker ? assay_model_dir_path(&m, shape) : xstrdup(m.model);
}

int cmd_engines_export(const struct assay_options *o, const char *path, struct assay_err *e)
{
	struct assay_model_dir m = model_dir(o);
	return strcmp(path, m.model) ? assay_model_dir_make(&m, path, e) : 0;
}

static int choose_model(struct check *c, struct assay_err *e)
{
	if (nn_shape_of(assay_options_str(c->o, "model"), &c->shape, e))
		return e->code;
	c->model = cmd_engines_model(c->o, &c->shape, assay_engine_is_worker(c->spec[0]) || assay_engine_is_worker(c->spec[1]));
	return cmd_engines_export(c->o, c->model, e);
}

static int make_prompts(struct check *c, struct assay_err *e)
{
	const int64_t *lengths;
	int n = assay_options_ints(c->o, "prompt-tokens", &lengths);
	c->n_out = (int)assay_options_int(c->o, "output-tokens");
	if (n > PROMPTS_MAX)
		return assay_fail(e, ASSAY_E_USAGE, "--prompt-tokens: at most %d prompts", PROMPTS_MAX);
	for (int i = 0; i < n; i++) {
		struct prompt *p = &c->prompt[c->n++];
		if (lengths[i] + c->n_out > c->shape.max_context)
			return assay_fail(e, ASSAY_E_USAGE, "%lld prompt tokens and %d to generate need a context of %lld; %s has %d", (long long)lengths[i], c->n_out, (long long)lengths[i] + c->n_out,
					  c->shape.name, c->shape.max_context);
		p->n_ids = (int)lengths[i];
		p->ids = xalloc((size_t)p->n_ids * sizeof *p->ids);
		assay_prompt_fill((uint64_t)assay_options_int(c->o, "seed"), 0, 0, (uint32_t)i, c->shape.vocab, p->ids, (size_t)p->n_ids);
		for (int side = 0; side < 2; side++)
			p->out[side] = xalloc((size_t)c->n_out * sizeof(int32_t));
	}
	return 0;
}

/* ---- one engine ---- */

static int take(struct check *c, int side, const struct assay_event *ev, int *left, struct assay_err *e)
{
	struct prompt *p = ev->id < (uint32_t)c->n ? &c->prompt[ev->id] : NULL;
	if (!p || (ev->kind != ASSAY_EV_TOKEN && ev->kind != ASSAY_EV_DONE))
		return 0;
	if (ev->kind == ASSAY_EV_DONE) {
		--*left;
		return assay_end_ok(ev->end) ? 0 : assay_fail(e, ASSAY_E_ENGINE, "%s: the prompt of %d tokens ended as %s", c->spec[side], p->n_ids, assay_end_name(ev->end));
	}
	for (uint32_t k = 0; k < ev->n_tokens && p->got[side] < c->n_out; k++)
		p->out[side][p->got[side]++] = k ? -1 : ev->token; /* an event tells the id of its first token */
	return 0;
}

static int generate(struct check *c, int side, struct assay_engine *g, struct assay_err *e)
{
	int rc = 0, left = 0;
	int64_t until_ns = assay_now_ns() + PATIENCE_NS;
	for (int i = 0; !rc && i < c->n; i++) {
		struct assay_request r = { .id = (uint32_t)i, .ids = c->prompt[i].ids, .prompt_tokens = c->prompt[i].n_ids, .max_tokens = c->n_out, .sampling = { .top_p = 1, .ignore_eos = true } };
		rc = g->ops->submit(g, &r, e);
		left += !rc;
	}
	while (!rc && left) {
		struct assay_event ev[EVENTS];
		int n = g->ops->poll(g, ev, EVENTS, 100 * ASSAY_NS_PER_MS, e);
		rc = n < 0 ? n : 0;
		for (int k = 0; !rc && k < n; k++)
			rc = take(c, side, &ev[k], &left, e);
		if (!rc && asked_to_stop())
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted");
		else if (!rc && assay_now_ns() > until_ns)
			rc = assay_fail(e, ASSAY_E_ENGINE, "%s: no end after %d s", c->spec[side], (int)(PATIENCE_NS / ASSAY_NS_PER_S));
	}
	return rc;
}

static void learn(struct check *c, int side, const struct assay_engine_info *info)
{
	const char *dtype = assay_json_get_str(info->model, "dtype", NULL);
	snprintf(c->version[side], sizeof c->version[side], "%s %s", info->name, info->version);
	c->narrow = c->narrow || (dtype && strcmp(dtype, "f32"));
	if (!strcmp(assay_json_get_str(info->capabilities, "worker_greedy", "true"), "false"))
		snprintf(c->why, sizeof c->why, "%s has no greedy mode", c->spec[side]);
}

/* One engine is resident at a time. */
static int run_side(struct check *c, int side, struct assay_err *e)
{
	struct assay_engine *g = NULL;
	struct assay_engine_config config = {
		.model = c->model, .dtype = assay_options_str(c->o, "dtype"), .kv_dtype = "auto", .isa = assay_options_str(c->o, "isa"), .threads = (int)assay_options_int(c->o, "threads"),
		.seed = (uint64_t)assay_options_int(c->o, "seed"), .max_num_seqs = c->n, .max_batched_tokens = 2048, .block_size = 16, .cancelled = asked_to_stop,
	};
	for (int i = 0; i < c->n; i++)
		config.kv_tokens_wanted += (uint64_t)(c->prompt[i].n_ids + c->n_out + 16);
	config.opts = c->opts[side];
	config.n_opts = c->n_opts[side];
	int rc = assay_engine_open(c->spec[side], &config, &g, e);
	if (rc)
		return rc;
	learn(c, side, g->ops->info(g));
	if (!*c->why)
		rc = generate(c, side, g, e);
	g->ops->close(g);
	return rc;
}

/* ---- where they part ---- */

static double deviation(const float *x, int n)
{
	double sum = 0, squares = 0;
	for (int i = 0; i < n; i++)
		sum += (double)x[i];
	for (int i = 0; i < n; i++)
		squares += ((double)x[i] - sum / n) * ((double)x[i] - sum / n);
	return sqrt(squares / n);
}

/* f32 logits after the common beginning: how far the two choices are apart. */
static int weigh(const struct check *c, struct prompt *p, struct nn_session *s, struct assay_err *e)
{
	int n = p->n_ids + p->agreed;
	int32_t *ids = xalloc((size_t)n * sizeof *ids);
	float *logits = xalloc((size_t)c->shape.vocab * sizeof *logits);
	memcpy(ids, p->ids, (size_t)p->n_ids * sizeof *ids);
	memcpy(ids + p->n_ids, p->out[0], (size_t)p->agreed * sizeof *ids);
	int rc = nn_session_logits(s, ids, n, false, logits, e);
	p->margin = fabs((double)logits[p->out[0][p->agreed]] - (double)logits[p->out[1][p->agreed]]);
	p->bound = c->narrow ? HALF_BOUND_SD * deviation(logits, c->shape.vocab) : F32_BOUND;
	p->outcome = p->margin > p->bound ? DISAGREE : TIE;
	free(ids);
	free(logits);
	return rc;
}

static void compare(struct check *c, struct prompt *p)
{
	p->margin = p->bound = NAN;
	while (p->agreed < c->n_out && p->agreed < p->got[0] && p->agreed < p->got[1] && p->out[0][p->agreed] == p->out[1][p->agreed] && p->out[0][p->agreed] >= 0)
		p->agreed++;
	p->outcome = p->agreed == c->n_out ? SAME : DISAGREE;
	for (int side = 0; side < 2 && p->agreed < c->n_out; side++) {
		int32_t id = p->agreed < p->got[side] ? p->out[side][p->agreed] : -1;
		if (id < 0 || id >= c->shape.vocab) {
			p->outcome = NOT_CHECKABLE;
			if (!*c->why)
				snprintf(c->why, sizeof c->why, id < 0 ? "%s does not tell the ids of all its tokens" : "%s gives ids outside the vocabulary", c->spec[side]);
		}
	}
}

static int judge(struct check *c, struct assay_err *e)
{
	struct nn_session *s = NULL;
	struct nn_options n = { .model = c->model, .seed = (uint64_t)assay_options_int(c->o, "seed"), .dtype = NN_F32, .kv_dtype = NN_F32, .isa = (enum nn_isa)nn_isa_parse(assay_options_str(c->o, "isa")),
				.threads = (int)assay_options_int(c->o, "threads"), .max_num_seqs = 1, .max_batched_tokens = 512, .kv_tokens_wanted = 64, .cancelled = asked_to_stop };
	int rc = 0;
	for (int i = 0; i < c->n; i++) {
		struct prompt *p = &c->prompt[i];
		compare(c, p);
		if (n.kv_tokens_wanted < (uint64_t)(p->n_ids + c->n_out))
			n.kv_tokens_wanted = (uint64_t)(p->n_ids + c->n_out);
	}
	for (int i = 0; !rc && i < c->n; i++) {
		if (c->prompt[i].outcome != DISAGREE)
			continue;
		if (!s)
			rc = nn_session_open(&n, &s, e);
		if (!rc)
			rc = weigh(c, &c->prompt[i], s, e);
	}
	nn_session_close(s);
	return rc;
}

/* ---- what is said ---- */

static enum outcome overall(const struct check *c)
{
	enum outcome worst = *c->why ? NOT_CHECKABLE : SAME;
	for (int i = 0; !*c->why && i < c->n; i++)
		worst = c->prompt[i].outcome > worst ? c->prompt[i].outcome : worst;
	return worst;
}

static json_t *document(const struct check *c)
{
	json_t *rows = json_array(), *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o}", "a", c->version[0], "b", c->version[1], "model", c->shape.name, "dtype", assay_options_str(c->o, "dtype"),
						    "loaded", c->model, "output_tokens", c->n_out, "outcome", outcome_name[overall(c)], "prompts", rows);
	json_object_set_new(o, "reason", *c->why ? json_string(c->why) : json_null());
	for (int i = 0; !*c->why && i < c->n; i++) {
		const struct prompt *p = &c->prompt[i];
		bool part = p->agreed < c->n_out;
		json_array_append_new(rows, json_pack("{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:s}", "prompt_tokens", p->n_ids, "agreed", p->agreed, "first_difference", part ? json_integer(p->agreed) : json_null(),
						      "token_a", part ? json_integer(p->out[0][p->agreed]) : json_null(), "token_b", part ? json_integer(p->out[1][p->agreed]) : json_null(), "margin",
						      assay_json_real(p->margin), "bound", assay_json_real(p->bound), "outcome", outcome_name[p->outcome]));
	}
	return o;
}

static void show(const struct check *c)
{
	printf("A  %s  %s\nB  %s  %s\n%s, %s, greedy, %d tokens a prompt, the same ids\n\n", c->spec[0], c->version[0], c->spec[1], c->version[1], c->shape.name, assay_options_str(c->o, "dtype"), c->n_out);
	if (!*c->why)
		printf("%7s %9s  %-13s  %s\n", "prompt", "agreed", "outcome", "where they part (margin: by the embedded engine's f32 logits)");
	for (int i = 0; !*c->why && i < c->n; i++) {
		const struct prompt *p = &c->prompt[i];
		printf("%7d %4d/%-4d  %-13s", p->n_ids, p->agreed, c->n_out, outcome_name[p->outcome]);
		if (p->agreed < c->n_out)
			printf("  token %d: A %d, B %d; margin %.3g, bound %.3g", p->agreed, p->out[0][p->agreed], p->out[1][p->agreed], p->margin, p->bound);
		putchar('\n');
	}
	printf("%s%s%s%s\n", *c->why ? "" : "\n", outcome_name[overall(c)], *c->why ? ": " : "", c->why);
}

static int report(const struct check *c, struct assay_err *e)
{
	if (!assay_options_flag(c->o, "json")) {
		show(c);
		return 0;
	}
	json_t *o = document(c);
	int rc = cmd_print_json(o, e);
	json_decref(o);
	return rc;
}

/* "K=V" is for the workers among the two, "A:K=V" and "B:K=V" for one. */
static int read_options(struct check *c, struct assay_err *e)
{
	const char *const *list;
	int n = assay_options_strs(c->o, "engine-opt", &list), rc = 0;
	for (int side = 0; !rc && side < 2; side++) {
		for (int i = 0; !rc && i < n && assay_engine_is_worker(c->spec[side]); i++) {
			bool named = (list[i][0] == 'A' || list[i][0] == 'B') && list[i][1] == ':';
			if (named && list[i][0] != 'A' + side)
				continue;
			if (c->n_opts[side] == OPTS_MAX)
				return assay_fail(e, ASSAY_E_USAGE, "--engine-opt: more than %d", OPTS_MAX);
			c->opts[side][c->n_opts[side]++] = list[i] + (named ? 2 : 0);
		}
		rc = assay_engine_check(c->spec[side], c->opts[side], c->n_opts[side], e);
	}
	return rc;
}

int cmd_engines_check(const struct assay_options *o, const char *a, const char *b, struct assay_err *e)
{
	struct check *c = xalloc(sizeof *c);
	*c = (struct check){ .o = o, .spec = { a, b } };
	int rc = cmd_check_engine_options(o, e);
	if (!rc)
		rc = read_options(c, e);
	cmd_signals_install();
	if (!rc)
		rc = choose_model(c, e);
	if (!rc)
		rc = make_prompts(c, e);
	for (int side = 0; !rc && side < 2 && !*c->why; side++)
		rc = run_side(c, side, e);
	if (!rc && !*c->why)
		rc = judge(c, e);
	if (!rc)
		rc = report(c, e);
	int status = rc ? rc : overall(c) == DISAGREE ? ASSAY_EXIT_FAILED : ASSAY_EXIT_OK;
	for (int i = 0; i < c->n; i++) {
		free(c->prompt[i].ids);
		free(c->prompt[i].out[0]);
		free(c->prompt[i].out[1]);
	}
	free(c->model);
	free(c);
	return status;
}
