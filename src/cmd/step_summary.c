/* GITHUB_STEP_SUMMARY: the Markdown file whose content GitHub Actions (and what follows it) shows on the page of a job. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/show_result.h"

void cmd_step_summary(const struct assay_buf *markdown)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	if (!path || !*path)
		return;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
	bool written = fd >= 0 && !markdown->overflow && write(fd, markdown->data, markdown->len_bytes) == (ssize_t)markdown->len_bytes && write(fd, "\n", 1) == 1;
	if (!written)
		fprintf(stderr, "assay: GITHUB_STEP_SUMMARY %s: cannot append the summary: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}
