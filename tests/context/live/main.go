// Command live is a program with OpenTelemetry spans under a flight recorder. It
// writes overlapping snapshots of itself, and all spans that its SDK exported.
//
//	live DIR [PAUSE]    DIR/1.trace ... DIR/5.trace, DIR/spans.json and DIR/metrics.txt
//
// PAUSE, such as 50ms, is between requests: for small recordings.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"runtime/trace"
	"sync"
	"time"

	"otelflight"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// exported collects what an application's backend would get.
type exported struct {
	mu    sync.Mutex
	spans []span
}

type span struct {
	Name, TraceID, SpanID, Parent string
	Start, End                    int64 // Unix ns
}

func (e *exported) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range spans {
		e.spans = append(e.spans, span{
			s.Name(), s.SpanContext().TraceID().String(), s.SpanContext().SpanID().String(),
			s.Parent().SpanID().String(), s.StartTime().UnixNano(), s.EndTime().UnixNano(),
		})
	}
	return nil
}

func (e *exported) Shutdown(context.Context) error { return nil }

func main() {
	var pause time.Duration
	if len(os.Args) > 2 {
		pause, _ = time.ParseDuration(os.Args[2])
	}
	if err := run(os.Args[1], pause); err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

func run(dir string, pause time.Duration) error {
	runtime.GOMAXPROCS(2)
	fr := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 1500 * time.Millisecond, MaxBytes: 8 << 20})
	if err := fr.Start(); err != nil {
		return err
	}
	defer fr.Stop()
	truth := &exported{}
	provider := sdk.NewTracerProvider(sdk.WithSyncer(truth), sdk.WithSpanProcessor(otelflight.Processor{}))
	w := &work{tracer: provider.Tracer("live"), jobs: make(chan func())}

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { w.worker(ctx) })
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				w.request(ctx, i, n)
				time.Sleep(pause)
			}
		})
	}
	wg.Go(func() { w.long(ctx) })
	for i := 1; i <= 4; i++ {
		time.Sleep(700 * time.Millisecond)
		if err := snapshot(fr, filepath.Join(dir, fmt.Sprintf("%d.trace", i))); err != nil {
			return err
		}
	}
	stop()
	wg.Wait()
	if err := still(fr, dir); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "spans.json"))
	if err != nil {
		return err
	}
	if err := json.NewEncoder(f).Encode(truth.spans); err != nil {
		return err
	}
	return f.Close()
}

// still takes a snapshot in which no goroutine comes or goes, and writes down what the
// runtime itself says of them.
func still(fr *trace.FlightRecorder, dir string) error {
	time.Sleep(20 * time.Millisecond)
	if err := snapshot(fr, filepath.Join(dir, "5.trace")); err != nil {
		return err
	}
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	return os.WriteFile(filepath.Join(dir, "metrics.txt"), fmt.Appendf(nil,
		"go.goroutine.count %d\ngo.memory.gc.goal %d\ngo.processor.limit %d\n",
		runtime.NumGoroutine(), goal[0].Value.Uint64(), runtime.GOMAXPROCS(0)), 0o644)
}

func snapshot(fr *trace.FlightRecorder, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := fr.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

type work struct {
	tracer api.Tracer
	mu     sync.Mutex
	jobs   chan func()
}

// request has spans in spans, on other goroutines, of another trace, and one that
// outlives its parent; locks that others hold, and tasks of the program's own.
func (w *work) request(ctx context.Context, client, n int) {
	ctx, root := w.tracer.Start(ctx, fmt.Sprintf("request %d", client))
	defer root.End()
	w.locked(ctx, n)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			ctx, s := w.tracer.Start(ctx, "part")
			defer s.End()
			trace.WithRegion(ctx, "spin", spin)
			_, inner := w.tracer.Start(ctx, "inner")
			inner.End()
		})
	}
	wg.Wait()
	if n%3 == 0 {
		done := make(chan struct{})
		w.jobs <- func() {
			_, s := w.tracer.Start(ctx, "job of another trace", api.WithNewRoot())
			spin()
			s.End()
			close(done)
		}
		<-done
	}
	if n%5 == 0 {
		_, late := w.tracer.Start(ctx, "late")
		go func() {
			time.Sleep(3 * time.Millisecond)
			late.End()
		}()
	}
	if n%4 == 0 {
		plain, task := trace.NewTask(ctx, "plain task")
		_, s := w.tracer.Start(plain, "span of a plain task")
		time.Sleep(100 * time.Microsecond)
		s.End()
		task.End()
	}
}

func (w *work) locked(ctx context.Context, n int) {
	_, s := w.tracer.Start(ctx, "locked")
	defer s.End()
	w.mu.Lock()
	defer w.mu.Unlock()
	time.Sleep(time.Duration(200+n%7*400) * time.Microsecond)
}

// long holds the lock now and then, in spans that the snapshots cut.
func (w *work) long(ctx context.Context) {
	for ctx.Err() == nil {
		ctx, s := w.tracer.Start(ctx, "long")
		for range 20 {
			w.mu.Lock()
			time.Sleep(2 * time.Millisecond)
			w.mu.Unlock()
			trace.Log(ctx, "step", "done")
			time.Sleep(8 * time.Millisecond)
		}
		s.End()
	}
}

func (w *work) worker(ctx context.Context) {
	for {
		select {
		case job := <-w.jobs:
			job()
		case <-ctx.Done():
			// The requests in flight still want theirs.
			select {
			case job := <-w.jobs:
				job()
			case <-time.After(200 * time.Millisecond):
				return
			}
		}
	}
}

// spin is long enough to be descheduled now and then.
func spin() {
	for x, end := 1, time.Now().Add(150*time.Microsecond); time.Now().Before(end); {
		x *= 3
	}
}
