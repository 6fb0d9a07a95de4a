/* libFuzzer target: a run's header and any record of it, redacted; what the header hides by its key is gone. First line: the header; the rest: the record. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "result/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t n = end ? (size_t)(end - data) : size;
	json_t *header = assay_json_parse((const char *)data, n, "header", ASSAY_E_DATA, NULL), *record = end ? assay_json_parse((const char *)end + 1, size - n - 1, "record", ASSAY_E_DATA, NULL) : NULL;
	struct redact *r = redact_open(header);
	json_t *a = header ? redact_record(r, header) : NULL, *b = record ? redact_record(r, record) : NULL;
	if (json_is_string(assay_json_at(header, "machine.host")) && strcmp(json_string_value(assay_json_at(a, "machine.host")), "(host)"))
		abort();
	json_decref(a);
	json_decref(b);
	json_decref(header);
	json_decref(record);
	redact_close(r);
	return 0;
}
