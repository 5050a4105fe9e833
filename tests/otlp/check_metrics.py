#!/usr/bin/env python3
"""Metrics of real traces: through the official classes, against figures from `dump`.

    check_metrics.py FLIGHTSPAN TRACE...

The JSON line and the protobuf message of each trace must be the same MetricsData to
the PyPI packages, and say what the text of `flightspan dump` (proven elsewhere to be
Go's own) says, added up here by plain means. Overlapping captures are not here:
tests/context has them. Without the packages it says SKIP, or fails when CI=true.
"""
import collections
import json
import math
import os
import re
import subprocess
import sys
import tempfile

import official

GO = re.compile(r' GoID=(-?\d+) (\w+)->(\w+) ')
PAUSES = 'stop-the-world (GC sweep termination)', 'stop-the-world (GC mark termination)'


def figures(dump):
    """Durations in ns and last values, by metric."""
    since, stop, out = {}, {}, collections.defaultdict(list)
    for line in dump.splitlines():
        m = re.match(r'M=\S+ P=\S+ G=\S+ (\w+) Time=(-?\d+)(.*)', line)
        if not m:
            continue
        kind, time, rest = m[1], int(m[2]), m[3]
        go = GO.match(rest) if kind == 'StateTransition' else None
        if go and go[2] != go[3]:
            if go[3] == 'Running' and go[2] == 'Runnable' and go[1] in since:
                out['go.schedule.duration'].append(time - since[go[1]])
            since.pop(go[1], None)
            if go[3] == 'Runnable' and go[2] != 'Undetermined':
                since[go[1]] = time
        elif kind.startswith('Range'):
            name = re.match(r' Name="([^"]*)"', rest)[1]
            if name in PAUSES and kind == 'RangeBegin':
                stop[name] = time
            elif name in stop and kind == 'RangeEnd':
                out['go.memory.gc.pause.duration'].append(time - stop.pop(name))
        elif kind == 'Metric':
            m = re.match(r' Name="([^"]*)" Value=Value\{(?:Uint64\()?(\d+)', rest) or \
                re.match(r' Name="([^"]*)" Value=\D*(\d+)', rest)
            name = {'/gc/heap/goal:bytes': 'go.memory.gc.goal',
                    '/sched/gomaxprocs:threads': 'go.processor.limit'}.get(m[1])
            if name:
                out[name] = [int(m[2])]
    return out


def bucket(ns, scale):
    """The exponential bucket of a number of seconds, by exact arithmetic."""
    steps = 1 << scale
    guess = math.ceil(math.log2(ns / 1e9) * steps) - 1
    for i in guess - 1, guess, guess + 1:
        # base^i < v <= base^(i+1), both sides to the power of `steps`
        power = (ns ** steps, 10 ** (9 * steps))
        above = power[0] * (1 << max(0, -i)) > power[1] * (1 << max(0, i))
        inside = power[0] * (1 << max(0, -i - 1)) <= power[1] * (1 << max(0, i + 1))
        if above and inside:
            return i
    raise AssertionError(ns)


def check_histogram(point, durations):
    expected = collections.Counter(bucket(d, point.scale) for d in durations if d)
    found = {point.positive.offset + i: n
             for i, n in enumerate(point.positive.bucket_counts) if n}
    # Where a double of a duration is on the other side of a boundary, by one part in 1e16.
    assert found == dict(expected), 'buckets differ'
    assert point.count == len(durations), f'{point.count} of {len(durations)}'
    assert point.zero_count == durations.count(0)
    for value, ns in ((point.sum, sum(durations)), (point.min, min(durations)),
                      (point.max, max(durations))):
        assert math.isclose(value, ns / 1e9, rel_tol=1e-12), (value, ns)


def check(flightspan, trace, work):
    from google.protobuf import json_format
    from opentelemetry.proto.metrics.v1 import metrics_pb2

    def run(*args):
        return subprocess.run([flightspan, *args], check=True, capture_output=True,
                              timeout=120).stdout.decode('utf-8', 'replace')

    lines = [line for line in run('convert', '-q', '--metrics', trace).splitlines()
             if line.startswith('{"resourceMetrics"')]
    path = os.path.join(work, 'spans.pb')
    run('convert', '-q', '--metrics', '--format', 'otlp-proto', '-o', path, trace)
    with open(path + '.metrics', 'rb') as f:
        packed = f.read()
    os.remove(path + '.metrics')
    assert len(lines) == 1 and int.from_bytes(packed[:4], 'big') == len(packed) - 4
    data = metrics_pb2.MetricsData.FromString(packed[4:])
    assert json_format.Parse(lines[0], metrics_pb2.MetricsData()) == data, 'JSON differs'
    assert data.SerializeToString(deterministic=True) == packed[4:], 'not as it would be packed'
    assert json.loads(run('convert', '-q', trace).splitlines()[0]).keys() == {'resourceSpans'}

    expected = figures(run('dump', trace))
    metrics = {m.name: m for m in data.resource_metrics[0].scope_metrics[0].metrics}
    for name, values in expected.items():
        metric = metrics[name]
        if metric.HasField('sum'):
            point = metric.sum.data_points[0]
            assert point.as_int == values[-1] and not metric.sum.is_monotonic, name
            assert metric.sum.aggregation_temporality == 2
        else:
            point = metric.exponential_histogram.data_points[0]
            assert metric.exponential_histogram.aggregation_temporality == 1
            check_histogram(point, values)
        assert point.start_time_unix_nano < point.time_unix_nano
    assert metrics.keys() - expected.keys() <= {'go.goroutine.count'}, metrics.keys()
    return len(metrics)


def main():
    official.enter()
    passed = failed = 0
    flightspan = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        for trace in sys.argv[2:]:
            try:
                n = check(flightspan, trace, work)
                passed += 1
                print(f'ok   {os.path.basename(trace)}: {n} metrics')
            except (AssertionError, KeyError, subprocess.CalledProcessError) as e:
                failed += 1
                print(f'FAIL {os.path.basename(trace)}: {type(e).__name__} {e}')
    print(f'{passed} passed, {failed} failed')
    sys.exit(1 if failed or not passed else 0)


main()
