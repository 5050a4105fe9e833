#!/usr/bin/env python3
"""bench_run.py PROGRAM [PAGE]: what `flightspan run` costs, idle and on a live stream; needs Go.

IDLE (1m) and STREAM (10m): for how long each is measured. RATE: bytes of trace a second. The
tables go between the marks of PAGE. Exit status 1: a promise is not kept.
"""
import os
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bench"))

import page
from stream import *

PROGRAM = sys.argv[1]
RATE = int(os.environ.get("RATE", "10000000"))
MIB = 1 << 20

RULES = """
- { name: task, task: { name: "GET *", longer_than: 1h } }
- { name: region, region: { name: "db.*", longer_than: 1h } }
- { name: block, block: { reason: "*", longer_than: 1h } }
- { name: stop, stop_the_world: { longer_than: 1h } }
- { name: runnable, runnable: { longer_than: 1h } }
- { name: log, log: { category: error, message: "*timeout*" } }
- { name: heap, metric: { name: "/memory/classes/heap/objects:bytes", above: 1TiB } }
- { name: p99, prometheus: { url: "URL/metrics", metric: queue_depth, above: 5, every: 5s } }
"""

# Two gigabytes of spans are in ten seconds of 10 MB/s: few want them all.
SAMPLING = "sampling: [ { name: slow, latency: { longer_than: 300ms }, keep: 1 }, { name: rest, keep: 0.05 } ]\n"
CAPTURES = "- { name: tick, every: 30s, delay: 0, cooldown: 0, max_per_hour: 1000 }\n"


def seconds(text):
    """Of a duration such as 90s or 10m."""
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def cpu(process):
    """Seconds of CPU time, of all threads, until now."""
    with open(f"/proc/{process.pid}/stat") as stat:
        rest = stat.read().rpartition(")")[2].split()
    return (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")


def watch(s, length, look=lambda: None):
    """(share of one core, [resident bytes every few seconds]) of that many seconds."""
    began, before, resident = time.monotonic(), cpu(s.process), []
    while time.monotonic() < began + length:
        time.sleep(min(2, length / 10))
        need(s.process.poll() is None, f"it ended: {s.logged()[-600:]}")
        resident.append(s.rss())
        look()
    return (cpu(s.process) - before) / (time.monotonic() - began), resident


def idle(length):
    s = Sidecar(PROGRAM, "idle", Receiver())
    s.configure(s.directory(), f'admin: {{ listen: "127.0.0.1:{free_port()}" }}')
    s.start()
    share, resident = watch(s, length)
    s.stop()
    return share, resident


def stream(name, length, more="", window="1h"):
    """After a while in which the ring fills and the rate settles; `more` triggers may fire."""
    live = Live(PROGRAM, name, RULES + more, f"window: {window}, max_size: 64MiB", path="/counted/trace", more=SAMPLING)
    live.p.get(f"/load?rate={RATE}")
    watch(live.s, max(min(length / 4, 60), 10))
    began, bytes_before = time.monotonic(), int(live.p.get("/written"))
    share, resident = watch(live.s, length)
    rate = (int(live.p.get("/written")) - bytes_before) / (time.monotonic() - began)
    need(bool(more) == bool(live.fired()), f"triggers that fired: {live.fired()}")
    need("warning: live: " not in live.s.logged(), f"the stream broke: {live.s.logged()[-600:]}")
    live.end()
    return share, resident, rate


def flat(resident):
    """How much larger the last quarter's greatest is than that of the first."""
    quarter = max(len(resident) // 4, 1)
    return max(resident[-quarter:]) / max(resident[:quarter]) - 1


def main():
    build()
    idle_s, stream_s = seconds(os.environ.get("IDLE", "1m")), seconds(os.environ.get("STREAM", "10m"))
    idle_share, idle_resident = idle(idle_s)
    share, resident, rate = stream("bench", stream_s)
    capture_s = min(stream_s, 180)
    capture_share, capture_resident, _ = stream("captures", capture_s, CAPTURES, "10s")
    growth = flat(resident)
    rows = [
        ("idle", f"{idle_s:.0f} s", f"{100 * idle_share:.2f} %", "0.1 %", f"{max(idle_resident) / MIB:.1f} MiB", "12 MiB"),
        (
            f"stream of {rate / 1e6:.1f} MB/s",
            f"{stream_s:.0f} s",
            f"{100 * share:.1f} %",
            "25 %",
            f"{max(resident) / MIB:.0f} MiB, {100 * growth:+.1f} % from first to last quarter",
            "flat",
        ),
        (
            "the same, 10 s captured every 30 s",
            f"{capture_s:.0f} s",
            f"{100 * capture_share:.1f} %",
            "",
            f"{max(capture_resident) / MIB:.0f} MiB",
            "",
        ),
    ]
    text = page.table(["`run`", "for", "CPU", "promised", "memory", "promised"], rows)
    print(text)
    if len(sys.argv) > 2:
        page.replace(sys.argv[2], "run", "bench-run", f"{page.machine()}\n{text}")
    kept = idle_share <= 0.001 and max(idle_resident) <= 12 * MIB and share <= 0.25 and growth <= 0.05
    sys.exit(0 if kept else 1)


main()
