package faults

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"otlpserver/scripted"
)

var shim = flag.String("shim", "", "tests/shim as a shared object")

// trio is one queue with three exporters, one for each protocol, and their receivers:
// what happens to the queue happens to all of them at once.
type trio struct {
	*testing.T
	dir    string
	queue  string // its file
	traces []string
	of     []*world
	flush  string
	more   string // of the queue section
	env    []string
	inside []string // before the program: a namespace to run in
}

func newTrio(t *testing.T, traces ...string) *trio {
	if *program == "" {
		t.Skip("no -flightspan")
	}
	q := &trio{T: t, dir: t.TempDir(), traces: traces, flush: "2s", more: ", spread: 0s"}
	q.queue = filepath.Join(q.dir, "queue.db")
	for _, protocol := range protocols {
		w := &world{T: t, protocol: protocol, dir: q.dir, server: scripted.New(), timeout: "15s",
			compression: "gzip"}
		w.expected = map[scripted.Span]bool{}
		for _, w.trace = range traces {
			all := w.expected
			w.produce()
			for s := range w.expected {
				all[s] = true
			}
			w.expected = all
		}
		w.address = freeAddress(t)
		q.of = append(q.of, w)
	}
	return q
}

// record makes n snapshots with so many tasks each.
func record(t *testing.T, tasks, n int) (names []string) {
	if *bigtrace == "" {
		t.Skip("no -bigtrace")
	}
	dir := t.TempDir()
	for i := range n {
		name := filepath.Join(dir, fmt.Sprintf("%d.trace", i))
		if out, err := exec.Command(*bigtrace, name, fmt.Sprint(tasks)).CombinedOutput(); err != nil {
			t.Fatalf("bigtrace: %v: %s", err, out)
		}
		names = append(names, name)
	}
	return names
}

func (q *trio) serve() {
	for _, w := range q.of {
		w.serve()
	}
}

// each does something with every receiver.
func (q *trio) each(fn func(s *scripted.Server)) {
	for _, w := range q.of {
		fn(w.server)
	}
}

func (q *trio) spans() int { return len(q.of[0].expected) }

func (q *trio) config() string {
	var b bytes.Buffer
	b.WriteString("exporters:\n")
	for _, w := range q.of {
		fmt.Fprintf(&b, "  - { name: %s, otlp: { endpoint: \"http://%s\", protocol: %s, compression: %s, timeout: %s%s } }\n",
			w.name(), w.address, w.protocol, w.compression, w.timeout, w.extra)
	}
	fmt.Fprintf(&b, "queue: { path: %q, min_free: 0, flush: %s%s }\n", q.queue, q.flush, q.more)
	name := filepath.Join(q.dir, "config.yaml")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		q.Fatal(err)
	}
	return name
}

// name of the exporter.
func (w *world) name() string { return strings.ReplaceAll(w.protocol, "/", "-") }

func (q *trio) start(args ...string) (*exec.Cmd, fmt.Stringer) {
	w := *q.of[0]
	w.env = q.env
	return w.startUnder(q.inside, args...)
}

func (q *trio) convert(retry string) (*exec.Cmd, fmt.Stringer) {
	return q.start(append([]string{"convert", "-c", q.config(), "--retry-for", retry}, q.traces...)...)
}

func (q *trio) wait(cmd *exec.Cmd, out fmt.Stringer) outcome { return q.of[0].wait(cmd, out) }

// ends: the program ends with this status and tells all of the words.
func (q *trio) ends(cmd *exec.Cmd, out fmt.Stringer, code int, words ...string) outcome {
	q.Helper()
	o := q.wait(cmd, out)
	if o.code != code {
		q.Fatalf("exit status %d:\n%s", o.code, o.output)
	}
	for _, word := range words {
		if !strings.Contains(o.output, word) {
			q.Errorf("not told: %q in:\n%s", word, o.output)
		}
	}
	return o
}

// delivers: the run succeeds, and everything that was ever produced is there.
func (q *trio) delivers() outcome {
	q.Helper()
	cmd, out := q.convert("60s")
	o := q.ends(cmd, out, 0)
	q.arrived()
	return o
}

// arrived: the sets are equal, for each of the three, and nothing is left.
func (q *trio) arrived() {
	q.Helper()
	for _, w := range q.of {
		if missing := w.within(); missing != 0 {
			q.Fatalf("%s: %d of %d spans did not arrive", w.protocol, missing, len(w.expected))
		}
	}
	q.left(0)
}

// balance is what "queue list" says of one exporter.
type balance struct{ produced, acknowledged, rejected, dead, dropped, queued int }

var (
	balances = regexp.MustCompile(`(?m)^([\w-]+): .*\n +(\d+) produced = (\d+) acknowledged \+ (\d+) rejected \+ (\d+) dead-lettered(.*) \+ (\d+) queued$`)
	dropped  = regexp.MustCompile(`(\d+) dropped`)
)

// list: produced is the sum of the rest, whatever happened.
func (q *trio) list() map[string]balance {
	q.Helper()
	cmd, out := q.start("queue", "list", "-c", q.config())
	o := q.ends(cmd, out, 0)
	found := map[string]balance{}
	for _, m := range balances.FindAllStringSubmatch(o.output, -1) {
		n := func(text string) int {
			v, _ := strconv.Atoi(text)
			return v
		}
		b := balance{n(m[2]), n(m[3]), n(m[4]), n(m[5]), 0, n(m[7])}
		for _, d := range dropped.FindAllStringSubmatch(m[6], -1) {
			b.dropped += n(d[1])
		}
		if b.produced != b.acknowledged+b.rejected+b.dead+b.dropped+b.queued {
			q.Fatalf("the sum is wrong: %+v in\n%s", b, o.output)
		}
		found[m[1]] = b
	}
	if len(found) != len(q.of) {
		q.Fatalf("%d exporters in:\n%s", len(found), o.output)
	}
	return found
}

// left: that many spans are queued for each, and the rest of what was produced is
// acknowledged.
func (q *trio) left(queued int) {
	q.Helper()
	for name, b := range q.list() {
		if b.queued != queued || b.acknowledged != b.produced-queued {
			q.Fatalf("%s: %+v, expected %d to be queued and the rest acknowledged", name, b, queued)
		}
	}
}

// until waits for something that another process does.
func (q *trio) until(what string, done func() bool) {
	q.Helper()
	within(q.T, time.Minute, what, done)
}

func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%v and still not: %s", limit, what)
		}
	}
}

// asked: each receiver has had a request.
func (q *trio) asked() bool {
	for _, w := range q.of {
		if w.requests() == 0 {
			return false
		}
	}
	return true
}

// say writes a control file of the shim; the program must have been started with shims.
func (q *trio) say(name, text string) {
	path := filepath.Join(q.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		q.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		q.Fatal(err)
	}
}

func (q *trio) shims() {
	if *shim == "" {
		q.Skip("no -shim")
	}
	q.env = []string{"LD_PRELOAD=" + *shim, "SHIM_PATH=" + q.queue, "SHIM_FAULT=" + q.dir + "/fault",
		"SHIM_CLOCK=" + q.dir + "/clock", "SHIM_HOSTS=" + q.dir + "/hosts"}
}
