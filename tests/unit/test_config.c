/* config.json: the spellings of published checkpoints, and everything that must be refused by name. Texts use ' for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "nn/config.h"
#include "nn/source.h"

#define GPT2 "'model_type':'gpt2','n_embd':768,'n_layer':12,'n_head':12,'n_positions':1024,'vocab_size':50257"
#define OPT "'model_type':'opt','hidden_size':768,'num_hidden_layers':12,'num_attention_heads':12,'ffn_dim':3072,'vocab_size':50272"
#define SIZES "'hidden_size':64,'num_hidden_layers':2,'num_attention_heads':4,'intermediate_size':176,'vocab_size':512,'max_position_embeddings':256"
#define LLAMA "'model_type':'llama'," SIZES
#define MISTRAL "'model_type':'mistral'," SIZES
#define QWEN2 "'model_type':'qwen2'," SIZES
#define QWEN3 "'model_type':'qwen3'," SIZES

static int parse(const char *text, struct nn_shape *s, struct assay_err *e)
{
	char *copy = strdup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	int rc = nn_config_parse(copy, strlen(copy), "config.json", s, e);
	free(copy);
	return rc;
}

static struct nn_shape good(const char *text)
{
	struct nn_shape s;
	struct assay_err e = ASSAY_ERR_INIT;
	if (parse(text, &s, &e))
		fail_msg("%s\n%s", text, e.msg);
	return s;
}

static void test_defaults(void **state)
{
	(void)state;
	struct nn_shape s = good("{" GPT2 "}");
	assert_true(s.family == NN_GPT2 && s.hidden == 768 && s.embed_dim == 768 && s.ffn == 3072 && s.head_dim == 64 && s.kv_heads == 12);
	assert_true(s.tied && s.pre_norm && s.qkv_bias && s.out_bias && s.mlp_bias && !s.rope && s.act == NN_GELU_TANH);
	assert_true(s.norm_eps == 1e-5f && s.bos == -1 && s.n_eos == 0 && s.stored == NN_AUTO);
	s = good("{" OPT "}");
	assert_true(s.family == NN_OPT && s.pos_offset == 2 && s.max_context == 2048 && s.act == NN_RELU && s.pre_norm && s.tied && s.embed_dim == 768);
	s = good("{" LLAMA "}");
	assert_true(s.family == NN_LLAMA && s.kv_heads == 4 && s.rope && s.rope_theta == 10000 && !s.tied && s.gated_mlp && s.norm_eps == 1e-6f);
	assert_true(!s.qkv_bias && !s.out_bias && !s.mlp_bias && !s.qk_norm);
	s = good("{" QWEN2 "}");
	assert_true(s.family == NN_QWEN2 && s.qkv_bias && !s.out_bias);
	s = good("{" QWEN3 ",'head_dim':32,'num_key_value_heads':2}");
	assert_true(s.family == NN_QWEN3 && s.qk_norm && s.head_dim == 32 && s.kv_heads == 2 && !s.qkv_bias);
	s = good("{" MISTRAL ",'sliding_window':null}");
	assert_int_equal(s.family, NN_LLAMA);
}

static void test_values(void **state)
{
	(void)state;
	struct nn_shape s = good("{" GPT2 ",'n_inner':100,'activation_function':'gelu','tie_word_embeddings':false,'layer_norm_epsilon':1e-3,'bos_token_id':5,'eos_token_id':6}");
	assert_true(s.ffn == 100 && s.act == NN_GELU_ERF && !s.tied && s.norm_eps == 1e-3f && s.bos == 5 && s.n_eos == 1 && s.eos[0] == 6);
	s = good("{" OPT ",'word_embed_proj_dim':512,'do_layer_norm_before':false,'torch_dtype':'float16','enable_bias':false}");
	assert_true(s.embed_dim == 512 && !s.pre_norm && s.stored == NN_F16 && !s.qkv_bias && !s.mlp_bias);
	s = good("{" LLAMA ",'attention_bias':true,'mlp_bias':true,'eos_token_id':[2,3,7],'torch_dtype':'bfloat16'}");
	assert_true(s.qkv_bias && s.out_bias && s.mlp_bias && s.n_eos == 3 && s.eos[2] == 7 && s.stored == NN_BF16);
	s = good("{" LLAMA ",'dtype':'bfloat16','torch_dtype':'float32'}");
	assert_int_equal(s.stored, NN_BF16);
	s = good("{" LLAMA ",'eos_token_id':[2,-1,512,1000],'bos_token_id':512}"); /* ids that cannot occur count as absent */
	assert_true(s.n_eos == 1 && s.bos == -1);
	s = good("{" LLAMA ",'rope_theta':1000000}");
	assert_true(s.rope_theta == 1e6);
}

