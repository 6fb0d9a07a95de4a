/* See process_group.h. Other people's processes are remembered and not looked at again for a while, so that a reading costs a listing of /proc and a few files. */
#include "telemetry/process_group.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "telemetry/proc_read.h"

enum { MEMBERS_MAX = 512, PIDS_DEFAULT = 1 << 22, FORGET_EVERY = 64 };

struct member { pid_t pid; int64_t start; unsigned seen; char state; };

struct assay_group {
	struct assay_processes which;
	int proc;                    /* of /proc; -1 = not there */
	bool live;                   /* this machine's /proc: the clocks of its processes can be asked */
	int64_t tick_ns, page_bytes;
	unsigned char *others;       /* a bit a pid: looked at, belongs to others */
	size_t n_bits;
	unsigned reads;
	struct member member[MEMBERS_MAX]; /* of the last reading; children that left the group are known by their parent in it */
	int n;
	int64_t sum_ns, total_ns;    /* of the last reading; of all rises */
	char text[2048];
	_Alignas(struct dirent64) char names[16384];
};

static size_t read_at(const struct assay_group *g, const char *path, char *out, size_t size)
{
	int fd = g->proc < 0 ? -1 : openat(g->proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size);
	if (fd >= 0)
		close(fd);
	return n > 0 ? (size_t)n : 0;
}

struct assay_group *assay_group_open(const char *root, const struct assay_processes *which)
{
	struct assay_group *g = xalloc(sizeof *g);
	char path[512];
	int w = snprintf(path, sizeof path, "%s/proc", root);
	g->which = *which;
	g->live = !*root;
	g->proc = w < (int)sizeof path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	g->tick_ns = ASSAY_NS_PER_S / sysconf(_SC_CLK_TCK);
	g->page_bytes = sysconf(_SC_PAGESIZE);
	int64_t most = assay_parse_int(g->text, read_at(g, "sys/kernel/pid_max", g->text, sizeof g->text));
	g->n_bits = most > 0 && most <= PIDS_DEFAULT ? (size_t)most : PIDS_DEFAULT;
	g->others = xalloc(g->n_bits / 8 + 1);
	return g;
}

void assay_group_close(struct assay_group *g)
{
	if (!g)
		return;
	if (g->proc >= 0)
		close(g->proc);
	free(g->others);
	free(g);
}

/* ---- who belongs ---- */

static bool is_others(const struct assay_group *g, pid_t pid)
{
	return (size_t)pid < g->n_bits && g->others[pid / 8] >> pid % 8 & 1;
}

static struct member *member_of(struct assay_group *g, int64_t pid)
{
	for (int i = 0; i < g->n; i++)
		if (g->member[i].pid == pid)
			return &g->member[i];
	return NULL;
}

static bool is_named(const struct assay_group *g, pid_t pid)
{
	for (int i = 0; i < g->which.n_pids; i++)
		if (g->which.pid[i] == pid)
			return true;
	return false;
}

static bool belongs(struct assay_group *g, pid_t pid, const struct assay_pid_stat *st)
{
	struct member *m = member_of(g, pid);
	bool known = m && m->start == st->start;
	if (!known && (!g->which.group || st->group != g->which.group) && !is_named(g, pid) && !member_of(g, st->parent))
		return false;
	if (!m && g->n < MEMBERS_MAX)
		m = &g->member[g->n++];
	if (m) /* else counted all the same; only a child that leaves the group would be lost */
		*m = (struct member){ .pid = pid, .start = st->start, .seen = g->reads, .state = st->state };
	return true;
}

/* ---- one reading ---- */

/* The clock of a process counts ns, its file ticks that are rounded off. */
static int64_t own_cpu_ns(const struct assay_group *g, pid_t pid, const struct assay_pid_stat *st)
{
	struct timespec t;
	clockid_t clock;
	if (g->live && !clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &t) && (t.tv_sec || t.tv_nsec))
		return (int64_t)t.tv_sec * ASSAY_NS_PER_S + t.tv_nsec;
	return st->cpu * g->tick_ns;
}

static void look_at(struct assay_group *g, pid_t pid, struct assay_group_use *sum)
{
	struct assay_pid_stat st;
	char path[32];
	if (is_others(g, pid))
		return;
	snprintf(path, sizeof path, "%d/stat", (int)pid);
	if (assay_parse_pid_stat(g->text, read_at(g, path, g->text, sizeof g->text), &st))
		return; /* it ended meanwhile */
	if (!belongs(g, pid, &st)) {
		if ((size_t)pid < g->n_bits && g->reads > 1) /* the first time its parent may not be known yet */
			g->others[pid / 8] |= (unsigned char)(1 << pid % 8);
		return;
	}
	sum->n++;
	sum->cpu_ns += own_cpu_ns(g, pid, &st) + st.children_cpu * g->tick_ns;
	sum->rss_bytes += st.rss_pages * g->page_bytes;
	sum->major_faults += st.major_faults;
}

