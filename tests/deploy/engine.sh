# engine.sh: a Docker engine for tests; sourced after lib.sh. Uses the one that answers, or starts one with all
# its files below build/engine, where the next run finds images and layers again. Without a registry the base
# image comes from debootstrap. MIRROR as for tests/clean-root.sh.
# shellcheck shell=bash
work=${work:?}
engine_pid=
engine_files=$PWD/build/engine
base=flightspan-test/base
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
export DOCKER_CONFIG=$work/docker-config # nobody's credentials, nobody's context

# lacks WHY: no engine. A CI runner may forbid one, which is no fault of ours.
lacks()
{
	SKIP_OK=yes skip "$test_name" "$1"
}

# engine_start NAME: or the test ends with SKIP.
engine_start()
{
	test_name=$1
	command -v docker >/dev/null || lacks "no docker; Debian's docker.io has it"
	timeout 10 docker info >/dev/null 2>&1 || engine_own
	engine_base
}

engine_own()
{
	[ "$(id -u)" -eq 0 ] || lacks "no engine answers, and only root can start one"
	command -v dockerd >/dev/null || lacks "no dockerd; deploy/setup deps ci installs it"
	mkdir -p "$engine_files"
	# One engine at a time has these files; the lock is given up when the test ends.
	exec 8>"$engine_files/lock"
	flock -w 600 8 || lacks "another test has the engine of build/engine"
	DOCKER_HOST=unix://$work/docker.sock
	export DOCKER_HOST
	dockerd --host "$DOCKER_HOST" --data-root "$engine_files/data" --exec-root "$work/exec" \
		--pidfile "$work/docker.pid" >"$work/dockerd.log" 2>&1 8>&- &
	engine_pid=$!
	await 40 docker info || {
		tail -n 3 "$work/dockerd.log"
		lacks "the engine does not start; the lines above are the end of its log"
	}
}

# Debian 12, as small as debootstrap makes it; a month old at most, for its security updates.
engine_base()
{
	local mirror root=$work/base
	[ -n "$(docker images -q "$base")" ] && [ -z "$(find "$engine_files/base" -mtime +30 2>/dev/null)" ] && return
	command -v debootstrap >/dev/null || lacks "no debootstrap for the base image; deploy/setup deps ci installs it"
	mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
		sed -nE 's/^(deb|URIs:) +([^ []*debian)\/?( .*)?$/\2/p' | head -n 1)}
	timeout 600 debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >"$work/log" 2>&1 || {
		tail -n 5 "$work/log"
		lacks "debootstrap failed: no Debian mirror, or no right to make devices"
	}
	apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-)' >"$root/etc/apt/apt.conf.d/99host"
	rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
	tar -C "$root" -c . | docker import - "$base" >"$work/log"
	rm -rf --one-file-system "$root"
	mkdir -p "$engine_files" && touch "$engine_files/base"
}

# engine_stop: the engine, if it is ours, and what it mounted.
engine_stop()
{
	local i
	[ -n "$engine_pid" ] || return 0
	kill "$engine_pid" 2>/dev/null
	for ((i = 0; i < 150; i++)); do
		kill -0 "$engine_pid" 2>/dev/null || break
		sleep 0.2
	done
	kill -9 "$engine_pid" 2>/dev/null
	wait "$engine_pid" 2>/dev/null
	engine_pid=
	awk -v at="$work/" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
		umount "$mount"
	done
}
