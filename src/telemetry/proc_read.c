/* See proc_read.h. Must not know who reads the samples. */
#include "telemetry/proc_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* What is left to read of a text. */
struct cursor { const char *s, *end; };

static void skip_blanks(struct cursor *c)
{
	while (c->s < c->end && (*c->s == ' ' || *c->s == '\t' || *c->s == ':'))
		c->s++;
}

/* An unsigned decimal at the cursor, or -1 when there is none or it does not fit. */
static int64_t take_int(struct cursor *c)
{
	int64_t v = 0;
	const char *start = c->s;
	for (; c->s < c->end && *c->s >= '0' && *c->s <= '9'; c->s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *c->s - '0', &v))
			return -1;
	if (c->s == start || (c->s < c->end && !strchr(" \t\n", *c->s)))
		return -1;
	return v;
}

static bool take_word(struct cursor *c, const char *w)
{
	size_t n = strlen(w);
	if ((size_t)(c->end - c->s) < n || memcmp(c->s, w, n))
		return false;
	c->s += n;
	return true;
}

int64_t assay_parse_int(const char *s, size_t n)
{
	struct cursor c = { s, s + n };
	return take_int(&c);
}

int64_t assay_parse_statm(const char *s, size_t n)
{
	struct cursor c = { s, s + n };
	if (take_int(&c) < 0)
		return -1;
	skip_blanks(&c);
	return take_int(&c);
}

int64_t assay_parse_keyed(const char *s, size_t n, const char *key)
{
	struct cursor c = { s, s + n };
	while (c.s < c.end) {
		if (take_word(&c, key) && c.s < c.end && strchr(" \t:", *c.s)) {
			skip_blanks(&c);
			return take_int(&c);
		}
		const char *nl = memchr(c.s, '\n', (size_t)(c.end - c.s));
		c.s = nl ? nl + 1 : c.end;
	}
	return -1;
}

int64_t assay_parse_psi(const char *s, size_t n)
{
	struct cursor c = { s, s + n };
	if (!take_word(&c, "some "))
		return -1;
	for (; c.s < c.end && *c.s != '\n'; c.s++)
		if (take_word(&c, " total="))
			return take_int(&c);
	return -1;
}

int assay_parse_cpu_line(const char *s, size_t n, struct assay_cpu_ticks *out)
{
	struct cursor c = { s, s + n };
	int64_t f[8]; /* user nice system idle iowait irq softirq steal: proc(5) */
	*out = (struct assay_cpu_ticks){ -1, -1, -1, -1 };
	if (!take_word(&c, "cpu "))
		return -1;
	for (int i = 0; i < 8; i++) {
		skip_blanks(&c);
		f[i] = take_int(&c);
		if (f[i] < 0 || f[i] > INT64_MAX / 16)
			return -1;
	}
	*out = (struct assay_cpu_ticks){ .busy = f[0] + f[1] + f[2] + f[5] + f[6], .idle = f[3], .iowait = f[4], .steal = f[7] };
	return 0;
}

static void skip_word(struct cursor *c)
{
	while (c->s < c->end && !strchr(" \n", *c->s))
		c->s++;
	skip_blanks(c);
}

/* Fields by their number in proc(5): 3 state, 4 ppid, 5 pgrp, 12 majflt, 13 cmajflt, 14 utime, 15 stime, 16 cutime, 17 cstime, 22 starttime, 24 rss. */
int assay_parse_pid_stat(const char *s, size_t n, struct assay_pid_stat *out)
{
	const char *name_end = memrchr(s, ')', n);
	struct cursor c = { name_end ? name_end + 1 : s, s + n };
	int64_t f[25] = { 0 };
	skip_blanks(&c);
	if (!name_end || c.s >= c.end)
		return -1;
	*out = (struct assay_pid_stat){ .state = *c.s };
	for (int i = 3; i <= 24; i++) {
		bool wanted = i == 4 || i == 5 || (i >= 12 && i <= 17) || i == 22 || i == 24;
		struct cursor word = c;
		f[i] = wanted ? take_int(&word) : 0;
		if (c.s >= c.end || f[i] < 0 || f[i] > INT64_MAX / 16)
			return -1;
		skip_word(&c);
	}
	out->parent = f[4];
	out->group = f[5];
	out->major_faults = f[12] + f[13];
	out->cpu = f[14] + f[15];
	out->children_cpu = f[16] + f[17];
	out->start = f[22];
	out->rss_pages = f[24];
	return 0;
}

