/* assay models export M DIR: the model as a Hugging Face directory, so that every engine can load the same weights. */
#include "cmd/models.h"

#include <stdio.h>
#include <unistd.h>

#include "cmd/run_signals.h"
#include "nn/export.h"

static bool asked_to_stop(void) { return cmd_signal_seen() != 0; }

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	fprintf(stderr, "\r%5.1f %% of %.0f MiB", 100.0 * (double)done / (double)total, (double)total / 0x1p20);
	if (done == total)
		fputs("\r\033[K", stderr);
}

int cmd_models_export(const struct assay_options *o, const char *model, const char *dir, struct assay_err *e)
{
	bool named = assay_options_source(o, "dtype") != ASSAY_FROM_DEFAULT; /* the default of this verb's rows is that of check */
	struct nn_export_options x = { .dtype = named ? (enum nn_dtype)nn_dtype_parse(assay_options_str(o, "dtype")) : NN_AUTO, .tokenizer = model, .seed = (uint64_t)assay_options_int(o, "seed") };
	struct nn_export_report r;
	struct nn_source *src = NULL;
	int rc = cmd_check_engine_options(o, e);
	if (!rc)
		rc = nn_source_open(model, (uint64_t)assay_options_int(o, "seed"), &src, e);
	if (rc)
		return rc;
	cmd_signals_install();
	src->cancelled = asked_to_stop;
	x.progress = isatty(STDERR_FILENO) ? show_progress : NULL;
	rc = nn_export(src, &x, dir, &r, e);
	if (!rc)
		printf("%s: %s, %s, %d tensors, %.1f MiB%s\ntokenizer: %s\nuse it: assay latency -m %s -e worker:transformers\n", dir, src->shape.name, nn_dtype_name(r.dtype), r.tensors, (double)r.bytes / 0x1p20,
		       src->shape.synthetic ? "; synthetic weights, those of the embedded engine bit for bit" : "", r.tokenizer, dir);
	nn_source_close(src);
	return rc;
}
