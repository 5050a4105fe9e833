// Package faults sends real snapshots through everything that goes wrong between an
// exporter and a receiver, and compares the sets of spans: ids and a hash of the bytes.
package faults

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"otlpserver/scripted"
)

var (
	program = flag.String("flightspan", "", "the program")
	small   = flag.String("small", "", "a snapshot of one batch")
	mid     = flag.String("mid", "", "a larger one, that is converted quickly")
	big     = flag.String("big", "", "a snapshot of several batches")
)

const httpProtobuf, httpJSON, grpc = "http/protobuf", "http/json", "grpc"

var protocols = []string{httpProtobuf, httpJSON, grpc}

// world is one exporter with its queue, one receiver, and what must arrive there.
type world struct {
	*testing.T
	protocol    string
	dir         string
	trace       string
	expected    map[scripted.Span]bool
	fileRSS     int64 // KiB that writing them into a file took
	server      *scripted.Server
	http        *http.Server
	address     string
	tls         *tls.Config
	url         string // instead of the server's
	timeout     string
	retry       string
	compression string
	extra       string // more of the otlp section
	queueMore   string // more of the queue section
	env         []string
	limit       time.Duration // of a run of the program; 0: 100 s
	inside      []string      // before the program: a namespace to run in
}

// each runs a fault for the protocols, side by side.
func each(t *testing.T, trace *string, which []string, fault func(w *world)) {
	if *program == "" {
		t.Skip("no -flightspan")
	}
	t.Parallel()
	for _, protocol := range which {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			w := &world{T: t, protocol: protocol, dir: t.TempDir(), trace: *trace, server: scripted.New(),
				timeout: "15s", retry: "60s", compression: "gzip"}
			w.produce()
			w.address = freeAddress(t)
			fault(w)
		})
	}
}

// Ports below those that clients get, so that one can be closed and opened again.
var nextPort atomic.Int32

func freeAddress(t *testing.T) string {
	for range 5000 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+(os.Getpid()*64+int(nextPort.Add(1)))%12000)
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// produced is what one snapshot is in a file; nobody changes it.
type produced struct {
	once  sync.Once
	spans map[scripted.Span]bool
	rss   int64
}

var files sync.Map // trace and format to *produced

func (w *world) produce() {
	format := "otlp-proto"
	if w.protocol == httpJSON {
		format = "otlp-json"
	}
	v, _ := files.LoadOrStore(w.trace+" "+format, &produced{})
	p := v.(*produced)
	p.once.Do(func() { p.spans, p.rss = w.convertToFile(format) })
	w.expected, w.fileRSS = p.spans, p.rss
	if len(w.expected) == 0 {
		w.Fatal("no spans")
	}
}

func (w *world) convertToFile(format string) (map[scripted.Span]bool, int64) {
	name := filepath.Join(w.dir, "expected")
	o := w.wait(w.start("convert", "-q", "--format", format, "-o", name, w.trace))
	if o.code != 0 {
		w.Fatal(o.output)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		w.Fatal(err)
	}
	set := map[scripted.Span]bool{}
	add := func(spans []scripted.Span, err error) {
		if err != nil {
			w.Fatal(err)
		}
		for _, s := range spans {
			if set[s] {
				w.Fatalf("span %v is there twice", s)
			}
			set[s] = true
		}
	}
	if format == "otlp-json" {
		for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
			add(scripted.JSONSpans(line))
		}
	} else {
		for len(data) >= 4 {
			n := binary.BigEndian.Uint32(data)
			add(scripted.ProtoSpans(data[4 : 4+n]))
			data = data[4+n:]
		}
	}
	return set, o.maxRSS
}

// serve starts the receiver, on the same port each time.
func (w *world) serve() {
	l, err := net.Listen("tcp", w.address)
	// A child that was just being started may hold the old one for a moment.
	for i := 0; err != nil && i < 100; i++ {
		time.Sleep(20 * time.Millisecond)
		l, err = net.Listen("tcp", w.address)
	}
	if err != nil {
		w.Fatal(err)
	}
	w.http = w.server.HTTP()
	w.http.ErrorLog = log.New(io.Discard, "", 0)
	if w.tls != nil {
		w.http.TLSConfig = w.tls
		go w.http.ServeTLS(l, "", "")
	} else {
		go w.http.Serve(scripted.Stale(l))
	}
	w.Cleanup(func() { w.http.Close() })
}

