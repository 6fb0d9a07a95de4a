/* See machine_id.h. */
#include "analysis/machine_id.h"

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"

/* 23.5 GiB -> 24, 251.6 -> 256. */
static double round_up(double bytes)
{
	if (!(bytes > 0))
		return 0;
	double step = exp2(floor(log2(bytes))) / 8;
	return ceil(bytes / step) * step;
}

void assay_machine_id(const json_t *machine, char out[ASSAY_MACHINE_ID_LEN + 1])
{
	static const char *const counts[] = { "sockets", "cores", "usable" };
	const json_t *cpu = json_object_get(machine, "cpu"), *gpus = json_object_get(machine, "gpus");
	struct assay_buf b;
	char hash[65];
	out[0] = 0;
	if (!json_is_object(machine))
		return;
	assay_buf_init(&b, 65536);
	assay_buf_printf(&b, "assay-machine/1\n%s\n", assay_json_get_str(cpu, "model", "?"));
	for (int i = 0; i < 3; i++)
		assay_buf_printf(&b, "%lld\n", (long long)assay_json_get_int(cpu, counts[i], -1));
	assay_buf_printf(&b, "%.0f\n", round_up(assay_json_get_num(json_object_get(machine, "memory"), "total_bytes", 0)));
	for (size_t i = 0; i < json_array_size(gpus); i++)
		assay_buf_printf(&b, "%s\n", assay_json_get_str(json_array_get(gpus, i), "name", "?"));
	assay_sha256_hex(b.data, b.len_bytes, hash);
	assay_buf_release(&b);
	memcpy(out, hash, ASSAY_MACHINE_ID_LEN);
	out[ASSAY_MACHINE_ID_LEN] = 0;
}
