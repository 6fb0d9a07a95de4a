/* libFuzzer target: any text as a condition; what is accepted says the same when its canonical text is read again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assay_condition c, again;
	struct assay_err e = ASSAY_ERR_INIT;
	char *text = strndup((const char *)data, size);
	if (text && !assay_condition_parse(text, &c, &e) && (assay_condition_parse(c.text, &again, &e) || c.bound != again.bound || c.relation != again.relation || c.stat != again.stat))
		abort();
	free(text);
	return 0;
}
