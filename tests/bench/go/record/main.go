// Record writes a Go execution trace of itself under one of four loads, of about the size asked
// for: the input of the benchmarks.
//
//	http  a service with tasks, regions, logs, locks and a pool, and its clients
//	net   echo over TCP, with some work on files: network waits and system calls, few tasks
//	cpu   sorting and allocating in many goroutines, with a CPU profile: no task at all
//	ann   nested tasks, regions and logs as fast as they go: a storm of annotations
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/trace"
	"sync"
	"sync/atomic"
)

// A file that asks for the end once enough is written to it.
type limited struct {
	file    *os.File
	left    atomic.Int64
	enough  chan struct{}
	stopped sync.Once
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.file.Write(p)
	if err != nil || l.left.Add(-int64(n)) <= 0 {
		l.stopped.Do(func() { close(l.enough) })
	}
	return n, err
}

// Is the load to go on?
type running <-chan struct{}

func (r running) on() bool {
	select {
	case <-r:
		return false
	default:
		return true
	}
}

// Each runs n goroutines and waits for them.
func each(n int, work func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			work(i)
		}()
	}
	wg.Wait()
}

func record(path string, size int64, load func(running) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	out := &limited{file: f, enough: make(chan struct{})}
	out.left.Store(size)
	if err := trace.Start(out); err != nil {
		return err
	}
	err = load(running(out.enough))
	trace.Stop()
	if err != nil {
		return err
	}
	return f.Close()
}

func main() {
	loads := map[string]func(running) error{"http": loadHTTP, "net": loadNet, "cpu": loadCPU, "ann": loadAnn}
	mode := flag.String("mode", "http", "http, net, cpu or ann")
	size := flag.Int64("size", 10e6, "stop after about this many bytes of trace")
	out := flag.String("o", "out.trace", "the file to write")
	flag.Parse()
	if loads[*mode] == nil {
		fmt.Fprintln(os.Stderr, "record: no load named", *mode)
		os.Exit(2)
	}
	if err := record(*out, *size, loads[*mode]); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}
