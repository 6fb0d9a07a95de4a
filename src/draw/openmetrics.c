/* See openmetrics.h. */
#include "draw/openmetrics.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "draw/text.h"

/* Units of the table of definitions: what a key calls them, the word that a name ends with. */
static const struct { const char *unit, *in_key, *word; } units[] = {
	{ "ms", "_ms", "milliseconds" }, { "s", "_s", "seconds" }, { "tok/s", "_tok_s", "tokens_per_second" }, { "req/s", "_s", "requests_per_second" }, { "MiB", "_mib", "mebibytes" }, { "B", "_bytes", "bytes" },
	{ "x", "", "ratio" }, { "per Mtok", "_per_mtok", "per_million_tokens" }, { "J/tok", "", "joules" }, { "KiB/1k req", "_kib_per_1k", "kibibytes_per_1000_requests" },
};

static void legal(char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			*s = '_';
}

/* Takes the unit out of a key, where it stands as words of its own. */
static void without(char *key, const char *part)
{
	size_t n = strlen(part);
	for (char *at = n ? strstr(key, part) : NULL; at; at = strstr(at + 1, part))
		if (at[n] == '_' || !at[n]) {
			memmove(at, at + n, strlen(at + n) + 1);
			return;
		}
}

void openmetrics_name(char out[OPENMETRICS_NAME_MAX], const char *key, const char *unit, const char *part, const char **unit_word)
{
	char stem[64], word[48];
	snprintf(stem, sizeof stem, "%s", key);
	snprintf(word, sizeof word, "%s", unit);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (!strcmp(units[i].unit, unit)) {
			without(stem, units[i].in_key);
			snprintf(word, sizeof word, "%s", units[i].word);
			break;
		}
	legal(stem);
	legal(word);
	int n = snprintf(out, OPENMETRICS_NAME_MAX, "assay_%s%s%s_", stem, part ? "_" : "", part ? part : "");
	snprintf(out + n, (size_t)(OPENMETRICS_NAME_MAX - n), "%s", word);
	*unit_word = out + n;
}

/* Control characters are replaced, what the format gives a meaning is escaped. */
static void escaped(struct assay_buf *b, const char *s)
{
	struct assay_buf clean;
	assay_buf_init(&clean, 1 << 20);
	draw_text_clean(&clean, s);
	for (const char *p = clean.data ? clean.data : ""; *p; p++) {
		if (*p == '\\' || *p == '"')
			assay_buf_puts(b, "\\");
		assay_buf_append(b, p, 1);
	}
	assay_buf_release(&clean);
}

void openmetrics_family(struct assay_buf *b, const char *name, const char *type, const char *unit, const char *help)
{
	assay_buf_printf(b, "# TYPE %s %s\n", name, type);
	if (unit)
		assay_buf_printf(b, "# UNIT %s %s\n", name, unit);
	assay_buf_printf(b, "# HELP %s ", name);
	escaped(b, help);
	assay_buf_puts(b, "\n");
}

static void label(struct assay_buf *b, const char **gap, const char *name, const char *value)
{
	char word[64];
	snprintf(word, sizeof word, "%s%.60s", isdigit((unsigned char)*name) ? "_" : "", name);
	legal(word);
	assay_buf_printf(b, "%s%s=\"", *gap, word);
	escaped(b, value);
	assay_buf_puts(b, "\"");
	*gap = ",";
}

void openmetrics_sample(struct assay_buf *b, const char *name, const json_t *labels, const char *extra_name, const char *extra_value, double x)
{
	const char *key, *gap = "";
	char number[32];
	json_t *v;
	assay_buf_printf(b, "%s{", name);
	json_object_foreach((json_t *)labels, key, v) {
		if (json_is_string(v)) {
			label(b, &gap, key, json_string_value(v));
		} else if (json_is_number(v)) {
			if (json_is_integer(v))
				snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
			else
				assay_json_number(json_real_value(v), number);
			label(b, &gap, key, number);
		} else if (json_is_boolean(v)) {
			label(b, &gap, key, json_is_true(v) ? "true" : "false");
		}
	}
	if (extra_name)
		label(b, &gap, extra_name, extra_value);
	assay_json_number(x, number);
	assay_buf_printf(b, "} %s\n", number);
}
