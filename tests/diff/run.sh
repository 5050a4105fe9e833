#!/bin/bash
# run.sh BUILD: our reading of traces against `go tool trace`, two traces at a time.
#
# BUILD holds asm and the *_check programs; PROGRAM is the program under test. Prints a line per
# failure and the totals. Without Go 1.25 or newer it says so and does nothing. JOBS (2) is
# how many run at a time; SHARED_TRACES a folder of more traces, *.trace.zst.
set -u

B=$1
HERE=$(dirname "$0")
TOP=$HERE/../..
JOBS=${JOBS:-2}
: "${PROGRAM:?}" "${SHARED_TRACES:=$TOP/../shared/traces}"
export LC_ALL=C TZ=UTC PROGRAM HERE

minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt 25 ]; then
	echo "SKIP check-diff: needs Go 1.25 or newer, found ${minor:+1.}${minor:-none}"
	exit 0
fi
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT
export WORK
GO_TRACE=$(timeout 300 go tool -n trace) || exit 1
export GO_TRACE
results=$WORK/results
list=$WORK/list
: >"$results"
: >"$list"

result()
{
	printf '%s\n' "$1" >>"$results"
}

# add NAME TRACE: to be compared in both modes.
add()
{
	printf '%s\n%s\n%s\n' parsed "$1" "$2" wire "$1" "$2" >>"$list"
}

# An expectation about one trace apart from Go: expect NAME TRACE ok|fail [TEXT]
expect()
{
	timeout 100 "$PROGRAM" dump "$2" >/dev/null 2>"$WORK/err"
	status=$?
	if [ "$3" = ok ] && [ $status -ne 0 ]; then
		result "FAIL expect $1: refused: $(cat "$WORK/err")"
	elif [ "$3" = fail ] && [ $status -ne 1 ]; then
		result "FAIL expect $1: not refused"
	elif [ "$3" = fail ] && ! grep -qF -- "${4:-}" "$WORK/err"; then
		result "FAIL expect $1: says: $(cat "$WORK/err")"
	else
		result "ok expect $1"
	fi
}

# The largest first, so that the two jobs end together.
if [ -d "$SHARED_TRACES" ]; then
	find "$SHARED_TRACES" -maxdepth 1 -name '*.trace.zst' -size +1k -printf '%s %p\n' |
		sort -rn | cut -d' ' -f2- >"$WORK/shared"
	while read -r f; do
		add "shared/$(basename "$f" .trace.zst)" "$f"
	done <"$WORK/shared"
else
	echo "SKIP check-diff: no shared traces, SHARED_TRACES=$SHARED_TRACES"
fi

for package in sort context; do
	if timeout 200 go test -short -count=1 -o "$WORK/$package.test" \
		-trace "$WORK/$package.trace" $package >"$WORK/out" 2>&1; then
		add "go-test/$package" "$WORK/$package.trace"
	else
		result "FAIL record $package: $(tail -n 1 "$WORK/out")"
	fi
done

add demo "$TOP/deploy/example/demo.trace.zst"
for f in "$TOP"/tests/data/good/*.trace.zst; do
	add "good/$(basename "$f" .trace.zst)" "$f"
done
for f in "$TOP"/tests/data/bad/*.trace "$TOP"/tests/data/bad/*.trace.zst; do
	add "bad/$(basename "$f" .zst)" "$f"
done

# Our own cases: a line "# expect: ok" or "# expect: fail TEXT" in each.
for f in "$TOP"/tests/data/asm/*.txt; do
	name=asm/$(basename "$f" .txt)
	trace=$WORK/$(basename "$f" .txt).trace
	if ! "$B/asm" "$f" "$trace"; then
		result "FAIL assemble $name"
		continue
	fi
	add "$name" "$trace"
	read -r want text <<<"$(sed -n 's/^# expect: //p' "$f")"
	expect "$name" "$trace" "${want:-none}" "$text"
done

# One trace a row; the unit test knows what each has to give. See tests/unit/test_rules.c.
mkdir "$WORK/rules"
cat "$TOP"/tests/data/rules/*.txt | awk -v dir="$WORK/rules" '
	/^=== / { close(out); out = dir "/" $2 ".txt"; first = 1; next }
	!out { next }
	first && !/^Trace/ { print "Trace Go1.26\nGeneration gen=1" >out }
	{ first = 0; print >out }'
for f in "$WORK"/rules/*.txt; do
	name=rules/$(basename "$f" .txt)
	if "$B/asm" "$f" "${f%.txt}.trace"; then
		add "$name" "${f%.txt}.trace"
	else
		result "FAIL assemble $name"
	fi
done

# The cases of each toolchain, taken out of their archives, for the readers of all of them.
references=()
for toolchain in ${TOOLCHAINS:-local go1.27.3}; do
	export GOTOOLCHAIN=$toolchain
	if ! version=$(timeout 300 go env GOVERSION 2>/dev/null); then
		echo "SKIP check-diff: toolchain $toolchain cannot be had"
		continue
	fi
	references+=("$(timeout 300 go tool -n trace)")
	mkdir "$WORK/$version"
	for f in "$(go env GOROOT)"/src/internal/trace/testdata/tests/*.test; do
		name=toolchain/$version/$(basename "$f" .test)
		base=$WORK/$version/$(basename "$f" .test)
		awk '/^-- .* --$/ { on = $2 == "trace"; next } on' "$f" >"$base.txt"
		if ! "$B/asm" "$base.txt" "$base.trace"; then
			result "FAIL assemble $name"
			continue
		fi
		case $(sed -n '/^-- expect --$/{n;p;}' "$f") in
		SUCCESS) expect "$name" "$base.trace" ok ;;
		FAILURE*) expect "$name" "$base.trace" fail ;;
		*) result "FAIL expect $name: no expectation in the archive" ;;
		esac
	done
done
unset GOTOOLCHAIN
for f in "$WORK"/go1.*/*.trace; do
	name=toolchain/${f#"$WORK"/}
	for reference in "${references[@]}"; do
		for mode in parsed wire; do
			printf '%s\n' "$mode" "${name%.trace}" "$f" "$reference"
		done
	done
done | xargs -P "$JOBS" -n 4 -d '\n' "$HERE/compare.sh" >>"$results" ||
	result "FAIL compare: a comparison broke off"

xargs -P "$JOBS" -n 3 -d '\n' "$HERE/compare.sh" <"$list" >>"$results" ||
	result "FAIL compare: a comparison broke off"

# Wall times in other zones, once.
for zone in Asia/Kolkata America/St_Johns; do
	TZ=$zone "$HERE/compare.sh" parsed "$zone" "$TOP/tests/data/good/empty-go1.26.trace.zst"
done >>"$results"

# Where equal times end up, on random arrays; and which runes are quoted.
for check in timesort printable; do
	if timeout 200 go run "$HERE/$check.go" >"$WORK/in" &&
		timeout 100 "$B/${check}_check" <"$WORK/in" >"$WORK/out"; then
		result "ok $check"
	else
		result "FAIL $check: $(head -n 1 "$WORK/out")"
	fi
done

grep '^FAIL' "$results"
failed=$(grep -c '^FAIL' "$results")
echo "check-diff: $(grep -c '^ok' "$results") passed, $failed failed"
[ "$failed" -eq 0 ]
