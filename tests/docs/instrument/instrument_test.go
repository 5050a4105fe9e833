// The variants of docs/instrumentation.md at work: each one's trace goes through flightspan.
package instrument

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"orders/annotate"
	"orders/folder"
	"orders/otel"
	"orders/pull"
	"orders/push"
	"orders/stream"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// convert is what flightspan makes of a trace, as JSON; it must name the span.
func convert(t *testing.T, path, span string) string {
	t.Helper()
	out, err := exec.Command(os.Getenv("FLIGHTSPAN"), "convert", "-q", path).Output()
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	if !strings.Contains(string(out), `"name":"`+span+`"`) {
		t.Fatalf("no span %q", span)
	}
	return string(out)
}

func record(t *testing.T) *trace.FlightRecorder {
	t.Helper()
	flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	if err := flight.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(flight.Stop)
	_, task := trace.NewTask(context.Background(), "GET /tea")
	task.End()
	return flight
}

// download is the body of an answer with status 200, as a file.
func download(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	path := filepath.Join(t.TempDir(), "downloaded")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadFrom(r.Body); err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(err, r.Status)
	}
	return path
}

func wait(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !there(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	rec, err := folder.New(dir, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Stop()
	// How long a request takes is the input here, not a wait for something else.
	slow := rec.Wrap("POST /slow", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(40 * time.Millisecond) }))
	fast := rec.Wrap("GET /fast", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	request := func(h http.Handler) { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) }
	request(fast)
	request(slow)
	request(slow) // within the ten seconds
	var found []string
	wait(t, "a snapshot", func() bool {
		found, _ = filepath.Glob(filepath.Join(dir, "snapshot-*.trace"))
		return len(found) > 0
	})
	if len(found) != 1 {
		t.Fatalf("%d snapshots", len(found))
	}
	convert(t, found[0], "POST /slow")
}

func TestPull(t *testing.T) {
	server := httptest.NewServer(pull.Snapshot(record(t)))
	defer server.Close()
	convert(t, download(t, server.URL), "GET /tea")
}

func TestPush(t *testing.T) {
	url := os.Getenv("PUSH_URL")
	parent := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if err := push.Push(t.Context(), record(t), url, "slow: GET /tea", parent); err != nil {
		t.Fatal(err)
	}
	if push.Push(t.Context(), trace.NewFlightRecorder(trace.FlightRecorderConfig{}), url, "", "") == nil {
		t.Fatal("a recorder that does not run gave a snapshot")
	}
}

func TestStream(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	go stream.Debug(address)
	wait(t, "the address", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				_, task := trace.NewTask(context.Background(), "GET /tea")
				task.End()
			}
		}
	}()
	convert(t, download(t, "http://"+address+"/debug/pprof/trace?seconds=1"), "GET /tea")
}

func TestOpenTelemetry(t *testing.T) {
	flight := record(t)
	provider := otel.Provider(tracetest.NewInMemoryExporter())
	annotate.Order(context.Background(), func(context.Context) error { return errors.New("declined") })
	_, span := provider.Tracer("test").Start(t.Context(), "POST /orders")
	id := span.SpanContext().TraceID().String()
	span.End()
	path := filepath.Join(t.TempDir(), "trace")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flight.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	convert(t, path, "charge card")
	if !strings.Contains(convert(t, path, "runtime: POST /orders"), id) {
		t.Fatal("it is not in the application's trace")
	}
}
