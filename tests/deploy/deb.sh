#!/bin/bash
# deb.sh: the Debian package, built, judged by lintian, installed by apt in a bare Debian 12, used as the machine would
# use it, booted there with a real systemd, and purged. Three minutes, 600 MB below TMPDIR. MIRROR as for tests/clean-root.sh.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC1091 # it is checked by itself
. tests/deploy/lib.sh
work=${work:?}
root=$work/root
sidecar=
machine=
cleanup()
{
	[ -z "$machine" ] || halt
	[ -z "$sidecar" ] || kill -9 "$sidecar" 2>/dev/null
	if mountpoint -q "$root/proc"; then
		umount "$root/proc" || exit 1
	fi
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
[ "$(id -u)" -eq 0 ] || skip check-deb "needs root"
for tool in dh lintian debootstrap; do
	command -v "$tool" >/dev/null || skip check-deb "no $tool; deploy/setup deps ci installs it"
done

# ---- built

version=$(sed -n 's/^#define FLIGHTSPAN_VERSION "\(.*\)"$/\1/p' base/version.h)
deb=build/dist/flightspan_${version/-/\~}-1_$(dpkg --print-architecture).deb
same "Build-Depends are what deploy/setup installs" \
	"$(sed -nE 's/^build ([^ ]+) .*/\1/p' deploy/setup | grep -vxE 'gcc|libc6-dev|make' | sort)" \
	"$(sed -n '/^Build-Depends/,/^Standards/s/^ \([a-z0-9.-]*\),*$/\1/p' deploy/debian/control | grep -vE '^d(h|ebhelper)-' | sort)"
rm -f "$deb"
ok "make deb" make -s deb
[ -s "$deb" ] || { sum check-deb; exit; }
# It runs as root here and says so, which is no fault of the package.
ok "lintian has nothing to say" lintian --allow-root --fail-on error,warning "$deb"
field() { dpkg-deb -f "$deb" "$1"; }
ok "the libraries are dependencies" bash -c 'for p in libcurl4 libmicrohttpd12 libzstd1 libsqlite3-0 libc6; do
	grep -q "$p (>= " <<<"$1" || exit 1; done' sh "$(field Depends)"
same "the version of the program" "$("${PROGRAM:-build/release/flightspan}" version | sed -n '1s/flightspan //p')" "$(field Version | sed 's/-1$//; s/~/-/')"

# ---- a bare Debian

mirror=${MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
	sed -nE 's/^(deb|URIs:) +([^ []*debian)\/?( .*)?$/\2/p' | head -n 1)}
