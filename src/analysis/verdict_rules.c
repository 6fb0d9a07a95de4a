/* The one table of thresholds (decisions.md, "Numbers") and what to do when one is passed. */
#include "analysis/verdict_rules.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct verdict_rule rules[] = {
	{ "too_few_samples", 5, NAN, 1, "at least 5",
	  "ask for more runs (--runs 10): an interval from so few is wide, and one disturbed run carries it" },
	{ "drift", 0.05, 0.30, 0, "halves within 5 % (INVALID over 30 %)",
	  "the machine changed while it was measured: let it settle, stop other programs, check clock frequency and temperature, then measure again" },
	{ "cpu_steal", 0.02, 0.25, 0, "at most 2 % (INVALID over 25 %)",
	  "the hypervisor gave CPU time of this machine to others: measure at another hour, or on a machine with CPUs of its own" },
	{ "foreign_load", 0.02, 0.25, 0, "at most 2 % (INVALID over 25 %)",
	  "other programs used the CPU: find them with top and stop them, or leave them a core (--threads one less), then measure again" },
	{ "client_load", 0.02, NAN, 0, "at most 2 %",
	  "assay took CPU time from an engine in another process, which has much to tell: leave it a core (--threads one less), or tell tokens at a request's end (--engine-opt emit=final)" },
	{ "engine_threads", 0, NAN, 0, "as many threads as asked for",
	  "the engine computes with other threads than it was told: see the note engine_threads and engine.effective; compare it only with engines that had as many" },
	{ "swap", 0, 0.01, 0, "no page swapped in (INVALID over 1 % of the time)",
	  "memory is short: close programs, choose a smaller model or --dtype bf16, or lower --kv-memory" },
	{ "failures", 0, 0.10, 0, "none (INVALID over 10 %)",
	  "see end_states and the point's reason for what failed; times are of successes only, the failure column counts failures as infinite" },
	{ "count_mismatch", NAN, 0, 0, "none",
	  "tokens that arrived, that the engine reported and that were asked for differ: rates per token are wrong; report the engine's version with journal.bin" },
	{ "cached_prompts", 0, NAN, 0, "none",
	  "prompt tokens came from a prefix cache: TTFT and prefill rate are too good; turn the cache off or use other prompts" },
	{ "records_lost", NAN, 0, 0, "none",
	  "the disk could not take the records in time: write to a faster disk (-o), or measure fewer requests at once" },
	{ "clock_step", NAN, 0.1, 0, "within 0.1 s", "the wall clock and the monotonic clock disagree: the machine slept or was paused while measuring; measure again" },
	{ "debug_build", NAN, 0, 0, "an optimised build", "this build has no optimisation: build with plain `make` and measure again" },
	{ "sanitizer_build", NAN, 0, 0, "a build without sanitizers", "this build checks every memory access: build with plain `make` and measure again" },
	{ "timer_resolution", 100, NAN, 1, "at least 100 clock steps", "these times are near what the clock can tell apart: ask for more tokens or a larger batch per run" },
	{ "reporting_cost", 0.01, NAN, 0, "at most 1 % of the time in which the engine works",
	  "telling every step slows a worker's engine: measure with --engine-opt emit=final, which tells the times of a request's tokens at its end" },
	{ "journal_lag", 1000, NAN, 0, "at most 1,000 ms", "records reached the disk late, so a crash would have lost them: write to a faster disk (-o)" },
	{ "ceiling_error", 1.02, NAN, 0, "at most 1.02",
	  "more than the measured ceiling was reached: the weights fit in the CPU's caches, which the probe does not, or the probe ran in a worse moment than the run" },
	{ "leak", 1, NAN, 0, "lower end at most max(1 MiB, 0.1 % of RSS) per 1,000 requests",
	  "resident memory grew with every run beyond doubt: measure longer (memory --runs 300, soak --duration 2h) to see whether it levels off, then report it" },
	{ "throttled", 0.75, NAN, 1, "at least 0.75 of the highest clock", "the CPU lowered its clock while it was measured: check cooling, power limit and governor" },
	{ "interrupted", 0, NAN, 0, "a run to its end", "what was measured is kept and marked; run the same command again for the rest" },
};

const struct verdict_rule *verdict_rule_find(const char *code)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (!strcmp(rules[i].code, code))
			return &rules[i];
	return NULL;
}

static int passed(const struct verdict_rule *r, double measured, double threshold)
{
	return r->under ? measured < threshold : measured > threshold;
}

enum assay_verdict_state verdict_rule_state(const struct verdict_rule *r, double measured)
{
	if (passed(r, measured, r->invalid))
		return ASSAY_INVALID;
	return passed(r, measured, r->caution) ? ASSAY_CAUTION : ASSAY_VALID;
}

void verdict_add(struct assay_verdict *v, const char *code, enum assay_verdict_state state, const char *fmt, ...)
{
	const struct verdict_rule *rule = verdict_rule_find(code);
	if (!rule)
		abort(); /* our own promise: every code has a row */
	if (state == ASSAY_VALID)
		return;
	v->reasons = xrealloc(v->reasons, (v->n + 1) * sizeof *v->reasons);
	struct assay_reason *r = &v->reasons[v->n++];
	*r = (struct assay_reason){ .state = state, .code = rule->code };
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->measured, sizeof r->measured, fmt, ap);
	va_end(ap);
	snprintf(r->bound, sizeof r->bound, "%s", rule->bound);
	snprintf(r->advice, sizeof r->advice, "%s", rule->advice);
	if (state > v->state)
		v->state = state;
}
