// Command programs records small execution traces, each with a known set of
// features, for tests that read traces.
//
//	programs -list               the programs this toolchain can build
//	programs -run NAME -o FILE   record one
//
// Each program is a function that runs for well under a second (a few take
// some seconds) on few goroutines. What one does is said where it is added.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sort"
	"time"
)

// A program either runs inside a recording, or records by itself.
type program struct {
	about  string
	run    func()
	record func(w io.Writer) error
}

var programs = map[string]program{}

// add registers a program; files of newer Go versions do so from init.
func add(name, about string, run func()) { programs[name] = program{about: about, run: run} }

func addRecording(name, about string, record func(w io.Writer) error) {
	programs[name] = program{about: about, record: record}
}

func main() {
	list := flag.Bool("list", false, "list the programs")
	name := flag.String("run", "", "record this `program`")
	out := flag.String("o", "", "write the trace to this `file`")
	flag.Parse()

	if *list {
		printList()
		return
	}
	if err := record(*name, *out); err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
		os.Exit(1)
	}
}

func printList() {
	var names []string
	for name := range programs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("%s\t%s\n", name, programs[name].about)
	}
}

func record(name, out string) error {
	p, ok := programs[name]
	if !ok {
		return fmt.Errorf("no program %q with %s", name, runtime.Version())
	}
	if out == "" {
		return errors.New("-o is missing")
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(-1) // collections only where a program asks for them
	if p.record == nil {
		p.record = func(w io.Writer) error { return traced(w, p.run) }
	}
	if err := p.record(f); err != nil {
		return err
	}
	return f.Close()
}

func traced(w io.Writer, run func()) error {
	if err := trace.Start(w); err != nil {
		return err
	}
	run()
	trace.Stop()
	return nil
}

// pause is long enough for every other goroutine to get to where it blocks.
func pause() { time.Sleep(3 * time.Millisecond) }

// task runs f in a task of its own without a parent.
func task(name string, f func(ctx context.Context)) {
	ctx, t := trace.NewTask(context.Background(), name)
	defer t.End()
	f(ctx)
}

// start runs f on another goroutine; wait for it by receiving.
func start(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}
