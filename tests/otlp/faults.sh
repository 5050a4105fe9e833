#!/bin/bash
# Everything that goes wrong between a snapshot and its receivers, compared by sets.
#
#   faults.sh check-faults|check-queue|soak|backlog FLIGHTSPAN
#
# Runs build/faults, which is tests/otlp/server/faults: the program with its queue against
# scripted receivers in the test's own process. One line for a fault that is handled, all there
# is to say for one that is not.
#   check-faults   the network and the receiver, for each protocol by itself
#   check-queue    kill -9, the disk, the clock, a stop; then half a minute of soak. The queue
#                  has an exporter for each protocol at once
#   soak           receivers that come and go, under load
#   TEST=Poison    only faults with that in their name
#   KILLS=500      rounds of kill -9         SEED=1   of the random numbers, which is printed
#   backlog        a receiver that is away until much waits for it
#   SOAK=10m       how long                  BACKLOG=10000   MB of OTLP
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
what=$1

if ! [ -x build/faults ]; then
	if [ "${CI:-}" = true ]; then
		echo "FAIL $what: no Go 1.25 or newer" >&2
		exit 1
	fi
	echo "SKIP $what: install Go 1.26 or newer"
	exit 0
fi

case $what in
check-faults) tests=(-test.run "${TEST:-.}" -test.skip '^TestQueue|^TestSoak|^TestBacklog' -test.parallel 12) limit=590s ;;
check-queue) tests=(-test.run "${TEST:-^TestQueue|^TestSoak}" -test.skip '^Test[0-9]' -test.parallel 6) limit=590s ;;
soak) tests=(-test.run '^TestSoak') limit=3h ;;
backlog) tests=(-test.run '^TestBacklog' -backlog "${BACKLOG:-10000}") limit=3h ;;
*) exit 2 ;;
esac

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
for n in 3000 12000; do
	build/bigtrace "$tmp/$n.trace" $n || exit 1
done
status=0
TMPDIR=$tmp timeout "$limit" build/faults -flightspan "$(realpath "$2")" \
	-shim "$(realpath "$(dirname "$2")/shim.so")" -bigtrace "$(realpath build/bigtrace)" \
	-small deploy/example/demo.trace.zst -mid "$tmp/3000.trace" -big "$tmp/12000.trace" \
	${KILLS:+-kills "$KILLS"} ${SEED:+-seed "$SEED"} ${SOAK:+-soak "$SOAK"} \
	-test.v "${tests[@]}" -test.timeout "$limit" >"$tmp/log" 2>&1 || status=1
# Leaves of the tree of tests: a line that is not followed by one further in.
leaves() {
	awk '/^ *--- [A-Z]+: / {
		match($0, /-/)
		if (line != "" && RSTART <= at) print line
		line = $0; at = RSTART
	} END { if (line != "") print line }' "$tmp/log" | sed -e 's/^ *--- //' | sort
}
leaves
grep -hE '^ *[a-z_]*\.go:[0-9]*: (seed|SKIP|SEEN)' "$tmp/log" | sed -e 's/^ *[a-z_]*\.go:[0-9]*: //'
good=$(leaves | grep -c '^PASS')
bad=$(leaves | grep -c '^FAIL')
if [ $status != 0 ]; then
	grep -vE '^ *(---|===)' "$tmp/log"
	[ "$bad" -gt 0 ] || bad=1
fi
echo "$what: $good passed, $bad failed"
[ $status = 0 ] && [ "$good" -gt 0 ]
