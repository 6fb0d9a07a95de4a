#!/bin/sh
# Prints how far the embedded engine is from reference logits: a row for each model and dtype, a column for each instruction
# set and number of threads. A cell is the largest difference of any logit; "~" marks a greedy token that differs within the
# dtype's limit (a tie), "FAIL" what the check refuses, "-" an instruction set that this CPU lacks. Status 1 on any FAIL.
#   tools/golden_table.sh [FOLDER]   FOLDER holds directories as in tests/golden (default: ASSAY_GOLDEN, else ../shared/golden,
#                                    else tests/golden); FOLDER-smollm2 is taken too, with the fetched model (f32 only)
# DTYPES, ISAS, THREADS (lists) narrow the table; B is the build folder.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
assay=${B:-$here/build}/assay
case $assay in /*) ;; *) assay=$here/$assay ;; esac
root=${1:-${ASSAY_GOLDEN:-}}
for r in "$here/../shared/golden" "$here/../../shared/golden" "$here/tests/golden"; do [ -d "$root" ] || root=$r; done
[ -x "$assay" ] || { echo "golden_table: $assay is not built: run make" >&2; exit 2; }
dtypes=${DTYPES:-f32 bf16 f16} isas=${ISAS:-scalar avx2 avx512 amx} threads=${THREADS:-1 2}

# Every line of every check, with its column in front; "none COLUMN" for an instruction set that is not here.
check() { # dtype, isa, threads, arguments of models check
	d=$1 i=$2 t=$3
	shift 3
	out=$("$assay" models check --dtype "$d" --isa "$i" -t "$t" "$@" 2>/dev/null)
	case $? in
	0 | 1) echo "$out" | sed "s/^/$i-$t /" ;;
	2) echo "none $i-$t" ;;
	*) echo "broken $i-$t $d"; "$assay" models check --dtype "$d" --isa "$i" -t "$t" "$@" >/dev/null ;;
	esac
}

columns=
for i in $isas; do for t in $threads; do columns="$columns $i-$t"; done; done
{
	for i in $isas; do
		for t in $threads; do
			for d in $dtypes; do check "$d" "$i" "$t" "$root"/*/; done
			[ -d "$root-smollm2" ] && "$assay" models show smollm2 >/dev/null 2>&1 && check f32 "$i" "$t" -m smollm2 "$root-smollm2"
		done
	done
} | awk -v columns="$columns" '
	$1 == "none" { lacks[$2] = 1; next }
	$1 == "broken" { bad++; print "golden_table: " $3 " on " $2 ": the check could not run" >"/dev/stderr"; next }
	$NF == "PASS" || $NF == "FAIL" {
		row = sprintf("%-16s %-5s", $2, $3)
		if (!(row in seen)) { seen[row] = ++rows; name[rows] = row; limit[rows] = $8 }
		at = seen[row] SUBSEP $1
		cell[at] = $NF == "PASS" ? sprintf("%.1e", $7) : "FAIL"
		n++
		bad += $NF == "FAIL"
		next
	}
	/a tie at this precision/ { if (cell[at] !~ /~$/) cell[at] = cell[at] "~"; ties++ }
	END {
		k = split(columns, col, " ")
		printf "%-16s %-5s %8s", "model", "dtype", "limit"
		for (c = 1; c <= k; c++) printf " %9s", col[c]
		print ""
		for (r = 1; r <= rows; r++) {
			printf "%s %8s", name[r], limit[r]
			for (c = 1; c <= k; c++) printf " %9s", (r SUBSEP col[c]) in cell ? cell[r SUBSEP col[c]] : "-"
			print ""
		}
		printf "%d checks, %d failed, %d ties among greedy tokens (~); columns: instruction set - threads\n", n, bad, ties
		exit bad || !n
	}'
