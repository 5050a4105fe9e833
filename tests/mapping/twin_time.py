"""Time budgets, done once more and slowly: where each nanosecond of each goroutine went.

Nothing is summed while the trace is read. Every goroutine keeps the list of its states and the
list of what it began; afterwards its life is cut at every edge of either, and each piece is added
to the innermost open span of that piece and to all spans above that are not over yet.
"""
import bisect
import collections
import heapq

PARTS = {'Running': 'running', 'Runnable': 'runnable', 'Syscall': 'syscall', 'Waiting': 'blocked'}


class Life:
    """One goroutine, from where the capture knows it to its end."""

    def __init__(self, start):
        self.start, self.end = start, None
        self.states = [(start, 'running', None)]  # from then on: part, reason
        self.entries = []  # (time, span), tasks and regions, in order
        self.inherited, self.born, self.assists = None, False, False

    def enter(self, time, part, reason=None):
        self.states.append((time, part, reason))

    def first_seen(self, part):
        self.states = [(self.start, part, 'unknown')]


def residency(life, last):
    """Pieces (from, to, span or None) of a life, and of what follows it."""
    until = last if life.end is None else life.end
    edges = {life.start, until}
    edges.update(t for t, _ in life.entries)
    edges.update(s.end for _, s in life.entries)
    if life.inherited:
        edges.add(life.inherited.end)
    edges = sorted(t for t in edges if life.start <= t <= last)
    heap, at = [], 0
    for i, begin in enumerate(edges):
        stop = edges[i + 1] if i + 1 < len(edges) else last
        while at < len(life.entries) and life.entries[at][0] <= begin:
            heapq.heappush(heap, -at)
            at += 1
        while heap and life.entries[-heap[0]][1].end <= begin:
            heapq.heappop(heap)
        span = life.entries[-heap[0]][1] if heap else None
        if not span and begin < until and life.inherited and begin < life.inherited.end:
            span = life.inherited
        yield begin, stop, span


def above(span):
    while span:
        yield span
        span = span.parent


class Sums(collections.Counter):
    def add(self, part, reason, amount, what):
        self[f'{part}_{what}'] += amount
        if part == 'blocked':
            for name in family(reason):
                self[f'blocked.{name}_{what}'] += amount


def family(reason):
    """The attribute names of a reason: the runtime's word, then with what the stack adds."""
    word, on = reason if isinstance(reason, tuple) else (reason, None)
    if word == 'sync.(*Cond).Wait':
        word, on = 'sync', 'cond'

    def spell(text):
        return '_'.join(''.join(c if c.isascii() and c.isalnum() else ' ' for c in text.lower())
                        .split())
    return [spell(word)] + ([spell(word) + '.' + spell(on)] if on else [])


def charge(life, last, sums, members, rest):
    pieces = list(residency(life, last))
    until = last if life.end is None else life.end
    starts = [p[0] for p in pieces]
    ends = [t for t, _, _ in life.states[1:]] + [until]

    def put(span, begin, stop, part, reason):
        left = stop - begin
        for s in above(span):
            inside = max(0, min(stop, s.end) - begin)
            sums[s].add(part, reason, inside, 'ns')
            if not s.parent:
                left -= inside
        if part != 'absent':
            rest.add(part, reason, left, 'ns')

    for (begin, part, reason), end in zip(life.states, ends):
        i = max(0, bisect.bisect_right(starts, begin) - 1)
        while i < len(pieces) and pieces[i][0] < end:
            a, b, span = pieces[i]
            if min(b, end) > max(a, begin):
                put(span, max(a, begin), min(b, end), part, reason)
            i += 1
    # How often each part was entered, and by whom the span was served.
    for n, (begin, part, reason) in enumerate(life.states):
        if n == 0 and not life.born:
            continue
        if n and part == 'running' and life.states[n - 1][1] == 'gc_assist' and (
                life.states[n - 1][2] == 'ends'):
            continue
        i = max(0, bisect.bisect_right(starts, begin) - 1)
        counted = False
        for s in above(pieces[i][2]):
            if begin <= s.end:
                sums[s].add(part, reason, 1, 'count')
                counted = counted or not s.parent
        if not counted:
            rest.add(part, reason, 1, 'count')
    for a, b, span in pieces:
        for s in above(span):
            if a <= s.end and a < until:
                members[s].add(life)
            elif a >= until:
                sums[s]['absent_ns'] += max(0, min(b, s.end) - a)


def budgets(lives, stops, last, capture):
    """The attributes `flightspan.time.*` and `flightspan.goroutines` of each span."""
    sums, members = collections.defaultdict(Sums), collections.defaultdict(set)
    rest = Sums()
    for life in lives:
        charge(life, last, sums, members, rest)
    out = {}
    for s in set(sums) | set(members):
        if not members[s]:
            continue
        attrs = {f'flightspan.time.{k}': v for k, v in sums[s].items() if v}
        attrs.setdefault('flightspan.time.running_ns', 0)
        attrs['flightspan.goroutines'] = len(members[s])
        stopped = sum(max(0, min(b, s.end) - max(a, s.start)) for a, b in stops)
        if stopped:
            attrs['flightspan.time.stop_the_world_ns'] = stopped
        out[s] = attrs
    out[capture] = {f'flightspan.time.{k}': v for k, v in rest.items() if v}
    out[capture].setdefault('flightspan.time.running_ns', 0)
    return out
