/* The processes of an engine, counted together: from a recorded /proc with damage in it, and once from real processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "telemetry/proc_read.h"
#include "telemetry/process_group.h"

static char root[64];

/* ---- one line ---- */

static void parse(void **state)
{
	static const struct { const char *text; int rc; struct assay_pid_stat want; } row[] = {
		{ "7 (python3) S 3 5 5 0 -1 4194560 100 0 2 3 11 12 13 14 20 0 4 0 999 1000000 55 18446744073709551615 1 1\n", 0, { 'S', 3, 5, 5, 23, 27, 999, 55 } },
		{ "7 (a) b) R 1 (x) Z 3 5 5 0 -1 0 1 1 2 3 11 12 13 14 20 -5 4 0 999 1000 55 1\n", 0, { 'Z', 3, 5, 5, 23, 27, 999, 55 } },
		{ "7 (no end S 3 5 5 0 -1 0 1 1 2 3 11 12 13 14 20 0 4 0 999 1000 55 1\n", -1, { 0 } },
		{ "7 (short) S 3 5 5 0 -1 0 1 1 2 3 11 12 13 14 20 0 4 0 999\n", -1, { 0 } },
		{ "7 (word) S 3 5 5 0 -1 0 1 1 2 3 x 12 13 14 20 0 4 0 999 1000 55 1\n", -1, { 0 } },
		{ "7 (less) S 3 -5 5 0 -1 0 1 1 2 3 11 12 13 14 20 0 4 0 999 1000 55 1\n", -1, { 0 } },
		{ "7 (huge) S 3 5 5 0 -1 0 1 1 2 3 9223372036854775807 12 13 14 20 0 4 0 999 1000 55 1\n", -1, { 0 } },
		{ "7 (x)", -1, { 0 } }, { ")", -1, { 0 } }, { "", -1, { 0 } },
	};
	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_pid_stat got;
		size_t n = strlen(row[i].text);
		char *exact = malloc(n ? n : 1); /* so that a read past the end shows */
		memcpy(exact, row[i].text, n);
		assert_int_equal(assay_parse_pid_stat(exact, n, &got), row[i].rc);
		if (!row[i].rc && (got.state != row[i].want.state || got.parent != row[i].want.parent || got.group != row[i].want.group || got.major_faults != row[i].want.major_faults ||
		                   got.cpu != row[i].want.cpu || got.children_cpu != row[i].want.children_cpu || got.start != row[i].want.start || got.rss_pages != row[i].want.rss_pages))
			fail_msg("row %zu", i);
		free(exact);
	}
}

/* ---- a recorded /proc ---- */

static void put(const char *name, const char *text)
{
	char path[256], dir[256];
	struct assay_err e = ASSAY_ERR_INIT;
	snprintf(path, sizeof path, "%s/proc/%s", root, name);
	snprintf(dir, sizeof dir, "%s", path);
	*strrchr(dir, '/') = 0;
	if (assay_fs_mkdir_p(dir, &e) || assay_fs_write_atomic(path, text, strlen(text), &e))
		fail_msg("%s", e.msg);
}

static void gone(const char *name)
{
	char command[256];
	snprintf(command, sizeof command, "rm -r '%s/proc/%s'", root, name);
	assert_int_equal(system(command), 0);
}

struct proc { const char *path; int parent, group, faults, cpu, children, start, rss; };

static void put_stat(struct proc p)
{
	char text[256], name[64];
	snprintf(text, sizeof text, "1 (a (b) S %d %d 1 0 -1 0 9 9 %d 0 %d 0 %d 0 20 0 1 0 %d 1 %d 1\n", p.parent, p.group, p.faults, p.cpu, p.children, p.start, p.rss);
	snprintf(name, sizeof name, "%s/stat", p.path);
	put(name, text);
}

static void check(struct assay_group *g, int n, int64_t ticks, int64_t pages)
{
	struct assay_group_use use;
	assay_group_read(g, &use);
	int64_t tick_ns = ASSAY_NS_PER_S / sysconf(_SC_CLK_TCK);
	if (use.n != n || use.cpu_ns != (n ? ticks * tick_ns : -1) || use.rss_bytes != (n ? pages * sysconf(_SC_PAGESIZE) : -1))
		fail_msg("%d processes, %lld ticks, %lld bytes", use.n, (long long)(use.cpu_ns / tick_ns), (long long)use.rss_bytes);
}

