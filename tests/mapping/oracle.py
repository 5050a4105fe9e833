#!/usr/bin/env python3
"""The mapping, done once more and slowly, from the text of `flightspan dump`.

    oracle.py DUMP.txt SPANS.jsonl TRACE

DUMP.txt is what `dump` prints (proven elsewhere to be Go's own text), SPANS.jsonl
what `convert` wrote of the same trace with limits that drop nothing. Everything
is kept in memory and looked up plainly: tasks, regions, logs and waits by the
rules of docs/mapping.md. The two must agree as multisets of spans with their
names, times, parents, cuts, events, time budgets (twin_time.py), critical paths and what wakers did (twin_path.py). TRACE is looked at for its time alone,
which a trace without clocks is anchored to. A span that was over the exporter's
size has lost events and is compared without them. Prints what differs; exit
status 1 then.
"""
import collections
import json
import os
import re
import sys
from datetime import datetime, timezone

import twin_path
import twin_time
from twin_reasons import refine, wait_name

SPANS_OVER, EVENTS_OVER = 1_000_000, 10_000
HEAD = re.compile(r'M=(-?\d+) P=(-?\d+) G=(-?\d+) (\w+) Time=(-?\d+)(.*)')
TASK = re.compile(r' ID=(\d+) Parent=(\d+) Type=(".*")$')
REGION = re.compile(r' Task=(\d+) Type=(".*")$')
LOG = re.compile(r' Task=(\d+) Category=("(?:[^"\\]|\\.)*") Message=(".*")$')
GO = re.compile(r' GoID=(-?\d+) (\w+)->(\w+) Reason=(".*")$')
RANGE = re.compile(r' Name=(".*") Scope=(?:Goroutine\((\d+)\))?')
FRAME = re.compile(r'\t(\S.*) @ 0x[0-9a-f]+$')
SYNC = re.compile(r' N=\d+ Trace=(-?\d+) Mono=\d+ Wall=(\S+)$')
NO_TASK = 2 ** 64 - 1
CATEGORIES = 'otel.traceparent', 'traceparent'
TRACEPARENT = re.compile(r'(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})'
                         r'-[0-9a-f]{2}(-.*)?', re.S)


def unquote(text):
    """A Go-quoted string as text, invalid bytes as U+FFFD each."""
    out, i, body = bytearray(), 0, text[1:-1]
    simple = {'a': 7, 'b': 8, 't': 9, 'n': 10, 'v': 11, 'f': 12, 'r': 13, '"': 34, '\\': 92}
    while i < len(body):
        if body[i] != '\\':
            out += body[i].encode('utf-8', 'surrogateescape')
            i += 1
        elif body[i + 1] in simple:
            out.append(simple[body[i + 1]])
            i += 2
        else:
            n = {'x': 2, 'u': 4, 'U': 8}[body[i + 1]]
            value = int(body[i + 2:i + 2 + n], 16)
            out += bytes([value]) if n == 2 else chr(value).encode()
            i += 2 + n
    return repair(bytes(out))


def repair(raw):
    """Each invalid byte becomes one U+FFFD, as Go's decoder counts them."""
    text = ''
    while raw:
        try:
            return text + raw.decode('utf-8')
        except UnicodeDecodeError as e:
            text += raw[:e.start].decode('utf-8') + '\ufffd'
            raw = raw[e.start + 1:]
    return text


def wall_ns(text):
    m = re.match(r'(.*?)(?:\.(\d+))?Z$', text)
    t = datetime.strptime(m[1], '%Y-%m-%dT%H:%M:%S').replace(tzinfo=timezone.utc)
    return int(t.timestamp()) * 10 ** 9 + int((m[2] or '0').ljust(9, '0'))


