/* Private to base/yaml*.c. */
#ifndef ASSAY_BASE_YAML_SCALAR_H
#define ASSAY_BASE_YAML_SCALAR_H

#include <jansson.h>
#include <stdbool.h>

/* New reference; NULL and *why (a constant sentence) when the value cannot be held. */
json_t *assay_yaml_plain(const char *s, const char **why);

#endif
