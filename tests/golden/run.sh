#!/bin/bash
# run.sh check|update BUILD: what the program prints for known traces, against the files here.
#
# A golden file is the dump, then on a refusal a line `exit N` and the error line; NAME.txt, or
# NAME.txt.zst where it is large. check needs no Go. update rewrites the files; where Go 1.25 or
# newer is there, it refuses to when any of them is not what `go tool trace` prints (but for
# tests/diff/unlike.txt). BUILD holds asm; PROGRAM is the program under test.
set -u

mode=$1
B=$2
GOLDEN=$(cd "$(dirname "$0")" && pwd) || exit 1
DATA=$GOLDEN/../data
HERE=$GOLDEN/../diff # for compare.sh
LARGE=8000           # bytes: from here on a golden file is compressed
: "${PROGRAM:?}"
export LC_ALL=C TZ=UTC PROGRAM HERE
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT
export WORK
mkdir "$WORK/out" "$WORK/asm"
failed=0
passed=0

fail()
{
	echo "FAIL golden $1"
	failed=$((failed + 1))
}

# dump NAME TRACE parsed|wire: into $WORK/out/NAME.txt, the trace named by its last part.
dump()
{
	flags=
	[ "$3" = parsed ] || flags=--wire
	# shellcheck disable=SC2086 # no flags is no argument
	(cd "$(dirname "$2")" && timeout 60 "$PROGRAM" dump $flags "$(basename "$2")") \
		>"$WORK/out/$1.txt" 2>"$WORK/err"
	status=$?
	if [ $status -gt 1 ]; then
		fail "$1: exit status $status"
	elif [ $status -ne 0 ] || [ -s "$WORK/err" ]; then
		echo "exit $status" >>"$WORK/out/$1.txt"
		cat "$WORK/err" >>"$WORK/out/$1.txt"
	fi
	printf '%s\n%s\n%s\n' "$3" "${4:-$1}" "$2" >>"$WORK/list"
}

dump_all()
{
	while read -r name form; do
		case $name in
		'' | '#'*) continue ;;
		esac
		file=$(basename "$name")
		[ "$form" = parsed ] || file=$file.$form
		dump "$file" "$DATA/$name.trace.zst" "$form" "$name"
	done <"$GOLDEN/traces.txt"
	for f in "$DATA"/bad/*.trace "$DATA"/bad/*.trace.zst; do
		name=$(basename "$f" .zst)
		dump "bad-${name%.trace}" "$f" parsed "bad/$name"
	done
	for f in "$DATA"/asm/*.txt; do
		name=$(basename "$f" .txt)
		if "$B/asm" "$f" "$WORK/asm/$name.trace"; then
			dump "asm-$name" "$WORK/asm/$name.trace" parsed "asm/$name"
		else
			fail "$name: cannot assemble"
		fi
	done
}

check()
{
	for f in "$WORK"/out/*.txt; do
		name=$(basename "$f")
		if [ -f "$GOLDEN/$name.zst" ]; then
			zstd -dcq "$GOLDEN/$name.zst" >"$WORK/want"
		elif [ -f "$GOLDEN/$name" ]; then
			cp "$GOLDEN/$name" "$WORK/want"
		else
			fail "$name: there is no such golden file"
			continue
		fi
		if cmp -s "$WORK/want" "$f"; then
			passed=$((passed + 1))
			continue
		fi
		fail "$name"
		diff "$WORK/want" "$f" | head -n 6
	done
	for f in "$GOLDEN"/*.txt "$GOLDEN"/*.txt.zst; do
		name=$(basename "$f" .zst)
		[ "$name" = traces.txt ] || [ -f "$WORK/out/$name" ] ||
			fail "$name: no trace belongs to it"
	done
	echo "check-golden: $passed passed, $failed failed"
	[ $failed -eq 0 ]
}

# Is every dump what Go prints?
verify()
{
	minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
	if [ "${minor:-0}" -lt 25 ]; then
		echo "WARNING golden-update: no Go 1.25 or newer, nothing is verified"
		return 0
	fi
	GO_TRACE=$(timeout 300 go tool -n trace) || return 1
	export GO_TRACE
	xargs -P 2 -n 3 -d '\n' "$HERE/compare.sh" <"$WORK/list" >"$WORK/results" || return 1
	! grep '^FAIL' "$WORK/results"
}

update()
{
	if [ $failed -ne 0 ] || ! verify; then
		echo "golden-update: nothing was written"
		return 1
	fi
	for f in "$WORK"/out/*.txt; do
		name=$(basename "$f")
		rm -f "$GOLDEN/$name" "$GOLDEN/$name.zst"
		if [ "$(wc -c <"$f")" -lt $LARGE ]; then
			cp "$f" "$GOLDEN/$name"
		else
			zstd -q -19 "$f" -o "$GOLDEN/$name.zst"
		fi
	done
	echo "golden-update: $(find "$WORK/out" -name '*.txt' | wc -l) files written"
}

: >"$WORK/list"
dump_all
case $mode in
check) check ;;
update) update ;;
*)
	echo "usage: run.sh check|update BUILD"
	exit 2
	;;
esac
