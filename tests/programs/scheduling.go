package main

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

func init() {
	add("fanout", "goroutines started under a task, grandchildren, and some that outlive the task", fanout)
	add("gc", "forced collections, mark assists, stop-the-world of several kinds, a GOMAXPROCS change", gc)
	add("preempt", "Gosched, preemption of a busy loop, waiting for a P with GOMAXPROCS=1", preempt)
	addRecording("cpuprofile", "CPU samples in the trace", cpuProfile)
	add("generations", "tasks, regions, blocks and a system call over several generations (wants GODEBUG=traceadvanceperiod)", generations)
	add("allocfree", "some allocations (wants GODEBUG=traceallocfree=1, go1.23)", allocFree)
}

func fanout() {
	task("request", func(ctx context.Context) {
		var wg sync.WaitGroup
		for i := 0; i < 3; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				pause() // works for the task without a word about it
				if i == 1 {
					<-start(pause)
				}
				if i == 2 {
					trace.WithRegion(ctx, "part", pause)
				}
			}()
		}
		wg.Wait()
	})

	outlived := make(chan (<-chan struct{}), 1)
	task("request that ends before its goroutine", func(context.Context) {
		outlived <- start(func() {
			time.Sleep(6 * time.Millisecond)
			task("later task of the same goroutine", func(context.Context) { pause() })
		})
		pause()
	})
	<-<-outlived

	// Two requests, one worker that takes over the task of each job.
	jobs := make(chan func())
	worker := start(func() {
		for job := range jobs {
			job()
		}
	})
	for i := 0; i < 2; i++ {
		task("request with a worker", func(ctx context.Context) {
			done := make(chan struct{})
			jobs <- func() { trace.WithRegion(ctx, "job", pause); close(done) }
			<-done
		})
	}
	close(jobs)
	<-worker
}

var sink atomic.Pointer[[]byte]

func allocate(n, size int) {
	for i := 0; i < n; i++ {
		b := make([]byte, size)
		sink.Store(&b)
	}
}

func gc() {
	task("forced collection", func(ctx context.Context) { trace.WithRegion(ctx, "runtime.GC", runtime.GC) })
	task("stop the world", func(ctx context.Context) {
		var stats runtime.MemStats
		trace.WithRegion(ctx, "ReadMemStats", func() { runtime.ReadMemStats(&stats) })
		trace.WithRegion(ctx, "GOMAXPROCS 3", func() { runtime.GOMAXPROCS(3) })
		pause()
		trace.WithRegion(ctx, "GOMAXPROCS 2", func() { runtime.GOMAXPROCS(2) })
		trace.WithRegion(ctx, "goroutine profile", func() { pprof.Lookup("goroutine").WriteTo(io.Discard, 0) })
		trace.WithRegion(ctx, "all stacks", func() { runtime.Stack(make([]byte, 4096), true) })
	})
	task("allocation", func(ctx context.Context) {
		defer debug.SetGCPercent(debug.SetGCPercent(50))
		live := make([]*[4096]*int, 64) // pointers to scan, so that there is something to assist with
		for i := range live {
			live[i] = new([4096]*int)
		}
		allocate(128, 16<<10)
		runtime.KeepAlive(live)
	})
}

// spin keeps a P busy.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

func preempt() {
	task("yields", func(context.Context) {
		for i := 0; i < 3; i++ {
			runtime.Gosched()
		}
	})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	wake := make(chan struct{}, 1)
	starved := start(func() { task("starved", func(context.Context) { <-wake; spin(5 * time.Millisecond) }) })
	pause()
	task("busy", func(context.Context) {
		wake <- struct{}{} // runnable now, but the only P is taken
		spin(40 * time.Millisecond)
	})
	<-starved

	locked := start(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		task("locked to a thread", func(context.Context) { pause(); runtime.Gosched() })
	})
	<-locked
}

func cpuProfile(w io.Writer) error {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return traced(w, func() {
		other := start(func() { task("busy too", func(context.Context) { spin(150 * time.Millisecond) }) })
		task("busy", func(ctx context.Context) {
			trace.WithRegion(ctx, "spin", func() { spin(150 * time.Millisecond) })
		})
		<-other
	})
}

// generations runs for about 250 ms; with a generation every 60 ms each of its
// pieces is open across at least one edge.
func generations() {
	var mu sync.Mutex
	mu.Lock()
	task("long", func(ctx context.Context) {
		defer trace.StartRegion(ctx, "long region").End()
		blocked := start(func() {
			task("blocked over the edges", func(ctx context.Context) { trace.WithRegion(ctx, "lock", mu.Lock) })
		})
		asleep := start(func() { time.Sleep(200 * time.Millisecond) })
		for i := 0; i < 8; i++ {
			trace.Logf(ctx, "step", "%d", i)
			task("short", func(ctx context.Context) { trace.WithRegion(ctx, "short region", pause) })
			time.Sleep(22 * time.Millisecond)
		}
		spin(70 * time.Millisecond)
		mu.Unlock()
		<-blocked
		<-asleep
	})
	open, _ := trace.NewTask(context.Background(), "open at the end")
	trace.StartRegion(open, "open at the end")
}

func allocFree() {
	task("allocation", func(ctx context.Context) {
		trace.WithRegion(ctx, "allocate", func() { allocate(16, 1<<10) })
		runtime.GC()
		<-start(func() { allocate(4, 64<<10) })
	})
}
