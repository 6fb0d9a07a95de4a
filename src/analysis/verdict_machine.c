/* Who else had the machine: verdicts on telemetry of a span of time. Must not know points. */
#include "analysis/verdict_rules.h"

#include <math.h>

#include "metrics/machine_use.h"

/* CPU time comes in ticks of 10 ms: under a second, one tick is half a threshold. */
static const int64_t least_span_ns = INT64_C(1000000000);

static void shares(const struct assay_machine_use *u, struct assay_verdict *v)
{
	if (u->offered_ns <= 0 || u->span_ns < least_span_ns)
		return;
	double steal = (double)u->steal_ns / (double)u->offered_ns;
	double foreign = (double)(u->busy_ns - u->own_ns) / (double)u->offered_ns;
	verdict_add(v, "cpu_steal", verdict_rule_state(verdict_rule_find("cpu_steal"), steal), "%.1f %% of the CPU time was stolen", 100 * steal);
	verdict_add(v, "foreign_load", verdict_rule_state(verdict_rule_find("foreign_load"), foreign),
	            "other programs used %.1f %% of the CPU time", 100 * foreign);
}

void verdict_client(const struct assay_machine_use *u, struct assay_verdict *v)
{
	if (u->offered_ns <= 0 || u->span_ns < least_span_ns)
		return;
	double client = (double)u->client_ns / (double)u->offered_ns;
	verdict_add(v, "client_load", verdict_rule_state(verdict_rule_find("client_load"), client), "assay itself used %.1f %% of the CPU time beside the engine", 100 * client);
}

/* Waiting for memory counts only beside pages that really came in; where the kernel keeps no stall time, pages alone are a caution. */
static void swap(const struct assay_machine_use *u, struct assay_verdict *v)
{
	const struct verdict_rule *rule = verdict_rule_find("swap");
	double stall = u->span_ns > 0 ? (double)u->memory_stall_ns / (double)u->span_ns : 0;
	if (u->swap_in_pages > rule->caution)
		verdict_add(v, "swap", stall > rule->invalid ? ASSAY_INVALID : ASSAY_CAUTION, "%lld pages swapped in, %.2f %% of the time waiting for memory",
		            (long long)u->swap_in_pages, 100 * stall);
}

void verdict_machine(const struct assay_machine_use *u, struct assay_verdict *v)
{
	shares(u, v);
	swap(u, v);
	if (u->freq_most_khz > 0) {
		double kept = (double)u->freq_least_khz / (double)u->freq_most_khz;
		verdict_add(v, "throttled", verdict_rule_state(verdict_rule_find("throttled"), kept), "clock between %.0f and %.0f MHz",
		            (double)u->freq_least_khz / 1e3, (double)u->freq_most_khz / 1e3);
	}
}
