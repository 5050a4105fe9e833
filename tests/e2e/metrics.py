#!/usr/bin/env python3
"""Are the metrics that the Collector stored those of a file that "convert" wrote?

    metrics.py SENT.jsonl GOT.jsonl

Lines of spans are left out; empty members and numbers in quotes count as absent and as
numbers, since the Collector writes some of them otherwise.
"""
import json
import re
import sys


def plain(value):
    if isinstance(value, dict):
        pairs = {k: plain(v) for k, v in value.items()}
        return {k: v for k, v in pairs.items() if v not in (0, '', [], {}, None)}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, str) and re.fullmatch(r'-?\d+', value):
        return int(value)
    return value


def read(path):
    with open(path, encoding='utf-8') as f:
        return [plain(d) for d in map(json.loads, f) if 'resourceMetrics' in d]


sent, got = read(sys.argv[1]), read(sys.argv[2])
if sent != got or not sent:
    sys.exit(f'sent {json.dumps(sent)[:3000]}\ngot  {json.dumps(got)[:3000]}')
print(f'{len(sent)} messages, {sum(len(s["metrics"]) for d in sent for r in d["resourceMetrics"] for s in r["scopeMetrics"])} metrics as sent')
