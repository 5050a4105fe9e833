#!/bin/bash
# jaeger.sh PROGRAM: build Jaeger 2 from its Go module into build/jaeger, and jaeger.py with it. Five minutes on two
# cores the first time: it is large. Needs Go and, that once, its module proxy; what cannot be had is one loud line.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
program=$(realpath "${1:?the program}")
out=$PWD/build/jaeger
skip()
{
	echo "SKIP check-jaeger: NO SPAN WAS STORED IN JAEGER: $1"
	exit 0
}
command -v go >/dev/null || skip "install Go 1.26 or newer"
export GOWORK=off GOFLAGS=-mod=readonly
mkdir -p "$out"
log=$(cd tests/e2e/jaeger && timeout 900 go list -deps github.com/jaegertracing/jaeger/cmd/jaeger 2>&1 >/dev/null) ||
	skip "its modules cannot be had: ${log##*$'\n'}"
# Unoptimized, it is built in two thirds of the time.
(cd tests/e2e/jaeger && CGO_ENABLED=0 timeout 1200 go build -trimpath -buildvcs=false -ldflags='-s -w' -gcflags='all=-N -l' \
	-o "$out/" github.com/jaegertracing/jaeger/cmd/jaeger) || {
	echo "FAIL check-jaeger: Jaeger cannot be built"
	exit 1
}
exec timeout 600 python3 tests/e2e/jaeger.py "$program" "$out/jaeger"
