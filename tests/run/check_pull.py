#!/usr/bin/env python3
"""check_pull.py PROGRAM ASM: pull sources, on a real flight recorder (needs Go) and a scripted one."""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

from harness import *

tests = Tests("check-run pull")
PROGRAM, ASM = sys.argv[1], sys.argv[2]
SHIM = pathlib.Path(PROGRAM).resolve().with_name("shim.so")
RECORDER = TOP / "build/run-recorder"


def get(port, path, method="GET"):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        c.request(method, path)
        r = c.getresponse()
        return r.status, r.read().decode(errors="replace")
    finally:
        c.close()


class Scripted:
    """A recorder whose answers are given; `asked` are the requests, `most` how many at once."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked, self.now, self.most = [], 0, 0
        self.hold = threading.Event()
        self.lock = threading.Lock()
        me = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                with me.lock:
                    me.asked.append((time.monotonic(), self.command, self.path, dict(self.headers)))
                    me.now += 1
                    me.most = max(me.most, me.now)
                    status, headers, body = me.answers.pop(0) if len(me.answers) > 1 else me.answers[0]
                if headers.get("hold"):
                    me.hold.wait(PATIENCE)
                # Before the answer: who has all of it may ask again before we are back.
                with me.lock:
                    me.now -= 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DUMP = answer

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/recorder"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


HAND = "{ name: hand, signal: USR1, delay: 0, cooldown: 0, max_per_hour: 100000 }"


def pulling(name, receiver, url, more="", rules=HAND, sources=None, env=None):
    """A sidecar with one pull source, and the port of its admin address."""
    s = Sidecar(PROGRAM, name, receiver, env=env)
    port = free_port()
    s.configure(
        sources or f'- {{ name: recorder, pull: {{ url: "{url}"{more} }} }}',
        f'admin: {{ listen: "127.0.0.1:{port}" }}\ntriggers: [ {rules} ]',
    )
    return s.start(), port


def snapshot():
    return clocked_traces()[0].read_bytes()


def lost(port):
    for line in get(port, "/metrics")[1].splitlines():
        if line.startswith('flightspan_source_refused_total{source="recorder"'):
            return int(line.split()[-1])
    return None


@tests
def real_recorder():
    """A real runtime/trace.FlightRecorder: asked by signal, POST and schedule, with its secrets."""
    if not shutil.which("go"):
        return "SKIP check-run: A REAL FLIGHT RECORDER IS NOT TESTED: needs Go 1.25 or newer"
    subprocess.run(
        ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(RECORDER), "."], cwd=TOP / "tests/run/recorder", check=True
    )
    p = subprocess.Popen([RECORDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        go = int(p.stdout.readline().split()[1])
        r = Receiver()
        secret = WORK / "pull-token"
        secret.write_text("s3cret-token\n")
        rules = (
            "{ name: by-signal, signal: USR2, delay: 0, cooldown: 0 }, "
            "{ name: by-post, signal: USR1, delay: 0, cooldown: 0 }, { name: by-time, every: 3s, delay: 0, cooldown: 0 }"
        )
        more = f', method: POST, token_file: {secret}, headers: {{ X-Team: "${{TEAM}}" }}'
        s, port = pulling("real", r, f"http://127.0.0.1:{go}/snapshot", more, rules, env={"TEAM": "s3cret-team"})
        shown = subprocess.run([PROGRAM, "config", "print", str(s.config)], env=s.env, capture_output=True, text=True)
        need(shown.returncode == 0 and "X-Team" in shown.stdout, f"config print: {shown.stderr}")

        def captures():
            return json.loads(get(port, "/captures")[1])

        get(go, "/do?name=first-task")
        s.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: any(c["trigger"] == "by-signal" for c in captures()), lambda: f"a capture: {s.logged()}")
        get(go, "/do?name=second-task")
        need(get(port, "/trigger/by-post", "POST")[0] == 202, "POST")
        wait_for(lambda: any(c["trigger"] == "by-post" for c in captures()), lambda: f"by POST: {s.logged()}")
        wait_for(lambda: any(c["trigger"] == "by-time" for c in captures()), lambda: f"by time: {s.logged()}")
        need(all(c["outcome"] == "queued" and c["source"] == "recorder" and c["cause"] for c in captures()), f"{captures()}")
        for text in ("first-task", "second-task", "by-signal", "by-post", "signal USR2", "every 3 s"):
            wait_for(lambda: any(text.encode() in b for b in r.raw), f"{text} in the spans")
        s.stop()
        # Each task was in several snapshots, and is sent once.
        ids = [(t, i) for t, i, _ in r.spans]
        need(len(ids) == len(set(ids)), "a span was sent twice")
        for where in (s.log.read_text(), shown.stdout):
            need("s3cret" not in where, "a secret is shown")
    finally:
        p.stdin.close()
        p.wait(PATIENCE)


@tests
def busy():
    """409, 500, 503, a cut answer and an empty one are asked again after longer and longer pauses."""
    cut = snapshot()
    far = {"Content-Length": str(len(cut) + 1000)}
    scripts = (
        ("conflict", ((409, {}, b"busy\n"), (503, {"Retry-After": "2"}, b""), (200, far, cut[:100])), (0.5, 2, 2)),
        ("progress", ((500, {}, b"snapshot already in progress\n"), (200, {}, b""), (429, {}, b"")), (0.5, 1, 2)),
    )
    started, notes = [], []
    for name, answers, pauses in scripts:
        r, p = Receiver(), Scripted(*answers, (200, {}, snapshot()))
        s, port = pulling("busy-" + name, r, p.url, ", timeout: 60s")
        s.process.send_signal(signal.SIGUSR1)
        started.append((r, p, s, port, pauses))
    for r, p, s, port, pauses in started:
        wait_for(r.seen, lambda: f"spans: {s.logged()}")
        gaps = [b[0] - a[0] for a, b in zip(p.asked, p.asked[1:])]
        need(len(gaps) == len(pauses), f"{len(p.asked)} requests")
        need(all(g >= least - 0.02 for g, least in zip(gaps, pauses)), f"pauses {gaps}")
        need(lost(port) == 0, "counted as lost")
        # Nothing of what was cut is in the queue: one capture.
        captures = json.loads(get(port, "/captures")[1])
        need([c["outcome"] for c in captures] == ["queued"], f"{captures}")
        notes += [f"{g:.1f}" for g in gaps]
        s.stop()
    need("snapshot already in progress (another snapshot" in started[1][2].logged(), "its words")
    return "pauses " + ", ".join(notes)


@tests
def given_up():
    """What another attempt cannot mend is not asked again; busy for longer than timeout is given up."""
    good = snapshot()
    cases = (
        ("none", (404, {}, b"nothing here\n"), "HTTP status 404: nothing here (see pull.url", 1),
        ("who", (401, {}, b"who?\n"), "HTTP status 401: who? (see pull.token_file", 1),
        ("moved", (302, {"Location": "/other"}, b""), "a redirection is not followed", 1),
        ("large", (200, {}, b"x" * 5000), "larger than max_size (4096 bytes)", 1),
        ("said", (200, {"Transfer-Encoding": "identity", "Content-Length": "999999"}, b"y" * 9000), "larger than max_size", 1),
        ("junk", (200, {}, b"<html>a login page</html>"), "a capture (hand: signal USR1) is lost: ", 1),
        ("busy", (503, {}, b"busy\n"), "no snapshot: HTTP status 503: busy", 2),
        ("later", (503, {"Retry-After": "3600"}, b"busy\n"), "no snapshot: HTTP status 503: busy", 1),
        ("slow", (200, {"hold": "1"}, good), "no snapshot: ", 1),
    )
    for name, answer, words, requests in cases:
        p = Scripted(answer)
        s, port = pulling("up-" + name, Receiver(), p.url, ", max_size: 4KiB, timeout: 1s")
        s.process.send_signal(signal.SIGUSR1)
        s.wait_log(words)
        wait_for(lambda: lost(port) == 1, lambda: f"{name}: lost {lost(port)}")
        need(len(p.asked) == requests, f"{name}: {len(p.asked)} requests")
        need(not s.receiver.seen(), f"{name}: spans")
        p.hold.set()
        need(s.stop() == 0, f"{name}: exit status")
    # Nobody is there.
    s, port = pulling("up-gone", Receiver(), f"http://127.0.0.1:{free_port()}/", ", timeout: 1s")
    s.process.send_signal(signal.SIGUSR1)
    s.wait_log("no snapshot: ")
    need("source recorder (pull): waiting" in get(port, "/readyz")[1], "ready, although nobody answers")
    s.stop()


@tests
def one_at_a_time():
    """Two sources of one program never ask at once; of two programs they do; a stop ends a request."""
    p, other = Scripted((200, {"hold": "1"}, snapshot())), Scripted((200, {"hold": "1"}, snapshot()))
    sources = (
        f'- {{ name: recorder, pull: {{ url: "{p.url}" }} }}\n- {{ name: again, pull: {{ url: "{p.url}?again", method: DUMP }} }}\n'
        f'- {{ name: other, pull: {{ url: "{other.url}" }} }}'
    )
    r = Receiver()
    s, port = pulling("single", r, "", sources=sources)
    s.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: len(p.asked) == 1 and len(other.asked) == 1, "both programs are asked")
    for _ in range(12):
        get(port, "/trigger/hand", "POST")
    s.wait_log("has nothing to capture now")
    need(len(p.asked) == 1 and p.most == 1, f"{len(p.asked)} requests at once")
    p.hold.set()
    wait_for(lambda: {a[1] for a in p.asked} == {"GET", "DUMP"}, "the other source's turn")
    wait_for(r.seen, "spans")
    need(p.most == 1, f"{p.most} at once")
    began = time.monotonic()
    need(s.stop() == 0, "exit status")
    need("the program stops" in s.logged(), "what was not fetched is told")
    need(time.monotonic() - began < PATIENCE / 2, "a request in flight holds up the stop")
    other.hold.set()


@tests
def durable():
    """What was logged as queued is there after kill -9, although no backend was; each span once."""
    traces = clocked_traces()
    p = Scripted(*[(200, {}, t.read_bytes()) for t in traces])
    r = Receiver()
    r.down = True
    s, port = pulling("durable-pull", r, p.url)
    for i in range(len(traces)):
        s.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: len(json.loads(get(port, "/captures")[1])) == i + 1, lambda: f"capture {i}: {s.logged()}")
    queued = sum(c["spans"] for c in json.loads(get(port, "/captures")[1]))
    s.stop(signal.SIGKILL)
    r.down = False
    s.start()
    wait_for(lambda: len(r.seen()) >= queued, lambda: f"{len(r.seen())} of {queued} spans")
    need(len(r.seen()) == queued > 100, f"{len(r.seen())} of {queued} spans")
    need(len(r.spans) == len(r.seen()), "a span was sent twice")
    s.stop()


@tests
def queue_fails():
    """Bytes that the queue does not take are put in again, also when the inbox is full; nobody is asked twice."""
    if not SHIM.exists():
        return f"SKIP check-run: A QUEUE THAT FAILS IS NOT TESTED: needs {SHIM.name}"
    p, r = Scripted((200, {}, snapshot())), Receiver()
    s = Sidecar(PROGRAM, "queue-fails", r)
    s.fault_by(SHIM)
    port = free_port()
    s.configure(
        f'{s.directory()}\n- {{ name: recorder, pull: {{ url: "{p.url}" }} }}',
        f'admin: {{ listen: "127.0.0.1:{port}" }}\ntriggers: [ {HAND} ]',
    )
    s.start()
    s.fault.write_text("5 ws")  # EIO
    s.process.send_signal(signal.SIGUSR1)
    s.wait_log("recorder: recorder: ")
    # Many more than the inbox holds: what comes back to it finds no room.
    paths = small_traces(ASM, 60, s.dir / "made")
    spans = expected(PROGRAM, paths)
    for path in paths:
        os.rename(path, s.inbox / path.name)
    told = s.logged().count("tried again")
    wait_for(lambda: s.logged().count("tried again") > told + 5, lambda: s.logged()[-600:])
    s.fault.unlink()

    def queued():
        return [c["source"] for c in json.loads(get(port, "/captures")[1]) if c["outcome"] == "queued"]

    wait_for(lambda: queued().count("recorder") == 1, lambda: s.logged()[-800:])
    wait_for(lambda: spans <= r.seen(), "the files' spans")
    need("is lost" not in s.logged() and lost(port) == 0, s.logged()[-800:])
    need(len(p.asked) == 1, f"{len(p.asked)} requests")
    need(s.stop() == 0, "exit status")


@tests
def cut_in_the_middle():
    """A large body that breaks off after much of it came is asked for again, and no part of it is used."""
    whole = b"".join(t.read_bytes() for t in good_traces())[: 1 << 19]
    p, r = Scripted((200, {"Content-Length": str(1 << 20)}, whole), (200, {}, snapshot())), Receiver()
    s, port = pulling("cut", r, p.url)
    s.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: json.loads(get(port, "/captures")[1]), lambda: s.logged())
    (c,) = json.loads(get(port, "/captures")[1])
    need(c["outcome"] == "queued" and len(p.asked) == 2 and "asked again" in s.logged(), f"{c} {s.logged()}")
    need(s.stop() == 0, "exit status")
    return f"{len(whole)} bytes of {1 << 20}"


@tests
def sampling_by_source():
    """A policy that names sources decides for their captures and for no others."""
    a, b = Scripted((200, {}, snapshot())), Scripted((200, {}, clocked_traces()[1].read_bytes()))
    sources = "\n".join(f'- {{ name: {n}, pull: {{ url: "{p.url}" }} }}' for n, p in (("quiet", a), ("loud", b)))
    r = Receiver()
    s, port = pulling("by-source", r, "", sources=sources)
    s.config.write_text(
        s.config.read_text()
        + "sampling: [ { name: none, sources: [quiet], keep: 0 }, { name: all, sources: [loud], keep: 1 }, { name: rest, keep: 0 } ]\n"
    )
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("read again")
    s.process.send_signal(signal.SIGUSR1)

    def captures():
        return {c["source"]: c for c in json.loads(get(port, "/captures")[1])}

    wait_for(lambda: len(captures()) == 2, lambda: f"two captures: {s.logged()}")
    spans = {name: c["spans"] for name, c in captures().items()}
    need(spans["loud"] > 10 > spans["quiet"], f"spans by source: {spans}")
    s.config.write_text(s.config.read_text().replace("[quiet]", "[nobody]"))
    done = subprocess.run([PROGRAM, "config", "check", str(s.config)], capture_output=True, text=True)
    need(done.returncode == 2 and "sampling[0].sources: there is no source nobody" in done.stderr, done.stderr)
    s.stop()
    return f"{spans}"


@tests
def refused_settings():
    """What cannot work is refused with its place."""
    s = Sidecar(PROGRAM, "refused-pull", Receiver())
    for sources, rules, words in (
        ('- { name: a, pull: { method: "GET /" } }', "", "sources[0].pull.method"),
        ("- { name: a, pull: { headers: { X-A: \"a\\nb\" } } }", "", "sources[0].pull.headers"),
        ("- { name: a, pull: { max_size: 1 } }", "", "sources[0].pull.max_size"),
        ("- { name: a, pull: { token: literal } }", "", "sources[0].pull.token"),
        ("- { name: a, pull: }", "{ name: t, task: { name: x } }", "triggers[0]"),
        (s.directory(), "{ name: t, every: 1h, capture: [in] }", "triggers[0].capture"),
    ):
        s.configure(sources, f"triggers: [ {rules} ]" if rules else "")
        done = subprocess.run([PROGRAM, "config", "check", str(s.config)], capture_output=True, text=True)
        need(done.returncode == 2 and words in done.stderr, f"{sources}: {done.returncode} {done.stderr}")
        need("literal" not in done.stderr, "the secret is shown")


tests.run()
