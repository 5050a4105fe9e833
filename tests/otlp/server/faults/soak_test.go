package faults

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"otlpserver/scripted"
)

var (
	soak     = flag.Duration("soak", 30*time.Second, "how long")
	bigtrace = flag.String("bigtrace", "", "tests/e2e/bigtrace, which records snapshots")
)

// What a receiver does for a while.
var moods = []step{{}, {}, {}, busy, {Reset: true}, {Close: true, Stored: true}, {Hang: true},
	{Status: 429, GRPC: 14, RetryAfter: "1"}, {DelayMS: 300}, {Last: true}}

// flap changes the receiver's mood until done.
func flap(s *scripted.Server, random *rand.Rand, done chan bool) {
	for i := 1; ; i++ {
		pause := time.Duration(random.Int64N(int64(2 * time.Second)))
		mood := moods[random.IntN(len(moods))]
		if i%40 == 0 {
			mood, pause = step{Status: 503, GRPC: 14}, 12*time.Second // an outage
		}
		s.SetDefault(mood)
		select {
		case <-done:
			return
		case <-time.After(pause):
		}
	}
}

// rss of a process in KiB.
func rss(pid int) (size, shared int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var total int
	fmt.Sscan(string(text), &total, &size, &shared)
	return size * os.Getpagesize() / 1024, shared * os.Getpagesize() / 1024
}

// feed records a snapshot of few tasks and many spans (each task is remembered for a day, so as
// not to be sent again, and memory for that is meant to grow), adds what must come of it to the sets, and gives it to the program.
func (q *trio) feed(fifo string) {
	// The name is told in the spans, so it has to be the same.
	name := filepath.Join(q.dir, "recorded", filepath.Base(fifo))
	defer os.Remove(name)
	if out, err := exec.Command(*bigtrace, name, "4", "100").CombinedOutput(); err != nil {
		q.Fatalf("bigtrace: %v: %s", err, out)
	}
	for _, w := range q.of {
		w.trace = name
		format := "otlp-proto"
		if w.protocol == httpJSON {
			format = "otlp-json"
		}
		set, _ := w.convertToFile(format)
		for s := range set {
			if w.expected[s] {
				q.Fatalf("span %v twice", s)
			}
			w.expected[s] = true
		}
	}
	in, err := os.Open(name)
	if err != nil {
		q.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		q.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		q.Fatal(err)
	}
}

// One process under load, with receivers that come and go: everything arrives, and memory does
// not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	q := newTrio(t)
	os.Mkdir(filepath.Join(q.dir, "recorded"), 0o700)
	const every = 400 * time.Millisecond
	n := int(*soak / every)
	for i := range n {
		fifo := filepath.Join(q.dir, fmt.Sprintf("%05d", i))
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		q.traces = append(q.traces, fifo)
	}
	q.serve()
	done := make(chan bool)
	for i, w := range q.of {
		w.timeout = "2s"
		go flap(w.server, rand.New(rand.NewPCG(*seed, uint64(i))), done)
	}
	q.of[0].limit = *soak + 5*time.Minute
	cmd, out := q.start(append([]string{"convert", "-q", "-c", q.config(), "--retry-for", "9999h"}, q.traces...)...)
	var sizes []int
	began := time.Now()
	for i, fifo := range q.traces {
		q.feed(fifo)
		size, shared := rss(cmd.Process.Pid)
		sizes = append(sizes, size-shared)
		time.Sleep(time.Until(began.Add(time.Duration(i+1) * every)))
	}
	for range q.of {
		done <- true
	}
	q.each((*scripted.Server).TakeAll)
	size, _ := rss(cmd.Process.Pid)
	q.ends(cmd, out, 0)
	q.arrived()
	third := n / 3
	middle, last := mean(sizes[third:2*third]), mean(sizes[2*third:])
	requests := 0
	for _, w := range q.of {
		requests += w.requests()
	}
	t.Logf("seed %d: %v, %d snapshots, 3 x %d spans, %d requests, memory %d KiB in the second third, %d in the last, %d at the end",
		*seed, time.Since(began).Round(time.Second), n, q.spans(), requests, middle, last, size)
	if last > middle+middle/10+2048 && !sanitized() {
		t.Errorf("memory grows: %d KiB, then %d: %v", middle, last, sizes)
	}
}

// mean of the numbers.
func mean(v []int) int {
	sum := 0
	for _, x := range v {
		sum += x
	}
	return sum / max(len(v), 1)
}
