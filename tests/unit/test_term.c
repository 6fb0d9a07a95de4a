/* Terminal: width and colour from the environment, and the progress line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/term.h"

static void test_width(void **state)
{
	(void)state;
	static const struct { const char *columns; int want; } t[] = { { NULL, 80 }, { "40", 40 }, { "0", 80 }, { "-5", 80 }, { "x", 80 }, { "7", 20 }, { "99999", 500 }, { "", 80 } };
	int fd = open("/dev/null", O_WRONLY);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_term term;
		if (t[i].columns)
			setenv("COLUMNS", t[i].columns, 1);
		else
			unsetenv("COLUMNS");
		assay_term_init(&term, fd, true);
		assert_int_equal(term.width, t[i].want);
		assert_false(term.tty);
		assert_false(term.colour);
	}
	unsetenv("COLUMNS");
	close(fd);
}

static void test_colour(void **state)
{
	(void)state;
	struct assay_term term;
	int m = posix_openpt(O_RDWR | O_NOCTTY);
	if (m < 0 || grantpt(m) || unlockpt(m))
		skip();
	int s = open(ptsname(m), O_RDWR | O_NOCTTY);
	if (s < 0)
		skip();
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assay_term_init(&term, s, true);
	assert_true(term.tty && term.colour);
	assay_term_init(&term, s, false);
	assert_false(term.colour);
	setenv("NO_COLOR", "1", 1);
	assay_term_init(&term, s, true);
	assert_false(term.colour);
	setenv("NO_COLOR", "", 1); /* empty does not count */
	assay_term_init(&term, s, true);
	assert_true(term.colour);
	setenv("TERM", "dumb", 1);
	assay_term_init(&term, s, true);
	assert_false(term.colour);
	unsetenv("NO_COLOR");
	close(s);
	close(m);
}

static void test_utf8(void **state)
{
	(void)state;
	static const struct { const char *all, *ctype, *lang; int want; } t[] = { { NULL, NULL, NULL, 0 }, { NULL, NULL, "en_GB.UTF-8", 1 }, { NULL, NULL, "C.utf8", 1 }, { "C", NULL, "en_GB.UTF-8", 0 },
		{ "", "C.UTF-8", "C", 1 }, { "POSIX", "C.UTF-8", NULL, 0 }, { NULL, NULL, "en_GB.ISO-8859-1", 0 } };
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		const char *names[] = { "LC_ALL", "LC_CTYPE", "LANG" }, *values[] = { t[i].all, t[i].ctype, t[i].lang };
		struct assay_term term;
		for (int k = 0; k < 3; k++) {
			if (values[k])
				setenv(names[k], values[k], 1);
			else
				unsetenv(names[k]);
		}
		assay_term_init(&term, STDERR_FILENO, false);
		assert_int_equal(term.utf8, t[i].want);
	}
}

static void test_duration(void **state)
{
	(void)state;
	static const struct { double s; const char *want; } t[] = { { 0, "0s" }, { 59.4, "59s" }, { 59.6, "1m00s" }, { 185, "3m05s" }, { 3599, "59m59s" }, { 3720, "1h02m" }, { 90000, "25h00m" } };
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char out[24];
		assay_duration_format(out, sizeof out, t[i].s);
		assert_string_equal(out, t[i].want);
	}
}

static void test_line(void **state)
{
	(void)state;
	static const struct { int width; double done, total, tok_s, elapsed; const char *want; } t[] = {
		{ 80, 25, 100, 61.27, 10, "latency  128/100 run 3/10  25 %  61.3 tok/s  ETA 30s" },
		{ 80, 100, 100, 1234.5, 10, "latency  128/100 run 3/10  100 %  1234 tok/s" },
		{ 80, 150, 100, NAN, 10, "latency  128/100 run 3/10  100 %" },
		{ 80, 0, 100, NAN, 10, "latency  128/100 run 3/10  0 %" },
		{ 80, NAN, NAN, NAN, 10, "latency  128/100 run 3/10" },
		{ 80, 25, 100, NAN, 0.5, "latency  128/100 run 3/10  25 %" }, /* too early to guess */
		{ 50, 25, 100, 61, 10, "latency  128/100 run 3/10  25 %  ETA 30s" },
		{ 40, 25, 100, 61, 10, "latency  128/100 run 3/1  25 %  ETA 30s" },
		{ 20, 25, 100, 61, 10, "latency  128/  25 %" },
		{ 20, NAN, NAN, NAN, 10, "latency  128/100 ru" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char out[200];
		assay_status_line_format(out, t[i].width, "latency", "128/100 run 3/10", t[i].done, t[i].total, t[i].tok_s, t[i].elapsed);
		assert_string_equal(out, t[i].want);
	}
}

/* Nothing within the first seconds where stderr is no terminal. */
static void test_quiet(void **state)
{
	(void)state;
	char path[] = "/tmp/assay-term-XXXXXX", buf[64];
	int fd = mkstemp(path), saved = dup(2);
	dup2(fd, 2);
	struct assay_status_line *p = assay_status_line_open();
	for (int i = 0; i < 300; i++) {
		assay_status_line_show(p, "latency", "case", i, 300, 10);
		usleep(1000);
	}
	assay_status_line_close(p);
	dup2(saved, 2);
	close(saved);
	assert_int_equal(pread(fd, buf, sizeof buf, 0), 0);
	close(fd);
	unlink(path);
	assay_status_line_show(NULL, "a", "b", 0, 0, 0);
	assay_status_line_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_width), cmocka_unit_test(test_colour), cmocka_unit_test(test_utf8), cmocka_unit_test(test_duration), cmocka_unit_test(test_line), cmocka_unit_test(test_quiet) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
