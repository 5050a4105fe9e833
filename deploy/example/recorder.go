package main

import (
	"bytes"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime/trace"
	"strconv"
	"sync"
	"time"
)

const (
	keepAge   = 5 * time.Second // how far back a snapshot reaches
	keepBytes = 4 << 20         // and how much memory that may take

	// A snapshot is taken a little after the slow request, so that the
	// requests that queued up behind it are in it as a whole.
	settle   = 250 * time.Millisecond
	cooldown = 10 * time.Second // from one snapshot to the next
)

// recorder keeps the last seconds of execution trace in memory and writes
// them to a file when a request was slow.
type recorder struct {
	flight    *trace.FlightRecorder
	dir       string
	threshold time.Duration
	written   chan string // the path of each finished snapshot

	mu   sync.Mutex
	busy bool      // a snapshot is due or being written
	next time.Time // no snapshot file before this
	n    int       // snapshot files so far
}

func startRecorder(dir string, threshold time.Duration) (*recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	rec := &recorder{
		flight:    trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: keepAge, MaxBytes: keepBytes}),
		dir:       dir,
		threshold: threshold,
		written:   make(chan string, 1),
	}
	return rec, rec.flight.Start()
}

func (rec *recorder) stop() { rec.flight.Stop() }

// requestDone tells how long a request took. It never blocks: a request must
// not become slower because it was slow.
func (rec *recorder) requestDone(took time.Duration) {
	if took <= rec.threshold || !rec.acquire(true) {
		return
	}
	time.AfterFunc(settle, func() {
		defer rec.release()
		path, err := rec.write()
		if err != nil {
			log.Printf("no snapshot: %v", err)
			return
		}
		select {
		case rec.written <- path:
		default: // nobody is listening
		}
	})
}

// acquire claims the flight recorder, which gives one snapshot at a time.
// Files also observe the cooldown.
func (rec *recorder) acquire(file bool) bool {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	now := time.Now()
	if rec.busy || file && now.Before(rec.next) {
		return false
	}
	rec.busy = true
	if file {
		rec.next = now.Add(cooldown)
		rec.n++
	}
	return true
}

func (rec *recorder) release() {
	rec.mu.Lock()
	rec.busy = false
	rec.mu.Unlock()
}

// write puts a snapshot into the folder. A reader that watches the folder
// sees it appear whole: it is written under another name and then renamed.
func (rec *recorder) write() (string, error) {
	name := fmt.Sprintf("snapshot-%s-%d.trace", time.Now().UTC().Format("20060102T150405.000Z"), rec.n)
	path := filepath.Join(rec.dir, name)
	temp := filepath.Join(rec.dir, "."+name+".tmp")

	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	_, err = rec.flight.WriteTo(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return "", err
	}
	return path, nil
}

// serve answers with a snapshot, for a reader that pulls.
func (rec *recorder) serve(w http.ResponseWriter, r *http.Request) {
	if !rec.acquire(false) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "a snapshot is being taken", http.StatusServiceUnavailable)
		return
	}
	// Into memory first: a slow reader must not hold up the recorder.
	var snapshot bytes.Buffer
	_, err := rec.flight.WriteTo(&snapshot)
	rec.release()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(snapshot.Len()))
	snapshot.WriteTo(w)
}
