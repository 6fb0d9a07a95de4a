/* See file.h. */
#include "draw/file.h"

#include <stdlib.h>

#include "base/fs.h"

int draw_file_write(struct assay_buf *b, const char *dir, const char *name, struct assay_err *e)
{
	char *path = xasprintf("%s/%s", dir, name);
	int rc = b->overflow ? assay_fail(e, ASSAY_E_IO, "%s: larger than %zu bytes", path, b->max_bytes) : assay_fs_write_atomic(path, b->data ? b->data : "", b->len_bytes, e);
	free(path);
	assay_buf_release(b);
	return rc;
}
