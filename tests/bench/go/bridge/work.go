package main

import (
	"slices"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"golang.org/x/exp/trace"
)

// What a goroutine's time is, at each instant one of these.
type part int

const (
	running part = iota
	runnable
	inSyscall
	assisting
	blocked
	absent // it ended, a task that it began did not
	parts
)

// The names of attributes: of a span, of what a waker did, of a critical path.
type family int

const (
	ofTime family = iota
	ofWaker
	ofPath
	families
)

var prefixes = [families]string{"flightspan.time.", "flightspan.waker.time.", "flightspan.critical."}

type names struct{ ns, count string }

var partNames [families][parts]names

func init() {
	for p, word := range [parts]string{"running", "runnable", "syscall", "gc_assist", "blocked", "absent"} {
		for f, prefix := range prefixes {
			partNames[f][p] = names{prefix + word + "_ns", prefix + word + "_count"}
		}
	}
}

type sum struct{ ns, count int64 }

type reasonSum struct {
	*reason
	sum
}

// Where time went: of a span's goroutines, or of a path.
type budget struct {
	parts   [parts]sum
	reasons []reasonSum
}

func (b *budget) add(p part, r *reason, ns, count int64) {
	b.parts[p].ns += ns
	b.parts[p].count += count
	if p != blocked || ns == 0 && count == 0 {
		return
	}
	for i := range b.reasons {
		if b.reasons[i].reason == r {
			b.reasons[i].ns += ns
			b.reasons[i].count += count
			return
		}
	}
	b.reasons = append(b.reasons, reasonSum{r, sum{ns, count}})
}

// A reason with a detail counts for its word too.
func (b *budget) withWords() []reasonSum {
	var words budget
	for _, s := range b.reasons {
		words.add(blocked, s.raw, s.ns, s.count)
	}
	for _, s := range b.reasons {
		if s.raw != s.reason {
			words.reasons = append(words.reasons, s)
		}
	}
	return words.reasons
}

// The attributes of a family; zeros are not told, nor details of a critical path.
func (b *budget) attributes(to []*commonpb.KeyValue, f family) []*commonpb.KeyValue {
	put := func(n names, s sum) {
		if s.ns != 0 {
			to = append(to, number(n.ns, s.ns))
		}
		if s.count != 0 {
			to = append(to, number(n.count, s.count))
		}
	}
	for p, s := range b.parts {
		if s != (sum{}) {
			put(partNames[f][p], s)
		}
	}
	if len(b.reasons) == 0 {
		return to
	}
	for _, s := range b.withWords() {
		if f != ofPath || s.raw == s.reason || s.detail == "cond" {
			put(s.names[f], s.sum)
		}
	}
	return to
}

// What a span knows of those who work for it and below it.
type work struct {
	budget
	known     bool // somebody did
	members   []int64
	residents []*goroutine
	below     []*span // open ones whose nearest open one above it is
	stopped   int64   // of the world, before its begin
}

// What is known of a goroutine for that.
type life struct {
	serial   int64
	state    trace.GoState
	part     part
	reason   *reason
	since    trace.Time
	resident *span // whom it works for
	assist   bool
	ghost    bool
	track    track
}

// The nearest one above that is open.
func (s *span) above() *span {
	for s = s.parent; s != nil && (!s.open || s.work == nil); s = s.parent {
	}
	return s
}

// Charge a goroutine's time until now to all that it works for.
func (m *mapper) settle(g *goroutine, now trace.Time) {
	ns := int64(now - g.since)
	g.since = now
	m.charge(g, ns, 0)
}

func (m *mapper) charge(g *goroutine, ns, count int64) {
	root := false
	for s := g.resident; s != nil; s = s.above() {
		s.work.add(g.part, g.reason, ns, count)
		root = s.parent == nil
	}
	if !root {
		m.outside.add(g.part, g.reason, ns, count)
	}
}

