#!/bin/bash
# clean-root.sh: the two commands of the README in a Debian 12 that has nothing but git and a
# shell, twice each. Takes ten minutes and 2 GB below TMPDIR. What is committed is tested.
#
# Needs root and debootstrap. MIRROR is where packages come from; otherwise where apt of this
# machine gets them.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
	echo "SKIP check-clean-root: needs root and Debian's package debootstrap"
	exit 0
fi

work=$(mktemp -d)
root=$work/root
cleanup()
{
	if mountpoint -q "$root/proc"; then
		umount "$root/proc" || exit 1
	fi
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
passed=0
failed=0

result()
{
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok   $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1"
	fi
}

inside()
{
	chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# timed NAME LIMIT COMMAND...: in the new root; output goes to $work/out.
timed()
{
	local name=$1 limit=$2 start end status=0
	shift 2
	start=$(date +%s%N)
	inside timeout 1800 "$@" >"$work/out" 2>&1 </dev/null || status=$?
	end=$(date +%s%N)
	[ "$status" -eq 0 ] || tail -n 30 "$work/out"
	result "$name: exit status $status" "$status"
	status=0
	[ $((end - start)) -le $((limit * 1000000000)) ] || status=1
	result "$name: $(((end - start) / 1000000)) ms, at most $limit s" "$status"
}

has()
{
	local status=0
	grep -qE "$1" "$work/out" || status=1
	result "output has $1" "$status"
}

# Where and how this machine gets its packages.
mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
	sed -nE 's/^(deb|URIs:) +([^ []*debian)\/?( .*)?$/\2/p' | head -n 1)}
start=$SECONDS
timeout 1200 debootstrap --variant=minbase --include=git bookworm "$root" ${mirror:+"$mirror"} \
	>"$work/log" 2>&1 || {
	tail -n 5 "$work/log"
	echo "check-clean-root: debootstrap failed"
	exit 1
}
apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-)' >"$root/etc/apt/apt.conf.d/99host" || :
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mount -t proc proc "$root/proc"
git bundle create -q "$root/flightspan.bundle" HEAD
inside git -c advice.detachedHead=false clone -q /flightspan.bundle /flightspan
echo "a bare Debian with $(inside dpkg-query -W | wc -l) packages after $((SECONDS - start)) s"

# Nobody who may not install is left without a word.
status=0
chroot --userspec=65534:65534 "$root" /flightspan/deploy/setup demo >"$work/out" 2>&1 || status=$?
[ "$status" -eq 1 ] && status=0 || status=1
result "without root and sudo: refused" "$status"
has 'apt-get install --no-install-recommends gcc'

timed "demo, first time" 600 /flightspan/deploy/setup demo
sed 's/^/     | /' "$work/out"
has '^  [0-9]+ traces, [0-9]+ spans'
has '^  slowest task: POST /orders'
has '^    waited [0-9.]+ ms for "'
has 'build/demo/spans.jsonl'
test -s "$root/flightspan/build/demo/spans.jsonl" && status=0 || status=1
result "the spans are in build/demo/spans.jsonl" "$status"
timed "demo, second time" 2 /flightspan/deploy/setup demo
timed "check, first time" 1500 /flightspan/deploy/setup check
grep -E 'SKIP|passed|Checks:' "$work/out" | sed 's/^/     | /'
timed "check, second time" 300 /flightspan/deploy/setup check
timed "demo, after check" 2 /flightspan/deploy/setup demo
inside git -C /flightspan status --porcelain >"$work/out"
test ! -s "$work/out" && status=0 || status=1
result "nothing in the tree has changed" "$status"

echo "check-clean-root: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
