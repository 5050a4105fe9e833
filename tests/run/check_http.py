#!/usr/bin/env python3
"""check_http.py PROGRAM ASM: the admin address and push sources of `flightspan run`."""
import concurrent.futures
import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import *

tests = Tests("check-run http")
PROGRAM, ASM = sys.argv[1], sys.argv[2]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self.path))


def ask(where, method="GET", path="/", body=None, headers=None):
    """(status, headers, text) of one request; `where` is a port or a socket's path."""
    if isinstance(where, int):
        c = http.client.HTTPConnection("127.0.0.1", where, timeout=PATIENCE)
    else:
        c = UnixConnection(where)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return r.status, r.headers, r.read().decode()
    finally:
        c.close()


def push_source(listen, more=""):
    return f'- {{ name: box, push: {{ listen: "{listen}"{more} }} }}'


def attributes(receiver, name):
    """Do the spans as sent hold this text?"""
    return any(name.encode() in body for body in receiver.raw)


@tests
def pushed():
    """Each snapshot is answered 200 once it is durable; by PUT and POST, TCP and a unix socket."""
    r = Receiver()
    s = Sidecar(PROGRAM, "pushed", r)
    port = free_port()
    path = s.dir / "push.sock"
    s.configure(push_source(f"127.0.0.1:{port}") + "\n" + push_source(f"unix:{path}").replace("box", "local"))
    s.start()
    traces = clocked_traces()
    for i, trace in enumerate(traces):
        where = port if i % 2 else path
        status, _, text = ask(where, ("PUT", "POST")[i % 2], f"/any?name={trace.name}", trace.read_bytes())
        need(status == 200 and text == "queued\n", f"{trace.name}: {status} {text}")
    same(r, expected(PROGRAM, traces), "pushed")
    status, _, text = ask(port, "POST", "/", traces[0].read_bytes())
    need(status == 200 and text == "queued before\n", f"again: {status} {text}")
    need(s.stop() == 0, "exit status")
    need(not path.exists(), "the socket stays")


@tests
def durable_when_answered():
    """What was answered 200 is sent after kill -9, although no backend was there."""
    r = Receiver()
    r.down = True
    s = Sidecar(PROGRAM, "durable", r)
    port = free_port()
    s.configure(push_source(f"127.0.0.1:{port}"))
    made = small_traces(ASM, 40, s.dir / "made")
    taken = []
    for i in range(4):
        s.start()
        for path in made[i * 10 : i * 10 + 10]:
            status, _, text = ask(port, "POST", f"/?name={path.name}", path.read_bytes())
            need(status == 200, f"{status} {text}")
            taken.append(path)
        s.process.kill()
        s.process.wait()
    r.down = False
    s.start()
    same(r, expected(PROGRAM, taken), "after four kills")
    s.stop()


@tests
def refusals():
    """Empty, foreign, too large, wrong method, no token: each has its status and changes nothing."""
    r = Receiver()
    s = Sidecar(PROGRAM, "refusals", r, env={"TOKEN": "s3cret-token"})
    port = free_port()
    s.configure(push_source(f"127.0.0.1:{port}", ', max_size: 100KiB, token: "${TOKEN}"'))
    s.start()
    good = {"Authorization": "Bearer s3cret-token"}
    body = clocked_traces()[0].read_bytes()
    rows = [
        ("POST", b"", good, 400),
        ("POST", b"hello", good, 400),
        ("POST", b"go 1.26 trace\0\0\0junk", good, 400),
        ("POST", b"x" * 200000, good, 413),
        ("POST", iter([b"x" * 60000] * 4), good, 413),  # chunked
        ("GET", None, good, 405),
        ("DELETE", None, good, 405),
        ("POST", body, {}, 401),
        ("POST", body, {"Authorization": "Bearer s3cret-tokeN"}, 401),
        ("POST", body, {"Authorization": "Bearer s3cret-token1"}, 401),
        ("POST", body, {"Authorization": "Bearer s3cret-toke"}, 401),
        ("POST", body, {"Authorization": "Basic s3cret-token"}, 401),
        ("POST", body, {"Authorization": "Bearer "}, 401),
    ]
    for method, data, headers, want in rows:
        try:
            status, answer, text = ask(port, method, "/", data, headers)
        except (BrokenPipeError, ConnectionResetError):
            need(want == 413, f"{method}: the connection broke")
            continue
        need(status == want, f"{method} {want}: {status} {text}")
        need(want != 401 or answer["WWW-Authenticate"] == "Bearer", "no WWW-Authenticate")
    need(not r.seen(), "something was sent")
    need(ask(port, "POST", "/", body, good)[0] == 200, "with the token")
    s.stop()
    need("s3cret" not in s.log.read_text(), "the token is in the log")
    shown = subprocess.run([PROGRAM, "config", "print", str(s.config)], capture_output=True, text=True, env=s.env)
    need("s3cret" not in shown.stdout and "***" in shown.stdout, "config print shows the token")


