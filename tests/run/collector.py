#!/usr/bin/env python3
"""collector.py PROGRAM ASM OTELCOL: `flightspan run` into a real OpenTelemetry Collector; needs Go.

Part of `make check-e2e`, which builds the Collector. What it has stored is compared with what
`convert` makes of the same snapshots, or with what the sidecar wrote to a file beside it, as sets
of spans: ids and all that is in them.
"""
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import harness
from stream import *

tests = Tests("check-e2e run")
PROGRAM, ASM, OTELCOL = sys.argv[1], sys.argv[2], sys.argv[3]
build()

# Messages within a span, by their field: the Collector writes fields in another order, and what is
# empty too.
VALUE = {}
KEY_VALUE = {2: VALUE}
VALUE.update({5: {1: VALUE}, 6: {1: KEY_VALUE}})
SPAN = {9: KEY_VALUE, 11: {3: KEY_VALUE}, 13: {4: KEY_VALUE}, 15: {}}


def canonical(message, within):
    """Its fields by number, those of one number in their order; without what is empty, but values."""
    known = [(n, canonical(v, within[n]) if n in within else v) for n, v in fields(message)]
    return sorted((f for f in known if f[1] or within is VALUE), key=lambda f: f[0])


def digests(request):
    for span in spans(request):
        told = canonical(span, SPAN)
        ids = dict(f for f in told if f[0] in (1, 2))
        yield ids[1].hex(), ids[2].hex(), hash(repr(told))


harness.digests = digests


class Collector:
    """A real one, started and killed as often as the test likes."""

    def __init__(self, name):
        self.file = WORK / (name + ".pb")
        self.port, self.grpc = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.read, self.known = 0, []

    def start(self):
        env = dict(os.environ, E2E_HTTP_PORT=str(self.port), E2E_GRPC_PORT=str(self.grpc), E2E_FILE=str(self.file))
        config = TOP / "tests/e2e/otelcol/config.yaml"
        self.process = subprocess.Popen(
            [OTELCOL, "--config", f"file:{config}"],
            env=dict(env, E2E_FORMAT="proto"),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        alive(self.process)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def all(self):
        """Every span that it has stored, those that came twice too."""
        if self.file.exists():
            with open(self.file, "rb") as stored:
                stored.seek(self.read)
                for request in requests(stored.read()):
                    self.known += digests(request)
                    self.read += 4 + len(request)
        return self.known

    def seen(self):
        return set(self.all())


def once(collector):
    """Each span has one content, however often it came."""
    contents = {}
    for trace, span, content in collector.all():
        need(contents.setdefault((trace, span), content) == content, f"span {span} came with two contents")


@tests
def burst():
    """2,000 snapshots at once, by HTTP; each span once."""
    c = Collector("burst").start()
    s = Sidecar(PROGRAM, "burst", c)
    paths = small_traces(ASM, 2000, s.dir / "made")
    spans = expected(PROGRAM, paths)
    s.start()
    for path in paths:
        os.rename(path, s.inbox / path.name)
    same(c, spans, "2,000 at once")
    wait_for(lambda: not s.files(), lambda: f"{len(s.files())} files stay")
    need(s.stop() == 0, "exit status")
    need(len(c.all()) == len(spans), f"{len(c.all())} spans came, {len(spans)} were made")
    c.kill()
    return f"{len(spans)} spans"


def wait_lines(s, what, n):
    wait_for(lambda: s.logged().count(what) >= n, lambda: f"{n} times {what!r}: {s.logged()[-600:]}")


@tests
def away_the_whole_time():
    """Every source and no Collector, kill -9 between; then it comes back, by gRPC, and has what the file has."""
    c, p, other = Collector("away"), Program(), Program()
    s = Sidecar(PROGRAM, "away", c)
    box, port, file = free_port(), free_port(), s.dir / "spans.pb"
    s.configure(
        f'{s.directory()}\n- {{ name: box, push: {{ listen: "127.0.0.1:{box}" }} }}\n'
        f'- {{ name: live, stream: {{ url: "{p.url}/debug/pprof/trace" }} }}\n'
        f'- {{ name: ask, pull: {{ url: "{other.url}/debug/pprof/trace?seconds=1" }} }}',
        f'admin: {{ listen: "127.0.0.1:{port}" }}\n'
        "triggers: [ { name: hand, signal: USR2, delay: 0, cooldown: 0, max_per_hour: 1000 } ]",
    )
    text = s.config.read_text()
    one = f'{{ name: sink, otlp: {{ endpoint: "{c.url}" }} }}'
    need(one in text, "the exporter")
    grpc = f'{{ name: sink, otlp: {{ endpoint: "http://127.0.0.1:{c.grpc}", protocol: grpc, compression: zstd }} }}'
    s.config.write_text(text.replace(one, f"{grpc}, {{ name: archive, file: {{ path: {file}, format: otlp-proto }} }}"))
    traces = clocked_traces()
    for part, here in enumerate((traces[::2], traces[1::2])):
        s.start()
        wait_for(lambda: "source live (stream): ready" in admin(port, "/readyz")[1], lambda: s.logged()[-600:])
        for path in here[::2]:
            s.put(path)
        for path in here[1::2]:
            h = http.client.HTTPConnection("127.0.0.1", box, timeout=PATIENCE)
            h.request("POST", "/", path.read_bytes())
            need(h.getresponse().status == 200, "a push")
        p.do(f"part-{part}")
        other.do(f"part-{part}")
        s.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: not s.files(), lambda: f"files stay: {s.files()}")

        def sources():
            return {x["source"] for x in json.loads(admin(port, "/captures")[1]) if x["outcome"] == "queued"}

        wait_for(lambda: sources() == {"in", "box", "live", "ask"}, lambda: f"{sources()} {s.logged()[-600:]}")
        if part == 0:
            s.process.kill()
            s.process.wait()
    need(not c.seen(), "the Collector was not to be there")
    c.start()
    wait_for(lambda: not queued(s.config), lambda: f"queued: {s.logged()[-600:]}")
    need(s.stop() == 0, f"exit status: {s.logged()[-600:]}")
    made = {span for request in requests(file.read_bytes()) for span in digests(request)}
    need(len(made) > 500, f"{len(made)} spans: no test")
    same(c, made, "after the outage")
    once(c)
    c.kill()
    p.end()
    other.end()
    return f"{len(made)} spans of four sources"


