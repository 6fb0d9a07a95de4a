/* See clock.h. */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * ASSAY_NS_PER_S + t.tv_nsec;
}

int64_t assay_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t assay_thread_cpu_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t assay_process_cpu_ns(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t assay_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

void assay_sleep_until_ns(int64_t t_ns)
{
	struct timespec t = { t_ns / ASSAY_NS_PER_S, t_ns % ASSAY_NS_PER_S };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

int64_t assay_clock_resolution_ns(void)
{
	int64_t best = ASSAY_NS_PER_S;
	for (int i = 0; i < 64; i++) {
		int64_t a = assay_now_ns(), b = a;
		while (b == a)
			b = assay_now_ns();
		if (b - a < best)
			best = b - a;
	}
	return best;
}

void assay_rfc3339(int64_t wall_ns, char *out, size_t size)
{
	time_t s = (time_t)(wall_ns / ASSAY_NS_PER_S);
	struct tm tm;
	char day[32], zone[8];
	localtime_r(&s, &tm);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof zone, "%z", &tm);
	snprintf(out, size, "%s.%06d%.3s:%s", day, (int)(wall_ns % ASSAY_NS_PER_S / 1000), zone, zone + 3);
}
