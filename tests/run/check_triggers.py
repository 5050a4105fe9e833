#!/usr/bin/env python3
"""check_triggers.py PROGRAM ASM: when triggers fire, and when not, on a real Go program; needs Go."""
import signal
import sys
import time

from stream import *

tests = Tests("check-run triggers")
PROGRAM, ASM = sys.argv[1], sys.argv[2]
build()

ALL = """
- { name: task, task: { name: "request task", longer_than: 1s }, delay: 0, cooldown: 1h }
- { name: region, region: { name: "db.*", longer_than: 1s }, delay: 0, cooldown: 1h }
- { name: block, block: { reason: "sync*", longer_than: 1s }, delay: 0, cooldown: 1h }
- { name: log, log: { category: error, message: "*timeout*" }, delay: 0, cooldown: 1h }
- { name: heap, metric: { name: "/memory/classes/heap/objects:bytes", above: 48MiB }, delay: 0, cooldown: 1h }
- { name: goroutines, metric: { name: "/sched/goroutines:goroutines", above: 500 }, delay: 0, cooldown: 1h }
- { name: never-stop, stop_the_world: { longer_than: 10s }, delay: 0 }
- { name: never-runnable, runnable: { longer_than: 10s }, delay: 0 }
- { name: never-every, every: 1h, delay: 0 }
- { name: signal, signal: USR1, delay: 0 }
- { name: p99, prometheus: { url: "URL/metrics", metric: queue_depth, above: 5, every: 100ms }, delay: 0, cooldown: 1h }
"""


def reads(live, n):
    """Wait until the page of metrics was read n times more."""
    before = int(live.p.get("/reads"))
    wait_for(lambda: int(live.p.get("/reads")) >= before + n, "reads of the metrics")


@tests
def each_trigger():
    """What comes close fires nothing; then each fires on what it names, which is on the capture's span."""
    live = Live(PROGRAM, "each", ALL + MARK)
    live.p.get("/set?v=5")
    live.s.process.send_signal(signal.SIGUSR2)
    live.p.do("near")
    reads(live, 3)
    live.mark()
    live.only([], "near misses")
    fired = []
    for kind in ("task", "region", "block", "log", "heap", "goroutines", "signal", "p99"):
        if kind == "signal":
            live.s.process.send_signal(signal.SIGUSR1)
        elif kind == "p99":
            live.p.get("/set?v=7")
        else:
            live.p.do(kind)
        fired.append(kind)
        wait_for(
            lambda: kind in [c["trigger"] for c in live.captures()],
            lambda: f"{kind}: {live.s.logged()[-600:]}",
        )
        live.only(fired, kind)
    for c in live.captures():
        need(c["outcome"] == "queued" and c["cause"], f"{c}")
    live.sent()
    for text in [*fired, "flightspan.capture.trigger", "request task took 1"]:
        need(any(text.encode() in b for b in live.r.raw), f"{text} is on no span")
    causes = sorted(c["cause"] for c in live.captures())
    live.end()
    return "; ".join(causes)[:300]


@tests
def scheduler():
    """stop_the_world and runnable fire on long ones only, each on its own."""
    rules = """
- { name: stop, stop_the_world: { longer_than: 100ms }, delay: 0, cooldown: 1h }
- { name: runnable, runnable: { longer_than: 200ms }, delay: 0, cooldown: 1h }
"""
    live = Live(PROGRAM, "scheduler", rules + MARK)
    live.p.do("near")
    live.mark()
    live.only([], "short stops and waits")
    for kind, names in (("runnable", ["runnable"]), ("stop", ["runnable", "stop"])):
        live.p.do(kind)
        live.mark()
        live.only(names, kind)
    wait_for(lambda: len(live.captures()) == 2, "two captures")
    causes = {c["trigger"]: c["cause"] for c in live.captures()}
    need(causes["stop"].startswith("the world was stopped for "), f"{causes}")
    need(" for a processor" in causes["runnable"], f"{causes}")
    live.end()
    return "; ".join(causes.values())


@tests
def schedule():
    """`every` fires at its times and no more often."""
    live = Live(PROGRAM, "schedule", "- { name: tick, every: 2s, delay: 0, cooldown: 0, max_per_hour: 1000 }\n")
    began = time.monotonic()
    need(live.fired().get("tick", 0) <= 5, "it fires at once")
    first = live.fired().get("tick", 0)
    wait_for(lambda: live.fired().get("tick", 0) >= first + 3, "three ticks")
    seconds = time.monotonic() - began
    need(seconds > 3.5, f"three ticks of 2 s within {seconds:.1f} s")
    wait_for(lambda: any(c["trigger"] == "tick" and c["cause"] == "every 2 s" for c in live.captures()), "a capture")
    live.end()


