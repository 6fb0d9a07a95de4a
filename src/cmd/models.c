/* assay models: what can be named with -m, what it weighs, whether it computes what the reference did (models_check.c), and the same as files
 * for other engines (models_export.c). */
#include "cmd/models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/source.h"

const struct assay_opt cmd_models_options[] = {
	{ "model", 'm', ASSAY_OPT_STR, NULL, .arg = "NAME|DIR", .help = "check this model instead of the one in the directory" },
	{ "dtype", 0, ASSAY_OPT_ENUM, "f32", .choices = "auto|f32|bf16|f16|int8", .help = "check or export with weights of this type (export: as published, unless given)" },
	{ "seed", 0, ASSAY_OPT_INT, "0", 0, 9007199254740991, .arg = "N", .help = "export: seed of synthetic weights" },
	{ "isa", 0, ASSAY_OPT_ENUM, "auto", .choices = "auto|scalar|avx2|avx512|amx", .help = "check the kernels of this instruction set" },
	{ "threads", 't', ASSAY_OPT_INT, "0", 0, 1024, .arg = "N", .help = "compute threads; 0 = every CPU that this process may use" },
	ASSAY_OPT_END,
};

static void human_count(double n, char *out, size_t size_bytes)
{
	if (n >= 1e9)
		snprintf(out, size_bytes, "%.2f B", n / 1e9);
	else
		snprintf(out, size_bytes, "%.1f M", n / 1e6);
}

static void human_bytes(double n, char *out, size_t size_bytes)
{
	if (n >= 0x1p30)
		snprintf(out, size_bytes, "%.2f GiB", n / 0x1p30);
	else if (n >= 0x1p20)
		snprintf(out, size_bytes, "%.1f MiB", n / 0x1p20);
	else
		snprintf(out, size_bytes, "%.1f KiB", n / 0x1p10);
}

/* dtype and weights are those of --dtype auto. */
static void list_row(const struct nn_shape *s, const char *from)
{
	char count[24], bytes[24];
	enum nn_dtype t = nn_dtype_auto(s->stored);
	human_count((double)nn_shape_parameters(s), count, sizeof count);
	human_bytes((double)nn_shape_weight_bytes(s, t), bytes, sizeof bytes);
	printf("%-16s %9s  %-5s %10s  %7d  %s", s->name, count, nn_dtype_name(t), bytes, s->max_context, from);
	if (t != s->stored)
		printf(" (%s, widened)", nn_dtype_name(s->stored));
	putchar('\n');
}

static int list_models(void)
{
	int n;
	struct nn_shape real;
	struct assay_err e = ASSAY_ERR_INIT;
	const struct nn_shape *t = nn_preset_table(&n);
	printf("%-16s %9s  %-5s %10s  %7s  %s\n", "name", "params", "dtype", "weights", "context", "checkpoint");
	for (int i = 0; i < n; i++)
		list_row(&t[i], t[i].checkpoint);
	if (nn_shape_of("smollm2", &real, &e) == 0)
		list_row(&real, "SmolLM2-135M-Instruct, real weights, fetched");
	else
		printf("%-16s %s\n", "smollm2", "SmolLM2-135M-Instruct, real weights: fetch with `sh setup.sh model`");
	printf("\nPresets have the published shapes and synthetic weights: the speed is real, the text is not.\n"
	       "-m also takes a Hugging Face directory or a .gguf file. More: assay models show NAME\n");
	return 0;
}

static void show_attention(const struct nn_shape *s)
{
	printf("layers            %d\nhidden            %d\nheads             %d\nkv heads          %d\nhead dim          %d\nfeed-forward      %d%s\n", s->layers, s->hidden, s->heads,
	       s->kv_heads, s->head_dim, s->ffn, s->gated_mlp ? " (gated)" : "");
	printf("vocabulary        %d%s\ncontext           %d\n", s->vocab, s->tied ? " (embedding tied to the output)" : "", s->max_context);
	if (s->rope)
		printf("positions         rotary, theta %g%s\n", s->rope_theta, s->rope_llama3 ? ", llama3 scaling" : "");
	else
		printf("positions         learned\n");
}

static int show_model(const char *name, struct assay_err *e)
{
	static const enum nn_dtype types[] = { NN_F32, NN_BF16, NN_F16 };
	struct nn_shape s;
	char text[24], kv[24];
	if (nn_shape_of(name, &s, e))
		return e->code;
	enum nn_dtype stays = nn_dtype_auto(s.stored);
	human_count((double)nn_shape_parameters(&s), text, sizeof text);
	printf("%s\nfamily            %s\nfrom              %s%s\nparameters        %llu (%s)\n", s.name, nn_family_name(s.family), s.checkpoint, s.synthetic ? " (shape only; weights are synthetic)" : "",
	       (unsigned long long)nn_shape_parameters(&s), text);
	if (stays != s.stored)
		printf("stored as         %s, widened to %s in memory\n", nn_dtype_name(s.stored), nn_dtype_name(stays));
	show_attention(&s);
	printf("\n%-17s %14s %16s\n", "as", "weights", "KV per token");
	for (int i = 0; i < 3; i++) {
		human_bytes((double)nn_shape_weight_bytes(&s, types[i]), text, sizeof text);
		human_bytes((double)nn_shape_kv_bytes_per_token(&s, types[i]), kv, sizeof kv);
		printf("%-5s%-12s %14s %16s\n", nn_dtype_name(types[i]), types[i] == s.stored ? " (published)" : types[i] == stays ? " (auto)" : "", text, kv);
	}
	return 0;
}

/* What follows "models". */
static int dispatch(const struct assay_options *o, struct assay_err *e)
{
	static const char *const words[] = { "list", "show", "check", "export" };
	char **list;
	int n = assay_options_positionals(o, &list);
	if (!n || !strcmp(list[0], "list"))
		return n > 1 ? assay_fail(e, ASSAY_E_USAGE, "models list takes no argument: \"%.60s\"", list[1]) : list_models();
	if (!strcmp(list[0], "show")) {
		if (n != 2)
			return assay_fail(e, ASSAY_E_USAGE, "models show needs one model name, directory or .gguf file");
		return show_model(list[1], e);
	}
	if (!strcmp(list[0], "check")) {
		if (n < 2)
			return assay_fail(e, ASSAY_E_USAGE, "models check needs directories with reference logits");
		return cmd_models_check(o, list + 1, n - 1, e);
	}
	if (!strcmp(list[0], "export")) {
		if (n != 3)
			return assay_fail(e, ASSAY_E_USAGE, "models export needs a model and a directory to make: assay models export gpt2 gpt2-dir");
		return cmd_models_export(o, list[1], list[2], e);
	}
	const char *near = assay_nearest(list[0], words, 4);
	return assay_fail(e, ASSAY_E_USAGE, "models: \"%.60s\" is not one of list, show, check, export%s%s%s", list[0], near ? " (did you mean " : "; a model's shape: assay models show NAME", near ? near : "",
	                  near ? "?)" : "");
}

int cmd_models(const struct assay_verb *v, int argc, char **argv)
{
	return cmd_tool(v, argc, argv, dispatch);
}