@tests
def pressure():
    """A full queue that blocks: 429 with Retry-After, and later everything arrives."""
    r = Receiver()
    r.down = True
    s = Sidecar(PROGRAM, "pressure", r)
    port = free_port()
    s.configure(push_source(f"127.0.0.1:{port}"))
    text = s.config.read_text().replace("min_free: 0", "min_free: 0, max_size: 1MiB, full: block")
    s.config.write_text(text)
    s.start()
    made = small_traces(ASM, 600, s.dir / "made")
    states = []

    def send(path):
        for _ in range(2000):
            status, headers, text = ask(port, "POST", f"/?name={path.name}", path.read_bytes())
            states.append(status)
            if status == 200:
                return
            need(status in (429, 503) and headers["Retry-After"], f"{status} {text}")
            if status == 429:
                r.down = False  # the receiver is back: the queue has room again
            threading.Event().wait(0.02)
        raise Failure("never taken")

    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        list(pool.map(send, made))
    need(429 in states, "nobody had to wait")
    same(r, expected(PROGRAM, made), "after the pressure")
    told = s.logged().count("a push was refused (429): too many snapshots wait to be read")
    need(told == 1, f"told {told} times within a minute")
    s.stop()
    return f"{states.count(429)} times 429"


@tests
def reasons():
    """Reason, name and traceparent of a push are on the capture's span."""
    r = Receiver()
    s = Sidecar(PROGRAM, "reasons", r)
    port, admin = free_port(), free_port()
    s.configure(push_source(f"127.0.0.1:{port}"), f'admin: {{ listen: "127.0.0.1:{admin}" }}')
    s.start()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"Flightspan-Reason": "checkout took 2.1 s", "Flightspan-Name": "a-name", "traceparent": parent}
    need(ask(port, "POST", "/", clocked_traces()[0].read_bytes(), headers)[0] == 200, "status")
    wait_for(r.seen, "spans")
    for text in ("checkout took 2.1 s", "a-name", parent, "flightspan.capture.cause"):
        need(attributes(r, text), f"{text} is not in the spans")
    links = [v for b in r.raw for span in spans(b) for n, v in fields(span) if n == 13]
    about = {1: bytes.fromhex(parent[3:35]), 2: bytes.fromhex(parent[36:52])}
    need(sum(about.items() <= dict(fields(v)).items() for v in links) == 1, "one link to the slow request")
    last = json.loads(ask(admin, path="/captures")[2])[0]
    need(last["cause"] == "checkout took 2.1 s" and last["name"] == "a-name", f"{last}")
    s.stop()


@tests
def admin():
    """/healthz, /readyz, /metrics and /captures; nothing else, and only GET."""
    r = Receiver()
    s = Sidecar(PROGRAM, "admin", r)
    port = free_port()
    s.configure(s.directory(), f'admin: {{ listen: "127.0.0.1:{port}" }}')
    s.start()
    for trace in clocked_traces():
        s.put(trace)
    (s.inbox / "bad one").write_bytes(b"go 1.26 trace\0\0\0junk")
    spans = expected(PROGRAM, clocked_traces())
    same(r, spans, "sent")
    wait_for(lambda: not s.files(), "the folder is empty")
    need(ask(port, path="/healthz")[::2] == (200, "ok\n"), "/healthz")
    status, _, text = ask(port, path="/readyz")
    need(status == 200 and "source in (directory): ready" in text, f"/readyz: {text}")
    need(ask(port, path="/nope")[0] == 404, "/nope")
    need(ask(port, "DELETE", "/metrics")[0] == 405, "DELETE")

    def metrics():
        text = ask(port, path="/metrics")[2]
        values = {}
        for line in text.splitlines():
            match = re.fullmatch(r'([a-z_0-9]+(?:\{[^}]*\})?) ([0-9.]+)', line)
            need(line.startswith("# ") or match, f"no sample: {line}")
            if match:
                need(match[1] not in values, f"twice: {match[1]}")
                values[match[1]] = float(match[2])
        return values

    label = 'otel_component_name="sink",otel_component_type="otlp_http_span_exporter"'
    name = f'otel_sdk_exporter_span_exported_total{{{label},error_type=""}}'
    wait_for(lambda: metrics()[name] == len(spans), lambda: f"{name}: {metrics()}")
    m = metrics()
    need(m['flightspan_captures_total{outcome="queued"}'] == len(clocked_traces()), "queued")
    need(m['flightspan_captures_total{outcome="bad"}'] == 1, "bad")
    need(m["flightspan_spans_total"] == len(spans), "spans")
    need(m[f"otel_sdk_processor_span_queue_size{{{label}}}"] == 0, "queue size")
    need(m["process_resident_memory_bytes"] > 1 << 20 and m["process_open_fds"] > 3, "process")
    captures = json.loads(ask(port, path="/captures")[2])
    need(len(captures) == len(clocked_traces()) + 1, f"{len(captures)} captures")
    bad = [c for c in captures if c["outcome"] == "bad"]
    need(len(bad) == 1 and bad[0]["name"] == "bad one" and "expected a batch" in bad[0]["why"], f"{bad}")
    need(sum(c["spans"] for c in captures) == len(spans), "spans of the captures")
    # Another address after a reload; the old one is closed.
    other = free_port()
    s.config.write_text(s.config.read_text().replace(str(port), str(other)))
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("read again")
    need(ask(other, path="/healthz")[0] == 200, "the other address")
    try:
        ask(port, path="/healthz")
        need(False, "the old address answers")
    except ConnectionRefusedError:
        pass
    s.stop()


