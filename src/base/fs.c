/* See fs.h. SHA-256 comes from OpenSSL's libcrypto. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int assay_fs_read(const char *path, struct assay_buf *b, enum assay_code code, struct assay_err *e)
{
	int rc = 0;
	FILE *f = fopen(path, "rbe");
	if (!f)
		return assay_fail(e, code, "%s: cannot open: %s", path, strerror(errno));
	char chunk[65536];
	size_t n;
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		if (assay_buf_append(b, chunk, n)) {
			rc = assay_fail(e, code, "%s: larger than the %zu bytes allowed for this kind of file", path, b->max_bytes);
			break;
		}
	if (!rc && ferror(f))
		rc = assay_fail(e, code, "%s: cannot read: %s", path, strerror(errno));
	fclose(f);
	return rc;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static void sync_parent(const char *path)
{
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

int assay_fs_write_atomic(const char *path, const void *data, size_t n, struct assay_err *e)
{
	char *tmp = xasprintf("%s.%ld.tmp", path, (long)getpid());
	int rc = 0, fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write_all(fd, data, n) || fsync(fd) || close(fd)) {
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", path, strerror(errno));
		unlink(tmp);
	} else if (rename(tmp, path)) {
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot rename into place: %s", path, strerror(errno));
		unlink(tmp);
	} else {
		sync_parent(path);
	}
	free(tmp);
	return rc;
}

int assay_fs_mkdir_p(const char *path, struct assay_err *e)
{
	char *p = xstrdup(path);
	int rc = 0;
	for (char *s = p + 1;; s++) {
		char c = *s;
		if (c != '/' && c)
			continue;
		*s = 0;
		if (mkdir(p, 0777) && errno != EEXIST) {
			rc = assay_fail(e, ASSAY_E_USAGE, "%.300s: cannot make directory: %s", p, strerror(errno));
			break;
		}
		*s = c;
		if (!c)
			break;
	}
	if (!rc && !assay_fs_is_dir(path))
		rc = assay_fail(e, ASSAY_E_USAGE, "%.300s: exists and is not a directory", path);
	free(p);
	return rc;
}

bool assay_fs_is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool assay_fs_exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

char *assay_fs_program(const char *name)
{
	char *list = xstrdup(!strchr(name, '/') && *name && getenv("PATH") ? getenv("PATH") : ""), *save = NULL, *found = NULL;
	for (char *dir = strtok_r(list, ":", &save); dir && !found; dir = strtok_r(NULL, ":", &save)) {
		char *path = xasprintf("%s/%s", dir, name);
		if (access(path, X_OK) == 0 && !assay_fs_is_dir(path))
			found = path;
		else
			free(path);
	}
	free(list);
	return found || !strchr(name, '/') || access(name, X_OK) ? found : xstrdup(name);
}

static void hex(const unsigned char *d, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", d[i]);
}

void assay_sha256_hex(const void *data, size_t n, char out[65])
{
	unsigned char d[32] = { 0 };
	EVP_Digest(data, n, d, NULL, EVP_sha256(), NULL);
	hex(d, sizeof d, out);
}

void assay_sha256_base64(const void *data, size_t n, char out[45])
{
	unsigned char d[32] = { 0 };
	EVP_Digest(data, n, d, NULL, EVP_sha256(), NULL);
	EVP_EncodeBlock((unsigned char *)out, d, sizeof d);
}

int assay_fs_sha256(const char *path, char out[65], uint64_t *size_bytes, struct assay_err *e)
{
	unsigned char d[32] = { 0 };
	char chunk[65536];
	uint64_t total = 0;
	size_t n;
	FILE *f = fopen(path, "rbe");
	if (!f)
		return assay_fail(e, ASSAY_E_IO, "%s: cannot open: %s", path, strerror(errno));
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_DigestInit_ex(c, EVP_sha256(), NULL);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) {
		EVP_DigestUpdate(c, chunk, n);
		total += n;
	}
	EVP_DigestFinal_ex(c, d, NULL);
	EVP_MD_CTX_free(c);
	int bad = ferror(f);
	fclose(f);
	if (bad)
		return assay_fail(e, ASSAY_E_IO, "%s: cannot read: %s", path, strerror(errno));
	hex(d, sizeof d, out);
	if (size_bytes)
		*size_bytes = total;
	return 0;
}

int assay_fs_sha256_sampled(const char *path, char out[65], struct assay_err *e)
{
	enum { BLOCKS = 64, BLOCK = 1 << 20 };
	unsigned char d[32] = { 0 }, *block = NULL;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot open: %s", path, strerror(fd < 0 ? errno : EINVAL));
	if (rc || st.st_size < (off_t)BLOCKS * BLOCK) {
		if (fd >= 0)
			close(fd);
		return rc ? rc : assay_fs_sha256(path, out, NULL, e);
	}
	uint64_t size = (uint64_t)st.st_size;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_DigestInit_ex(c, EVP_sha256(), NULL);
	EVP_DigestUpdate(c, &size, sizeof size);
	block = xalloc(BLOCK);
	for (uint64_t i = 0; i < BLOCKS && !rc; i++) {
		if (pread(fd, block, BLOCK, (off_t)((size - BLOCK) / (BLOCKS - 1) * i + (i == BLOCKS - 1 ? (size - BLOCK) % (BLOCKS - 1) : 0))) != BLOCK)
			rc = assay_fail(e, ASSAY_E_IO, "%s: cannot read: %s", path, strerror(errno));
		EVP_DigestUpdate(c, block, BLOCK);
	}
	EVP_DigestFinal_ex(c, d, NULL);
	EVP_MD_CTX_free(c);
	free(block);
	close(fd);
	hex(d, sizeof d, out);
	return rc;
}

static uint32_t crc_table[256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_fill(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? (c >> 1) ^ UINT32_C(0x82f63b78) : c >> 1;
		crc_table[i] = c;
	}
}

uint32_t assay_crc32c(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;
	pthread_once(&crc_once, crc_fill);
	crc = ~crc;
	while (n--)
		crc = crc_table[(crc ^ *p++) & 255] ^ (crc >> 8);
	return ~crc;
}

static char *user_dir(const char *variable, const char *below_home)
{
	const char *x = getenv(variable), *home = getenv("HOME");
	if (x && *x)
		return xasprintf("%s/assay", x);
	return xasprintf("%s/%s/assay", home && *home ? home : "/tmp", below_home);
}

char *assay_fs_cache_dir(void) { return user_dir("XDG_CACHE_HOME", ".cache"); }
char *assay_fs_data_dir(void) { return user_dir("XDG_DATA_HOME", ".local/share"); }
