/* The live page of a soak: what it says, that no line is too long, that shapes follow the windows, and that a burst of states is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/live_page.h"
#include "draw/text.h"

static struct assay_live state_of(uint32_t closed)
{
	return (struct assay_live){ .load = "50%", .elapsed_s = 900, .total_s = 3600, .window_s = 60, .window_elapsed_s = 30, .load_per_s = 1.625, .window = closed, .windows_closed = closed,
				    .live = 3, .offered = 1672, .succeeded = 1660, .failed = 7, .unsent = 5, .request_s = 1.61, .tok_s = 78.25, .ttft_p50_ms = 120.5, .ttft_p99_ms = 400 + closed,
				    .tpot_p50_ms = 11.25, .busy = 0.52, .rss_mib = 1033.2 };
}

static void page_says_it(void **state)
{
	static const char *const words[] = { "load 50% (1.62 req/s)", "25 % of 1h00m", "ETA 5m00s", "window 3, 30 of 60 s", "in flight 3", "offered 1672", "failed 7", "unsent 5", "78.2 tok/s",
					     "P50 120.5 P99 403.0 ms", "busy 52 %", "TTFT P99", "1033.2 MiB", "--resume" };
	(void)state;
	struct live_view v = { .name = "soak: gpt2 on cpu", .wall_s = 100 };
	struct assay_buf b;
	for (uint32_t i = 1; i <= 3; i++) {
		struct assay_live l = state_of(i);
		live_view_add(&v, &l);
	}
	assert_int_equal(v.n, 3);
	assert_true(v.p99_ms[0] == 401 && v.p99_ms[2] == 403);
	assay_buf_init(&b, 1 << 16);
	int lines = live_view_page(&v, &b, 120, true), counted = 0;
	for (const char *s = b.data; *s; s++)
		counted += *s == '\n';
	assert_int_equal(lines, counted);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strstr(b.data, words[i]))
			fail_msg("no \"%s\" in:\n%s", words[i], b.data);
	assay_buf_release(&b);
	assay_buf_init(&b, 1 << 16);
	live_view_line(&v, &b);
	assert_string_equal(b.data, "soak  load 50%  window 3  25 %  ETA 5m00s  1.61 req/s  78.2 tok/s  TTFT P99 403.0 ms  RSS 1033.2 MiB  failed 7");
	assay_buf_release(&b);
}

static void no_line_is_too_long(void **state)
{
	(void)state;
	struct live_view v = { .name = "soak: gpt2 on cpu", .wall_s = 100 };
	for (uint32_t i = 1; i <= 3 * LIVE_WINDOWS; i++) {
		struct assay_live l = state_of(i);
		l.rss_mib = i % 7 ? l.rss_mib : NAN;
		live_view_add(&v, &l);
	}
	assert_int_equal(v.n, LIVE_WINDOWS);
	assert_true(v.p99_ms[LIVE_WINDOWS - 1] == 400 + 3 * LIVE_WINDOWS);
	for (int width = 20; width <= 200; width += 3)
		for (int utf8 = 0; utf8 < 2; utf8++) {
			struct assay_buf b;
			assay_buf_init(&b, 1 << 16);
			live_view_page(&v, &b, width, utf8);
			for (char *s = b.data, *end; (end = strchr(s, '\n')); s = end + 1) {
				*end = 0;
				if (draw_text_width(s) > width - 1)
					fail_msg("width %d: \"%s\"", width, s);
			}
			assay_buf_release(&b);
		}
}

static void nothing_is_known_at_first(void **state)
{
	(void)state;
	struct live_view v = { .name = "soak: x on y" };
	struct assay_live l = { .load = "closed:8", .probe = true, .total_s = 60, .load_per_s = NAN, .request_s = NAN, .tok_s = NAN, .ttft_p50_ms = NAN, .ttft_p99_ms = NAN, .rss_mib = NAN };
	struct assay_buf b;
	live_view_add(&v, &l);
	assay_buf_init(&b, 1 << 16);
	live_view_page(&v, &b, 80, false);
	assert_null(strstr(b.data, "nan"));
	assert_null(strstr(b.data, "ETA"));
	assert_non_null(strstr(b.data, "probe closed:8 (- req/s)"));
	live_view_line(&v, &b);
	assert_null(strstr(b.data, "nan"));
	assay_buf_release(&b);
	l = state_of(1); /* the series' own first window, after two of the probe */
	v.now.windows_closed = 2;
	live_view_add(&v, &l);
	assert_int_equal(v.n, 1);
}

/* The thread takes states while they come, and ends when it is told. */
static void thread_lives_and_ends(void **state)
{
	(void)state;
	int keep = dup(STDERR_FILENO);
	assert_non_null(freopen("/dev/null", "w", stderr));
	struct live_page *p = live_page_open("soak: a on b");
	assert_non_null(p);
	for (uint32_t i = 0; i < 100000; i++) {
		struct assay_live l = state_of(i);
		live_page_update(p, &l);
	}
	live_page_close(p);
	live_page_close(NULL);
	fflush(stderr);
	dup2(keep, STDERR_FILENO);
	close(keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(page_says_it), cmocka_unit_test(no_line_is_too_long), cmocka_unit_test(nothing_is_known_at_first), cmocka_unit_test(thread_lives_and_ends) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
