/* kill -9 at random instants: everything older than a second is in the journal, without holes, and `report` rebuilds a
 * result from it. The truth is the clock: both engines give a token every few milliseconds, and the stamps in the
 * journal are of the same monotonic clock as the instant of the kill. KILL_SEED=N repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/run.h"
#include "e2e.h"
#include "report/report.h"

#define OUTPUT_TOKENS 20

struct subject { const char *name; int kills; char *argv[24]; };

/* Starts the program in the scratch folder, its output in a file. */
static pid_t spawn(char *const *argv)
{
	const char *b = getenv("B");
	char *full = realpath(b ? b : "build", NULL), *program = xasprintf("%s/assay", full ? full : "build");
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		if (chdir(e2e_dir()) || dup2(null, 0) < 0 || dup2(open("run.log", O_WRONLY | O_CREAT | O_TRUNC, 0666), 1) < 0 || dup2(1, 2) < 0)
			_exit(126);
		execv(program, argv);
		_exit(127);
	}
	free(program);
	free(full);
	return pid;
}

/* The newest stamp that the journal holds; *complete = requests with all their tokens. Fails on a hole: only the last
 * request may lack tokens. */
static int64_t newest_stamp(const struct assay_run *run, int *complete)
{
	int64_t newest = 0;
	*complete = 0;
	for (size_t i = 0; i < run->n_requests; i++) {
		const struct assay_run_request *q = &run->requests[i];
		int64_t first = q->n_tokens ? q->tokens[0].t_read : 0;
		if (q->n_tokens == OUTPUT_TOKENS && q->r.t_end >= 0)
			++*complete;
		else if (i + 1 != run->n_requests)
			fail_msg("request %zu of %zu has %zu of %d tokens: a hole", i, run->n_requests, q->n_tokens, OUTPUT_TOKENS);
		for (size_t k = 0; k < q->n_tokens; k++) {
			assert_true(q->tokens[k].t_read >= first);
			if (q->tokens[k].t_read > newest)
				newest = q->tokens[k].t_read;
		}
	}
	return newest;
}

/* What the journal holds of a run that lived from t0 to t_kill; -1 where nothing was recorded. */
static int check_journal(const char *dir, int64_t t0, int64_t t_kill)
{
	struct assay_run run;
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/%s", e2e_dir(), dir);
	int complete = -1, rc = assay_journal_read(path, &run, &e);
	free(path);
	double alive = (double)(t_kill - t0) * 1e-9;
	if (rc) {
		if (alive > 3) /* the header is written before the engine opens; a loaded machine may start late */
			fail_msg("alive %.3f s and no journal: %s", alive, e.msg);
		return -1;
	}
	int64_t newest = newest_stamp(&run, &complete);
	assert_null(run.footer);
	if (!newest && alive > 8)
		fail_msg("alive %.3f s and no token recorded", alive);
	if (newest && t_kill - newest > ASSAY_NS_PER_S)
		fail_msg("alive %.3f s: the newest record is %.3f s older than the kill", alive, (double)(t_kill - newest) * 1e-9);
	printf("# alive %.3f s: %d complete requests, newest record %.3f s before the kill\n", alive, complete,
	       newest ? (double)(t_kill - newest) * 1e-9 : -1.0);
	assay_run_release(&run);
	return complete;
}

static void check_rebuilt(const char *dir, int complete)
{
	struct e2e r;
	e2e_run(&r, "$A report %s", dir);
	if (complete < 0) { /* killed before its first record, or before its folder */
		if (r.status != 3 && r.status != 2)
			fail_msg("status %d\n%s", r.status, r.err);
		e2e_release(&r);
		return;
	}
	if (r.status)
		fail_msg("status %d\n%s\n%s", r.status, r.out, r.err);
	assert_non_null(strstr(r.err, "recovered from"));
	char *name = xasprintf("%s/result.json", dir);
	json_t *v = e2e_json(name), *got = e2e_at(v, "points.0.requests.succeeded");
	assert_true(json_is_true(e2e_at(v, "interrupted")));
	if (got)
		assert_int_equal(json_integer_value(got), complete);
	else
		assert_int_equal(complete, 0);
	json_decref(v);
	free(name);
	e2e_release(&r);
	/* once rebuilt it is a result like any other */
	e2e_run(&r, "cp %s/result.json was && $A report %s >/dev/null && cmp was %s/result.json", dir, dir, dir);
	assert_int_equal(r.status, 0);
	e2e_release(&r);
}

static void kill_and_rebuild(struct subject *s, int i, double alive)
{
	int status = 0, n = 0;
	char *dir = xasprintf("%s%d", s->name, i);
	while (s->argv[n])
		n++;
	s->argv[n] = "-o";
	s->argv[n + 1] = dir;
	int64_t t0 = assay_now_ns();
	pid_t pid = spawn(s->argv);
	assay_sleep_until_ns(t0 + (int64_t)(alive * 1e9));
	int64_t t_kill = assay_now_ns();
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	s->argv[n] = NULL;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("%s ended by itself with status %x", s->name, (unsigned)status);
	check_rebuilt(dir, check_journal(dir, t0, t_kill));
	free(dir);
}

static void run_subject(struct subject *s)
{
	const char *fixed = getenv("KILL_SEED");
	uint64_t seed = fixed ? strtoull(fixed, NULL, 10) : (uint64_t)assay_wall_ns() % 1000000;
	printf("# %s: KILL_SEED=%llu\n", s->name, (unsigned long long)seed);
	for (int i = 0; i < s->kills; i++)
		kill_and_rebuild(s, i, i == 0 ? 0.02 : i == 1 ? 0.15 : 0.3 + 3.2 * assay_rng_unit(seed, (uint64_t)i));
}

static void test_kill_sim(void **state)
{
	static struct subject s = { "sim", 9, { "assay", "latency", "-e", "sim:slow.yaml", "--prompt-tokens", "8", "--output-tokens", "20", "--runs", "1000", "--warmup", "0" } };
	(void)state;
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 5, per_token_us: 0}\ndecode: {fixed_ms: 5}\n");
	run_subject(&s);
}

static void test_kill_cpu(void **state)
{
	static struct subject s = { "cpu", 6, { "assay", "latency", "-m", NULL } };
	static char *const rest[] = { "--prompt-tokens", "8", "--output-tokens", "20", "--runs", "10000", "--warmup", "0" };
	(void)state;
	char *model = realpath("tests/golden/gpt2", NULL);
	if (!model)
		skip();
	s.argv[3] = model;
	memcpy(s.argv + 4, rest, sizeof rest);
	run_subject(&s);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kill_sim), cmocka_unit_test(test_kill_cpu) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
