#!/usr/bin/env python3
"""check_memory.py PROGRAM ASM: `flightspan run` while its own allocations fail; needs the shim and Go."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from stream import *

tests = Tests("check-run memory")
PROGRAM, ASM = sys.argv[1], sys.argv[2]
SHIM = pathlib.Path(PROGRAM).resolve().with_name("shim.so")
if not SHIM.exists() or "/san-" in PROGRAM:
    print("SKIP check-run: FAILING ALLOCATIONS ARE NOT TESTED: needs the shim, and no sanitizer, which has its own allocator")
    sys.exit(0)
build()

RULES = """
- { name: hand, signal: USR2, delay: 0, cooldown: 0, max_per_hour: 100000 }
- { name: task, task: { name: "request *", longer_than: 0 }, delay: 0, cooldown: 0, max_per_hour: 100000 }
- { name: log, log: { category: error }, delay: 0, cooldown: 0, max_per_hour: 100000 }
- { name: heap, metric: { name: "/memory/classes/heap/objects:bytes", above: 1 }, delay: 0, cooldown: 3s, max_per_hour: 100000 }
- { name: depth, prometheus: { url: "URL/metrics", metric: queue_depth, above: -1, every: 100ms }, delay: 0, cooldown: 1s, capture: [ask], max_per_hour: 100000 }
"""


def sidecar(name, program, other):
    """One with every kind of source, and where it listens; one program traces only once at a time."""
    s = Sidecar(PROGRAM, name, Receiver())
    memory, box = s.dir / "memory", free_port()
    s.env.update(LD_PRELOAD=str(SHIM), SHIM_MEMORY=str(memory))
    admin_port = free_port()
    s.configure(
        f'{s.directory()}\n- {{ name: box, push: {{ listen: "127.0.0.1:{box}" }} }}\n'
        f'- {{ name: live, stream: {{ url: "{program.url}/debug/pprof/trace" }} }}\n'
        f'- {{ name: ask, pull: {{ url: "{other.url}/debug/pprof/trace?seconds=1", timeout: 2s }} }}',
        f'admin: {{ listen: "127.0.0.1:{admin_port}" }}\ntriggers:\n{RULES.replace("URL", program.url)}mapping: {{ metrics: true }}',
    )
    # A thread of the metrics for each, of which the later ones may be missing.
    text, one = s.config.read_text(), f'{{ name: sink, otlp: {{ endpoint: "{s.receiver.url}" }} }}'
    need(one in text, "the exporter")
    s.config.write_text(text.replace(one, f"{one}, {one.replace('sink', 'two')}, {one.replace('sink', 'three')}"))
    return s, memory, box, admin_port


def push(port, path):
    """The status, or None if there is no answer."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        c.request("POST", "/", path.read_bytes(), {"Flightspan-Name": path.name})
        return c.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        c.close()


@tests
def start():
    """A start without memory works, or ends with one line and status 1; a reload changes all or nothing."""
    p, other = Program(), Program()
    s, memory, _, _ = sidecar("start", p, other)
    ended = 0
    for n in [*range(1, 40), *range(40, 400, 20), 1000, 3000]:
        memory.write_text(str(n))
        s.start(wait=False)

        def settled():
            return s.process.poll() is not None or "started with" in s.logged()

        wait_for(settled, lambda: f"one in {n}: neither up nor ended: {s.logged()[-400:]}")
        if s.process.poll() is None:
            for _ in range(3):
                s.process.send_signal(signal.SIGHUP)
                time.sleep(0.02)
            memory.unlink()
            wait_for(lambda: s.logged().count("read again") + s.logged().count("settings as they were"), f"reload, {n}")
        status = s.stop()
        if "started with" in s.logged():
            need(status in (0, 1), f"one in {n}: status {status}: {s.logged()[-400:]}")
            continue
        ended += 1
        lines = [line for line in s.logged().splitlines() if "error:" in line]
        need(status == 1 and lines and "memory" in lines[-1], f"one in {n}: status {status}: {s.logged()[-400:]}")
    need(ended > 10, f"{ended} starts failed: no test")
    p.end()
    other.end()
    return f"{ended} starts failed"


@tests
def work():
    """Under load with allocations failing: nothing crashes or is lost, and afterwards all is well."""
    p, other = Program(), Program()
    s, memory, box, port = sidecar("work", p, other)
    paths = small_traces(ASM, 400, s.dir / "made")
    spans = expected(PROGRAM, paths)
    files, pushes = paths[::2], paths[1::2]
    s.start()
    wait_for(lambda: "source live (stream): ready" in admin(port, "/readyz")[1], "the stream")
    refused = 0
    for n in (400, 100, 40, 20, 10, 5, 3):
        memory.write_text(str(n))
        end = time.monotonic() + 2
        while time.monotonic() < end:
            if files:
                path = files.pop()
                os.rename(path, s.inbox / path.name)
            if pushes and push(box, pushes[-1]) == 200:
                pushes.pop()
            else:
                refused += 1
            try:
                admin(port, "/metrics")
                admin(port, "/trigger/hand", "POST")
            except OSError:
                pass
            p.do("log")
            need(s.process.poll() is None, f"it ended ({s.process.returncode}), one in {n}: {s.logged()[-600:]}")
    memory.unlink()
    need(refused, "no push was ever refused: no test")
    for path in pushes:
        wait_for(lambda: push(box, path) == 200, lambda: f"a push: {s.logged()[-600:]}")
    for path in files:
        os.rename(path, s.inbox / path.name)
    wait_for(lambda: spans <= s.receiver.seen(), lambda: f"{len(spans - s.receiver.seen())} of {len(spans)}: {s.logged()[-600:]}")
    wait_for(lambda: not s.files(), lambda: f"files stay: {s.files()[:5]}")
    need(not list((s.inbox / "bad").glob("*")), "a good file is called bad")
    wait_for(lambda: "source live (stream): ready" in admin(port, "/readyz")[1], lambda: f"the stream: {s.logged()[-600:]}")
    last = json.loads(admin(port, "/captures")[1])[0]["unix_ms"]

    def kinds():
        p.do("log")
        return {c["trigger"] for c in json.loads(admin(port, "/captures")[1]) if c["unix_ms"] > last}

    wait_for(lambda: {"log", "task", "depth", "heap"} <= kinds(), lambda: f"captures: {kinds()} {s.logged()[-600:]}")
    need(s.stop() == 0, f"exit status: {s.logged()[-600:]}")
    p.end()
    other.end()
    return f"{refused} pushes were refused"


tests.run()
