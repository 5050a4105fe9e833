#!/bin/bash
# run.sh PROGRAM: the queue on disk under kill -9, a full disk and a stop.
#
# Real traces go through "convert -c" and a queue in a file to two receivers that write down
# every span they acknowledge (sink.py). Compared are sets of (trace id, span id, SHA-256 of
# the span's bytes) with what "convert -o" writes. Rounds are killed at random points:
#   QUEUE_ROUNDS   how many (200)      SEED   of the random numbers, printed
# Needs python3; the full disk needs a mount namespace, and is skipped loudly without.
set -u -o pipefail

cd "$(dirname "$0")/../.." || exit 1
F=$(realpath "${1:?the program to test}")
here=$PWD/tests/queue
top=$PWD
rounds=${QUEUE_ROUNDS:-200}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
work=$(mktemp -d)
passed=0
failed=0
sinks=()
unset "${!OTEL_@}" http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export LC_ALL=C TZ=UTC

cleanup()
{
	local pid
	for pid in "${sinks[@]}"; do
		kill "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

ok()
{
	passed=$((passed + 1))
	echo "ok    $*"
}

fail()
{
	failed=$((failed + 1))
	echo "FAIL  $*"
}

# start_sink NAME: a receiver; its port in $port, what it takes in $work/NAME.log.
start_sink()
{
	local i
	tail -f /dev/null --pid=$$ | python3 "$here/sink.py" "$work/$1.port" "$work/$1.log" &
	sinks+=($!)
	for ((i = 0; i < 500; i++)); do
		[ -s "$work/$1.port" ] && break
		sleep 0.02
	done
	port=$(cat "$work/$1.port")
}

# What `convert` makes of the files, as the sink writes it down.
expect()
{
	"$F" convert -q --format otlp-proto -o "$work/expected.pb" "$@" &&
		python3 - "$work/expected.pb" <<'PY' | sort -u
import hashlib, importlib.util, sys
sys.argv, path = ["sink", "", "/dev/null"], sys.argv[1]
text = open(__import__("os").environ["SINK"]).read().rsplit("main()\n", 1)[0]
exec(text)
data = open(path, "rb").read()
at = 0
while at < len(data):
    size = int.from_bytes(data[at : at + 4], "big")
    for span in spans(data[at + 4 : at + 4 + size]):
        ids = dict((n, v) for n, v in fields(span) if n in (1, 2))
        print(ids[1].hex(), ids[2].hex(), hashlib.sha256(span).hexdigest())
    at += 4 + size
PY
}
export SINK=$here/sink.py

# same NAME: everything expected is in the log and nothing else; prints what differs.
same()
{
	sort -u "$work/$1.log" >"$work/$1.set"
	diff "$work/expected.set" "$work/$1.set" >"$work/$1.diff" && return 0
	head -n 5 "$work/$1.diff"
	return 1
}

config()
{
	cat <<YAML
exporters:
  - { name: one, otlp: { endpoint: "http://127.0.0.1:$one", compression: none } }
  - { name: two, otlp: { endpoint: "http://127.0.0.1:$two" } }
queue: { path: "$1", min_free: 0, max_size: ${2:-1GiB}, flush: 2s }
YAML
}

files=()
for f in "$top"/tests/data/good/*.trace.zst; do
	files+=("$f")
done
files+=("$top/deploy/example/demo.trace.zst")

# A life is a queue that is killed at random points until a run comes to its end; then its
# spans are compared, and the next one begins. As many lives as fit into the rounds.
life_over()
{
	same one && same two || return 1
	"$F" queue list -c "$work/killed.yaml" | grep -q '^one: 0 spans queued, 0 in dead letters$' || return 1
	lives=$((lives + 1))
	twice=$((twice + $(wc -l <"$work/one.log") - $(wc -l <"$work/expected.set")))
}

killed()
{
	local i pid n=0 status lives=0 twice=0
	config "$work/queue.db" >"$work/killed.yaml"
	for ((i = 0; i < rounds; i++)); do
		"$F" convert -q -c "$work/killed.yaml" "${files[@]}" >/dev/null 2>>"$work/killed.err" &
		pid=$!
		sleep "0.$(printf '%03d' $((RANDOM % 600)))"
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		status=$?
		if [ $status = 137 ]; then
			n=$((n + 1))
			continue
		fi
		[ $status = 0 ] || { tail -n 3 "$work/killed.err"; return 1; }
		life_over || return 1
		rm -f "$work"/queue.db*
		: >"$work/one.log"
		: >"$work/two.log"
	done
	timeout 120 "$F" convert -c "$work/killed.yaml" "${files[@]}" >"$work/killed.out" 2>&1
	status=$?
	[ $status = 0 ] || { cat "$work/killed.out"; return 1; }
	[ -s "$work/killed.err" ] && { head -n 3 "$work/killed.err"; return 1; }
	life_over || return 1
	echo "$n of $rounds rounds killed, $lives lives of $(wc -l <"$work/expected.set") spans, $twice came twice and equal"
}

# Killed before anything could be sent, too: the same again must not be sent again.
again()
{
	local before after
	before=$(wc -l <"$work/one.log")
	timeout 60 "$F" convert -q -c "$work/killed.yaml" "${files[@]}" || return 1
	after=$(wc -l <"$work/one.log")
	[ "$before" = "$after" ] && echo "nothing was sent again"
}

stopped()
{
	local pid status
	config "$work/stopped.db" | sed "s/:$two\"/:1\"/" >"$work/stopped.yaml"
	"$F" convert -c "$work/stopped.yaml" "${files[@]}" >"$work/stopped.out" 2>/dev/null &
	pid=$!
	sleep 3
	kill -TERM $pid
	wait $pid
	status=$?
	[ $status = 1 ] || { echo "exit status $status"; return 1; }
	awk '/ spans produced/ {
		gsub(/[^0-9=+ ]/, ""); split($0, s, "="); n = split(s[2], p, "+"); sum = 0
		for (i = 1; i <= n; i++) sum += p[i]
		split(s[1], q, " "); if (q[1] != sum) bad = 1; lines++
	} END { exit bad || lines != 2 }' "$work/stopped.out" || { cat "$work/stopped.out"; return 1; }
	grep ' spans produced' "$work/stopped.out" | tail -n 1
}

full_disk()
{
	local out
	mkdir -p "$work/small"
	if ! unshare -m true 2>/dev/null; then
		echo "SKIP check-queue: THE FULL DISK IS NOT TESTED: unshare -m is not permitted"
		return 0
	fi
	config "$work/small/queue.db" >"$work/small.yaml"
	# In a mount namespace of its own: 24 MiB, of which a file takes most, then leaves.
	# shellcheck disable=SC2016 # another shell expands it
	out=$(unshare -m bash -c '
		set -u
		mount -t tmpfs -o size=24m none "$1/small" || exit 9
		head -c 22m /dev/zero >"$1/small/ballast" || exit 8
		"$2" convert -q -c "$1/small.yaml" "${@:3}" && { echo "it did not notice"; exit 1; }
		rm "$1/small/ballast"
		timeout 100 "$2" convert -q -c "$1/small.yaml" "${@:3}" || { echo "it did not recover"; exit 1; }
	' - "$work" "$F" "${files[@]}" 2>&1)
	case $? in
	0) ;;
	9)
		echo "SKIP check-queue: THE FULL DISK IS NOT TESTED: a tmpfs cannot be mounted"
		return 0
		;;
	*)
		echo "$out"
		return 1
		;;
	esac
	grep -q 'the disk is full\|no space left' <<<"$out" || { echo "$out"; return 1; }
	same one && same two && echo "told, and everything arrived once there was room"
}

check()
{
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok "$name: $(tail -n 1 <<<"$out")"
		grep '^SKIP' <<<"$out"
	else
		fail "$name: $out"
	fi
}

echo "check-queue: SEED=$SEED"
start_sink one
one=$port
start_sink two
two=$port
if ! expect "${files[@]}" >"$work/expected.set" || [ ! -s "$work/expected.set" ]; then
	echo "FAIL  nothing to compare with"
	exit 1
fi
check "kill -9" killed
check "run again" again
: >"$work/one.log" && : >"$work/two.log"
check "full disk" full_disk
: >"$work/one.log" && : >"$work/two.log"
check "SIGTERM" stopped
echo "check-queue: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
