package faults

import (
	"compress/gzip"
	"flag"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"otlpserver/scripted"
)

var backlogMB = flag.Int("backlog", 0, "MB of spans, as OTLP, that wait for a receiver that is away")

// Tens of millions of spans: a number for each, of its ids and bytes, and how often it came.
type spanSet struct {
	seed maphash.Seed
	mu   sync.Mutex
	n    map[uint64]uint8
}

func (s *spanSet) add(spans []scripted.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range spans {
		s.n[maphash.Comparable(s.seed, span)]++
	}
}

// ServeHTTP takes OTLP as protobuf in gzip.
func (s *spanSet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	z, err := gzip.NewReader(r.Body)
	if err == nil {
		var plain []byte
		if plain, err = io.ReadAll(z); err == nil {
			var spans []scripted.Span
			spans, err = scripted.ProtoSpans(plain)
			s.add(spans)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// A receiver is away until the queue has so much for it, then comes back while new snapshots
// come in: the program stays small, what is new does not wait for what is old, and all arrives.
func TestBacklog(t *testing.T) {
	if *backlogMB == 0 {
		t.Skip("no -backlog")
	}
	w := &world{T: t, protocol: httpProtobuf, dir: t.TempDir(), server: scripted.New(), timeout: "15s",
		compression: "gzip", address: freeAddress(t), limit: 30 * time.Minute}
	w.queueMore = ", max_size: 64GiB, min_free: 0, drain: 32MiB"
	expected := &spanSet{seed: maphash.MakeSeed(), n: map[uint64]uint8{}}
	got := &spanSet{seed: expected.seed, n: map[uint64]uint8{}}
	var size, produced, most int64
	// snapshot records one and tells what has to come of it.
	snapshot := func(tasks string) []scripted.Span {
		w.trace = filepath.Join(w.dir, fmt.Sprintf("%d.trace", produced))
		if out, err := exec.Command(*bigtrace, w.trace, tasks, "100").CombinedOutput(); err != nil {
			t.Fatalf("bigtrace: %v: %s", err, out)
		}
		set, rss := w.convertToFile("otlp-proto")
		most = max(most, rss)
		var spans []scripted.Span
		for s := range set {
			spans = append(spans, s)
		}
		expected.add(spans)
		produced += int64(len(set))
		if info, err := os.Stat(filepath.Join(w.dir, "expected")); err == nil {
			size += info.Size()
		}
		return spans
	}
	peak := int64(0)
	w.retry = "0s"
	for size < int64(*backlogMB)*1e6 {
		snapshot("2000")
		peak = max(peak, w.fails("stay queued in").maxRSS)
		os.Remove(w.trace)
	}
	file, err := os.Stat(filepath.Join(w.dir, "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	fresh := snapshot("100")
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: got}
	go server.Serve(l)
	defer server.Close()
	w.retry = "60s"
	began := time.Now()
	cmd, out := w.start("convert", "-c", w.config(), "--retry-for", w.retry, w.trace)
	before := 0 // how many had come when the new ones had
	within(t, 10*time.Minute, "the new snapshot arrives", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		for _, s := range fresh {
			if got.n[maphash.Comparable(got.seed, s)] == 0 {
				return false
			}
		}
		before = len(got.n)
		return true
	})
	o := w.wait(cmd, out)
	if o.code != 0 {
		t.Fatalf("exit status %d:\n%s", o.code, o.output)
	}
	for k := range expected.n {
		if got.n[k] == 0 {
			t.Fatalf("%d of %d spans arrived", len(got.n), len(expected.n))
		}
	}
	if len(got.n) != len(expected.n) {
		t.Fatalf("%d spans arrived that were never produced so", len(got.n)-len(expected.n))
	}
	t.Logf("SEEN %d spans, %d MB of OTLP, %d MB on disk, sent in %v; %d had come when all of the new ones had; "+
		"peak %d MB queueing, %d MB sending, %d MB writing a file", produced, size/1e6, file.Size()/1e6,
		time.Since(began).Round(time.Second), before, peak>>10, o.maxRSS>>10, most>>10)
	if before > len(got.n)/2 {
		t.Error("new spans waited for old ones")
	}
	if limit := most + 32<<10; peak > limit || o.maxRSS > limit {
		t.Errorf("took up to %d KiB, and %d KiB to send; %d are allowed", peak, o.maxRSS, limit)
	}
}
