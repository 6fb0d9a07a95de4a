/* The journal: what is put comes back sorted; damage at any byte is noticed and what is before it is kept;
 * a full ring, a full disk, a directory in use and a killed process are said, not suffered. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/report.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/assay-journal-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	char *cmd = xasprintf("rm -rf '%s'", dir);
	int rc = system(cmd);
	(void)state;
	free(cmd);
	return rc;
}

static struct assay_journal *begin(size_t capacity, bool virtual_clock)
{
	struct assay_journal *j = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_journal_open(dir, capacity, ASSAY_JOURNAL_ONE, &j, &e), 0);
	struct assay_sink *s = assay_journal_sink(j);
	s->put_json(s, ASSAY_REC_HEADER, json_pack("{s:s, s:b}", "experiment", "latency", "virtual_clock", virtual_clock));
	return j;
}

static void put(struct assay_journal *j, struct assay_record r)
{
	struct assay_sink *s = assay_journal_sink(j);
	s->put(s, r.type == ASSAY_REC_SAMPLE ? ASSAY_LANE_TELEMETRY : ASSAY_LANE_DRIVE, &r);
}

static void put_point(struct assay_journal *j, int index)
{
	struct assay_sink *s = assay_journal_sink(j);
	s->put_json(s, ASSAY_REC_POINT, json_pack("{s:i, s:s, s:{}}", "index", index, "experiment", "latency", "case"));
}

static void put_visit(struct assay_journal *j, uint32_t type, uint32_t point, int repeat, uint32_t order, int64_t t0, int64_t t1)
{
	put(j, (struct assay_record){ .type = type, .u.visit = { .point = point, .repeat = repeat, .order = order, .t0_ns = t0, .t1_ns = t1 } });
}

static void put_submit(struct assay_journal *j, uint32_t id, uint32_t point, int repeat)
{
	put(j, (struct assay_record){ .type = ASSAY_REC_SUBMIT, .u.submit = { .id = id, .point = point, .repeat = repeat, .prompt_tokens = 8, .max_tokens = 2, .t_sent = 100 * id } });
}

static void put_token(struct assay_journal *j, uint32_t id, int64_t t)
{
	put(j, (struct assay_record){ .type = ASSAY_REC_TOKEN, .u.token = { .id = id, .n_tokens = 1, .token = 7, .t_engine = t, .t_read = t } });
}

static void put_end(struct assay_journal *j, uint32_t id, uint32_t point, int repeat)
{
	put(j, (struct assay_record){ .type = ASSAY_REC_REQUEST, .u.request = { .id = id, .point = point, .repeat = repeat, .end_state = ASSAY_END_LENGTH, .output_tokens = 2, .t_end = 100 * id + 50 } });
}

static void put_step(struct assay_journal *j, int64_t t0)
{
	put(j, (struct assay_record){ .type = ASSAY_REC_STEP, .u.step = { .kind = ASSAY_STEP_DECODE, .seqs = 1, .t0_ns = t0, .t1_ns = t0 + 5 } });
}

/* Two points, visited alternately as a session does; request 3 of point 1 never ends. */
static void put_small_run(struct assay_journal *j)
{
	struct assay_sink *s = assay_journal_sink(j);
	put_point(j, 0);
	put_point(j, 1);
	put_visit(j, ASSAY_REC_VISIT, 1, -1, 0, 1000, -1);
	put_visit(j, ASSAY_REC_VISIT_END, 1, -1, 0, 1000, 2000);
	put_visit(j, ASSAY_REC_VISIT, 0, 0, 1, 2000, -1);
	put_submit(j, 2, 0, 0);
	put_submit(j, 1, 0, 0);
	put_step(j, 2000);
	put_token(j, 1, 2100);
	put_token(j, 2, 2110);
	put_token(j, 1, 2200);
	put_end(j, 1, 0, 0);
	put_end(j, 2, 0, 0);
	put_visit(j, ASSAY_REC_VISIT_END, 0, 0, 1, 2000, 3000);
	put(j, (struct assay_record){ .type = ASSAY_REC_MEMORY, .u.memory = { .label = ASSAY_MEM_AFTER_RUN, .rss_bytes = 12345 } });
	put(j, (struct assay_record){ .type = ASSAY_REC_CEILING, .u.ceiling = { .read_gb_s = 12.5 } });
	put(j, (struct assay_record){ .type = ASSAY_REC_SAMPLE, .u.sample = { .t_ns = 2500, .rss_bytes = 777 } });
	put_visit(j, ASSAY_REC_VISIT, 1, 0, 2, 3000, -1);
	put_submit(j, 3, 1, 0);
	put_step(j, 3000);
	put_step(j, 3100);
	s->put_json(s, ASSAY_REC_NOTE, json_pack("{s:s}", "code", "sample_text"));
	s->put_json(s, ASSAY_REC_POINT_END, json_pack("{s:i, s:s}", "index", 0, "status", "ok"));
}

