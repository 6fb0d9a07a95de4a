/* Files: capped reading, atomic writing, directories, hashes. */
#ifndef ASSAY_BASE_FS_H
#define ASSAY_BASE_FS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* Appends the whole file to *b; fails with `code` naming path and cause, also when it passes b's cap. */
int assay_fs_read(const char *path, struct assay_buf *b, enum assay_code code, struct assay_err *e);
/* Writes to a temporary name in the same directory, fsyncs, renames, fsyncs the directory. ASSAY_E_IO. */
int assay_fs_write_atomic(const char *path, const void *data, size_t n, struct assay_err *e);
int assay_fs_mkdir_p(const char *path, struct assay_err *e);
bool assay_fs_is_dir(const char *path);
bool assay_fs_exists(const char *path);
/* The path of a program as a shell finds it: NAME in $PATH, a path as it is; NULL when there is none. malloc'ed. */
char *assay_fs_program(const char *name);
/* 1 an empty directory, 0 it holds something, -1 it cannot be read. */
int assay_fs_is_empty(const char *dir);
/* Bytes that an unprivileged user may still write below path, or below its nearest folder that exists; UINT64_MAX = unknown. */
uint64_t assay_fs_free_bytes(const char *path);
/* Lower-case hex SHA-256 of bytes or of a file (size in *size_bytes when not NULL). */
void assay_sha256_hex(const void *data, size_t n, char out[65]);
/* SHA-256 in base64, as policies of web pages name it. */
void assay_sha256_base64(const void *data, size_t n, char out[45]);
int assay_fs_sha256(const char *path, char out[65], uint64_t *size_bytes, struct assay_err *e);
/* Of a file too large to read whole: SHA-256 of its size (8 bytes, little-endian) and of 64 blocks of 1 MiB, evenly spaced, the first and the last
 * among them. A change between the blocks is not seen. A file of less than 64 MiB is read whole in its place. */
int assay_fs_sha256_sampled(const char *path, char out[65], struct assay_err *e);
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4); start with crc = 0. */
uint32_t assay_crc32c(uint32_t crc, const void *data, size_t n);
/* $XDG_CACHE_HOME/assay or ~/.cache/assay; out gets a malloc'ed string. */
char *assay_fs_cache_dir(void);
/* $XDG_DATA_HOME/assay or ~/.local/share/assay; out gets a malloc'ed string. */
char *assay_fs_data_dir(void);
/* Copies a file's bytes to a new file and syncs it. ASSAY_E_IO. */
int assay_fs_copy(const char *from, const char *to, struct assay_err *e);
/* Removes a file or folder and all below it, following no link; 0 also when there is none. */
int assay_fs_remove_tree(const char *path);
/* Removes what a killed assay_fs_write_atomic left in dir itself: NAME.PID.tmp. Only where no other process writes. */
void assay_fs_remove_torn(const char *dir);

#endif