static pid_t pid_of(const char *name)
{
	int64_t v = assay_parse_int(name, strlen(name));
	return v > 0 && v <= INT32_MAX ? (pid_t)v : 0;
}

static void forget_ended(struct assay_group *g)
{
	int kept = 0;
	for (int i = 0; i < g->n; i++)
		if (g->member[i].seen == g->reads)
			g->member[kept++] = g->member[i];
	g->n = kept;
}

/* A child's time moves to its parent when it ends, less what ticks round off; of one that nobody waited for it is lost. So rises are added up. */
static int64_t never_falls(struct assay_group *g, int64_t sum_ns)
{
	g->total_ns += sum_ns > g->sum_ns ? sum_ns - g->sum_ns : 0;
	g->sum_ns = sum_ns;
	return g->total_ns;
}

void assay_group_read(struct assay_group *g, struct assay_group_use *out)
{
	ssize_t n;
	*out = (struct assay_group_use){ 0 };
	if (++g->reads % FORGET_EVERY == 0) /* a pid may be used again */
		memset(g->others, 0, g->n_bits / 8 + 1);
	if (g->proc >= 0)
		lseek(g->proc, 0, SEEK_SET);
	while (g->proc >= 0 && (n = getdents64(g->proc, g->names, sizeof g->names)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(g->names + at);
			pid_t pid = pid_of(d->d_name);
			at += d->d_reclen;
			if (pid)
				look_at(g, pid, out);
		}
	forget_ended(g);
	if (out->n)
		out->cpu_ns = never_falls(g, out->cpu_ns);
	else
		out->cpu_ns = out->rss_bytes = out->major_faults = -1;
}

/* ---- memory ---- */

void assay_group_memory(struct assay_group *g, struct assay_rec_memory *m)
{
	struct assay_group_use use;
	assay_group_read(g, &use);
	int64_t pss = 0, rss = 0;
	char path[48];
	for (int i = 0; i < g->n; i++) {
		if (g->member[i].state == 'Z')
			continue;
		snprintf(path, sizeof path, "%d/smaps_rollup", (int)g->member[i].pid);
		size_t n = read_at(g, path, g->text, sizeof g->text);
		int64_t one_pss = assay_parse_keyed(g->text, n, "Pss"), one_rss = assay_parse_keyed(g->text, n, "Rss");
		pss = pss < 0 || one_pss < 0 || one_pss > INT64_MAX >> 20 ? -1 : pss + one_pss * 1024;
		rss = rss < 0 || one_rss < 0 || one_rss > INT64_MAX >> 20 ? -1 : rss + one_rss * 1024;
	}
	m->t_ns = assay_now_ns();
	m->rss_bytes = rss > 0 ? rss : use.rss_bytes;
	m->pss_bytes = pss > 0 ? pss : -1;
	m->hwm_bytes = -1; /* the processes' own peaks are no peak of their sum */
}

/* ---- threads ---- */

static int threads_of(struct assay_group *g, pid_t pid, struct assay_thread_cpu *out, int cap)
{
	char path[64];
	struct assay_pid_stat st;
	int n = 0;
	snprintf(path, sizeof path, "%d/task", (int)pid);
	int fd = openat(g->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *x; d && n < cap && (x = readdir(d));) {
		pid_t tid = pid_of(x->d_name);
		snprintf(path, sizeof path, "%d/task/%d/stat", (int)pid, (int)tid);
		if (tid && !assay_parse_pid_stat(g->text, read_at(g, path, g->text, sizeof g->text), &st))
			out[n++] = (struct assay_thread_cpu){ .pid = pid, .tid = tid, .state = st.state, .start_ticks = st.start, .cpu_ns = st.cpu * g->tick_ns };
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return n;
}

int assay_group_threads(struct assay_group *g, struct assay_thread_cpu *out, int cap)
{
	int n = 0;
	for (int i = 0; i < g->n && g->proc >= 0; i++)
		n += threads_of(g, g->member[i].pid, out + n, cap - n);
	return n;
}

/* A thread that was not there before began since: all of its time counts. */
static int64_t rise_ns(const struct assay_thread_cpu *before, int n_before, const struct assay_thread_cpu *t)
{
	for (int i = 0; i < n_before; i++)
		if (before[i].tid == t->tid && before[i].start_ticks == t->start_ticks)
			return t->cpu_ns - before[i].cpu_ns;
	return t->cpu_ns;
}

int assay_threads_busy(const struct assay_thread_cpu *before, int n_before, const struct assay_thread_cpu *after, int n_after, double share, int64_t *most_ns)
{
	int busy = 0;
	*most_ns = 0;
	for (int i = 0; i < n_after; i++) {
		int64_t ns = rise_ns(before, n_before, &after[i]);
		*most_ns = ns > *most_ns ? ns : *most_ns;
	}
	for (int i = 0; i < n_after && *most_ns > 0; i++)
		busy += (double)rise_ns(before, n_before, &after[i]) >= share * (double)*most_ns;
	return busy;
}