static struct assay_buf file_bytes(void)
{
	struct assay_buf b;
	char *path = xasprintf("%s/journal.bin", dir);
	assay_buf_init(&b, 1 << 30);
	assert_int_equal(assay_fs_read(path, &b, ASSAY_E_DATA, NULL), 0);
	free(path);
	return b;
}

static struct assay_buf small_journal(void)
{
	struct assay_journal *j = begin(0, false);
	put_small_run(j);
	assert_int_equal(assay_journal_close(j, json_pack("{s:b}", "interrupted", 0), NULL), 0);
	return file_bytes();
}

static void comes_back_sorted(void **state)
{
	struct assay_run r;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf b = small_journal();
	(void)state;
	assay_buf_release(&b);
	assert_int_equal(assay_journal_read(dir, &r, &e), 0);
	assert_false(r.torn);
	assert_string_equal(assay_json_get_str(r.header, "experiment", ""), "latency");
	assert_int_equal(assay_json_get_int(r.footer, "records_lost", -1), 0);
	assert_true(assay_json_get_num(r.footer, "journal_lag_ms", -1) > 0);
	assert_true(assay_json_get_int(r.footer, "journal_bytes", -1) > 1000);
	assert_true(assay_json_get_int(r.footer, "cpu_ns", -1) > 0);
	assert_int_equal(json_array_size(r.notes), 1);
	assert_int_equal(r.n_points, 2);
	assert_non_null(r.points[0].end);
	assert_null(r.points[1].end);
	assert_int_equal(r.points[0].n_visits, 1);
	assert_int_equal(r.points[1].first_visit, 1);
	assert_int_equal(r.points[1].n_visits, 2);
	assert_int_equal(r.visits[1].v.repeat, -1);
	assert_int_equal(r.visits[1].v.t1_ns, 2000);
	assert_int_equal(r.visits[2].v.t1_ns, -1);
	/* requests: in submit order; tokens with their request; the one without an end is unfinished */
	assert_int_equal(r.n_requests, 3);
	assert_int_equal(r.requests[0].r.id, 2);
	assert_int_equal(r.requests[0].n_tokens, 1);
	assert_int_equal(r.requests[1].r.id, 1);
	assert_int_equal(r.requests[1].n_tokens, 2);
	assert_int_equal(r.requests[1].tokens[0].t_read, 2100);
	assert_int_equal(r.requests[1].tokens[1].t_read, 2200);
	assert_int_equal(r.requests[1].r.t_end, 150);
	assert_int_equal(r.requests[2].r.end_state, ASSAY_END_UNFINISHED);
	assert_int_equal(r.requests[2].r.t_end, -1);
	assert_int_equal(r.requests[2].r.t_sent, 300);
	assert_int_equal(r.visits[0].n_requests, 2);
	assert_int_equal(r.visits[1].n_requests, 0);
	assert_int_equal(r.visits[2].first_request, 2);
	/* steps by time; one that starts as a visit ends and the next begins is the next's */
	assert_int_equal(r.visits[1].n_steps, 0);
	assert_int_equal(r.visits[0].n_steps, 1);
	assert_int_equal(r.visits[2].first_step, 1);
	assert_int_equal(r.visits[2].n_steps, 2);
	assert_int_equal(r.visits[0].n_samples, 1);
	assert_int_equal(r.samples[0].rss_bytes, 777);
	assert_int_equal(r.memory[0].rss_bytes, 12345);
	assert_true(r.ceilings[0].read_gb_s == 12.5);
	assay_run_release(&r);
}

