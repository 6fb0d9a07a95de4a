#!/bin/sh
# Runs fuzz targets (paths as arguments) for FUZZ_SECONDS each, FUZZ_JOBS at a time, on a copy of their seeds. Prints a TAP
# line each and "N passed, N failed, N skipped"; keeps what crashed in FUZZ_BUILD/found. Status 1 on any finding.
# With the first argument --one it runs one target and writes its verdict.
set -u
: "${FUZZ_SECONDS:=30}" "${FUZZ_JOBS:=2}" "${FUZZ_BUILD:=build/fuzz}"
export FUZZ_SECONDS FUZZ_JOBS FUZZ_BUILD

one() {
	name=${1##*/fuzz_}
	corpus=$FUZZ_BUILD/corpus/$name log=$FUZZ_BUILD/$name.log dict=''
	mkdir -p "$corpus" "$FUZZ_BUILD/found"
	[ -d "fuzz/corpus/$name" ] && cp -R "fuzz/corpus/$name/." "$corpus/"
	[ -f "fuzz/$name.dict" ] && dict=-dict=fuzz/$name.dict
	# shellcheck disable=SC2086 # no dictionary is no argument
	"$1" -max_total_time="$FUZZ_SECONDS" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$FUZZ_BUILD/found/$name-" $dict "$corpus" >"$log" 2>&1 &&
		[ "$(grep -c '^SUMMARY: .*Sanitizer' "$log")" = 0 ]
	echo $? >"$FUZZ_BUILD/$name.status"
}

if [ "${1:-}" = --one ]; then
	one "$2"
	exit 0
fi
for t in "$@"; do rm -f "$FUZZ_BUILD/${t##*/fuzz_}.status"; done
printf '%s\n' "$@" | xargs -P "$FUZZ_JOBS" -n 1 sh "$0" --one
pass=0 fail=0
echo "1..$#"
for t in "$@"; do
	name=${t##*/fuzz_}
	log=$FUZZ_BUILD/$name.log
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" 2>/dev/null)
	if [ "$(cat "$FUZZ_BUILD/$name.status" 2>/dev/null)" = 0 ]; then
		pass=$((pass + 1))
		echo "ok $((pass + fail)) - fuzz $name: ${runs:-?} runs in $FUZZ_SECONDS s"
	else
		fail=$((fail + 1))
		echo "not ok $((pass + fail)) - fuzz $name"
		grep -n -E 'SUMMARY|runtime error|ERROR|Test unit written|DEDUP' "$log" | head -n 10
		tail -n 25 "$log"
	fi
done
echo "$pass passed, $fail failed, 0 skipped"
[ $fail -eq 0 ]
