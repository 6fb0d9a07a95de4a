/* Any records as a run: building the result document and drawing it never crashes, whatever the numbers and
 * texts in the journal are. Checksums are made right first, so that all input reaches the records. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw/svg.h"
#include "journal_repair.h"
#include "metrics/other_tools.h"
#include "report/face_definitions.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct assay_term term = { .width = 80, .colour = true, .utf8 = true };
	static FILE *nowhere;
	struct assay_run run;
	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (size < 17)
		return 0;
	uint8_t *copy = malloc(size);
	memcpy(copy, data, size);
	journal_repair(copy, size);
	if (assay_journal_parse(copy, size, &run, NULL) == 0) {
		json_t *doc = assay_result_build(&run);
		assay_face_terminal(doc, nowhere, &term);
		for (const struct assay_tool *t = assay_tool_table(); t->name; t++)
			assay_definitions_terminal(t->name, doc, &run, nowhere, &term);
		json_decref(doc);
		assay_run_release(&run);
	}
	free(copy);
	return 0;
}
