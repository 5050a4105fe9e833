#!/bin/sh
# Records demo.trace.zst: one snapshot of the example service under its own
# load, in which one order waits for another one's stock lock. Needs go and
# zstd; takes well under a minute.
set -eu

cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# -trimpath keeps this machine's folders out of the recorded stacks.
timeout 300 go build -trimpath -o "$tmp/orders" .

trace=
for try in 1 2 3; do
	rm -rf "$tmp/snapshots"
	timeout 60 "$tmp/orders" -listen 127.0.0.1:0 -snapshots "$tmp/snapshots" \
		-drive 8 -drive-for 20s -once >"$tmp/path" || continue
	snapshot=$(cat "$tmp/path")
	timeout 120 go tool trace -d=parsed "$snapshot" >"$tmp/events" || continue
	if awk -f story.awk "$tmp/events"; then
		trace=$snapshot
		break
	fi
	echo "record.sh: try $try has no order that waited for another one" >&2
done
if [ -z "$trace" ]; then
	echo "record.sh: no snapshot with the story in it" >&2
	exit 1
fi

zstd -19 -q "$trace" -o "$tmp/demo.trace.zst"
raw=$(wc -c <"$trace")
packed=$(wc -c <"$tmp/demo.trace.zst")
if [ "$packed" -ge 1000000 ]; then
	echo "record.sh: $packed bytes compressed is too large" >&2
	exit 1
fi
mv "$tmp/demo.trace.zst" demo.trace.zst
echo "demo.trace.zst: $raw bytes, $packed compressed"
