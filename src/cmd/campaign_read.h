/* Between campaign_read.c (keys and options) and campaign_expand.c (one step of the file to its runs). Internal to reading jobs. */
#ifndef ASSAY_CMD_CAMPAIGN_READ_H
#define ASSAY_CMD_CAMPAIGN_READ_H

#include "cmd/campaign.h"

struct reading {
	struct cmd_campaign *c;
	const char *path, *baseline;
	const char *const *sets;
	int n_sets;
	bool *set_used;
	const json_t *defaults;      /* mapping, or NULL */
	const json_t *spec;          /* the step under way */
	struct assay_err *e;
};

/* "FILE:line:column" of a key. */
const char *read_at(const struct reading *r, const json_t *map, const char *key);
/* *out stays as it is without the key. */
int read_name(const struct reading *r, const json_t *map, char **out);
int read_verb(struct reading *r, const json_t *spec, const struct assay_verb **out);
/* Opens and fills s->o. combination: {option: value} of the matrix. */
int read_options(struct reading *r, struct cmd_step *s, const json_t *combination);
/* Whether a --set is for a step; its option. */
bool read_set_key(const char *set, const char *base, char out[64]);
int read_repeats(const struct reading *r, const json_t *spec, int *out);
int read_args(const struct reading *r, struct cmd_step *s);
int read_needs(const struct reading *r, struct cmd_step *s);
int read_compare(const struct reading *r, struct cmd_step *s);

/* campaign_expand.c: every step of the file, every combination of its matrix, every repeat. */
int read_steps(struct reading *r);

#endif
