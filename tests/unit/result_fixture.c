/* See result_fixture.h. */
#include "result_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

static const char header[] =
	"{\"argv\": [\"assay\", \"baseline\", \"-m\", \"gpt2\"], \"config\": {\"model\": \"gpt2\", \"quick\": true, \"prompt\": null, \"ignore_eos\": true}, \"seed\": 0,"
	"\"experiment\": \"baseline\", \"created\": \"2026-01-28T17:01:52.123456+00:00\","
	"\"machine\": {\"host\": \"box\", \"os\": \"Debian GNU/Linux 12\", \"kernel\": \"6.1.0\", \"arch\": \"x86_64\","
	" \"cpu\": {\"model\": \"Some CPU\", \"cores\": 2, \"threads\": 4, \"governor\": null, \"unavailable\": {\"governor\": \"no cpufreq here\"}},"
	" \"memory\": {\"total_bytes\": 8589934592}, \"gpus\": null, \"unavailable\": {\"gpus\": \"no NVIDIA driver\"}},"
	"\"engine\": {\"name\": \"sim\", \"version\": \"1\", \"capabilities\": {\"steps\": \"exact\", \"logits\": \"none: it computes nothing\"},"
	" \"effective\": {\"max_num_seqs\": 256, \"kv_blocks\": 64, \"block_size\": 16}, \"load\": {\"open_ms\": 1.5, \"weights_ms\": null, \"total_ms\": 20.0}},"
	"\"model\": {\"name\": \"gpt2\", \"family\": \"gpt2\", \"parameters\": 124439808, \"layers\": 12, \"dtype\": \"f32\", \"weight_bytes\": 497759232, \"kv_bytes_per_token\": 73728,"
	" \"max_context\": 1024, \"synthetic\": true},"
	"\"assay\": {\"version\": \"0.1.0\", \"commit\": \"abc\", \"compiler\": \"gcc\", \"build\": \"-O2\"}, \"definitions\": \"1\", \"targets\": null, \"virtual_clock\": true,"
	"\"truth\": null, \"clock_resolution_ns\": 1}";

static int64_t now;

static void point(struct fx *f, const char *experiment, int batch, int prompt, int output, int runs, const char *end)
{
	char *info = xasprintf("{\"index\": %zu, \"experiment\": \"%s\", \"case\": {\"batch_size\": %d, \"prompt_tokens\": %d, \"output_tokens\": %d}, \"runs\": %d, \"warmup\": 1,"
			       " \"requests_per_run\": %d, \"in_flight\": 0, \"ignore_eos\": true}", f->run.n_points, experiment, batch, prompt, output, runs, batch);
	fx_point(f, info, end);
	free(info);
}

/* One run of `batch` equal requests at once. */
static void visit(struct fx *f, int repeat, int batch, int prompt, int output, double ttft_ms, double gap_ms)
{
	int64_t first = now + (int64_t)(ttft_ms * 1e6 + 0.5), gap = (int64_t)(gap_ms * 1e6 + 0.5), end = first + gap * (output - 1);
	fx_visit(f, repeat, now, end);
	for (int i = 0; i < batch; i++)
		fx_request(f, (uint32_t)prompt, (uint32_t)output, now, first, gap);
	now = end + 1000000;
}

static void latency(struct fx *f)
{
	static const double ttft[] = { 1188.2707, 1336.2186, 1666.4349 };
	point(f, "latency", 1, 128, 30, 3, "{\"status\": \"ok\"}");
	visit(f, -1, 1, 128, 30, 5000, 5);
	for (int i = 0; i < 3; i++)
		visit(f, i, 1, 128, 30, ttft[i], 5);
}

/* Three requests one after the other, 30 tokens each, in 2.3390559 s. */
static void single_throughput(struct fx *f)
{
	int64_t wall = 2339055900, each = wall / 3;
	point(f, "throughput", 1, 64, 30, 1, "{\"status\": \"ok\"}");
	fx_visit(f, 0, now, now + wall);
	for (int i = 0; i < 3; i++)
		fx_request(f, 64, 30, now + i * each, now + i * each + 100000000, 23000000);
	now += wall + 1000000;
}

static void memory(struct fx *f)
{
	static const struct { enum assay_mem_label label; int64_t mib; } rows[] = { { ASSAY_MEM_START, 10 }, { ASSAY_MEM_LOADED, 510 }, { ASSAY_MEM_BEFORE_RUN, 520 }, { ASSAY_MEM_AFTER_RUN, 530 } };
	point(f, "memory", 1, 64, 16, 1, "{\"status\": \"ok\"}");
	for (int i = 0; i < 4; i++) {
		struct assay_rec_memory *m = fx_memory(f, rows[i].label, 0);
		m->t_ns = now;
		m->rss_bytes = rows[i].mib << 20;
		m->hwm_bytes = (rows[i].mib + 5) << 20;
		m->weight_bytes = i ? INT64_C(474) << 20 : -1;
		m->kv_used_bytes = i == 3 ? 3 << 20 : 0;
		m->kv_peak_bytes = i == 3 ? 6 << 20 : 0;
		m->workspace_bytes = i ? 1 << 20 : -1;
	}
	visit(f, 0, 1, 64, 16, 50, 10);
}

void result_fixture(struct fx *f, const char *model)
{
	now = 1000000000;
	fx_init(f, header);
	json_object_set_new(json_object_get(f->run.header, "model"), "name", json_string(model));
	latency(f);
	single_throughput(f);
	point(f, "throughput", 4, 64, 30, 2, "{\"status\": \"ok\"}");
	visit(f, 0, 4, 64, 30, 100, 25);
	visit(f, 1, 4, 64, 30, 110, 25);
	point(f, "throughput", 32, 64, 30, 2, "{\"status\": \"limit\", \"reason\": \"KV cache: needs 3072 tokens, has 1024\"}");
	static const int lengths[][2] = { { 10, 16 }, { 50, 16 }, { 50, 32 } };
	for (int i = 0; i < 3; i++) {
		point(f, "seqlen", 1, lengths[i][0], lengths[i][1], 1, "{\"status\": \"ok\"}");
		visit(f, 0, 1, lengths[i][0], lengths[i][1], 10.0 * lengths[i][0], 20);
	}
	memory(f);
	point(f, "offline", 8, 32, 16, 1, "{\"status\": \"ok\"}");
	visit(f, 0, 8, 32, 16, 200, 30);
	json_array_append_new(f->run.notes, json_pack("{s:s, s:i, s:s, s:s, s:i}", "code", "sample_text", "point", 0, "prompt", "The capital", "text", " of France | is `Paris`", "tokens", 5));
	f->run.footer = json_pack("{s:s, s:b, s:i, s:f, s:i, s:i}", "ended", "2026-01-28T17:02:20.000001+00:00", "interrupted", 0, "records_lost", 0, "journal_lag_ms", 201.5,
		"journal_bytes", 1234, "cpu_ns", 1500000);
	fx_done(f);
}

void result_fixture_dir(char dir[64])
{
	strcpy(dir, "/tmp/assay-result-XXXXXX");
	if (!mkdtemp(dir))
		abort();
}

void result_fixture_drop(const char *dir)
{
	char *cmd = xasprintf("rm -rf '%s'", dir);
	if (system(cmd))
		abort();
	free(cmd);
}

char *result_fixture_read(const char *dir, const char *name)
{
	struct assay_buf b;
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/%s", dir, name);
	assay_buf_init(&b, 1 << 26);
	if (assay_fs_read(path, &b, ASSAY_E_DATA, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	free(path);
	return b.data ? b.data : xstrdup("");
}
