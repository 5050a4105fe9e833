"""What the tests of streams and triggers share: a Go program that is traced live, and looking."""
import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

from harness import *

LIVE = WORK / "run-live"


def build():
    """The program; where there is no Go, one line says that nothing is tested."""
    if not shutil.which("go"):
        print("SKIP check-run: STREAMS AND TRIGGERS ARE NOT TESTED: needs Go 1.25 or newer")
        sys.exit(0)
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(LIVE), "."]
    subprocess.run(command, cwd=TOP / "tests/run/live", check=True)


class Program:
    def __init__(self, *args):
        self.process = subprocess.Popen([LIVE, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        alive(self.process)
        self.port = int(self.process.stdout.readline().split()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def get(self, path):
        return urllib.request.urlopen(self.url + path, timeout=PATIENCE).read().decode()

    def do(self, what):
        self.get(f"/do?what={what}")

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()


def admin(port, path, method="GET"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


class Live:
    """A program, the sidecar that reads its stream, and a receiver."""

    def __init__(self, program, name, rules, stream="window: 10s", path="/debug/pprof/trace", shim=None, more=""):
        self.p, self.r = Program(), Receiver()
        self.s = Sidecar(program, name, self.r)
        if shim:
            self.s.fault_by(shim)
        self.port = free_port()
        self.s.configure(
            f'- {{ name: live, stream: {{ url: "{self.p.url}{path}", {stream} }} }}\n'
            f'- {{ name: nobody, stream: {{ url: "http://127.0.0.1:{free_port()}/" }} }}',
            f'admin: {{ listen: "127.0.0.1:{self.port}" }}\ntriggers:\n{rules.replace("URL", self.p.url)}{more}',
        )
        self.s.start()
        self.wait_ready()

    def wait_ready(self, state="ready"):
        line = f"source live (stream): {state}"
        wait_for(lambda: line in admin(self.port, "/readyz")[1], lambda: f"{line}: {self.s.logged()[-600:]}")

    def captures(self):
        return json.loads(admin(self.port, "/captures")[1])

    def fired(self):
        """Which triggers have fired how often."""
        text = admin(self.port, "/metrics")[1]
        rows = re.findall(r'flightspan_triggers_fired_total\{trigger="([^"]*)"\} (\d+)', text)
        return {name: int(n) for name, n in rows if n != "0"}

    def count(self, metric, name):
        """A metric of a trigger."""
        text = admin(self.port, "/metrics")[1]
        return int(re.search(rf'{metric}\{{trigger="{name}"\}} (\d+)', text)[1])

    def held(self, name):
        return self.count("flightspan_triggers_held_total", name)

    def mark(self):
        """All that the program has done until now has been looked at by the triggers."""
        before = self.fired().get("mark", 0)
        self.p.do("mark")
        wait_for(lambda: self.fired().get("mark", 0) > before, lambda: f"the mark: {self.s.logged()[-600:]}")

    def only(self, names, what):
        """These have fired and no others."""
        fired = set(self.fired()) - {"mark"}
        need(fired == set(names), f"{what}: fired {sorted(fired)}, expected {sorted(names)}; {self.captures()}")

    def capture(self, name):
        """Capture now by the trigger of this name; the capture's record, once its spans are there."""
        before = len(self.captures())
        status, text = admin(self.port, f"/trigger/{name}", "POST")
        need(status == 202, f"POST /trigger/{name}: {status} {text}")
        return self.next_capture(before)

    def next_capture(self, before):
        wait_for(lambda: len(self.captures()) > before, lambda: f"a capture: {self.s.logged()[-600:]}")
        c = self.captures()[0]
        need(c["outcome"] == "queued", f"{c}")
        self.sent()
        return c

    def sent(self):
        """Wait until what is captured has arrived."""
        wait_for(
            lambda: len(self.r.seen()) >= sum(c["spans"] for c in self.captures() if c["outcome"] == "queued"),
            lambda: f"spans of {self.captures()}: {self.s.logged()[-600:]}",
        )

    def has_task(self, name):
        with self.r.lock:
            names = [dict((n, v) for n, v in fields(s) if n == 5).get(5) for b in self.r.raw for s in spans(b)]
        return f"request {name}".encode() in names

    def end(self):
        need(self.s.stop() == 0, f"exit status: {self.s.logged()[-600:]}")
        if self.p.process.poll() is None:
            self.p.end()


# Fires when the program says so; no source has anything to capture then.
MARK = "- { name: mark, log: { category: mark }, capture: [nobody], delay: 0, cooldown: 0, max_per_hour: 100000 }\n"
