/* Whole files and folders: copying and removing. See fs.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fs.h"

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

int assay_fs_remove_tree(const char *path)
{
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) && errno != ENOENT ? -1 : 0;
}

static bool is_torn(const char *name)
{
	size_t n = strlen(name), digits = 0;
	if (n < 6 || strcmp(name + n - 4, ".tmp"))
		return false;
	for (n -= 4; n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9'; n--)
		digits++;
	return digits && n > 1 && name[n - 1] == '.';
}

void assay_fs_remove_torn(const char *dir)
{
	DIR *d = opendir(dir);
	for (struct dirent *x; d && (x = readdir(d));)
		if (is_torn(x->d_name))
			unlinkat(dirfd(d), x->d_name, 0); /* what cannot go is only litter */
	if (d)
		closedir(d);
}

int assay_fs_is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;
	if (!d)
		return -1;
	for (struct dirent *x; (x = readdir(d));)
		n += strcmp(x->d_name, ".") && strcmp(x->d_name, "..");
	closedir(d);
	return n == 0;
}

uint64_t assay_fs_free_bytes(const char *path)
{
	struct statvfs v;
	char *p = xstrdup(path), *slash = p;
	int rc = 0;
	while ((rc = statvfs(*p ? p : "/", &v)) && errno == ENOENT && slash) {
		slash = strrchr(p, '/');
		if (slash)
			*slash = 0;
	}
	if (rc && !slash)
		rc = statvfs(".", &v);
	free(p);
	return rc ? UINT64_MAX : (uint64_t)v.f_bavail * v.f_frsize;
}

static bool pump(int in, int out, char *chunk, size_t size)
{
	ssize_t n;
	while ((n = read(in, chunk, size)) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(out, chunk + done, (size_t)(n - done))) < 0) {
				if (errno != EINTR)
					return false;
				w = 0;
			}
	return n == 0 && fsync(out) == 0;
}

int assay_fs_copy(const char *from, const char *to, struct assay_err *e)
{
	enum { CHUNK = 1 << 16 };
	char *chunk = xalloc(CHUNK);
	int in = open(from, O_RDONLY | O_CLOEXEC), out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int rc = in >= 0 && out >= 0 && pump(in, out, chunk, CHUNK) ? 0 : assay_fail(e, ASSAY_E_IO, "%s: cannot copy to %s: %s", from, to, strerror(errno));
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) && !rc)
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", to, strerror(errno));
	free(chunk);
	return rc;
}
