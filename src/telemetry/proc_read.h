/* The kernel's text files read without allocation: descriptors opened once, pread, a hand parser for each
 * form. The parsers take bytes and know no file, so tests feed them recorded and damaged text. */
#ifndef ASSAY_TELEMETRY_PROC_READ_H
#define ASSAY_TELEMETRY_PROC_READ_H

#include <stddef.h>
#include <stdint.h>

#include "core/record.h"

/* Parsers: n bytes of text, not NUL-terminated. They return -1 where the text is not of the expected form or a
 * number does not fit int64_t; they never read past n. */

/* Second column of /proc/PID/statm: resident pages. */
int64_t assay_parse_statm(const char *s, size_t n);
/* Value after "KEY" at the start of a line and any blanks or ':' ("VmHWM:\t  123 kB" -> 123, "pswpin 7" -> 7). key has no colon. */
int64_t assay_parse_keyed(const char *s, size_t n, const char *key);
/* "some ... total=N" of /proc/pressure/X: microseconds since boot in which some task waited. */
int64_t assay_parse_psi(const char *s, size_t n);
/* A file that holds one integer (and a newline). */
int64_t assay_parse_int(const char *s, size_t n);

/* First line of /proc/stat, in clock ticks summed over CPUs. busy = user + nice + system + irq + softirq (guest time is inside user). */
struct assay_cpu_ticks { int64_t busy, idle, iowait, steal; };
/* 0, or -1 (then *out is all -1). */
int assay_parse_cpu_line(const char *s, size_t n, struct assay_cpu_ticks *out);

/* What is counted of a process in /proc/PID/stat; the name in it may hold blanks and parentheses. Times in clock ticks, children_cpu: of children that ended and were waited for. */
struct assay_pid_stat { char state; int64_t parent, group, major_faults, cpu, children_cpu, start, rss_pages; };
/* 0, or -1. */
int assay_parse_pid_stat(const char *s, size_t n, struct assay_pid_stat *out);

enum assay_proc_file {
	ASSAY_PROC_STATM, ASSAY_PROC_STAT, ASSAY_PROC_MEMINFO, ASSAY_PROC_VMSTAT, ASSAY_PROC_PSI_CPU, ASSAY_PROC_PSI_MEMORY,
	ASSAY_PROC_PSI_IO, ASSAY_PROC_FREQ, ASSAY_PROC_FILES
};

/* Open descriptors (-1: not readable here) and the one read buffer. Used by one thread. */
struct assay_proc {
	int fd[ASSAY_PROC_FILES];
	int64_t page_bytes, tick_ns;
	char text[16384];
};
/* root: "" or a folder that holds a recorded proc/ and sys/. A file that cannot be opened is left at -1. */
void assay_proc_open(struct assay_proc *p, const char *root);
void assay_proc_close(struct assay_proc *p);
/* Fills every field of *out but self_cpu_ns, engine_cpu_ns, energy and the gpu ones (set to -1). No allocation. Process CPU time,
 * switches and faults are the whole process's (all threads). */
void assay_proc_sample(struct assay_proc *p, struct assay_rec_sample *out);

#endif