static void cut_anywhere_keeps_what_is_before(void **state)
{
	struct assay_buf b = small_journal();
	size_t last = 0, readable = 0;
	(void)state;
	for (size_t n = 0; n <= b.len_bytes; n++) {
		struct assay_run r;
		struct assay_err e = ASSAY_ERR_INIT;
		char *copy = xalloc(n); /* exact size, so that a sanitizer sees a read past the end */
		memcpy(copy, b.data, n);
		int rc = assay_journal_parse(copy, n, &r, &e);
		free(copy);
		if (rc) {
			assert_int_equal(rc, ASSAY_E_DATA);
			assert_non_null(strstr(e.msg, "nothing recorded"));
			assert_int_equal(readable, 0);
			continue;
		}
		readable++;
		assert_true(r.torn == (n < b.len_bytes));
		assert_true(r.bytes_read <= n);
		assert_int_equal(r.bytes_total, n);
		size_t records = r.n_points + r.n_visits + r.n_requests + r.n_tokens + r.n_steps + r.n_samples + r.n_memory + r.n_ceilings + json_array_size(r.notes);
		assert_true(records >= last);
		last = records;
		assay_run_release(&r);
	}
	assert_int_equal(last, 2 + 3 + 3 + 3 + 3 + 1 + 1 + 1 + 1);
	assert_true(readable > 1000);
	assay_buf_release(&b);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct assay_buf b = small_journal();
	(void)state;
	for (size_t bit = 0; bit < b.len_bytes * 8; bit++) {
		struct assay_run r;
		b.data[bit / 8] ^= (char)(1 << bit % 8);
		if (assay_journal_parse(b.data, b.len_bytes, &r, NULL) == 0) {
			assert_true(r.torn);
			assert_true(r.bytes_read <= bit / 8);
			assay_run_release(&r);
		}
		b.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assay_buf_release(&b);
}

static void record_sizes_fill_words(void **state)
{
	(void)state;
	for (uint32_t t = ASSAY_REC_VISIT; t <= ASSAY_REC_SUBMIT; t++) {
		assert_true(assay_rec_size(t) > 0);
		assert_int_equal(assay_rec_size(t) % 8, 0);
	}
}

static void *read_fifo(void *arg)
{
	struct assay_buf *b = arg;
	char *path = xasprintf("%s/journal.bin", dir);
	int fd = open(path, O_RDONLY);
	char chunk[65536];
	for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0;)
		assay_buf_append(b, chunk, (size_t)n);
	close(fd);
	free(path);
	return NULL;
}

/* The file is a pipe that nobody reads: the writer stands still and the ring fills up. */
static void full_ring_counts_what_it_lost(void **state)
{
	enum { N = 300000 };
	char *path = xasprintf("%s/journal.bin", dir);
	struct assay_buf b;
	struct assay_run r;
	pthread_t t;
	(void)state;
	assay_buf_init(&b, 1 << 30);
	assert_int_equal(mkfifo(path, 0600), 0);
	struct assay_journal *j = begin(0, false);
	put_point(j, 0);
	put_visit(j, ASSAY_REC_VISIT, 0, 0, 0, 0, -1);
	put_submit(j, 1, 0, 0);
	for (int i = 0; i < N; i++)
		put_token(j, 1, i);
	assert_int_equal(pthread_create(&t, NULL, read_fifo, &b), 0);
	assert_int_equal(assay_journal_close(j, NULL, NULL), 0);
	pthread_join(t, NULL);
	assert_int_equal(assay_journal_parse(b.data, b.len_bytes, &r, NULL), 0);
	int64_t lost = assay_json_get_int(r.footer, "records_lost", -1);
	assert_true(lost > 0);
	assert_int_equal(r.n_tokens + (size_t)lost, N);
	for (size_t i = 0; i < r.n_tokens; i++) /* none torn, none twice, the first ones kept */
		assert_true(i == 0 || r.tokens[i].t_read > r.tokens[i - 1].t_read);
	assay_run_release(&r);
	assay_buf_release(&b);
	free(path);
}

static void virtual_clock_waits_instead_of_losing(void **state)
{
	enum { N = 3000000 };
	struct assay_run r;
	(void)state;
	struct assay_journal *j = begin(0, true);
	put_point(j, 0);
	put_visit(j, ASSAY_REC_VISIT, 0, 0, 0, 0, -1);
	put_submit(j, 1, 0, 0);
	for (int i = 0; i < N; i++)
		put_token(j, 1, i);
	assert_int_equal(assay_journal_close(j, NULL, NULL), 0);
	assert_int_equal(assay_journal_read(dir, &r, NULL), 0);
	assert_int_equal(assay_json_get_int(r.footer, "records_lost", -1), 0);
	assert_int_equal(r.n_tokens, N);
	assay_run_release(&r);
}

