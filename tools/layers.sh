#!/bin/sh
# Checks the floors of docs/architecture.md: a folder includes only folders on lower lines. Prints TAP.
cd "$(dirname "$0")/.." || exit 1
bad=$(grep -rn '^#include "[a-z_]*/' src --include='*.c' --include='*.h' | awk -F: '
BEGIN { n = split("base draw core net nn metrics workload telemetry engine analysis result report experiment cmd", r, " "); for (i = 1; i <= n; i++) rank[r[i]] = i }
{ split($1, p, "/"); room = p[2]; split($3, q, "\""); split(q[2], s, "/"); inc = s[1];
  if (!(room in rank)) next;
  if (!(inc in rank) || inc != room && (rank[inc] > rank[room] || (room == "experiment" && (inc == "report" || inc == "result" || inc == "draw")))) print $1 ":" $2 ": " room " may not include " inc }')
if [ -n "$bad" ]; then echo "$bad"; echo "not ok 1 - layering"; exit 1; fi
echo "ok 1 - layering"
