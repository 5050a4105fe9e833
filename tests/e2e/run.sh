#!/bin/bash
# Spans through a real OpenTelemetry Collector and back.
#
#   run.sh [FLIGHTSPAN]
#
# Starts the Collector of ./otelcol, sends real traces to it with "convert" and
# compares what it stored with what "convert" writes to a file: the sets of
# (trace id, span id) and the contents of every span. Loopback only, ports found
# free, one line a case. Needs Go and, the first time, its module proxy; what is
# missing is one loud line, and a failure where CI is "true".
#   TEST            only cases with this in their name
#   SHARED_TRACES   a folder of larger traces, sent too if it is there
set -u -o pipefail

cd "$(dirname "$0")/../.." || exit 1
top=$PWD
flightspan=$(realpath "${1:-build/release/flightspan}")
shared=${SHARED_TRACES:-../shared/traces}
bin=$top/build/e2e
demo=deploy/example/demo.trace.zst
cases=0 failed=0
collector='' sink=''

# The user's own settings must not reach the tests.
unset "${!OTEL_@}" "${!FLIGHTSPAN_@}" http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export LC_ALL=C GOWORK=off

skip() {
	if [ "${CI:-}" = true ]; then
		echo "FAIL check-e2e: $1" >&2
		exit 1
	fi
	echo "SKIP check-e2e: NO SPAN WAS SENT TO A COLLECTOR: $1" >&2
	exit 0
}

# ---- what the test is made of

build() {
	local version minor log
	command -v go >/dev/null || skip "install Go 1.26 or newer"
	version=$(go env GOVERSION)
	minor=${version#go1.}
	minor=${minor%%[!0-9]*}
	[ "${minor:-0}" -ge 25 ] || skip "install Go 1.26 or newer, this is $version"
	mkdir -p "$bin"
	# All that has to be fetched, so that what fails after it is our own.
	if ! log=$(cd tests/e2e && timeout 900 go list -mod=readonly -deps ./... 2>&1 >/dev/null); then
		case $log in
		*go.sum* | *'updates to go.mod'*) ;;
		*) skip "the Collector's modules cannot be had: ${log##*$'\n'}" ;;
		esac
	fi
	if ! log=$(cd tests/e2e && timeout 900 go build -mod=readonly -trimpath -buildvcs=false -o "$bin/" ./... 2>&1); then
		printf 'FAIL check-e2e: cannot build the Collector:\n%s\n' "$log" >&2
		exit 1
	fi
}

# Everything started here is a job of this shell; a halted one has to go on to end.
cleanup() {
	local status=$? pid
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null
	done
	if [ $failed = 0 ]; then
		rm -rf "$tmp"
	else
		echo "check-e2e: files are left in ${tmp#"$top"/}" >&2
	fi
	exit $status
}

