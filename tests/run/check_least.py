#!/usr/bin/env python3
"""check_least.py PROGRAM ASM: `flightspan run` with little: no rights, no writable root, little memory."""
import os
import shutil
import signal
import subprocess
import sys
import urllib.request

from harness import *

tests = Tests("check-run least")
PROGRAM, ASM = sys.argv[1], sys.argv[2]
NOBODY = 65534

ORDINARY = [
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all",
    "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", "--",
]  # fmt: skip

# Everything becomes read-only but the folder given. What cannot be written anyway may refuse.
READ_ONLY = """
dir=$1; shift
mount --make-rprivate / && mount --bind "$dir" "$dir" || exit 77
awk '{ print $5 }' /proc/self/mountinfo | while read -r at; do
	[ "$at" = "$dir" ] || mount -o remount,bind,ro "$at" 2>/dev/null
done
for at in / /tmp /var/tmp /dev/shm "$dir/.."; do
	if ( : >"$at/flightspan-probe" ) 2>/dev/null; then
		rm -f "$at/flightspan-probe"
		echo "$at is still writable" >&2
		exit 78
	fi
done
: >"$dir/probe" && rm "$dir/probe" && exec "$@"
"""


def read_only(folder):
    return ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(folder)]


def cannot(command, what):
    """Why a test is left out; None: it can be made."""
    if os.geteuid() != 0:
        return f"SKIP check-run: {what} IS NOT TESTED: needs root"
    if not all(shutil.which(name) for name in ("setpriv", "unshare", "mount")):
        return f"SKIP check-run: {what} IS NOT TESTED: needs util-linux and mount"
    tried = subprocess.run([*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if tried.returncode:
        return f"SKIP check-run: {what} IS NOT TESTED: {' '.join(tried.stderr.split())[:200] or 'not permitted'}"
    return None


def works(s):
    """A folder, a push, a reload, a stop: all as for anybody."""
    port, admin = free_port(), free_port()
    push = f'\n- {{ name: box, push: {{ listen: "127.0.0.1:{port}" }} }}'
    s.configure(s.directory(after="archive") + push, f'admin: {{ listen: "127.0.0.1:{admin}" }}')
    s.start()
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        need(int(s.state(key), 16) == 0, f"{key} is {s.state(key)}")
    need(s.state("NoNewPrivs") == "1" and s.state("Uid").split() == [str(NOBODY)] * 4, "it is not an ordinary user")
    traces = clocked_traces()
    body = traces[0].read_bytes()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?name={traces[0].name}", data=body, timeout=PATIENCE) as answer:
        need(answer.status == 200, f"a push: {answer.status}")
    for trace in traces[1:]:
        s.put(trace)
    same(s.receiver, expected(PROGRAM, traces), "sent")
    wait_for(lambda: not s.files(), lambda: f"left: {s.files()}")
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("read again")
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=PATIENCE) as answer:
        need(answer.status == 200, f"/readyz: {answer.status}")
    need(s.stop() == 0, f"exit status: {s.logged()[-600:]}")
    need("error" not in s.logged() and "warning" not in s.logged(), f"the log: {s.logged()[-600:]}")


@tests
def ordinary_user():
    """As a user with no capability, who can gain none."""
    missing = cannot(ORDINARY, "AN ORDINARY USER")
    if missing:
        return missing
    return works(Sidecar(PROGRAM, "ordinary", Receiver(), user=NOBODY, prefix=ORDINARY))


@tests
def read_only_root():
    """The same where nothing but its own folder can be written, not even /tmp."""
    s = Sidecar(PROGRAM, "read-only", Receiver(), user=NOBODY)
    s.prefix = read_only(s.dir) + ORDINARY
    missing = cannot(s.prefix, "A READ-ONLY ROOT")
    if missing:
        return missing
    return works(s)


@tests
def idle_memory():
    """With nothing to do it has at most 12 MiB resident."""
    if "/san-" in PROGRAM:
        return "SKIP check-run: MEMORY IS NOT TESTED: a sanitizer has its own"
    s = Sidecar(PROGRAM, "idle", Receiver())
    s.configure(s.directory(), f'admin: {{ listen: "127.0.0.1:{free_port()}" }}')
    s.start()
    wait_for(lambda: s.rss() <= 12 << 20, lambda: f"{s.rss() / (1 << 20):.1f} MiB resident", 10)
    note = f"{s.rss() / (1 << 20):.1f} MiB"
    s.stop()
    return note


tests.run()