// script replaces the receiver's mind, not its memory.
func (w *world) script(steps ...scripted.Step) { w.server.SetScript(steps...) }

func (w *world) config() string {
	url := w.url
	if url == "" {
		url = "http://" + w.address
		if w.tls != nil {
			url = "https://" + w.address
		}
	}
	name := filepath.Join(w.dir, "config.yaml")
	text := fmt.Sprintf(`exporters:
  - name: sink
    otlp: { endpoint: %q, protocol: %s, compression: %s, timeout: %s%s }
queue: { path: %q, spread: 0s%s }
`, url, w.protocol, w.compression, w.timeout, w.extra, filepath.Join(w.dir, "queue.db"), w.queueMore)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	return name
}

type outcome struct {
	code   int
	output string
	maxRSS int64 // KiB
}

func (w *world) start(args ...string) (*exec.Cmd, fmt.Stringer) {
	return w.startUnder(w.inside, args...)
}

// startUnder starts the program through another one, if there is any.
func (w *world) startUnder(before []string, args ...string) (*exec.Cmd, fmt.Stringer) {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(w.limit, 100*time.Second))
	w.Cleanup(cancel)
	line := append(append(append([]string(nil), before...), *program), args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	out := new(said)
	cmd.Stdout, cmd.Stderr = out, out
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OTEL_") && !strings.Contains(strings.ToLower(v), "_proxy=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, w.env...)
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	peaks.Store(cmd, watchPeak(cmd.Process.Pid))
	return cmd, out
}

// said is what a program has written so far.
type said struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// hears waits until the program has written that; whoever waits for its end tells if it never does.
func (w *world) hears(out fmt.Stringer, text string) {
	for end := time.Now().Add(cmp.Or(w.limit, 100*time.Second) / 2); !strings.Contains(out.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return
		}
	}
}

var peaks sync.Map // *exec.Cmd to a channel that tells its peak once it is gone

// sanitized: the program's memory is that of a sanitizer, and no test of ours.
func sanitized() bool { return strings.Contains(*program, "/san-") }

// watchPeak tells how much memory a process had at most, in KiB. What wait4 says of a child
// includes what this process had when it started it.
func watchPeak(pid int) chan int64 {
	told := make(chan int64, 1)
	go func() {
		proc := fmt.Sprintf("/proc/%d/", pid)
		own, _ := os.Executable()
		peak := int64(0)
		for ; ; time.Sleep(3 * time.Millisecond) {
			exe, err := os.Readlink(proc + "exe")
			if err != nil { // it is gone
				told <- peak
				return
			}
			if exe == own { // not another program yet
				continue
			}
			text, _ := os.ReadFile(proc + "status")
			if _, after, ok := strings.Cut(string(text), "VmHWM:"); ok {
				var kib int64
				fmt.Sscan(after, &kib)
				peak = max(peak, kib)
			}
		}
	}()
	return told
}

func (w *world) wait(cmd *exec.Cmd, out fmt.Stringer) outcome {
	err := cmd.Wait()
	peak, _ := peaks.LoadAndDelete(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.Fatalf("%v: %s", err, out)
	}
	o := outcome{cmd.ProcessState.ExitCode(), out.String(), <-peak.(chan int64)}
	if o.code < 0 || o.code > 2 {
		w.Fatalf("the program ended so: %v\n%s", err, o.output)
	}
	return o
}

func (w *world) convert() outcome {
	return w.wait(w.start("convert", "-c", w.config(), "--retry-for", w.retry, w.trace))
}

// delivers: the run succeeds.
func (w *world) delivers() outcome {
	w.Helper()
	o := w.convert()
	if o.code != 0 {
		w.Fatalf("exit status %d:\n%s", o.code, o.output)
	}
	return o
}

