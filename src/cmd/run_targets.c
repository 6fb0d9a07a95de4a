/* --targets: a named set of bounds or a user's YAML file. */
#include <string.h>

#include "analysis/targets.h"
#include "base/fs.h"
#include "base/yaml.h"
#include "cmd/run.h"

static const char *where(const json_t *node, void *yaml) { return assay_yaml_where(yaml, node); }

int cmd_run_targets(const struct assay_options *o, json_t **rows, struct assay_err *e)
{
	const char *name = assay_options_str(o, "targets");
	struct assay_yaml *y = NULL;
	*rows = name ? assay_targets_named(name) : NULL;
	if (!name || *rows)
		return 0;
	if (!assay_fs_exists(name)) {
		int n;
		char all[200] = "";
		const char *const *names = assay_targets_names(&n), *near = assay_nearest(name, names, n);
		for (int i = 0; i < n; i++)
			snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
		return assay_fail(e, ASSAY_E_USAGE, "--targets: \"%.200s\" is neither a file nor one of %s%s%s%s", name, all, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	}
	int rc = assay_yaml_load(name, &y, e);
	if (!rc) {
		*rows = assay_targets_check(assay_yaml_root(y), where, y, e);
		rc = *rows ? 0 : e->code;
	}
	assay_yaml_close(y);
	return rc;
}