class Span:
    def __init__(self, kind, name, start, parent, offset, goroutine, task):
        self.kind, self.plain_name, self.start, self.parent = kind, name, start, parent
        self.own_offset, self.goroutine, self.task = offset, goroutine, task
        self.app = None  # the application's trace and span that it is below
        self.end, self.cut_start, self.cut_end = None, False, False
        self.lost, self.events, self.meanwhile = None, collections.Counter(), {}

    @property
    def offset(self):
        """Wall minus trace time: of the generation in which its root began."""
        return self.own_offset if self.app or not self.parent else self.parent.offset

    @property
    def name(self):
        return 'runtime: ' + self.plain_name if self.app else self.plain_name

    def app_trace(self):
        """The trace id of the application's trace that it is in, or None."""
        return self.app[1] if self.app else self.parent.app_trace() if self.parent else None

    def above(self):
        if self.app:
            return self.app
        return self.parent.key() if self.parent else None

    def all_events(self):
        return frozenset(collections.Counter(
            (name, time + self.offset, message) for name, time, message in self.events
            .elements()).items())

    def key(self):
        cut = {(0, 0): None, (1, 0): 'start', (0, 1): 'end', (1, 1): 'both'}
        return (self.kind, self.name, self.start + self.offset, self.end + self.offset,
                self.goroutine, cut[int(self.cut_start), int(self.cut_end)], self.lost)


class Goroutine:
    def __init__(self):
        self.entries, self.inherited, self.wait, self.life = [], None, None, None
        self.context = None  # a log of a traceparent: whose is it?

    def regions(self):
        return [s for s in self.entries if s.kind == 'region' and s.end is None]

    def resident(self):
        open_work = [s for s in self.entries if s.end is None and s.task != 0]
        if open_work:
            return open_work[-1]
        inherited = self.inherited
        return inherited if inherited and inherited.end is None else None


