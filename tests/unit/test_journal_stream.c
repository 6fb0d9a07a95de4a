/* Records of a stream read back: windows kept and counted, histograms added up, hostile ones refused, segments that must follow each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "core/journal.h"
#include "core/journal_format.h"

struct book { struct assay_buf b; };

static void put(struct book *k, uint16_t type, const void *payload, uint32_t n)
{
	unsigned char head[JOURNAL_FRAME];
	journal_frame_put(head, type, payload, n);
	assay_buf_append(&k->b, head, sizeof head);
	assay_buf_append(&k->b, payload, n);
}

static void put_text(struct book *k, uint16_t type, const char *json)
{
	put(k, type, json, (uint32_t)strlen(json));
}

static void start(struct book *k)
{
	unsigned char bytes[JOURNAL_START];
	assay_buf_init(&k->b, 1 << 20);
	journal_start_put(bytes);
	assay_buf_append(&k->b, bytes, sizeof bytes);
}

static void begin(struct book *k)
{
	start(k);
	put_text(k, ASSAY_REC_HEADER, "{\"experiment\": \"soak\"}");
	put_text(k, ASSAY_REC_POINT, "{\"index\": 0, \"experiment\": \"soak\", \"case\": {\"load\": \"50%\"}, \"stream\": true}");
}

static void put_dist(struct book *k, uint32_t window, uint32_t metric)
{
	struct assay_rec_dist d = { .window = window, .metric = metric, .n = 2, .exact = 1, .p50 = 1000 + window };
	put(k, ASSAY_REC_DIST, &d, sizeof d);
}

static void put_buckets(struct book *k, uint32_t window, uint32_t metric, uint32_t n, uint32_t bucket)
{
	struct assay_rec_buckets b = { .window = window, .metric = metric, .n = n };
	b.b[0].bucket = bucket;
	b.b[0].count = 2;
	put(k, ASSAY_REC_BUCKETS, &b, sizeof b);
}

static void put_window(struct book *k, uint32_t index, uint32_t point, int64_t t0, int64_t t1)
{
	struct assay_rec_window w = { .index = index, .point = point, .t0_ns = t0, .t1_ns = t1, .offered = 2 };
	put(k, ASSAY_REC_WINDOW, &w, sizeof w);
}

static void put_served(struct book *k, int n)
{
	struct assay_rec_request q = { .id = 1 };
	while (n-- > 0)
		put(k, ASSAY_REC_SERVED, &q, sizeof q);
}

static void read_back(struct book *k, struct assay_run *run)
{
	struct assay_err e = ASSAY_ERR_INIT;
	if (assay_journal_parse(k->b.data, k->b.len_bytes, run, &e))
		fail_msg("%s", e.msg);
	assay_buf_release(&k->b);
}

static void windows_are_kept_and_added_up(void **state)
{
	(void)state;
	struct book k;
	struct assay_run run;
	begin(&k);
	for (uint32_t i = 0; i < 3; i++) {
		put_served(&k, 2);
		put_dist(&k, i, ASSAY_STREAM_TTFT);
		put_buckets(&k, i, ASSAY_STREAM_TTFT, 1, 500 + (i == 2));
		put_window(&k, i, 0, i * 10, i * 10 + 10);
	}
	put_served(&k, 3);
	put_dist(&k, 3, ASSAY_STREAM_TTFT); /* its window never comes: a kill */
	put_buckets(&k, 3, ASSAY_STREAM_TTFT, 1, 500);
	put_text(&k, ASSAY_REC_RESUME, "{\"elapsed_s\": 30}");
	put_served(&k, 1);
	put_dist(&k, 3, ASSAY_STREAM_E2EL);
	put_window(&k, 3, 0, 100, 110);
	put_text(&k, ASSAY_REC_FOOTER, "{\"records_lost\": 1}");
	put_text(&k, ASSAY_REC_RESUME, "{\"elapsed_s\": 40}");
	put_text(&k, ASSAY_REC_FOOTER, "{\"records_lost\": 2}");
	read_back(&k, &run);
	assert_false(run.torn);
	assert_int_equal(run.n_windows, 4);
	assert_int_equal(run.served, 10);
	assert_int_equal(run.served_loose, 0);
	assert_int_equal(run.n_requests, 0);
	assert_int_equal(run.histograms[0].counts[ASSAY_STREAM_TTFT][500], 4); /* not the one that was cut off */
	assert_int_equal(run.histograms[0].counts[ASSAY_STREAM_TTFT][501], 2);
	assert_null(run.histograms[0].counts[ASSAY_STREAM_ITL]);
	assert_true(run.windows[1].d[ASSAY_STREAM_TTFT].p50 == 1001);
	assert_int_equal(run.windows[3].d[ASSAY_STREAM_TTFT].n, 0);
	assert_int_equal(run.windows[3].d[ASSAY_STREAM_E2EL].n, 2);
	assert_int_equal(json_array_size(run.parts), 2);
	assert_int_equal(assay_json_get_int(json_array_get(run.parts, 0), "loose_requests", -1), 3);
	assert_true(json_is_null(json_object_get(json_array_get(run.parts, 0), "stopped")));
	assert_int_equal(assay_json_get_int(json_object_get(json_array_get(run.parts, 1), "stopped"), "records_lost", -1), 1);
	assert_int_equal(assay_json_get_int(run.footer, "records_lost", -1), 3); /* of all parts */
	assay_run_release(&run);
}

