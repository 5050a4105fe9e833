#!/bin/bash
# run.sh fuzz|replay BUILD NAME...: fuzz targets over tests/fuzz/corpus/NAME.
#
# fuzz runs each of BUILD/fuzz_NAME for its share of FUZZ_SECONDS (60), beginning with the corpus
# and the traces of tests/data; what breaks it stays in BUILD/crashes. replay runs BUILD/replay_NAME
# over the same inputs once. ASM is the assembler, BUILD/asm if unset; FUZZ_KEEP is a folder that
# takes new inputs.
set -u

mode=$1
B=$2
shift 2
TOP=$(dirname "$0")/../..
: "${FUZZ_SECONDS:=60}" "${FUZZ_KEEP:=}" "${ASM:=$B/asm}"
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT

# seeds NAME: the inputs to begin with, into $WORK/NAME.
seeds()
{
	mkdir -p "$WORK/$1"
	[ ! -d "$TOP/tests/fuzz/corpus/$1" ] || cp "$TOP/tests/fuzz/corpus/$1"/* "$WORK/$1"
	case $1 in
	reader | asm | generation | tables) ;;
	*) return ;;
	esac
	mkdir -p "$WORK/text"
	cp "$TOP"/tests/data/asm/*.txt "$WORK/text"
	cat "$TOP"/tests/data/rules/*.txt | awk -v dir="$WORK/text" '
		/^=== / { close(out); out = dir "/" $2 ".txt"; first = 1; next }
		!out || /^#/ { next }
		first && !/^Trace/ { print "Trace Go1.26\nGeneration gen=1" >out }
		{ first = 0; print >out }'
	if [ "$1" = asm ]; then
		cp "$WORK"/text/*.txt "$WORK/asm"
		return
	fi
	for f in "$WORK"/text/*.txt; do
		to=$WORK/$1/$(basename "$f" .txt)
		"$ASM" "$f" "$to" || exit 1
		case $1 in
		generation) # the version's number, then what is behind the header
			version=$(head -c 7 "$to" | tail -c 2)
			index=$(((version > 22) + (version > 23) + (version > 25)))
			# shellcheck disable=SC2059 # the byte is spelled in the format
			{ printf "\\$(printf %03o "$index")" && tail -c +17 "$to"; } >"$WORK/one" &&
				mv "$WORK/one" "$to"
			;;
		tables) # as one part of strings: most records are refused, to begin with
			{ head -c 16 "$to" && printf '\0\377\377' && tail -c +17 "$to"; } >"$WORK/one" &&
				mv "$WORK/one" "$to"
			;;
		esac
	done
	[ "$1" = reader ] || return
	for f in "$TOP"/tests/data/bad/*.trace; do
		cp "$f" "$WORK/reader"
	done
}

failed=0
for name; do
	seeds "$name"
	n=$(find "$WORK/$name" -type f | wc -l)
	if [ "$mode" = replay ]; then
		if find "$WORK/$name" -type f -print0 |
			timeout 300 xargs -0 "$B/replay_$name" >"$WORK/out" 2>&1; then
			echo "replay $name: $n inputs passed"
		else
			tail -n 20 "$WORK/out"
			echo "replay $name: FAILED"
			failed=1
		fi
		continue
	fi
	share=$((FUZZ_SECONDS / $# > 0 ? FUZZ_SECONDS / $# : 1))
	mkdir -p "$B/crashes"
	if timeout $((share + 120)) "$B/fuzz_$name" -max_total_time=$share -max_len=8192 \
		-timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix="$B/crashes/$name-" "$WORK/$name" >"$WORK/out" 2>&1; then
		echo "fuzz $name: $n inputs, then" \
			"$(sed -n 's/^stat::number_of_executed_units: *//p' "$WORK/out") runs in ${share}s"
	else
		tail -n 40 "$WORK/out"
		echo "fuzz $name: FAILED, see $B/crashes"
		failed=1
	fi
	if [ -n "$FUZZ_KEEP" ]; then
		mkdir -p "$FUZZ_KEEP/$name"
		cp "$WORK/$name"/* "$FUZZ_KEEP/$name"
	fi
done
exit $failed
