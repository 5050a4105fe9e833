#!/bin/bash
# run.sh PROGRAM: the command line as a person or a script meets it.
#
# Exit statuses, the exact text on standard error, what is left behind after a failure, and
# that what convert writes is OTLP JSON whose spans hang together (spans.jq). Prints a line
# per failure and the totals. Needs jq, zstd and gzip.
set -eu

cd "$(dirname "$0")"
here=$PWD
cd ../..
top=$PWD
F=$(realpath "${1:?the program to test}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
ln -s "$top/tests/data" data
ln -s "$top/deploy/example/demo.trace.zst" demo.trace.zst

# Nothing from outside: neither settings nor languages.
unset "${!OTEL_@}"
export LC_ALL=C TZ=UTC
passed=0
failed=0

ok()
{
	passed=$((passed + 1))
}

fail()
{
	failed=$((failed + 1))
	printf 'FAIL cli: %s\n' "$*"
}

# check NAME COMMAND...: passes if the command does.
check()
{
	local name=$1
	shift
	if "$@" >check.out 2>&1; then
		ok
	else
		fail "$name: $(head -n 3 check.out)"
	fi
}

# try NAME STATUS STDERR ARGUMENT...: run the program; leaves `out` and `err`. Standard input
# is the file $IN.
IN=/dev/null
try()
{
	local name=$1 want=$2 says=$3 got=0
	shift 3
	timeout 60 "$F" "$@" <"$IN" >out 2>err || got=$?
	if [ "$got" != "$want" ]; then
		fail "$name: exit status $got, expected $want: $(head -n 1 err)"
	elif [ "$(cat err)" != "$says" ]; then
		fail "$name: says \"$(cat err)\", expected \"$says\""
	else
		ok
	fi
}

E='flightspan: error:'
W='flightspan: warning:'
usage_convert=$("$F" help convert | sed -n 's/^Usage: /usage: /p')
small=data/good/annotations-go1.26.trace.zst
empty=data/good/empty-go1.26.trace.zst

# Usage.
try "help" 0 '' help
cp out overview
try "no arguments" 2 "$(cat overview)"
for option in --help -h; do
	try "$option" 0 '' "$option"
	check "$option is help" cmp out overview
done
try "version" 0 '' version
check "version names itself" grep -q '^flightspan [0-9]*\.[0-9]*\.[0-9]' out
cp out version
try "--version" 0 '' --version
check "--version is version" cmp out version
sed -n 's/^  \([a-z]*\)  .*/\1/p' overview | grep -vx help >commands
check "the overview has commands" test -s commands
while read -r command; do
	try "help $command" 0 '' help "$command"
	cp out help
	check "help $command begins with its usage" grep -q "^Usage: flightspan $command" help
	try "$command --help" 0 '' "$command" --help
	check "$command --help is its help" cmp out help
done <commands
try "unknown command" 2 "$E no command named nope; flightspan help lists them" nope
try "help of an unknown command" 2 "$E no command named nope; flightspan help lists them" help nope
try "convert of nothing" 2 "$E convert: expected at least one file; $usage_convert" convert
for option in --nope -x; do
	try "convert $option" 2 "$E convert: unknown option $option; $usage_convert" \
		convert "$option" "$small"
done
for option in -o --output --endpoint --protocol --compression --retry-for -c --format; do
	try "convert $option alone" 2 "$E convert: $option needs a value; $usage_convert" \
		convert "$option"
done
try "an unknown format" 2 \
	"$E convert: --format xml: expected otlp-json or otlp-proto; $usage_convert" \
	convert --format xml "$small"
try "an endpoint that is none" 2 "$E the endpoint must begin with http:// or https://" \
	convert --endpoint localhost:4318 "$small"

# A library that is broken: only what needs it fails.
mkdir broken
: >broken/libcurl.so.4
export LD_LIBRARY_PATH=$work/broken
try "stats without libcurl" 0 '' stats "$small"
try "convert to a file without libcurl" 0 '' convert -o without "$small"
try "convert to a receiver without libcurl" 1 \
	"$E cannot load libcurl, which sends and fetches: $work/broken/libcurl.so.4: file too short" \
	convert --endpoint http://127.0.0.1:4318 "$small"
try "version without libcurl" 0 '' version
check "and says so" grep -q 'libcurl missing' out
unset LD_LIBRARY_PATH
try "an unknown protocol" 2 \
	"$E --protocol udp: key exporters[0].otlp.protocol: expected one of http/protobuf, http/json, grpc" \
	convert --endpoint http://127.0.0.1:1 --protocol udp "$small"
try "an unknown compression" 2 \
	"$E --compression br: key exporters[0].otlp.compression: expected one of none, gzip, zstd" \
	convert --endpoint http://127.0.0.1:1 --compression br "$small"
try "a protocol for nobody" 2 "$E convert: --protocol needs --endpoint; $usage_convert" \
	convert --protocol grpc "$small"
for time in 20 -1s soon 99999999h; do
	try "retry for $time" 2 \
		"$E convert: --retry-for $time: expected a duration such as 90s; $usage_convert" \
		convert --retry-for "$time" --endpoint http://127.0.0.1:1 "$small"
done
try "a missing configuration" 2 "$E none.yaml: No such file or directory" \
	convert -c none.yaml "$small"
try "dump of nothing" 2 "$E dump: expected one file; usage: flightspan dump [--wire | --salvage] FILE" dump
try "dump of two" 2 "$E dump: expected one file; usage: flightspan dump [--wire | --salvage] FILE" \
	dump "$small" "$small"
try "dump --nope" 2 "$E dump: unknown option --nope; usage: flightspan dump [--wire | --salvage] FILE" \
	dump --nope "$small"
for shell in bash zsh fish; do
	try "completion $shell" 0 '' completion "$shell"
	check "completion $shell names commands" grep -q convert out
done
try "completion of a shell that is not known" 2 \
	"$E completion: ksh: expected bash, zsh or fish; usage: flightspan completion bash|zsh|fish" completion ksh
echo 'admin: { listen: "127.0.0.1:1" }' >nobody.yaml
try "health of nobody" 1 "$E nobody answers at 127.0.0.1:1: Couldn't connect to server" health -c nobody.yaml
try "health, an argument" 2 "$E health: unexpected argument x; usage: flightspan health [-c CONFIG] [--ready] [-q]" \
	health x

# Inputs that are refused, by each command that reads one.
readers="convert dump"
grep -q '^  stats ' overview && readers="$readers stats"
refused()
{
	local name=$1 says=$2 reader
	for reader in $readers; do
		try "$reader $name" 1 "$says" "$reader" "$name"
	done
}
old='is of Go 1.21 or older, which had no flight recorder; record with Go 1.22 or newer (at byte 5)'
newer='trace format go 1.99 is newer than go 1.26, read as that'
refused data/bad/empty.trace "$E data/bad/empty.trace: empty file, expected a Go execution trace (at byte 0)"
refused data/bad/not-a-trace.trace "$E data/bad/not-a-trace.trace: not a Go execution trace, expected the header \"go 1.NN trace\" (at byte 0)"
refused data/bad/cut-header.trace "$E data/bad/cut-header.trace: the file ends inside the header of a Go execution trace (at byte 9)"
refused data/bad/old-go1.11.trace "$E data/bad/old-go1.11.trace: trace format go 1.11 $old"
refused data/bad/old-go1.21.trace "$E data/bad/old-go1.21.trace: trace format go 1.21 $old"
refused data/bad/future-go1.99.trace "$W data/bad/future-go1.99.trace: $newer
$E data/bad/future-go1.99.trace: the file ends inside a batch header (at byte 16)"
refused data "$E data: is a directory, expected a file with a Go execution trace"
refused none "$E none: cannot open: No such file or directory"
refused - "$E standard input: empty file, expected a Go execution trace (at byte 0)"
head -c 3000 "$small" >cut.zst
for reader in $readers; do
	timeout 60 "$F" "$reader" cut.zst >out 2>err || :
	check "$reader of a cut .zst says so" grep -q 'cut.zst: .*the zstd data ends early' err
	check "$reader of a cut .zst says one line" [ "$(wc -l <err)" -eq 1 ]
done

# Damage after the first event: what came before it is converted, and the rest is told.
bad=data/bad/misuse-go1.26.trace.zst
why="generation 1: thread 2176: UserRegionEnd event: misuse of region: it is not the innermost one of goroutine 1 (at byte 179)"
damaged="$W $bad: damaged trace, converted up to the damage: $why"
try "damage, dump" 1 "$E $bad: $why" dump "$bad"
try "damage, convert" 0 "$damaged" convert "$bad"
check "damage, convert gives spans" jq -e '.resourceSpans[0].scopeSpans[0].spans | length > 0' out
try "damage, convert --strict" 1 "$damaged" convert --strict -o strict.jsonl "$bad"
check "damage, convert --strict leaves no file" test ! -e strict.jsonl
check "a zero exit status has no error line" grep -qv error: err

# Cut in its only generation, behind its events: they come, and what was lost is told.
zstd -dqc data/good/annotations-go1.26.trace.zst >whole.trace
head -c -700 whole.trace >cut.trace
"$F" dump whole.trace | grep '^M=' | sed '$d' >whole.txt
why=$("$F" dump cut.trace 2>&1 >/dev/null | sed "s/$E cut.trace: //")
try "cut, dump as Go" 1 "$E cut.trace: $why" dump cut.trace
check "cut, dump as Go has a sync event alone" [ "$(grep -c '^M=' out)" = 1 ]
try "cut, dump --salvage" 1 "$E cut.trace: $why" dump --salvage cut.trace
check "cut, dump --salvage has every event" \
	cmp <(grep '^M=' out | sed '1d;$d' | cut -d' ' -f1-5) <(sed 1d whole.txt | cut -d' ' -f1-5)
try "cut, convert" 0 "$W cut.trace: damaged trace, converted with what is left of its last generation: $why" convert cut.trace
check "cut, convert marks its spans" jq -se '[.[].resourceSpans[].scopeSpans[].spans[].attributes
	| select(any(.value.stringValue == "capture link") | not) | any(.key == "flightspan.salvaged")] | length > 5 and all' out
