// live is a program with net/http/pprof that does on request what triggers look for.
//
// It prints "port N" and ends when its standard input does. /do?what=KIND does it once;
// /metrics is a page for Prometheus with the value of /set?v=N.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

var value atomic.Int64
var kept [][]byte

func do(what string) {
	ctx, task := trace.NewTask(context.Background(), "request "+what)
	defer task.End()
	switch what {
	case "task":
		time.Sleep(150 * time.Millisecond)
	case "region":
		trace.WithRegion(ctx, "db.query", func() { time.Sleep(150 * time.Millisecond) })
	case "block":
		var mu sync.Mutex
		mu.Lock()
		time.AfterFunc(150*time.Millisecond, mu.Unlock)
		mu.Lock()
	case "log":
		trace.Log(ctx, "error", "a timeout happened")
	case "heap":
		for i := 0; i < 64; i++ {
			kept = append(kept, make([]byte, 1<<20))
		}
	case "goroutines":
		var wg sync.WaitGroup
		for i := 0; i < 600; i++ {
			wg.Add(1)
			go func() { time.Sleep(100 * time.Millisecond); wg.Done() }()
		}
		wg.Wait()
	}
}

func main() {
	http.HandleFunc("/do", func(w http.ResponseWriter, r *http.Request) { do(r.FormValue("what")) })
	http.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		var v int64
		fmt.Sscan(r.FormValue("v"), &v)
		value.Store(v)
	})
	http.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "# TYPE queue_depth gauge\nqueue_depth{shard=\"a}\"} %d\nqueue_depth_other 1e9\n", value.Load())
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
