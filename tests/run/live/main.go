// live is a program with net/http/pprof that does on request what triggers look for.
//
// It prints "port N" and ends when its standard input does; an argument is the address to
// listen on. /do?what=KIND does it once, in a task "request KIND"; what is no kind is only that
// task. /load?rate=N has it serve requests that make N bytes of trace a second. /metrics is a page
// for Prometheus with the value of /set?v=N, /reads how often it was read.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

var value, reads atomic.Int64
var kept [][]byte

// park starts n goroutines that wait until the result is called.
func park(n int) func() {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() { <-gate; wg.Done() }()
	}
	return func() { close(gate); wg.Wait() }
}

// near does what comes close to what the triggers of check_triggers.py name, and is not it.
func near(ctx context.Context) {
	_, other := trace.NewTask(ctx, "request task2")
	time.Sleep(1200 * time.Millisecond)
	other.End()
	_, short := trace.NewTask(ctx, "request task")
	short.End()
	trace.WithRegion(ctx, "cache.query", func() { time.Sleep(1200 * time.Millisecond) })
	trace.WithRegion(ctx, "db.query", func() {})
	c := make(chan int)
	time.AfterFunc(1200*time.Millisecond, func() { close(c) })
	<-c
	var mu sync.Mutex
	mu.Lock()
	go mu.Unlock()
	mu.Lock()
	trace.Log(ctx, "info", "a timeout happened")
	trace.Log(ctx, "error", "all went well")
	park(300)()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
}

// stop has the world stopped for as long as writing many deep stacks takes.
func stop() {
	var deep func(n int, gate chan struct{})
	deep = func(n int, gate chan struct{}) {
		if n > 0 {
			deep(n-1, gate)
		}
		<-gate
	}
	gate := make(chan struct{})
	for i := 0; i < 10000; i++ {
		go deep(90, gate)
	}
	time.Sleep(10 * time.Millisecond)
	runtime.Stack(make([]byte, 1<<20), true)
	close(gate)
}

// starve has 60 goroutines take turns on one processor, 10 ms each.
func starve() {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var wg sync.WaitGroup
	end := time.Now().Add(1500 * time.Millisecond)
	for i := 0; i < 60; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Now().Before(end) {
			}
		}()
	}
	wg.Wait()
}

// noise logs 3 MiB that no compression makes small.
func noise(ctx context.Context) {
	random := make([]byte, 512)
	for i := 0; i < 6000; i++ {
		rand.Read(random)
		trace.Log(ctx, "noise", hex.EncodeToString(random))
	}
}

func do(what string) {
	ctx, task := trace.NewTask(context.Background(), "request "+what)
	defer task.End()
	switch what {
	case "task":
		time.Sleep(1200 * time.Millisecond)
	case "region":
		trace.WithRegion(ctx, "db.query", func() { time.Sleep(1200 * time.Millisecond) })
	case "block":
		var mu sync.Mutex
		mu.Lock()
		time.AfterFunc(1200*time.Millisecond, mu.Unlock)
		mu.Lock()
	case "log":
		trace.Log(ctx, "error", "a timeout happened")
	case "heap":
		for i := 0; i < 64; i++ {
			kept = append(kept, make([]byte, 1<<20))
		}
	case "goroutines":
		park(600)()
	case "near":
		near(ctx)
	case "stop":
		stop()
	case "runnable":
		starve()
	case "noise":
		noise(ctx)
	case "mark":
		trace.Log(ctx, "mark", "")
	}
}

func main() {
	serveLoad()
	http.HandleFunc("/do", func(w http.ResponseWriter, r *http.Request) { do(r.FormValue("what")) })
	http.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		var v int64
		fmt.Sscan(r.FormValue("v"), &v)
		value.Store(v)
	})
	http.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		reads.Add(1)
		fmt.Fprintf(w, "# TYPE queue_depth gauge\nqueue_depth{shard=\"a}\"} %d\nqueue_depth_other 1e9\n", value.Load())
	})
	http.HandleFunc("/reads", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, reads.Load()) })
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Printf("port %d\n", l.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(l, nil))
}