@tests
def tokens():
    """Off loopback a token is needed, by the check and by the address."""
    r = Receiver()
    s = Sidecar(PROGRAM, "tokens", r)
    port = free_port()
    (s.dir / "token").write_text("f1le-token\n")
    for listen, more, good in (
        (f"0.0.0.0:{port}", "", False),
        (f":{port}", "", False),
        (f"[::]:{port}", "", False),
        (f"0.0.0.0:{port}", f", token_file: {s.dir}/token", True),
        (f"127.0.0.1:{port}", "", True),
        (f"[::1]:{port}", "", True),
        (f"unix:{s.dir}/admin", "", True),
        ("nonsense", "", False),
        ("127.0.0.1:99999", "", False),
    ):
        s.configure(s.directory(), f'admin: {{ listen: "{listen}"{more} }}')
        done = subprocess.run([PROGRAM, "config", "check", str(s.config)], capture_output=True, text=True)
        need((done.returncode == 0) == good, f"{listen}{more}: {done.returncode} {done.stderr}")
        need(good or ":5:10: key admin.listen: " in done.stderr, done.stderr)
    s.configure(s.directory(), f'admin: {{ listen: "0.0.0.0:{port}", token_file: {s.dir}/token }}')
    s.start()
    need(ask(port, path="/metrics")[0] == 401, "without the token")
    need(ask(port, path="/metrics", headers={"Authorization": "Bearer f1le-token"})[0] == 200, "with it")
    s.stop()
    need("f1le-token" not in s.log.read_text(), "the token is in the log")
    s.configure(s.directory(), 'admin: { listen: "", token: literal }')
    done = subprocess.run([PROGRAM, "config", "check", str(s.config)], capture_output=True, text=True)
    need(done.returncode == 2 and "literal" not in done.stderr, f"a literal secret: {done.stderr}")



@tests
def health():
    """`flightspan health` asks whatever admin.listen says, with the token; the exit status tells."""
    r = Receiver()
    s = Sidecar(PROGRAM, "health", r)
    (s.dir / "token").write_text("f1le-token\n")

    def says(*options):
        done = subprocess.run(
            [PROGRAM, "health", "-c", str(s.config), *options], capture_output=True, text=True, timeout=30
        )
        need("f1le-token" not in done.stdout + done.stderr, "the token is shown")
        return done.returncode, done.stdout, done.stderr

    for listen, more in (
        ("127.0.0.1:PORT", ""),
        ("[::1]:PORT", ""),
        ("unix:" + str(s.dir / "admin"), ""),
        ("0.0.0.0:PORT", f", token_file: {s.dir}/token"),
    ):
        listen = listen.replace("PORT", str(free_port()))
        s.configure(s.directory(), f'admin: {{ listen: "{listen}"{more} }}')
        status, out, err = says()
        need(status == 1 and f"nobody answers at {listen}" in err and not out, f"nobody there: {status} {err}")
        s.start()
        need(says() == (0, "ok\n", ""), f"{listen}: {says()}")
        status, out, err = says("--ready")
        need(status == 0 and "ready\n" in out and not err, f"{listen}, --ready: {status} {out} {err}")
        need(says("-q") == (0, "", ""), "-q")
        if more:
            (s.dir / "other").write_text("another\n")
            s.config.write_text(s.config.read_text().replace("/token", "/other"))
            status, out, err = says()
            need(status == 1 and "HTTP status 401" in err, f"a wrong token: {status} {err}")
        s.stop()
    s.configure(s.directory(), 'admin: { listen: "" }')
    need(says()[0] == 2, f"nobody to ask: {says()}")
    # An address that takes connections and says nothing.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        s.configure(s.directory(), f'admin: {{ listen: "127.0.0.1:{silent.getsockname()[1]}" }}')
        began = time.monotonic()
        need(says()[0] == 1 and time.monotonic() - began < 20, "a silent address")