check "cut, convert names the damage" jq -se '[.[].resourceSpans[].scopeSpans[].spans[].attributes[]
	| select(.key == "flightspan.capture.damage")] | length == 1' out
try "cut, stats" 1 "$E cut.trace: $why" stats cut.trace
check "cut, stats counts and says so" grep -q 'DAMAGED: the last generation is not whole' out

# The same trace in other clothes gives the same spans. Older traces have no clock of their
# own and take the file's time, so these are of Go 1.25 and newer.
try "convert" 0 '' convert "$small"
mv out plain.jsonl
check "convert writes JSON lines" jq -e .resourceSpans plain.jsonl
zstd -qdc "$small" >plain.trace
gzip -c plain.trace >packed.trace.gz
cat "$small" >renamed
for input in plain.trace packed.trace.gz renamed; do
	try "convert $input" 0 '' convert "$input"
	sed "s/\"$input\"/\"$(basename "$small")\"/" out >same
	check "$input gives the same spans" cmp same plain.jsonl
done
sed 's/,{"key":"[^"]*","value":{"stringValue":"annotations-go1.26.trace.zst"}}//' plain.jsonl >nameless
for input in "$small" plain.trace packed.trace.gz; do
	IN=$input
	try "convert - of $input" 0 '' convert -
	check "a file as standard input gives the same spans" cmp out nameless
	IN=/dev/null
	got=0
	# shellcheck disable=SC2002 # a pipe, not a file, is what this is about
	cat "$input" | timeout 60 "$F" convert - >out || got=$?
	check "a pipe gives the same spans, status $got" cmp out nameless