timeout 600 debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >"$work/log" 2>&1 || {
	tail -n 5 "$work/log"
	skip check-deb "debootstrap failed: no Debian mirror, or no right to make devices"
}
apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-)' >"$root/etc/apt/apt.conf.d/99host"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mount -t proc proc "$root/proc"
cp "$deb" "$root/srv/package.deb"
cp deploy/example/demo.trace.zst "$root/srv/snapshot.trace"
inside() { timeout 300 chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@" </dev/null; }
apt() { inside apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }
inside apt-get -q update >"$work/log" 2>&1
ok "apt installs it" apt install /srv/package.deb
ok "and has nothing to complain about" inside apt-get -q check
same "its files are as packed" "" "$(inside dpkg --verify flightspan)"
same "flightspan version" "flightspan $version" "$(inside flightspan version | head -n 1)"
inside flightspan convert /srv/snapshot.trace >"$work/spans.jsonl" 2>"$work/log"
ok "converts the demo snapshot" grep -q '"name":"authorize card"' "$work/spans.jsonl"
for page in 1/flightspan.1 5/flightspan.yaml.5; do
	ok "man $page" bash -c 'zcat "$1" | man -l - | grep -q NAME' man "$root/usr/share/man/man$page.gz"
done
ok "zsh's completion is where Debian's zsh looks" test -s "$root/usr/share/zsh/vendor-completions/_flightspan"

# ---- the service

same "the user" "/var/lib/flightspan:/usr/sbin/nologin" "$(inside getent passwd flightspan | cut -d : -f 6,7)"
ok "its group" inside getent group flightspan
same "the configuration is a conffile" " /etc/flightspan/flightspan.yaml" \
	"$(inside dpkg-query -W -f '${Conffiles}' flightspan | sed -n 's/ [0-9a-f]*$//p')"
ok "and is valid" inside flightspan config check /etc/flightspan/flightspan.yaml
ok "systemd-analyze verify" bash -c '! grep flightspan <<<"$1"' sh \
	"$(inside systemd-analyze verify --man=no /lib/systemd/system/flightspan.service 2>&1)"
same "not enabled" "" "$(find "$root/etc/systemd" -name '*flightspan*')"

# As the unit's user, with its folders; the address of another test may be in use.
port=$((20000 + RANDOM % 10000))
sed -i "s/127.0.0.1:9464/127.0.0.1:$port/" "$root/etc/flightspan/flightspan.yaml"
inside install -d -o flightspan -g flightspan /run/flightspan /var/lib/flightspan
chroot --userspec=flightspan:flightspan "$root" /usr/bin/flightspan run -c /etc/flightspan/flightspan.yaml >"$work/run.log" 2>&1 </dev/null &
sidecar=$!
ok "health" await 20 inside flightspan health -q -c /etc/flightspan/flightspan.yaml
inside install -o flightspan /srv/snapshot.trace /run/flightspan.trace
inside mv /run/flightspan.trace /run/flightspan/one.trace
ok "a snapshot is taken" await 20 test ! -e "$root/run/flightspan/one.trace"
kill -TERM "$sidecar"
wait "$sidecar"
same "SIGTERM ends it well" 0 $?
sidecar=
ok "its spans wait in the queue" inside sh -c 'flightspan queue list -c /etc/flightspan/flightspan.yaml | grep -E "[1-9][0-9]* spans"'

# ---- the unit, by a real systemd: what the README tells to type, in all of the sandbox

# nspawn's own filter is older than Landlock; the unit's is what is tested.
boot()
{
	umount "$root/proc"
	systemd-nspawn -q -D "$root" -M "flightspan-$$" --boot --keep-unit --register=no --private-network --console=pipe \
		--resolv-conf=off --timezone=off --link-journal=no \
		--system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' >"$work/boot.log" 2>&1 </dev/null &
	machine=$!
	await 60 within systemctl is-system-running
}
within() { timeout 60 nsenter -t "$(pgrep -P "$machine" -o)" -a "$@"; }
# halt: it, and not before it has unmounted everything.
halt()
{
	kill -TERM "$machine" 2>/dev/null
	await 20 bash -c '! kill -0 "$1"' sh "$machine" || kill -9 "$machine" 2>/dev/null
	wait "$machine"
	machine=
}
unit() { within systemctl show flightspan -P "$1"; }
is() { [ "$(unit "$1")" = "$2" ]; }
logged() { within journalctl -q --no-pager -o cat -u flightspan | grep -q -- "$1"; }
waiting() { within flightspan queue list -c /etc/flightspan/flightspan.yaml | grep -qE '[1-9][0-9]* spans queued'; }
push_by()
{
	nsenter -t "$(pgrep -P "$machine" -o)" -n curl -s -m 20 -o "$work/said" -w '%{http_code}' -H "Authorization: Bearer $1" \
		--data-binary @deploy/example/demo.trace.zst http://127.0.0.1:4320/
}
fails() { ! within systemctl restart flightspan; }
booted()
{
	local file=$root/etc/flightspan/flightspan.yaml
	ok "systemctl enable --now" within systemctl enable --now flightspan
	same "active" active "$(unit ActiveState)"
	same "as its user, without rights" "$(within id -u flightspan) 0000000000000000 1 2" \
		"$(within sed -nE 's/^(Uid|CapBnd|NoNewPrivs|Seccomp):\s+(\S+).*/\2/p' "/proc/$(unit MainPID)/status" | xargs)"
	ok "it restricts itself further" logged 'restricted to the folders of\|this kernel has no Landlock'
	ok "health" await 20 within flightspan health -q -c /etc/flightspan/flightspan.yaml
	within install -o flightspan /srv/snapshot.trace /run/flightspan/.part
	within mv /run/flightspan/.part /run/flightspan/one.trace
	ok "its spans wait in the queue" await 20 waiting
	if command -v go >"$work/said"; then
		ok "the example is built" env CGO_ENABLED=0 timeout 300 go build -C deploy/example -o "$root/srv/orders" .
		within useradd --system orders
		# As the unit's comment says.
		ok "a service of another user" within systemd-run -q --unit=orders -p User=orders -p SupplementaryGroups=flightspan \
			/srv/orders -snapshots /run/flightspan -drive 8 -drive-for 30s
		ok "writes snapshots that are taken" await 40 logged 'snapshot-.*queued'
		within systemctl stop orders
	else
		echo "SKIP check-deb: NO SERVICE OF ANOTHER USER: needs Go"
	fi
	ok "systemctl reload" within systemctl reload flightspan
	ok "is a reload" await 20 logged 'read again, and in use'
	within kill -KILL "$(unit MainPID)"
	ok "killed, it is started again" await 20 is NRestarts 1
	ok "and goes on" await 20 is ActiveState active
	ok "with the queue as it was" waiting
	cp "$file" "$work/config"
	echo 'no_such_key: {}' >>"$file"
	ok "a mistake in the configuration" fails
	ok "is told" logged 'no_such_key'
	same "and not tried again" "failed exit-code" "$(unit ActiveState) $(unit Result)"
	cp "$work/config" "$file"
	# A token of systemd's, and a watchdog and a stop that do not take a minute.
	install -D -m 600 <(echo of-this-test) "$root/etc/credstore/flightspan.push-token"
	sed -i 's|^sources:.*|&\n  - { name: pushed, push: { token_file: "${CREDENTIALS_DIRECTORY}/flightspan.push-token" } }|' "$file"
	mkdir -p "$root/etc/systemd/system/flightspan.service.d"
	printf '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n' >"$root/etc/systemd/system/flightspan.service.d/soon.conf"
	within systemctl daemon-reload
	ok "systemctl restart" within systemctl restart flightspan
	same "without the token nothing can be pushed" 401 "$(push_by of-another)"
	same "with the one of /etc/credstore it can" 200 "$(push_by of-this-test)"
	sleep 5
	same "the watchdog hears of it" "active 0" "$(unit ActiveState) $(unit NRestarts)"
	within kill -STOP "$(unit MainPID)"
	ok "halted, it is started again" await 30 is NRestarts 1
	ok "and goes on" await 20 is ActiveState active
	rm -r "$root/etc/systemd/system/flightspan.service.d" "$root/etc/credstore"
	cp "$work/config" "$file"
	within systemctl daemon-reload
	ok "systemctl restart" within systemctl restart flightspan
	ok "systemctl stop" within systemctl stop flightspan
	same "ends it well" "success 0" "$(unit Result) $(unit ExecMainStatus)"
	within systemctl disable flightspan >"$work/said" 2>&1
	halt
}
rm -f "$root/var/lib/flightspan"/queue.db*
apt install systemd-sysv dbus >"$work/log" 2>&1
if ! command -v systemd-nspawn >"$work/said"; then
	echo "SKIP check-deb: NO SYSTEMD WAS BOOTED: no systemd-nspawn; deploy/setup deps ci installs it"
elif boot; then
	booted
	mount -t proc proc "$root/proc"
else
	halt
	tail -n 3 "$work/boot.log"
	echo "SKIP check-deb: NO SYSTEMD WAS BOOTED: it does not come up here"
	mount -t proc proc "$root/proc"
fi

# ---- upgraded, removed, purged: with a systemctl that only writes down what it is told

mkdir -p "$root/run/systemd/system"
printf '#!/bin/sh\necho "$@" >>/run/told\n' >"$work/systemctl"
install -m 755 "$work/systemctl" "$root/bin/systemctl"
ok "upgrade" apt install --reinstall /srv/package.deb
ok "what runs is restarted" grep -q 'try-restart .*flightspan.service' "$root/run/told"
no "what does not is not started" grep -qE '(^| )(re)?start .*flightspan' "$root/run/told"
ok "changes of the configuration stay" grep -q "127.0.0.1:$port" "$root/etc/flightspan/flightspan.yaml"
rm -f "$root/run/told"
ok "remove" apt remove flightspan
ok "the service is stopped" grep -q 'stop .*flightspan.service' "$root/run/told"
ok "configuration and queue stay" test -s "$root/etc/flightspan/flightspan.yaml" -a -s "$root/var/lib/flightspan/queue.db"
ok "purge" apt purge flightspan
same "no file of that name is left" "" "$(find "$root" -xdev -name '*flightspan*')"
same "only its user is" "/etc/group /etc/gshadow /etc/passwd /etc/shadow" \
	"$(cd "$root" && grep -rlI flightspan etc var/lib/systemd var/lib/dpkg/info 2>/dev/null | grep -v -- '-$' | sed 's,^,/,' | sort | xargs)"
sum check-deb
