package main

import (
	"encoding/hex"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"golang.org/x/exp/trace"
)

// What explaining takes beside the spans.
type explainer struct {
	explain                                      bool
	finishing                                    bool
	reasons                                      reasons
	unknown, other, syscall, coroutine, external *reason
	details                                      map[trace.Stack]string // of one generation
	past                                         past
	outside                                      budget // of goroutines that work for nobody
	stopped                                      int64  // of the world
	serial                                       int64
}

func newExplainer(explain bool) explainer {
	all := reasons{}
	return explainer{explain: explain, reasons: all, details: map[trace.Stack]string{},
		unknown: all.find("unknown", ""), other: all.find("other", ""),
		syscall: all.find("syscall", ""), coroutine: all.find("coroutine switch", ""),
		external: all.find("external", "")}
}

// The spans of a trace, until nothing of it is open: what is critical is known at its end.
type held struct {
	spans []*span
	open  int
}

func (s *span) hold() {
	if s.parent != nil {
		s.trace = s.parent.trace
	} else {
		s.trace = &held{}
	}
	s.trace.spans = append(s.trace.spans, s)
	s.trace.open++
}

// It has ended; the last one takes the others along.
func (m *mapper) letGo(s *span) error {
	if s.trace.open--; s.trace.open > 0 {
		return nil
	}
	all := s.trace.spans
	s.trace.spans = nil
	for _, s := range all {
		if err := m.out.add(s.Span); err != nil {
			return err
		}
	}
	return nil
}

// The program's own frames, then those of the standard library; whole ones only.
func ownFirst(s trace.Stack) string {
	var b []byte
	for _, wanted := range []bool{false, true} {
		for f := range s.Frames() {
			if isStandard(f.Func) != wanted {
				continue
			}
			before := len(b)
			b = appendFrame(b, f)
			if len(b) > longestText {
				return string(b[:before])
			}
		}
	}
	return string(b)
}

func (m *mapper) firstSeen(g *goroutine, to trace.GoState) {
	g.state, g.reason = to, m.unknown
	g.settlePart()
	switch to {
	case trace.GoRunnable:
		g.track.stops(preempted, g.reason, m.first)
	case trace.GoWaiting:
		g.track.stops(waited, g.reason, m.first)
	case trace.GoSyscall:
		g.track.stops(inCall, g.reason, m.first)
	}
}

func (m *mapper) born(g *goroutine, ev trace.Event, to trace.GoState) {
	r := m.coroutine
	g.track.stops(born, r, ev.Time())
	g.track.isReady(ev.Goroutine(), m.goroutines[ev.Goroutine()], ev.Time())
	g.since = ev.Time()
	m.workFor(g, g.inherited)
	m.setState(g, to, r, ev.Time())
}

// It stops: why, and where if it works for a span.
func (m *mapper) stops(g *goroutine, to trace.GoState, now trace.Time) {
	w := &g.wait
	detail := ""
	if g.resident != nil {
		detail = m.detail(w.stack)
	}
	w.why = m.reasons.find(w.name(), detail)
	kind := waited
	if to == trace.GoSyscall {
		kind = inCall
	}
	g.track.stops(kind, w.why, now)
	m.setState(g, to, w.why, now)
}

func (m *mapper) detail(s trace.Stack) string {
	d, known := m.details[s]
	if !known {
		d = detailOf(s)
		m.details[s] = d
	}
	return d
}

// It is runnable, runs, or is somewhere without having run. Always false: the wait is next.
func (m *mapper) goesOn(g *goroutine, ev trace.Event, from, to trace.GoState) bool {
	t := &g.track
	if to == trace.GoRunning {
		m.past.runs(t, ev.Time())
		m.setState(g, to, m.unknown, ev.Time())
		return false
	}
	switch {
	case to == trace.GoWaiting:
		t.stops(waited, m.unknown, ev.Time())
	case to == trace.GoSyscall:
		t.stops(inCall, m.syscall, ev.Time())
	case from == trace.GoRunning:
		t.stops(preempted, m.other, ev.Time())
	}
	switch from {
	case trace.GoWaiting:
		t.isReady(ev.Goroutine(), m.goroutines[ev.Goroutine()], ev.Time())
	case trace.GoSyscall:
		t.isReady(ev.Goroutine(), nil, ev.Time())
	}
	m.setState(g, to, m.unknown, ev.Time())
	return false
}

func (m *mapper) assistEvent(ev trace.Event) {
	g := m.goroutine(ev.Range().Scope.Goroutine())
	if ev.Kind() == trace.EventRangeActive {
		g.assist = true
		g.settlePart()
		return
	}
	m.assist(g, ev.Kind() == trace.EventRangeBegin, ev.Time())
}

func top(s *span) *span {
	for s.parent != nil {
		s = s.parent
	}
	return s
}

// Does every capture that has the trace of the one know the span of the other?
func knownWith(other, one *span) bool {
	a, b := top(other), top(one)
	return a == b || a.begun >= b.begun && a.Name != "unknown task"
}

func (w *wait) wakerSpanAttributes(a []*commonpb.KeyValue, on *span) []*commonpb.KeyValue {
	a = append(a, text("flightspan.waker.span", w.wakerName), text("flightspan.waker.span_id", hex.EncodeToString(w.wakerSpanID)))
	if string(w.wakerTrace) != string(on.TraceId) {
		a = append(a, text("flightspan.waker.trace_id", hex.EncodeToString(w.wakerTrace)))
	}
	return a
}

func (m *mapper) explainWait(s *span, w *wait, stop *stop, on *span) {
	if w.wakerSpan != nil {
		s.Attributes = w.wakerSpanAttributes(s.Attributes, on)
	}
	if stop.woken && w.why.held {
		s.Attributes = m.wakerAttributes(s.Attributes, w, stop, on)
	}
}

// Tasks that the end cuts.
func (m *mapper) cutPaths() {
	for _, g := range m.goroutines {
		m.settle(g, m.last)
	}
	for _, s := range m.tasks {
		if g := m.goroutines[s.goroutine]; g != nil {
			m.criticalPath(s, g, s.goroutine, m.last)
		}
	}
}
