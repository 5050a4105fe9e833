#!/bin/bash
# Everything that goes wrong between an exporter and a receiver, compared by sets.
#
#   faults.sh FLIGHTSPAN
#
# Runs build/faults, which is tests/otlp/server/faults: the program with its queue
# against a scripted receiver in the test's own process, for each protocol. One line
# for a fault that is handled, all there is to say for one that is not.
#   TEST=Poison   only faults with that in their name
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1

if ! [ -x build/faults ]; then
	if [ "${CI:-}" = true ]; then
		echo "FAIL check-faults: no Go 1.25 or newer" >&2
		exit 1
	fi
	echo "SKIP check-faults: install Go 1.26 or newer"
	exit 0
fi

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
build/bigtrace "$tmp/big.trace" 12000 || exit 1
status=0
TMPDIR=$tmp timeout 600 build/faults -flightspan "$(realpath "$1")" -small deploy/example/demo.trace.zst \
	-big "$tmp/big.trace" -test.v -test.parallel 12 -test.timeout 580s ${TEST:+-test.run "$TEST"} \
	>"$tmp/log" 2>&1 || status=1
# Leaves of the tree of tests: a protocol, and what it was.
leaf='^ *--- [A-Z]*: .*\(protobuf\|json\|grpc\) ('
grep "$leaf" "$tmp/log" | sed -e 's/^ *--- //' | sort
good=$(grep "$leaf" "$tmp/log" | grep -c -- '--- PASS')
bad=$(grep "$leaf" "$tmp/log" | grep -c -- '--- FAIL')
if [ $status != 0 ]; then
	grep -vE '^ *(---|===)' "$tmp/log"
	[ "$bad" -gt 0 ] || bad=1
fi
echo "check-faults: $good passed, $bad failed"
[ $status = 0 ] && [ "$good" -gt 0 ]