static void test_rope(void **state)
{
	(void)state;
#define LLAMA3 "'factor':8.0,'low_freq_factor':1,'high_freq_factor':4.0,'original_max_position_embeddings':64"
	static const char *const same[] = {
		"{" LLAMA ",'rope_theta':500000.0,'rope_scaling':{'rope_type':'llama3'," LLAMA3 "}}",
		"{" LLAMA ",'rope_theta':500000.0,'rope_scaling':{'type':'llama3'," LLAMA3 "}}",
		"{" LLAMA ",'rope_parameters':{'rope_theta':500000.0,'rope_type':'llama3'," LLAMA3 "}}",
		"{" LLAMA ",'rope_theta':1,'rope_scaling':null,'rope_parameters':{'rope_theta':500000.0,'rope_type':'llama3'," LLAMA3 "}}",
	};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct nn_shape s = good(same[i]);
		assert_true(s.rope_llama3 && s.rope_theta == 500000 && s.rope_factor == 8 && s.rope_low_freq == 1 && s.rope_high_freq == 4 && s.rope_original_context == 64);
	}
	struct nn_shape s = good("{" QWEN3 ",'rope_parameters':{'rope_theta':1000000,'rope_type':'default'}}");
	assert_true(!s.rope_llama3 && s.rope_theta == 1e6);
}

/* A window that can never bind is not active. */
static void test_window(void **state)
{
	(void)state;
	good("{" QWEN2 ",'sliding_window':64,'use_sliding_window':false,'max_window_layers':1}");
	good("{" QWEN2 ",'sliding_window':64,'use_sliding_window':true,'max_window_layers':2}");
	good("{" QWEN2 ",'sliding_window':256,'use_sliding_window':true}");
	good("{" QWEN2 ",'layer_types':['full_attention','full_attention']}");
	good("{" MISTRAL ",'sliding_window':256}");
}

