/* Hugging Face config.json to struct nn_shape. Text in, shape out: the file
 * reading is nn_config_read (source.h). */
#ifndef ASSAY_NN_CONFIG_H
#define ASSAY_NN_CONFIG_H

#include <stddef.h>

#include "base/err.h"
#include "nn/shape.h"

/* `what` names the text in errors. Fills all of *out but name and checkpoint; stored is NN_AUTO when the
 * text does not say. ASSAY_E_MODEL: not JSON, a value missing, of a wrong type or out of range, or a
 * feature whose numbers would come out wrong here (named). */
int nn_config_parse(const char *text, size_t len_bytes, const char *what, struct nn_shape *out, struct assay_err *e);

#endif
