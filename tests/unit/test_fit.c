/* The fit in memory: sizes, what is refused and what the refusal advises; and reading limits from /proc and /sys of a folder. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/sysmem.h"
#include "nn/fit.h"
#include "nn/source.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static struct nn_fit_in ask(const char *model, enum nn_dtype t, uint64_t safe)
{
	return (struct nn_fit_in){ .shape = nn_preset_find(model), .dtype = t, .kv_dtype = t, .max_num_seqs = 32, .block_size = 16,
		                   .workspace_bytes = 100 * MIB, .kv_tokens_wanted = 4096, .safe_bytes = safe };
}

static void test_fits(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_fit f;
	struct nn_fit_in in = ask("gpt2", NN_F32, 4 * GIB);
	assert_int_equal(nn_fit(&in, &f, &e), 0);
	assert_int_equal(f.kv_blocks, 256);
	assert_int_equal(f.kv_bytes, UINT64_C(4096) * 73728);
	assert_int_equal(f.weight_bytes, nn_shape_weight_bytes(in.shape, NN_F32));
	in.kv_tokens_wanted = 4097; /* rounded up to blocks */
	assert_int_equal(nn_fit(&in, &f, &e), 0);
	assert_int_equal(f.kv_blocks, 257);
	in.kv_tokens_wanted = 1000000000; /* capped by what is free */
	assert_int_equal(nn_fit(&in, &f, &e), 0);
	assert_true(f.kv_blocks > 1000 && f.weight_bytes + f.workspace_bytes + f.margin_bytes + f.kv_bytes <= 4 * GIB);
	in.kv_tokens_wanted = 0; /* nobody says: full contexts, at most 2 GiB */
	in.safe_bytes = 100 * GIB;
	in.max_num_seqs = 2;
	assert_int_equal(nn_fit(&in, &f, &e), 0);
	assert_int_equal(f.kv_blocks, 2 * 1024 / 16);
	in.max_num_seqs = 256;
	assert_int_equal(nn_fit(&in, &f, &e), 0);
	assert_true(f.kv_bytes >= 2 * GIB && f.kv_bytes < 2 * GIB + 16 * 73728);
	in.kv_bytes = 100 * MIB; /* exactly what was asked, in whole blocks */
	assert_int_equal(nn_fit(&in, &f, &e), 0);
	assert_int_equal(f.kv_blocks, 100 * MIB / (16 * 73728));
	in.kv_bytes = 0;
	in.kv_tokens_wanted = UINT64_MAX;
	in.safe_bytes = UINT64_MAX;
	assert_int_equal(nn_fit(&in, &f, &e), 0);
	assert_true(f.kv_blocks > 0);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *model;
		enum nn_dtype t;
		uint64_t safe, kv_bytes;
		int rc;
		const char *says[3];
	} row[] = {
		{ "llama-7b", NN_F16, 8 * GIB, 0, ASSAY_E_MODEL, { "llama-7b as f16 needs 1", "has 8.00 GiB", "try a smaller model" } },
		{ "llama-7b", NN_F32, 20 * GIB, 0, ASSAY_E_MODEL, { "as f32 needs 2", "has 20.00 GiB", "try --dtype bf16" } },
		{ "llama-7b", NN_F32, 8 * GIB, 0, ASSAY_E_MODEL, { "needs", "has", "try --dtype bf16 or a smaller model" } },
		{ "gpt2", NN_F32, 2 * GIB, 50 * GIB, ASSAY_E_MODEL, { "KV cache 50.00", "has 2.00 GiB", "try a smaller --kv-memory" } },
		{ "gpt2", NN_F32, 2 * GIB, UINT64_C(1) << 50, ASSAY_E_MODEL, { "KV cache 1048576.00", "has 2.00 GiB", "try a smaller --kv-memory" } },
		{ "gpt2", NN_F32, 2 * GIB, 1000, ASSAY_E_USAGE, { "--kv-memory 1000", "one block of 16 tokens (1179648 bytes)", "give more" } },
		{ "opt-125m", NN_F32, 768 * MIB, 0, ASSAY_E_MODEL, { "KV cache 0.07, workspace 0.10", "has 0.75 GiB", "try a smaller --max-batched-tokens or --max-num-seqs" } },
		{ "gpt2", NN_F32, 0, 0, ASSAY_E_MODEL, { "needs", "has 0.00 GiB", "bf16" } },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_fit_in in = ask(row[i].model, row[i].t, row[i].safe);
		struct nn_fit f;
		struct assay_err e = ASSAY_ERR_INIT;
		in.kv_bytes = row[i].kv_bytes;
		assert_int_equal(nn_fit(&in, &f, &e), row[i].rc);
		for (int k = 0; k < 3; k++)
			if (!strstr(e.msg, row[i].says[k]))
				fail_msg("%s\nlacks: %s", e.msg, row[i].says[k]);
	}
}

