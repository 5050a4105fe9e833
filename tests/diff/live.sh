#!/bin/bash
# live.sh: traces recorded now, by two toolchains, as Go and we read them.
#
# Records recordings.txt, every program of tests/programs and of the toolchain's testdata with each
# of TOOLCHAINS ("local go1.27.3") and hands them to compare.sh, two at a time (JOBS). PROGRAM is
# the program under test. A trace is compared with the `go tool trace` that belongs to the
# toolchain which recorded it, and up to BOTH_BYTES with that of the others, too. It reaches us as a
# file, through a pipe, and compressed by zstd and gzip in turn. FULL=1: all that recordings.txt
# has, all references, all ways in. Recordings are kept in LIVE (build/live) and used again; FRESH=1
# records anew.
set -u

HERE=$(dirname "$0")
TOP=$HERE/../..
JOBS=${JOBS:-2}
FULL=${FULL:-}
: "${PROGRAM:?}" "${TOOLCHAINS:=local go1.27.3}" "${BOTH_BYTES:=200000}" "${LIVE:=$TOP/build/live}"
export LC_ALL=C TZ=UTC PROGRAM HERE

minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt 25 ]; then
	echo "SKIP check-live: needs Go 1.25 or newer, found ${minor:+1.}${minor:-none}"
	exit 0
fi
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT
export WORK
[ -z "${FRESH:-}" ] || rm -rf "$LIVE"
mkdir -p "$LIVE"
results=$WORK/results
: >"$results"

# in_turn SCRIPT LIST: a process for each line, its words parted by tabs.
in_turn()
{
	# shellcheck disable=SC2016 # the inner shell expands it
	xargs -P "$JOBS" -d '\n' -n 1 bash -c 'IFS="	" read -ra words <<<"$1"; exec "$0" "${words[@]}"' \
		"$1" <"$2" >>"$results" || echo "FAIL $1 broke off" >>"$results"
}

# What to record with the toolchain at hand: OUT, KIND, NAME, GODEBUG, ARG.
list_recordings()
{
	local dir=$1 name f
	for f in "$(go env GOROOT)"/src/internal/trace/testdata/testprog/*.go; do
		name=$(basename "$f" .go)
		[ -z "$no_cgo" ] || ! grep -q '^import "C"' "$f" || continue
		printf '%s\ttestprog\t%s\t-\n' "$dir/testprog/$name.trace" "$name"
	done
	[ -n "$no_cgo" ] || printf '%s\tcgo\tcgo\t-\n' "$dir/programs/cgo.trace"
	"$PROGRAMS/programs" -list | while IFS='	' read -r name _; do
		settings=-
		case $name in
		generations) settings=traceadvanceperiod=60000000 ;; # nanoseconds
		allocfree) settings=traceallocfree=1 ;;
		esac
		printf '%s\tprogram\t%s\t%s\n' "$dir/programs/$name.trace" "$name" "$settings"
	done
	grep -v '^#' "$HERE/recordings.txt" | while IFS='	' read -r when kind name settings args; do
		[ "$when" = always ] || [ -n "$FULL" ] || continue
		f=$dir/$kind/${name//\//-}
		[ "$settings" = - ] || f=$f-$settings
		[ "$when" = always ] || f=$f-full
		printf '%s\t%s\t%s\t%s%s\n' "$f.trace" "$kind" "$name" "$settings" "${args:+	$args}"
	done
}

build_programs()
{
	(
		cd "$TOP/tests/programs" || exit 1
		export GOWORK=off
		timeout 300 go build -o "$PROGRAMS/programs" . || exit 1
		[ -n "$no_cgo" ] || timeout 300 go build -o "$PROGRAMS/cgo" ./cgo
	)
}

no_cgo=
if [ "$(go env CGO_ENABLED)" != 1 ] || ! command -v "$(go env CC)" >/dev/null; then
	echo "SKIP check-live: no C compiler for the programs that need cgo"
	no_cgo=1
fi
versions=()
references=()
for toolchain in $TOOLCHAINS; do
	export GOTOOLCHAIN=$toolchain
	if ! version=$(timeout 300 go env GOVERSION 2>/dev/null); then
		echo "SKIP check-live: toolchain $toolchain cannot be had"
		continue
	fi
	export PROGRAMS=$WORK/programs-$version
	mkdir "$PROGRAMS"
	if ! reference=$(timeout 300 go tool -n trace) || ! build_programs; then
		echo "FAIL check-live: $version does not build its trace tool, or our programs"
		exit 1
	fi
	list_recordings "$LIVE/$version" >"$WORK/list-$version"
	in_turn "$HERE/record.sh" "$WORK/list-$version"
	versions+=("$version")
	references+=("$reference")
done

# Each trace in both modes with one or more references, in the ways that are its turn.
ways=(file pipe zstd gzip)
turn=0
for i in "${!versions[@]}"; do
	while IFS='	' read -r trace _; do
		[ -s "$trace" ] || continue
		name=live/${trace#"$LIVE"/}
		for j in "${!references[@]}"; do
			[ "$i" = "$j" ] || [ -n "$FULL" ] ||
				[ "$(stat -c %s "$trace")" -le "$BOTH_BYTES" ] || continue
			for mode in parsed wire; do
				way=${ways[turn++ % 4]}
				[ -z "$FULL" ] || [ "$i" != "$j" ] || way=${ways[*]}
				printf '%s\t%s\t%s\t%s\t%s\n' "$mode" "${name%.trace}" "$trace" \
					"${references[j]}" "$way"
			done
		done
	done <"$WORK/list-${versions[i]}"
done >"$WORK/comparisons"
in_turn "$HERE/compare.sh" "$WORK/comparisons"

wanted=$(wc -l <"$WORK/comparisons")
got=$(grep -cE '^(ok|FAIL) (parsed|wire) ' "$results")
[ "$got" -eq "$wanted" ] || echo "FAIL $wanted comparisons were wanted, $got made" >>"$results"
grep '^FAIL' "$results"
failed=$(grep -c '^FAIL' "$results")
for version in "${versions[@]}"; do
	echo "$version: $(find "$LIVE/$version" -name '*.trace' | wc -l) traces," \
		"$(find "$LIVE/$version" -name '*.trace' -printf '%s\n' | awk '{ n += $1 } END { printf "%.1f", n / 1e6 }') MB"
done
echo "check-live: $(grep -c '^ok' "$results") passed, $failed failed"
[ "$failed" -eq 0 ]
