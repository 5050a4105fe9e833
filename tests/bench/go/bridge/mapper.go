package main

import (
	"strings"
	"time"

	"golang.org/x/exp/trace"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

const (
	spansOver  = time.Millisecond
	eventsOver = 10 * time.Microsecond
	// As in the SDKs: what comes later is counted. (flightspan keeps the longest.)
	eventsPerSpan = 128
)

// A span that may be open: of a task, a region, or the capture.
type span struct {
	*tracepb.Span
	task   trace.TaskID
	region bool
	open   bool
	clock  int64 // wall minus trace time, one for a whole trace
	// To explain it.
	parent       *span
	goroutine    trace.GoID
	begun, ended trace.Time
	trace        *held
	work         *work // of tasks and regions
}

// Why a goroutine does not run, and who woke it.
type wait struct {
	on                      *span // nil: it waits for nobody, or runs
	stopped, ready          trace.Time
	syscall                 bool
	reason                  string
	stack, wakerStack       trace.Stack
	waker                   trace.GoID
	wakerTrace, wakerSpanID []byte
	// To explain it.
	why       *reason
	wakerSpan *span
	wakerName string
	told      bool // whoever knows the wait knows the waker's span
}

type goroutine struct {
	entries   []*span // tasks begun here and regions, innermost last
	inherited *span   // the task its creator worked for
	wait      wait
	life
}

type mapper struct {
	out         *batcher
	clock       int64
	first, last trace.Time
	capture     *span
	tasks       map[trace.TaskID]*span
	goroutines  map[trace.GoID]*goroutine
	ranges      map[string]trace.Time
	stacks      map[trace.Stack]string // of one generation
	explainer
}

func newMapper(out *batcher, explain bool) *mapper {
	return &mapper{out: out, tasks: map[trace.TaskID]*span{},
		goroutines: map[trace.GoID]*goroutine{}, ranges: map[string]trace.Time{},
		stacks: map[trace.Stack]string{}, explainer: newExplainer(explain)}
}

func (m *mapper) stack(s trace.Stack) string {
	t, known := m.stacks[s]
	if !known {
		if m.explain {
			t = ownFirst(s)
		} else {
			t = stackText(s)
		}
		m.stacks[s] = t
	}
	return t
}

func (m *mapper) newSpan(parent *span, kind, name string, start trace.Time) *span {
	s := &span{open: true, clock: m.clock, parent: parent, begun: start, goroutine: trace.NoGoroutine, Span: &tracepb.Span{SpanId: newID(8), Name: name,
		Kind: tracepb.Span_SPAN_KIND_INTERNAL, Flags: 0x101}}
	if parent != nil {
		s.clock, s.TraceId, s.ParentSpanId = parent.clock, parent.TraceId, parent.SpanId
	} else {
		s.TraceId = newID(16)
	}
	s.StartTimeUnixNano = s.wall(start)
	s.Attributes = append(make([]*commonpb.KeyValue, 0, 4), text("flightspan.kind", kind))
	if m.explain {
		s.hold()
	}
	return s
}

func (s *span) wall(t trace.Time) uint64 { return uint64(int64(t) + s.clock) }

func (m *mapper) end(s *span, at trace.Time) error {
	if s.work != nil {
		m.endWork(s, at)
	}
	s.open = false
	s.EndTimeUnixNano = s.wall(at)
	if m.explain {
		s.ended = at
		return m.letGo(s)
	}
	return m.out.add(s.Span)
}

func (s *span) event(name string, at trace.Time, a func() []*commonpb.KeyValue) {
	if len(s.Events) == eventsPerSpan {
		s.DroppedEventsCount++
		return
	}
	s.Events = append(s.Events,
		&tracepb.Span_Event{Name: name, TimeUnixNano: s.wall(at), Attributes: a()})
}

func (m *mapper) goroutine(id trace.GoID) *goroutine {
	g := m.goroutines[id]
	if g == nil {
		g = &goroutine{}
		m.goroutines[id] = g
		m.serial++
		g.serial, g.since, g.state = m.serial, m.first, trace.GoRunning
	}
	return g
}

// The span a goroutine works for, or nil.
func (g *goroutine) works() *span {
	for i := len(g.entries) - 1; i >= 0; i-- {
		if s := g.entries[i]; s.open && s.task != trace.BackgroundTask {
			return s
		} else if !s.open && i == len(g.entries)-1 {
			g.entries = g.entries[:i]
		}
	}
	if g.inherited != nil && g.inherited.open {
		return g.inherited
	}
	return nil
}

// Where a region or log of a task hangs.
func (m *mapper) place(g *goroutine, task trace.TaskID) *span {
	for i := len(g.entries) - 1; i >= 0; i-- {
		if s := g.entries[i]; s.open && s.region && s.task == task {
			return s
		}
	}
	if task == trace.BackgroundTask {
		return m.capture
	}
	s := m.tasks[task]
	if s == nil {
		s = m.newTask(nil, task, "unknown task", m.first)
		if m.explain {
			m.beginWork(s, trace.NoGoroutine, m.first)
		}
	}
	return s
}

func (m *mapper) newTask(parent *span, id trace.TaskID, name string, start trace.Time) *span {
	s := m.newSpan(parent, "task", name, start)
	s.task = id
	s.Attributes = append(s.Attributes, number("flightspan.task.id", int64(id)))
	m.tasks[id] = s
	return s
}

func (m *mapper) taskBegin(ev trace.Event) {
	t := ev.Task()
	s := m.newTask(m.tasks[t.Parent], t.ID, t.Type, ev.Time())
	s.Attributes = append(s.Attributes, number("flightspan.goroutine.id", int64(ev.Goroutine())))
	g := m.goroutine(ev.Goroutine())
	g.entries = append(g.entries, s)
	if m.explain {
		m.beginWork(s, ev.Goroutine(), ev.Time())
		m.moved(g, ev.Time())
	}
}

func (m *mapper) taskEnd(ev trace.Event) error {
	s := m.tasks[ev.Task().ID]
	if s == nil {
		return nil
	}
	delete(m.tasks, ev.Task().ID)
	if g := m.goroutines[ev.Goroutine()]; m.explain && g != nil {
		m.criticalPath(s, g, ev.Goroutine(), ev.Time())
	}
	return m.end(s, ev.Time())
}

func (m *mapper) newRegion(g *goroutine, ev trace.Event, start trace.Time) *span {
	r := ev.Region()
	s := m.newSpan(m.place(g, r.Task), "region", r.Type, start)
	s.task, s.region = r.Task, true
	s.Attributes = append(s.Attributes, number("flightspan.task.id", int64(r.Task)),
		number("flightspan.goroutine.id", int64(ev.Goroutine())))
	if m.explain {
		m.beginWork(s, ev.Goroutine(), start)
	}
	return s
}

func (m *mapper) regionBegin(ev trace.Event) {
	g := m.goroutine(ev.Goroutine())
	g.entries = append(g.entries, m.newRegion(g, ev, ev.Time()))
	if m.explain {
		m.moved(g, ev.Time())
	}
}

func (m *mapper) regionEnd(ev trace.Event) error {
	g := m.goroutine(ev.Goroutine())
	for i := len(g.entries) - 1; i >= 0; i-- {
		if s := g.entries[i]; s.open && s.region {
			g.entries = append(g.entries[:i], g.entries[i+1:]...)
			return m.end(s, ev.Time())
		}
	}
	return m.end(m.newRegion(g, ev, m.first), ev.Time())
}

func (m *mapper) log(ev trace.Event) {
	l := ev.Log()
	s := m.place(m.goroutine(ev.Goroutine()), l.Task)
	name := l.Category
	if name == "" {
		name = "log"
	}
	s.event(name, ev.Time(), func() []*commonpb.KeyValue {
		return []*commonpb.KeyValue{text("message", l.Message)}
	})
}

func (m *mapper) transition(ev trace.Event) error {
	st := ev.StateTransition()
	if st.Resource.Kind != trace.ResourceGoroutine {
		return nil
	}
	from, to := st.Goroutine()
	id := st.Resource.Goroutine()
	g := m.goroutine(id)
	w := &g.wait
	switch {
	case to == trace.GoNotExist:
		err := m.waitEnd(g, id, ev.Time())
		if m.explain {
			m.settle(g, ev.Time())
			m.workFor(g, nil)
		}
		for i := len(g.entries) - 1; i >= 0 && err == nil; i-- {
			if s := g.entries[i]; s.open && s.region {
				err = m.end(s, ev.Time())
			}
		}
		delete(m.goroutines, id)
		if m.explain {
			m.bury(g, ev.Time())
		}
		return err
	case from == trace.GoUndetermined:
		if m.explain {
			m.firstSeen(g, to)
		}
	case from == to:
	case from == trace.GoNotExist:
		if creator := m.goroutines[ev.Goroutine()]; creator != nil {
			if s := creator.works(); s != nil {
				g.inherited = m.tasks[s.task]
			}
		}
		if m.explain {
			m.born(g, ev, to)
		}
	case from == trace.GoRunning && (to == trace.GoWaiting || to == trace.GoSyscall):
		*w = wait{on: g.works(), stopped: ev.Time(), syscall: to == trace.GoSyscall,
			reason: st.Reason, stack: st.Stack, waker: trace.NoGoroutine}
		if m.explain {
			m.stops(g, to, ev.Time())
		}
	case m.explain && m.goesOn(g, ev, from, to):
	case w.on == nil:
	case to == trace.GoRunnable:
		w.ready = ev.Time()
		if w.syscall {
			break
		}
		w.waker, w.wakerStack = ev.Goroutine(), ev.Stack()
		if waker := m.goroutines[w.waker]; waker != nil {
			if s := waker.works(); s != nil {
				w.wakerTrace, w.wakerSpanID = s.TraceId, s.SpanId
				w.wakerSpan, w.wakerName = s, s.Name
				w.told = m.explain && knownWith(s, w.on)
			}
		}
	default:
		if from == trace.GoSyscall {
			w.ready = ev.Time()
		}
		return m.waitEnd(g, id, ev.Time())
	}
	return nil
}

func (w *wait) name() string {
	switch {
	case w.why != nil:
		return w.why.name
	case w.syscall:
		return "syscall"
	case w.reason == "":
		return "coroutine switch"
	}
	return w.reason
}

func (m *mapper) waitAttributes(w *wait, id trace.GoID, end trace.Time) []*commonpb.KeyValue {
	word := w.name()
	if w.why != nil {
		word = w.why.word
	}
	a := append(make([]*commonpb.KeyValue, 0, 8), text("flightspan.wait.reason", word),
		number("flightspan.goroutine.id", int64(id)))
	if w.why != nil && w.why.detail != "" {
		a = append(a, text("flightspan.wait.on", w.why.detail))
	}
	if w.ready != 0 {
		a = append(a, number("flightspan.wait.blocked_ns", int64(w.ready-w.stopped)),
			number("flightspan.wait.runnable_ns", int64(end-w.ready)))
	}
	if s := m.stack(w.stack); s != "" {
		a = append(a, text("code.stacktrace", s))
	}
	if w.waker != trace.NoGoroutine {
		a = append(a, number("flightspan.waker.goroutine.id", int64(w.waker)))
	}
	if s := m.stack(w.wakerStack); s != "" {
		a = append(a, text("flightspan.waker.stacktrace", s))
	}
	return a
}

// It runs again: a span, an event or nothing, by how long that took.
func (m *mapper) waitEnd(g *goroutine, id trace.GoID, end trace.Time) error {
	w := &g.wait
	on := w.on
	w.on = nil
	if on == nil || end.Sub(w.stopped) < eventsOver {
		return nil
	}
	if end.Sub(w.stopped) < spansOver {
		if !on.open {
			return nil // it is sent
		}
		on.event(w.name(), w.stopped, func() []*commonpb.KeyValue {
			a := m.waitAttributes(w, id, end)
			if w.told {
				a = w.wakerSpanAttributes(a, on)
			}
			return a
		})
		return nil
	}
	s := m.newSpan(on, "wait", w.name(), w.stopped)
	s.Attributes = append(s.Attributes, m.waitAttributes(w, id, end)...)
	if m.explain {
		s.goroutine = id
		m.explainWait(s, w, &g.track.stop, on)
	}
	if w.wakerSpanID != nil {
		s.Links = []*tracepb.Span_Link{{TraceId: w.wakerTrace, SpanId: w.wakerSpanID}}
	}
	return m.end(s, end)
}

func isStop(name string) bool { return strings.HasPrefix(name, "stop-the-world") }

// Garbage collection and stop-the-world hang below the capture.
func (m *mapper) rangeEvent(ev trace.Event) error {
	name := ev.Range().Name
	if m.explain && name == "GC mark assist" {
		m.assistEvent(ev)
	}
	if name != "GC concurrent mark phase" && !isStop(name) {
		return nil
	}
	begun, known := m.ranges[name]
	switch ev.Kind() {
	case trace.EventRangeBegin:
		m.ranges[name] = ev.Time()
	case trace.EventRangeActive:
		if !known {
			m.ranges[name] = m.first
		}
	case trace.EventRangeEnd:
		delete(m.ranges, name)
		if known && isStop(name) {
			m.stopped += int64(ev.Time() - begun)
		}
		if known {
			return m.end(m.newSpan(m.capture, "runtime", name, begun), ev.Time())
		}
	}
	return nil
}

func (m *mapper) feed(ev trace.Event) error {
	m.last = ev.Time()
	switch ev.Kind() {
	case trace.EventSync:
		clear(m.stacks)
		clear(m.details)
		if c := ev.Sync().ClockSnapshot; c != nil {
			m.clock = c.Wall.UnixNano() - int64(c.Trace)
		}
		if m.capture == nil {
			m.first = ev.Time()
			m.capture = m.newSpan(nil, "capture", "capture", m.first)
		}
	case trace.EventTaskBegin:
		m.taskBegin(ev)
	case trace.EventTaskEnd:
		return m.taskEnd(ev)
	case trace.EventRegionBegin:
		m.regionBegin(ev)
	case trace.EventRegionEnd:
		return m.regionEnd(ev)
	case trace.EventLog:
		m.log(ev)
	case trace.EventStateTransition:
		return m.transition(ev)
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		return m.rangeEvent(ev)
	}
	return nil
}

// What is open ends with the trace.
func (m *mapper) finish() error {
	m.finishing = true
	if m.explain {
		m.cutPaths()
	}
	for id, g := range m.goroutines {
		if err := m.waitEnd(g, id, m.last); err != nil {
			return err
		}
		for _, s := range g.entries {
			if s.open && s.region {
				if err := m.end(s, m.last); err != nil {
					return err
				}
			}
		}
	}
	for _, s := range m.tasks {
		if err := m.end(s, m.last); err != nil {
			return err
		}
	}
	for name, begun := range m.ranges {
		if err := m.end(m.newSpan(m.capture, "runtime", name, begun), m.last); err != nil {
			return err
		}
	}
	if m.capture != nil {
		if err := m.end(m.capture, m.last); err != nil {
			return err
		}
	}
	return m.out.flush()
}
