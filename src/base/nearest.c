/* The nearest of some names, for "did you mean". Edit distance with transpositions
 * (Damerau-Levenshtein, optimal string alignment). Pure. */
#include <ctype.h>
#include <string.h>

#include "base/options.h"

enum { WORD_MAX = 64 };

static int min3(int a, int b, int c)
{
	int m = a < b ? a : b;
	return m < c ? m : c;
}

static int distance(const char *a, const char *b)
{
	int n = (int)strlen(a), m = (int)strlen(b), d[3][WORD_MAX + 1];
	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (int j = 0; j <= m; j++)
		d[0][j] = j;
	for (int i = 1; i <= n; i++) {
		int *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
		row[0] = i;
		for (int j = 1; j <= m; j++) {
			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
			row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]) && up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
		}
	}
	return d[n % 3][m];
}

/* `part` begins or ends `whole`, set off by a dash. */
static bool is_part(const char *part, const char *whole)
{
	size_t n = strlen(part), m = strlen(whole);
	return n && n < m && ((whole[n] == '-' && !strncasecmp(part, whole, n)) || (whole[m - n - 1] == '-' && !strcasecmp(part, whole + m - n)));
}

const char *assay_nearest(const char *word, const char *const *names, int n)
{
	int len = (int)strlen(word), best = WORD_MAX;
	const char *name = NULL;
	for (int i = 0; i < n; i++) {
		int d = distance(word, names[i]);
		/* what was typed so far of a longer name counts as near */
		if (len >= 3 && !strncasecmp(word, names[i], (size_t)len) && d > 2)
			d = 2;
		/* so does a whole name at either end of it: batch-size for batch, tokens for prompt-tokens */
		if (d > 1 && is_part(names[i], word))
			d = 1;
		else if (d > 2 && len >= 3 && is_part(word, names[i]))
			d = 2;
		if (d < best || (name && d == best && strlen(names[i]) < strlen(name))) {
			best = d;
			name = names[i];
		}
	}
	int allowed = len <= 2 ? 1 : len <= 5 ? 2 : 3;
	return best <= allowed && best < len ? name : NULL;
}
