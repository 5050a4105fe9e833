#!/usr/bin/env python3
"""check_stream.py PROGRAM ASM: live streams and triggers, on a real Go program; needs Go."""
import pathlib
import re
import signal
import sys
import time
import urllib.request

from stream import *

tests = Tests("check-run stream")
PROGRAM, ASM = sys.argv[1], sys.argv[2]
SHIM = pathlib.Path(PROGRAM).resolve().with_name("shim.so")
build()


@tests
def by_hand():
    """POST /trigger/NAME: 202, within the cooldown 429, unknown 404."""
    live = Live(PROGRAM, "hand", "- { name: hand, every: 1h, delay: 0, cooldown: 1h }")
    need(admin(live.port, "/trigger/nope", "POST")[0] == 404, "404")
    need(admin(live.port, "/trigger/hand", "POST")[0] == 202, "202")
    need(admin(live.port, "/trigger/hand", "POST")[0] == 429, "429")
    need(admin(live.port, "/trigger/hand")[0] == 404, "GET is no trigger")
    wait_for(live.r.seen, "spans")
    need(live.fired() == {"hand": 1} and live.held("hand") == 1, f"{live.fired()}")
    live.end()


@tests
def reconnect():
    """A program that is killed and comes back: told, and what is captured then is of the new one."""
    rules = "- { name: hand, signal: USR2, delay: 0, cooldown: 0, max_per_hour: 1000 }\n"
    live = Live(PROGRAM, "reconnect", rules + MARK, "window: 1h")
    live.p.do("before")
    live.mark()
    live.p.kill()
    live.wait_ready("waiting")
    status, text = admin(live.port, "/trigger/hand", "POST")
    need(status == 202, f"{status} {text}")
    live.s.wait_log("trigger hand: source live has nothing to capture now")
    wait_for(lambda: re.search(r"live: .*; connecting again in [0-9]+ s", live.s.logged()), lambda: f"retries: {live.s.logged()}")
    live.p = Program(f"127.0.0.1:{live.p.port}")
    live.wait_ready()
    live.p.do("after")
    live.mark()
    live.capture("hand")
    need(live.has_task("after"), "the new program's task is not in the capture")
    need(not live.has_task("before"), "the old program's task is in the new one's capture")
    need(len(live.captures()) == 1, f"{live.captures()}")
    live.end()


@tests
def another_tracer():
    """A program that somebody else traces is told, and read once that is over."""
    p, r = Program(), Receiver()
    other = urllib.request.urlopen(p.url + "/debug/pprof/trace?seconds=1000", timeout=PATIENCE)
    other.read(16)
    s = Sidecar(PROGRAM, "another", r)
    port = free_port()
    s.configure(
        f'- {{ name: live, stream: {{ url: "{p.url}/debug/pprof/trace" }} }}',
        f'admin: {{ listen: "127.0.0.1:{port}" }}\n'
        "triggers: [ { name: u, signal: USR2, delay: 0, cooldown: 0, max_per_hour: 1000 } ]",
    )
    s.start()
    told = r"warning: live: HTTP status 500: .*tracer already enabled.* \(somebody else traces this program\); connecting again in [0-9]+ s"
    wait_for(lambda: len(re.findall(told, s.logged())) >= 2, lambda: f"told and tried again: {s.logged()}")
    need("source live (stream): waiting" in admin(port, "/readyz")[1], "/readyz")
    need(admin(port, "/trigger/u", "POST")[0] == 202 and not r.seen(), "a capture of nothing")
    # The other one goes on undisturbed.
    need(other.read(1), "the other tracer")
    other.close()
    wait_for(lambda: "source live (stream): ready" in admin(port, "/readyz")[1], lambda: f"ready: {s.logged()[-500:]}")
    need(admin(port, "/trigger/u", "POST")[0] == 202, "trigger")
    wait_for(r.seen, lambda: f"spans: {s.logged()[-500:]}")
    s.stop()
    p.end()


@tests
def queue_fails():
    """A capture is of its moment, although the queue takes it only later: the window is over then."""
    if not SHIM.exists():
        return f"SKIP check-run: A STREAM'S QUEUE THAT FAILS IS NOT TESTED: needs {SHIM.name}"
    rules = "- { name: hand, signal: USR2, delay: 0, cooldown: 0, max_per_hour: 1000 }\n"
    live = Live(PROGRAM, "stream-fails", rules + MARK, "window: 2s", shim=SHIM)
    live.p.do("early")
    live.mark()
    live.s.fault.write_text("5 ws")  # EIO
    # More than it may keep: what is over is refused, and the ring goes on.
    for _ in range(12):
        need(admin(live.port, "/trigger/hand", "POST")[0] == 202, "POST")
    live.s.wait_log("source live has nothing to capture now")
    live.s.wait_log("tried again")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() > began + 4, "the window to be over")
    live.s.fault.unlink()
    queued = lambda: [c for c in live.captures() if c["outcome"] in ("queued", "known")]
    wait_for(lambda: len(queued()) == 8, lambda: f"{live.captures()} {live.s.logged()[-600:]}")
    live.sent()
    need(live.has_task("early"), "what the capture was made for is not in it")
    need("is lost" not in live.s.logged(), live.s.logged()[-600:])
    n = live.count("flightspan_trigger_captures_total", "hand")
    need(n == len([c for c in queued() if c["outcome"] == "queued"]), f"{n} captures of the trigger; {queued()}")
    live.end()
    return f"{n} of 12 queued"


@tests
def kept_over_a_crash():
    """Captures that the queue has not taken are taken up by the next start, after kill -9 and after a stop."""
    if not SHIM.exists():
        return f"SKIP check-run: A STREAM'S CAPTURE OVER A CRASH IS NOT TESTED: needs {SHIM.name}"
    rules = "- { name: hand, signal: USR2, delay: 0, cooldown: 0, max_per_hour: 1000 }\n"
    # Wide enough that a slow machine does not lose what was done before the mark was seen.
    live = Live(PROGRAM, "stream-crash", rules + MARK, "window: 6s", shim=SHIM)
    left = lambda: sorted(p.name for p in live.s.dir.glob("queue.db.capture-*"))
    for number, name in ((signal.SIGKILL, "killed"), (signal.SIGTERM, "stopped")):
        live.p.do(name)
        live.mark()
        live.s.fault.write_text("5 s")  # EIO where the queue is synced; other files are written
        need(admin(live.port, "/trigger/hand", "POST")[0] == 202, "POST")
        live.s.wait_log("tried again")
        need(len(left()) == 2, f"{left()}: not a trace and what is known of it")
        need(not live.has_task(name), "the queue has taken it")
        live.s.stop(number)
        need(len(left()) == 2, f"{left()} after the end")
        live.s.fault.unlink()
        live.s.start()
        live.s.wait_log("a capture (hand: POST on the admin address) of before is taken up")
        wait_for(lambda: [c for c in live.captures() if c["outcome"] == "queued"], lambda: f"{live.captures()} {live.s.logged()[-600:]}")
        c = live.captures()[0]
        need((c["source"], c["trigger"]) == ("live", "hand"), f"{c}")
        # Not sent(): the receiver has spans of the process before.
        wait_for(lambda: live.has_task(name), lambda: f"{name}: what the capture was made for: {live.captures()}")
        wait_for(lambda: not left(), lambda: f"{left()}: not removed")
        need("is lost" not in live.s.logged(), live.s.logged()[-600:])
        live.wait_ready()
    live.end()


tests.run()
