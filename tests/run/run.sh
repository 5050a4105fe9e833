#!/bin/bash
# run.sh BUILD: the tests of the sidecar; each file prints its totals.
#
# They mostly wait (a live trace comes once a second), so the files run at the same time.
# TEST, RUN_ROUNDS and PATIENCE are for them. Needs python3.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${1:?folder of the build}")
work=$(mktemp -d) || exit 1
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
status=0
declare -A runs
for tests in tests/run/check_*.py; do
	timeout --kill-after=10 "${RUN_TIMEOUT:-400}" python3 "$tests" "$build/flightspan" "$build/asm" \
		</dev/null >"$work/${tests##*/}" 2>&1 &
	runs[$tests]=$!
done
for tests in tests/run/check_*.py; do
	wait "${runs[$tests]}" || status=1
	cat "$work/${tests##*/}"
done
exit $status
