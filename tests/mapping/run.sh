#!/usr/bin/env bash
# The mapping against its slow twin (oracle.py), on every trace there is.
#   tests/mapping/run.sh FLIGHTSPAN
# FULL=1 takes traces over 2 MB too: minutes each in Python.
set -u
flightspan=${1:?usage: run.sh FLIGHTSPAN}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TZ=UTC
cat >"$work/unlimited.yaml" <<'YAML'
mapping: { limits: { spans_per_trace: 1000000, bytes_per_trace: 64MiB, events_per_span: 65536 } }
YAML
passed=0 failed=0
for trace in "$here"/../data/good/*.zst "$here"/../../deploy/example/demo.trace.zst \
	"$here"/../../../shared/traces/*.trace.zst; do
	[ -f "$trace" ] || continue
	if [ -z "${FULL:-}" ] && [ "$(stat -c %s "$trace")" -gt 2000000 ]; then
		continue
	fi
	if timeout 120 "$flightspan" dump "$trace" >"$work/dump.txt" &&
		timeout 120 "$flightspan" convert -q -c "$work/unlimited.yaml" \
			-o "$work/spans.jsonl" "$trace" &&
		timeout 300 python3 "$here/oracle.py" "$work/dump.txt" "$work/spans.jsonl" \
			"$trace" >"$work/report"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $(basename "$trace")"
		cat "$work/report"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