done
try "convert again" 0 '' convert "$small"
check "the same bytes twice" cmp out plain.jsonl
try "convert of the demo" 0 '' convert demo.trace.zst
mv out demo.jsonl
try "convert of the demo again" 0 '' convert demo.trace.zst
check "the same bytes twice, demo" cmp out demo.jsonl

# Several files.
try "convert of two" 0 '' convert "$small" "$empty"
count()
{
	jq -n '[inputs.resourceSpans[].scopeSpans[].spans[]] | length' "$@"
}
cp out both
try "convert of the second" 0 '' convert "$empty"
check "two files, all their spans" [ "$(count both)" = "$(count plain.jsonl out)" ]
try "one of two is missing" 1 "$E none: cannot open: No such file or directory" \
	convert -o good.jsonl none "$small"
check "one of two is missing: the other is converted" cmp good.jsonl plain.jsonl
try "one of three is cut in its first generation" 1 "$W data/bad/future-go1.99.trace: $newer
$E data/bad/future-go1.99.trace: the file ends inside a batch header (at byte 16)" \
	convert -o three.jsonl "$small" data/bad/future-go1.99.trace "$empty"
check "one of three is cut: the others are converted" cmp three.jsonl both

# -o: whole or not at all, and nothing beside it.
mkdir o
try "-o" 0 '' convert -o o/spans.jsonl "$small"
check "-o writes what standard output gets" cmp o/spans.jsonl plain.jsonl
check "-o tells where the spans are" grep -q '^spans written to o/spans.jsonl (' out
try "-o -q" 0 '' convert -q -o o/spans.jsonl "$small"
check "-q says nothing" test ! -s out
echo kept >o/old
chmod 640 o/old
try "-o, refused" 1 "$E data/bad/empty.trace: empty file, expected a Go execution trace (at byte 0)" \
	convert -o o/old data/bad/empty.trace
