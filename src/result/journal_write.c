/* The journal's writing side: one ring a producer lane, one thread that empties them into the file.
 * The timed path only copies a record into a ring. The thread must not know what records mean.
 * Cold records travel in the drive lane as a pointer to their text, so that order holds. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "core/journal_format.h"
#include "result/journal_file.h"
#include "result/journal_ring.h"
#include "result/result.h"

#define DRIVE_RECORDS_MIN (size_t)65536
#define DRIVE_RECORDS_MAX (size_t)262144      /* 16 MiB, touched at open; the thread is woken at half: more would only hide a stalled disk */
#define RECORD_WORDS (size_t)6                /* a token takes 5, a step 12: about 48 bytes a record */
#define TELEMETRY_WORDS (size_t)32768
#define PERIOD_MS 200                         /* longest rest between two drains */
#define SYNC_NS ASSAY_NS_PER_S
#define BATCH_BYTES (size_t)(256 << 10)       /* written by one write() */
#define FOOTER_ROOM (size_t)8192              /* given up at the end of a full disk, so that the footer still fits */
#define SETTLE_NS (2 * ASSAY_NS_PER_S)         /* most that a visit's start waits for an eighth-full ring */
#define ROOM_WAIT_NS (10 * ASSAY_NS_PER_S)    /* a cold record waits so long for room */

struct assay_journal {
	struct assay_sink sink;                   /* first: a sink is a journal */
	struct journal_ring lanes[ASSAY_LANES];
	struct journal_file file;                 /* the thread's own once it runs */
	int wake_fd;
	pthread_t thread;
	atomic_bool stop, flush, failed;
	bool may_wait;                            /* virtual clock: a wait for room costs no measured time */
	atomic_ullong lost, drains;               /* drains: finished ones */
	/* the thread's own, read by others only after the join */
	unsigned char *batch;
	size_t batch_len;
	uint64_t batch_records;                   /* records in the batch */
	int64_t seen_ns, synced_ns, lag_ns, cpu_ns;
	bool dirty;
	int error;                                /* errno of the first failed write; published by `failed` */
};

static void wake(struct assay_journal *j)
{
	uint64_t one = 1;
	if (write(j->wake_fd, &one, sizeof one) < 0)
		return; /* the counter is full: a wake-up is pending already */
}

static bool lane_put(struct assay_journal *j, struct journal_ring *l, struct journal_entry x, const void *payload, size_t words)
{
	bool half;
	if (!journal_ring_put(l, x, payload, words, &half))
		return false;
	if (half)
		wake(j);
	return true;
}

/* The same, for whoever may wait. */
static bool lane_put_wait(struct assay_journal *j, struct journal_ring *l, struct journal_entry x, const void *payload, size_t words)
{
	bool done = lane_put(j, l, x, payload, words);
	for (int64_t give_up = assay_now_ns() + ROOM_WAIT_NS; !done && assay_now_ns() < give_up;) {
		wake(j);
		assay_sleep_until_ns(assay_now_ns() + ASSAY_NS_PER_MS);
		done = lane_put(j, l, x, payload, words);
	}
	return done;
}

static void sink_put(struct assay_sink *s, enum assay_lane which, const struct assay_record *r)
{
	struct assay_journal *j = (struct assay_journal *)s;
	struct journal_entry x = { r->type, assay_rec_size(r->type) };
	assert(x.size_bytes);
	if (lane_put(j, &j->lanes[which], x, &r->u, x.size_bytes / 8))
		return;
	if (!j->may_wait || !lane_put_wait(j, &j->lanes[which], x, &r->u, x.size_bytes / 8))
		atomic_fetch_add_explicit(&j->lost, 1, memory_order_relaxed);
}

