/* See run_fixture.h. */
#include "run_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { most_points = 64, most_visits = 1024, most_requests = 8192, most_tokens = 262144, most_steps = 65536, most_samples = 8192,
       most_memory = 2048, most_ceilings = 256 };

#define PUSH(array, count, most) ((count) < (size_t)(most) ? &(array)[(count)++] : (abort(), &(array)[0]))

static json_t *must_parse(const char *text)
{
	json_error_t je;
	json_t *v = json_loads(text, 0, &je);
	if (!v)
		abort();
	return v;
}

void fx_init(struct fx *f, const char *header)
{
	struct assay_run *r = &f->run;
	*r = (struct assay_run){ .header = must_parse(header), .notes = json_array() };
	r->points = xalloc(most_points * sizeof *r->points);
	r->visits = xalloc(most_visits * sizeof *r->visits);
	r->requests = xalloc(most_requests * sizeof *r->requests);
	r->tokens = xalloc(most_tokens * sizeof *r->tokens);
	r->steps = xalloc(most_steps * sizeof *r->steps);
	r->samples = xalloc(most_samples * sizeof *r->samples);
	r->memory = xalloc(most_memory * sizeof *r->memory);
	r->ceilings = xalloc(most_ceilings * sizeof *r->ceilings);
}

void fx_point(struct fx *f, const char *info, const char *end)
{
	struct assay_run_point *p = PUSH(f->run.points, f->run.n_points, most_points);
	*p = (struct assay_run_point){ must_parse(info), end ? must_parse(end) : NULL, f->run.n_visits, 0 };
}

void fx_visit(struct fx *f, int repeat, int64_t t0, int64_t t1)
{
	struct assay_run *r = &f->run;
	struct assay_run_visit *v = PUSH(r->visits, r->n_visits, most_visits);
	v->v = (struct assay_rec_visit){ (uint32_t)(r->n_points - 1), repeat, (uint32_t)(r->n_visits - 1), 0, t0, t1 };
	v->first_request = r->n_requests;
	r->points[r->n_points - 1].n_visits++;
}

struct assay_run_request *fx_request(struct fx *f, uint32_t prompt, uint32_t output, int64_t t, int64_t first, int64_t gap)
{
	struct assay_run *r = &f->run;
	struct assay_run_visit *v = &r->visits[r->n_visits - 1];
	struct assay_run_request *q = PUSH(r->requests, r->n_requests, most_requests);
	v->n_requests++;
	int64_t last = first + (int64_t)(output - 1) * gap;
	q->r = (struct assay_rec_request){ .id = (uint32_t)r->n_requests, .point = v->v.point, .repeat = v->v.repeat, .end_state = ASSAY_END_LENGTH,
		.prompt_tokens = prompt, .max_tokens = output, .output_tokens = output, .reported_tokens = output, .events = output,
		.t_intended = t, .t_sent = t, .t_scheduled = t, .t_first = first, .t_last = last, .t_end = last };
	q->tokens = r->tokens + r->n_tokens;
	q->n_tokens = output;
	for (uint32_t i = 0; i < output; i++)
		*PUSH(r->tokens, r->n_tokens, most_tokens) =
			(struct assay_rec_token){ q->r.id, 1, -1, 0, first + i * gap, first + i * gap + 1000 };
	return q;
}

struct assay_rec_step *fx_step(struct fx *f, enum assay_step_kind kind, uint32_t seqs, uint32_t tokens, int64_t t0, int64_t t1)
{
	struct assay_rec_step *s = PUSH(f->run.steps, f->run.n_steps, most_steps);
	*s = (struct assay_rec_step){ .kind = kind, .seqs = seqs, .t0_ns = t0, .t1_ns = t1 };
	*(kind == ASSAY_STEP_DECODE ? &s->decode_tokens : &s->prefill_tokens) = tokens;
	return s;
}

struct assay_rec_sample *fx_sample(struct fx *f, int64_t t)
{
	struct assay_rec_sample *s = PUSH(f->run.samples, f->run.n_samples, most_samples);
	memset(s, 0xff, sizeof *s); /* every field -1: not readable */
	s->t_ns = t;
	return s;
}

struct assay_rec_memory *fx_memory(struct fx *f, enum assay_mem_label label, int repeat)
{
	struct assay_rec_memory *m = PUSH(f->run.memory, f->run.n_memory, most_memory);
	memset(m, 0xff, sizeof *m);
	m->label = label;
	m->point = (uint32_t)(f->run.n_points - 1);
	m->repeat = repeat;
	return m;
}

void fx_ceiling(struct fx *f, int64_t t, double read, double f32, double bf16)
{
	*PUSH(f->run.ceilings, f->run.n_ceilings, most_ceilings) = (struct assay_rec_ceiling){ t, read, f32, bf16, 2, 0 };
}

void fx_done(struct fx *f)
{
	struct assay_run *r = &f->run;
	for (size_t i = 0; i < r->n_visits; i++) {
		struct assay_run_visit *v = &r->visits[i];
		for (size_t k = 0; k < r->n_steps; k++)
			if (r->steps[k].t0_ns >= v->v.t0_ns && r->steps[k].t0_ns <= v->v.t1_ns && !v->n_steps++)
				v->first_step = k;
		for (size_t k = 0; k < r->n_samples; k++)
			if (r->samples[k].t_ns >= v->v.t0_ns && r->samples[k].t_ns <= v->v.t1_ns && !v->n_samples++)
				v->first_sample = k;
	}
}

void fx_release(struct fx *f)
{
	assay_run_release(&f->run);
}
