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
exit $bad