static void full_disk_is_remembered_and_what_was_written_stays(void **state)
{
	struct rlimit old, small = { 100000, 100000 };
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_run r;
	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	struct assay_journal *j = begin(0, false);
	struct assay_sink *s = assay_journal_sink(j);
	put_point(j, 0);
	put_visit(j, ASSAY_REC_VISIT, 0, 0, 0, 0, -1);
	put_submit(j, 1, 0, 0);
	assert_false(assay_journal_failed(j, &e));
	setrlimit(RLIMIT_FSIZE, &small);
	for (int i = 0; i < 10000; i++)
		put_token(j, 1, i);
	s->flush(s);
	for (int i = 0; i < 500 && !assay_journal_failed(j, &e); i++)
		usleep(10000);
	assert_true(assay_journal_failed(j, &e));
	assert_non_null(strstr(e.msg, "journal.bin: cannot write"));
	put_token(j, 1, 10000); /* harmless afterwards */
	assert_int_equal(assay_journal_close(j, json_pack("{s:b}", "interrupted", 1), &e), ASSAY_E_IO); /* the footer still fits */
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(assay_journal_read(dir, &r, NULL), 0);
	assert_false(r.torn);
	assert_true(r.n_tokens > 1000 && r.n_tokens < 10000);
	assert_int_equal(r.n_tokens + (size_t)assay_json_get_int(r.footer, "records_lost", -1), 10001);
	assay_run_release(&r);
}

static void directory_in_use_is_refused(void **state)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_journal *other = NULL;
	struct assay_run r;
	(void)state;
	assert_int_equal(assay_journal_read(dir, &r, &e), ASSAY_E_DATA);
	assert_non_null(strstr(e.msg, "nothing recorded"));
	struct assay_journal *j = begin(0, false);
	assert_int_equal(assay_journal_open(dir, 0, ASSAY_JOURNAL_ONE, &other, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "in use"));
	assert_int_equal(assay_journal_read(dir, &r, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "in use"));
	assert_int_equal(assay_journal_close(j, NULL, &e), 0);
	assert_int_equal(assay_journal_open(dir, 0, ASSAY_JOURNAL_ONE, &other, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "already holds"));
	assert_int_equal(assay_journal_open("/nonexistent", 0, ASSAY_JOURNAL_ONE, &other, &e), ASSAY_E_USAGE);
}

/* A process killed without warning leaves all that is older than half a second. */
static void killed_process_leaves_its_records(void **state)
{
	struct assay_run r;
	int status;
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		struct assay_journal *j = begin(0, false);
		put_point(j, 0);
		put_visit(j, ASSAY_REC_VISIT, 0, 0, 0, 0, -1);
		put_submit(j, 1, 0, 0);
		for (int i = 0; i < 150; i++) {
			put_token(j, 1, assay_now_ns());
			usleep(10000);
		}
		kill(getpid(), SIGKILL);
	}
	waitpid(child, &status, 0);
	int64_t death = assay_now_ns();
	assert_true(WIFSIGNALED(status));
	assert_int_equal(assay_journal_read(dir, &r, NULL), 0);
	assert_true(r.torn);
	assert_non_null(strstr(r.torn_reason, "no footer"));
	assert_true(r.n_tokens > 0);
	assert_true(death - r.tokens[r.n_tokens - 1].t_read < ASSAY_NS_PER_S);
	assay_run_release(&r);
}

static void frame_add(struct assay_buf *b, uint16_t type, const void *payload, uint32_t n)
{
	unsigned char head[12] = { 0 };
	memcpy(head, &n, 4);
	memcpy(head + 4, &type, 2);
	uint32_t crc = assay_crc32c(assay_crc32c(0, head, 8), payload, n);
	memcpy(head + 8, &crc, 4);
	assay_buf_append(b, head, 12);
	assay_buf_append(b, payload, n);
}

