#!/bin/sh
# How near the embedded engine comes to the machine: decode at batch 1 as a share of the read bandwidth, prefill as a share of the
# GEMM peak, both probed before and after in the same run (MBU and MFU: assay explain mbu mfu).
# usage: engine.sh [MODEL:DTYPE...]
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
[ $# -gt 0 ] || set -- gpt2:f32 gpt2:bf16 qwen2.5-0.5b:bf16
printf '%-14s %-5s %12s %12s %7s %7s  %s\n' model dtype 'prefill t/s' 'decode t/s' MFU MBU verdict
for m in "$@"; do
	model=${m%:*} dtype=${m#*:}
	"$B/assay" latency -m "$model" --dtype "$dtype" --prompt-tokens 512 --output-tokens 64 --runs 6 -o "$dir/$model-$dtype" --no-progress >/dev/null
	awk -F' *[|] *' -v m="$model" -v d="$dtype" '
		/^Verdict:/ { split($0, v, "[*]+"); verdict = v[2] }
		$2 == "Prefill rate" { p = $3 } $2 == "Decode rate" { t = $3 } $2 == "MBU (decode)" { b = $3 } $2 == "MFU (prefill)" { f = $3 }
		END { printf "%-14s %-5s %12s %12s %7s %7s  %s\n", m, d, p, t, f, b, verdict }' "$dir/$model-$dtype/report.md"
done
