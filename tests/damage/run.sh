#!/bin/bash
# run.sh PROGRAM: the program on damaged traces, in little memory, then under valgrind.
set -eu

program=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

for trace in deploy/example/demo.trace.zst tests/data/good/generations-go1.2[236].trace.zst; do
	timeout 600 python3 tests/damage/damage.py "$program" "$trace" "$work" || status=1
done
if ! command -v valgrind >/dev/null; then
	echo "SKIP check-damage: under valgrind; deploy/setup deps ci installs it"
	exit $status
fi
for trace in tests/data/good/generations-go1.2[26].trace.zst tests/data/good/cpuprofile-go1.26.trace.zst; do
	VALGRIND=1 timeout 600 python3 tests/damage/damage.py "$program" "$trace" "$work" || status=1
done
exit $status
