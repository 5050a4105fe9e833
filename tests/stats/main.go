// Reference computes the figures of `flightspan stats --json` from Go's own trace reader, by the
// definitions in mapping/stats.h: the same keys, every duration kept, percentiles exact.
// It prints one JSON object for the (uncompressed) trace it is given.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"golang.org/x/exp/trace"
)

type object = map[string]any

// One kind of interval, with every whole one.
type intervals struct {
	whole []uint64
	cut   uint64
	cutNs uint64
}

func (d *intervals) add(from, to trace.Time) { d.whole = append(d.whole, uint64(to-from)) }

func (d *intervals) addCut(from, to trace.Time) {
	d.cut++
	d.cutNs += uint64(to - from)
}

func (d *intervals) total() (sum uint64) {
	for _, ns := range d.whole {
		sum += ns
	}
	return sum
}

func (d *intervals) json() object {
	o := object{"count": len(d.whole), "total_ns": d.total(), "cut": d.cut, "cut_ns": d.cutNs}
	sorted := append([]uint64(nil), d.whole...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	at := func(perMille int) any {
		if len(sorted) == 0 {
			return nil
		}
		return sorted[max((len(sorted)*perMille+999)/1000-1, 0)]
	}
	o["min_ns"], o["max_ns"] = at(0), at(1000)
	o["p50_ns"], o["p90_ns"], o["p99_ns"] = at(500), at(900), at(990)
	return o
}

type table map[string]*intervals

func (t table) at(name string) *intervals {
	if t[name] == nil {
		t[name] = &intervals{}
	}
	return t[name]
}

func (t table) all() *intervals {
	sum := &intervals{}
	for _, d := range t {
		sum.whole = append(sum.whole, d.whole...)
		sum.cut += d.cut
		sum.cutNs += d.cutNs
	}
	return sum
}

func (t table) json(key string) []object {
	rows := []object{}
	for name, d := range t {
		o := d.json()
		o[key] = name
		rows = append(rows, o)
	}
	return rows
}

type span struct {
	name  string
	begin trace.Time
	cut   bool // begun before the trace
}

type stack struct {
	reason string
	frames []object
	intervals
}

type goroutine struct {
	state  trace.GoState
	since  trace.Time
	before bool // in this state since before the trace
	// What ending this state counts for; nil: nothing.
	counts  []*intervals
	regions []span
	open    map[string]span // ranges
	wokenAt int             // index of the event that made it runnable
}

type reference struct {
	n          int
	first, now trace.Time
	last       [3]trace.Event // the latest first
	kinds      map[string]int
	threads    map[trace.ThreadID]bool
	gs         map[trace.GoID]*goroutine
	seen       int
	states     map[trace.GoState]uint64
	gomaxprocs any
	begin      any

	blocks, tasks, regions, stw table
	blockedBefore               intervals
	stacks                      map[string]*stack
	syscalls, latency           intervals
	gcMark, assist, sweep       intervals
	openTasks                   map[trace.TaskID]span
	openGC                      *span
	openSweeps                  map[trace.ProcID]span
	switches, unmatchedTaskEnds int
}

// The event at hand is the third of a coroutine switch: one goroutine wakes another, stops and
// lets it run, in three events of one instant (the reader sets them 1 ns apart).
func (r *reference) isSwitch(g *goroutine) bool {
	run, stop, wake := r.last[0], r.last[1], r.last[2]
	if g.wokenAt != r.n-2 || stop.Kind() != trace.EventStateTransition ||
		run.Time() != wake.Time()+2 || wake.Stack() != trace.NoStack ||
		run.Thread() != wake.Thread() {
		return false
	}
	st := stop.StateTransition()
	if st.Resource.Kind != trace.ResourceGoroutine || st.Resource.Goroutine() != wake.Goroutine() {
		return false
	}
	from, to := st.Goroutine()
	return from == trace.GoRunning && (to == trace.GoNotExist || to == trace.GoWaiting && st.Reason == "")
}

func (r *reference) stackOf(reason string, s trace.Stack) *stack {
	frames := []object{}
	var key strings.Builder
	key.WriteString(reason)
	for f := range s.Frames() {
		frames = append(frames, object{"func": f.Func, "file": f.File, "line": f.Line})
		fmt.Fprintf(&key, "\n%q %q %d", f.Func, f.File, f.Line)
	}
	if r.stacks[key.String()] == nil {
		r.stacks[key.String()] = &stack{reason: reason, frames: frames}
	}
	return r.stacks[key.String()]
}

func (r *reference) leave(g *goroutine, to trace.GoState, end bool) {
	r.states[g.state] += uint64(r.now - g.since)
	var found *intervals // where a stay that began before the trace counts
	switch g.state {
	case trace.GoWaiting:
		found = &r.blockedBefore
	case trace.GoSyscall:
		found = &r.syscalls
	case trace.GoRunnable:
		found = &r.latency
	}
	if g.before && found != nil {
		found.addCut(g.since, r.now)
	}
	if g.state == trace.GoRunnable && to == trace.GoRunning && r.isSwitch(g) {
		r.switches++
		return
	}
	for _, d := range g.counts {
		if end {
			d.addCut(g.since, r.now)
		} else {
			d.add(g.since, r.now)
		}
	}
}

func (r *reference) enter(g *goroutine, from, to trace.GoState, st trace.StateTransition) {
	g.state, g.since, g.before, g.counts = to, r.now, false, nil
	switch {
	case to == trace.GoRunnable:
		g.wokenAt = r.n
		g.counts = []*intervals{&r.latency}
	case to == trace.GoSyscall && from == trace.GoRunning:
		g.counts = []*intervals{&r.syscalls}
	case to == trace.GoWaiting && from == trace.GoRunning:
		reason := st.Reason
		if reason == "" {
			reason = "coroutine switch"
		}
		g.counts = []*intervals{r.blocks.at(reason), &r.stackOf(reason, st.Stack).intervals}
	}
}

func (r *reference) abandon(g *goroutine) {
	for _, region := range g.regions {
		r.regions.at(region.name).addCut(region.begin, r.now)
	}
	for name, s := range g.open {
		r.rangesOf(name).addCut(s.begin, r.now)
	}
}

func (r *reference) transition(ev trace.Event) {
	st := ev.StateTransition()
	if st.Resource.Kind != trace.ResourceGoroutine {
		return
	}
	id := st.Resource.Goroutine()
	from, to := st.Goroutine()
	g := r.gs[id]
	if g == nil {
		r.seen++
		g = &goroutine{state: from, since: r.now, open: map[string]span{}, wokenAt: -9}
		if from == trace.GoUndetermined {
			g.state, g.since, g.before = to, r.first, true
		}
		r.gs[id] = g
	}
	if g.state == to {
		return
	}
	r.leave(g, to, false)
	if to == trace.GoNotExist {
		r.abandon(g)
		delete(r.gs, id)
		return
	}
	r.enter(g, from, to, st)
}

const stwPrefix = "stop-the-world ("

func (r *reference) rangesOf(name string) *intervals {
	if kind, ok := strings.CutPrefix(name, stwPrefix); ok {
		return r.stw.at(strings.TrimSuffix(kind, ")"))
	}
	switch name {
	case "GC mark assist":
		return &r.assist
	case "GC incremental sweep":
		return &r.sweep
	case "GC concurrent mark phase":
		return &r.gcMark
	}
	panic("unknown range " + name)
}

func (r *reference) ranges(ev trace.Event) {
	rng := ev.Range()
	into := r.rangesOf(rng.Name)
	get := func() (span, bool) {
		switch rng.Scope.Kind {
		case trace.ResourceGoroutine:
			s, ok := r.gs[rng.Scope.Goroutine()].open[rng.Name]
			return s, ok
		case trace.ResourceProc:
			s, ok := r.openSweeps[rng.Scope.Proc()]
			return s, ok
		}
		if r.openGC == nil {
			return span{}, false
		}
		return *r.openGC, true
	}
	set := func(s *span) {
		switch rng.Scope.Kind {
		case trace.ResourceGoroutine:
			delete(r.gs[rng.Scope.Goroutine()].open, rng.Name)
			if s != nil {
				r.gs[rng.Scope.Goroutine()].open[rng.Name] = *s
			}
		case trace.ResourceProc:
			delete(r.openSweeps, rng.Scope.Proc())
			if s != nil {
				r.openSweeps[rng.Scope.Proc()] = *s
			}
		default:
			r.openGC = s
		}
	}
	switch ev.Kind() {
	case trace.EventRangeBegin:
		set(&span{begin: r.now})
	case trace.EventRangeActive:
		if _, known := get(); !known {
			set(&span{begin: r.first, cut: true})
		}
	case trace.EventRangeEnd:
		if s, _ := get(); s.cut {
			into.addCut(s.begin, r.now)
		} else {
			into.add(s.begin, r.now)
		}
		set(nil)
	}
}

func (r *reference) feed(ev trace.Event) {
	r.n++
	r.now = ev.Time()
	if r.n == 1 {
		r.first = r.now
	}
	r.last = [3]trace.Event{ev, r.last[0], r.last[1]}
	r.kinds[ev.Kind().String()]++
	if ev.Thread() != trace.NoThread && ev.Kind() != trace.EventStackSample {
		r.threads[ev.Thread()] = true
	}
	switch ev.Kind() {
	case trace.EventSync:
		if c := ev.Sync().ClockSnapshot; c != nil && r.begin == nil {
			r.begin = fmt.Sprint(c.Wall.UnixNano() - int64(c.Trace-r.first))
		}
	case trace.EventMetric:
		if m := ev.Metric(); m.Name == "/sched/gomaxprocs:threads" {
			r.gomaxprocs = m.Value.Uint64()
		}
	case trace.EventStateTransition:
		r.transition(ev)
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		r.ranges(ev)
	case trace.EventTaskBegin:
		r.openTasks[ev.Task().ID] = span{name: ev.Task().Type, begin: r.now}
		r.tasks.at(ev.Task().Type)
	case trace.EventTaskEnd:
		if t, ok := r.openTasks[ev.Task().ID]; ok {
			r.tasks.at(t.name).add(t.begin, r.now)
			delete(r.openTasks, ev.Task().ID)
		} else {
			r.unmatchedTaskEnds++
		}
	case trace.EventRegionBegin:
		g := r.gs[ev.Goroutine()]
		g.regions = append(g.regions, span{name: ev.Region().Type, begin: r.now})
		r.regions.at(ev.Region().Type)
	case trace.EventRegionEnd:
		g := r.gs[ev.Goroutine()]
		if n := len(g.regions); n > 0 {
			r.regions.at(g.regions[n-1].name).add(g.regions[n-1].begin, r.now)
			g.regions = g.regions[:n-1]
		} else {
			r.regions.at(ev.Region().Type).addCut(r.first, r.now)
		}
	}
}

func (r *reference) finish() {
	for _, g := range r.gs {
		r.leave(g, trace.GoUndetermined, true)
		r.abandon(g)
	}
	for _, t := range r.openTasks {
		r.tasks.at(t.name).addCut(t.begin, r.now)
	}
	for _, s := range r.openSweeps {
		r.sweep.addCut(s.begin, r.now)
	}
	if r.openGC != nil {
		r.gcMark.addCut(r.openGC.begin, r.now)
	}
}

func (r *reference) json() object {
	blocks := r.blocks.all().json()
	network := r.blocks["network"]
	if network == nil {
		network = &intervals{}
	}
	share := func(part, whole uint64) any {
		if whole == 0 {
			return nil
		}
		return float64(part) / float64(whole)
	}
	blocks["network"] = network.json()
	blocks["network"].(object)["share_of_count"] =
		share(uint64(len(network.whole)), uint64(len(r.blocks.all().whole)))
	blocks["network"].(object)["share_of_time"] = share(network.total(), r.blocks.all().total())
	blocks["by_reason"] = r.blocks.json("reason")
	blocks["began_before"] = r.blockedBefore.cut
	blocks["began_before_ns"] = r.blockedBefore.cutNs
	stw := r.stw.all().json()
	stw["by_kind"] = r.stw.json("kind")
	stacks := []object{}
	for _, s := range r.stacks {
		o := s.intervals.json()
		o["reason"], o["frames"] = s.reason, s.frames
		stacks = append(stacks, o)
	}
	return object{
		"events":        object{"total": r.n, "by_kind": r.kinds},
		"duration_ns":   r.now - r.first,
		"begin_unix_ns": r.begin,
		"generations":   r.kinds["Sync"] - 1,
		"threads":       len(r.threads),
		"gomaxprocs":    r.gomaxprocs,
		"goroutines": object{
			"seen": r.seen, "alive_at_end": len(r.gs),
			"running_ns": r.states[trace.GoRunning], "runnable_ns": r.states[trace.GoRunnable],
			"waiting_ns": r.states[trace.GoWaiting], "syscall_ns": r.states[trace.GoSyscall],
			"coroutine_switches": r.switches,
		},
		"blocks":             blocks,
		"blocking_stacks":    stacks,
		"syscalls":           r.syscalls.json(),
		"scheduling_latency": r.latency.json(),
		"tasks": object{"by_type": r.tasks.json("type"),
			"ends_without_begin": r.unmatchedTaskEnds},
		"regions": object{"by_type": r.regions.json("type")},
		"gc": object{"cycles": uint64(len(r.gcMark.whole)) + r.gcMark.cut, "mark": r.gcMark.json(),
			"mark_assist": r.assist.json(), "sweep": r.sweep.json()},
		"stop_the_world": stw,
	}
}

func run(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	reader, err := trace.NewReader(bufio.NewReader(f))
	if err != nil {
		return err
	}
	r := &reference{
		kinds: map[string]int{}, threads: map[trace.ThreadID]bool{},
		gs: map[trace.GoID]*goroutine{}, states: map[trace.GoState]uint64{},
		blocks: table{}, tasks: table{}, regions: table{}, stw: table{},
		stacks: map[string]*stack{}, openTasks: map[trace.TaskID]span{},
		openSweeps: map[trace.ProcID]span{},
	}
	for {
		ev, err := reader.ReadEvent()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		r.feed(ev)
	}
	r.finish()
	return json.NewEncoder(os.Stdout).Encode(r.json())
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reference TRACE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
