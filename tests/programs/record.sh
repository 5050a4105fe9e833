#!/bin/sh
# Records the programs of this folder into OUTDIR, as NAME-go1.NN.trace.zst,
# and reads each back with "go tool trace". Needs go and zstd.
#
#   record.sh OUTDIR [NAME...]
#
# Without names: all of them with the default toolchain, or, if TOOLCHAINS is
# set to a list like "go1.22.12 go1.25.10", a part of them with each of those.
# A toolchain that cannot be had is skipped with one line.
set -eu

max_bytes=40000 # of one trace before compression
part="annotations names late sync channels syscalls fanout gc generations coroutines recorder"

if [ $# -lt 1 ]; then
	echo "usage: [TOOLCHAINS=\"go1.NN.N ...\"] record.sh OUTDIR [NAME...]" >&2
	exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
export GOWORK=off

# The runtime settings that a program wants.
settings() {
	case $1 in
	generations) echo traceadvanceperiod=60000000 ;; # nanoseconds
	allocfree) echo traceallocfree=1 ;;
	esac
}

# One trace of program $1. How often the runtime yields while it sweeps is
# chance, so a large one is recorded anew.
record() {
	for try in 1 2 3 4 5 6 7 8 9 10; do
		GODEBUG=$(settings "$1") timeout 30 "$tmp/programs" -run "$1" -o "$tmp/trace" || return 1
		[ "$(wc -c <"$tmp/trace")" -gt $max_bytes ] || return 0
	done
	echo "record.sh: $1 is over $max_bytes bytes, $try times" >&2
	return 1
}

# misuse is there to be refused; everything else must be read.
check() {
	if timeout 60 go tool trace -d=parsed "$tmp/trace" >"$tmp/events" 2>"$tmp/error"; then
		[ "$1" != misuse ] && return 0
		echo "record.sh: $1 was read, but should be refused" >&2
	else
		[ "$1" = misuse ] && return 0
		echo "record.sh: $1 was not read: $(head -n 1 "$tmp/error")" >&2
	fi
	return 1
}

for toolchain in ${TOOLCHAINS:-default}; do
	build=go
	if [ "$toolchain" != default ]; then
		build="env GOTOOLCHAIN=$toolchain go"
	fi
	# shellcheck disable=SC2086 # $build is words
	if ! version=$(timeout 300 $build env GOVERSION 2>"$tmp/error"); then
		echo "record.sh: SKIPPED toolchain $toolchain: cannot be had" >&2
		continue
	fi
	# -trimpath keeps this machine's folders out of the recorded stacks.
	# shellcheck disable=SC2086
	timeout 300 $build build -trimpath -o "$tmp/programs" .
	"$tmp/programs" -list | cut -f 1 >"$tmp/names"

	if [ $# -gt 0 ]; then
		names=$*
	elif [ "$toolchain" = default ]; then
		names=$(grep -vx misuse "$tmp/names")
	else
		names=$part
	fi
	for name in $names; do
		if ! grep -qx "$name" "$tmp/names"; then
			echo "record.sh: SKIPPED $name: not in $version" >&2
			continue
		fi
		record "$name"
		check "$name"
		file=$name-$(echo "$version" | cut -d . -f 1,2).trace.zst
		zstd -19 -q -f "$tmp/trace" -o "$tmp/$file"
		mv "$tmp/$file" "$out/$file"
		echo "$file $(wc -c <"$tmp/trace") $(wc -c <"$out/$file")"
	done
done
