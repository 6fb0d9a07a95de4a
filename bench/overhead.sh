#!/bin/sh
# What assay itself costs: the null engine answers at once, so the wall time of a run is the tool's own work:
# submitting, polling, stamping, recording. Prints us per request and per token by batch size.
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$B/assay" throughput -e null --batch 1,16,64,256,1024 --max-num-seqs 1024 --prompt-tokens 128 --output-tokens 128 --runs 20 --format csv -o "$dir/r" --no-progress >/dev/null || [ $? -eq 4 ] || exit 1
echo "assay's own cost (null engine, 128 output tokens a request, median of 20 runs)"
awk -F, 'NR > 1 && $3 != "" { print $1, $3, $4, $6 }' "$dir/r/throughput_results.csv" | sort -k1,1n -k2,2g | awk '
	function put() { if (n) { w = wall[int((n + 1) / 2)]; printf "  batch %5d  %8.2f us per request  %6.3f us per token\n", batch, 1e6 * w / req, 1e6 * w / tok } }
	$1 != batch { put(); n = 0; batch = $1 }
	{ wall[++n] = $2; req = $3; tok = $4 }
	END { put() }'
/usr/bin/time -f '  start to first result: %e s wall, %M KiB' "$B/assay" latency -e null --runs 1 -o "$dir/s" --no-progress 2>&1 >/dev/null | tail -n 1
