/* See csv.h. */
#include "draw/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"

#define CSV_BYTES_MAX ((size_t)2 << 30)

void csv_init(struct csv *c, const char *header)
{
	assay_buf_init(&c->b, CSV_BYTES_MAX);
	c->inside = false;
	assay_buf_puts(&c->b, header);
	csv_end(c);
}

void csv_release(struct csv *c)
{
	assay_buf_release(&c->b);
}

static void gap(struct csv *c)
{
	if (c->inside)
		assay_buf_puts(&c->b, ",");
	c->inside = true;
}

void csv_text(struct csv *c, const char *s)
{
	gap(c);
	if (!s || !*s)
		return;
	bool formula = strchr("=+-@\t\r", *s) != NULL;
	if (!formula && !strpbrk(s, ",\"\r\n")) {
		assay_buf_puts(&c->b, s);
		return;
	}
	assay_buf_puts(&c->b, formula ? "\"'" : "\"");
	for (; *s; s++)
		assay_buf_append(&c->b, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	assay_buf_puts(&c->b, "\"");
}

void csv_num(struct csv *c, double x)
{
	char text[32];
	gap(c);
	if (!isfinite(x))
		return;
	assay_json_number(x, text);
	assay_buf_puts(&c->b, text);
}

void csv_int(struct csv *c, int64_t x)
{
	gap(c);
	assay_buf_printf(&c->b, "%lld", (long long)x);
}

void csv_count(struct csv *c, int64_t x)
{
	if (x < 0)
		gap(c);
	else
		csv_int(c, x);
}

void csv_end(struct csv *c)
{
	assay_buf_puts(&c->b, "\r\n");
	c->inside = false;
}

int csv_write(struct csv *c, const char *dir, const char *name, struct assay_err *e) { return draw_file_write(&c->b, dir, name, e); }
