/* See sheet.h: formats and passes on. */
#include "report/sheet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sheet_heading(struct sheet *s, int level, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0)
		s->ops->heading(s, level, text);
	va_end(ap);
	free(text);
}

void sheet_para(struct sheet *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0)
		s->ops->para(s, text);
	va_end(ap);
	free(text);
}

void sheet_table(struct sheet *s, struct draw_table *t) { s->ops->table(s, t); }
