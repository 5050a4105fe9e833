"""What the tests of `flightspan run` share: the program, a receiver, traces, waiting.

Nothing sleeps for a fixed time to be right: wait_for() looks until something is so, and fails
when PATIENCE is over.
"""
import atexit
import gzip
import hashlib
import http.server
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("PATIENCE", "60"))

WORK = pathlib.Path(tempfile.mkdtemp(prefix="check-run-"))
os.chmod(WORK, 0o755)
_alive = []


def cleanup():
    for process in _alive:
        if process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(WORK, ignore_errors=True)


def alive(process):
    """It does not outlive the tests."""
    _alive.append(process)


atexit.register(cleanup)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

for name in list(os.environ):
    if name.startswith("OTEL_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ.update(LC_ALL="C", TZ="UTC")


class Failure(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Failure(what)


def wait_for(condition, what, patience=None):
    end = time.monotonic() + (patience or PATIENCE)
    while not condition():
        if time.monotonic() > end:
            raise Failure("waited in vain: " + (what() if callable(what) else what))
        time.sleep(0.01)


def fields(data):
    """(number, value) of each field of a message; lengths are checked."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size = varint()
        if size is None or at + size > len(data):
            raise ValueError("not a message")
        yield tag >> 3, data[at : at + size]
        at += size


def spans(request):
    for number, resource in fields(request):
        if number == 1:
            for number, scope in fields(resource):
                if number == 2:
                    for number, span in fields(scope):
                        if number == 2:
                            yield span


def digests(request):
    """(trace id, span id, hash of the span's bytes) of each span of a request."""
    for span in spans(request):
        ids = dict((n, v) for n, v in fields(span) if n in (1, 2))
        yield ids[1].hex(), ids[2].hex(), hashlib.sha256(span).hexdigest()


def requests(data):
    """Those of a file, each behind its length in four bytes; the last one may still be written."""
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > len(data):
            return
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


class Receiver:
    """OTLP/HTTP on loopback. `spans` holds what it has acknowledged, `metrics` messages of these."""

    def __init__(self):
        self.spans = []
        self.raw = []
        self.metrics = []
        self.headers = {}  # of the latest request
        self.down = False
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                body = self.rfile.read(size)
                if len(body) < size:
                    return
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                with receiver.lock:
                    receiver.headers = dict(self.headers)
                    status = 503 if receiver.down else 200
                    if status == 200 and self.path == "/v1/metrics":
                        receiver.metrics.append(body)
                    elif status == 200:
                        receiver.spans += digests(body)
                        receiver.raw.append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # the other side was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def seen(self):
        with self.lock:
            return set(self.spans)

    def clear(self):
        with self.lock:
            self.spans.clear()
            self.raw.clear()


class Sidecar:
    """One configuration, started as often as the test likes."""

    def __init__(self, program, name, receiver, sources="", extra="", user=None, env=None, prefix=()):
        self.program = program
        self.prefix = list(prefix)  # of the command: it becomes the program
        self.dir = WORK / name
        self.dir.mkdir()
        self.user = user
        self.env = dict(os.environ, **(env or {}))
        self.inbox = self.dir / "in"
        self.inbox.mkdir()
        self.config = self.dir / "flightspan.yaml"
        self.log = self.dir / "log"
        self.receiver = receiver
        self.process = None
        self.configure(sources or self.directory(), extra)
        if user is not None:
            for path in (self.dir, self.inbox):
                os.chown(path, user, user)

    def directory(self, after="delete", settle="200ms", more=""):
        return (
            f"- {{ name: in, directory: {{ path: {self.inbox}, settle: {settle}, "
            f"after: {after}{more} }} }}"
        )

    def configure(self, sources, extra=""):
        exporter = f'{{ name: sink, otlp: {{ endpoint: "{self.receiver.url}" }} }}'
        text = f"sources:\n{sources}\nexporters: [ {exporter} ]\n"
        text += f"queue: {{ path: {self.dir}/queue.db, min_free: 0, flush: 5s }}\n"
        if "admin:" not in extra:
            text += 'admin: { listen: "" }\n'
        self.config.write_text(text + extra + "\n")

    def fault_by(self, shim):
        """Calls on its queue's files fail while self.fault holds "ERRNO WHERE"."""
        self.fault = self.dir / "fault"
        self.env.update(LD_PRELOAD=str(shim), SHIM_PATH=f"{self.dir}/queue.db", SHIM_FAULT=str(self.fault))

    def start(self, wait=True):
        self.mark = self.log.stat().st_size if self.log.exists() else 0
        user = None if self.prefix else self.user  # a prefix sees to that itself
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.program, "run", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                env=self.env,
            )
        _alive.append(self.process)
        if wait:
            self.wait_log("started with")
        return self

    def logged(self):
        with open(self.log, errors="replace") as log:
            log.seek(self.mark)
            return log.read()

    def wait_log(self, text, patience=None):
        def there():
            if text in self.logged():
                return True
            if self.process.poll() is not None:
                raise Failure(f"it ended ({self.process.returncode}): {self.logged()[-600:]}")
            return False

        wait_for(there, lambda: f"log line {text!r}; the log: {self.logged()[-800:]}", patience)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        _alive.remove(self.process)
        return status

    def state(self, key):
        """A line of /proc/PID/status."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(line.split(":")[1].strip() for line in status if line.startswith(key + ":"))

    def files(self):
        return sorted(p.name for p in self.inbox.iterdir() if p.is_file())

    def put(self, path, name=None):
        """A complete file, by renaming."""
        name = name or os.path.basename(path)
        part = self.dir / ("part-" + name)
        shutil.copy2(path, part)  # its time is the clock of old traces
        if self.user is not None:
            os.chown(part, self.user, self.user)
        os.rename(part, self.inbox / name)

    def rss(self):
        return int(self.state("VmRSS").split()[0]) * 1024


def expected(program, paths):
    """What `convert` makes of these files, in this order."""
    out = WORK / "expected.pb"
    subprocess.run(
        [program, "convert", "-q", "--format", "otlp-proto", "-o", str(out), *map(str, paths)],
        check=True,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    spans = {span for request in requests(out.read_bytes()) for span in digests(request)}
    need(spans, "nothing is expected: no test")
    return spans


def same(receiver, spans, what):
    """Wait until the receiver has all of them; it must have nothing else."""
    wait_for(
        lambda: spans <= receiver.seen(),
        lambda: f"{what}: {len(spans - receiver.seen())} of {len(spans)} spans are missing",
    )
    more = receiver.seen() - spans
    need(not more, f"{what}: {len(more)} spans that nobody expects")


def good_traces():
    return sorted((TOP / "tests/data/good").glob("*.trace.zst"))


def clocked_traces():
    """Those that know the time of day by themselves."""
    return [p for p in good_traces() if p.name.split("-go1.")[1][:2] in ("25", "26", "27")]


TEMPLATE = """Trace Go1.26
EventBatch gen=1 m=-1 time={t} size=auto
Sync
Frequency freq=1000000000
ClockSnapshot dt=0 mono={t} sec=1700000000 nsec=7
EventBatch gen=1 m=-1 time={t} size=auto
Strings
String id=1
	data="request"
String id=2
	data="work"
EventBatch gen=1 m=1 time={u} size=auto
ProcStatus dt=0 p=0 pstatus=1
GoStatus dt=1 g=1 m=1 gstatus=2
UserTaskBegin dt=1 task={n} parent_task=0 name_string=1 stack=0
UserRegionBegin dt=1 task={n} name_string=2 stack=0
UserRegionEnd dt=1000 task={n} name_string=2 stack=0
UserTaskEnd dt=1 task={n} stack=0
EndOfGeneration
"""


def small_traces(assembler, n, folder):
    """n different snapshots of one task each, of one process, in order of their age."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    text = folder / "text"
    for i in range(n):
        path = folder / f"snapshot-{i:05}"
        t = 1_000_000_000 + i * 1_000_000
        text.write_text(TEMPLATE.format(t=t, u=t + 10, n=i + 1))
        subprocess.run([assembler, str(text), str(path)], check=True)
        os.utime(path, (1_700_000_000 + i, 1_700_000_000 + i))
        paths.append(path)
    text.unlink()
    return paths


def large_trace(assembler, path, tasks=100, regions=1500):
    """One snapshot of so many spans; its batches are below the format's 64 KiB."""
    text = TEMPLATE[:TEMPLATE.index("UserTaskBegin")].format(t=1_000_000_000, u=1_000_000_010)
    for n in range(1, tasks + 1):
        if n > 1:
            text += f"EventBatch gen=1 m=1 time={1_000_000_010 + n * 100_000_000} size=auto\n"
        text += f"UserTaskBegin dt=1 task={n} parent_task=0 name_string=1 stack=0\n"
        text += regions * (f"UserRegionBegin dt=1 task={n} name_string=2 stack=0\n"
                           f"UserRegionEnd dt=1000 task={n} name_string=2 stack=0\n")
        text += f"UserTaskEnd dt=1 task={n} stack=0\n"
    source = path.with_suffix(".text")
    source.write_text(text + "EndOfGeneration\n")
    subprocess.run([assembler, str(source), str(path)], check=True)
    source.unlink()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Tests:
    """Each test is a function; its first line of documentation is its name."""

    def __init__(self, name):
        self.name = name
        self.tests = []

    def __call__(self, function):
        self.tests.append(function)
        return function

    def run(self, *args):
        only = os.environ.get("TEST", "")
        passed = failed = 0
        for test in self.tests:
            if only and only not in test.__name__:
                continue
            began = time.monotonic()
            try:
                note = test(*args)
                if note and note.startswith("SKIP"):
                    print(note, flush=True)
                    continue
                passed += 1
                word = "ok   "
            except (Failure, subprocess.SubprocessError, OSError) as e:
                failed += 1
                word, note = "FAIL ", f"{type(e).__name__}: {e}"
            seconds = time.monotonic() - began
            print(f"{word} {test.__name__} ({seconds:.1f} s){': ' + note if note else ''}", flush=True)
        print(f"{self.name}: {passed} passed, {failed} failed")
        sys.exit(1 if failed else 0)
