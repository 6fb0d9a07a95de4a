#!/bin/sh
# Workers against the reference logits, each with the environment that it would be run with (the one that `assay engines` names), or PYTHON_NAME
# (PYTHON_transformers=/path/python). ASSAY_NANOVLLM_SOURCE names a checkout of nano-vLLM, which is then run in the environment of transformers. An engine that is
# not installed is skipped, or a failure when ASSAY_REQUIRE_ENGINES names it. Prints TAP.
cd "$(dirname "$0")/.." || exit 1
golden=${ASSAY_GOLDEN:-../shared/golden}
[ -d "$golden" ] || golden=tests/golden
bad=0
ready() { "${B:-build}/assay" engines | sed -n "s|^  worker:$1  *ready: [^,]*, \([^;]*\).*|\1|p"; }
for worker in workers/*.py; do
	name=$(basename "$worker" .py)
	case $name in common | toy) continue ;; esac
	eval "python=\${PYTHON_$name:-}"
	python=${python:-$(ready "$name")}
	source=
	if [ "$name" = nanovllm ] && [ -n "$ASSAY_NANOVLLM_SOURCE" ]; then
		source=$ASSAY_NANOVLLM_SOURCE
		python=${python:-$(ready transformers)}
	fi
	if [ -x "$python" ]; then
		WORKER_OPTS=${source:+source=$source} python3 tests/workers/check_golden.py "$python" "$worker" "$golden"/* || bad=1
		[ "$name" != transformers ] || WORKER_OPTS=batching=continuous python3 tests/workers/check_golden.py "$python" "$worker" "$golden"/* || bad=1
		if [ "$name" = nanovllm ]; then
			python3 tests/workers/check_nanovllm.py "$python" "$worker" $source || bad=1
		fi
	elif case " $ASSAY_REQUIRE_ENGINES " in *" $name "*) true ;; *) false ;; esac then
		echo "not ok - $name: required, and not installed"
		bad=1
	else
		echo "ok - # SKIP $name: not installed$([ "$name" = nanovllm ] && echo ", and ASSAY_NANOVLLM_SOURCE names no checkout of it")"
	fi
done
exit $bad
