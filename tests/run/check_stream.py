#!/usr/bin/env python3
"""check_stream.py PROGRAM ASM: live streams and triggers, on a real Go program; needs Go."""
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request

from harness import *

tests = Tests("check-run stream")
PROGRAM, ASM = sys.argv[1], sys.argv[2]
LIVE = TOP / "build/run-live"

if not shutil.which("go"):
    print("SKIP check-run: STREAMS AND TRIGGERS ARE NOT TESTED: needs Go 1.25 or newer")
    sys.exit(0)
subprocess.run(["go", "build", "-trimpath", "-buildvcs=false", "-o", str(LIVE), "."], cwd=TOP / "tests/run/live", check=True)


class Program:
    def __init__(self):
        self.process = subprocess.Popen([LIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def get(self, path):
        return urllib.request.urlopen(self.url + path, timeout=PATIENCE).read().decode()

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


def admin(port, path, method="GET"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def streaming(name, program, receiver, rules):
    s = Sidecar(PROGRAM, name, receiver)
    port = free_port()
    s.configure(
        f'- {{ name: live, stream: {{ url: "{program.url}/debug/pprof/trace", window: 10s }} }}',
        f'admin: {{ listen: "127.0.0.1:{port}" }}\ntriggers:\n{rules}',
    )
    s.start()
    wait_for(lambda: "source live (stream): ready" in admin(port, "/readyz")[1], lambda: f"the stream: {s.logged()}")
    return s, port


RULES = """
- { name: task, task: { name: "request task", longer_than: 100ms }, delay: 0, cooldown: 1h }
- { name: region, region: { name: "db.*", longer_than: 100ms }, delay: 0, cooldown: 1h }
- { name: block, block: { reason: "sync*", longer_than: 100ms }, delay: 0, cooldown: 1h }
- { name: log, log: { category: error, message: "*timeout*" }, delay: 0, cooldown: 1h }
- { name: heap, metric: { name: "/memory/classes/heap/objects:bytes", above: 48MiB }, delay: 0, cooldown: 1h }
- { name: goroutines, metric: { name: "/sched/goroutines:goroutines", above: 500 }, delay: 0, cooldown: 1h }
- { name: never-stop, stop_the_world: { longer_than: 10s }, delay: 0 }
- { name: never-runnable, runnable: { longer_than: 10s }, delay: 0 }
- { name: never-task, task: { name: "other*", longer_than: 1ms }, delay: 0 }
- { name: signal, signal: USR1, delay: 0 }
- { name: p99, prometheus: { url: "URL/metrics", metric: queue_depth, above: 5, every: 100ms }, delay: 0, cooldown: 1h }
"""


@tests
def each_trigger():
    """Each trigger fires on what it names and on nothing else; it is on the capture's span."""
    p, r = Program(), Receiver()
    s, port = streaming("each", p, r, RULES.replace("URL", p.url))

    def captures():
        return json.loads(admin(port, "/captures")[1])

    fired = []
    p.get("/do?what=nothing")
    for kind in ("task", "region", "block", "log", "heap", "goroutines", "signal", "p99"):
        if kind == "signal":
            s.process.send_signal(signal.SIGUSR1)
        elif kind == "p99":
            p.get("/set?v=7")
        else:
            p.get(f"/do?what={kind}")
        fired.append(kind)
        wait_for(lambda: kind in [c.get("trigger") for c in captures()], lambda: f"{kind}: {s.logged()[-600:]}")
        need({c["trigger"] for c in captures()} == set(fired), f"{kind}: {captures()}")
    for c in captures():
        need(c["outcome"] == "queued" and c["cause"], f"{c}")
    wait_for(lambda: all(any(f"{k}".encode() in b for b in r.raw) for k in fired), "spans")
    need(any(b"flightspan.capture.trigger" in b for b in r.raw), "the trigger is not on a span")
    need(any(b"request task took 1" in b for b in r.raw), "the cause is not on a span")
    causes = [c["cause"] for c in captures()]
    s.stop()
    p.end()
    return "; ".join(sorted(causes))[:300]


@tests
def by_hand():
    """POST /trigger/NAME: 202, within the cooldown 429, unknown 404."""
    p, r = Program(), Receiver()
    s, port = streaming("hand", p, r, '- { name: hand, every: 1h, delay: 0, cooldown: 1h }')
    need(admin(port, "/trigger/nope", "POST")[0] == 404, "404")
    need(admin(port, "/trigger/hand", "POST")[0] == 202, "202")
    need(admin(port, "/trigger/hand", "POST")[0] == 429, "429")
    need(admin(port, "/trigger/hand")[0] == 404, "GET is no trigger")
    wait_for(r.seen, "spans")
    metrics = admin(port, "/metrics")[1]
    need('flightspan_triggers_fired_total{trigger="hand"} 1' in metrics, "fired")
    need('flightspan_triggers_held_total{trigger="hand"} 1' in metrics, "held")
    s.stop()
    p.end()


@tests
def another_tracer():
    """A program that somebody else traces is told, and read once that is over."""
    p, r = Program(), Receiver()
    other = urllib.request.urlopen(p.url + "/debug/pprof/trace?seconds=1000", timeout=PATIENCE)
    other.read(16)
    s = Sidecar(PROGRAM, "another", r)
    s.configure(f'- {{ name: live, stream: {{ url: "{p.url}/debug/pprof/trace" }} }}', 'triggers: [ { name: u, signal: USR2, delay: 0 } ]')
    s.start()
    s.wait_log("somebody else traces this program")
    other.close()

    def captured():
        s.process.send_signal(signal.SIGUSR2)
        return r.seen()

    s.config.write_text(s.config.read_text().replace("delay: 0", "delay: 0, cooldown: 0, max_per_hour: 100000"))
    s.process.send_signal(signal.SIGHUP)
    wait_for(captured, lambda: f"spans: {s.logged()[-500:]}")
    s.stop()
    p.end()


tests.run()