check "-o, refused: the old file is kept" grep -qx kept o/old
try "-o, refused, new" 1 "$E none: cannot open: No such file or directory" convert -o o/new none
check "-o, refused: nothing new" [ "$(ls o)" = "$(printf 'old\nspans.jsonl')" ]
try "-o, replaced" 0 '' convert -o o/old "$small"
check "-o replaces the old file" cmp o/old plain.jsonl
check "-o keeps the mode" [ "$(stat -c %a o/old)" = 640 ]
check "-o leaves nothing else" [ "$(ls o)" = "$(printf 'old\nspans.jsonl')" ]
ln -s old o/link
try "-o through a link" 0 '' convert -o o/link "$empty"
check "-o through a link: the link stays" test -L o/link
try "-o in no folder" 1 "$E cannot create a file beside none/x: No such file or directory" \
	convert -o none/x "$small"
try "-o onto a folder" 1 "$E cannot open $(realpath o): Is a directory" convert -o o "$small"
try "-o otlp-proto" 0 '' convert -q --format otlp-proto -o o/spans.pb "$small"
check "otlp-proto is framed by its length" \
	[ "$((0x$(head -c 4 o/spans.pb | od -An -tx1 | tr -d ' ') + 4))" = "$(stat -c %s o/spans.pb)" ]

# Nowhere to write to.
full()
{
	local name=$1 says=$2 got=0
	shift 2
	timeout 60 "$F" "$@" >/dev/full 2>err || got=$?
	check "$name on a full device: status $got" [ "$got" = 1 ]
	check "$name on a full device says: $(cat err)" [ "$(cat err)" = "$says" ]
}
full convert "$E cannot write standard output: No space left on device" convert "$small"
full dump "$E $small: cannot write to standard output: No space left on device" dump "$small"
full help "$E cannot write to standard output" help
try "-o on a full device" 1 "$E cannot write /dev/full: No space left on device" \
	convert -o /dev/full "$small"
closed()
{
	local says=$1
	shift
	{ timeout 60 "$F" "$@" 2>err || echo $? >status; } | true
	check "$1 into a closed pipe: status $(cat status)" [ "$(cat status)" = 1 ]
	check "$1 into a closed pipe says: $(cat err)" [ "$(cat err)" = "$says" ]
}
closed "$E demo.trace.zst: cannot write standard output: Broken pipe" convert demo.trace.zst
closed "$E demo.trace.zst: cannot write to standard output: Broken pipe" dump demo.trace.zst

# Every good trace converts into spans that hang together.
for trace in demo.trace.zst data/good/*.trace.zst; do
	name=$(basename "$trace" .trace.zst)
	try "convert $name" 0 '' convert "$trace"
	jq -n -r -f "$here/spans.jq" out >faults 2>&1 || echo "jq failed" >>faults
	check "spans of $name: $(head -n 2 faults)" test ! -s faults
done

# The limits of the environment, and the count of what they cost.
export OTEL_ATTRIBUTE_COUNT_LIMIT=3 OTEL_SPAN_LINK_COUNT_LIMIT=0 OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=1
try "convert within limits" 0 '' convert demo.trace.zst
unset OTEL_ATTRIBUTE_COUNT_LIMIT OTEL_SPAN_LINK_COUNT_LIMIT OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT
check "the limits hold" jq -e -n '[inputs.resourceSpans[].scopeSpans[].spans[]] |
	all(.attributes | length <= 3) and all((.links // []) | length == 0) and
	all((.events // [])[].attributes // [] | length <= 1) and
	any(.droppedAttributesCount > 0) and any(.droppedLinksCount > 0)' out

# shellcheck disable=SC1091 # it is looked at by itself
. "$here/queue.sh"

echo "check-cli: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
