#!/bin/bash
# compose.sh: deploy/compose, up by one command with local images in place of a registry's; slow requests stand in
# Zipkin's query API, and on its page as Chromium shows it: build/compose/trace.png.
# Not run here: `--build` of orders (it needs an image with Go), and the profiles jaeger and tempo beyond their syntax.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC1091 # it is checked by itself
. tests/deploy/lib.sh
# shellcheck disable=SC1091
. tests/deploy/engine.sh
work=${work:?} base=${base:?} failed=${failed:?}
out=build/compose
project=flightspan-test-$$
zipkin_version=3.5.1
export ZIPKIN_PORT=$((20000 + RANDOM % 10000))
zipkin=http://127.0.0.1:$ZIPKIN_PORT
compose() { docker-compose -p "$project" -f deploy/compose/compose.yaml -f tests/deploy/compose.test.yaml --profile zipkin "$@"; }
cleanup()
{
	[ -z "${up:-}" ] || compose down -v -t 5 >"$work/said" 2>&1
	engine_stop
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
for tool in docker-compose chromium go mvn java curl jq; do
	command -v $tool >/dev/null || SKIP_OK=yes skip check-compose "no $tool; deploy/setup deps ci installs it, but for Go"
done
engine_start check-compose

# ---- images: the same programs on the base

mkdir -p $out/jar $out/bin
image()
{
	local name=$1
	shift
	printf '%s\n' "FROM $base" "$@" >"$work/context/Dockerfile"
	ok "image $name" timeout 300 docker build -q -t "flightspan-test/$name" "$work/context"
	rm -rf "$work/context"
	mkdir "$work/context"
}
mkdir "$work/context"
[ -s $out/jar/zipkin-server-$zipkin_version-exec.jar ] || timeout 300 mvn -q -B \
	org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -DoutputDirectory="$PWD/$out/jar" \
	-Dartifact=io.zipkin:zipkin-server:$zipkin_version:jar:exec >"$work/log" 2>&1 ||
	SKIP_OK=yes skip check-compose "Zipkin's server cannot be had: $(tail -n 1 "$work/log")"
ok "the Collector" env -C tests/e2e CGO_ENABLED=0 timeout 600 go build -mod=readonly -trimpath -buildvcs=false -o "$PWD/$out/bin/otelcol" ./otelcol
ok "the service" env -C deploy/example CGO_ENABLED=0 timeout 300 go build -trimpath -buildvcs=false -o "$PWD/$out/bin/orders" .
for config in deploy/compose/collector/*.yaml; do
	ok "otelcol validate ${config##*/}" $out/bin/otelcol validate --config "file:$config"
done
[ "$failed" -eq 0 ] || { sum check-compose; exit; }
cp $out/bin/otelcol "$work/context"
image otelcol 'COPY otelcol /usr/bin/' 'ENTRYPOINT ["/usr/bin/otelcol"]'
mkdir -p "$work/context/run"
cp $out/bin/orders "$work/context"
image orders 'COPY orders /usr/bin/' 'RUN install -d -m 2770 -o 65532 -g 65532 /run/flightspan' 'ENTRYPOINT ["/usr/bin/orders"]'
ok "image flightspan" timeout 900 docker build -q --network host --build-arg "BASE=$base" \
	-f deploy/container/Dockerfile -t flightspan-test/flightspan .
cp $out/jar/zipkin-server-$zipkin_version-exec.jar "$work/context/zipkin.jar"
java=$(readlink -f "$(command -v java)")
cp -rL "${java%/bin/java}" "$work/context/jdk" 2>"$work/log" # its sources may be a dangling link
rm -rf "$work/context/jdk/jmods" "$work/context/jdk/lib/src.zip"
image zipkin 'COPY jdk /opt/jdk' 'COPY zipkin.jar /opt/' 'ENTRYPOINT ["/opt/jdk/bin/java","-Xmx512m","-jar","/opt/zipkin.jar"]'

# ---- what is there for people with a network

for profile in zipkin jaeger tempo; do
	ok "docker-compose config of $profile" env BACKEND=$profile docker-compose -f deploy/compose/compose.yaml --profile $profile config -q
done
same "ports are on loopback alone" "" \
	"$(docker-compose -f deploy/compose/compose.yaml --profile zipkin --profile jaeger --profile tempo config | grep -E '^ *- [0-9.]*:?[0-9]+:[0-9]+/tcp' | grep -v '127.0.0.1:')"

# ---- up

up=yes
ok "docker-compose up" timeout 120 docker-compose -p "$project" -f deploy/compose/compose.yaml -f tests/deploy/compose.test.yaml --profile zipkin up -d --no-build
ok "Zipkin's page answers" await 60 curl -fsS -o "$work/page" "$zipkin/health"
began=$SECONDS
# A slow request is one that was blocked by who held the stock lock.
traces() { curl -fsS "$zipkin/api/v2/traces?serviceName=orders&limit=200&lookback=3600000" >"$work/traces"; }
slow() { traces && jq -e '[.[][] | select(.name == "post /orders" and .duration > 300000)] | length > 0' "$work/traces"; }
from() { traces && jq -e --arg s "$1" 'any(.[][]; .tags["flightspan.capture.source"] // "" | startswith($s))' "$work/traces"; }
ok "slow requests within a minute" await 60 slow
echo "check-compose: the first slow request is there after $((SECONDS - began)) s"
ok "those of the folder" await 60 from snapshot-
ok "those of the stream" await 60 from live
ok "on what it was blocked, and who held it" jq -e 'any(.[][]; .name == "sync mutex" and .duration > 300000 and
	.tags["flightspan.waker.span"] == "reserve stock")' "$work/traces"
cp "$work/traces" $out/traces.json
compose logs --no-color >$out/logs.txt 2>&1

# ---- the page

trace=$(jq -r '[.[] | select(any(.name == "post /orders" and .duration > 300000) and any(.name == "sync mutex" and .duration > 300000))] | sort_by(length) | .[0][0].traceId' "$work/traces")
page() { timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
	--disable-component-update --disable-sync --user-data-dir="$work/browser" --window-size=1600,1000 --virtual-time-budget=15000 "$@" "$zipkin/zipkin/traces/$trace" 2>"$work/log"; }
page --screenshot="$PWD/$out/trace.png" >"$work/said"
page --dump-dom >$out/page.html
ok "a picture of the page" test -s $out/trace.png
for text in 'post /orders' 'lock stock' 'sync mutex'; do
	ok "the page shows $text" grep -qi "$text" $out/page.html
done
sum check-compose