class Mapping:
    def __init__(self):
        self.spans, self.tasks, self.open_tasks = [], {}, {}
        self.goroutines = collections.defaultdict(Goroutine)
        self.offset, self.first, self.last, self.capture = None, None, None, None
        self.gc = self.stw = None
        self.lives, self.stops = [], []
        self.history, self.paths = twin_path.Paths(), {}

    def goroutine(self, goid):
        g = self.goroutines[goid]
        if not g.life:
            g.life = twin_time.Life(self.first)
            self.lives.append(g.life)
        return g

    def span(self, kind, name, start, parent, goroutine=None, task=None):
        s = Span(kind, name, start, parent, self.offset, goroutine, task)
        self.spans.append(s)
        return s

    def event(self, g, kind, time, rest, stack):
        self.last = time
        if kind == 'Sync':
            m = SYNC.match(rest)
            if m:
                self.offset = wall_ns(m[2]) - int(m[1])
            if self.first is None:
                self.first = time
                self.capture = self.span('capture', 'capture', time, None)
        elif kind in ('TaskBegin', 'TaskEnd'):
            m = TASK.match(rest)
            getattr(self, kind)(g, time, int(m[1]), int(m[2]), unquote(m[3]))
        elif kind in ('RegionBegin', 'RegionEnd'):
            m = REGION.match(rest)
            getattr(self, kind)(g, time, int(m[1]), unquote(m[2]))
        elif kind == 'Log':
            m = LOG.match(rest)
            self.settle(g)
            log = int(m[1]), time, unquote(m[2]), unquote(m[3])
            t = TRACEPARENT.fullmatch(log[3])
            if log[2] in CATEGORIES and t and (not t[4] or t[1] != '00') and len(log[3]) <= 128:
                self.goroutines[g].context = (('app', t[2], t[3]), log)
            else:
                self.log(g, *log)
        elif kind == 'StateTransition' and rest.startswith(' GoID='):
            m = GO.match(rest)
            self.transition(g, time, int(m[1]), m[2], m[3], unquote(m[4]), stack)
        elif kind.startswith('Range'):
            m = RANGE.match(rest)
            self.range(g, kind, time, unquote(m[1]))
            if unquote(m[1]) == 'GC mark assist':
                self.assist(int(m[2]), kind, time)

    def assist(self, goid, kind, time):
        life = self.goroutine(goid).life
        was, life.assists = life.assists, kind != 'RangeEnd'
        if was == life.assists:
            return
        if kind == 'RangeActive':  # since it was first seen
            life.states = [(t, 'gc_assist' if p == 'running' else p, r) for t, p, r in life.states]
        elif life.states[-1][1] in ('running', 'gc_assist'):
            t, part, reason = life.states[-1]
            if was:
                life.states[-1] = (t, part, 'ends')
            life.enter(time, 'running' if was else 'gc_assist')

    def log(self, g, task, time, category, message):
        self.place(g, task).events[category or 'log', time, message] += 1

    def settle(self, g):
        """No task began after the traceparent: it is about the task it stands on."""
        if g not in self.goroutines or not self.goroutines[g].context:
            return
        app, log = self.goroutines[g].context
        self.goroutines[g].context = None
        if log[0] and log[0] not in self.tasks:
            self.cut_task(log[0])
        task = self.open_tasks.get(log[0])
        if task and not task.app:
            task.app = app
        else:
            self.log(g, *log)

    def TaskBegin(self, g, time, task, parent, name):
        context, self.goroutines[g].context = self.goroutines[g].context, None
        above = self.tasks.get(parent) if parent != NO_TASK else None
        s = self.span('task', name, time, above, g, task)
        if context:
            s.app = context[0]
            # In another trace than its parent, it is none of that one's business.
            if s.parent and s.parent.app_trace() != s.app[1]:
                s.parent = None
        elif parent != NO_TASK and not above:
            s.lost = parent
        self.tasks[task] = self.open_tasks[task] = s
        self.push(g, s)

    def push(self, g, s):
        g = self.goroutine(g)
        g.entries.append(s)
        if s.task != 0:
            g.life.entries.append((s.start, s))

    def cut_task(self, task):
        s = self.span('task', 'unknown task', self.first, None, None, task)
        s.cut_start = True
        self.tasks[task] = self.open_tasks[task] = s
        return s

    def TaskEnd(self, g, time, task, parent, name):
        self.settle(g)
        for other in list(self.goroutines):
            waiting = self.goroutines[other].context
            if task in self.open_tasks and waiting and waiting[1][0] == task:
                self.settle(other)
        if task not in self.open_tasks:
            if task in self.tasks:
                return  # ended twice
            self.cut_task(task)
        s = self.open_tasks.pop(task)
        s.end = time
        if g != -1:
            self.paths[s] = self.history.task(g, time, s.start)

    def place(self, g, task):
        inner = [s for s in self.goroutines[g].regions() if s.task == task]
        if inner:
            return inner[-1]
        if task == 0:
            return self.capture
        return self.tasks.get(task) or self.cut_task(task)

    def RegionBegin(self, g, time, task, name):
        self.settle(g)
        self.push(g, self.span('region', name, time, self.place(g, task), g, task))

    def RegionEnd(self, g, time, task, name):
        self.settle(g)
        inner = self.goroutines[g].regions()
        if inner:
            inner[-1].end = time
            return
        s = self.span('region', name, self.first, self.place(g, task), g, task)
        s.cut_start, s.end = True, time

    def transition(self, by, time, goid, old, new, word, stack):
        g = self.goroutine(goid)
        on = refine(word, stack) if g.resident() else None
        self.history.transition(by, time, self.first, goid, old, new, word, on)
        part = twin_time.PARTS.get(new)
        if part == 'running' and g.life.assists:
            part = 'gc_assist'
        if new == 'NotExist':
            if g.wait:
                self.finish_wait(goid, time, False)
            self.settle(goid)
            for s in g.regions():
                s.end, s.cut_end = time, True
            g.life.end = time
            del self.goroutines[goid]
        elif old == 'Undetermined':
            g.life.first_seen(part)
        elif old == new:
            pass
        elif old == 'NotExist':
            creator = self.goroutines[by].resident() if by != -1 else None
            if creator and creator.kind == 'region':
                creator = self.open_tasks.get(creator.task)
            g.inherited = g.life.inherited = creator
            g.life.start, g.life.born = time, True
            g.life.states = [(time, part, 'coroutine switch')]
        elif old == 'Running' and new in ('Waiting', 'Syscall'):
            resident = g.resident()
            word = 'syscall' if new == 'Syscall' else word or 'coroutine switch'
            g.life.enter(time, part, (word, on) if on else word)
            if resident:
                on = 'cond' if word == 'sync.(*Cond).Wait' else on
                g.wait = [resident, wait_name(word, on), time]
        else:
            g.life.enter(time, part)
            if g.wait and new != 'Runnable':
                self.finish_wait(goid, time, False)

    def finish_wait(self, goid, time, cut):
        g = self.goroutines[goid]
        resident, name, start = g.wait
        g.wait = None
        if time - start >= SPANS_OVER or (cut and time - start >= EVENTS_OVER):
            s = self.span('wait', name, start, resident, goid)
            s.end, s.cut_end = time, cut
            s.meanwhile = self.history.meanwhile(goid)
        elif time - start >= EVENTS_OVER and resident.end is None:
            resident.events[name, start, None] += 1

    def range(self, g, kind, time, name):
        which = 'gc' if name.startswith('GC conc') else 'stw' if name.startswith('stop-') else None
        if not which:
            return
        begun = getattr(self, which)
        if kind == 'RangeEnd':
            if begun:
                if which == 'stw':
                    self.stops.append((begun[0], time))
                s = self.span('range', name, begun[0], self.capture, begun[1])
                s.end, s.cut_start = time, begun[2]
            setattr(self, which, None)
        elif not (begun and kind == 'RangeActive'):
            cut = kind == 'RangeActive'
            setattr(self, which,
                    (self.first if cut else time, None if g == -1 else g, cut, name))

    def finish(self):
        for goid in sorted(self.goroutines):
            self.settle(goid)
        for goid in sorted(self.goroutines):
            if self.goroutines[goid].wait:
                self.finish_wait(goid, self.last, True)
        for begun in self.gc, self.stw:
            if begun:
                s = self.span('range', begun[3], begun[0], self.capture, begun[1])
                s.end, s.cut_start, s.cut_end = self.last, begun[2], True
        for s in self.spans:
            if s.end is None:
                s.end, s.cut_end = self.last, s.kind != 'capture'
                if s.kind == 'task' and s.goroutine in self.goroutines:
                    self.paths[s] = self.history.task(s.goroutine, self.last, s.start)
        if self.stw:
            self.stops.append((self.stw[0], self.last))
        times = twin_time.budgets(self.lives, self.stops, self.last, self.capture)
        critical = set(twin_path.marked(self.spans, self.paths))
        for s in self.spans:
            path = {**self.paths.get(s, [{}])[0], **s.meanwhile, **({'flightspan.critical': True} if s in critical else {})}
            s.times = frozenset({**times.get(s, {}), **path}.items())


