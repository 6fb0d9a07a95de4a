/* assay generate: runs the embedded engine once over one prompt and prints what it wrote. Measures nothing. */
#include "cmd/generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "nn/nn.h"
#include "nn/source.h"
#include "nn/tokenizer.h"

#define MAX_TEXT_BYTES (256u << 20)

const struct assay_opt cmd_generate_options[] = {
	{ "prompt", 0, ASSAY_OPT_STR, NULL, .arg = "TEXT", .help = "the prompt; no token is added (needs a tokenizer: -m smollm2)" },
	{ "ids", 0, ASSAY_OPT_INTS, NULL, 0, 2147483647, .arg = "LIST", .help = "the prompt as token ids" },
	{ "tokens", 'n', ASSAY_OPT_INT, "32", 1, 16777216, .arg = "N", .help = "tokens to generate: exactly so many unless --stop" },
	{ "stop", 0, ASSAY_OPT_FLAG, "false", .help = "end at the model's end token" },
	{ "chat", 0, ASSAY_OPT_FLAG, "false", .help = "put the prompt into the model's chat template" },
	{ "temperature", 0, ASSAY_OPT_NUM, "0", 0, 100, .arg = "T", .help = "sampling temperature; 0 = greedy" },
	{ "top-k", 0, ASSAY_OPT_INT, "0", 0, 1000000, .arg = "K", .help = "sample among the K likeliest tokens; 0 = all" },
	{ "top-p", 0, ASSAY_OPT_NUM, "1", 0.000001, 1, .arg = "P", .help = "sample among the likeliest tokens that hold this much probability" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print {prompt_ids, ids, text} and only that" },
	ASSAY_OPT_END,
};

struct generation {
	const struct assay_options *o;
	bool json;
	struct nn_shape shape;
	struct nn_tokenizer *tokenizer; /* NULL: ids only */
	char *no_tokenizer;        /* why */
	int32_t *prompt;
	size_t n_prompt;
	int32_t *ids;              /* generated; room for --tokens */
	int n_ids;
};

static int prompt_from_ids(struct generation *g, struct assay_err *e)
{
	const int64_t *list;
	int n = assay_options_ints(g->o, "ids", &list);
	if (assay_options_flag(g->o, "chat"))
		return assay_fail(e, ASSAY_E_USAGE, "--chat needs --prompt, not --ids");
	g->prompt = xalloc((size_t)n * sizeof *g->prompt + 1);
	for (int i = 0; i < n; i++) {
		if (list[i] >= g->shape.vocab)
			return assay_fail(e, ASSAY_E_USAGE, "--ids %lld: outside the vocabulary of %s (0 to %d)", (long long)list[i], g->shape.name, g->shape.vocab - 1);
		g->prompt[g->n_prompt++] = (int32_t)list[i];
	}
	return 0;
}

static int prompt_from_text(struct generation *g, struct assay_err *e)
{
	const char *text = assay_options_str(g->o, "prompt");
	struct assay_buf chat;
	assay_buf_init(&chat, MAX_TEXT_BYTES);
	int rc = 0;
	if (!g->tokenizer)
		return assay_fail(e, ASSAY_E_USAGE, "--prompt: %s", g->no_tokenizer);
	if (assay_options_flag(g->o, "chat"))
		rc = nn_tokenizer_chat(g->tokenizer, text, strlen(text), &chat, e);
	if (!rc)
		rc = nn_tokenizer_encode(g->tokenizer, chat.data ? chat.data : text, chat.data ? chat.len_bytes : strlen(text), &g->prompt, &g->n_prompt, e);
	assay_buf_release(&chat);
	return rc;
}

/* What can be refused before the weights are read is refused here. */
static int prepare(struct generation *g, struct assay_err *e)
{
	bool text = assay_options_is_set(g->o, "prompt"), ids = assay_options_is_set(g->o, "ids");
	const char *model = assay_options_str(g->o, "model");
	int64_t n = assay_options_int(g->o, "tokens");
	if (strcmp(assay_options_str(g->o, "engine"), "cpu"))
		return assay_fail(e, ASSAY_E_USAGE, "--engine %.60s: generate runs the embedded engine only", assay_options_str(g->o, "engine"));
	if (assay_options_is_set(g->o, "engine-opt"))
		return assay_fail(e, ASSAY_E_USAGE, "--engine-opt: generate takes none; measuring verbs do");
	if (text == ids)
		return assay_fail(e, ASSAY_E_USAGE, text ? "--prompt and --ids: give one of the two" : "no prompt: give --prompt TEXT or --ids 1,2,3");
	int rc = cmd_check_engine_options(g->o, e);
	if (!rc)
		rc = nn_shape_of(model, &g->shape, e);
	if (!rc)
		rc = nn_tokenizer_open(model, &g->tokenizer, &g->no_tokenizer, e);
	if (!rc)
		rc = text ? prompt_from_text(g, e) : prompt_from_ids(g, e);
	if (!rc && !g->n_prompt)
		rc = assay_fail(e, ASSAY_E_USAGE, "the prompt is empty");
	if (!rc && (int64_t)g->n_prompt + n > g->shape.max_context)
		rc = assay_fail(e, ASSAY_E_USAGE, "%zu prompt tokens and %lld to generate need a context of %lld; %s has %d", g->n_prompt, (long long)n,
		                (long long)g->n_prompt + n, g->shape.name, g->shape.max_context);
	return rc;
}

static int open_session(const struct generation *g, struct nn_session **s, struct assay_err *e)
{
	const struct assay_options *o = g->o;
	bool asked = assay_options_source(o, "max-num-seqs") != ASSAY_FROM_DEFAULT;
	struct nn_options n = {
		.model = assay_options_str(o, "model"), .seed = (uint64_t)assay_options_int(o, "seed"),
		.dtype = (enum nn_dtype)nn_dtype_parse(assay_options_str(o, "dtype")), .kv_dtype = (enum nn_dtype)nn_dtype_parse(assay_options_str(o, "kv-dtype")),
		.isa = (enum nn_isa)nn_isa_parse(assay_options_str(o, "isa")), .threads = (int)assay_options_int(o, "threads"),
		.max_num_seqs = asked ? (int)assay_options_int(o, "max-num-seqs") : 1, .max_batched_tokens = (int)assay_options_int(o, "max-batched-tokens"),
		.block_size = (int)assay_options_int(o, "block-size"), .kv_bytes = (uint64_t)assay_options_int(o, "kv-memory"),
		.kv_tokens_wanted = g->n_prompt + (uint64_t)assay_options_int(o, "tokens"),
	};
	return nn_session_open(&n, s, e);
}

/* Text appears as it is written, where nothing else is to be printed. */
static void take_token(struct generation *g, int32_t id)
{
	size_t n;
	const char *text = g->tokenizer ? nn_tokenizer_bytes(g->tokenizer, id, &n) : NULL;
	if (!g->json && text && fwrite(text, 1, n, stdout) == n)
		fflush(stdout);
	else if (!g->json && !g->tokenizer)
		printf(g->n_ids ? ",%d" : "%d", id);
	g->ids[g->n_ids++] = id;
}

static int run(struct generation *g, struct nn_session *s, struct assay_err *e)
{
	const struct assay_options *o = g->o;
	struct nn_request r = { .id = 1, .prompt = g->prompt, .n_prompt = (int)g->n_prompt, .max_tokens = (int)assay_options_int(o, "tokens"),
		                .ignore_eos = !assay_options_flag(o, "stop"), .temperature = (float)assay_options_num(o, "temperature"),
		                .top_p = (float)assay_options_num(o, "top-p"), .top_k = (int)assay_options_int(o, "top-k"), .seed = (uint64_t)assay_options_int(o, "seed") };
	int rc = nn_submit(s, &r, e);
	while (!rc && nn_session_pending(s)) {
		const struct nn_event *ev;
		struct nn_step step;
		int n, ran = nn_session_step(s, &step, &ev, &n, e);
		for (int i = 0; ran >= 0 && i < n; i++)
			if (ev[i].kind == NN_EV_TOKEN)
				take_token(g, ev[i].token);
		rc = ran < 0 ? ran : 0;
	}
	return rc;
}

static json_t *id_list(const int32_t *ids, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(ids[i]));
	return list;
}

