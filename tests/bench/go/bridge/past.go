package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"golang.org/x/exp/trace"
)

type stopKind uint8

const (
	waited stopKind = iota
	inCall
	preempted
	born
)

// When a goroutine did not run, why, and who made it run again.
type stop struct {
	began, ready, ran   trace.Time
	waker               trace.GoID
	wakerLast, previous uint64 // stops, counted from 1; 0: none
	kind                stopKind
	woken               bool
	reason              *reason
}

// Where a goroutine is in the past of all.
type track struct {
	last    uint64
	stop    stop
	stopped bool
}

const (
	remembered  = 1 << 17
	mostSteps   = 1 << 15
	mostStretch = 1 << 14
)

// The last stops of all goroutines.
type past struct {
	ring []stop
	n    uint64
}

func (h *past) at(number uint64) *stop {
	if number == 0 || number > h.n || h.n-number >= remembered {
		return nil
	}
	return &h.ring[(number-1)%remembered]
}

func (t *track) stops(kind stopKind, r *reason, now trace.Time) {
	t.stopped = true
	t.stop = stop{began: now, kind: kind, reason: r, waker: trace.NoGoroutine}
	if kind == preempted || kind == born {
		t.stop.ready = now
	}
}

func (t *track) isReady(waker trace.GoID, by *goroutine, now trace.Time) {
	t.stop.ready = now
	if by != nil {
		t.stop.woken, t.stop.waker, t.stop.wakerLast = true, waker, by.track.last
	}
}

func (h *past) runs(t *track, now trace.Time) {
	if !t.stopped {
		return
	}
	t.stopped = false
	if t.stop.ready == 0 {
		t.stop.ready = now
	}
	t.stop.ran, t.stop.previous = now, t.last
	if len(h.ring) < remembered {
		h.ring = append(h.ring, t.stop)
	} else {
		h.ring[h.n%remembered] = t.stop
	}
	h.n++
	t.last = h.n
}

// A goroutine, from then to then.
type stretch struct {
	g        trace.GoID
	from, to trace.Time
}

// A walk back through the past.
type walk struct {
	budget
	past            *past
	begin, now      trace.Time
	since           trace.Time // when it came to g, going back
	g, first        trace.GoID
	follow          bool // the wakers and creators, not the one goroutine alone
	external        *reason
	others, unknown int64
	stretches       []stretch
}

func (w *walk) take(from trace.Time) int64 {
	now := w.now
	w.now = min(max(from, w.begin), now)
	return int64(now - w.now)
}

func (w *walk) leave() {
	if w.now >= w.since {
		return
	}
	if w.g != w.first {
		w.others += int64(w.since - w.now)
	}
	if n := len(w.stretches); n > 0 && w.stretches[n-1].g == w.g && w.stretches[n-1].from == w.since {
		w.stretches[n-1].from = w.now
	} else if n < mostStretch {
		w.stretches = append(w.stretches, stretch{w.g, w.now, w.since})
	}
}

// One stop back. False: nothing is known before it.
func (w *walk) step(s *stop, last *uint64) bool {
	w.add(running, nil, w.take(s.ran), 0)
	w.add(runnable, nil, w.take(s.ready), 0)
	if s.woken && w.follow {
		if s.waker != w.g {
			w.leave()
			w.since, w.g = w.now, s.waker
		}
		*last = s.wakerLast
		return true
	}
	*last = s.previous
	switch s.kind {
	case inCall:
		w.add(inSyscall, nil, w.take(s.began), 0)
	case waited:
		if s.ready > w.begin {
			r := s.reason
			if w.follow && s.began < w.begin {
				r = w.external
			}
			w.add(blocked, r, w.take(s.began), 0)
		}
	}
	return s.kind != born
}

// From w.now back to w.begin; `open` is the stop that is not over, or nil.
func (w *walk) run(last uint64, open *stop) {
	w.since, w.first = w.now, w.g
	known, steps := true, 0
	if open != nil && w.now > w.begin {
		known, steps = w.step(open, &last), 1
	}
	for ; known && last != 0 && w.now > w.begin && steps < mostSteps; steps++ {
		s := w.past.at(last)
		known = s != nil && w.step(s, &last)
	}
	if known && last == 0 {
		w.add(running, nil, w.take(w.begin), 0)
	}
	w.leave()
	w.unknown = int64(max(w.now-w.begin, 0))
}

