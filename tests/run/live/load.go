package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

// written counts the bytes of /counted/trace, which is net/http/pprof's handler.
var written atomic.Int64

type counter struct{ http.ResponseWriter }

func (c counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	written.Add(int64(n))
	return n, err
}

func (c counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// request is what a service does: a task with regions, a log, a lock, a fan-out and a wait for it.
func request(mu *sync.Mutex) {
	ctx, task := trace.NewTask(context.Background(), "GET /orders")
	defer task.End()
	trace.WithRegion(ctx, "decode", func() { trace.Log(ctx, "user", "someone") })
	trace.WithRegion(ctx, "db.query", func() {
		var wg sync.WaitGroup
		for i := 0; i < 2; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				mu.Lock()
				defer mu.Unlock()
				trace.WithRegion(ctx, "db.row", func() {})
			}()
		}
		wg.Wait()
	})
}

// load serves so many requests that the trace has the given bytes a second: it looks every two
// seconds what has come, since a trace comes once a second.
func load(rate float64) {
	const step, maxPerStep = 10 * time.Millisecond, 2000.0
	var mu sync.Mutex
	perStep := 20.0
	looked, before := time.Now(), written.Load()
	for next := time.Now(); ; next = next.Add(step) {
		// On a busy machine what is late is left out, or it would come all at once.
		if late := time.Since(next); late > 10*step {
			next = time.Now()
		}
		time.Sleep(time.Until(next))
		for i := 0; i < int(perStep); i++ {
			request(&mu)
		}
		if seconds := time.Since(looked).Seconds(); seconds > 2 {
			got := float64(written.Load()-before) / seconds
			looked, before = time.Now(), written.Load()
			perStep = min(perStep*min(max(rate/max(got, 1), 0.7), 1.5), maxPerStep)
		}
	}
}

func serveLoad() {
	var once sync.Once
	http.HandleFunc("/counted/trace", func(w http.ResponseWriter, r *http.Request) { pprof.Trace(counter{w}, r) })
	http.HandleFunc("/written", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, written.Load()) })
	http.HandleFunc("/load", func(w http.ResponseWriter, r *http.Request) {
		var rate float64
		fmt.Sscan(r.FormValue("rate"), &rate)
		once.Do(func() { go load(rate) })
	})
}