func (g *goroutine) settlePart() {
	switch g.state {
	case trace.GoRunnable:
		g.part = runnable
	case trace.GoWaiting:
		g.part = blocked
	case trace.GoSyscall:
		g.part = inSyscall
	default:
		g.part = running
		if g.assist {
			g.part = assisting
		}
	}
	if g.ghost {
		g.part = absent
	}
}

func (m *mapper) setState(g *goroutine, to trace.GoState, r *reason, now trace.Time) {
	m.settle(g, now)
	g.state, g.reason = to, r
	g.settlePart()
	m.charge(g, 0, 1)
}

func (m *mapper) assist(g *goroutine, on bool, now trace.Time) {
	m.settle(g, now)
	if on && !g.assist {
		was := g.part
		g.part = assisting
		m.charge(g, 0, 1)
		g.part = was
	}
	g.assist = on
	g.settlePart()
}

func remove[T comparable](list []T, x T) []T {
	i := slices.Index(list, x)
	if i < 0 {
		return list
	}
	last := len(list) - 1
	list[i] = list[last]
	return list[:last]
}

// From now on g, which is settled, works for s or for nobody.
func (m *mapper) workFor(g *goroutine, s *span) {
	if g.resident != nil {
		g.resident.work.residents = remove(g.resident.work.residents, g)
	}
	g.resident = s
	if s == nil {
		return
	}
	s.work.residents = append(s.work.residents, g)
	for ; s != nil; s = s.above() {
		s.work.known = true
		if !g.ghost && !slices.Contains(s.work.members, g.serial) {
			s.work.members = append(s.work.members, g.serial)
		}
	}
}

// Its open tasks and regions changed.
func (m *mapper) moved(g *goroutine, now trace.Time) {
	if s := g.works(); s != g.resident {
		m.settle(g, now)
		m.workFor(g, s)
	}
}

// Charge all that is done for s or below it until now.
func (m *mapper) settleBelow(s *span, now trace.Time) {
	for _, g := range s.work.residents {
		m.settle(g, now)
	}
	for _, child := range s.work.below {
		m.settleBelow(child, now)
	}
}

func (m *mapper) worldStopped(now trace.Time) int64 {
	ns := m.stopped
	for name, begun := range m.ranges {
		if isStop(name) {
			ns += int64(now - begun)
		}
	}
	return ns
}

// A task or region has begun.
func (m *mapper) beginWork(s *span, g trace.GoID, start trace.Time) {
	s.goroutine = g
	s.work = &work{stopped: m.worldStopped(start)}
	if a := s.above(); a != nil {
		a.work.below = append(a.work.below, s)
	}
}

// It ends: whoever works for it works for another one from now on.
func (m *mapper) endWork(s *span, at trace.Time) {
	m.settleBelow(s, at)
	a := s.above()
	if a != nil {
		a.work.below = append(remove(a.work.below, s), s.work.below...)
	}
	s.open = false
	residents := slices.Clone(s.work.residents)
	for _, g := range residents {
		next := g.works()
		if m.finishing {
			next = nil
		}
		m.workFor(g, next)
	}
	if !s.work.known {
		return
	}
	if s.work.parts[running].ns == 0 {
		s.Attributes = append(s.Attributes, number("flightspan.time.running_ns", 0))
	}
	s.Attributes = append(s.Attributes, number("flightspan.goroutines", int64(len(s.work.members))))
	s.Attributes = s.work.attributes(s.Attributes, ofTime)
	if ns := m.worldStopped(at) - s.work.stopped; ns != 0 {
		s.Attributes = append(s.Attributes, number("flightspan.time.stop_the_world_ns", ns))
	}
}

// A goroutine ended: tasks that it began may go on.
func (m *mapper) bury(g *goroutine, now trace.Time) {
	g.ghost, g.inherited, g.since = true, nil, now
	g.settlePart()
	if s := g.works(); s != nil {
		m.workFor(g, s)
	}
}
