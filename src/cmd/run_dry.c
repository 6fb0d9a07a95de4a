/* --dry-run: what would be measured, what it needs, and about how long it takes. Loads nothing. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/json.h"
#include "cmd/run.h"
#include "telemetry/telemetry.h"

struct rates { double read_bytes_s, flop_s; };

static enum nn_dtype weight_type(const struct cmd_run *r)
{
	enum nn_dtype t = (enum nn_dtype)nn_dtype_parse(assay_options_str(r->o, "dtype"));
	return t == NN_AUTO ? nn_dtype_auto(r->shape.stored) : t;
}

/* Roofline estimate of a batch of b requests of p prompt and n output tokens: prefill is bound by arithmetic, a decode step by reading the weights or by arithmetic. */
static double batch_seconds(const struct cmd_run *r, const struct rates *k, double b, double p, double n)
{
	double flop = 2.0 * (double)nn_shape_parameters(&r->shape), bytes = (double)nn_shape_weight_bytes(&r->shape, weight_type(r));
	return b * p * flop / k->flop_s + n * fmax(bytes / k->read_bytes_s, b * flop / k->flop_s);
}

/* A number, or the middle of "A:B". */
static double number(const json_t *c, const char *key, double otherwise)
{
	const char *range = assay_json_get_str(c, key, NULL);
	double lo, hi;
	if (range && sscanf(range, "%lf:%lf", &lo, &hi) == 2)
		return (lo + hi) / 2;
	return assay_json_get_num(c, key, otherwise);
}

static double point_seconds(const struct cmd_run *r, const struct rates *k, const json_t *point)
{
	const json_t *c = json_object_get(point, "case");
	double runs = assay_json_get_num(point, "runs", 1) + assay_json_get_num(point, "warmup", 0);
	double p = number(c, "prompt_tokens", NAN), n = number(c, "output_tokens", NAN), all = number(c, "requests", NAN);
	if (!isfinite(all))
		return runs * batch_seconds(r, k, number(c, "batch_size", 1), p, n);
	/* many requests, one request as the warm-up: the plan's means where the case names none */
	double b = fmin(all, (double)assay_options_int(r->o, "max-num-seqs")), of = (double)(r->plan.requests ? r->plan.requests : 1);
	p = number(c, "input", (double)r->plan.prompt_tokens / of);
	n = number(c, "output", (double)r->plan.output_tokens / of);
	return assay_json_get_num(point, "runs", 1) * all / b * batch_seconds(r, k, b, p, n);
}

/* Of that many threads; probed once for the runs that follow each other. */
static struct rates rates_of(int threads)
{
	static struct rates k;
	static int probed;
	if (probed != threads) {
		k = (struct rates){ 1e9 * assay_probe_read_gb_s(threads, ASSAY_NS_PER_S / 4), 1e9 * assay_probe_gemm_gflop_s(threads, 0, ASSAY_NS_PER_S / 4) };
		assay_probe_close();
		probed = threads;
	}
	return k;
}

double cmd_run_estimate_s(const struct cmd_run *r)
{
	int threads = (int)assay_options_int(r->o, "threads");
	struct rates k;
	double s = 0;
	size_t i;
	json_t *point;
	if (r->plan.seconds > 0)
		return r->plan.seconds;
	if (strcmp(assay_options_str(r->o, "engine"), "cpu"))
		return NAN;
	k = rates_of(threads ? threads : assay_cpu_count());
	json_array_foreach(r->plan.points, i, point)
		s += point_seconds(r, &k, point);
	return isfinite(s) ? s : batch_seconds(r, &k, 1, (double)r->plan.prompt_tokens, (double)r->plan.output_tokens);
}

static void print_case(const json_t *c)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)c, key, v) {
		char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("  %s=%s", key, text ? text : "?");
		free(text);
	}
}

void cmd_run_dry(const struct cmd_run *r)
{
	size_t i;
	json_t *point;
	char took[24];
	bool cpu = !strcmp(assay_options_str(r->o, "engine"), "cpu");
	enum nn_dtype t = weight_type(r);
	const char *kv = assay_options_str(r->o, "kv-dtype");
	double weights = (double)nn_shape_weight_bytes(&r->shape, t), per_token = (double)nn_shape_kv_bytes_per_token(&r->shape, strcmp(kv, "auto") ? (enum nn_dtype)nn_dtype_parse(kv) : t);
	size_t n = json_array_size(r->plan.points);
	printf("assay %s would measure %zu point%s of %s on %s; nothing is loaded now:\n\n", r->verb->name, n, n == 1 ? "" : "s", r->shape.name, assay_options_str(r->o, "engine"));
	json_array_foreach(r->plan.points, i, point) {
		printf("  %-10s %3lld runs + %lld warm-up", assay_json_get_str(point, "experiment", r->exp->name), (long long)assay_json_get_int(point, "runs", 1),
		       (long long)assay_json_get_int(point, "warmup", 0));
		print_case(json_object_get(point, "case"));
		putchar('\n');
	}
	printf("\nrequests        %llu\nprompt tokens   %llu\noutput tokens   %llu\n", (unsigned long long)r->plan.requests, (unsigned long long)r->plan.prompt_tokens,
	       (unsigned long long)r->plan.output_tokens);
	if (!cpu)
		return;
	printf("weights         %.1f MiB as %s\nKV cache        %.1f MiB for %llu tokens\n", weights / 0x1p20, nn_dtype_name(t), per_token * (double)r->plan.kv_tokens / 0x1p20,
	       (unsigned long long)r->plan.kv_tokens);
	assay_duration_format(took, sizeof took, cmd_run_estimate_s(r));
	printf(r->plan.seconds > 0 ? "time            %s\n" : "time            at least %s (roofline of this machine, without the load)\n", took);
}
