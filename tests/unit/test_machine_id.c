/* The machine's name: the same for what is the same hardware, another for other hardware. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "analysis/machine_id.h"

#define BASE "\"cpu\": {\"model\": \"EPYC\", \"sockets\": 1, \"cores\": 2, \"usable\": 2}, \"memory\": {\"total_bytes\": 25232932864}"

static void id(const char *text, char out[ASSAY_MACHINE_ID_LEN + 1])
{
	json_t *m = json_loads(text, 0, NULL);
	assert_non_null(m);
	assay_machine_id(m, out);
	json_decref(m);
}

static void test_id(void **state)
{
	static const struct { const char *machine; int same; } rows[] = {
		{ "{\"host\": \"other\", \"kernel\": \"7.0\", " BASE "}", 1 },
		{ "{\"cpu\": {\"model\": \"EPYC\", \"sockets\": 1, \"cores\": 2, \"usable\": 2, \"isa\": [\"avx2\"], \"governor\": \"powersave\"}, \"memory\": {\"total_bytes\": 25134882816}}", 1 },
		{ "{" BASE ", \"gpus\": null}", 1 },
		{ "{\"cpu\": {\"model\": \"Xeon\", \"sockets\": 1, \"cores\": 2, \"usable\": 2}, \"memory\": {\"total_bytes\": 25232932864}}", 0 },
		{ "{\"cpu\": {\"model\": \"EPYC\", \"sockets\": 1, \"cores\": 4, \"usable\": 2}, \"memory\": {\"total_bytes\": 25232932864}}", 0 },
		{ "{\"cpu\": {\"model\": \"EPYC\", \"sockets\": 1, \"cores\": 2, \"usable\": 1}, \"memory\": {\"total_bytes\": 25232932864}}", 0 },
		{ "{\"cpu\": {\"model\": \"EPYC\", \"sockets\": 1, \"cores\": 2, \"usable\": 2}, \"memory\": {\"total_bytes\": 33232932864}}", 0 },
		{ "{" BASE ", \"gpus\": [{\"name\": \"H100\"}]}", 0 },
		{ "{}", 0 },
	};
	char base[ASSAY_MACHINE_ID_LEN + 1], other[ASSAY_MACHINE_ID_LEN + 1];
	(void)state;
	id("{\"host\": \"vm1\", \"kernel\": \"6.1\", " BASE "}", base);
	assert_int_equal(strlen(base), ASSAY_MACHINE_ID_LEN);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		id(rows[i].machine, other);
		if ((strcmp(base, other) == 0) != rows[i].same)
			fail_msg("row %zu", i);
	}
	assay_machine_id(NULL, other);
	assert_string_equal(other, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_id) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