static const char *const files[ASSAY_PROC_FILES] = {
	[ASSAY_PROC_STATM] = "/proc/self/statm",
	[ASSAY_PROC_STAT] = "/proc/stat",
	[ASSAY_PROC_MEMINFO] = "/proc/meminfo",
	[ASSAY_PROC_VMSTAT] = "/proc/vmstat",
	[ASSAY_PROC_PSI_CPU] = "/proc/pressure/cpu",
	[ASSAY_PROC_PSI_MEMORY] = "/proc/pressure/memory",
	[ASSAY_PROC_PSI_IO] = "/proc/pressure/io",
	[ASSAY_PROC_FREQ] = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
};

void assay_proc_open(struct assay_proc *p, const char *root)
{
	char path[512];
	p->page_bytes = sysconf(_SC_PAGESIZE);
	p->tick_ns = ASSAY_NS_PER_S / sysconf(_SC_CLK_TCK);
	for (int i = 0; i < ASSAY_PROC_FILES; i++) {
		int w = snprintf(path, sizeof path, "%s%s", root, files[i]);
		p->fd[i] = w < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	}
}

void assay_proc_close(struct assay_proc *p)
{
	for (int i = 0; i < ASSAY_PROC_FILES; i++)
		if (p->fd[i] >= 0) {
			close(p->fd[i]);
			p->fd[i] = -1;
		}
}

/* Bytes of the file in p->text, 0 when it cannot be read. A file longer than the buffer is cut: what we look for comes early. */
static size_t fill(struct assay_proc *p, enum assay_proc_file f)
{
	ssize_t n;
	if (p->fd[f] < 0)
		return 0;
	do
		n = pread(p->fd[f], p->text, sizeof p->text, 0);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

static int64_t scaled(int64_t v, int64_t unit)
{
	int64_t out;
	return v < 0 || __builtin_mul_overflow(v, unit, &out) ? -1 : out;
}

static void sample_process(struct assay_proc *p, struct assay_rec_sample *out)
{
	struct timespec cpu;
	struct rusage ru;
	size_t n = fill(p, ASSAY_PROC_STATM);
	out->rss_bytes = scaled(assay_parse_statm(p->text, n), p->page_bytes);
	if (!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu))
		out->proc_cpu_ns = (int64_t)cpu.tv_sec * ASSAY_NS_PER_S + cpu.tv_nsec;
	if (!getrusage(RUSAGE_SELF, &ru)) {
		out->ctx_voluntary = ru.ru_nvcsw;
		out->ctx_involuntary = ru.ru_nivcsw;
		out->major_faults = ru.ru_majflt;
	}
}

void assay_proc_sample(struct assay_proc *p, struct assay_rec_sample *out)
{
	struct assay_cpu_ticks t;
	memset(out, 0xff, sizeof *out); /* every int64_t field -1: not readable */
	out->t_ns = assay_now_ns();
	sample_process(p, out);
	size_t n = fill(p, ASSAY_PROC_STAT);
	assay_parse_cpu_line(p->text, n, &t);
	out->cpu_busy_ns = scaled(t.busy, p->tick_ns);
	out->cpu_idle_ns = scaled(t.idle, p->tick_ns);
	out->cpu_iowait_ns = scaled(t.iowait, p->tick_ns);
	out->cpu_steal_ns = scaled(t.steal, p->tick_ns);
	n = fill(p, ASSAY_PROC_MEMINFO);
	out->mem_available_bytes = scaled(assay_parse_keyed(p->text, n, "MemAvailable"), 1024);
	n = fill(p, ASSAY_PROC_VMSTAT);
	out->swap_in_pages = assay_parse_keyed(p->text, n, "pswpin");
	n = fill(p, ASSAY_PROC_PSI_CPU);
	out->psi_cpu_us = assay_parse_psi(p->text, n);
	n = fill(p, ASSAY_PROC_PSI_MEMORY);
	out->psi_memory_us = assay_parse_psi(p->text, n);
	n = fill(p, ASSAY_PROC_PSI_IO);
	out->psi_io_us = assay_parse_psi(p->text, n);
	n = fill(p, ASSAY_PROC_FREQ);
	out->freq_khz = assay_parse_int(p->text, n);
}
