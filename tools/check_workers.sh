#!/bin/sh
# The worker files against stand-ins of their engines (tests/workers/stubs). Prints TAP; skipped where there is no Python.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null 2>&1 || { echo "ok 1 - # SKIP python3 is not there"; exit 0; }
PYTHONDONTWRITEBYTECODE=1 exec python3 tests/workers/test_stubs.py
