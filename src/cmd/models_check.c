/* assay models check DIR...: does the engine compute what the reference did? Prints one line a directory, more where something differs. */
#include "cmd/models.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "nn/forward.h"
#include "nn/golden_check.h"

static const char *answer(enum nn_check_answer a) { return a == NN_CHECK_OK ? "ok" : a == NN_CHECK_BAD ? "DIFFERS" : "-"; }

static enum nn_check_answer worst(const struct nn_check_report *r, size_t offset)
{
	enum nn_check_answer w = NN_CHECK_NONE;
	for (int i = 0; i < r->n; i++) {
		enum nn_check_answer a = *(const enum nn_check_answer *)((const char *)&r->prompt[i] + offset);
		w = a > w ? a : w;
	}
	return w;
}

static void print_header(void)
{
	printf("%-18s %-6s %-7s %2s %8s %12s %9s  %-8s %-8s %-8s %-8s %s\n", "model", "dtype", "isa", "t", "prompts", "largest diff", "limit", "greedy", "top 5", "ids", "text", "");
}

static void print_report(const char *name, const struct nn_check_report *r)
{
	printf("%-18.40s %-6s %-7s %2d %8d %12.3g %9.3g  %-8s %-8s %-8s %-8s %s\n", name, nn_dtype_name(r->dtype), nn_isa_name(r->isa), r->threads, r->n, r->diff, r->limit,
	       answer(worst(r, offsetof(struct nn_check_prompt, greedy))), answer(worst(r, offsetof(struct nn_check_prompt, top5))), answer(worst(r, offsetof(struct nn_check_prompt, ids))),
	       answer(worst(r, offsetof(struct nn_check_prompt, decoded))), r->pass ? "PASS" : "FAIL");
	for (int i = 0; i < r->n; i++) {
		const struct nn_check_prompt *p = &r->prompt[i];
		if (p->first_wrong >= 0)
			printf("  %s: first wrong greedy token at position %d of %d, reference margin %.3g%s\n", p->name, p->first_wrong, p->n_greedy, p->wrong_margin,
			       p->greedy == NN_CHECK_BAD ? "" : " (a tie at this precision: allowed)");
		else if (!p->pass)
			printf("  %s: largest difference %.3g\n", p->name, p->diff_last > p->diff_all ? p->diff_last : p->diff_all);
	}
}

/* The last part of a path, also of one that ends in slashes. */
static char *base_name(const char *dir)
{
	size_t n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	const char *slash = memrchr(dir, '/', n);
	const char *from = slash && n > 1 ? slash + 1 : dir;
	return xasprintf("%.*s", (int)(dir + n - from), from);
}

int cmd_models_check(const struct assay_options *o, char **dirs, int n, struct assay_err *e)
{
	const char *model = assay_options_str(o, "model");
	struct nn_check_options c = { .dtype = (enum nn_dtype)nn_dtype_parse(assay_options_str(o, "dtype")), .isa = (enum nn_isa)nn_isa_parse(assay_options_str(o, "isa")), .threads = (int)assay_options_int(o, "threads") };
	struct nn_check_report *r = xalloc(sizeof *r);
	int checked = 0, failed = 0, rc = cmd_check_engine_options(o, e);
	for (int i = 0; i < n && !rc; i++) {
		if (!assay_fs_is_dir(dirs[i])) {
			fprintf(stderr, "assay: %s: skipped, no directory\n", dirs[i]);
			continue;
		}
		rc = nn_golden_check(dirs[i], model, &c, r, e);
		if (rc)
			break;
		if (!checked++)
			print_header();
		char *name = base_name(dirs[i]);
		print_report(name, r);
		free(name);
		failed += !r->pass;
	}
	if (!rc && !checked)
		rc = assay_fail(e, ASSAY_E_USAGE, "models check: none of the arguments is a directory");
	if (checked)
		printf("%d checked, %d failed%s%s\n", checked, failed, *r->kernels ? "; kernels: " : "", r->kernels);
	free(r);
	return rc ? rc : failed ? ASSAY_EXIT_FAILED : ASSAY_EXIT_OK;
}
