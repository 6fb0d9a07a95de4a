/* See sim_file.h. One row a key; the rows are the whole grammar. Must not know what the numbers do. */
#include "engine/sim_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/options.h"
#include "base/yaml.h"

enum kind { NUM, INT, CLOCK, FAULTS, TELEMETRY };

struct row {
	const char *section, *key; /* section NULL: a key of the document itself */
	enum kind kind;
	size_t offset;
	double min, max;
};

#define AT(field) offsetof(struct assay_sim_spec, field)
static const struct row rows[] = {
	{ NULL, "clock", CLOCK, AT(virtual_clock), 0, 0 },
	{ "prefill", "fixed_ms", NUM, AT(prefill_fixed_ms), 0, 1e8 },
	{ "prefill", "per_token_us", NUM, AT(prefill_per_token_us), 0, 1e8 },
	{ "decode", "fixed_ms", NUM, AT(decode_fixed_ms), 0, 1e8 },
	{ "decode", "per_sequence_us", NUM, AT(decode_per_sequence_us), 0, 1e8 },
	{ "decode", "per_context_token_us", NUM, AT(decode_per_context_token_us), 0, 1e6 },
	{ NULL, "max_batch", INT, AT(max_batch), 1, 65536 },
	{ "kv", "tokens", INT, AT(kv_tokens), 1, 1e12 },
	{ "kv", "bytes_per_token", NUM, AT(kv_bytes_per_token), 1, 1e9 },
	{ NULL, "load_ms", NUM, AT(load_ms), 0, 1e8 },
	{ NULL, "weights_mib", NUM, AT(weights_mib), 0, 1e9 },
	{ "noise", "cv", NUM, AT(noise_cv), 0, 10 },
	{ "noise", "run_cv", NUM, AT(noise_run_cv), 0, 10 },
	{ "noise", "ar1", NUM, AT(noise_ar1), -0.999, 0.999 },
	{ "noise", "seed", INT, AT(noise_seed), 0, 9e15 },
	{ NULL, "drift_pct_per_min", NUM, AT(drift_pct_per_min), -100, 1e6 },
	{ "ceilings", "read_gb_s", NUM, AT(read_gb_s), 1e-6, 1e9 },
	{ "ceilings", "gemm_gflop_s", NUM, AT(gemm_gflop_s), 1e-6, 1e12 },
	{ NULL, "leak_kib_per_request", NUM, AT(leak_kib_per_request), 0, 1e9 },
	{ NULL, "faults", FAULTS, 0, 0, 0 },
	{ NULL, "telemetry", TELEMETRY, 0, 0, 0 },
};
#define N_ROWS ((int)(sizeof rows / sizeof rows[0]))

static const struct { const char *key; double min, max; } telemetry_keys[] = {
	{ "at_ms", 0, 1e12 }, { "cpu_steal_pct", 0, 100 }, { "other_cpu_pct", 0, 100 }, { "rss_mib", 0, 1e9 },
	{ "swap_mib", 0, 1e9 }, { "throttled", 0, 1 }, { "gpu_util", 0, 100 }, { "power_w", 0, 1e6 },
};
#define N_TELEMETRY ((int)(sizeof telemetry_keys / sizeof telemetry_keys[0]))

struct reader {
	const struct assay_yaml *y;
	struct assay_sim_spec *s;
	struct assay_err *e;
};

