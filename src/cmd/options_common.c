/* The option rows that verbs share. An experiment's own rows come after these and may change their defaults.
 * No row ever holds a secret: options are echoed in results. */
#include <string.h>

#include "base/cpu.h"
#include "cmd/cmd.h"
#include "nn/forward.h"

const struct assay_opt cmd_engine_options[] = {
	{ "model", 'm', ASSAY_OPT_STR, "gpt2", .arg = "NAME|DIR", .help = "a preset (assay models list), smollm2, a Hugging Face directory or a .gguf file" },
	{ "engine", 'e', ASSAY_OPT_STR, "cpu", .arg = "SPEC", .help = "what answers: cpu, sim:FILE, null, replay:DIR or worker:NAME (assay engines)" },
	{ "engine-opt", 0, ASSAY_OPT_MAP, NULL, .arg = "K=V", .help = "an option of that engine only (assay engines lists them)" },
	{ "dtype", 0, ASSAY_OPT_ENUM, "auto", .choices = "auto|f32|bf16|f16|int8", .help = "type of the weights in memory; auto = as published" },
	{ "kv-dtype", 0, ASSAY_OPT_ENUM, "auto", .choices = "auto|f32|bf16|f16", .help = "type of the KV cache; auto = as the weights" },
	{ "threads", 't', ASSAY_OPT_INT, "0", 0, 1024, .arg = "N", .help = "compute threads; 0 = every CPU that this process may use" },
	{ "isa", 0, ASSAY_OPT_ENUM, "auto", .choices = "auto|scalar|avx2|avx512|amx", .help = "instruction set of the kernels; auto = the best of this CPU" },
	{ "seed", 0, ASSAY_OPT_INT, "0", 0, 9007199254740991, .arg = "N", .help = "seed of prompts, lengths, order, sampling and synthetic weights" },
	{ "max-num-seqs", 0, ASSAY_OPT_INT, "256", 1, 65536, .arg = "N", .help = "most sequences that run at once" },
	{ "max-batched-tokens", 0, ASSAY_OPT_INT, "2048", 1, 1048576, .arg = "N", .help = "most tokens of one step" },
	{ "block-size", 0, ASSAY_OPT_INT, "16", 1, 1024, .arg = "N", .help = "tokens of one KV block" },
	{ "kv-memory", 0, ASSAY_OPT_SIZE, "auto", 1, 0x1p50, .arg = "SIZE", .help = "size of the KV pool; auto = what the run needs, up to what is safely free" },
	ASSAY_OPT_END,
};

