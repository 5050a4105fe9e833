#!/usr/bin/env python3
"""Is every task matched to the span that the application exported for it?

    check_context.py SPANS.jsonl TRUTH.json DUMP.txt

SPANS.jsonl is what `convert` wrote of a trace, TRUTH.json the spans that the
program's own OpenTelemetry SDK exported (Name, TraceID, SpanID, Start, End in
Unix ns), DUMP.txt the text of `flightspan dump`. Each task that begins right after
a traceparent on its goroutine must be exactly one span `runtime: NAME` in the
application's trace, below the application's span of that name, inside its interval.

The SDK takes a span's end time first and ends the task afterwards, and may be
descheduled in between: a task may end a little after its span. SLACK_NS is what
is allowed there; at the start nothing is.
"""
import collections
import json
import re
import sys

SLACK_NS = 5_000_000


def attributes(span):
    return {a['key']: next(iter(a['value'].values())) for a in span.get('attributes', [])}


def read_spans(path):
    with open(path, encoding='utf-8') as f:
        for line in f:
            for resource in json.loads(line).get('resourceSpans', []):
                for scope in resource['scopeSpans']:
                    yield from scope['spans']


def carried(dump):
    """Task ids to traceparents, of tasks that begin right after one."""
    tasks, before = {}, {}
    for line in dump:
        m = re.match(r'\S+ \S+ (G=\S+) (Log|Task\w+|Region\w+) (.*)', line)
        if not m:
            continue
        if m[2] == 'TaskBegin' and m[1] in before:
            tasks[re.search(r' ID=(\d+) ', line)[1]] = before[m[1]]
        before.pop(m[1], None)
        parent = re.search(r'Category="(?:otel\.)?traceparent" Message="00-(\w+)-(\w+)-', line)
        if parent:
            before[m[1]] = parent[2]
    return tasks


def check(span, truth, seen):
    """Everything that is wrong with one runtime span."""
    app = truth.get(span.get('parentSpanId'))
    if not app:
        return ['its parent is no span of the application']
    seen[app['SpanID']] += 1
    start, end = int(span['startTimeUnixNano']), int(span['endTimeUnixNano'])
    bad = []
    if span['traceId'] != app['TraceID']:
        bad.append(f"trace {span['traceId']}, expected {app['TraceID']}")
    if span['name'] != 'runtime: ' + app['Name']:
        bad.append(f"its parent is named {app['Name']}")
    if start < app['Start']:
        bad.append(f"begins {app['Start'] - start} ns before its parent")
    if end > app['End'] + SLACK_NS:
        bad.append(f"ends {end - app['End']} ns after its parent")
    if seen[app['SpanID']] > 1:
        bad.append('its parent has another runtime span')
    return bad


def main():
    spans_path, truth_path, dump_path = sys.argv[1:]
    with open(truth_path, encoding='utf-8') as f:
        truth = {s['SpanID']: s for s in json.load(f)}
    with open(dump_path, encoding='utf-8', errors='replace') as f:
        begun = carried(f)
    seen, tasks, failed = collections.Counter(), collections.Counter(), 0
    for span in read_spans(spans_path):
        a = attributes(span)
        if a.get('flightspan.kind') != 'task' or a['flightspan.task.id'] not in begun:
            continue
        tasks[a['flightspan.task.id']] += 1
        bad = check(span, truth, seen)
        if span.get('parentSpanId') != begun[a['flightspan.task.id']]:
            bad.append('it is another task\'s')
        if bad:
            failed += 1
            print('FAIL', span['name'], span['spanId'], '; '.join(bad))
    for task in begun:
        if tasks[task] != 1:
            failed += 1
            print(f'FAIL task {task} has {tasks[task]} spans')
    print(f'{len(begun)} tasks of {len(truth)} spans: {len(begun) - failed} passed, {failed} failed')
    sys.exit(1 if failed or not begun else 0)


main()