static const struct {
	const char *text, *says;
} refused[] = {
	{ "", "not valid JSON" },
	{ "{", "not valid JSON" },
	{ "[]", "must be a JSON object" },
	{ "{'model_type':'gpt2','model_type':'opt'}", "duplicate" },
	{ "{}", "model_type" },
	{ "{'model_type':7}", "\"model_type\" must be a string" },
	{ "{'model_type':'gemma2'}", "model_type \"gemma2\" is not supported" },
	{ "{'model_type':'gpt2'}", "\"n_embd\" is missing" },
	{ "{" GPT2 ",'layer_norm_epsilon':'x'}", "\"layer_norm_epsilon\" must be a number" },
	{ "{" GPT2 ",'layer_norm_epsilon':0}", "norm epsilon" },
	{ "{" GPT2 ",'layer_norm_epsilon':1e999}", "not valid JSON" },
	{ "{" GPT2 ",'n_inner':-4}", "\"n_inner\" is -4: out of range" },
	{ "{" GPT2 ",'n_inner':99999999999}", "out of range" },
	{ "{" GPT2 ",'n_inner':2000000000}", "feed-forward size" },
	{ "{" GPT2 ",'n_inner':3.5}", "\"n_inner\" must be an integer" },
	{ "{" GPT2 ",'scale_attn_weights':false}", "\"scale_attn_weights\": false is not supported" },
	{ "{" GPT2 ",'scale_attn_by_inverse_layer_idx':true}", "true is not supported" },
	{ "{" GPT2 ",'tie_word_embeddings':1}", "must be true or false" },
	{ "{" GPT2 ",'activation_function':'quick_gelu'}", "\"quick_gelu\": not supported" },
	{ "{'model_type':'gpt2','n_embd':1000000000,'n_layer':12,'n_head':12,'n_positions':1024,'vocab_size':50257}", "hidden size" },
	{ "{'model_type':'gpt2','n_embd':770,'n_layer':12,'n_head':12,'n_positions':1024,'vocab_size':50257}", "not a multiple of 12 heads" },
	{ "{'model_type':'gpt2','n_embd':768,'n_layer':0,'n_head':12,'n_positions':1024,'vocab_size':50257}", "\"n_layer\" is 0" },
	{ "{'model_type':'gpt2','n_embd':768,'n_layer':12,'n_head':12,'vocab_size':50257}", "\"n_positions\" is missing" },
	{ "{'model_type':'gpt2','n_embd':768,'n_layer':12,'n_head':12,'n_positions':1024}", "\"vocab_size\" is missing" },
	{ "{" OPT ",'_remove_final_layer_norm':true}", "not supported" },
	{ "{" OPT ",'layer_norm_elementwise_affine':false}", "not supported" },
	{ "{" OPT ",'word_embed_proj_dim':0}", "out of range" },
	{ "{" LLAMA ",'hidden_act':'gelu_exotic'}", "\"gelu_exotic\": not supported" },
	{ "{" LLAMA ",'num_key_value_heads':3}", "not a multiple of the number of KV heads" },
	{ "{" LLAMA ",'head_dim':15}", "rotary positions need an even one" },
	{ "{" LLAMA ",'head_dim':5000}", "head size" },
	{ "{" LLAMA ",'torch_dtype':'float8_e4m3fn'}", "\"float8_e4m3fn\": not supported" },
	{ "{" LLAMA ",'quantization_config':{'quant_method':'gptq'}}", "quantization_config" },
	{ "{" LLAMA ",'eos_token_id':'two'}", "must be a token id" },
	{ "{" LLAMA ",'eos_token_id':[1,2,3,4,5,6,7,8,9]}", "more than 8" },
	{ "{" LLAMA ",'eos_token_id':[[1]]}", "must be a token id" },
	{ "{" LLAMA ",'rope_theta':-1}", "rope_theta" },
	{ "{" LLAMA ",'partial_rotary_factor':0.5}", "partial_rotary_factor" },
	{ "{" LLAMA ",'rope_scaling':7}", "must be an object" },
	{ "{" LLAMA ",'rope_scaling':{'rope_type':'yarn','factor':4}}", "rope type \"yarn\" is not supported" },
	{ "{" LLAMA ",'rope_scaling':{'type':'linear','factor':4}}", "rope type \"linear\"" },
	{ "{" LLAMA ",'rope_scaling':{'type':'dynamic','factor':4}}", "rope type \"dynamic\"" },
	{ "{" LLAMA ",'rope_parameters':{'full_attention':{'rope_theta':1}}}", "by layer type" },
	{ "{" LLAMA ",'rope_scaling':{'rope_type':'llama3','factor':8}}", "llama3 rope scaling" },
	{ "{" LLAMA ",'rope_scaling':{'rope_type':'llama3','factor':'8'}}", "\"factor\" must be a number" },
	{ "{" LLAMA ",'sliding_window':64}", "sliding_window" },
	{ "{" MISTRAL ",'sliding_window':64}", "sliding_window" },
	{ "{" QWEN2 ",'sliding_window':64,'use_sliding_window':true}", "sliding_window" },
	{ "{" QWEN2 ",'sliding_window':64,'use_sliding_window':true,'max_window_layers':1}", "sliding_window" },
	{ "{" QWEN3 ",'layer_types':['full_attention','sliding_attention']}", "\"sliding_attention\" is not supported" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct nn_shape s;
		struct assay_err e = ASSAY_ERR_INIT;
		int rc = parse(refused[i].text, &s, &e);
		if (rc != ASSAY_E_MODEL || !strstr(e.msg, refused[i].says) || !strstr(e.msg, "config.json"))
			fail_msg("%s\ngave %d: %s\nwanted: %s", refused[i].text, rc, e.msg, refused[i].says);
	}
}

/* Every prefix of a good text is refused, and none reads past its end. */
static void test_truncated(void **state)
{
	(void)state;
	const char *text = "{\"model_type\":\"gpt2\",\"n_embd\":64,\"n_layer\":2,\"n_head\":4,\"n_positions\":16,\"vocab_size\":9}";
	struct nn_shape s;
	for (size_t n = 0; n <= strlen(text); n++) {
		char *exact = malloc(n ? n : 1);
		memcpy(exact, text, n);
		struct assay_err e = ASSAY_ERR_INIT;
		assert_int_equal(nn_config_parse(exact, n, "x", &s, &e), n == strlen(text) ? 0 : ASSAY_E_MODEL);
		free(exact);
	}
}

static void test_directory(void **state)
{
	(void)state;
	char dir[] = "/tmp/assay-config-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	struct nn_shape s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(nn_config_read(dir, &s, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "it holds no config.json"));
	snprintf(path, sizeof path, "%s/config.json", dir);
	FILE *f = fopen(path, "w");
	fputs("{\"model_type\":\"gpt2\",\"n_embd\":64,\"n_layer\":2,\"n_head\":4,\"n_positions\":16,\"vocab_size\":9}", f);
	fclose(f);
	assert_int_equal(nn_config_read(dir, &s, &e), 0);
	assert_string_equal(s.name, dir + 5);
	assert_string_equal(s.checkpoint, dir);
	f = fopen(path, "w");
	for (int i = 0; i < 1100; i++)
		fprintf(f, "%1024s", "");
	fclose(f);
	assert_int_equal(nn_config_read(dir, &s, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "larger than"));
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),    cmocka_unit_test(test_rope),      cmocka_unit_test(test_window),
		cmocka_unit_test(test_refused),  cmocka_unit_test(test_truncated), cmocka_unit_test(test_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
