/* assay engines: what can be named with -e, which of the workers' engines are installed, and how to get the others (engines_install.c) or hold two
 * against each other (engines_check.c). */
#include "cmd/engines.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "engine/engine.h"
#include "engine/worker_env.h"

const struct assay_opt cmd_engines_options[] = {
	{ "model", 'm', ASSAY_OPT_STR, "smollm2", .arg = "NAME|DIR", .help = "check: the model of both engines; for a worker a preset is exported to the user's cache" },
	{ "dtype", 0, ASSAY_OPT_ENUM, "f32", .choices = "f32|bf16|f16", .help = "check: type of the weights" },
	{ "threads", 't', ASSAY_OPT_INT, "0", 0, 1024, .arg = "N", .help = "check: compute threads; 0 = every CPU that this process may use" },
	{ "isa", 0, ASSAY_OPT_ENUM, "auto", .choices = "auto|scalar|avx2|avx512|amx", .help = "check: instruction set of the embedded engine's kernels" },
	{ "seed", 0, ASSAY_OPT_INT, "0", 0, 9007199254740991, .arg = "N", .help = "check: seed of prompts and synthetic weights" },
	{ "prompt-tokens", 0, ASSAY_OPT_INTS, "1,17,64", 1, 1048576, .arg = "LIST", .help = "check: lengths of the prompts" },
	{ "output-tokens", 0, ASSAY_OPT_INT, "32", 1, 65536, .arg = "N", .help = "check: tokens to generate for each prompt" },
	{ "engine-opt", 0, ASSAY_OPT_MAP, NULL, .arg = "[A:]K=V", .help = "check: an option of the workers among the two; A:K=V and B:K=V of one" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "check: print one JSON object and only that" },
	{ "dry-run", 0, ASSAY_OPT_FLAG, "false", .help = "install: print the steps, do none" },
	{ "python", 0, ASSAY_OPT_STR, NULL, .arg = "PATH", .help = "install: the interpreter to make the environment with (python3); 3.11 and 3.12 are what the pins have hashes for" },
	{ "source", 0, ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "install nanovllm: a checkout of its repository" },
	ASSAY_OPT_END,
};

static void say_missing(const struct assay_worker_env *r, const char *name)
{
	char *root = assay_worker_env_root(), *python = assay_fs_program("python3");
	uint64_t need = cmd_engines_disk(r->env), have = assay_fs_free_bytes(root);
	const char *source = !strcmp(name, "nanovllm") ? " --source DIR" : "";
	if (!python && !getenv("ASSAY_WORKER_PYTHON"))
		printf("impossible here: no python3");
	else if (have < need)
		printf("impossible here: needs %.1f GiB on disk, has %.1f GiB", (double)need / 0x1p30, (double)have / 0x1p30);
	else
		printf("installable: assay engines install %s%s (%.1f GiB on disk)", name, source, (double)need / 0x1p30);
	if (r->note)
		printf("; %s", r->note);
	free(python);
	free(root);
}

static void say_worker(void *arg, const char *name, const char *python, bool own)
{
	const struct assay_worker_env *r = assay_worker_env_find(name);
	char version[80];
	(void)arg;
	printf("  worker:%-13s ", name);
	if (!r)
		printf("ready: needs no environment of its own (%s)", python);
	else if (own && assay_worker_env_version(python, r->dist, version, sizeof version))
		printf("ready: %s, %s%s%s", version, python, r->note && strcmp(name, "nanovllm") ? "; " : "", r->note && strcmp(name, "nanovllm") ? r->note : "");
	else
		say_missing(r, name);
	putchar('\n');
}

static int list_engines(void)
{
	int n;
	const struct assay_engine_ops *const *list = assay_engine_list(&n);
	for (int i = 0; i < n; i++) {
		char spec[80];
		snprintf(spec, sizeof spec, "%s%s%s", list[i]->name, list[i]->arg_help ? ":" : "", list[i]->arg_help ? list[i]->arg_help : "");
		printf("%-12s %s\n", spec, list[i]->summary);
		for (const struct assay_engine_opt_row *r = list[i]->opts; r && r->name; r++)
			printf("%-12s   --engine-opt %s=%s: %s\n", "", r->name, r->choices ? r->choices : "VALUE", r->help);
	}
	printf("\nworkers:\n");
	assay_workers_each(say_worker, NULL);
	printf("  %-20s impossible here: it is built on DeepSpeed's ragged kernels, which exist for CUDA only (\"This op had not been implemented on CPU backend.\")\n", "deepspeed-mii");
	return 0;
}

static int dispatch(const struct assay_options *o, struct assay_err *e)
{
	static const char *const words[] = { "list", "install", "check" };
	char **list;
	int n = assay_options_positionals(o, &list);
	if (!n || (n == 1 && !strcmp(list[0], "list")))
		return list_engines();
	if (!strcmp(list[0], "install"))
		return n == 2 ? cmd_engines_install(o, list[1], e) : assay_fail(e, ASSAY_E_USAGE, "engines install needs one name: assay engines lists them");
	if (!strcmp(list[0], "check"))
		return n == 3 ? cmd_engines_check(o, list[1], list[2], e) : assay_fail(e, ASSAY_E_USAGE, "engines check needs two engines: assay engines check cpu worker:transformers -m DIR");
	const char *near = assay_nearest(list[0], words, 3);
	return assay_fail(e, ASSAY_E_USAGE, "engines: \"%.60s\" is not one of list, install, check%s%s%s", list[0], near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int cmd_engines(const struct assay_verb *v, int argc, char **argv)
{
	return cmd_tool(v, argc, argv, dispatch);
}
