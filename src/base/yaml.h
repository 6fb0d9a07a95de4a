/* YAML to JSON values with positions, by libyaml. Mappings, sequences, scalars (core schema:
 * null, bool, int, float, string); anchors, tags and duplicate keys are refused; depth and size capped. */
#ifndef ASSAY_BASE_YAML_H
#define ASSAY_BASE_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

struct assay_yaml;

/* what = file name for messages ("FILE:line:col: ..."). ASSAY_E_USAGE. */
int assay_yaml_parse(const char *text, size_t len_bytes, const char *what, struct assay_yaml **out, struct assay_err *e);
int assay_yaml_load(const char *path, struct assay_yaml **out, struct assay_err *e);
void assay_yaml_close(struct assay_yaml *y);
json_t *assay_yaml_root(const struct assay_yaml *y);                       /* borrowed */
/* "FILE:line:col" of a node of this document ("FILE" when unknown); valid until the next call. */
const char *assay_yaml_where(const struct assay_yaml *y, const json_t *node);
/* The same of a key in a mapping; true, false and null are shared values, so only this finds them. key NULL: the mapping itself. */
const char *assay_yaml_where_key(const struct assay_yaml *y, const json_t *map, const char *key);

#endif