static void sink_put_json(struct assay_sink *s, enum assay_rec_type type, json_t *steal)
{
	struct assay_journal *j = (struct assay_journal *)s;
	struct assay_buf b;
	assert(type < ASSAY_REC_VISIT);
	assay_buf_init(&b, JOURNAL_JSON_MAX);
	if (type == ASSAY_REC_HEADER)
		j->may_wait = assay_json_get_bool(steal, "virtual_clock", false);
	int bad = assay_json_print(&b, steal, 0);
	json_decref(steal);
	if (bad || !lane_put_wait(j, &j->lanes[ASSAY_LANE_DRIVE], (struct journal_entry){ type, (uint32_t)b.len_bytes }, &b.data, 1)) {
		atomic_fetch_add_explicit(&j->lost, 1, memory_order_relaxed);
		assay_buf_release(&b);
	}
}

static void sink_flush(struct assay_sink *s)
{
	struct assay_journal *j = (struct assay_journal *)s;
	atomic_store(&j->flush, true);
	wake(j);
}

static void sink_settle(struct assay_sink *s)
{
	struct assay_journal *j = (struct assay_journal *)s;
	struct journal_ring *l = &j->lanes[ASSAY_LANE_DRIVE];
	int64_t give_up = assay_now_ns() + SETTLE_NS;
	while (atomic_load_explicit(&l->head, memory_order_relaxed) - atomic_load_explicit(&l->tail, memory_order_acquire) > l->mask / 8 &&
	       assay_now_ns() < give_up) {
		wake(j);
		assay_sleep_until_ns(assay_now_ns() + ASSAY_NS_PER_MS / 4);
	}
}

/* Remembers the first failure and cuts the file back to the last frame that is kept. */
static void write_failed(struct assay_journal *j, int err)
{
	if (ftruncate(j->file.fd, (off_t)j->file.bytes) || lseek(j->file.fd, (off_t)j->file.bytes, SEEK_SET) < 0)
		err = errno;
	j->error = err;
	atomic_store_explicit(&j->failed, true, memory_order_release);
}

/* Bytes of whole frames among the first n bytes of the batch; *whole counts them. */
static size_t whole_frames(const unsigned char *p, size_t n, uint64_t *whole)
{
	size_t at = 0;
	*whole = 0;
	while (n - at >= JOURNAL_FRAME) {
		uint32_t len;
		memcpy(&len, p + at, 4);
		if (len > n - at - JOURNAL_FRAME)
			break;
		at += JOURNAL_FRAME + len;
		++*whole;
	}
	return at;
}

static void batch_write(struct assay_journal *j)
{
	size_t done = 0;
	uint64_t whole = 0;
	int err = 0;
	bool failed = atomic_load_explicit(&j->failed, memory_order_relaxed);
	while (!failed && !err && done < j->batch_len) {
		ssize_t w = write(j->file.fd, j->batch + done, j->batch_len - done);
		if (w >= 0)
			done += (size_t)w;
		else if (errno != EINTR)
			err = errno;
	}
	if (err) {
		j->file.bytes += whole_frames(j->batch, done > FOOTER_ROOM ? done - FOOTER_ROOM : 0, &whole);
		write_failed(j, err);
	} else if (!failed) {
		j->file.bytes += done;
		whole = j->batch_records;
	}
	atomic_fetch_add_explicit(&j->lost, j->batch_records - whole, memory_order_relaxed);
	j->dirty = j->dirty || whole;
	j->batch_len = 0;
	j->batch_records = 0;
	if (!failed && !err && journal_file_full(&j->file) && (err = journal_file_next(&j->file)))
		write_failed(j, err);
}

static void batch_add(struct assay_journal *j, uint32_t type, const void *payload, uint32_t n)
{
	unsigned char *big = NULL, *at;
	if (JOURNAL_FRAME + (size_t)n > BATCH_BYTES - j->batch_len)
		batch_write(j);
	if (JOURNAL_FRAME + (size_t)n > BATCH_BYTES) {
		unsigned char *batch = j->batch;
		j->batch = big = xalloc(JOURNAL_FRAME + (size_t)n);
		journal_frame_put(big, (uint16_t)type, payload, n);
		memcpy(big + JOURNAL_FRAME, payload, n);
		j->batch_len = JOURNAL_FRAME + (size_t)n;
		j->batch_records = 1;
		batch_write(j);
		j->batch = batch;
		free(big);
		return;
	}
	at = j->batch + j->batch_len;
	journal_frame_put(at, (uint16_t)type, payload, n);
	memcpy(at + JOURNAL_FRAME, payload, n);
	j->batch_len += JOURNAL_FRAME + n;
	j->batch_records++;
}

