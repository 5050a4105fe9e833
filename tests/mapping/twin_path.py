"""Critical paths, and what wakers did, once more and slowly: nothing is forgotten, each walk starts anew.

Every goroutine keeps all its stops: when it ceased to run, became runnable, ran again, and who made
it runnable with how many stops behind him. A path is walked back over them from a task's end, a
waker's time from the end of the wait; that one does not leave the waker.
"""
import collections
import re

from twin_time import family

# Somebody has what it waits for.
HELD = re.compile(r'sync|chan |select')


class Stop:
    def __init__(self, kind, began, reason=None, ready=None):
        self.kind, self.began, self.reason, self.ready = kind, began, reason, ready
        self.ran, self.waker = None, None  # waker: goroutine, its stops until then

    def ends(self, time):
        """As it looks from then on."""
        seen = Stop(self.kind, self.began, self.reason, time if self.ready is None else self.ready)
        seen.ran, seen.waker = time, self.waker
        return seen


class Paths:
    def __init__(self):
        self.done = collections.defaultdict(list)
        self.now = {}  # stops that are not over

    def transition(self, by, time, first, goid, old, new, word, on):
        """As `flightspan dump` names the states; why it waits: the runtime's word, and what the stack adds."""
        if old == new or new == 'NotExist':
            return
        if old == 'Undetermined':
            if new != 'Running':
                kind = {'Runnable': 'preempted', 'Waiting': 'wait', 'Syscall': 'syscall'}[new]
                self.now[goid] = Stop(kind, first, 'unknown', first if new == 'Runnable' else None)
            return
        if new == 'Running':
            if goid in self.now:
                self.done[goid].append(self.now.pop(goid).ends(time))
            return
        if old == 'NotExist':
            self.now[goid] = Stop('birth', time, ready=time)
        elif new == 'Waiting':
            self.now[goid] = Stop('wait', time, (word or 'coroutine switch', on) if old == 'Running' else 'unknown')
        elif new == 'Syscall':
            self.now[goid] = Stop('syscall', time)
        elif old == 'Running':
            self.now[goid] = Stop('preempted', time, ready=time)
        if old in ('NotExist', 'Waiting', 'Syscall') and goid in self.now:
            stop = self.now[goid]
            stop.ready = time
            if old != 'Syscall' and by != -1:
                stop.waker = by, len(self.done[by])

    def task(self, goid, end, begin):
        """(attributes of a task of that time that ended on that goroutine, segments (goroutine, from, to))."""
        return self.walk(goid, len(self.done[goid]), self.now.get(goid), end, begin, True)

    def meanwhile(self, goid):
        """What the waker did during the wait that is over or was the last: attributes of that one's span."""
        stop = self.now.get(goid) or self.done[goid][-1]
        if not stop.waker or not HELD.match(stop.reason[0]):
            return {}
        return self.walk(*stop.waker, None, stop.ready, stop.began, False)[0]

    def walk(self, goid, before, stop, end, begin, follow):
        sums, segments = collections.Counter(), []
        now, at = end, goid
        stop = stop and stop.ends(end)

        def take(until, *parts):
            nonlocal now
            until = max(until, begin)
            if until >= now:
                return
            for part in parts + (('others',) if at != goid else ()):
                sums[part] += now - until
            segments.append((at, until, now))
            now = until

        while now > begin:
            if not stop:
                if not before:
                    take(begin, 'running')
                    break
                before -= 1
                stop = self.done[at][before]
            take(stop.ran, 'running')
            take(stop.ready, 'runnable')
            if stop.waker and follow:
                at, before = stop.waker
            elif stop.kind == 'syscall':
                take(stop.began, 'syscall')
            elif stop.kind == 'wait':
                reason = 'external' if follow and stop.began < begin else stop.reason
                if follow and isinstance(reason, tuple):
                    reason = reason[0]  # what the stack adds may be of another trace
                take(stop.began, 'blocked', *('blocked.' + name for name in family(reason)))
            elif stop.kind == 'birth':
                break
            stop = None
        sums['unknown'] = now - begin
        prefix = 'flightspan.critical' if follow else 'flightspan.waker.time'
        return {f'{prefix}.{k}_ns': v for k, v in sums.items() if v}, segments


def marked(spans, paths):
    """The spans on the path of the task at the top: of the nearest above that the application's trace has, or the root."""
    by_goroutine = {}
    for owner, (_, segments) in paths.items():
        for goroutine, begin, end in segments:
            by_goroutine.setdefault((owner, goroutine), []).append((begin, end))
    for span in spans:
        owner = span
        while owner.parent and not owner.app:
            owner = owner.parent
        if owner is not span and any(begin < span.end and end > span.start for begin, end in
                                     by_goroutine.get((owner, span.goroutine), ())):
            yield span
