#!/usr/bin/env python3
"""check_directory.py PROGRAM ASM: `flightspan run` on folders of snapshots.

Real traces, a real process, a receiver on loopback; what arrives is compared as sets of
(trace id, span id, hash of the span) with what `convert` makes of the same files.
RUN_ROUNDS (30): how often it is killed; TEST=name: tests whose name has this in it.
"""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import harness
from harness import *

tests = Tests("check-run directory")
PROGRAM, ASM = sys.argv[1], sys.argv[2]
NOBODY = 65534


@tests
def recorded_traces():
    """Traces of all versions arrive; what is no snapshot stays, what is broken moves away."""
    r = Receiver()
    s = Sidecar(PROGRAM, "recorded", r)
    (s.inbox / "README").write_text("not a trace")
    (s.inbox / ".hidden").write_bytes(good_traces()[0].read_bytes())
    (s.inbox / "folder").mkdir()
    os.symlink("/etc/hostname", s.inbox / "link")
    os.mkfifo(s.inbox / "pipe")
    (s.inbox / "broken").write_bytes(b"go 1.26 trace\0\0\0junk")
    shutil.copy(TOP / "tests/data/bad/old-go1.11.trace", s.inbox / "old")
    s.start()
    for path in good_traces():
        s.put(path)
    same(r, expected(PROGRAM, good_traces()), "recorded traces")
    wait_for(lambda: s.files() == [".hidden", "README", "link"], lambda: f"files: {s.files()}")
    note = (s.inbox / "bad/broken.txt").read_text()
    need("expected a batch" in note, f"the note: {note}")
    need("1.11" in (s.inbox / "bad/old.txt").read_text(), "the note about an old trace")
    need((s.inbox / "bad/old").exists(), "the old trace is not in bad/")
    need(s.stop() == 0, "exit status")


@tests
def burst():
    """2,000 snapshots at once."""
    r = Receiver()
    s = Sidecar(PROGRAM, "burst", r)
    paths = small_traces(ASM, 2000, s.dir / "made")
    spans = expected(PROGRAM, paths)
    s.start()
    for path in paths:
        os.rename(path, s.inbox / path.name)
    same(r, spans, "2,000 at once")
    wait_for(lambda: not s.files(), lambda: f"{len(s.files())} files stay")
    need(s.rss() < 64 << 20, f"{s.rss()} bytes of memory")
    s.stop()
    account = re.search(r"(\d+) spans produced = (\d+) acknowledged", s.logged())
    need(account and account[1] == account[2] == str(len(spans)), "the account: " + s.logged()[-500:])
    return f"{len(spans)} spans"