/* Takes the entry at tail to the batch; returns its words. */
static size_t entry_write(struct assay_journal *j, const struct journal_ring *l, size_t tail)
{
	struct journal_entry x;
	uint64_t payload[sizeof(struct assay_record) / 8];
	journal_ring_peek(l, tail, &x, 1);
	if (x.type < ASSAY_REC_VISIT) {
		char *text;
		_Static_assert(sizeof text == 8, "a pointer fills a word");
		journal_ring_peek(l, tail + 1, &text, 1);
		batch_add(j, x.type, text, x.size_bytes);
		free(text);
		return 2;
	}
	journal_ring_peek(l, tail + 1, payload, x.size_bytes / 8);
	batch_add(j, x.type, payload, x.size_bytes);
	return 1 + x.size_bytes / 8;
}

/* Empties the rings into the file. Whatever was put since the rings were last looked at waited no longer
 * than from then until its write returned: that is the lag, an upper bound that costs the timed path nothing. */
static void drain(struct assay_journal *j)
{
	int64_t looked_ns = assay_now_ns();
	bool any = false;
	for (int i = 0; i < ASSAY_LANES; i++) {
		struct journal_ring *l = &j->lanes[i];
		size_t tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
		size_t head = atomic_load_explicit(&l->head, memory_order_acquire);
		any = any || head != tail;
		while (tail != head) {
			tail += entry_write(j, l, tail);
			atomic_store_explicit(&l->tail, tail, memory_order_release);
		}
	}
	if (any) {
		batch_write(j);
		int64_t lag = assay_now_ns() - j->seen_ns;
		if (lag > j->lag_ns)
			j->lag_ns = lag;
	}
	j->seen_ns = looked_ns;
	atomic_fetch_add(&j->drains, 1);
}

static void sync_file(struct assay_journal *j)
{
	if (j->dirty && !atomic_load_explicit(&j->failed, memory_order_relaxed) && fdatasync(j->file.fd) && errno != EINVAL && errno != EROFS)
		write_failed(j, errno);
	j->dirty = false;
	j->synced_ns = assay_now_ns();
}

static void *writer(void *arg)
{
	struct assay_journal *j = arg;
	struct pollfd p = { .fd = j->wake_fd, .events = POLLIN };
	for (bool last = false; !last;) {
		uint64_t n;
		if (poll(&p, 1, PERIOD_MS) > 0 && read(j->wake_fd, &n, sizeof n) < 0)
			continue;
		last = atomic_load(&j->stop);
		bool flush = atomic_exchange(&j->flush, false);
		drain(j);
		if (last || flush || assay_now_ns() - j->synced_ns >= SYNC_NS)
			sync_file(j);
	}
	j->cpu_ns = assay_thread_cpu_ns();
	return NULL;
}

static int thread_start(struct assay_journal *j, struct assay_err *e)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for the main thread */
	int rc = pthread_create(&j->thread, NULL, writer, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? assay_fail(e, ASSAY_E_IO, "%s: cannot start the journal thread: %s", j->file.path, strerror(rc)) : 0;
}

static void journal_free(struct assay_journal *j)
{
	if (j->wake_fd >= 0)
		close(j->wake_fd);
	for (int i = 0; i < ASSAY_LANES; i++)
		journal_ring_release(&j->lanes[i]);
	free(j->batch);
	journal_file_close(&j->file);
	free(j);
}

