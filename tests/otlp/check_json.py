#!/usr/bin/env python3
"""Read our OTLP JSON and protobuf files with the official Python classes.

Argument: a program that writes N random spans of a seed as NAME.jsonl and
NAME.pb (tests/otlp/emit_spans.c). Both files must parse without an unknown
field and hold the same spans, byte for byte once packed by the official code;
ids must be hex, 64-bit integers strings and enums numbers.
"""
import base64
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import official

SPANS = 5000
IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
STRINGS = {"startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "intValue"}
NUMBERS = {"kind", "flags", "droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"}


def to_proto3(node):
    """OTLP's deviations from proto3 JSON, checked and undone."""
    if isinstance(node, list):
        return [to_proto3(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, value in node.items():
        if key in IDS:
            assert len(value) == IDS[key], f"{key} {value}"
            value = base64.b64encode(bytes.fromhex(value)).decode()
        elif key in STRINGS:
            assert isinstance(value, str), f"{key} {value!r}"
        elif key in NUMBERS:
            assert isinstance(value, int), f"{key} {value!r}"
        out[key] = to_proto3(value)
    return out


def json_messages(path):
    from google.protobuf import json_format
    from opentelemetry.proto.trace.v1 import trace_pb2

    with open(path, encoding="utf-8") as f:
        for line in f:
            yield json_format.ParseDict(to_proto3(json.loads(line)), trace_pb2.TracesData())


def proto_messages(path):
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2

    with open(path, "rb") as f:
        while head := f.read(4):
            body = f.read(struct.unpack(">I", head)[0])
            data = trace_pb2.TracesData.FromString(body)
            assert data.SerializeToString(deterministic=True) == body, "packs differently"
            request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
            assert len(request.resource_spans) == 1
            yield data


def spans(messages):
    """Resource, scope and spans as packed bytes, in order within each scope."""
    found = {}
    for data in messages:
        for rs in data.resource_spans:
            for ss in rs.scope_spans:
                key = (rs.resource.SerializeToString(), ss.scope.SerializeToString())
                found.setdefault(key, []).extend(s.SerializeToString() for s in ss.spans)
    return found


def main():
    official.enter()
    seed = int(os.environ.get("SEED", random.randrange(1, 1 << 63)))
    print(f"check_json: SEED={seed} spans={SPANS}")
    with tempfile.TemporaryDirectory() as tmp:
        name = os.path.join(tmp, "spans")
        subprocess.run([sys.argv[1], str(seed), str(SPANS), name], check=True)
        from_json = spans(json_messages(name + ".jsonl"))
        from_proto = spans(proto_messages(name + ".pb"))
    total = sum(len(s) for s in from_proto.values())
    same = from_json == from_proto and total == SPANS
    print(f"{'ok  ' if same else 'FAIL'} {total} spans in {len(from_proto)} scopes")
    print(f"{int(same)} passed, {int(not same)} failed")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
