#!/bin/sh
# Runs test programs that print TAP, shows what failed or was skipped, and ends with one line:
# "N passed, N failed, N skipped". A program that dies or prints no plan counts as a failure.
# (cmocka 1.1.5 writes a skipped test as "not ok N # SKIP name".)
export CMOCKA_MESSAGE_OUTPUT=TAP
pass=0 fail=0 skip=0
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
for t in "$@"; do
	name=$(basename "$t")
	case $t in *.sh) sh "$t" >"$tmp" 2>&1 ;; *.py) /usr/bin/python3 "$t" >"$tmp" 2>&1 ;; *) "$t" >"$tmp" 2>&1 ;; esac
	rc=$?
	s=$(grep -c -E '^(not )?ok .*# SKIP' "$tmp")
	p=$(grep -E '^ok ' "$tmp" | grep -vc '# SKIP')
	f=$(grep -E '^not ok ' "$tmp" | grep -vc '# SKIP')
	if [ $rc -ne 0 ] && [ "$f" -eq 0 ]; then f=1; echo "not ok - $name ended with status $rc" >>"$tmp"; fi
	if [ $((p + f + s)) -eq 0 ]; then f=1; echo "not ok - $name ran no test" >>"$tmp"; fi
	if [ "$f" -gt 0 ]; then echo "--- $name"; tail -n 60 "$tmp"; else echo "ok $name ($p passed, $s skipped)"; fi
	grep -E '^(not )?ok .*# SKIP' "$tmp" | sed "s/.*# SKIP */  skipped: $name: /"
	pass=$((pass + p)) fail=$((fail + f)) skip=$((skip + s))
done
echo "$pass passed, $fail failed, $skip skipped"
[ $fail -eq 0 ]