const struct assay_opt cmd_common_options[] = {
	{ "quick", 'q', ASSAY_OPT_FLAG, "false", .help = "fewer repeats and smaller cases" },
	{ "prompt", 0, ASSAY_OPT_STR, NULL, .arg = "TEXT", .help = "use this prompt instead of seeded token ids (needs a tokenizer)" },
	{ "prompts", 0, ASSAY_OPT_STR, NULL, .arg = "FILE", .help = "prompts from a file: one a line, or .jsonl with {\"prompt\": ...}" },
	{ "chat", 0, ASSAY_OPT_FLAG, "false", .help = "put text prompts into the model's chat template" },
	{ "temperature", 0, ASSAY_OPT_NUM, "0", 0, 100, .arg = "T", .help = "sampling temperature; 0 = greedy" },
	{ "top-k", 0, ASSAY_OPT_INT, "0", 0, 1000000, .arg = "K", .help = "sample among the K likeliest tokens; 0 = all" },
	{ "top-p", 0, ASSAY_OPT_NUM, "1", 0.000001, 1, .arg = "P", .help = "sample among the likeliest tokens that hold this much probability" },
	{ "ignore-eos", 0, ASSAY_OPT_FLAG, "true", .help = "generate exactly the asked number of tokens" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "result directory, absent or empty (results/<UTC time>-<verb>-<model>)" },
	{ "format", 0, ASSAY_OPT_ENUMS, NULL, .choices = "md|html|csv|junit|summary|jsonl|openmetrics", .help = "faces to write beside result.json (md, html, csv); the others only when named" },
	{ "legacy", 0, ASSAY_OPT_ENUMS, NULL, .choices = "s0|s2|s3|s4", .help = "also write other suites' formats under legacy/" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print the result document on stdout, and only that" },
	{ "targets", 0, ASSAY_OPT_STR, NULL, .arg = "NAME|FILE", .help = "hold the result against bounds: s3-cpu, s4-a100, s1 or a YAML file" },
	{ "price-per-hour", 0, ASSAY_OPT_NUM, NULL, 0, 1e9, .arg = "X", .help = "what an hour of this machine costs: gives cost_per_mtok" },
	{ "currency", 0, ASSAY_OPT_STR, "USD", .arg = "CODE", .help = "currency of the price, at most 8 letters" },
	{ "job", 0, ASSAY_OPT_STR, NULL, .arg = "FILE", .help = "read options from a YAML file; keys are the option names with '_'" },
	{ "dry-run", 0, ASSAY_OPT_FLAG, "false", .help = "print points, tokens, memory and estimated time; measure nothing" },
	{ "setup", 0, ASSAY_OPT_STR, NULL, .arg = "CMD", .help = "shell command run once before the model loads; its text is kept in the result: put no secret in it" },
	{ "prepare", 0, ASSAY_OPT_STR, NULL, .arg = "CMD", .help = "shell command run before each visit (warm-ups too), outside timing; kept in the result" },
	{ "cleanup", 0, ASSAY_OPT_STR, NULL, .arg = "CMD", .help = "shell command run at the end, also after a failure or Ctrl-C; kept in the result" },
	{ "max-time", 0, ASSAY_OPT_DURATION, NULL, 0.001, 31536000, .arg = "DUR", .help = "time for the whole run: what does not fit is dropped and said; a visit under way is finished" },
	{ "abort-on", 0, ASSAY_OPT_STRS, NULL, .arg = "KEY<X", .help = "end early with exit status 1 when this holds at a point after a visit: 'ttft_ms.p99>500'" },
	{ "label", 0, ASSAY_OPT_MAP, NULL, .arg = "K=V", .help = "a label kept in the result; its value in a job file may be a mapping" },
	{ "note", 0, ASSAY_OPT_STR, NULL, .arg = "TEXT", .help = "a note kept in the result" },
	{ "redact", 0, ASSAY_OPT_FLAG, "false", .help = "replace host name, paths, prompts and serial numbers in the result when it ends, so that it may be published" },
	{ "save-as", 0, ASSAY_OPT_STR, NULL, .arg = "NAME", .help = "also keep the result as the baseline NAME of this machine: assay compare NAME (assay baselines)" },
	{ "replace", 0, ASSAY_OPT_FLAG, "false", .help = "with --save-as: NAME may be taken" },
	{ "progress", 0, ASSAY_OPT_FLAG, "true", .help = "show progress on stderr" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	{ "verbose", 'v', ASSAY_OPT_FLAG, "false", .help = "say more on stderr" },
	ASSAY_OPT_END,
};

enum { THREADS_PER_CPU = 16 };

int cmd_check_engine_options(const struct assay_options *o, struct assay_err *e)
{
	const char *isa = assay_options_str(o, "isa");
	int64_t threads = assay_options_int(o, "threads"), most = (int64_t)assay_cpu_count() * THREADS_PER_CPU;
	char has[200];
	if (threads > most)
		return assay_fail(e, ASSAY_E_USAGE, "--threads %lld: this process may use %d CPUs: at most %lld threads, more would measure the scheduler", (long long)threads, assay_cpu_count(),
		                  (long long)most);
	if (!strcmp(assay_options_str(o, "dtype"), "int8"))
		return assay_fail(e, ASSAY_E_USAGE, "--dtype int8: not built yet; take auto, f32, bf16 or f16");
	assay_cpu_isa_names(has, sizeof has);
	if (!nn_isa_available((enum nn_isa)nn_isa_parse(isa)))
		return assay_fail(e, ASSAY_E_USAGE, "--isa %s: this CPU cannot run it (it has: %s)", isa, has);
	return 0;
}
