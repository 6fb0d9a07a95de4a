/* Formatting of struct assay_err. Must not print or exit. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

int assay_fail(struct assay_err *e, enum assay_code code, const char *fmt, ...)
{
	if (!e)
		return code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	one_line(e->msg);
	e->code = code;
	return code;
}

int assay_fail_in(struct assay_err *e, const char *fmt, ...)
{
	if (!e)
		return ASSAY_E_INTERNAL;
	char was[sizeof e->msg], context[200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	memcpy(was, e->msg, sizeof was);
	int n = snprintf(e->msg, sizeof e->msg, "%s: ", context);
	snprintf(e->msg + n, sizeof e->msg - (size_t)n, "%s", was);
	one_line(e->msg);
	return e->code;
}

int assay_fail_so(struct assay_err *e, const char *fmt, ...)
{
	va_list ap;
	if (!e)
		return ASSAY_E_INTERNAL;
	size_t n = strlen(e->msg);
	va_start(ap, fmt);
	vsnprintf(e->msg + n, sizeof e->msg - n, fmt, ap);
	va_end(ap);
	one_line(e->msg);
	return e->code;
}
