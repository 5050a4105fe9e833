#!/bin/bash
# variants.sh BUILD: thousands of traces that no program recorded so, against Go's own reader.
#
# BUILD holds the program `variants`, which makes them from real traces: with clocks that disagree
# between threads, and damaged. It reads them with our reader and passes both on to Go's reader,
# all in one process. FIRST (0) and COUNT (6000, or 60000 with FULL=1) say which numbers of each
# kind; the same number is the same variant. JOBS (2) pairs of processes run at a time. A variant
# that fails is left in FAILED (build/variants). Fails, too, if Go's reader hardly ever had to
# wait or refuse: then the test would prove nothing.
set -u

B=$1
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$HERE/../..
JOBS=${JOBS:-2}
FIRST=${FIRST:-0}
COUNT=${COUNT:-$([ -n "${FULL:-}" ] && echo 60000 || echo 6000)}
FAILED=${FAILED:-$TOP/build/variants}
KINDS=${KINDS:-clocks damage}
export LC_ALL=C TZ=UTC GOTOOLCHAIN=local

minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt 25 ]; then
	echo "SKIP check-variants: needs Go 1.25 or newer, found ${minor:+1.}${minor:-none}"
	exit 0
fi
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT
rm -rf "$FAILED"
mkdir -p "$FAILED"

# The reference, with a counter where it has to wait. Its place in the toolchain lets it see
# the package that is internal there; nothing is written to the toolchain.
internal=$(go env GOROOT)/src/internal/trace
sed 's/^\(\t*\)slices\.SortFunc(r\.frontier, .*/\1noteWait(r.frontier)\n&/' "$internal/reader.go" \
	>"$WORK/reader.go"
if [ "$(grep -c noteWait "$WORK/reader.go")" -ne 1 ]; then
	echo "FAIL check-variants: no place for the counter in $internal/reader.go"
	exit 1
fi
cat >"$WORK/overlay.json" <<EOF
{"Replace": {
	"$internal/reader.go": "$WORK/reader.go",
	"$internal/waits.go": "$HERE/reference/waits.go",
	"$internal/flightspan/main.go": "$HERE/reference/main.go"
}}
EOF
if ! timeout 200 go build -overlay "$WORK/overlay.json" -o "$WORK/reference" \
	internal/trace/flightspan; then
	echo "FAIL check-variants: the reference does not build"
	exit 1
fi

# Traces of many threads are what waits and ties are about: some more of those.
bases=("$TOP"/tests/data/good/*.trace.zst)
for _ in 1 2 3 4; do
	bases+=("$TOP"/tests/data/threads/*.trace.zst)
done
names=()
for base in "${bases[@]}"; do
	names+=("$(basename "$base" .trace.zst)")
done

# run_variants KIND OUT: all variants of a kind, OUT.N is what process N has to say.
run_variants()
{
	local each=$((COUNT / JOBS)) job running=()
	for ((job = 0; job < JOBS; job++)); do
		{
			timeout 900 "$B/variants" "$1" $((FIRST + job * each)) "$each" "${bases[@]}" |
				timeout 900 "$WORK/reference" "$FAILED" "$HERE/unlike.txt" "${names[@]}"
			status="${PIPESTATUS[*]}"
			[ "$status" = "0 0" ] || echo "FAIL $1: the processes ended with $status"
		} >"$2.$job" 2>&1 &
		running+=($!)
	done
	wait "${running[@]}"
}

for kind in $KINDS; do
	run_variants "$kind" "$WORK/$kind"
	grep -hv '^sum ' "$WORK/$kind".*
	cat "$WORK/$kind".* | awk -v kind="$kind" -v count=$((COUNT / JOBS * JOBS)) '
		function fail(why) { print "FAIL " kind ": " why; failed++ }
		/^sum / {
			variants += $2; failed += $3; refused += $4; panics += $5
			waited += $6; waits += $7; tied += $8; lines += $9
		}
		/^FAIL .*: the processes/ { failed++ }
		END {
			printf "%s: %d variants, %d lines; refused %d; with waits %d, waits %d, ", kind, \
				variants, lines, refused, waited, waits
			printf "sorts of equal times over 12 threads %d; Go panics %d\n", tied, panics
			if (variants < count) fail(count - variants " variants are missing")
			if (kind == "clocks" && waited < count / 3) fail("too few variants with waits")
			if (kind == "clocks" && tied < count) fail("too few sorts of equal times")
			if (kind == "clocks" && refused > count / 4) fail("too many are refused")
			if (kind == "damage" && refused < count / 2) fail("too few are refused")
			passed = variants > failed ? variants - failed : 0
			printf "check-variants, %s: %d passed, %d failed\n", kind, passed, failed
			exit failed > 0
		}' || bad=1
done
[ -z "${bad:-}" ]