@tests
def reload_that_fails():
    """A new receiver and a source that cannot start: the old receiver goes on getting all."""
    old, new = Receiver(), Receiver()
    s = Sidecar(PROGRAM, "fallback", old)
    s.start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        s.receiver = new
        s.configure(s.directory() + f'\n- {{ name: inbox, push: {{ listen: "127.0.0.1:{taken.getsockname()[1]}" }} }}')
        s.process.send_signal(signal.SIGHUP)
        s.wait_log("going on with the settings as they were")
    for path in clocked_traces():
        s.put(path)
    same(old, expected(PROGRAM, clocked_traces()), "the old receiver")
    need(not new.seen(), "the new receiver has spans")
    s.stop()


@tests
def whole_traces():
    """A stream that is a whole trace at once is asked for again, but not in a storm."""
    asked = []
    trace = small_traces(ASM, 1, WORK / "whole")[0].read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(trace)))
            self.end_headers()
            self.wfile.write(trace)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    s = Sidecar(PROGRAM, "whole-stream", Receiver())
    s.configure(f'- {{ name: live, stream: {{ url: "http://127.0.0.1:{server.server_port}/trace" }} }}')
    s.start()
    s.wait_log("the stream ended; connecting again in 2 s", 20)
    need(len(asked) <= 3, f"asked {len(asked)} times")
    s.stop()
    server.shutdown()


@tests
def runtime_metrics():
    """mapping.metrics: each capture's metrics once, as `convert` makes them, whoever else is away."""
    r, away = Receiver(), Receiver()
    away.down = True
    s = Sidecar(PROGRAM, "runtime-metrics", r)
    port = free_port()
    s.configure(s.directory(), f'admin: {{ listen: "127.0.0.1:{port}" }}\nmapping: {{ metrics: true }}')
    other = f'exporters: [ {{ name: away, otlp: {{ endpoint: "{away.url}" }} }}, {{ name: f, file: {{ path: {s.dir}/f }} }},'
    text = s.config.read_text().replace("exporters: [", other)
    s.config.write_text(text)
    traces = [*clocked_traces(), TOP / "deploy/example/demo.trace.zst"]
    out = s.dir / "out.pb"
    command = [PROGRAM, "convert", "-q", "--metrics", "--format", "otlp-proto", "-o", str(out), *map(str, traces)]
    subprocess.run(command, check=True)
    made = list(requests((s.dir / "out.pb.metrics").read_bytes()))
    need(len(made) > 3, f"{len(made)} messages: no test")
    s.start()
    for n, path in enumerate(traces):
        s.put(path, f"{n:02}")
        wait_for(lambda: not s.files(), lambda: s.logged()[-400:])
    wait_for(lambda: len(r.metrics) >= len(made), lambda: f"{len(r.metrics)} of {len(made)}: {s.logged()[-400:]}")
    need(sorted(r.metrics) == sorted(made), "not the messages that convert makes")
    need(not away.metrics, "it was to be away")
    away.down = False
    wait_for(lambda: len(away.metrics) >= len(made), lambda: f"{len(away.metrics)} came late")
    need(sorted(away.metrics) == sorted(made), "not the same after an outage")

    def count(name, exporter):
        text = ask(port, path="/metrics")[2]
        return int(re.search(rf'{name}{{otel_component_name="{exporter}",.*}} (\d+)', text)[1])

    for exporter in ("sink", "away"):
        wait_for(lambda: count("flightspan_metrics_sent_total", exporter) == len(made), f"counted for {exporter}")
        need(count("flightspan_metrics_lost_total", exporter) == 0, "lost")
    # What waits when it is told to stop has queue.flush, and no more, to be sent.
    away.down = True
    s.config.write_text(text.replace("flush: 5s", "flush: 1s"))
    s.process.send_signal(signal.SIGHUP)
    s.wait_log("read again")
    s.put(sorted((TOP / "tests/data/overlap").glob("*.zst"))[0], "late")
    wait_for(lambda: len(r.metrics) > len(made), lambda: f"one more: {s.logged()[-400:]}")
    began = time.monotonic()
    need(s.stop() in (0, 1), "exit status")
    need(time.monotonic() - began < PATIENCE / 4, "it does not stop")
    need("cannot send metrics to" in s.logged(), "what is lost is told")
    s.config.write_text(text.replace("otlp:", "file:").replace("endpoint:", "path:"))
    done = subprocess.run([PROGRAM, "config", "check", str(s.config)], capture_output=True, text=True)
    need(done.returncode == 2 and "metrics go to exporters by otlp, and there is none" in done.stderr, done.stderr)
    return f"{len(made)} messages"


tests.run()
