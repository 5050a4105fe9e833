#!/usr/bin/env python3
"""Compare our .proto files with the official OTLP descriptors.

Every field and enum value that exporter/proto declares must exist in the PyPI
packages opentelemetry-proto and googleapis-common-protos with the same number,
type, label, JSON name, oneof and type name. What we leave out is no mismatch.
Needs protoc and the packages; without them it says SKIP, or fails when CI=true.
"""
import os
import subprocess
import sys
import tempfile

import official

PROTO_DIR = os.path.join(official.ROOT, "exporter", "proto")


def our_files():
    from google.protobuf import descriptor_pb2

    names = sorted(n for n in os.listdir(PROTO_DIR) if n.endswith(".proto"))
    with tempfile.TemporaryDirectory() as tmp:
        out = os.path.join(tmp, "ours.bin")
        try:
            subprocess.run(["protoc", f"-I{PROTO_DIR}", f"--descriptor_set_out={out}", *names],
                           check=True)
        except FileNotFoundError:
            official.skip("no protoc (Debian package protobuf-compiler)")
        with open(out, "rb") as f:
            return descriptor_pb2.FileDescriptorSet.FromString(f.read()).file


def official_types():
    """Full name -> DescriptorProto or EnumDescriptorProto of the official files."""
    from google.protobuf import any_pb2, descriptor_pb2, duration_pb2
    from google.rpc import error_details_pb2, status_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.common.v1 import common_pb2
    from opentelemetry.proto.metrics.v1 import metrics_pb2
    from opentelemetry.proto.resource.v1 import resource_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2

    types = {}
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2, metrics_pb2,
                   metrics_service_pb2, status_pb2, error_details_pb2, any_pb2, duration_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        types.update(walk(file.package, file))
    return types


def walk(prefix, node):
    """All messages and enums below a file or a message, by full name."""
    messages = getattr(node, "message_type", None)
    for message in (node.nested_type if messages is None else messages):
        name = f"{prefix}.{message.name}"
        yield name, message
        yield from walk(name, message)
    for enum in node.enum_type:
        yield f"{prefix}.{enum.name}", enum


def json_name(field):
    """protoc fills json_name in; a descriptor from Python code may not have it."""
    if field.json_name:
        return field.json_name
    head, *tail = field.name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def facts(message):
    """Field or value name -> everything about it that the wire or JSON depends on."""
    if hasattr(message, "value"):
        return {v.name: (v.number,) for v in message.value}
    oneofs = [o.name for o in message.oneof_decl]
    return {
        f.name: (f.number, f.type, f.label, json_name(f), f.type_name,
                 oneofs[f.oneof_index] if f.HasField("oneof_index") else "")
        for f in message.field
    }


def main():
    official.enter()
    theirs_by_name = official_types()
    passed = failed = 0
    for file in our_files():
        for name, message in walk(file.package, file):
            theirs = facts(theirs_by_name[name]) if name in theirs_by_name else {}
            bad = [f"{field} is {mine}, official {theirs.get(field, 'none')}"
                   for field, mine in facts(message).items() if theirs.get(field) != mine]
            print(f"{'FAIL' if bad else 'ok  '} {name}", *bad, sep="\n       " if bad else " ")
            passed += not bad
            failed += bool(bad)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
