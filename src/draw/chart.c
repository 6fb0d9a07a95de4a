/* See chart.h. Block elements: U+2581..U+2588 grow upwards, U+258F..U+2588 to the right. */
#include "draw/chart.h"

#include <math.h>

static const char *const upward[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
static const char *const rightward[] = { "", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d", "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89" };
static const char *const plain[] = { ".", ":", "-", "=", "+", "*", "#", "@" };

void draw_chart_bar(struct assay_buf *out, double share, int columns, bool utf8)
{
	if (isnan(share) || columns < 1)
		return;
	int eighths = (int)(fmin(fmax(share, 0), 1) * columns * 8 + 0.5);
	for (int i = 0; i < eighths / 8; i++)
		assay_buf_puts(out, utf8 ? "\xe2\x96\x88" : "#");
	if (utf8)
		assay_buf_puts(out, rightward[eighths % 8]);
	else if (eighths % 8 >= 4)
		assay_buf_puts(out, "#");
}

/* Mean of the values that column c of `columns` stands for; NaN where none is known. */
static double column_mean(const double *x, size_t n, size_t c, size_t columns)
{
	double sum = 0;
	size_t known = 0;
	for (size_t i = c * n / columns; i < (c + 1) * n / columns; i++)
		if (!isnan(x[i])) {
			sum += x[i];
			known++;
		}
	return known ? sum / (double)known : NAN;
}

void draw_chart_spark(struct assay_buf *out, const double *x, size_t n, int columns, bool from_zero, bool utf8)
{
	size_t cols = columns < 1 ? 0 : n < (size_t)columns ? n : (size_t)columns;
	double least = from_zero ? 0 : INFINITY, most = from_zero ? 0 : -INFINITY;
	for (size_t c = 0; c < cols; c++) {
		double v = column_mean(x, n, c, cols);
		least = fmin(least, v);
		most = fmax(most, v);
	}
	for (size_t c = 0; c < cols; c++) {
		double v = column_mean(x, n, c, cols);
		if (isnan(v) || (from_zero && !(v > 0))) {
			assay_buf_puts(out, " ");
			continue;
		}
		int level = most > least ? (int)((v - least) / (most - least) * 7.999) : 0;
		assay_buf_puts(out, (utf8 ? upward : plain)[level]);
	}
}
