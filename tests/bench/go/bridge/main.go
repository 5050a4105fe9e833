// Bridge is the straightforward way from a Go execution trace to OTLP: Go's own reader, the
// official protobuf classes, one pass. What `flightspan convert --format otlp-proto` is measured
// beside, and for the same spans and events (see same): tasks, regions, logs, waits, garbage
// collection and stop-the-world, by the rules of docs/mapping.md. With -explain it does the same
// work: where the time of each span went, critical paths, who held a wait and what he did. It
// leaves out what costs flightspan more: limits, stable ids, what overlapping captures need.
//
// The output is that of flightspan: messages, each after its length in four bytes.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/exp/trace"
)

func convert(in, out string, explain bool) error {
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	o, err := os.Create(out)
	if err != nil {
		return err
	}
	defer o.Close()
	w := bufio.NewWriterSize(o, 1<<20)
	m := newMapper(&batcher{out: w}, explain)
	r, err := trace.NewReader(bufio.NewReaderSize(f, 1<<16))
	for err == nil {
		var ev trace.Event
		if ev, err = r.ReadEvent(); err == nil {
			err = m.feed(ev)
		}
	}
	if err != io.EOF {
		return err
	}
	if err := m.finish(); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return o.Close()
}

const longestText = 2048

func appendFrame(b []byte, f trace.StackFrame) []byte {
	b = append(b, f.Func...)
	b = append(b, "\n\t"...)
	b = append(b, f.File...)
	b = append(b, ':')
	b = strconv.AppendUint(b, f.Line, 10)
	return append(b, '\n')
}

// Frames leaf first: the function's name, then where.
func stackText(s trace.Stack) string {
	var b []byte
	for f := range s.Frames() {
		if len(b) > longestText {
			break
		}
		b = appendFrame(b, f)
	}
	return string(b[:min(len(b), longestText)])
}

func main() {
	out := flag.String("o", "spans.bin", "the file to write")
	explain := flag.Bool("explain", false, "say where the time went: budgets, critical paths, wakers")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: bridge [-explain] [-o OUT] TRACE")
		os.Exit(2)
	}
	if err := convert(flag.Arg(0), *out, *explain); err != nil {
		fmt.Fprintln(os.Stderr, "bridge:", err)
		os.Exit(1)
	}
}