int assay_journal_open(const char *dir, size_t hot_capacity, enum assay_journal_mode mode, struct assay_journal **out, struct assay_err *e)
{
	struct assay_journal *j = aligned_alloc(64, (sizeof *j + 63) / 64 * 64);
	size_t records = hot_capacity < DRIVE_RECORDS_MIN ? DRIVE_RECORDS_MIN : hot_capacity > DRIVE_RECORDS_MAX ? DRIVE_RECORDS_MAX : hot_capacity;
	if (!j)
		return assay_fail(e, ASSAY_E_INTERNAL, "out of memory for the journal");
	memset(j, 0, sizeof *j);
	j->sink = (struct assay_sink){ sink_put, sink_put_json, sink_flush, sink_settle };
	j->wake_fd = -1;
	if (journal_file_open(&j->file, dir, mode, e))
		goto fail;
	j->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->wake_fd < 0) {
		assay_fail(e, ASSAY_E_IO, "%s: cannot make an eventfd: %s", j->file.path, strerror(errno));
		goto fail;
	}
	journal_ring_init(&j->lanes[ASSAY_LANE_DRIVE], records * RECORD_WORDS);
	journal_ring_init(&j->lanes[ASSAY_LANE_TELEMETRY], TELEMETRY_WORDS);
	j->batch = xalloc(BATCH_BYTES);
	j->seen_ns = j->synced_ns = assay_now_ns();
	if (thread_start(j, e))
		goto fail;
	*out = j;
	return 0;
fail:
	journal_file_undo(&j->file);
	journal_free(j);
	return e ? (int)e->code : (int)ASSAY_E_IO;
}

struct assay_sink *assay_journal_sink(struct assay_journal *j)
{
	return &j->sink;
}

bool assay_journal_failed(struct assay_journal *j, struct assay_err *e)
{
	if (!atomic_load_explicit(&j->failed, memory_order_acquire))
		return false;
	assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", j->file.path, strerror(j->error));
	return true;
}

void assay_journal_drain(struct assay_journal *j)
{
	unsigned long long after = atomic_load(&j->drains) + 2; /* one may be under way that looked at the rings before */
	for (int64_t give_up = assay_now_ns() + SETTLE_NS; atomic_load(&j->drains) < after && assay_now_ns() < give_up;) {
		wake(j);
		assay_sleep_until_ns(assay_now_ns() + ASSAY_NS_PER_MS / 4);
	}
}

static void footer_write(struct assay_journal *j, json_t *footer)
{
	struct assay_buf b;
	json_object_set_new(footer, "records_lost", json_integer((json_int_t)atomic_load(&j->lost)));
	json_object_set_new(footer, "journal_lag_ms", json_real((double)j->lag_ns / 1e6));
	json_object_set_new(footer, "journal_bytes", json_integer((json_int_t)(j->file.before_bytes + j->file.bytes)));
	json_object_set_new(footer, "cpu_ns", json_integer(j->cpu_ns));
	assay_buf_init(&b, JOURNAL_JSON_MAX);
	if (assay_json_print(&b, footer, 0) == 0) {
		/* a full disk may have room again: a footer that says what was lost is worth a try */
		bool failed = atomic_exchange(&j->failed, false);
		int error = j->error;
		batch_add(j, ASSAY_REC_FOOTER, b.data, (uint32_t)b.len_bytes);
		batch_write(j);
		sync_file(j);
		if (failed)
			j->error = error;
		atomic_store(&j->failed, failed || atomic_load(&j->failed));
	}
	assay_buf_release(&b);
}

int assay_journal_close(struct assay_journal *j, json_t *footer_steal, struct assay_err *e)
{
	json_t *footer = footer_steal ? footer_steal : json_object();
	atomic_store(&j->stop, true);
	wake(j);
	pthread_join(j->thread, NULL);
	footer_write(j, footer);
	json_decref(footer);
	int rc = assay_journal_failed(j, e) ? ASSAY_E_IO : 0;
	journal_free(j);
	return rc;
}