/* Records whose checksum is right and whose content is not. */
static void hostile_records_do_no_harm(void **state)
{
	static const struct { uint16_t type; const char *text; uint32_t n; const char *reason; } rows[] = {
		{ ASSAY_REC_HEADER, "{}", 2, "second header" },
		{ ASSAY_REC_POINT, "{}", 2, "no valid index" },
		{ ASSAY_REC_POINT, "{\"index\":-1}", 12, "no valid index" },
		{ ASSAY_REC_POINT, "{\"index\":999999999999}", 22, "no valid index" },
		{ ASSAY_REC_POINT, "[1]", 3, "not a JSON object" },
		{ ASSAY_REC_NOTE, "{\"a\":1,\"a\":2}", 13, "not a JSON object" },
		{ ASSAY_REC_TOKEN, "short", 5, "wrong size" },
		{ ASSAY_REC_FOOTER, "", 0, "not a JSON object" },
		{ ASSAY_REC_CEILING, "\376\377\377\377\377\377\377\377................................", 40, "impossible time" },
		{ ASSAY_REC_VISIT, "................\377\377\377\377\377\377\377\177........", 32, "impossible time" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct assay_buf b;
		struct assay_run r;
		assay_buf_init(&b, 1 << 20);
		assay_buf_append(&b, "ASSAYJ01\1\0\0\0\0\0\0\0", 16);
		frame_add(&b, ASSAY_REC_HEADER, "{}", 2);
		frame_add(&b, 99, "a later version's", 17);
		frame_add(&b, rows[i].type, rows[i].text, rows[i].n);
		assert_int_equal(assay_journal_parse(b.data, b.len_bytes, &r, NULL), 0);
		assert_true(r.torn);
		if (!strstr(r.torn_reason, rows[i].reason))
			fail_msg("row %zu: %s", i, r.torn_reason);
		assay_run_release(&r);
		assay_buf_release(&b);
	}
}

/* Samples of a journal from before the last counters were added are read, those counters as not readable. */
static void older_samples_are_read(void **state)
{
	struct assay_rec_sample x = { .t_ns = 5, .gpu_used_bytes = 7, .energy_uj = 9, .engine_cpu_ns = 11 };
	struct assay_buf b;
	struct assay_run r;
	(void)state;
	assay_buf_init(&b, 1 << 20);
	assay_buf_append(&b, "ASSAYJ01\1\0\0\0\0\0\0\0", 16);
	frame_add(&b, ASSAY_REC_HEADER, "{}", 2);
	frame_add(&b, ASSAY_REC_SAMPLE, &x, offsetof(struct assay_rec_sample, energy_uj));
	frame_add(&b, ASSAY_REC_SAMPLE, &x, offsetof(struct assay_rec_sample, engine_cpu_ns));
	frame_add(&b, ASSAY_REC_SAMPLE, &x, sizeof x);
	frame_add(&b, ASSAY_REC_FOOTER, "{}", 2);
	assert_int_equal(assay_journal_parse(b.data, b.len_bytes, &r, NULL), 0);
	assert_false(r.torn);
	assert_int_equal(r.n_samples, 3);
	assert_true(r.samples[0].gpu_used_bytes == 7 && r.samples[0].energy_uj == -1 && r.samples[0].engine_cpu_ns == -1);
	assert_true(r.samples[1].gpu_used_bytes == 7 && r.samples[1].energy_uj == 9 && r.samples[1].engine_cpu_ns == -1);
	assert_true(r.samples[2].gpu_used_bytes == 7 && r.samples[2].energy_uj == 9 && r.samples[2].engine_cpu_ns == 11);
	assay_run_release(&r);
	assay_buf_release(&b);
}

static void records_of_unknown_visits_are_counted(void **state)
{
	struct assay_run r;
	(void)state;
	struct assay_journal *j = begin(0, false);
	put_visit(j, ASSAY_REC_VISIT, 7, 0, 0, 0, -1); /* no such point */
	put_submit(j, 1, 7, 0);
	put_token(j, 9, 1);
	assay_journal_close(j, NULL, NULL);
	assert_int_equal(assay_journal_read(dir, &r, NULL), 0);
	assert_true(r.torn);
	assert_string_equal(r.torn_reason, "3 records belong to no visit that is here");
	assert_int_equal(r.n_requests + r.n_tokens + r.n_visits, 0);
	assay_run_release(&r);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)
	const struct CMUnitTest tests[] = {
		T(comes_back_sorted), T(cut_anywhere_keeps_what_is_before), T(every_flipped_bit_is_noticed), T(record_sizes_fill_words),
		T(full_ring_counts_what_it_lost), T(virtual_clock_waits_instead_of_losing), T(full_disk_is_remembered_and_what_was_written_stays),
		T(directory_in_use_is_refused), T(killed_process_leaves_its_records), T(hostile_records_do_no_harm), T(older_samples_are_read), T(records_of_unknown_visits_are_counted),
	};
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
