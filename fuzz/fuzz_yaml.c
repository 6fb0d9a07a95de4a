/* libFuzzer target: any bytes through the YAML reader, then every place asked for, then as a job. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/options.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct assay_opt rows[] = {
	{ "a", 0, ASSAY_OPT_INT, "1", 0, 9 }, { "b", 0, ASSAY_OPT_INTS, NULL, 0, 99 }, { "c", 0, ASSAY_OPT_ENUMS, NULL, .choices = "x|y" }, { "d", 0, ASSAY_OPT_SIZE, "auto" },
	{ "e", 0, ASSAY_OPT_DURATION, "1s" }, { "f", 0, ASSAY_OPT_FLAG }, { "g", 0, ASSAY_OPT_RANGE, "1:2" }, { "h-i", 0, ASSAY_OPT_NUM }, { "j", 0, ASSAY_OPT_STRS }, { "k", 0, ASSAY_OPT_MAP }, ASSAY_OPT_END,
};

static const char *where(const json_t *map, const char *key, void *y) { return assay_yaml_where_key(y, map, key); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct assay_opt *const tables[] = { rows, NULL };
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_yaml *y = NULL;
	if (assay_yaml_parse((const char *)data, size, "f", &y, &e))
		return 0;
	struct assay_options *o = assay_options_open(tables);
	if (!assay_yaml_where(y, assay_yaml_root(y)))
		abort();
	assay_options_job(o, assay_yaml_root(y), where, y, &e);
	json_decref(assay_options_echo(o));
	assay_options_close(o);
	assay_yaml_close(y);
	return 0;
}
