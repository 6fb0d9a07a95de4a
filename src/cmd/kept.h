/* What verbs that make many runs have in common when they go on where they were stopped: one at a time in a directory, is it the same command, which
 * results are whole, and what is not is put aside. Knows no verb. */
#ifndef ASSAY_CMD_KEPT_H
#define ASSAY_CMD_KEPT_H

#include <jansson.h>

#include "cmd/child.h"

/* Locks dir for as long as *fd is open; what an ended process left running there is waited for, 10 s. noun: "sweep", for the message. ASSAY_E_USAGE. */
int cmd_kept_lock(const char *dir, const char *noun, int *fd, struct assay_err *e);
/* A word that says where to or in which form, not what to measure. */
bool cmd_kept_is_form(const char *word);
/* The first key whose values differ is named; `prefix` stands before it. Two objects are not held against each other. ASSAY_E_USAGE. */
int cmd_kept_same(const char *prefix, const char *noun, const json_t *was, const json_t *is, const char *dir, struct assay_err *e);
/* Whether dir holds the whole result of `assay VERB WORDS...`, in whatever form. */
bool cmd_kept_finished(const char *dir, const char *verb, const struct cmd_argv *words);
/* Puts dir, which lies below root, out of the way: root/aside/NAME-1, -2, ... Nothing where it is not there. ASSAY_E_IO. */
int cmd_kept_aside(const char *root, const char *dir, struct assay_err *e);

/* dir/file, whose "schema" must be that one. NULL + ASSAY_E_USAGE. */
json_t *cmd_kept_load(const char *dir, const char *file, const char *schema, size_t max_bytes, struct assay_err *e);
/* Its "command", a new reference; doc is stolen and may be NULL (*e says why). NULL + ASSAY_E_USAGE. */
json_t *cmd_kept_command_of(json_t *doc, const char *dir, const char *file, struct assay_err *e);
/* `--resume DIR` without an option of `own` (prefixes, NULL-terminated): the stored command (load), without its first two words, and argv behind it; else argv. Words are owned
 * by *out. load: the stored words, a new reference, or NULL and *e. */
int cmd_kept_command(int argc, char **argv, const char *const *own, json_t *(*load)(const char *dir, struct assay_err *e), struct cmd_argv *out, struct assay_err *e);
/* ["assay", verb, words...]. New reference. */
json_t *cmd_kept_words(const char *verb, const struct cmd_argv *words);

#endif
