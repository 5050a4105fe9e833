#!/usr/bin/env python3
"""jaeger.py PROGRAM JAEGER: spans in a real Jaeger, stored, found and read again through its query API.

Part of `make check-jaeger`, which builds Jaeger. `convert` sends real traces by each protocol; what
Jaeger answers about each trace is compared with what `convert` writes to a file, as sets of spans
with all that is in them. Its web page is not part of the Go module it is built from.
"""
import atexit
import collections
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM, JAEGER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
WORK = pathlib.Path(tempfile.mkdtemp(prefix="check-jaeger-"))
SHARED = pathlib.Path(os.environ.get("SHARED_TRACES", TOP.parent / "shared/traces"))
ENV = {k: v for k, v in os.environ.items()
       if not k.startswith("OTEL_") and not k.lower().endswith("_proxy")}
ENV.update(OTEL_SERVICE_NAME="orders", OTEL_RESOURCE_ATTRIBUTES="host.name=shop-1", LC_ALL="C")
atexit.register(shutil.rmtree, WORK, ignore_errors=True)
passed = failed = 0

CONFIG = """
extensions:
  jaeger_storage: {{ backends: {{ memory: {{ memory: {{ max_traces: 200000 }} }} }} }}
  jaeger_query:
    storage: {{ traces: memory }}
    http: {{ endpoint: "127.0.0.1:{query}" }}
    grpc: {{ endpoint: "127.0.0.1:{query_grpc}" }}
receivers:
  otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{http}" }}, grpc: {{ endpoint: "127.0.0.1:{grpc}" }} }} }}
exporters: {{ jaeger_storage_exporter: {{ trace_storage: memory }} }}
service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines: {{ traces: {{ receivers: [otlp], exporters: [jaeger_storage_exporter] }} }}
"""


def case(name, good, detail=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    print(f"{'ok' if good else 'FAIL'}   {name}{'' if good else ': ' + str(detail)[:1500]}", flush=True)


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Jaeger:
    """One with nothing stored, and a connection to its query API."""

    def __enter__(self):
        names = ("query", "query_grpc", "http", "grpc")
        self.ports = dict(zip(names, free_ports(len(names))))
        config = WORK / "jaeger.yaml"
        config.write_text(CONFIG.format(**self.ports))
        with open(WORK / "jaeger.log", "wb") as log:
            self.process = subprocess.Popen([JAEGER, "--config", f"file:{config}"], stdout=log,
                                            stderr=log, env=ENV, cwd=WORK)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.ports["query"], timeout=60)
        until = time.monotonic() + 60
        while True:
            try:
                self.get("/api/services")
                return self
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    self.process.kill()
                    raise SystemExit("FAIL Jaeger does not start: " +
                                     (WORK / "jaeger.log").read_text()[-1500:]) from None
                self.connection.close()
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, path, **query):
        self.connection.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))
        answer = self.connection.getresponse()
        body = answer.read().decode()
        return answer.status, body

    def trace(self, trace_id):
        """All spans of a trace, as {span id: content}; OTLP in JSON, one message after another."""
        status, body = self.get(f"/api/v3/traces/{trace_id}")
        if status != 200:
            return {}
        return spans(message["result"] for message in messages(body))


