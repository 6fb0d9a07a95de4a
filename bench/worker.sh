#!/bin/sh
# What the worker path costs, with a worker that makes its tokens at once (tests/workers/busy_worker.py): what each step takes on both sides, how late
# assay reads it, and whether telling steps slows an engine whose threads use every CPU. About 6 minutes; run it on an idle machine.
# usage: worker.sh [PAIRS]     (10, 14, 20, ...: the most pairs of the last table)
cd "$(dirname "$0")/.." || exit 1
B=${B:-build} pairs=${1:-10}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
worker="worker:$PWD/tests/workers/busy_worker.py"

# measure NAME ENGINE SEQUENCES TOKENS RUNS OPTIONS...
measure() {
	name=$1 engine=$2 batch=$3 tokens=$4 runs=$5
	shift 5
	"$B/assay" throughput -e "$engine" --batch "$batch" --prompt-tokens 8 --output-tokens "$tokens" --runs "$runs" --format jsonl --no-progress -o "$dir/$name" "$@" >/dev/null 2>"$dir/err" ||
		[ $? -eq 4 ] || { cat "$dir/err"; exit 1; }
}
# of NAME METRIC FIELD: from results.jsonl; note NAME FIELD: of the worker's own account; used NAME: cores that assay's process used, median of its
# samples, for between the runs it probes the machine
of() { sed -n "s/.*\"metric\":\"$2\".*\"$3\":\([^,]*\),.*/\1/p" "$dir/$1/results.jsonl"; }
note() { sed -n "s/.*\"$2\": \([0-9]*\).*/\1/p" "$dir/$1/result.json" | head -n 1; }
used() { sed -n '/"name": "process_cpu"/,/"values"/s/.*"values": \[\(.*\)\].*/\1/p' "$dir/$1/result.json" | tr ',' '\n' | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "A step whose tokens are there at once (us; mean of 40 runs of 500 steps; telling = what the worker spends in out.step)"
echo "  sequences     wall a step  telling a step     wall a token  telling a token  null engine, in process, a token"
for n in 1 8 32 256; do
	measure "w$n" "$worker" $n 500 40
	measure "n$n" null $n 500 40 --max-num-seqs 256
	awk -v n=$n -v run="$(note "w$n" run_ns)" -v tell="$(note "w$n" report_ns)" -v runs="$(note "w$n" runs)" -v null="$(of "n$n" output_tok_s value)" 'BEGIN {
		s = 1000 * runs * 500; printf "  %9d  %14.1f  %14.1f  %15.3f  %15.3f  %32.3f\n", n, run / s, tell / s, run / s / n, tell / s / n, 1e6 / null }'
done

measure probe "$worker" 1 100 3 --engine-opt hash_mib=8
mib=$(awk -v t="$(of probe tpot_ms value)" 'BEGIN { m = int(80 / t + 0.5); print m < 1 ? 1 : m }')
echo
echo "Read lag at steps of about 10 ms (us; 5 runs of 100 steps), and the CPU time of assay's own process"
echo "  sequences  the engine            step ms     p50     p99   telling   assay's CPU"
for n in 1 256; do
	for how in step_ms=10 "hash_mib=$mib"; do
		measure "l$n$how" "$worker" $n 100 5 --engine-opt "$how"
		case $how in step*) what='sleeps' ;; *) what='uses every CPU' ;; esac
		awk -v n=$n -v what="$what" -v step="$(of "l$n$how" tpot_ms value)" -v a="$(of "l$n$how" read_lag_ms p50)" -v b="$(of "l$n$how" read_lag_ms p99)" -v run="$(note "l$n$how" run_ns)" \
			-v tell="$(note "l$n$how" report_ns)" -v used="$(used "l$n$how")" 'BEGIN { printf "  %9d  %-18s  %9.2f  %6.0f  %6.0f  %6.2f %%  %8.2f %% of a core\n", n, what, step, 1000 * a, 1000 * b, 100 * tell / run, 100 * used }'
	done
done

echo
echo "Is the engine slowed? The same work on every CPU, told each step (A) or at the end (B), in turn, at most $pairs pairs"
for n in 1 256; do
	"$B/assay" pairs --experiment throughput --a "-e $worker --engine-opt emit=step" --b "-e $worker --engine-opt emit=final" \
		--with "--engine-opt hash_mib=$mib --batch $n --prompt-tokens 8 --output-tokens 100 --runs 3" --metrics tpot_ms,wall_s --max-pairs "$pairs" --no-progress -o "$dir/p$n" >"$dir/p$n.txt" 2>&1 ||
		{ [ $? -ge 2 ] && { tail -n 3 "$dir/p$n.txt"; exit 1; }; }
	echo "  $n sequences"
	awk '/^(metric|tpot_ms|wall_s)/ { print "    " $0 }' "$dir/p$n.txt"
done