static void recorded(void **state)
{
	struct assay_processes which = { .group = 50, .pid = { 80 }, .n_pids = 1 };
	(void)state;
	put("sys/kernel/pid_max", "4096\n");
	put("self/stat", "not a process\n");
	put_stat((struct proc){ "50", 9, 50, 0, 100, 0, 1, 1000 });
	put_stat((struct proc){ "51", 50, 50, 0, 10, 0, 2, 100 });
	put_stat((struct proc){ "70", 1, 70, 0, 7777, 0, 3, 7777 });  /* another's */
	put_stat((struct proc){ "80", 1, 80, 0, 1000, 0, 4, 1 });     /* named */
	put("90/stat", "90 (damaged) S 1");
	struct assay_group *g = assay_group_open(root, &which);
	check(g, 3, 1110, 1101);
	put_stat((struct proc){ "51", 1, 51, 0, 20, 0, 2, 100 });     /* left the group, and its parent */
	put_stat((struct proc){ "60", 51, 60, 0, 5, 0, 5, 10 });      /* a child of it in a group of its own */
	check(g, 4, 1125, 1111);
	gone("60");                                                   /* ended: its time is its parent's, less a tick */
	put_stat((struct proc){ "51", 1, 51, 0, 21, 4, 2, 100 });
	check(g, 3, 1125, 1101);
	gone("51");                                                   /* ended, and nobody waited for it: its time is lost, what comes after is not */
	check(g, 2, 1125, 1001);
	put_stat((struct proc){ "50", 9, 50, 0, 130, 0, 1, 1000 });
	put_stat((struct proc){ "51", 1, 51, 0, 9999, 0, 6, 9999 });  /* the pid again, another process */
	check(g, 2, 1155, 1001);
	put_stat((struct proc){ "70", 1, 50, 0, 8, 0, 7, 3 });        /* a pid of others that is now in the group is seen in a while */
	for (int i = 0; i < 64; i++) {
		struct assay_group_use use;
		assay_group_read(g, &use);
	}
	check(g, 3, 1163, 1004);
	gone("50");
	gone("70");
	gone("80");
	check(g, 0, -1, -1);
	assay_group_close(g);
	assay_group_close(NULL);
}

static void memory_of_all(void **state)
{
	struct assay_processes which = { .group = 50 };
	struct assay_rec_memory m;
	(void)state;
	put_stat((struct proc){ "50", 9, 50, 0, 100, 0, 1, 1000 });
	put_stat((struct proc){ "52", 50, 50, 0, 100, 0, 1, 500 });
	struct assay_group *g = assay_group_open(root, &which);
	put("50/smaps_rollup", "00400000-7fff r--p 0 00:00 0 [rollup]\nRss:    4000 kB\nPss:    3000 kB\n");
	assay_group_memory(g, &m);
	assert_int_equal(m.rss_bytes, 1500 * sysconf(_SC_PAGESIZE)); /* one is not readable: no sum of it */
	assert_int_equal(m.pss_bytes, -1);
	put("52/smaps_rollup", "00400000-7fff r--p 0 00:00 0 [rollup]\nRss:    2000 kB\nPss:    500 kB\n");
	assay_group_memory(g, &m);
	assert_int_equal(m.rss_bytes, 6000 << 10);
	assert_int_equal(m.pss_bytes, 3500 << 10);
	assert_true(m.hwm_bytes == -1 && m.t_ns > 0);
	gone("50");
	gone("52");
	assay_group_memory(g, &m);
	assert_true(m.rss_bytes == -1 && m.pss_bytes == -1);
	assay_group_close(g);
}

/* ---- threads ---- */