static int unknown(struct reader *r, const json_t *map, const char *in, const char *key, const char *const *names, int n)
{
	const char *near = assay_nearest(key, names, n);
	return assay_fail(r->e, ASSAY_E_USAGE, "%s: unknown key \"%.60s\"%s%s%s%s%s", assay_yaml_where_key(r->y, map, key), key, in ? " in " : "",
			  in ? in : "", near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int number(struct reader *r, const json_t *map, const char *key, double min, double max, bool integer, double *out)
{
	const json_t *v = json_object_get(map, key);
	if (integer ? !json_is_integer(v) : !json_is_number(v))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: %s must be %s", assay_yaml_where_key(r->y, map, key), key, integer ? "a whole number" : "a number");
	double x = json_number_value(v);
	if (!(x >= min && x <= max))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: %s is %.17g, allowed is %.15g to %.15g", assay_yaml_where_key(r->y, map, key), key, x, min, max);
	*out = x;
	return 0;
}

static int mapping(struct reader *r, const json_t *v, const char *what)
{
	if (json_is_object(v))
		return 0;
	return assay_fail(r->e, ASSAY_E_USAGE, "%s: %s must be a mapping of keys to values", assay_yaml_where(r->y, v), what);
}

static int read_fault(struct reader *r, const json_t *v)
{
	static const char *const keys[] = { "kind", "every", "at", "ms" };
	static const char *const kinds[] = { "error", "stall", "short", "extra" };
	struct assay_sim_fault f = { .ms = 1000 };
	const char *k, *kind;
	json_t *x;
	double n;
	if (mapping(r, v, "a fault"))
		return r->e->code;
	json_object_foreach((json_t *)v, k, x) {
		if (!strcmp(k, "kind"))
			continue;
		if (!strcmp(k, "every") || !strcmp(k, "at")) {
			if (number(r, v, k, 1, 1e12, true, &n))
				return r->e->code;
			*(k[0] == 'e' ? &f.every : &f.at) = (int64_t)n;
		} else if (!strcmp(k, "ms")) {
			if (number(r, v, k, 0, 1e8, false, &f.ms))
				return r->e->code;
		} else
			return unknown(r, v, "a fault", k, keys, 4);
	}
	kind = json_string_value(json_object_get(v, "kind"));
	int which = 0;
	while (kind && which < 4 && strcmp(kind, kinds[which]))
		which++;
	if (!kind || which == 4)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: a fault's kind must be error, stall, short or extra", assay_yaml_where(r->y, v));
	if (!f.every == !f.at)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: a fault needs either every: N or at: N", assay_yaml_where(r->y, v));
	f.kind = (enum assay_sim_fault_kind)which;
	r->s->faults[r->s->n_faults++] = f;
	return 0;
}

static int read_faults(struct reader *r, const json_t *v)
{
	if (!json_is_array(v) || json_array_size(v) > ASSAY_SIM_MAX_FAULTS)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: faults must be a list of at most %d", assay_yaml_where(r->y, v), ASSAY_SIM_MAX_FAULTS);
	for (size_t i = 0; i < json_array_size(v); i++)
		if (read_fault(r, json_array_get(v, i)))
			return r->e->code;
	return 0;
}

static int read_telemetry_entry(struct reader *r, const json_t *v, double *last_ms)
{
	const char *names[N_TELEMETRY], *k;
	json_t *x;
	double n;
	for (int i = 0; i < N_TELEMETRY; i++)
		names[i] = telemetry_keys[i].key;
	if (mapping(r, v, "a telemetry entry"))
		return r->e->code;
	json_object_foreach((json_t *)v, k, x) {
		int i = 0;
		while (i < N_TELEMETRY && strcmp(k, names[i]))
			i++;
		if (i == N_TELEMETRY)
			return unknown(r, v, "a telemetry entry", k, names, N_TELEMETRY);
		if (!strcmp(k, "throttled") && json_is_boolean(x))
			continue;
		if (number(r, v, k, telemetry_keys[i].min, telemetry_keys[i].max, false, &n))
			return r->e->code;
	}
	x = json_object_get(v, "at_ms");
	if (!x || json_number_value(x) <= *last_ms)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: a telemetry entry needs at_ms, rising from entry to entry", assay_yaml_where(r->y, v));
	*last_ms = json_number_value(x);
	return 0;
}

static int read_telemetry(struct reader *r, const json_t *v)
{
	double last_ms = -1;
	if (!json_is_array(v) || json_array_size(v) > ASSAY_SIM_MAX_TELEMETRY)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: telemetry must be a list of at most %d", assay_yaml_where(r->y, v), ASSAY_SIM_MAX_TELEMETRY);
	for (size_t i = 0; i < json_array_size(v); i++)
		if (read_telemetry_entry(r, json_array_get(v, i), &last_ms))
			return r->e->code;
	r->s->telemetry = json_deep_copy(v);
	return 0;
}

static int read_row(struct reader *r, const struct row *row, const json_t *map)
{
	const json_t *v = json_object_get(map, row->key);
	void *at = (char *)r->s + row->offset;
	double x;
	const char *word;
	switch (row->kind) {
	case NUM:
		return number(r, map, row->key, row->min, row->max, false, at);
	case INT:
		if (number(r, map, row->key, row->min, row->max, true, &x))
			return r->e->code;
		*(int64_t *)at = (int64_t)x;
		return 0;
	case CLOCK:
		word = json_string_value(v);
		if (!word || (strcmp(word, "virtual") && strcmp(word, "real")))
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: clock must be virtual or real", assay_yaml_where_key(r->y, map, row->key));
		*(bool *)at = word[0] == 'v';
		return 0;
	case FAULTS:
		return read_faults(r, v);
	case TELEMETRY:
		return read_telemetry(r, v);
	}
	return assay_fail(r->e, ASSAY_E_INTERNAL, "sim file: row without a kind");
}

static const struct row *find_row(const char *section, const char *key)
{
	for (int i = 0; i < N_ROWS; i++)
		if (!strcmp(rows[i].key, key) && (section ? rows[i].section && !strcmp(rows[i].section, section) : !rows[i].section))
			return &rows[i];
	return NULL;
}

/* Names allowed at one level: keys of a section, or (section NULL) top-level keys and sections. */
static int names_of(const char *section, const char **names)
{
	int n = 0;
	for (int i = 0; i < N_ROWS; i++) {
		const char *name = section ? (rows[i].section && !strcmp(rows[i].section, section) ? rows[i].key : NULL)
					   : (rows[i].section ? rows[i].section : rows[i].key);
		if (name && (n == 0 || strcmp(names[n - 1], name)))
			names[n++] = name;
	}
	return n;
}

static int read_section(struct reader *r, const char *section, const json_t *map)
{
	const char *names[N_ROWS], *key;
	json_t *v;
	int n = names_of(section, names);
	if (mapping(r, map, section ? section : "a sim file"))
		return r->e->code;
	json_object_foreach((json_t *)map, key, v) {
		const struct row *row = find_row(section, key);
		int i = 0, rc;
		while (i < n && strcmp(names[i], key))
			i++;
		if (i == n)
			return unknown(r, map, section, key, names, n);
		rc = row ? read_row(r, row, map) : read_section(r, key, v);
		if (rc)
			return rc;
	}
	return 0;
}

int assay_sim_parse(const char *text, size_t len_bytes, const char *what, struct assay_sim_spec *out, struct assay_err *e)
{
	struct assay_yaml *y = NULL;
	struct assay_err own = ASSAY_ERR_INIT;
	struct reader r = { .s = out, .e = e ? e : &own };
	*out = (struct assay_sim_spec){ .virtual_clock = true, .load_ms = NAN };
	if (assay_yaml_parse(text, len_bytes, what, &y, r.e))
		return r.e->code;
	r.y = y;
	int rc = read_section(&r, NULL, assay_yaml_root(y));
	assay_yaml_close(y);
	if (rc)
		assay_sim_spec_release(out);
	return rc;
}

int assay_sim_load(const char *path, struct assay_sim_spec *out, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, 16u << 20);
	int rc = assay_fs_read(path, &b, ASSAY_E_USAGE, e);
	if (!rc)
		rc = assay_sim_parse(b.data ? b.data : "", b.len_bytes, path, out, e);
	assay_buf_release(&b);
	return rc;
}

int assay_sim_load_stream(const char *arg, struct assay_sim_spec *spec, uint64_t *stream, struct assay_err *e)
{
	const char *at = strrchr(arg, '@');
	*stream = 0;
	if (!at || !at[1] || at[1 + strspn(at + 1, "0123456789")] || strlen(at) > 16 || assay_fs_exists(arg))
		return assay_sim_load(arg, spec, e);
	char *path = strndup(arg, (size_t)(at - arg));
	int rc = path ? assay_sim_load(path, spec, e) : assay_fail(e, ASSAY_E_INTERNAL, "out of memory");
	*stream = strtoull(at + 1, NULL, 10);
	free(path);
	return rc;
}

void assay_sim_spec_release(struct assay_sim_spec *s)
{
	json_decref(s->telemetry);
	*s = (struct assay_sim_spec){ .virtual_clock = true, .load_ms = NAN };
}