def messages(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        message, at = decoder.raw_decode(text, at)
        yield message
        while at < len(text) and text[at].isspace():
            at += 1


def attributes(of):
    return {a["key"]: json.dumps(a["value"], sort_keys=True) for a in of.get("attributes", [])}


def content(resource, scope, span):
    """What a reader sees of it. Jaeger sorts attributes, and a span that takes no time takes 1 ns there."""
    events = sorted((e["timeUnixNano"], e.get("name", ""), tuple(sorted(attributes(e).items())))
                    for e in span.get("events", []))
    links = sorted((l["traceId"], l["spanId"], tuple(sorted(attributes(l).items())))
                   for l in span.get("links", []))
    return {"name": span["name"], "kind": span["kind"], "parent": span.get("parentSpanId", ""),
            "start": int(span["startTimeUnixNano"]),
            "end": max(int(span["endTimeUnixNano"]), int(span["startTimeUnixNano"]) + 1),
            "attributes": attributes(span), "events": events, "links": links,
            "status": span.get("status", {}), "state": span.get("traceState", ""),
            "dropped": [int(span.get(f"dropped{what}Count", 0)) for what in ("Attributes", "Events", "Links")],
            "scope": scope.get("name"), "resource": attributes(resource)}


def spans(requests):
    found = {}
    for request in requests:
        for of_resource in request.get("resourceSpans", []):
            for of_scope in of_resource["scopeSpans"]:
                for span in of_scope.get("spans", []):
                    key = span["traceId"], span["spanId"]
                    if key in found:
                        raise SystemExit(f"FAIL span {key} stands twice in one answer")
                    found[key] = content(of_resource["resource"], of_scope["scope"], span)
    return found


def convert(trace, *options, **env):
    p = subprocess.run([PROGRAM, "convert", "-q", *options, str(trace)], env=ENV | env, capture_output=True,
                       text=True, timeout=300, check=False)
    return p.returncode, p.stderr


def written(trace):
    """What convert makes of the trace: {trace id: {(trace id, span id): content}}."""
    out = WORK / "spans.json"
    status, said = convert(trace, "--format", "otlp-json", "-o", str(out))
    if status:
        raise SystemExit(f"FAIL convert of {trace}: {said}")
    by_trace = collections.defaultdict(dict)
    with open(out, encoding="utf-8") as lines:
        for key, value in spans(json.loads(line) for line in lines).items():
            by_trace[key[0]][key] = value
    return by_trace


def warnings(span):
    """What Jaeger noted on it, which it keeps as an attribute."""
    noted = json.loads(span["attributes"].pop("@jaeger@warnings", '{"arrayValue": {}}'))
    return [v["stringValue"] for v in noted["arrayValue"].get("values", [])]


def differs(wanted, got):
    """The first difference in words, or nothing. Jaeger may note what is true: a parent that is not in
    the trace, which a span of the application's own SDK is, and a duration of 0, which it calls negative."""
    stored = {span_id for _, span_id in wanted}
    for key, span in got.items():
        for text in warnings(span):
            orphan = text.startswith("parent span ID=") and span["parent"] not in stored
            moment = text.startswith("Negative duration") and span["end"] - span["start"] == 1
            if not orphan and not moment:
                return f"span {key}: {text}"
    if wanted.keys() != got.keys():
        return f"{len(wanted)} spans, {len(got)} stored; not stored {list(wanted.keys() - got.keys())[:3]}, " \
               f"not sent {list(got.keys() - wanted.keys())[:3]}"
    for key, span in wanted.items():
        for part, value in span.items():
            if got[key][part] != value:
                one, other = ([repr(x) for x in (v.items() if isinstance(v, dict) else v)]
                              if isinstance(v, (dict, list)) else [v] for v in (value, got[key][part]))
                return f"span {key}, {part}: sent {[x for x in one if x not in other]}, " \
                       f"stored {[x for x in other if x not in one]}"
    return ""


def compare(jaeger, name, by_trace):
    bad = ""
    for trace_id, wanted in by_trace.items():
        bad = differs(wanted, jaeger.trace(trace_id))
        if bad:
            break
    number = sum(map(len, by_trace.values()))
    case(f"{name}: {number} spans in {len(by_trace)} traces, as they were sent", number and not bad, bad)


def search(jaeger, by_trace):
    """What the page asks: by service, operation, duration and tag."""
    slow = {i for i, of in by_trace.items() if any(
        s["name"] == "POST /orders" and s["end"] - s["start"] >= 300_000_000 for s in of.values())}
    known = json.loads(jaeger.get("/api/services")[1])["data"]
    case("the service is known", known == ["orders"], known)
    names = {s["name"] for of in by_trace.values() for s in of.values()}
    found = set(json.loads(jaeger.get("/api/services/orders/operations")[1])["data"])
    case(f"its {len(names)} operations", found == names, found ^ names)
    tagged = {i for i, of in by_trace.items() if any(
        has.get("flightspan.wait.on") == '{"stringValue": "mutex"}'
        for s in of.values() for has in (s["attributes"], *(dict(e[2]) for e in s["events"])))}
    for what, wanted, query in (
            (f"{len(slow)} slow requests", slow, {"operation": "POST /orders", "minDuration": "300ms"}),
            (f"{len(tagged)} traces with a wait on a mutex", tagged, {"tags": '{"flightspan.wait.on":"mutex"}'})):
        status, body = jaeger.get("/api/traces", service="orders", limit=100000, lookback="custom",
                                  start=0, end=int(4e15), **query)
        found = {t["traceID"] for t in json.loads(body)["data"] or []}
        case(f"a search finds {what}", status == 200 and wanted and found == wanted, (len(found), found ^ wanted))


def nameless(demo, by_trace):
    """Without a host's name, Jaeger takes a span that outlasts its parent for one of a host with another clock."""
    with Jaeger() as jaeger:
        convert(demo, "--endpoint", f"http://127.0.0.1:{jaeger.ports['http']}", OTEL_RESOURCE_ATTRIBUTES="")
        suspected = sum(text.startswith("clock skew") for trace_id in by_trace
                        for span in jaeger.trace(trace_id).values() for text in warnings(span))
        case(f"without host.name {suspected} spans are suspected", suspected > 0)


def main():
    demo = TOP / "deploy/example/demo.trace.zst"
    shared = [SHARED / f"{name}.trace.zst" for name in ("http-1m", "ann-1m", "otel-correlated")]
    ways = {"HTTP protobuf": ("http", "http/protobuf"), "HTTP JSON": ("http", "http/json"), "gRPC": ("grpc", "grpc")}
    traces = [demo] + [t for t in shared if t.exists()]
    if len(traces) == 1:
        print("SKIP check-jaeger: LARGER TRACES ARE NOT SENT: none in SHARED_TRACES")
    everything = {t: written(t) for t in traces}
    for name, (port, protocol) in ways.items():
        with Jaeger() as jaeger:
            to = ["--endpoint", f"http://127.0.0.1:{jaeger.ports[port]}", "--protocol", protocol]
            for trace in traces if port == "grpc" else [demo]:
                status, said = convert(trace, *to)
                case(f"{name}: convert {trace.name}", status == 0, said)
                compare(jaeger, f"{name}: {trace.name}", everything[trace])
            if protocol == "http/protobuf":
                convert(demo, *to)
                compare(jaeger, "sent twice, shown once", everything[demo])
                search(jaeger, everything[demo])
    nameless(demo, everything[demo])
    print(f"check-jaeger: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