// fails: the run ends with status 1 and tells all of the words.
func (w *world) fails(words ...string) outcome {
	w.Helper()
	o := w.convert()
	if o.code != 1 {
		w.Fatalf("exit status %d:\n%s", o.code, o.output)
	}
	for _, word := range words {
		if !strings.Contains(o.output, word) {
			w.Errorf("not told: %q in:\n%s", word, o.output)
		}
	}
	return o
}

// within: nothing was stored that was not produced. Returns how many are missing.
func (w *world) within() (missing int) {
	w.Helper()
	stored := w.server.Stored()
	for s := range stored {
		if !w.expected[s] {
			w.Fatalf("span %v arrived and was never produced so", s)
		}
	}
	return len(w.expected) - len(stored)
}

// arrived: the sets are equal.
func (w *world) arrived() {
	w.Helper()
	if missing := w.within(); missing != 0 {
		w.Fatalf("%d of %d spans did not arrive", missing, len(w.expected))
	}
	w.accounts(len(w.expected), 0, 0, 0)
}

// once: no span was stored twice.
func (w *world) once() {
	w.Helper()
	for s, n := range w.server.Stored() {
		if n != 1 {
			w.Fatalf("span %v was stored %d times", s, n)
		}
	}
}

var account = regexp.MustCompile(`(\d+) produced = (\d+) acknowledged \+ (\d+) rejected \+ (\d+) dead-lettered(.*) \+ (\d+) queued`)

func (w *world) list() (acknowledged, rejected, dead, queued int) {
	w.Helper()
	o := w.wait(w.start("queue", "list", "-c", w.config()))
	m := account.FindStringSubmatch(o.output)
	if m == nil {
		w.Fatalf("no account in:\n%s", o.output)
	}
	n := func(i int) int {
		v, _ := strconv.Atoi(m[i])
		return v
	}
	if n(1) != len(w.expected) || n(1) != n(2)+n(3)+n(4)+n(6) || m[5] != "" {
		w.Fatalf("%d spans were produced:\n%s", len(w.expected), o.output)
	}
	return n(2), n(3), n(4), n(6)
}

// accounts: produced = acknowledged + rejected + dead letters + queued, and each is so.
func (w *world) accounts(acknowledged, rejected, dead, queued int) {
	w.Helper()
	a, r, d, q := w.list()
	if a != acknowledged || r != rejected || d != dead || q != queued {
		w.Fatalf("%d acknowledged, %d rejected, %d dead letters, %d queued; expected %d, %d, %d, %d",
			a, r, d, q, acknowledged, rejected, dead, queued)
	}
}

// keeps: nothing was stored, and all is queued. Then it is mended, and all arrives.
func (w *world) keeps(mend func()) {
	w.Helper()
	if missing := w.within(); missing != len(w.expected) {
		w.Fatalf("%d of %d spans are stored", len(w.expected)-missing, len(w.expected))
	}
	w.accounts(0, 0, 0, len(w.expected))
	mend()
	w.delivers()
	w.arrived()
}

// buried: what is not stored is in dead letters, n spans or any; sent again once the
// receiver takes everything, all is there.
func (w *world) buried(n int) {
	w.Helper()
	missing := w.within()
	if missing == 0 || n > 0 && missing != n {
		w.Fatalf("%d spans are not stored, expected %d", missing, n)
	}
	w.accounts(len(w.expected)-missing, 0, missing, 0)
	w.server.TakeAll()
	o := w.wait(w.start("queue", "retry", "-c", w.config()))
	if o.code != 0 {
		w.Fatalf("queue retry:\n%s", o.output)
	}
	w.delivers()
	if missing := w.within(); missing != 0 {
		w.Fatalf("%d spans are neither stored nor in dead letters", missing)
	}
	w.once()
}

// gaps are the times between requests, in order.
func (w *world) gaps() (gaps []time.Duration) {
	times := w.server.Times()
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]))
	}
	return gaps
}

func (w *world) requests() int {
	n, _, undecoded := w.server.Counts()
	if undecoded != 0 {
		w.Fatalf("%d requests could not be decoded", undecoded)
	}
	return n
}
