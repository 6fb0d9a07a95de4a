#!/bin/sh
# Workers against the reference logits, each with the environment that it would be run with (the one that `assay engines` names), or PYTHON_NAME
# (PYTHON_transformers=/path/python). An engine that is not installed is skipped, or a failure when ASSAY_REQUIRE_ENGINES names it. Prints TAP.
cd "$(dirname "$0")/.." || exit 1
golden=${ASSAY_GOLDEN:-../shared/golden}
[ -d "$golden" ] || golden=tests/golden
bad=0
for worker in workers/*.py; do
	name=$(basename "$worker" .py)
	case $name in common | toy) continue ;; esac
	eval "python=\${PYTHON_$name:-}"
	python=${python:-$("${B:-build}/assay" engines | sed -n "s|^  worker:$name  *ready: [^,]*, \([^;]*\).*|\1|p")}
	if [ -x "$python" ]; then
		python3 tests/workers/check_golden.py "$python" "$worker" "$golden"/* || bad=1
	elif case " $ASSAY_REQUIRE_ENGINES " in *" $name "*) true ;; *) false ;; esac then
		echo "not ok - $name: required, and not installed"
		bad=1
	else
		echo "ok - # SKIP $name: not installed"
	fi
done
exit $bad
