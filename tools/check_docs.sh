#!/bin/sh
# Holds the documentation to the program: the metrics page is what the program prints, the result schema is
# valid JSON, every relative link in README and docs/ leads somewhere. Prints TAP.
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
n=0 bad=0
tap() { # name, status
	n=$((n + 1))
	if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else bad=1; echo "not ok $n - $1"; fi
}
"$B/assay" explain --markdown | cmp - docs/metrics.md
tap "docs/metrics.md is what explain --markdown prints (else: $B/assay explain --markdown >docs/metrics.md)" $?
missing=$(for f in README.md docs/*.md; do
	grep -o '](\([^)#:]*\))' "$f" | tr -d '()]' | while read -r to; do
		[ -e "$(dirname "$f")/$to" ] || echo "$f: $to"
	done
done)
[ -z "$missing" ]
tap "links lead somewhere $missing" $?
# "fault code" of each row of the fake worker: what it is named by, or what becomes of the point
wrong=$(sed -n 's/^	{ "\([a-z_]*:[a-z_0-9]*\)", \([A-Z]*\), "\([a-z_]*\).*/\1 \2 \3/p' tests/unit/test_worker.c | while read -r fault where code; do
	case $where in FINE) named='measured all the same' ;; LIMIT) named='limit of the point' ;; *) named="\`$code\`" ;; esac
	grep -F "| $named |" docs/worker-protocol.md | grep -qF "\`$fault\`" || echo "$fault: $named"
done)
rows=$(grep -c '^	{ "[a-z_]*:[a-z_0-9]*", [A-Z]*, "' tests/unit/test_worker.c)
told=$(sed -n '/^### Tried/,$p' docs/worker-protocol.md | grep '^|' | grep -o '`[a-z]*:[a-z_0-9]*`' | sort -u | wc -l)
[ -z "$wrong" ] && [ "$rows" -gt 0 ] && [ "$rows" -eq "$told" ]
tap "the table of worker faults is that of tests/unit/test_worker.c: $rows rows, $told told $wrong" $?
exit $bad
