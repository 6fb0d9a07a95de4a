/* Options: one row declares name, kind, range, default and help; the row drives parsing of the command
 * line, YAML jobs and the environment, --help, the man page, shell completion and the echo in the result.
 * Precedence: command line > job file > environment (ASSAY_NAME) > default; what a stronger source says replaces a whole list. */
#ifndef ASSAY_BASE_OPTIONS_H
#define ASSAY_BASE_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum assay_opt_kind {
	ASSAY_OPT_FLAG,   /* --x, --no-x; yaml true/false */
	ASSAY_OPT_INT,    /* one integer */
	ASSAY_OPT_NUM,    /* one real */
	ASSAY_OPT_STR,
	ASSAY_OPT_ENUM,   /* one of `choices` */
	ASSAY_OPT_ENUMS,  /* comma list of `choices` */
	ASSAY_OPT_INTS,   /* comma list of integers */
	ASSAY_OPT_RANGE,  /* N or A:B, integers, A <= B */
	ASSAY_OPT_SIZE,   /* bytes: 512M, 2GiB (K M G T are binary, KB MB GB decimal); "auto" = 0 when the default is "auto" */
	ASSAY_OPT_DURATION, /* 500ms, 30s, 5m, 24h -> ns; a bare number is seconds */
	ASSAY_OPT_STRS,   /* text; may be given again, each time adds one. yaml: text, a list of texts, or a mapping (item "K=V") */
	ASSAY_OPT_MAP,    /* as STRS, of the form K=V; a key given again replaces its value; echoed as an object */
};

struct assay_opt {
	const char *name;      /* long name without dashes, with '-' */
	char letter;           /* 0 or the short option */
	enum assay_opt_kind kind;
	const char *def;       /* default as typed, or NULL = unset */
	double min, max;       /* INT, NUM, INTS, RANGE, SIZE (bytes), DURATION (s): allowed range, both ends included; both 0 = any */
	const char *choices;   /* ENUM(S): "auto|f32|bf16" */
	const char *arg;       /* placeholder in help: "N", "FILE" */
	const char *help;      /* one line */
	bool hidden_echo;      /* not echoed in results (nothing secret is ever an option value) */
	bool may_be_empty;     /* STR: "" is a value */
};

#define ASSAY_OPT_END { NULL, 0, ASSAY_OPT_FLAG, NULL, 0, 0, NULL, NULL, NULL, false, false }

enum assay_opt_source { ASSAY_FROM_DEFAULT, ASSAY_FROM_ENV, ASSAY_FROM_JOB, ASSAY_FROM_CLI };

struct assay_options; /* opaque: rows + validated values */

/* tables: NULL-terminated list of row tables (each ended by ASSAY_OPT_END); a later row of the same name
 * replaces an earlier one in its place (or only its default, when the later row has no help). Aborts on a default that its own row refuses. */
struct assay_options *assay_options_open(const struct assay_opt *const *tables);
void assay_options_close(struct assay_options *o);

/* argv without the verb. Positionals are collected. ASSAY_E_USAGE naming option, value, allowed range and the nearest valid name. */
int assay_options_parse(struct assay_options *o, int argc, char **argv, struct assay_err *e);
int assay_options_env(struct assay_options *o, struct assay_err *e);
void assay_options_variable(const char *option, char out[80]); /* "max-num-seqs" -> "ASSAY_MAX_NUM_SEQS" */
/* Sets from a job mapping; keys use '_'; null leaves an option alone. where(map, key) gives "FILE:line:col" of a key
 * (key NULL: of the mapping) for messages; it may be NULL. */
int assay_options_job(struct assay_options *o, const json_t *map, const char *(*where)(const json_t *, const char *, void *), void *arg, struct assay_err *e);

int assay_options_positionals(const struct assay_options *o, char ***list);
bool assay_options_knows(const struct assay_options *o, const char *name);       /* has such a row */
bool assay_options_is_set(const struct assay_options *o, const char *name);      /* has a value at all */
enum assay_opt_source assay_options_source(const struct assay_options *o, const char *name);

/* Getters abort on an unknown name or wrong kind (our own promise). A list is owned by o. */
bool assay_options_flag(const struct assay_options *o, const char *name);
int64_t assay_options_int(const struct assay_options *o, const char *name);      /* INT, SIZE, DURATION */
double assay_options_num(const struct assay_options *o, const char *name);
const char *assay_options_str(const struct assay_options *o, const char *name);  /* STR, ENUM; NULL when unset */
int assay_options_ints(const struct assay_options *o, const char *name, const int64_t **list); /* INTS; RANGE gives {A,B} */
int assay_options_strs(const struct assay_options *o, const char *name, const char *const **list); /* STRS; MAP gives "K=V" */
bool assay_options_has(const struct assay_options *o, const char *name, const char *choice);   /* ENUMS */

/* As typed (a list kind: the whole list; STRS and MAP: read them with assay_options_strs), NULL when unset. Any kind. */
const char *assay_options_text(const struct assay_options *o, const char *name);

/* Every effective option as {name_with_underscores: typed value or null}; new reference. */
json_t *assay_options_echo(const struct assay_options *o);
/* Rows in order, for help, man page and completion. Returns the count. */
int assay_options_rows(const struct assay_options *o, const struct assay_opt *const **rows);

/* A kind that may be given again: STRS, MAP. */
static inline bool assay_options_repeats(const struct assay_opt *row) { return row->kind == ASSAY_OPT_STRS || row->kind == ASSAY_OPT_MAP; }

/* Nearest of n candidate names by edit distance, or NULL when none is near. */
const char *assay_nearest(const char *word, const char *const *names, int n);

#endif
