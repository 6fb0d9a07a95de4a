/* See exp_kit.h. */
#include "exp_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "engine/registry.h"

static void put(struct assay_sink *base, enum assay_lane lane, const struct assay_record *r)
{
	struct kit_sink *s = (struct kit_sink *)base;
	(void)lane;
	if (s->n_hot == s->cap_hot) {
		s->cap_hot = s->cap_hot ? 2 * s->cap_hot : 1024;
		s->hot = xrealloc(s->hot, s->cap_hot * sizeof *s->hot);
	}
	s->hot[s->n_hot++] = *r;
}

static void put_json(struct assay_sink *base, enum assay_rec_type type, json_t *steal)
{
	assert_non_null(steal);
	json_array_append_new(((struct kit_sink *)base)->cold, json_pack("{s:i, s:o}", "type", (int)type, "value", steal));
}

static void flush(struct assay_sink *base)
{
	((struct kit_sink *)base)->flushes++;
}

void kit_sink_init(struct kit_sink *s)
{
	*s = (struct kit_sink){ .base = { put, put_json, flush }, .cold = json_array() };
}

void kit_sink_release(struct kit_sink *s)
{
	free(s->hot);
	json_decref(s->cold);
}

size_t kit_count(const struct kit_sink *s, enum assay_rec_type type)
{
	size_t n = 0;
	while (kit_hot(s, type, n) || kit_cold(s, type, n))
		n++;
	return n;
}

const struct assay_record *kit_hot(const struct kit_sink *s, enum assay_rec_type type, size_t n)
{
	for (size_t i = 0; i < s->n_hot; i++)
		if (s->hot[i].type == (uint32_t)type && !n--)
			return &s->hot[i];
	return NULL;
}

const json_t *kit_cold(const struct kit_sink *s, enum assay_rec_type type, size_t n)
{
	for (size_t i = 0; i < json_array_size(s->cold); i++) {
		const json_t *o = json_array_get(s->cold, i);
		if (assay_json_get_int(o, "type", 0) == (int)type && !n--)
			return json_object_get(o, "value");
	}
	return NULL;
}

const json_t *kit_note(const struct kit_sink *s, const char *code, size_t n)
{
	const json_t *o;
	for (size_t i = 0; (o = kit_cold(s, ASSAY_REC_NOTE, i)); i++)
		if (!strcmp(assay_json_get_str(o, "code", ""), code) && !n--)
			return o;
	return NULL;
}

const char *kit_status(const struct kit_sink *s, int point)
{
	const json_t *o;
	const char *status = "no POINT_END";
	int seen = 0;
	for (size_t i = 0; (o = kit_cold(s, ASSAY_REC_POINT_END, i)); i++)
		if (assay_json_get_int(o, "index", -1) == point) {
			status = assay_json_get_str(o, "status", "none");
			seen++;
		}
	return seen > 1 ? "POINT_END twice" : status;
}

struct assay_engine *kit_sim(const char *yaml, const char *model)
{
	char path[64];
	struct assay_engine_config c = { .model = model, .max_num_seqs = 256, .arg = path };
	struct assay_engine *g = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	snprintf(path, sizeof path, "/tmp/assay-kit-%d.yaml", getpid());
	assert_int_equal(assay_fs_write_atomic(path, yaml, strlen(yaml), &e), 0);
	int rc = assay_engine_sim.open(&c, &g, &e);
	unlink(path);
	if (rc)
		fail_msg("%s", e.msg);
	return g;
}

struct assay_options *kit_options(const char *experiment, char **args)
{
	const struct assay_experiment *x = assay_experiment_find(experiment);
	const struct assay_opt *tables[] = { cmd_engine_options, cmd_common_options, x->options, NULL };
	struct assay_options *o = assay_options_open(tables);
	struct assay_err e = ASSAY_ERR_INIT;
	int n = 0;
	while (args && args[n])
		n++;
	if (assay_options_parse(o, n, args, &e))
		fail_msg("%s", e.msg);
	return o;
}

void kit_run(struct kit_run *r, struct assay_engine *g, const char *experiment, char **args, bool (*stop)(void *), void *arg)
{
	struct assay_options *o = kit_options(experiment, args);
	struct assay_session *s = NULL;
	*r = (struct kit_run){ .e = ASSAY_ERR_INIT };
	kit_sink_init(&r->sink);
	struct assay_session_config c = { .engine = g, .sink = &r->sink.base, .hooks = { arg, stop, NULL }, .seed = (uint64_t)assay_options_int(o, "seed") };
	assert_int_equal(assay_session_open(&c, &s, &r->e), 0);
	r->rc = assay_experiment_find(experiment)->run(s, o, &r->e);
	assay_session_totals(s, &r->totals);
	assay_session_close(s);
	g->ops->close(g);
	assay_options_close(o);
}
