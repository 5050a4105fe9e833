#!/bin/bash
# container.sh PROGRAM: the image of deploy/container, built and run by a Docker engine as its users would: read-only, with no
# capability, as a user without a name, and without a shell. A minute and 600 MB below build/engine the second time.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${1:?the program}
# shellcheck disable=SC1091 # it is checked by itself
. tests/deploy/lib.sh
# shellcheck disable=SC1091
. tests/deploy/engine.sh
work=${work:?}
base=${base:?}
box=flightspan-test-$$
image=flightspan-test/flightspan
most=$((40 * 1000 * 1000))
cleanup()
{
	if [ -n "${DOCKER_HOST:-}${answers:-}" ]; then
		docker rm -f "$box" >"$work/said" 2>&1
		docker volume rm -f "$box-in" "$box-queue" >"$work/said" 2>&1
	fi
	engine_stop
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
engine_start check-container
answers=yes

# ---- built

SAID=30 ok "docker build" timeout 900 docker build -q --network host --build-arg "BASE=$base" \
	-f deploy/container/Dockerfile -t "$image" .
[ -n "$(docker images -q "$image")" ] || { sum check-container; exit; }
of() { docker image inspect -f "$1" "$2"; }
above=$(($(of '{{.Size}}' "$image") - $(of '{{.Size}}' "$base")))
echo "check-container: the image is $((above / 1000)) kB above its base of $(($(of '{{.Size}}' "$base") / 1000)) kB"
ok "$above bytes above the base, less than $most" test "$above" -lt $most
same "a user by number" 65532:65532 "$(of '{{.Config.User}}' "$image")"
same "its volumes" "/run/flightspan /var/lib/flightspan" "$(of '{{range $k, $v := .Config.Volumes}}{{$k}} {{end}}' "$image" | xargs)"
same "starts without a shell" '["/usr/bin/flightspan"] ["run","-c","/etc/flightspan/flightspan.yaml"]' \
	"$(of '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' "$image")"
same "is asked for its health without one" CMD "$(of '{{index .Config.Healthcheck.Test 0}}' "$image")"
label() { of "{{index .Config.Labels \"org.opencontainers.image.$1\"}}" "$image"; }
same "the label of the version" "$(sed -n 's/^#define FLIGHTSPAN_VERSION "\(.*\)"$/\1/p' base/version.h)" "$(label version)"
same "and of the licence" Apache-2.0 "$(label licenses)"
for key in title description revision; do
	ok "there is a label $key" test -n "$(label $key)"
done

# ---- run: whoever starts a shell in there gets a file that cannot be executed

noshell=$PWD/build/no-shell # not below $work: an engine that is not ours may not see that
install -D -m 644 /dev/null "$noshell"
rights=(--read-only --cap-drop ALL --security-opt no-new-privileges --network none
	-v "$noshell:/bin/dash:ro" -v "$noshell:/bin/bash:ro")
run() { timeout 60 docker run --rm "${rights[@]}" "$@"; }
no "there is no shell to use" run --entrypoint /bin/sh "$image" -c true
ok "a root certificate is there" run --entrypoint /usr/bin/test "$image" -s /etc/ssl/certs/ca-certificates.crt
same "no set-user-ID program of ours" "$(run --entrypoint /usr/bin/find "$base" /usr /bin /sbin -xdev -perm /6000 | sort)" \
	"$(run --entrypoint /usr/bin/find "$image" /usr /bin /sbin -xdev -perm /6000 | sort)"
same "flightspan version" "flightspan $(label version)" "$(run "$image" version | head -n 1)"
run -i "$image" convert - <deploy/example/demo.trace.zst >"$work/pipe.jsonl" 2>"$work/log"
ok "converts from a pipe" grep -q '"name":"authorize card"' "$work/pipe.jsonl"
run -v "$PWD/deploy/example:/deploy/example:ro" "$image" convert deploy/example/demo.trace.zst >"$work/volume.jsonl" 2>"$work/log"
# Which file it was is in the spans, so the names have to be the same.
"$program" convert - <deploy/example/demo.trace.zst >"$work/own-pipe.jsonl" 2>"$work/log"
"$program" convert deploy/example/demo.trace.zst >"$work/own-volume.jsonl" 2>"$work/log"
ok "the same spans as outside" cmp "$work/own-pipe.jsonl" "$work/pipe.jsonl"
ok "and from a volume" cmp "$work/own-volume.jsonl" "$work/volume.jsonl"

# ---- the sidecar

docker run -d --name "$box" "${rights[@]}" -e OTEL_SERVICE_NAME=orders \
	-v "$box-in:/run/flightspan" -v "$box-queue:/var/lib/flightspan" "$image" >"$work/log"
healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$box")" = healthy ]; }
ok "healthy, says Docker" await 40 healthy
same "its processes have no capability" 0000000000000000 \
	"$(awk '/^CapEff/ { print $2 }' "/proc/$(docker inspect -f '{{.State.Pid}}' "$box")/status")"
ok "it is restricted" bash -c 'docker logs "$1" 2>&1 | grep -qE "restricted to the folders|no Landlock"' sh "$box"
# As a service of the group would: whole under another name, then renamed.
ok "a snapshot comes from a user of its group" timeout 60 docker run --rm -u 4711:65532 --network none \
	-v "$box-in:/run/flightspan" -v "$PWD/deploy/example:/in:ro" --entrypoint /bin/sh "$base" \
	-c 'cp /in/demo.trace.zst /run/flightspan/.one && mv /run/flightspan/.one /run/flightspan/one.trace'
queued() { timeout 20 docker exec "$box" flightspan queue list -c /etc/flightspan/flightspan.yaml | grep -E '[1-9][0-9]* spans'; }
ok "its spans are in the queue" await 20 queued
docker stop -t 20 "$box" >"$work/log"
same "SIGTERM ends it well" "0 false" "$(docker inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' "$box")"
same "and nothing was asked of a file system that is read-only" "" "$(docker logs "$box" 2>&1 | grep -i 'read-only')"
rm -f "$noshell"
sum check-container
