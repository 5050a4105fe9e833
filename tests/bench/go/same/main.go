// Same tells whether two OTLP files of one trace hold the same, the second being bridge's: tasks,
// regions and the runtime's ranges by name, start and end, logs by name and time, waits (spans
// and events) by their times. Names of waits are not compared: flightspan may know a better one
// than the runtime's.
//
// Where spans have more events than they may, the two keep different ones: -without-wait-events.
// With -explained, bridge's were made with -explain, and the attributes of tasks, regions and waits
// that are spans are compared too, but for ids and for what tells of edges and limits.
//
// Usage: same [-without-wait-events] [-explained] A B. Prints what only one of them has; exit status 1 if they are not the same.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const shown = 10

type item struct {
	kind, name string
	start, end uint64
	attributes string // of those that are compared
}

var explained = flag.Bool("explained", false, "compare attributes")

// What the two cannot have in common.
var apart = map[string]bool{"flightspan.waker.span_id": true, "flightspan.waker.trace_id": true,
	"flightspan.truncated": true, "flightspan.clock": true, "flightspan.parent_task.id": true,
	"flightspan.dropped_events": true, "flightspan.dropped_spans": true, "flightspan.cut_attributes": true}

func attributesOf(s *tracepb.Span, kind string) string {
	if !*explained || kind != "task" && kind != "region" && kind != "wait" {
		return ""
	}
	var list []string
	for _, a := range s.Attributes {
		if !apart[a.Key] {
			list = append(list, a.Key+"="+a.Value.String())
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// The kinds that bridge makes; flightspan may make others on top.
var known = map[string]bool{"task": true, "region": true, "wait": true, "runtime": true, "capture": true,
	"log": true, "wait event": true}

// How many more of each the first file has.
type bag map[item]int

func attribute(list []*commonpb.KeyValue, key string) (string, bool) {
	for _, a := range list {
		if a.Key == key {
			return a.Value.GetStringValue(), true
		}
	}
	return "", false
}

// Add counts spans and events by what identifies them.
func (b bag) add(d *tracepb.TracesData, by int) {
	for _, rs := range d.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				b.addSpan(s, by)
			}
		}
	}
}

func (b bag) addSpan(s *tracepb.Span, by int) {
	kind, _ := attribute(s.Attributes, "flightspan.kind")
	name := s.Name
	if kind == "wait" && !*explained {
		name = ""
	}
	b[item{kind, name, s.StartTimeUnixNano, s.EndTimeUnixNano, attributesOf(s, kind)}] += by
	for _, e := range s.Events {
		if _, isLog := attribute(e.Attributes, "message"); isLog {
			b[item{"log", e.Name, e.TimeUnixNano, e.TimeUnixNano, ""}] += by
		} else {
			b[item{"wait event", "", e.TimeUnixNano, e.TimeUnixNano, ""}] += by
		}
	}
}

func (b bag) addFile(path string, by int) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(in, body); err != nil {
			return n, err
		}
		var d tracepb.TracesData
		if err := proto.Unmarshal(body, &d); err != nil {
			return n, err
		}
		b.add(&d, by)
		n++
	}
}

// Compare prints the differences and tells whether they are too many.
func (b bag) compare(ignoreEvents bool) bool {
	waits, differences, unknown := 0, 0, 0
	for what, count := range b {
		if !known[what.kind] {
			unknown += count
			continue
		}
		if what.kind == "wait" || what.kind == "wait event" {
			waits++
		}
		if count == 0 || ignoreEvents && what.kind == "wait event" {
			continue
		}
		if differences++; differences <= shown {
			fmt.Printf("%+d: %s %q from %d to %d %s\n", count, what.kind, what.name, what.start, what.end,
				what.attributes)
		}
	}
	fmt.Printf("%d spans and events, %d of them waits, %d differ; %d spans of kinds that bridge does not make\n",
		len(b), waits, differences, unknown)
	return differences == 0
}

func main() {
	ignoreEvents := flag.Bool("without-wait-events", false, "do not compare events of waits")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: same [-without-wait-events] [-explained] A B")
		os.Exit(2)
	}
	b := bag{}
	for i, by := range []int{1, -1} {
		if n, err := b.addFile(flag.Arg(i), by); err != nil || n == 0 {
			fmt.Fprintf(os.Stderr, "same: %s: %d messages, %v\n", flag.Arg(i), n, err)
			os.Exit(1)
		}
	}
	if !b.compare(*ignoreEvents) {
		os.Exit(1)
	}
}
