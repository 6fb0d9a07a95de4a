/* assay sweep --dry-run: the configurations, what shares a load, about how long it takes. Loads nothing. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/term.h"
#include "cmd/sweep.h"
#include "draw/table.h"

static double estimate(const struct cmd_sweep *s, const struct cmd_config *c)
{
	struct cmd_argv argv = { 0 };
	struct cmd_run r;
	struct assay_err e = ASSAY_ERR_INIT;
	double t = cmd_sweep_open_run(s, c, 1, NULL, &argv, &r, &e) ? NAN : cmd_run_estimate_s(&r);
	cmd_run_release(&r);
	cmd_argv_release(&argv);
	return t;
}

/* The number of the first configuration with the same load. */
static int load_of(const struct cmd_sweep *s, const struct cmd_config *c)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->configs[i].planned && !strcmp(s->configs[i].engine_key, c->engine_key))
			return s->configs[i].n;
	return c->n;
}

void cmd_sweep_dry(struct cmd_sweep *s)
{
	struct assay_term term;
	struct draw_table t;
	struct assay_buf b;
	double all = 0;
	int loads = 0;
	assay_term_init(&term, STDOUT_FILENO, false);
	draw_table_init(&t);
	draw_table_col(&t, "#", true, 0);
	draw_table_col(&t, "Configuration", false, 0);
	draw_table_col(&t, "Load", false, 2);
	draw_table_col(&t, "KV tokens", true, 1);
	draw_table_col(&t, "At least", true, 3);
	for (size_t i = 0; i < s->n; i++) {
		const struct cmd_config *c = &s->configs[i];
		double took = c->planned ? estimate(s, c) : NAN;
		char text[24] = "-";
		if (!isnan(took))
			assay_duration_format(text, sizeof text, took);
		all += isnan(took) ? 0 : took * s->rounds;
		loads += c->planned && load_of(s, c) == c->n;
		draw_table_cell(&t, "%d", c->n);
		draw_table_cell(&t, "%s", c->name);
		if (!c->planned)
			draw_table_cell(&t, "none");
		else if (load_of(s, c) != c->n)
			draw_table_cell(&t, "that of %d", load_of(s, c));
		else
			draw_table_cell(&t, c->sharing > 1 ? "shared by %d" : "own", c->sharing);
		draw_table_cell(&t, c->planned ? "%llu" : "-", (unsigned long long)c->kv_tokens);
		draw_table_cell(&t, "%s", text);
	}
	assay_buf_init(&b, 1 << 26);
	assay_buf_printf(&b, "assay sweep would measure %zu configuration%s of %s, %d round%s, %d load%s a round; nothing is loaded now:\n\n", s->n, s->n == 1 ? "" : "s", s->exp->name, s->rounds, s->rounds == 1 ? "" : "s", loads,
	                 loads == 1 ? "" : "s");
	draw_table_text(&t, &b, term.width, false);
	for (size_t i = 0; i < s->n; i++)
		if (!s->configs[i].planned)
			assay_buf_printf(&b, "%s%d cannot be measured: %s\n", i ? "" : "\n", s->configs[i].n, s->configs[i].refused.msg);
	if (all > 0) {
		char text[24];
		assay_duration_format(text, sizeof text, all);
		assay_buf_printf(&b, "\ntime            at least %s (roofline of this machine, without loads and pairs)\n", text);
	}
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	draw_table_release(&t);
}