/* The text as JSON can hold it: bytes that are no UTF-8 become U+FFFD. Null without a tokenizer. */
static json_t *json_text(const struct generation *g)
{
	struct assay_buf raw, text;
	json_t *v = NULL;
	if (!g->tokenizer)
		return json_null();
	assay_buf_init(&raw, MAX_TEXT_BYTES);
	assay_buf_init(&text, MAX_TEXT_BYTES);
	if (nn_tokenizer_decode(g->tokenizer, g->ids, (size_t)g->n_ids, &raw) == 0 && assay_utf8_repair(raw.data ? raw.data : "", raw.len_bytes, &text) == 0)
		v = json_stringn(text.data ? text.data : "", text.len_bytes);
	assay_buf_release(&raw);
	assay_buf_release(&text);
	return v ? v : json_null();
}

static int print_json(const struct generation *g, struct assay_err *e)
{
	struct assay_buf b;
	json_t *v = json_pack("{s:o, s:o, s:o}", "prompt_ids", id_list(g->prompt, g->n_prompt), "ids", id_list(g->ids, (size_t)g->n_ids), "text", json_text(g));
	assay_buf_init(&b, 2 * MAX_TEXT_BYTES);
	int rc = assay_json_print(&b, v, 0) ? assay_fail(e, ASSAY_E_INTERNAL, "the answer is too long to print as JSON") : 0;
	if (!rc)
		printf("%s\n", b.data);
	json_decref(v);
	assay_buf_release(&b);
	return rc;
}

static int generate(struct generation *g, struct assay_err *e)
{
	struct nn_session *s = NULL;
	int rc = prepare(g, e);
	if (rc)
		return rc;
	g->ids = xalloc((size_t)assay_options_int(g->o, "tokens") * sizeof *g->ids);
	rc = open_session(g, &s, e);
	if (!rc)
		rc = run(g, s, e);
	if (!g->json && g->n_ids)
		putchar('\n');
	nn_session_close(s);
	return rc || !g->json ? rc : print_json(g, e);
}

int cmd_generate(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	struct generation g = { .o = o, .json = assay_options_flag(o, "json") };
	status = generate(&g, &e) ? cmd_error(&e) : ASSAY_EXIT_OK;
	nn_tokenizer_close(g.tokenizer);
	free(g.no_tokenizer);
	free(g.prompt);
	free(g.ids);
	assay_options_close(o);
	return status;
}
