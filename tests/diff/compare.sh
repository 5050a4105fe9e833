#!/bin/bash
# compare.sh MODE NAME TRACE [GO_TRACE [WAYS]]: one trace read by us and by Go, MODE being parsed
# or wire.
#
# Equal output byte for byte, and both refuse or both accept. Prints one line, "ok" or "FAIL"
# and what differs. Called by run.sh and live.sh, which set PROGRAM, WORK and HERE, and GO_TRACE
# unless it is given. WAYS are how the trace gets to us, one or more of: file, or compressed and
# through a pipe by zstd or gzip, or as it is (pipe).
#
# Of a trace over LARGE bytes, whose text has gigabytes, only digests are kept and compared.
#
# The reference's wire dump ends silently where the last record is cut off; ours says so. Any other
# trace on which the two differ on purpose is listed in unlike.txt, and must differ.
set -u

mode=$1
name=$2
trace=$3
go_trace=${4:-${GO_TRACE:?}}
: "${PROGRAM:?}" "${WORK:?}" "${HERE:?}"
read -ra ways <<<"${5:-file}"
LARGE=${LARGE:-100000000}
work=$(mktemp -d "$WORK/compare.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

verdict()
{
	printf '%s\n' "$1 $mode $name${2:+: $2}"
	exit 0
}

plain=$trace
case $trace in
*.zst)
	plain=$work/trace
	zstd -dcq "$trace" >"$plain" || verdict FAIL "zstd cannot decompress it"
	;;
esac

bytes=$(stat -c %s "$plain")
more=$((bytes / 1000000)) # seconds

# Standard input, or what tells it from another, at $1.
keep()
{
	if [ "$bytes" -gt "$LARGE" ]; then
		sha256sum >"$1"
	else
		cat >"$1"
	fi
}

case $mode in
wire) flags=--wire ;;
*) flags= ;;
esac

# Our dump of the trace from file or standard input, at $1.
# shellcheck disable=SC2086 # no flags is no argument
dump()
{
	timeout $((100 + more)) "$PROGRAM" dump $flags "$2" 2>"$1.err" | keep "$1"
	return "${PIPESTATUS[0]}"
}

read_by()
{
	case $1 in
	file) dump "$2" "$trace" ;;
	pipe) zstd -dcfq "$plain" | dump "$2" - ;; # as it is, for it is not compressed
	zstd) zstd -1 -cq "$plain" | dump "$2" - ;;
	gzip) gzip -1 -c "$plain" | dump "$2" - ;;
	esac
}

read_by "${ways[0]}" "$work/ours"
ours=$?
for way in "${ways[@]:1}"; do
	read_by "$way" "$work/again"
	[ $? -eq $ours ] || verdict FAIL "another exit status by $way"
	cmp -s "$work/ours" "$work/again" || verdict FAIL "another dump by $way"
done
timeout $((170 + 4 * more)) "$go_trace" -d="$mode" "$plain" 2>"$work/go.err" | keep "$work/go"
theirs=${PIPESTATUS[0]}

# One error line tells a refusal; a warning may come before it.
[ "$ours" -le 1 ] || verdict FAIL "exit status $ours"
[ "$(grep -c 'error: ' "$work/ours.err")" -eq "$ours" ] ||
	verdict FAIL "exit status $ours, but: $(head -n 1 "$work/ours.err")"
[ "$theirs" -ne 124 ] || verdict FAIL "Go took too long"

why=
if [ "$ours" -eq 0 ] && [ "$theirs" -ne 0 ]; then
	why="only Go refuses: $(head -n 1 "$work/go.err")"
elif [ "$ours" -ne 0 ] && [ "$theirs" -eq 0 ] &&
	! { [ "$mode" = wire ] && grep -q 'is cut off' "$work/ours.err"; }; then
	why="only we refuse: $(head -n 1 "$work/ours.err")"
elif ! cmp -s "$work/ours" "$work/go"; then
	why="output differs: $(cmp "$work/ours" "$work/go" 2>&1 | sed 's/^[^:]*differ: //')"
fi

if grep -q "^$mode	$name	" "$HERE/unlike.txt"; then
	[ -n "$why" ] || verdict FAIL "equal, but unlike.txt lists it"
	why=
fi
[ -z "$why" ] || verdict FAIL "$why"
verdict ok
