#!/bin/sh
# Does `assay pairs` cry wolf on this machine? A configuration against itself, COUNT times, 10 pairs each. An alarm is a comparison that calls a
# metric faster, slower, better or worse; docs/compare.md says how many to expect (at most 3 of 20).
# usage: aa.sh [COUNT [OPTIONS OF BOTH SIDES]]
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
count=${1:-20}
with=${2:--m smollm2 --prompt-tokens 64 --output-tokens 16 --runs 5}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
alarms=0 i=0
while [ $i -lt "$count" ]; do
	i=$((i + 1))
	"$B/assay" pairs --a '-e cpu' --b '-e cpu' --with "$with" --max-pairs 10 --no-progress -o "$dir/$i" >"$dir/$i.txt" || { tail -n 3 "$dir/$i.txt"; exit 1; }
	if grep -q -E '"verdict": "(FASTER|SLOWER|BETTER|WORSE)"' "$dir/$i/comparison.json"; then alarms=$((alarms + 1)) said=ALARM; else said=quiet; fi
	printf '%3d  %-5s  %s\n' $i $said "$(awk '/^[a-z_0-9]+ / && $4 ~ /%$/ { printf "%s %s ", $1, $4 }' "$dir/$i.txt")"
	rm -rf "${dir:?}/$i"
done
echo "$alarms alarms in $count comparisons of a configuration with itself (10 pairs each: $with)"