@tests
def cooldown():
    """Within the cooldown a second event fires nothing and is counted; after it, one fires again."""
    rules = '- { name: calm, log: { category: error }, delay: 0, cooldown: 4s, max_per_hour: 100 }\n'
    live = Live(PROGRAM, "cooldown", rules + MARK)
    began = time.monotonic()
    live.p.do("log")
    live.p.do("log")
    live.mark()
    need(live.fired()["calm"] == 1 and live.held("calm") == 1, f"{live.fired()}, held {live.held('calm')}")

    def again():
        live.p.do("log")
        live.mark()
        return live.fired()["calm"] == 2

    wait_for(again, "the cooldown to end")
    seconds = time.monotonic() - began
    need(seconds > 3, f"again after {seconds:.1f} s")
    live.end()


@tests
def max_per_hour():
    """However often it is met, it fires max_per_hour times; another trigger is not held back."""
    rules = """
- { name: twice, log: { category: error }, delay: 0, cooldown: 0, max_per_hour: 2 }
- { name: often, log: { category: error }, delay: 0, cooldown: 0, max_per_hour: 1000 }
"""
    live = Live(PROGRAM, "max-per-hour", rules + MARK)
    for _ in range(5):
        live.p.do("log")
    live.mark()
    need(live.fired() == {"twice": 2, "often": 5, "mark": 1}, f"{live.fired()}")
    need(live.held("twice") == 3 and live.held("often") == 0, f"held {live.held('twice')}")
    need(admin(live.port, "/trigger/twice", "POST")[0] == 429, "by hand it fires a third time")
    live.end()


@tests
def delay():
    """The capture is made `delay` after the event, and has what happened meanwhile."""
    rules = """
- { name: now, log: { category: error }, delay: 0, cooldown: 1h }
- { name: later, log: { category: error }, delay: 7s, cooldown: 1h }
"""
    live = Live(PROGRAM, "delay", rules + MARK, "window: 1m")
    live.p.do("log")
    live.next_capture(0)
    need([c["trigger"] for c in live.captures()] == ["now"], f"{live.captures()}")
    live.p.do("after")
    live.next_capture(1)
    need([c["trigger"] for c in live.captures()] == ["later", "now"], f"{live.captures()}")
    need(live.has_task("log") and live.has_task("after"), "what happened meanwhile is not in the capture")
    live.end()


HAND = "- { name: hand, signal: USR2, delay: 0, cooldown: 0, max_per_hour: 1000 }\n"


def early_and_late(name, stream, between):
    """What happens early, `between`, and late: which of both a capture has that is made then."""
    live = Live(PROGRAM, name, HAND + MARK, stream)
    live.p.do("early")
    live.mark()
    between(live)
    live.p.do("late")
    live.mark()
    live.capture("hand")
    early, late = live.has_task("early"), live.has_task("late")
    live.end()
    need(late, f"{name}: the last is not in the capture")
    return early


def three_seconds(live):
    end = time.monotonic() + 3.5
    wait_for(lambda: time.monotonic() > end, "the window to be over")


@tests
def ring_window():
    """Of what is older than the window a capture has nothing."""
    need(early_and_late("long-window", "window: 1m", three_seconds), "a long window has lost the begin")
    need(not early_and_late("short-window", "window: 3s", three_seconds), "older than the window, and still there")


@tests
def ring_size():
    """Of what is over max_size, packed, a capture has nothing; the last generation stays."""

    def noise(live):
        live.p.do("noise")
        live.mark()  # so that it is in a generation of its own

    need(early_and_late("large-ring", "window: 1h, max_size: 64MiB", noise), "a large ring has lost the begin")
    need(not early_and_late("small-ring", "window: 1h, max_size: 1MiB", noise), "over max_size, and still there")


@tests
def ring_keeps_what_fired():
    """A generation in which a trigger fired is captured before max_size drops it, whatever the delay."""
    rules = "- { name: later, log: { category: error }, delay: 1h, cooldown: 1h }\n"
    live = Live(PROGRAM, "keeps", rules + MARK, "window: 1h, max_size: 1MiB")
    live.p.do("log")
    live.mark()
    need(live.fired().get("later") == 1 and not live.captures(), f"{live.captures()}")
    live.p.do("noise")
    live.next_capture(0)
    need(live.has_task("log"), "what fired is not in its capture")
    need(live.count("flightspan_trigger_captures_total", "later") == 1, "captures of the trigger")
    live.end()


tests.run()
