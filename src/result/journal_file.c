/* See journal_file.h. Must not know what records mean. */
#include "result/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/journal_format.h"

static int write_all(int fd, const void *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, (const char *)p + done, n - done);
		if (w < 0 && errno != EINTR)
			return errno;
		done += w > 0 ? (size_t)w : 0;
	}
	return 0;
}

static char *segment_path(const struct journal_file *f, uint32_t segment)
{
	char name[32];
	journal_segment_name(segment, name);
	return xasprintf("%s/%s", f->dir, name);
}

/* What every segment but the first begins with. */
static int write_head(struct journal_file *f)
{
	unsigned char head[JOURNAL_START + JOURNAL_FRAME + 100];
	char text[100];
	int n = snprintf(text, sizeof text, "{\"index\": %u, \"before_bytes\": %llu}", f->segment, (unsigned long long)f->before_bytes);
	journal_start_put(head);
	journal_frame_put(head + JOURNAL_START, ASSAY_REC_SEGMENT, text, (uint32_t)n);
	memcpy(head + JOURNAL_START + JOURNAL_FRAME, text, (size_t)n);
	size_t bytes = JOURNAL_START + JOURNAL_FRAME + (size_t)n;
	int err = write_all(f->fd, head, bytes);
	f->bytes = err ? 0 : bytes;
	return err;
}

static void sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd); /* where it fails the names may be lost in a crash of the machine, the run goes on */
		close(fd);
	}
}

static int begin_segment(struct journal_file *f)
{
	char *path = segment_path(f, f->segment);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666), err = errno;
	if (fd < 0) {
		free(path);
		return err;
	}
	f->fd = fd;
	free(f->path);
	f->path = path;
	f->ours = true;
	err = write_head(f);
	sync_folder(f->dir);
	return err;
}

int journal_file_next(struct journal_file *f)
{
	int old = f->fd, err = fdatasync(old) && errno != EINVAL && errno != EROFS ? errno : 0;
	if (err || f->segment + 1 >= JOURNAL_SEGMENTS_MAX)
		return err ? err : EFBIG;
	f->segment++;
	f->before_bytes += f->bytes;
	err = begin_segment(f);
	if (f->fd != old && old != f->lock_fd)
		close(old);
	return err;
}

static int create(struct journal_file *f, struct assay_err *e)
{
	unsigned char start[JOURNAL_START];
	f->ours = true;
	journal_start_put(start);
	int err = write_all(f->fd, start, sizeof start);
	f->bytes = sizeof start;
	return err ? assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", f->path, strerror(err)) : 0;
}

/* Bytes of the frames that hold, in a file that was read whole. */
static uint64_t whole_bytes(const unsigned char *p, uint64_t n)
{
	uint64_t at = JOURNAL_START;
	while (n >= at + JOURNAL_FRAME) {
		uint32_t len, crc;
		memcpy(&len, p + at, 4);
		memcpy(&crc, p + at + 8, 4);
		if (len > n - at - JOURNAL_FRAME || crc != journal_crc(p + at, p + at + JOURNAL_FRAME, len))
			break;
		at += JOURNAL_FRAME + len;
	}
	return at;
}

/* A kill can leave a frame half written: it is cut off, so that what follows can be read. */
static int mend(struct journal_file *f, struct assay_err *e)
{
	struct assay_buf b;
	char *path = segment_path(f, f->segment);
	assay_buf_init(&b, (size_t)16 << 30);
	int rc = assay_fs_read(path, &b, ASSAY_E_IO, e);
	f->bytes = rc ? 0 : whole_bytes((unsigned char *)b.data, b.len_bytes);
	if (!rc && b.len_bytes < JOURNAL_START)
		rc = assay_fail(e, ASSAY_E_DATA, "%s: no journal: nothing can be resumed from it", path);
	else if (!rc && f->bytes < b.len_bytes && truncate(path, (off_t)f->bytes))
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot cut off the record that was half written: %s", path, strerror(errno));
	assay_buf_release(&b);
	free(path);
	return rc;
}

static int go_on(struct journal_file *f, struct assay_err *e)
{
	struct stat st;
	for (char *next; (next = segment_path(f, f->segment + 1)); free(next)) {
		if (stat(next, &st)) {
			free(next);
			break;
		}
		char *here = segment_path(f, f->segment);
		f->before_bytes += stat(here, &st) == 0 ? (uint64_t)st.st_size : 0;
		f->segment++;
		free(here);
	}
	int rc = mend(f, e);
	if (rc)
		return rc;
	f->before_bytes += f->bytes;
	f->segment++;
	int err = begin_segment(f);
	return err ? assay_fail(e, ASSAY_E_IO, "%s: cannot begin segment %u of the journal: %s", f->dir, f->segment, strerror(err)) : 0;
}

int journal_file_open(struct journal_file *f, const char *dir, enum assay_journal_mode mode, struct assay_err *e)
{
	struct stat st;
	*f = (struct journal_file){ .fd = -1, .lock_fd = -1, .dir = xstrdup(dir), .path = xasprintf("%s/" JOURNAL_FILE, dir),
				    .full_bytes = mode == ASSAY_JOURNAL_ONE ? 0 : JOURNAL_SEGMENT_BYTES };
	f->fd = f->lock_fd = open(f->path, O_RDWR | O_CLOEXEC | (mode == ASSAY_JOURNAL_CONTINUE ? 0 : O_CREAT), 0666);
	if (f->fd < 0)
		return assay_fail(e, ASSAY_E_USAGE, "%s: cannot %s the journal: %s", f->path, mode == ASSAY_JOURNAL_CONTINUE ? "open" : "create", strerror(errno));
	if (flock(f->lock_fd, LOCK_EX | LOCK_NB))
		return assay_fail(e, ASSAY_E_USAGE, "%s: in use by another run: choose another output directory", dir);
	if (mode == ASSAY_JOURNAL_CONTINUE)
		return go_on(f, e);
	if (fstat(f->fd, &st) || st.st_size > 0)
		return assay_fail(e, ASSAY_E_USAGE, "%s: already holds a journal: choose another output directory", dir);
	return create(f, e);
}

void journal_file_undo(struct journal_file *f)
{
	if (f->ours)
		unlink(f->path);
}

void journal_file_close(struct journal_file *f)
{
	if (f->fd >= 0 && f->fd != f->lock_fd)
		close(f->fd);
	if (f->lock_fd >= 0)
		close(f->lock_fd);
	free(f->dir);
	free(f->path);
}