static void put(const char *root, const char *path, const char *text)
{
	char full[300], *slash;
	snprintf(full, sizeof full, "%s/%s", root, path);
	slash = strrchr(full, '/');
	*slash = 0;
	assert_int_equal(assay_fs_mkdir_p(full, NULL), 0);
	*slash = '/';
	FILE *f = fopen(full, "w");
	fputs(text, f);
	fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

#define MEMINFO "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"
#define NONE ASSAY_SYSMEM_NONE

static void test_sysmem(void **state)
{
	(void)state;
	const struct {
		const char *file[8][2];
		uint64_t available, limit, headroom, safe;
	} row[] = {
		{ { { NULL } }, NONE, NONE, NONE, NONE },
		{ { { "proc/meminfo", MEMINFO } }, 8192000000, NONE, NONE, 7372800000 },
		{ { { "proc/meminfo", MEMINFO }, { "proc/self/cgroup", "0::/\n" }, { "sys/fs/cgroup/memory.max", "max\n" }, { "sys/fs/cgroup/memory.current", "5\n" } },
		  8192000000, NONE, NONE, 7372800000 },
		/* the ancestor binds; its inactive cache can be taken back */
		{ { { "proc/meminfo", MEMINFO }, { "proc/self/cgroup", "0::/a/b\n" }, { "sys/fs/cgroup/a/b/memory.max", "4000000\n" },
		    { "sys/fs/cgroup/a/b/memory.current", "1000000\n" }, { "sys/fs/cgroup/a/memory.max", "3000000\n" },
		    { "sys/fs/cgroup/a/memory.current", "2500000\n" }, { "sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 500000\nactive_file 1\n" } },
		  8192000000, 3000000, 1000000, 900000 },
		/* a container: the path is the host's, only the mount point's own files exist; usage above the limit */
		{ { { "proc/self/cgroup", "0::/docker/1234\n" }, { "sys/fs/cgroup/memory.max", "100\n" }, { "sys/fs/cgroup/memory.current", "200\n" } }, NONE, 100, 0, 0 },
		{ { { "proc/self/cgroup", "3:cpu:/x\n4:memory:/m\n" }, { "sys/fs/cgroup/memory/m/memory.limit_in_bytes", "1000\n" },
		    { "sys/fs/cgroup/memory/m/memory.usage_in_bytes", "300\n" }, { "sys/fs/cgroup/memory/m/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n" } },
		  NONE, 1000, 800, 720 },
		{ { { "proc/self/cgroup", "4:memory:/\n" }, { "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n" },
		    { "sys/fs/cgroup/memory/memory.usage_in_bytes", "300\n" } }, NONE, NONE, NONE, NONE },
		/* ulimit -v: 1 GB less 1,000 pages in use */
		{ { { "proc/meminfo", MEMINFO }, { "proc/self/limits", "Limit  Soft Limit  Hard Limit  Units\nMax address space         1000000000           unlimited            bytes\n" },
		    { "proc/self/statm", "1000 5 5 5 0 5 0\n" } }, 8192000000, NONE, NONE, 900000000 - 900 * (uint64_t)sysconf(_SC_PAGESIZE) },
		{ { { "proc/self/limits", "Max address space         unlimited            unlimited            bytes\n" }, { "proc/self/statm", "1000 5\n" } }, NONE, NONE, NONE, NONE },
		{ { { "proc/self/limits", "Max address space         4096\n" }, { "proc/self/statm", "1000 5\n" } }, NONE, NONE, NONE, 0 },
		{ { { "proc/meminfo", "MemAvailable: lots\n" }, { "proc/self/cgroup", "nonsense\n0::relative\n0::/../x\n" } }, NONE, NONE, NONE, NONE },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char root[] = "/tmp/assay-sysmem-XXXXXX";
		assert_non_null(mkdtemp(root));
		for (int k = 0; k < 8 && row[i].file[k][0]; k++)
			put(root, row[i].file[k][0], row[i].file[k][1]);
		struct assay_sysmem m;
		assay_sysmem_read(root, &m);
		if (m.available != row[i].available || m.cgroup_limit != row[i].limit || m.cgroup_headroom != row[i].headroom || assay_sysmem_safe_bytes(&m) != row[i].safe)
			fail_msg("row %zu: %llu %llu %llu %llu", i, (unsigned long long)m.available, (unsigned long long)m.cgroup_limit, (unsigned long long)m.cgroup_headroom,
			         (unsigned long long)assay_sysmem_safe_bytes(&m));
		nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fits), cmocka_unit_test(test_refused), cmocka_unit_test(test_sysmem) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