static void threads(void **state)
{
	struct assay_processes which = { .group = 50 };
	struct assay_thread_cpu a[8], b[8];
	struct assay_group_use use;
	int64_t most_ns, tick_ns = ASSAY_NS_PER_S / sysconf(_SC_CLK_TCK);
	(void)state;
	put_stat((struct proc){ "50", 9, 50, 0, 1, 0, 1, 1 });
	put_stat((struct proc){ "50/task/50", 9, 50, 0, 500, 0, 1, 1 });
	put_stat((struct proc){ "50/task/55", 9, 50, 0, 10, 0, 2, 1 });
	put_stat((struct proc){ "50/task/56", 9, 50, 0, 10, 0, 3, 1 });
	struct assay_group *g = assay_group_open(root, &which);
	assay_group_read(g, &use);
	int n_a = assay_group_threads(g, a, 8);
	assert_int_equal(n_a, 3);
	put_stat((struct proc){ "50/task/50", 9, 50, 0, 510, 0, 1, 1 });   /* 10: a tenth */
	put_stat((struct proc){ "50/task/55", 9, 50, 0, 110, 0, 2, 1 });   /* 100 */
	put_stat((struct proc){ "50/task/56", 9, 50, 0, 60, 0, 9, 1 });    /* the tid again, another thread: 60 */
	put_stat((struct proc){ "50/task/57", 9, 50, 0, 50, 0, 9, 1 });    /* new: 50 */
	int n_b = assay_group_threads(g, b, 8);
	assert_int_equal(n_b, 4);
	assert_int_equal(assay_threads_busy(a, n_a, b, n_b, 0.5, &most_ns), 3);
	assert_int_equal(most_ns, 100 * tick_ns);
	assert_int_equal(assay_threads_busy(a, n_a, b, n_b, 0.1, &most_ns), 4);
	assert_int_equal(assay_threads_busy(b, n_b, b, n_b, 0.5, &most_ns), 0);
	assert_int_equal(most_ns, 0);
	assert_int_equal(assay_group_threads(g, b, 2), 2);
	assay_group_close(g);
	gone("50");
}

/* ---- real processes ---- */

static void burn(int64_t cpu_ns)
{
	while (assay_process_cpu_ns() < cpu_ns)
		;
}

/* A leader, and a child of it that leaves for a session of its own after it was seen. */
static void child(int told, int asked)
{
	char go;
	setpgid(0, 0);
	pid_t pid = fork();
	if (!pid) {
		if (write(told, "1", 1) != 1 || read(asked, &go, 1) != 1)
			_exit(1);
		setsid();
		burn(60 * ASSAY_NS_PER_MS);
		if (write(told, "2", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	for (;;)
		pause();
}

static void real(void **state)
{
	int told[2], asked[2];
	char c;
	struct assay_group_use a, b;
	struct assay_thread_cpu t[8];
	(void)state;
	assert_int_equal(pipe(told) | pipe(asked), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(told[1], asked[0]);
	setpgid(pid, pid);
	struct assay_group *g = assay_group_open("", &(struct assay_processes){ .group = pid });
	assert_int_equal(read(told[0], &c, 1), 1);
	assay_group_read(g, &a);
	assert_int_equal(a.n, 2);
	assert_true(a.rss_bytes > 0 && a.cpu_ns >= 0);
	assert_int_equal(write(asked[1], "1", 1), 1);
	assert_int_equal(read(told[0], &c, 1), 1);
	assay_group_read(g, &b);
	assert_int_equal(b.n, 2);
	assert_true(b.cpu_ns - a.cpu_ns >= 50 * ASSAY_NS_PER_MS);
	assert_int_equal(assay_group_threads(g, t, 8), 2);
	for (int i = 0; i < 2; i++)
		kill(t[i].pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assay_group_close(g);
	g = assay_group_open("", &(struct assay_processes){ .group = pid });
	assay_group_read(g, &a);
	assert_int_equal(a.n, 0);
	assert_int_equal(a.cpu_ns, -1);
	assay_group_close(g);
	for (int i = 0; i < 2; i++) {
		close(told[i]);
		close(asked[i]);
	}
}

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/assay-group-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -r '%s'", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parse), cmocka_unit_test(recorded), cmocka_unit_test(memory_of_all), cmocka_unit_test(threads), cmocka_unit_test(real) };
	return cmocka_run_group_tests_name("process_group", tests, set_up, tear_down);
}