def read_events(path):
    """Each event's groups, and the functions of its own stack, leaf first."""
    events, stack = [], None
    with open(path, encoding='utf-8', errors='surrogateescape', newline='\n') as f:
        for line in f:
            line = line.rstrip('\n')
            m = HEAD.match(line)
            if m:
                stack = None
                events.append((m.groups(), []))
            elif line == 'Stack=':
                stack = events[-1][1]
            elif stack is not None and FRAME.match(line):
                stack.append(FRAME.match(line)[1])
    return events


def read_dump(path, trace):
    mapping = Mapping()
    events = read_events(path)
    mapping.offset = os.stat(trace).st_mtime_ns - int(events[-1][0][4])
    for (_, _, g, kind, time, rest), stack in events:
        mapping.event(int(g), kind, int(time), rest, stack)
    mapping.finish()
    return mapping.spans


def attributes(items, numbers=None):
    """By name; with `numbers`, the integers alone."""
    return {a['key']: int(a['value']['intValue']) if numbers else next(iter(a['value'].values()))
            for a in items if not numbers or 'intValue' in a['value']}


def read_spans(path):
    """Spans by id, as key, parent's key and events, like Span.key()."""
    spans = {}
    with open(path, encoding='utf-8') as f:
        for line in f:
            for resource in json.loads(line)['resourceSpans']:
                for scope in resource['scopeSpans']:
                    for s in scope['spans']:
                        spans[s['traceId'], s['spanId']] = (scope['scope']['name'], s)
    check_links(spans)
    spans = {i: v for i, v in spans.items() if kind_of(v[1]) != 'capture link'}
    keys = {i: json_key(*v) for i, v in spans.items()}
    out = collections.Counter()
    for (trace, span), (_, s) in spans.items():
        parent = s.get('parentSpanId')
        above = keys.get((trace, parent), ('app', trace, parent)) if parent else None
        events = collections.Counter()
        for e in s.get('events', []):
            a = attributes(e.get('attributes', []))
            events[e['name'], int(e['timeUnixNano']), a.get('message')] += 1
        events = frozenset(events.items()) if 'droppedEventsCount' not in s else None
        numbers = attributes(s.get('attributes', []), int).items()
        times = {t for t in numbers if t[0].startswith(('flightspan.time.', 'flightspan.critical.', 'flightspan.waker.time.'))
                 or t[0] == 'flightspan.goroutines'}
        if 'flightspan.critical' in attributes(s.get('attributes', [])):
            times.add(('flightspan.critical', True))
        times = frozenset(times)
        out[keys[trace, span], above, events, times] += 1
    return out


