/* For tests of experiment/: a sink that keeps records in memory, a sim engine from YAML text, options of an experiment,
 * and a whole session run in one call. */
#ifndef TESTS_EXP_KIT_H
#define TESTS_EXP_KIT_H

#include "experiment/experiment.h"

struct kit_sink {
	struct assay_sink base;
	struct assay_record *hot;
	size_t n_hot, cap_hot;
	json_t *cold;              /* array of {type, value} */
	int flushes;
};

void kit_sink_init(struct kit_sink *s);
void kit_sink_release(struct kit_sink *s);
size_t kit_count(const struct kit_sink *s, enum assay_rec_type type);
/* The n-th record of a hot type, or NULL. */
const struct assay_record *kit_hot(const struct kit_sink *s, enum assay_rec_type type, size_t n);
/* The n-th JSON record of a type (borrowed), or NULL; the n-th NOTE with this code. */
const json_t *kit_cold(const struct kit_sink *s, enum assay_rec_type type, size_t n);
const json_t *kit_note(const struct kit_sink *s, const char *code, size_t n);
/* POINT_END of a point: its status. */
const char *kit_status(const struct kit_sink *s, int point);

struct assay_engine *kit_sim(const char *yaml, const char *model);
/* Options of an experiment as the command line would give them; args like {"--runs", "3", NULL}. Fails the test on an error. */
struct assay_options *kit_options(const char *experiment, char **args);

struct kit_run {
	struct kit_sink sink;
	struct assay_session_totals totals;
	struct assay_err e;
	int rc;
};
/* Opens a session on g, runs the experiment, closes session, engine and options. stop may be NULL. */
void kit_run(struct kit_run *r, struct assay_engine *g, const char *experiment, char **args, bool (*stop)(void *), void *arg);

#endif
