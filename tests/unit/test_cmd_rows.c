/* The option rows as tables: defaults that their own rows accept, letters that mean one thing, choices that name what exists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/show_result.h"
#include "experiment/experiment.h"
#include "metrics/other_tools.h"
#include "report/report.h"

static const struct assay_opt *row(const struct assay_opt *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	fail_msg("no row %s", name);
	return NULL;
}

/* "a|b" has the word. */
static int has(const char *choices, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = choices; p && *p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (!strncmp(p, word, n) && (p[n] == '|' || !p[n]))
			return 1;
	return 0;
}

static int count(const char *choices)
{
	int n = 1;
	for (; *choices; choices++)
		n += *choices == '|';
	return n;
}

static void test_faces(void **state)
{
	(void)state;
	const char *format = row(cmd_common_options, "format")->choices, *legacy = row(cmd_common_options, "legacy")->choices;
	const char *definitions = row(cmd_report_options, "definitions")->choices;
	int n, old = 0, other = 0;
	const struct assay_face *const *faces = assay_faces(&n);
	for (int i = 0; i < n; i++) {
		if (!strncmp(faces[i]->name, "definitions-", 12)) {
			other++;
			if (!has(definitions, faces[i]->name + 12) || !assay_tool_find(faces[i]->name + 12))
				fail_msg("--definitions cannot name the face %s", faces[i]->name);
			continue;
		}
		old += faces[i]->legacy;
		if (!has(faces[i]->legacy ? legacy : format, faces[i]->name))
			fail_msg("--%s cannot name the face %s", faces[i]->legacy ? "legacy" : "format", faces[i]->name);
	}
	assert_int_equal(count(legacy), old);
	assert_int_equal(count(definitions), other);
	assert_int_equal(count(format), n - old - other);
}

static void test_rows(void **state)
{
	(void)state;
	int n_exp;
	const struct assay_experiment *const *x = assay_experiments(&n_exp);
	for (int i = 0; i < n_exp; i++) {
		const struct assay_opt *const tables[] = { cmd_engine_options, cmd_common_options, x[i]->options, NULL };
		const struct assay_opt *const *rows;
		char letters[128] = "";
		struct assay_options *o = assay_options_open(tables); /* aborts on a default that its row refuses */
		int n = assay_options_rows(o, &rows);
		for (int k = 0; k < n; k++) {
			if (!rows[k]->help || !*rows[k]->help || strchr(rows[k]->help, '\n'))
				fail_msg("%s --%s: help must be one line", x[i]->name, rows[k]->name);
			if (strspn(rows[k]->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(rows[k]->name))
				fail_msg("%s --%s: not lower case with dashes", x[i]->name, rows[k]->name);
			if ((rows[k]->kind == ASSAY_OPT_ENUM || rows[k]->kind == ASSAY_OPT_ENUMS) != (rows[k]->choices != NULL))
				fail_msg("%s --%s: choices belong to ENUM and ENUMS", x[i]->name, rows[k]->name);
			if (!rows[k]->letter)
				continue;
			if (letters[(unsigned char)rows[k]->letter & 127]++ || rows[k]->letter == 'h')
				fail_msg("%s: -%c means two things", x[i]->name, rows[k]->letter);
		}
		json_t *echo = assay_options_echo(o);
		assert_int_equal(json_object_size(echo), n);
		json_decref(echo);
		assay_options_close(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_faces), cmocka_unit_test(test_rows) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