def kind_of(span):
    return attributes(span.get('attributes', []))['flightspan.kind']


def check_links(spans):
    """The capture links to the longest task of each trace, and these lead back to it."""
    capture = [i for i, (_, s) in spans.items() if kind_of(s) == 'capture']
    assert len(capture) == 1
    root = spans[capture[0]][1]
    to = {(link['traceId'], link['spanId']) for link in root.get('links', [])}
    back = set()
    for _, s in spans.values():
        if kind_of(s) == 'capture link':
            assert [(x['traceId'], x['spanId']) for x in s['links']] == capture
            back.add((s['traceId'], s['parentSpanId']))
    assert to == back and to <= spans.keys() and len(to) <= 128
    for _, s in spans.values():
        for link in s.get('links', []):
            if kind_of(s) == 'wait':
                assert (link['traceId'], link['spanId']) in spans, 'a link to nothing'


def json_key(scope, s):
    a = attributes(s.get('attributes', []))
    kind = a['flightspan.kind'].replace('runtime', 'range')
    assert scope == {'wait': 'flightspan.sched', 'range': 'flightspan.runtime'}.get(
        kind, 'flightspan.task')
    goid = a.get('flightspan.goroutine.id')
    lost = a.get('flightspan.parent_task.id')
    return (kind, s['name'], int(s['startTimeUnixNano']), int(s['endTimeUnixNano']),
            int(goid) if goid is not None else None, a.get('flightspan.truncated'),
            int(lost) if lost is not None else None)


def main():
    expected = collections.Counter()
    found = read_spans(sys.argv[2])
    trimmed = {key for key, _, events, _ in found if events is None}
    for s in read_dump(sys.argv[1], sys.argv[3]):
        events = None if s.key() in trimmed else s.all_events()
        expected[s.key(), s.above(), events, s.times] += 1
    missing, extra = expected - found, found - expected
    for title, some in (('expected but not sent', missing), ('sent but not expected', extra)):
        for item in sorted(some.elements(), key=repr)[:5]:
            print(f'{title}: {item!r:.2000}')
    print(f'{sum(expected.values())} spans expected, {sum(found.values())} sent, '
          f'{sum(missing.values())} missing, {sum(extra.values())} unexpected')
    return 1 if missing or extra else 0


if __name__ == '__main__':
    sys.exit(main())