@tests
def complete_files_only():
    """A file that is still written to is left alone until it is closed."""
    r = Receiver()
    s = Sidecar(PROGRAM, "complete", r)
    s.configure(s.directory(settle="1h"))
    s.start()
    one, two = clocked_traces()[:2]
    data = one.read_bytes()
    with open(s.inbox / one.name, "wb") as out:
        out.write(data[: len(data) // 2])
        out.flush()
        # The second is closed later and done first.
        (s.inbox / two.name).write_bytes(two.read_bytes())
        wait_for(lambda: not (s.inbox / two.name).exists(), "the second file")
        need((s.inbox / one.name).exists(), "half a file was taken")
        out.write(data[len(data) // 2 :])
    same(r, expected(PROGRAM, [one, two]), "both files")
    s.stop()


@tests
def settled_files():
    """Without a sign from the writer, a file that is still for a while is complete."""
    r = Receiver()
    s = Sidecar(PROGRAM, "settled", r)
    trace = clocked_traces()[0]
    s.start()
    kept_open = open(s.inbox / trace.name, "wb")
    kept_open.write(trace.read_bytes())
    kept_open.flush()
    shutil.copyfile(clocked_traces()[1], s.dir / "outside")
    os.utime(s.dir / "outside")
    os.link(s.dir / "outside", s.inbox / clocked_traces()[1].name)
    same(r, expected(PROGRAM, [trace, clocked_traces()[1]]), "settled files")
    kept_open.close()
    s.stop()


@tests
def replaced_files():
    """Files that are rewritten all the time: the last version of each arrives, nothing breaks."""
    r = Receiver()
    s = Sidecar(PROGRAM, "replaced", r)
    paths = small_traces(ASM, 300, s.dir / "made")
    ids = lambda spans: {span[:2] for span in spans}  # the names differ, and are in the root span
    spans = ids(expected(PROGRAM, paths))
    bodies = [p.read_bytes() for p in paths]
    s.start()
    for i, body in enumerate(bodies[:-10]):
        name = s.inbox / f"slot-{i % 10}"
        if i % 3:
            name.write_bytes(body)  # in place
        else:
            (s.dir / "part").write_bytes(body)
            os.rename(s.dir / "part", name)
    last = bodies[-10:]
    for i, body in enumerate(last):
        (s.inbox / f"slot-{i}").write_bytes(body)
    must = ids(expected(PROGRAM, paths[-10:]))
    wait_for(lambda: must <= ids(r.seen()), lambda: f"{len(must - ids(r.seen()))} of the last are missing")
    wait_for(lambda: not s.files(), lambda: f"files stay: {s.files()}")
    need(ids(r.seen()) <= spans, "spans that nobody expects")
    need(not (s.inbox / "bad").exists(), "a file was taken for broken")
    s.stop()
    return f"{len(r.seen())} of {len(spans)} spans were there long enough"


@tests
def permissions():
    """What may not be read waits until it may; a folder that may not be changed is no loop."""
    if os.geteuid():
        return "SKIP check-run: PERMISSIONS ARE NOT TESTED: needs root, to become another user"
    r = Receiver()
    s = Sidecar(PROGRAM, "denied", r, user=NOBODY)
    secret = clocked_traces()[0].name
    shutil.copyfile(clocked_traces()[0], s.inbox / secret)
    os.chmod(s.inbox / secret, 0)
    s.start()
    s.wait_log(f"{secret}: Permission denied")
    s.put(clocked_traces()[1])
    wait_for(lambda: s.files() == [secret], "the other file")
    os.chmod(s.inbox / secret, 0o644)
    same(r, expected(PROGRAM, clocked_traces()[:2]), "after chmod")
    os.chmod(s.inbox, 0o555)
    stays = clocked_traces()[2].name
    shutil.copyfile(clocked_traces()[2], s.inbox / stays)
    same(r, expected(PROGRAM, clocked_traces()[:3]), "read-only folder")
    s.wait_log(f"{stays}: cannot rename it")
    need(s.files() == [stays], f"files: {s.files()}")
    n = len(r.spans)
    s.stop()
    s.start()
    s.wait_log(f"{stays}: cannot rename it")
    os.chmod(s.inbox, 0o755)
    s.stop()
    s.start()
    wait_for(lambda: not s.files(), "the file is removed once that is possible")
    s.stop()
    need(len(r.spans) == n, "it was sent again")


@tests
def folder_comes_and_goes():
    """A folder that appears later, goes, and comes back as another."""
    r = Receiver()
    s = Sidecar(PROGRAM, "later", r)
    s.inbox.rmdir()
    s.start()
    s.wait_log("waiting for the folder")
    s.inbox.mkdir()
    s.put(clocked_traces()[0])
    same(r, expected(PROGRAM, clocked_traces()[:1]), "first folder")
    wait_for(lambda: not s.files(), "the file goes")
    os.rename(s.inbox, s.dir / "gone")
    s.inbox.mkdir()
    s.put(clocked_traces()[1])
    same(r, expected(PROGRAM, clocked_traces()[:2]), "second folder")
    s.stop()


@tests
def archive_and_keep():
    """after: archive has a quota; after: keep sends nothing again, also after a restart."""
    r = Receiver()
    s = Sidecar(PROGRAM, "archive", r)
    paths = small_traces(ASM, 50, s.dir / "made")
    size = sum(p.stat().st_size for p in paths)
    s.configure(s.directory("archive", more=f", archive_size: {size // 5}"))
    s.start()
    for path in paths:
        shutil.copy2(path, s.dir / "part")
        os.rename(s.dir / "part", s.inbox / path.name)
    same(r, expected(PROGRAM, paths), "archived")
    wait_for(lambda: not s.files(), "the folder is empty")
    kept = sorted(p.name for p in (s.inbox / "archive").iterdir())
    need(0 < sum(p.stat().st_size for p in (s.inbox / "archive").iterdir()) <= size // 5, "quota")
    need(kept == [p.name for p in paths][-len(kept) :], "the oldest did not go first")
    s.stop()
    s.configure(s.directory("keep"))
    for path in paths[:10]:
        shutil.copy2(path, s.inbox / path.name)
    more = clocked_traces()[0]
    s.start()
    s.put(more)
    same(r, expected(PROGRAM, paths) | expected(PROGRAM, [more]), "kept")
    n = len(r.spans)
    s.stop()
    s.start()
    s.put(clocked_traces()[1])
    spans = expected(PROGRAM, paths) | expected(PROGRAM, [more]) | expected(PROGRAM, [clocked_traces()[1]])
    same(r, spans, "after the restart")
    need(len(s.files()) == 12, f"files: {s.files()}")
    s.stop()
    need(len(r.spans) == n + len(expected(PROGRAM, [clocked_traces()[1]])), "something was sent again")


@tests
def backend_down():
    """The backend is away all the time, over restarts, and comes back: nothing is missing."""
    r = Receiver()
    r.down = True
    s = Sidecar(PROGRAM, "down", r)
    paths = good_traces()
    spans = expected(PROGRAM, paths)
    for half in (paths[:20], paths[20:]):
        s.start()
        for path in half:
            s.put(path)
        wait_for(lambda: not s.files(), "all are queued")
        need(s.stop() == 0, "what stays queued is no failure")
        need("stay queued" in s.logged(), "the account does not tell")
    need(not r.seen(), "something was acknowledged")
    r.down = False
    s.start()
    same(r, spans, "after the outage")
    s.stop()


@tests
def stopped_while_reading():
    """A stop waits ten seconds for what is read, then leaves it as it lies; the next start reads it, once."""
    r = Receiver()
    s = Sidecar(PROGRAM, "reading", r)
    path = large_trace(ASM, WORK / "large.trace", tasks=500)
    s.start()
    s.put(path)
    wait_for(lambda: bytes_read(s.process.pid, path), "it is read")
    s.process.send_signal(signal.SIGSTOP)
    s.process.send_signal(signal.SIGTERM)
    need(s.files(), "it was read too fast: no test")
    # It takes note of the signal, let go for so short that little more is read; its time goes by while it is held.
    for _ in range(1000):
        s.process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
        s.process.send_signal(signal.SIGSTOP)
        if "stopping" in s.logged():
            break
    need("stopping" in s.logged(), "it takes no note of the signal")
    need(s.files(), "it was read too fast: no test")
    until = time.monotonic() + 10.2
    wait_for(lambda: time.monotonic() > until, "ten seconds")
    s.process.send_signal(signal.SIGCONT)
    began = time.monotonic()
    status = s.process.wait(harness.PATIENCE)
    took = time.monotonic() - began
    need(status == 0 and took < 5, f"status {status} after {took:.1f} s: {s.logged()[-600:]}")
    need(s.files() == [path.name], "it is not where it was")
    need("stops before it is read; the next start reads it" in s.logged(), s.logged()[-600:])
    need(not r.seen(), "a part of it was sent")
    s.start()
    wait_for(lambda: not s.files(), lambda: s.logged()[-600:])
    same(r, expected(PROGRAM, [path]), "after the next start")
    s.stop()


def bytes_read(pid, path):
    """How far the process is in that file, by what it has open."""
    at = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.path.basename(os.readlink(f"/proc/{pid}/fd/{name}")) == path.name:
                at = max(at, int(pathlib.Path(f"/proc/{pid}/fdinfo/{name}").read_text().split()[1]))
        except OSError:
            pass
    return at


@tests
def killed():
    """kill -9 at random and again: every span arrives, with one content."""
    rounds = int(os.environ.get("RUN_ROUNDS", "30"))
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    chance = random.Random(seed)
    r = Receiver()
    s = Sidecar(PROGRAM, "killed", r)
    made = small_traces(ASM, rounds * 12, s.dir / "made")
    spans = set()
    dead = 0
    todo = made[:]
    overlap = sorted((TOP / "tests/data/overlap").glob("*.trace.zst"))
    spans = expected(PROGRAM, made) | expected(PROGRAM, overlap)
    for path in overlap:
        s.put(path)
    for _ in range(rounds):
        s.start(wait=False)
        for path in todo[:12]:
            os.rename(path, s.inbox / path.name)
        del todo[:12]
        try:
            s.process.wait(chance.random() * 0.25)
        except subprocess.TimeoutExpired:
            dead += 1
        s.process.kill()
        s.process.wait()
    s.start()
    same(r, spans, f"SEED={seed}")
    wait_for(lambda: not s.files(), lambda: f"SEED={seed}: files stay: {s.files()}")
    s.stop()
    by_id = {}
    for trace, span, digest in r.spans:
        need(by_id.setdefault((trace, span), digest) == digest, f"SEED={seed}: one id, two contents")
    need(dead > rounds / 2, f"only {dead} of {rounds} were killed")
    return f"{dead} kills, {len(spans)} spans, {len(r.spans) - len(spans)} came twice and equal, SEED={seed}"


@tests
def reload():
    """SIGHUP: what is valid applies under load, what is invalid changes nothing."""
    r = Receiver()
    s = Sidecar(PROGRAM, "reload", r)
    paths = small_traces(ASM, 400, s.dir / "made")
    spans = expected(PROGRAM, paths)
    second = s.dir / "second"
    second.mkdir()
    s.start()
    old = s.config.read_text()
    stop = threading.Event()

    def load():
        for path in paths:
            os.rename(path, s.inbox / path.name)
            if stop.wait(0.005):
                return

    thread = threading.Thread(target=load)
    thread.start()
    for i in range(8):
        if i % 4 == 1:
            s.config.write_text(old + "nonsense: 1\n")
            s.process.send_signal(signal.SIGHUP)
            wait_for(lambda: s.logged().count("going on with the settings as they were") == i // 4 + 1, "refused")
        else:
            n = s.logged().count("read again")
            more = f"log: {{ level: {'info' if i % 2 else 'debug'} }}\n"
            # The queue's settings change, too: the destinations are opened anew.
            s.config.write_text(old.replace("flush: 5s", f"flush: {5 + i % 3}s") + more)
            s.process.send_signal(signal.SIGHUP)
            wait_for(lambda: s.logged().count("read again") > n, "reloaded")
    need(f"{s.config}:" in s.logged() and "nonsense: unknown" in s.logged(), "the message")
    thread.join(PATIENCE)
    same(r, spans, "under reloads")
    s.config.write_text(old.replace(str(s.inbox), str(second)))
    s.process.send_signal(signal.SIGHUP)
    (second / clocked_traces()[0].name).write_bytes(clocked_traces()[0].read_bytes())
    same(r, spans | expected(PROGRAM, clocked_traces()[:1]), "the other folder")
    need(s.stop() == 0, "exit status")


@tests
def systemd():
    """Ready, reloading, watchdog and stopping are told to $NOTIFY_SOCKET."""
    path = WORK / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(PATIENCE)
        r = Receiver()
        s = Sidecar(PROGRAM, "systemd", r, env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "3000000"})
        s.start()

        def until(word):
            while True:
                text = listener.recv(4096).decode()
                if word in text:
                    return text

        until("READY=1")
        until("WATCHDOG=1")
        s.process.send_signal(signal.SIGHUP)
        need("MONOTONIC_USEC=" in until("RELOADING=1"), "no time of the reload")
        until("READY=1")
        s.process.send_signal(signal.SIGTERM)
        until("STOPPING=1")
        s.process.wait(PATIENCE)


@tests
def json_log():
    """log.format: json is one object a line, and repeats are summed up."""
    r = Receiver()
    s = Sidecar(PROGRAM, "json", r, extra="log: { format: json }")
    for i in range(50):
        (s.inbox / f'bro"ken\\{i}\n').write_bytes(b"go 1.26 trace\0\0\0junk")
    s.start(wait=False)
    wait_for(lambda: s.logged().count("started"), "started")
    wait_for(lambda: len(s.files()) == 0, lambda: f"files: {s.files()}")
    s.stop()
    lines = [json.loads(line) for line in s.logged().splitlines()]
    for line in lines:
        need(set(line) == {"time", "level", "message"}, f"keys: {line}")
        need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line["time"])
    shown = [x for x in lines if "bad/" in x["message"] and "not shown" not in x["message"]]
    held = [x for x in lines if "40 more like this were not shown" in x["message"]]
    need(len(shown) == 10 and len(held) == 1, f"{len(shown)} shown, {len(held)} sums")


@tests
def refused():
    """What cannot be run by is refused, with the place in the file."""
    r = Receiver()
    s = Sidecar(PROGRAM, "refused", r)
    d = s.directory()
    rows = [
        ("sources: []\n", "key sources: run needs at least one"),
        (f"sources:\n{d}\n", "key exporters: run needs at least one"),
        (
            f"sources:\n{d}\n{d.replace('name: in', 'name: too')}\nexporters: [ {{ name: a, file: {{}} }} ]\n",
            ":3:29: key sources[1].directory.path: source in watches this folder already",
        ),
        (
            f"sources:\n{d}\nexporters: [ {{ name: a, otlp: {{ endpoint: 'ftp://x' }} }} ]\n",
            ":3:14: key exporters[0]: ",
        ),
    ]
    for text, message in rows:
        s.config.write_text(text)
        for command in (["config", "check", s.config], ["run", "-c", s.config]):
            done = subprocess.run([PROGRAM, *map(str, command)], capture_output=True, text=True, timeout=PATIENCE)
            need(done.returncode == 2, f"{command}: status {done.returncode}: {done.stderr}")
            need(message in done.stderr and str(s.config) in done.stderr, f"{command}: {done.stderr}")
            need(done.stderr.count("\n") == 1, f"more than one line: {done.stderr}")


@tests
def one_at_a_time():
    """A second process on the same queue is refused; a stop by SIGTERM twice is at once."""
    r = Receiver()
    s = Sidecar(PROGRAM, "two", r)
    s.start()
    done = subprocess.run(
        [PROGRAM, "run", "-c", str(s.config)], capture_output=True, text=True, timeout=PATIENCE
    )
    need(done.returncode == 2 and str(s.process.pid) in done.stderr, f"{done.returncode}: {done.stderr}")
    need(s.stop() == 0, "exit status")


tests.run()
