#!/bin/bash
# Tasks in the application's own traces, and captures that overlap, live.
#
#   run.sh FLIGHTSPAN [recorded]
#
# With "recorded", only tests/data/overlap, which such a run left behind: needs no Go.
# Runs ./live, a program with OpenTelemetry's own SDK and deploy/example/otelflight
# under a flight recorder, and checks its snapshots: every span's task is found and
# placed (check_context.py), and captures that overlap agree and send nothing twice
# (check_overlap.py). The recording in SHARED_TRACES is checked too if it is there.
# Needs Go 1.25 and, the first time, its module proxy; what is missing is one line,
# and a failure where CI is "true".
set -u -o pipefail

cd "$(dirname "$0")/../.." || exit 1
flightspan=$(realpath "${1:?usage: run.sh FLIGHTSPAN}")
shared=${SHARED_TRACES:-../shared/traces}
here=tests/context
passed=0 failed=0
export GOWORK=off GOFLAGS=-mod=readonly LC_ALL=C
unset "${!OTEL_@}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

skip() {
	if [ "${CI:-}" = true ]; then
		echo "FAIL check-context: $1" >&2
		exit 1
	fi
	echo "SKIP check-context: $1" >&2
}

# check NAME COMMAND...: its last line is shown.
check() {
	local name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		passed=$((passed + 1))
		echo "ok    $name: $(tail -n 1 "$work/out")"
	else
		failed=$((failed + 1))
		echo "FAIL  $name"
		tail -n 25 "$work/out" | sed 's/^/      /'
	fi
}

# context TRACE TRUTH
context() {
	timeout 120 "$flightspan" dump "$1" >"$work/dump.txt" &&
		timeout 120 "$flightspan" convert -q -o "$work/spans.jsonl" "$1" &&
		timeout 120 python3 $here/check_context.py "$work/spans.jsonl" "$2" "$work/dump.txt"
}

live() {
	local log n
	if ! command -v go >/dev/null || ! go version | grep -qE 'go1\.(2[5-9]|[3-9][0-9])'; then
		skip "install Go 1.25 or newer"
		return
	fi
	if ! log=$(cd $here/live && timeout 300 go list -deps . 2>&1 >/dev/null); then
		skip "OpenTelemetry's modules cannot be had: ${log##*$'\n'}"
		return
	fi
	check "the example service builds" builds
	if ! (cd $here/live && timeout 300 go build -trimpath -buildvcs=false -o "$work/live" .); then
		failed=$((failed + 1))
		return
	fi
	check "a live program" timeout 60 "$work/live" "$work"
	for n in 1 2 3 4; do
		check "spans of snapshot $n" context "$work/$n.trace" "$work/spans.json"
	done
	check "snapshots that overlap" overlap "$work"/[1-4].trace
	check "metrics" metrics
}

builds() {
	(cd deploy/example/otelflight && timeout 300 go vet .) &&
		(cd deploy/example && timeout 300 go vet . && timeout 300 go build -buildvcs=false -o "$work/orders" .)
}

# overlap TRACE...: each alone, then all at once, in three orders.
overlap() {
	local i=0 trace alone=() all=("$@") back=()
	for trace in "$@"; do
		alone+=("$work/alone-$((++i)).jsonl")
		timeout 120 "$flightspan" convert -q -o "${alone[-1]}" "$trace" || return 1
		back=("$trace" "${back[@]}")
	done
	timeout 120 "$flightspan" convert -q -o "$work/in-order.jsonl" "${all[@]}" &&
		timeout 120 "$flightspan" convert -q -o "$work/backwards.jsonl" "${back[@]}" &&
		timeout 120 "$flightspan" convert -q -o "$work/mixed.jsonl" "${all[@]:1}" "${all[0]}" "${all[1]}" &&
		timeout 120 python3 $here/check_overlap.py "${alone[@]}" -- "$work"/{in-order,backwards,mixed}.jsonl
}

# What the runtime says of itself, and each generation counted once however captures overlap.
metrics() {
	local name value each
	timeout 120 "$flightspan" convert -q --metrics "$work/5.trace" | grep resourceMetrics >"$work/metrics" || return 1
	while read -r name value; do
		grep -oE "\"$name\".{0,400}\"asInt\":\"[0-9]+\"" "$work/metrics" | grep -oE '[0-9]+"$' | tr -d '"' >"$work/value"
		if [ "$(head -n 1 "$work/value")" != "$value" ]; then
			echo "$name is $(head -n 1 "$work/value"), the runtime says $value"
			return 1
		fi
	done <"$work/metrics.txt"
	timeout 120 "$flightspan" convert -q --metrics "$work"/[1-5].trace >"$work/once" &&
		timeout 120 "$flightspan" convert -q --metrics "$work"/[1-5].trace "$work"/[1-5].trace >"$work/twice" || return 1
	each=$(grep -c resourceMetrics "$work/once")
	if [ "$(grep -c resourceMetrics "$work/twice")" != "$each" ]; then
		echo "what was counted is counted again"
		return 1
	fi
	tr '\n' ' ' <"$work/metrics.txt"
}

# Snapshots of an earlier run.
recorded() {
	local n
	zstd -qdc tests/data/overlap/spans.json.zst >"$work/truth.json" || return 1
	for n in 1 2 3 4; do
		check "spans of recorded snapshot $n" context tests/data/overlap/$n.trace.zst "$work/truth.json"
	done
	check "recorded snapshots that overlap" overlap tests/data/overlap/[1-4].trace.zst
}

recorded
if [ "${2:-}" = recorded ]; then
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
	exit
fi
live
if [ -f "$shared/otel-correlated.trace.zst" ]; then
	zstd -qdc "$shared/otel-correlated.spans.json.zst" >"$work/truth.json" &&
		check "otel-correlated" context "$shared/otel-correlated.trace.zst" "$work/truth.json"
else
	echo "SKIP check-context: no shared traces, SHARED_TRACES=$shared"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
