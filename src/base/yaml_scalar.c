/* A plain (unquoted) YAML scalar to a JSON value by the core schema of YAML 1.2.2, section 10.3.2.
 * Private to yaml.c. Pure. */
#include "base/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool one_of(const char *s, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(s, *names))
			return true;
	return false;
}

/* [-+]?[0-9]+ or 0o[0-7]+ or 0x[0-9a-fA-F]+: the base, or 0 */
static int integer_base(const char *s)
{
	if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x') && s[2])
		return strspn(s + 2, s[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF") == strlen(s + 2) ? (s[1] == 'o' ? 8 : 16) : 0;
	s += *s == '-' || *s == '+';
	return *s && strspn(s, "0123456789") == strlen(s) ? 10 : 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *s)
{
	s += *s == '-' || *s == '+';
	size_t whole = strspn(s, "0123456789"), part = 0;
	s += whole;
	if (*s == '.') {
		part = strspn(++s, "0123456789");
		s += part;
	}
	if (!whole && !part)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!*s || strspn(s, "0123456789") != strlen(s))
			return false;
		return true;
	}
	return !*s;
}

json_t *assay_yaml_plain(const char *s, const char **why)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL }, *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };
	static const char *const special[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN", NULL };
	if (one_of(s, nulls))
		return json_null();
	if (one_of(s, yes))
		return json_true();
	if (one_of(s, no))
		return json_false();
	int base = integer_base(s);
	if (base) {
		errno = 0;
		long long x = strtoll(base == 10 ? s : s + 2, NULL, base);
		if (errno == ERANGE) {
			*why = "this number does not fit 64 bits";
			return NULL;
		}
		return json_integer(x);
	}
	if (one_of(s, special) || (is_float(s) && !isfinite(strtod(s, NULL)))) {
		*why = "infinity and not-a-number are not accepted";
		return NULL;
	}
	if (is_float(s))
		return json_real(strtod(s, NULL));
	*why = "this text is not valid UTF-8";
	return json_string(s);
}
