#!/bin/bash
# compose.sh: deploy/compose, up by the one command that its README tells to type, with local images in place of a
# registry's; slow requests stand in Zipkin's query API, and on its page as Chromium shows it: build/compose/trace.png.
# Then the same with Jaeger, if check-jaeger has built it. Not run here: the profile tempo beyond its syntax.
#   COMPOSE   the program, docker-compose if unset; a compose 2 that stands alone will do
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
compose=${COMPOSE:-docker-compose}
export ZIPKIN_PORT=$((20000 + RANDOM % 5000)) JAEGER_PORT=$((25000 + RANDOM % 5000))
zipkin=http://127.0.0.1:$ZIPKIN_PORT
jaeger=http://127.0.0.1:$JAEGER_PORT
# compose PROFILE ARGUMENTS...
compose()
{
	BACKEND=$1 timeout 900 "$compose" -p "$project" -f deploy/compose/compose.yaml -f tests/deploy/compose.test.yaml \
		--profile "$@"
}
cleanup()
{
	[ -z "${up:-}" ] || compose zipkin --profile jaeger down -v -t 5 >"$work/said" 2>&1
	engine_stop
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
for tool in "$compose" chromium go mvn java curl jq; do
	command -v "$tool" >/dev/null || SKIP_OK=yes skip check-compose "no $tool; deploy/setup deps ci installs it, but for Go"
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
ok "the service's modules" env -C deploy/example GOMODCACHE="$PWD/$out/mod" GOFLAGS=-modcacherw timeout 300 go mod download
for config in deploy/compose/collector/*.yaml; do
	ok "otelcol validate ${config##*/}" $out/bin/otelcol validate --config "file:$config"
done
[ "$failed" -eq 0 ] || { sum check-compose; exit; }
cp $out/bin/otelcol "$work/context"
image otelcol 'COPY otelcol /usr/bin/' 'ENTRYPOINT ["/usr/bin/otelcol"]'
# What golang:1.26-bookworm is to the service: Go, and a proxy of modules, which is a folder here.
cp -r "$(go env GOROOT)" "$work/context/go"
cp -r $out/mod/cache/download "$work/context/proxy"
image go 'COPY go /usr/local/go' 'COPY proxy /proxy' \
	'ENV PATH=/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPROXY=file:///proxy GOSUMDB=off GOTOOLCHAIN=local'
cp $out/jar/zipkin-server-$zipkin_version-exec.jar "$work/context/zipkin.jar"
java=$(readlink -f "$(command -v java)")
cp -rL "${java%/bin/java}" "$work/context/jdk" 2>"$work/log" # its sources may be a dangling link
rm -rf "$work/context/jdk/jmods" "$work/context/jdk/lib/src.zip"
image zipkin 'COPY jdk /opt/jdk' 'COPY zipkin.jar /opt/' 'ENTRYPOINT ["/opt/jdk/bin/java","-Xmx512m","-jar","/opt/zipkin.jar"]'

# ---- what is there for people with a network

for profile in zipkin jaeger tempo; do
	ok "config of $profile" env BACKEND=$profile "$compose" -f deploy/compose/compose.yaml --profile $profile config -q
done
# Compose 1 prints "- 127.0.0.1:1:2/tcp", compose 2 a mapping.
"$compose" -f deploy/compose/compose.yaml --profile zipkin --profile jaeger --profile tempo config >"$work/config"
same "three ports are published, on loopback alone" "3 3" \
	"$(grep -cE '^ +- [0-9.:]+/tcp|published:' "$work/config") $(grep -cE '^ +- 127.0.0.1:|host_ip: 127.0.0.1' "$work/config")"

# ---- up

up=yes
export GO_IMAGE=flightspan-test/go BASE_IMAGE=$base
SAID=40 ok "up --build" compose zipkin up --build -d
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
compose zipkin logs --no-color >$out/logs.txt 2>&1

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

# ---- Jaeger in its place

if [ -x build/jaeger/jaeger ]; then
	cp build/jaeger/jaeger "$work/context"
	image jaeger 'COPY jaeger /usr/bin/' 'USER 10001' 'ENTRYPOINT ["/usr/bin/jaeger"]' # as the official one
	ok "up with Jaeger" compose jaeger up -d
	slow_in_jaeger() { curl -fsS "$jaeger/api/traces?service=orders&minDuration=300ms&limit=50" >"$work/traces" &&
		jq -e '[.data[].spans[] | select(.operationName == "POST /orders" and .duration > 300000)] | length > 0' "$work/traces"; }
	ok "slow requests in Jaeger within a minute" await 60 slow_in_jaeger
else
	echo "SKIP check-compose: JAEGER TAKES NO PART: make check-jaeger builds it"
fi
sum check-compose