def queued(config):
    """What `queue list` says that waits for the Collector."""
    done = subprocess.run([PROGRAM, "queue", "list", "-c", str(config)], capture_output=True, text=True, check=True)
    return re.search(r"(\d+) queued", done.stdout)[1] != "0"


@tests
def both_killed():
    """kill -9 of the sidecar and of the Collector at random, and reloads: all arrives, with one content."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    rounds = int(os.environ.get("RUN_ROUNDS", "30"))
    chance = random.Random(seed)
    c = Collector("both").start()
    s = Sidecar(PROGRAM, "both", c)
    paths = small_traces(ASM, rounds * 10, s.dir / "made")
    spans = expected(PROGRAM, paths)
    old = s.config.read_text()
    stop = threading.Event()

    def come_and_go():
        while not stop.wait(chance.random() * 1.5):
            c.kill()
            if not stop.wait(chance.random() * 0.5):
                c.start()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for i in range(rounds):
            s.start(wait=False)
            for path in paths[i * 10 : i * 10 + 10]:
                os.rename(path, s.inbox / path.name)
            time.sleep(chance.random() * 0.3)
            if i % 3 == 0:
                s.config.write_text(old.replace("flush: 5s", f"flush: {3 + i % 2}s"))
                s.process.send_signal(signal.SIGHUP)
                time.sleep(chance.random() * 0.1)
            s.process.kill()
            s.process.wait()
    finally:
        stop.set()
        thread.join()
    if c.process.poll() is not None:
        c.start()
    s.start()
    same(c, spans, f"SEED={seed}")
    wait_for(lambda: not s.files(), lambda: f"SEED={seed}: files stay: {s.files()}")
    need(s.stop() == 0, f"SEED={seed}: exit status")
    once(c)
    n = len(c.all())
    c.kill()
    return f"{rounds} rounds, {len(spans)} spans, {n - len(spans)} of them came twice"


tests.run()
