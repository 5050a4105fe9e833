#!/bin/bash
# cluster.sh PROGRAM: deploy/kubernetes in a cluster of one node, real but for its registry: cluster/cluster.py types
# what the README tells to type. Kubernetes is built from its Go modules into build/cluster, four minutes on two cores
# the first time; the images are those of check-container, made by a Docker engine.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${1:?the program}
# shellcheck disable=SC1091 # it is checked by itself
. tests/deploy/lib.sh
# shellcheck disable=SC1091
. tests/deploy/engine.sh
work=${work:?} base=${base:?} failed=${failed:?}
out=$PWD/build/cluster
# Removed from the machine: what containers were counted by. They have ended with their namespaces.
cleanup()
{
	engine_stop
	[ -z "${started:-}" ] || find /sys/fs/cgroup -depth -type d -path "*/k8s.io*" -newer "$work/began" -exec rmdir {} + 2>"$work/said"
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
touch "$work/began"
for tool in go containerd runc ctr unshare dnsmasq openssl /usr/lib/cni/bridge; do
	command -v "$tool" >"$work/said" || lacks "NOTHING WAS STARTED IN A CLUSTER: no $tool; deploy/setup deps ci installs it, but for Go"
done

# ---- built

export GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0
mkdir -p "$out"
version=$(sed -nE "s,^.*k8s.io/kubernetes (v[0-9.]+)\$,\1,p" tests/deploy/cluster/go.mod)
log=$(cd tests/deploy/cluster && timeout 900 go list -deps . 2>&1 >"$work/said") ||
	lacks "NOTHING WAS STARTED IN A CLUSTER: its modules cannot be had: ${log##*$'\n'}"
# Unoptimized, it is built in two thirds of the time.
ok "Kubernetes" env -C tests/deploy/cluster timeout 1200 go build -trimpath -buildvcs=false -gcflags='all=-N -l' \
	-ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$version" -o "$out/kube" .
ok "the Collector" env -C tests/e2e timeout 600 go build -trimpath -buildvcs=false -o "$out/otelcol" ./otelcol
[ "$failed" -eq 0 ] || { sum check-cluster; exit; }

# ---- images, by the names in the README

engine_start check-cluster
images=(your.registry/flightspan:0.1.0 your.registry/orders:7 flightspan-test/pause:1)
SAID=30 ok "image flightspan" timeout 900 docker build -q --network host --build-arg "BASE=$base" \
	-f deploy/container/Dockerfile -t "${images[0]}" .
mkdir "$work/context"
ok "orders" timeout 300 go build -C deploy/example -trimpath -buildvcs=false -o "$work/context/orders" .
printf '%s\n' "FROM $base" 'COPY orders /usr/bin/' 'ENTRYPOINT ["/usr/bin/orders"]' >"$work/context/Dockerfile"
ok "image orders" docker build -q -t "${images[1]}" "$work/context"
printf '%s\n' "FROM $base" 'ENTRYPOINT ["/bin/sleep", "infinity"]' >"$work/context/Dockerfile"
ok "image pause" docker build -q -t "${images[2]}" "$work/context"
ok "images saved" docker save -o "$work/images.tar" "${images[@]}"
engine_stop
[ "$failed" -eq 0 ] || { sum check-cluster; exit; }

# ---- the cluster

started=yes
TMPDIR=$work timeout --kill-after=10 600 unshare --net --mount --pid --fork --kill-child --mount-proc \
	python3 tests/deploy/cluster/cluster.py "$out/kube" "$out/otelcol" "$program" "$work/images.tar" || failed=1
sum "check-cluster, its parts"
