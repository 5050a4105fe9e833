#!/bin/bash
# run.sh BUILD: the tests of the sidecar, one file after the other; each prints its totals.
#
# TEST, RUN_ROUNDS and PATIENCE are for them. Needs python3.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${1:?folder of the build}")
status=0
for tests in tests/run/check_*.py; do
	timeout --kill-after=10 "${RUN_TIMEOUT:-400}" python3 "$tests" "$build/flightspan" "$build/asm" </dev/null || status=1
done
exit $status