// What the task's duration was made of, back from goroutine g at `end`.
func (m *mapper) criticalPath(task *span, g *goroutine, id trace.GoID, end trace.Time) {
	w := walk{past: &m.past, begin: task.begun, now: end, g: id, follow: true, external: m.external}
	var open *stop
	if g.track.stopped {
		s := g.track.stop
		s.previous, s.ran = g.track.last, end
		if s.ready == 0 {
			s.ready = end
		}
		open = &s
	}
	w.run(g.track.last, open)
	a := w.attributes(task.Attributes, ofPath)
	if w.unknown != 0 {
		a = append(a, number("flightspan.critical.unknown_ns", w.unknown))
	}
	if w.others != 0 {
		a = append(a, number("flightspan.critical.others_ns", w.others))
	}
	task.Attributes = a
	if task.parent == nil {
		mark(task, w.stretches)
	}
}

// What of the trace is on the path of its root.
func mark(root *span, path []stretch) {
	slices.SortFunc(path, func(a, b stretch) int {
		if a.g != b.g {
			return int(a.g - b.g)
		}
		return int(a.from - b.from)
	})
	for _, s := range root.trace.spans {
		i := sort.Search(len(path), func(i int) bool {
			return path[i].g > s.goroutine || path[i].g == s.goroutine && path[i].to > s.begun
		})
		if s != root && i < len(path) && path[i].g == s.goroutine && (s.open || path[i].from < s.ended) {
			s.Attributes = append(s.Attributes, yes("flightspan.critical"))
		}
	}
}

// What the waker of a wait did since that began, and the same in words.
func (m *mapper) wakerAttributes(a []*commonpb.KeyValue, w *wait, s *stop, on *span) []*commonpb.KeyValue {
	path := walk{past: &m.past, begin: s.began, now: s.ready, g: s.waker}
	path.run(s.wakerLast, nil)
	a = path.attributes(a, ofWaker)
	if path.unknown != 0 {
		a = append(a, number("flightspan.waker.time.unknown_ns", path.unknown))
	}
	return append(a, text("flightspan.wait.explanation", path.explain(w, on)))
}

func inWords(ns int64) string {
	tenths := (ns + 50000) / 100000
	switch {
	case ns < 1000:
		return fmt.Sprint(ns, " ns")
	case ns < 999500:
		return fmt.Sprint((ns+500)/1000, " us")
	case tenths < 100 && tenths%10 != 0:
		return fmt.Sprintf("%d.%d ms", tenths/10, tenths%10)
	}
	return fmt.Sprint((tenths+5)/10, " ms")
}

func (w *walk) explain(on *wait, forSpan *span) string {
	type did struct {
		ns   int64
		what string
	}
	all := []did{{w.parts[running].ns, "ran "}, {w.parts[runnable].ns, "waited for a processor "},
		{w.parts[inSyscall].ns, "was in system calls "}}
	// Of two that are equal, what was met last going back.
	for _, s := range slices.Backward(w.reasons) {
		if s.name == "sleep" {
			all = append(all, did{s.ns, "slept "})
		} else {
			all = append(all, did{s.ns, "waited on " + s.name + " "})
		}
	}
	all = append(all, did{w.unknown, "did something unknown "})
	slices.SortStableFunc(all, func(a, b did) int { return int(min(max(b.ns-a.ns, -1), 1)) })
	var b strings.Builder
	fmt.Fprintf(&b, "blocked %s on %s until ", inWords(int64(on.ready-on.stopped)), on.why.name)
	if on.wakerSpan != nil {
		fmt.Fprintf(&b, "`%s`", on.wakerName)
		if string(on.wakerTrace) != string(forSpan.TraceId) {
			b.WriteString(" of another trace")
		}
	} else {
		fmt.Fprintf(&b, "goroutine %d", on.waker)
	}
	b.WriteString(" let it go")
	for i, d := range all {
		if i == 3 || d.ns == 0 || d.ns <= all[0].ns/100 {
			break
		}
		if i == 0 {
			b.WriteString(": it ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(d.what + inWords(d.ns))
	}
	return b.String()
}
