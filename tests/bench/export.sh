#!/bin/bash
# Spans per second into a socket, beside OpenTelemetry's Go exporter.
#
#   export.sh FLIGHTSPAN BENCH_SEND EXPORT [SNAPSHOT...]
#
# For each snapshot the same spans go, gzipped, to a sink on the loopback that unpacks
# nothing: from our batches, from the Go SDK's exporter in batches of 512 (the SDK's
# default) and of 8192 (ours), and by the whole program, which reads, maps, encodes,
# queues and sends. The best of three runs each, in turn.
set -u -o pipefail
flightspan=$1 bench_send=$2 export=$3
shift 3
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# It ends with this shell, whose end it has on its standard input.
coproc SINK { exec "$export" sink; }
read -r port <&"${SINK[0]}" || exit 1

# rate SPANS SECONDS
rate() {
	awk -v n="$1" -v s="$2" 'BEGIN { printf "%.0f\n", n / s }'
}

# best of what three times COMMAND... print as spans and seconds
best() {
	local n s r top=0
	for _ in 1 2 3; do
		read -r n s < <("$@") || return 1
		r=$(rate "$n" "$s")
		[ "$r" -gt "$top" ] && top=$r
	done
	echo "$top"
}

# The whole program; $1: the snapshot.
whole() {
	local start end
	rm -f "$tmp"/queue.db*
	start=$(date +%s%N)
	timeout 120 "$flightspan" convert -q -c "$tmp/config.yaml" "$1" >&2 || return 1
	end=$(date +%s%N)
	echo "$spans $(((end - start) / 1000000))" | awk '{ print $1, $2 / 1000 }'
}

cat >"$tmp/config.yaml" <<TEXT
exporters: [{ name: sink, otlp: { endpoint: "http://127.0.0.1:$port" } }]
queue: { path: $tmp/queue.db }
TEXT
printf '%-24s %9s %12s %12s %12s %12s  spans/s\n' snapshot spans ours 'whole, queue' 'SDK 512' 'SDK 8192'
for snapshot in "$@"; do
	timeout 120 "$flightspan" convert -q --format otlp-proto -o "$tmp/spans.pb" "$snapshot" || exit 1
	read -r spans _ < <(timeout 120 "$export" sdk "$tmp/spans.pb" "$port" 8192)
	printf '%-24s %9s %12s %12s %12s %12s\n' "$(basename "$snapshot" .trace.zst)" "$spans" \
		"$(best timeout 120 "$bench_send" "$tmp/spans.pb" "$port")" "$(best whole "$snapshot")" \
		"$(best timeout 120 "$export" sdk "$tmp/spans.pb" "$port" 512)" "$(best timeout 120 "$export" sdk "$tmp/spans.pb" "$port" 8192)"
done