static void hostile_records_end_the_reading(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++) {
		struct book k;
		struct assay_run run;
		begin(&k);
		put_window(&k, 5, 0, 10, 20);
		switch (i) {
		case 0: put_window(&k, 5, 0, 20, 30); break;                       /* twice */
		case 1: put_window(&k, 6, ASSAY_STREAM_POINTS, 20, 30); break;      /* no such point */
		case 2: put_window(&k, 6, 0, 30, 20); break;                        /* ends before it begins */
		case 3: put_dist(&k, 6, ASSAY_STREAM_METRICS); break;
		case 4: put_buckets(&k, 6, 0, ASSAY_BUCKETS_EACH + 1, 1); break;
		case 5: put_buckets(&k, 6, 0, 1, ASSAY_LOG_BUCKETS); break;
		case 6: put_buckets(&k, 6, ASSAY_STREAM_METRICS, 1, 1); break;
		case 7: put_text(&k, ASSAY_REC_SEGMENT, "{\"index\": 1, \"before_bytes\": 0}"); break; /* in the first file */
		case 8: put_window(&k, 6, 0, -5, 20); break;                        /* an impossible time */
		}
		read_back(&k, &run);
		if (!run.torn || run.n_windows != 1)
			fail_msg("row %d: %zu windows, torn %d", i, run.n_windows, run.torn);
		assay_run_release(&run);
	}
}

static char *folder(void)
{
	char *dir = strdup("/tmp/assay-segments-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return dir;
}

static void write_segment(const char *dir, uint32_t i, struct book *k)
{
	char name[32];
	struct assay_err e = ASSAY_ERR_INIT;
	journal_segment_name(i, name);
	char *path = xasprintf("%s/%s", dir, name);
	assert_int_equal(assay_fs_write_atomic(path, k->b.data, k->b.len_bytes, &e), 0);
	free(path);
	assay_buf_release(&k->b);
}

/* Three files; row 0 is right, each other has one thing wrong. */
static void segments_must_follow(void **state)
{
	static const struct { int index2, before_off, missing; bool headless; const char *says; size_t windows; } rows[] = {
		{ 2, 0, 0, false, NULL, 3 }, { 1, 0, 0, false, "another segment than its name says", 2 }, { 2, 7, 0, false, "have another size than it says", 2 },
		{ 2, 0, 1, false, "journal-001.bin is missing", 1 }, { 2, 0, 0, true, "does not say which it is", 2 }, { 2, 0, 2, false, "no footer", 2 },
	};
	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		char *dir = folder(), text[100];
		struct assay_run run;
		struct assay_err e = ASSAY_ERR_INIT;
		size_t before = 0;
		for (uint32_t i = 0; i < 3; i++) {
			struct book k;
			if (i)
				start(&k);
			else
				begin(&k);
			snprintf(text, sizeof text, "{\"index\": %d, \"before_bytes\": %zu}", i == 2 ? rows[r].index2 : 1, before + (i == 2 ? (size_t)rows[r].before_off : 0));
			if (i && !(rows[r].headless && i == 2))
				put_text(&k, ASSAY_REC_SEGMENT, text);
			put_window(&k, i, 0, i * 10, i * 10 + 10);
			if (i == 2)
				put_text(&k, ASSAY_REC_FOOTER, "{}");
			before += k.b.len_bytes;
			write_segment(dir, i, &k);
		}
		char name[32];
		journal_segment_name((uint32_t)rows[r].missing, name);
		char *path = xasprintf("%s/%s", dir, name), *clear = xasprintf("rm -r %s", dir);
		if (rows[r].missing)
			unlink(path);
		assert_int_equal(assay_journal_read(dir, &run, &e), 0);
		if (run.torn != (rows[r].says != NULL) || (rows[r].says && !strstr(run.torn_reason, rows[r].says)) || run.n_windows != rows[r].windows)
			fail_msg("row %zu: %zu windows: %s", r, run.n_windows, run.torn_reason);
		assay_run_release(&run);
		assert_int_equal(system(clear), 0);
		free(clear);
		free(path);
		free(dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_are_kept_and_added_up), cmocka_unit_test(hostile_records_end_the_reading), cmocka_unit_test(segments_must_follow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