# Wait, up to ten seconds, until the port is served by process $2.
await_port() {
	local i
	for ((i = 0; i < 500; i++)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		kill -0 "$2" 2>/dev/null || return 1
		sleep 0.02
	done
	return 1
}

# A Collector that stores in file $1, on the ports of $http and $grpc.
start_collector() {
	E2E_HTTP_PORT=$http E2E_GRPC_PORT=$grpc E2E_FILE=$1 \
		"$bin/otelcol" --config "file:$top/tests/e2e/otelcol/config.yaml" >>"$tmp/collector.log" 2>&1 &
	collector=$!
	await_port "$http" "$collector" && return 0
	cat "$tmp/collector.log"
	echo "the Collector does not start"
	return 1
}

# $1: the signal.
stop_collector() {
	[ -n "$collector" ] || return 0
	kill "-${1:-TERM}" "$collector" 2>/dev/null
	wait "$collector" 2>/dev/null
	collector=''
	return 0
}

free_ports() {
	{ read -r http && read -r grpc && read -r unused; } < <("$bin/spans" ports 3)
	url=http://127.0.0.1:$http
}

convert() {
	timeout 120 "$flightspan" convert "$@"
}

# The same in the background; what it prints is in $dir/summary.
start_convert() {
	timeout 120 "$flightspan" convert "$@" >"$dir/summary" &
	sender=$!
}

diff_spans() {
	timeout 120 "$bin/spans" diff "$@"
}

# Run a function as a named case, in its own folder with its own ports.
check() {
	local name=$1 out status=ok start=$SECONDS
	[[ $name == *"${TEST:-}"* ]] || return 0
	shift
	dir=$tmp/$((++cases))
	mkdir "$dir"
	free_ports
	out=$dir/out
	if "$@" >"$out" 2>&1; then
		printf 'ok    %s: %s\n' "$name" "$(tail -n 1 "$out")"
	else
		status=FAIL
		failed=$((failed + 1))
		printf 'FAIL  %s\n' "$name"
		tail -n 30 "$out" | sed 's/^/      /'
	fi
	stop_collector
	[ $status = FAIL ] || rm -rf "$dir"
}

# ---- what must be true

# The files arrive as convert writes them.
arrives() {
	start_collector "$dir/got.jsonl" && convert -q -o "$dir/sent.jsonl" "$@" &&
		convert -q --endpoint "$url" "$@" && diff_spans -once "$dir/sent.jsonl" "$dir/got.jsonl"
}

arrives_plain() {
	OTEL_EXPORTER_OTLP_COMPRESSION=none arrives "$@"
}

# By each protocol and each compression, on the Collector's two ports.
arrives_by() {
	local protocol=$1 compression=$2 to=$url
	shift 2
	[ "$protocol" = grpc ] && to=http://127.0.0.1:$grpc
	start_collector "$dir/got.jsonl" && convert -q -o "$dir/sent.jsonl" "$@" &&
		convert -q --endpoint "$to" --protocol "$protocol" --compression "$compression" "$@" &&
		diff_spans -once "$dir/sent.jsonl" "$dir/got.jsonl"
}

# The same by the environment alone, the signal's own variables over the common ones.
arrives_by_environment() {
	local -x OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$unused OTEL_EXPORTER_OTLP_PROTOCOL=http/json \
		OTEL_EXPORTER_OTLP_COMPRESSION=none OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=127.0.0.1:$grpc \
		OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TRACES_INSECURE=true \
		OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=gzip OTEL_SERVICE_NAME=orders
	printf 'exporters: [{ name: sink, otlp: {} }]\n' >"$dir/empty.yaml"
	start_collector "$dir/got.jsonl" && convert -q -o "$dir/sent.jsonl" $demo &&
		convert -q -c "$dir/empty.yaml" $demo && diff_spans -once "$dir/sent.jsonl" "$dir/got.jsonl"
}

# Two exporters of the file: the Collector, and a file that is rotated on the way.
config_exporters() {
	cat >"$dir/config.yaml" <<-TEXT
		exporters:
		  - name: collector
		    otlp: { endpoint: "http://127.0.0.1:$grpc", protocol: grpc, compression: zstd }
		  - name: archive
		    file: { path: $dir/archive.jsonl, rotate: 6MiB, keep: 1000, compression: zstd }
	TEXT
	start_collector "$dir/got.jsonl" && convert -q -o "$dir/sent.jsonl" "$@" &&
		convert -q -c "$dir/config.yaml" "$@" && diff_spans -once "$dir/sent.jsonl" "$dir/got.jsonl" || return 1
	set -- "$dir"/archive-*.jsonl.zst
	[ $# -gt 1 ] && zstd -dc "$@" | cat - "$dir/archive.jsonl" >"$dir/all.jsonl" &&
		diff_spans -once "$dir/sent.jsonl" "$dir/all.jsonl" &&
		"$bin/spans" reread "$dir/all.jsonl" >"$dir/reread.jsonl" &&
		diff_spans -once "$dir/sent.jsonl" "$dir/reread.jsonl" && echo "and in $# rotated files and one that is not"
}

# More than one request, or the case shows nothing.
arrives_in_batches() {
	arrives "$@" && [ "$(wc -l <"$dir/got.jsonl")" -gt 1 ]
}

# metrics PROTOCOL FILE...
metrics_arrive() {
	local protocol=$1 to=$url
	shift
	[ "$protocol" != grpc ] || to=http://127.0.0.1:$grpc
	start_collector "$dir/got.jsonl" && convert -q --metrics -o "$dir/sent.jsonl" "$@" &&
		convert -q --metrics --protocol "$protocol" --endpoint "$to" "$@" && stop_collector &&
		grep -v resourceMetrics "$dir/sent.jsonl" >"$dir/spans.jsonl" &&
		diff_spans -once "$dir/spans.jsonl" "$dir/got.jsonl" &&
		timeout 60 python3 tests/e2e/metrics.py "$dir/sent.jsonl" "$dir/got.jsonl.metrics"
}

file_and_collector_at_once() {
	start_collector "$dir/got.jsonl" && convert -q -o "$dir/sent.jsonl" --endpoint "$url" $demo &&
		diff_spans -once "$dir/sent.jsonl" "$dir/got.jsonl"
}

protobuf_file() {
	convert -q -o "$dir/sent.jsonl" "$@" && convert -q --format otlp-proto -o "$dir/sent.pb" "$@" &&
		diff_spans -once "$dir/sent.jsonl" "$dir/sent.pb"
}

# A comparison that finds nothing must be able to find something.
difference_is_found() {
	start_collector "$dir/got.jsonl" && convert -q -o "$dir/sent.jsonl" --endpoint "$url" $demo || return 1
	sed '0,/"name":"lock stock"/s//"name":"sink"/' "$dir/got.jsonl" >"$dir/altered.jsonl"
	if diff_spans "$dir/sent.jsonl" "$dir/altered.jsonl" >"$dir/differences" 2>&1; then
		echo "one altered name was not found"
		return 1
	fi
	tail -n +2 "$dir/differences"
	grep -qx '  name: sink, expected lock stock' "$dir/differences" &&
		[ "$(grep -c ' is not as sent:$' "$dir/differences")" = 1 ] &&
		sed -n 's/^  //p' "$dir/differences"
}

# Did the summary tell of more attempts than requests that were needed?
retried() {
	tail -n 1 "$dir/summary"
	! grep -q ' 0 retries)$' "$dir/summary"
}

late_collector() {
	local sender=''
	convert -q -o "$dir/sent.jsonl" $demo || return 1
	start_convert "$@" --endpoint "$url" $demo
	sleep 3
	start_collector "$dir/got.jsonl"
	wait "$sender" && retried && diff_spans -once "$dir/sent.jsonl" "$dir/got.jsonl"
}

# Once a few batches are stored, the Collector goes without a word; another
# takes its place a second later. What the first one stored counts, too.
killed_collector() {
	local sender=''
	start_collector "$dir/got-1.jsonl" && convert -q -o "$dir/sent.jsonl" "$@" || return 1
	start_convert --endpoint "$url" "$@"
	until [ "$(wc -l <"$dir/got-1.jsonl")" -ge 3 ] || ! kill -0 "$sender" 2>/dev/null; do
		sleep 0.01
	done
	stop_collector KILL
	if ! kill -0 "$sender" 2>/dev/null; then
		echo "all was sent before the Collector could be killed"
		return 1
	fi
	sleep 1
	start_collector "$dir/got-2.jsonl"
	wait "$sender" && retried && diff_spans -cut "$dir/sent.jsonl" "$dir"/got-[12].jsonl >"$dir/equal" || return 1
	paste -sd ';' "$dir/equal" | sed 's/;/; /g'
}

# A Collector that stands still for longer than a request may take gets it
# again, and stores it more than once when it goes on: alike, or it is a fault.
halted_collector() {
	local sender=''
	convert -q -o "$dir/sent.jsonl" $demo && start_collector "$dir/got.jsonl" || return 1
	kill -STOP "$collector"
	OTEL_EXPORTER_OTLP_TIMEOUT=500 start_convert --endpoint "$url" $demo
	sleep 1.5
	kill -CONT "$collector"
	wait "$sender" && retried && stop_collector && diff_spans "$dir/sent.jsonl" "$dir/got.jsonl"
}

# Fails with status 1 and one line that has all of the given words, within $1 s.
refused() {
	local limit=$1 to=$2 status start=$SECONDS words
	shift 2
	convert -q "${options[@]}" --endpoint "$to" $demo >"$dir/stdout" 2>"$dir/stderr"
	status=$?
	cat "$dir/stderr"
	[ $status = 1 ] && [ "$(wc -l <"$dir/stderr")" = 1 ] && [ ! -s "$dir/stdout" ] || return 1
	for words in 'flightspan: error: ' 'cannot send ' " spans to ${to%/}/v1/traces: " "$@"; do
		if ! grep -qF -- "$words" "$dir/stderr"; then
			echo "the message does not say: $words"
			return 1
		fi
	done
	[ $((SECONDS - start)) -le "$limit" ]
}

nobody_listens() {
	local options=(--retry-for 2s)
	refused 10 "$url" attempts 'is the receiver listening? 4318 is OTLP/HTTP'
}

# The receiver's failure is told, and does not cost the file, small or large.
file_without_receiver() {
	local trace
	for trace in $demo "$tmp/big.trace"; do
		convert -q -o "$dir/expected.jsonl" "$trace" || return 1
		if convert --retry-for 0 -o "$dir/file.jsonl" --endpoint "$url" "$trace" >"$dir/summary" 2>"$dir/stderr"; then
			echo "status 0 for $trace"
			return 1
		fi
		cat "$dir/stderr"
		[ "$(wc -l <"$dir/stderr")" = 1 ] && grep -q '^spans written to ' "$dir/summary" &&
			grep -q "^0 spans acknowledged by $url/v1/traces " "$dir/summary" &&
			cmp "$dir/file.jsonl" "$dir/expected.jsonl" || return 1
		rm "$dir/file.jsonl"
	done
	echo "the file is whole"
}

wrong_path() {
	local options=()
	start_collector "$dir/got.jsonl" &&
		refused 5 "$url/wrong" '404 (1 attempt)' 'check the path; OTLP/HTTP is usually BASE/v1/traces'
}

grpc_port() {
	local options=()
	start_collector "$dir/got.jsonl" &&
		refused 5 "http://127.0.0.1:$grpc" 'this looks like a gRPC port (4317)'
}

tls_to_a_plain_port() {
	local options=(--retry-for 0)
	start_collector "$dir/got.jsonl" &&
		refused 5 "https://127.0.0.1:$http" '(1 attempt)' 'does this port speak TLS? if not, the URL begins http://'
}

start_sink() {
	"$bin/sink" "$http" "$1" >>"$dir/requests" 2>&1 &
	sink=$!
	await_port "$http" $sink
}

stop_sink() {
	kill "$sink"
	wait "$sink" 2>/dev/null
	sink=''
}

# The token arrives, and is in no output, whatever goes well or wrong.
token_is_kept() {
	local secret=s3cret-9f8e7d status=0
	local -x OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20$secret"
	printf 'log: { level: debug }\n' >"$dir/debug.yaml"
	start_sink "Bearer $secret" || return 1
	{
		convert -c "$dir/debug.yaml" --endpoint "$url" $demo || status=1
		OTEL_EXPORTER_OTLP_COMPRESSION=none convert --endpoint "$url" $demo || status=1
		convert -c "$dir/debug.yaml" --retry-for 1s --endpoint "http://127.0.0.1:$unused" $demo && status=1
		convert -c "$dir/debug.yaml" --retry-for 0 --endpoint "http://user:$secret@127.0.0.1:$unused" $demo &&
			status=1
		OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20not-$secret" \
			convert -c "$dir/debug.yaml" --endpoint "$url" $demo && status=1
		OTEL_EXPORTER_OTLP_HEADERS="authorization $secret" \
			convert -c "$dir/debug.yaml" --retry-for 0 --endpoint "$url" $demo && status=1
	} >"$dir/output" 2>&1
	stop_sink
	cat "$dir/requests" "$dir/output"
	[ $status = 0 ] || return 1
	if grep -iqF "$secret" "$dir/output"; then
		echo "the token is in the output"
		return 1
	fi
	grep -q '401 (1 attempt); check the credentials' "$dir/output" || return 1
	[ "$(sed -n 1p "$dir/requests")" = 'POST /v1/traces type=application/x-protobuf encoding=gzip status=200' ] &&
		[ "$(sed -n 2p "$dir/requests")" = 'POST /v1/traces type=application/x-protobuf encoding= status=200' ] &&
		echo "seen with gzip and without, refused when wrong, never shown"
}

slow_request_is_told() {
	start_collector "$dir/got.jsonl" && convert -q --endpoint "$url" $demo &&
		timeout 60 "$bin/spans" story 'POST /orders' 'sync mutex' "$dir/got.jsonl"
}

comparer() {
	(cd tests/e2e && timeout 300 go test -mod=readonly ./spans) && echo "every altered field is found"
}

# ---- the run

build
[ -x "$flightspan" ] || skip "build flightspan first: make"
tmp=$(mktemp -d "$bin/run.XXXXXX") || exit 1
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

"$bin/bigtrace" "$tmp/big.trace" 60000 || exit 1

check "the comparer's own test" comparer
check "demo, gzip" arrives $demo
check "demo, not compressed" arrives_plain $demo
for protocol in http/protobuf http/json grpc; do
	for compression in none gzip zstd; do
		check "$protocol, $compression" arrives_by $protocol $compression $demo
	done
done
check "many batches by gRPC" arrives_by grpc gzip "$tmp/big.trace"
check "many batches as JSON" arrives_by http/json zstd "$tmp/big.trace"
check "all by the environment" arrives_by_environment
check "the configuration's exporters" config_exporters "$tmp/big.trace"
check "an altered span is found" difference_is_found
check "all of tests/data/good at once" arrives tests/data/good/*
check "many batches" arrives_in_batches "$tmp/big.trace"
check "metrics" metrics_arrive http/protobuf $demo tests/data/good/gc-go1.26.trace.zst
check "metrics over gRPC" metrics_arrive grpc $demo
check "file and Collector at once" file_and_collector_at_once
check "protobuf file, demo" protobuf_file $demo
check "protobuf file, tests/data/good" protobuf_file tests/data/good/*
check "the Collector starts 3 s late" late_collector
check "the Collector starts at the end of the patience" late_collector --retry-for 5s
check "the Collector is killed and restarted" killed_collector "$tmp/big.trace"
check "the Collector stands still for a while" halted_collector
check "nobody listens" nobody_listens
check "a file beside a receiver that is away" file_without_receiver
check "wrong path" wrong_path
check "gRPC port" grpc_port
check "https to a plain port" tls_to_a_plain_port
check "headers from the environment" token_is_kept
check "the slow request's story" slow_request_is_told
if [ -d "$shared" ]; then
	for trace in http-1m service-go1.27 otel-correlated; do
		check "$trace" arrives "$shared/$trace.trace.zst"
	done
	check "fr-10m, many batches" arrives_in_batches "$shared/fr-10m.trace.zst"
	check "fr-10m, the Collector is killed and restarted" killed_collector "$shared/fr-10m.trace.zst"
else
	echo "SKIP check-e2e: no shared traces, SHARED_TRACES=$shared"
fi
echo "check-e2e: $((cases - failed)) of $cases cases ok"
timeout 400 python3 tests/run/collector.py "$flightspan" "${flightspan%/*}/asm" "$bin/otelcol" || failed=1
[ $failed = 0 ]
