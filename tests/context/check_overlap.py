#!/usr/bin/env python3
"""Do overlapping captures of one process agree, and is nothing sent twice?

    check_overlap.py ALONE.jsonl... -- TOGETHER.jsonl...

ALONE are captures converted each by itself: a span id that two of them have must
stand for equal spans, and a task that two have as a whole must have one id there.
TOGETHER are conversions of all the captures at once, in different orders: no span
id twice, no whole task twice, and every task that some capture has as a whole.
Prints each fault, then the sum; exit status 1 if there is any.
"""
import collections
import json
import sys


def attributes(span):
    return {a['key']: next(iter(a['value'].values())) for a in span.get('attributes', [])}


def read(path):
    with open(path, encoding='utf-8') as f:
        for line in f:
            for resource in json.loads(line).get('resourceSpans', []):
                for scope in resource['scopeSpans']:
                    for span in scope['spans']:
                        yield (span['traceId'], span['spanId']), span


def whole_task(span):
    """The number of a task that no edge cut, or None."""
    a = attributes(span)
    if a['flightspan.kind'] != 'task' or 'flightspan.truncated' in a:
        return None
    return a['flightspan.task.id']


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def expect(self, good, text):
        self.passed += bool(good)
        self.failed += not good
        if not good and self.failed <= 20:
            print('FAIL', text)


def differences(a, b):
    return ', '.join(k for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k))


def alone(paths, checks):
    """Returns the whole tasks of all captures."""
    first, tasks, shared, differ = {}, {}, 0, 0
    for path in paths:
        seen = set()
        for key, span in read(path):
            checks.expect(key not in seen, f'{path}: {key[1]} {span["name"]!r} twice')
            seen.add(key)
            if key in first:
                shared += 1
                same = first[key] == span
                checks.expect(same, f'{path}: {key[1]} {span["name"]!r} differs from an earlier '
                              f'capture in {same or differences(first[key], span)}')
            first.setdefault(key, span)
            task = whole_task(span)
            if task:
                differ += tasks.setdefault(task, key) != key
    print(f'{shared} spans are in more captures than one; {differ} whole tasks have another id '
          'because of what is above them')
    checks.expect(shared, 'the captures share no span')
    return tasks


def together(path, tasks, checks):
    seen, found = set(), collections.Counter()
    for key, span in read(path):
        checks.expect(key not in seen, f'{path}: {key[1]} {span["name"]!r} is sent twice')
        seen.add(key)
        task = whole_task(span)
        if task:
            found[task] += 1
    for task in tasks:
        checks.expect(found[task] == 1, f'{path}: task {task} is sent {found[task]} times')


def main():
    split = sys.argv.index('--')
    checks = Checks()
    tasks = alone(sys.argv[1:split], checks)
    for path in sys.argv[split + 1:]:
        together(path, tasks, checks)
    print(f'{len(tasks)} whole tasks: {checks.passed} passed, {checks.failed} failed')
    sys.exit(1 if checks.failed or not tasks else 0)


main()
