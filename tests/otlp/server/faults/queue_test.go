package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"otlpserver/scripted"
)

// Faults of the queue: what kills the program, its disk, its clock. Each has one queue with an
// exporter for each protocol, so that a name here has no protocol below it.

var (
	kills = flag.Int("kills", 60, "rounds of kill -9")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random numbers")
)

// A life is a queue that is killed at random points until a run comes to its end; then the sets
// are compared, and the next one begins. As many lives as fit into the rounds.
func TestQueue17KilledAnywhere(t *testing.T) {
	t.Parallel()
	q := newTrio(t, *small, *mid)
	q.serve()
	random := rand.New(rand.NewPCG(*seed, 17))
	// A quarter of the rounds come to an end, on a machine that is as fast in all of them.
	began := time.Now()
	q.delivers()
	whole := time.Since(began)
	lives, killed, twice := 1, 0, 0
	for range *kills {
		cmd, out := q.convert("60s")
		kill := time.AfterFunc(time.Duration(random.Int64N(int64(whole))), func() { cmd.Process.Kill() })
		err := cmd.Wait()
		kill.Stop()
		if err != nil {
			if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%v:\n%s", err, out)
			}
			killed++
			continue
		}
		q.arrived()
		lives++
		for _, w := range q.of {
			for _, n := range w.server.Stored() {
				twice += n - 1
			}
		}
		q.forget()
	}
	q.delivers()
	t.Logf("seed %d: %d of %d rounds killed, %d lives of 3 x %d spans, %d came twice and equal",
		*seed, killed, *kills, lives+1, q.spans(), twice)
	if killed == 0 {
		t.Error("nobody was killed")
	}
	// Once more: what is done is not sent again.
	q.each((*scripted.Server).Forget)
	cmd, out := q.convert("60s")
	q.ends(cmd, out, 0, "queued by an earlier run")
	for _, w := range q.of {
		if n := w.requests(); n != 0 {
			t.Errorf("%s: %d requests for what was sent before", w.protocol, n)
		}
	}
}

// forget begins a new life.
func (q *trio) forget() {
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(q.queue + end)
	}
	q.each((*scripted.Server).Forget)
}

// Killed when the receiver has the spans, and before that is written down.
func TestQueue18KilledBeforeItIsWrittenDown(t *testing.T) {
	for i, protocol := range protocols {
		t.Run(strings.ReplaceAll(protocol, "/", " "), func(t *testing.T) {
			t.Parallel()
			q := newTrio(t, *small)
			q.serve()
			var cmd *exec.Cmd
			var out fmt.Stringer
			started := make(chan bool)
			victim := q.of[i].server
			victim.Before = func() {
				<-started
				cmd.Process.Kill()
			}
			cmd, out = q.convert("60s")
			close(started)
			if err := cmd.Wait(); err == nil {
				t.Fatalf("it was not killed:\n%s", out)
			}
			victim.Before = nil
			q.delivers()
			for s, n := range victim.Stored() {
				if n < 2 {
					t.Fatalf("span %v came once, so it was written down before the answer", s)
				}
			}
		})
	}
}

const (
	enospc = "28 w"
	edquot = "122 w"
	eio    = "5 ws"
	erofs  = "30 owst"
)

var words = map[string]string{enospc: "no space left", edquot: "no space left", eio: "disk I/O error",
	erofs: ""} // what SQLite says then depends on where it is hit

// The disk breaks while spans are put into the queue, and is mended after the program gave up.
func TestQueue19WhilePutting(t *testing.T) {
	for name, fault := range map[string]string{"ENOSPC": enospc, "EDQUOT": edquot, "EIO": eio, "EROFS": erofs} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newTrio(t, *small)
			q.shims()
			q.serve()
			q.say("fault", fault)
			cmd, out := q.convert("5s")
			o := q.wait(cmd, out)
			if o.code == 0 || !strings.Contains(o.output, q.queue) || !strings.Contains(o.output, words[fault]) {
				t.Fatalf("exit status %d:\n%s", o.code, o.output)
			}
			for _, w := range q.of {
				w.within()
			}
			q.say("fault", "0 -")
			q.delivers()
			for _, w := range q.of {
				w.once()
			}
		})
	}
}

// It breaks when everything is queued, just when acknowledgements have to be written down: the
// senders keep what they know, and nothing is sent twice.
func TestQueue19WhileSending(t *testing.T) {
	for name, fault := range map[string]string{"ENOSPC": enospc, "EDQUOT": edquot, "EIO": eio, "EROFS": "30 wst"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newTrio(t, *small)
			q.shims()
			q.serve()
			for _, w := range q.of {
				w.server.Before = func() { q.say("fault", fault) }
			}
			cmd, out := q.convert("60s")
			q.until("each receiver has had a request", q.asked)
			time.Sleep(2500 * time.Millisecond) // two or three tries; nothing depends on how many
			for _, w := range q.of {
				w.server.Before = nil
			}
			q.say("fault", "0 -")
			q.ends(cmd, out, 0, words[fault], "trying again in")
			q.arrived()
			for _, w := range q.of {
				w.once()
			}
		})
	}
}

// namespace has a file system of its own at q.dir/disk for as long as the test lasts.
func (q *trio) namespace(options string) (shell func(command string)) {
	disk := filepath.Join(q.dir, "disk")
	os.Mkdir(disk, 0o700)
	holder := exec.Command("unshare", "-m", "sh", "-c",
		`mount -t tmpfs -o "$1" none "$0" && echo mounted && exec cat >/dev/null`, disk, options)
	in, _ := holder.StdinPipe()
	out, _ := holder.StdoutPipe()
	if err := holder.Start(); err != nil {
		q.Skip("SKIP check-queue: THE FULL DISK IS NOT TESTED: no unshare")
	}
	q.Cleanup(func() {
		in.Close()
		holder.Wait()
	})
	line := make([]byte, 8)
	if n, _ := out.Read(line); string(line[:n]) != "mounted\n" {
		q.Skip("SKIP check-queue: THE FULL DISK IS NOT TESTED: a tmpfs cannot be mounted in a namespace")
	}
	q.queue = filepath.Join(disk, "queue.db")
	q.inside = []string{"nsenter", "-t", fmt.Sprint(holder.Process.Pid), "-m"}
	return func(command string) {
		q.Helper()
		args := append(append([]string(nil), q.inside[1:]...), "sh", "-c", command, disk)
		if text, err := exec.Command(q.inside[0], args...).CombinedOutput(); err != nil {
			q.Fatalf("%s: %v: %s", command, err, text)
		}
	}
}

// A real disk: full, then with room, then mounted for reading only.
func TestQueue19RealDisk(t *testing.T) {
	t.Parallel()
	q := newTrio(t, *big)
	shell := q.namespace("size=24m")
	q.serve()
	shell(`head -c 23m /dev/zero >"$0/ballast"`)
	cmd, out := q.convert("5s")
	o := q.wait(cmd, out)
	if o.code != 1 || !strings.Contains(o.output, "the disk is full") && !strings.Contains(o.output, "no space left") {
		t.Fatalf("exit status %d:\n%s", o.code, o.output)
	}
	shell(`rm "$0/ballast"`)
	q.delivers()
	for _, w := range q.of {
		w.once()
	}
	shell(`mount -o remount,ro "$0"`)
	cmd, out = q.convert("5s")
	if o := q.wait(cmd, out); o.code == 0 || !strings.Contains(o.output, "Read-only file system") {
		t.Fatalf("exit status %d:\n%s", o.code, o.output)
	}
	shell(`mount -o remount,rw "$0"`)
	q.delivers()
}

// away makes a queue with everything in it: nobody listens.
func (q *trio) away() {
	cmd, out := q.convert("0s")
	q.ends(cmd, out, 1, "stay queued in")
	q.left(q.spans())
}

// Bits flip on disk: what they hit is counted as corrupt and never sent, the rest arrives.
func TestQueue20FlippedBits(t *testing.T) {
	random := rand.New(rand.NewPCG(*seed, 20))
	for range 4 {
		at, bit := random.Float64(), byte(1)<<random.IntN(8)
		t.Run("", func(t *testing.T) {
			t.Parallel()
			q := newTrio(t, *big)
			q.away()
			// The log goes back into the database when the last connection closes.
			data, err := os.ReadFile(q.queue)
			if err != nil || len(data) < 100000 {
				t.Fatalf("%d bytes: %v", len(data), err)
			}
			// Nearly all of the file is frames; the first pages are tables.
			i := 40960 + int(at*float64(len(data)-40960))
			data[i] ^= bit
			if err := os.WriteFile(q.queue, data, 0o600); err != nil {
				t.Fatal(err)
			}
			q.serve()
			cmd, out := q.convert("30s")
			o := q.wait(cmd, out)
			aside, _ := filepath.Glob(q.queue + ".damaged-*")
			if len(aside) > 0 {
				if !strings.Contains(o.output, "a new one takes its place") {
					t.Fatalf("seed %d: set aside without a word:\n%s", *seed, o.output)
				}
				return
			}
			for name, b := range q.list() {
				for _, w := range q.of {
					if w.name() == name && (w.within() != b.dropped || b.queued != 0) {
						t.Fatalf("seed %d, byte %d: %s misses %d, %+v:\n%s", *seed, i, name, w.within(), b, o.output)
					}
				}
				if b.dropped != 0 && !strings.Contains(o.output, "is damaged") {
					t.Fatalf("seed %d: lost without a word:\n%s", *seed, o.output)
				}
			}
		})
	}
}

// The second process says which one has it.
func TestQueue21TwoProcesses(t *testing.T) {
	t.Parallel()
	q := newTrio(t, *small)
	q.each(func(s *scripted.Server) { s.SetScript(step{DelayMS: 3000}) })
	q.serve()
	first, out := q.convert("60s")
	q.until("each receiver has had a request", q.asked)
	second, text := q.convert("60s")
	q.ends(second, text, 2, fmt.Sprintf("process %d delivers from it", first.Process.Pid))
	q.ends(first, out, 0)
	q.arrived()
	for _, w := range q.of {
		w.once()
	}
}

// The time of day jumps an hour, either way, ten times a second, while attempts fail.
func TestQueue22ClockJumps(t *testing.T) {
	t.Parallel()
	q := newTrio(t, *small)
	q.shims()
	q.each(func(s *scripted.Server) { s.SetScript(times(4, busy)...) })
	q.serve()
	began := time.Now()
	cmd, out := q.convert("60s")
	done := make(chan bool)
	go func() {
		for i := 0; ; i++ {
			q.say("clock", []string{"3600", "-3600", "0"}[i%3])
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	o := q.wait(cmd, out)
	done <- true
	if o.code != 0 {
		t.Fatalf("exit status %d:\n%s", o.code, o.output)
	}
	q.arrived()
	for _, w := range q.of {
		w.once()
		for i, gap := range w.gaps()[:4] {
			// Full jitter below 0.5 s, 1 s, 2 s, 4 s, and what a busy machine adds.
			if ceiling := 500*time.Millisecond<<i + 10*time.Second; gap < 95*time.Millisecond || gap > ceiling {
				t.Errorf("%s: attempt %d came %v after the one before", w.protocol, i+2, gap)
			}
		}
	}
	if spent := time.Since(began); spent > 90*time.Second {
		t.Errorf("it took %v", spent)
	}
}

// An outage, and more spans than the queue may hold: who reads files waits, in little memory.
func TestQueue24SmallQuota(t *testing.T) {
	t.Parallel()
	q := newTrio(t, record(t, 2000, 10)...)
	q.more = ", spread: 0s, max_size: 1MiB, full: drop_oldest"
	q.each(func(s *scripted.Server) { s.SetDefault(busy) })
	q.serve()
	cmd, out := q.convert("60s")
	q.until("each receiver has had a request", q.asked)
	time.Sleep(2 * time.Second) // until it is full; nothing depends on it
	q.each((*scripted.Server).TakeAll)
	o := q.ends(cmd, out, 0)
	q.arrived()
	if more := o.maxRSS - q.of[0].fileRSS; more > 64<<10 && !sanitized() {
		t.Errorf("took %d KiB more than for a file", more)
	}
}

// Fifty come back after an outage at the same moment, each with a backlog: they spread out.
func TestQueue25FiftyTogether(t *testing.T) {
	t.Parallel()
	q := newTrio(t, record(t, 30, 1)...)
	q.away()
	backlog, err := os.ReadFile(q.queue)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	q.serve()
	var cmds []*exec.Cmd
	var outs []fmt.Stringer
	for i := range n {
		own := *q
		own.dir = filepath.Join(q.dir, fmt.Sprint(i))
		own.queue = filepath.Join(own.dir, "queue.db")
		own.more = ", spread: 8s"
		if os.Mkdir(own.dir, 0o700) != nil || os.WriteFile(own.queue, backlog, 0o600) != nil {
			t.Fatal("no queue")
		}
		cmd, out := own.convert("60s")
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	for i, cmd := range cmds {
		q.ends(cmd, outs[i], 0)
	}
	for _, w := range q.of {
		w.within()
		for s, times := range w.server.Stored() {
			if times < n {
				t.Fatalf("%s: span %v came %d times", w.protocol, s, times)
			}
		}
		// Six a second on average; together they would be fifty.
		arrived := w.server.Times()
		peak := 0
		for i := range arrived {
			j := i
			for j < len(arrived) && arrived[j].Sub(arrived[i]) < time.Second {
				j++
			}
			peak = max(peak, j-i)
		}
		if len(arrived) < n || peak > n/2 {
			t.Errorf("%s: %d requests, up to %d in a second", w.protocol, len(arrived), peak)
		}
	}
}

// The first SIGTERM sends what can go, for as long as it may; the second ends at once; the next
// run sends the rest.
func TestQueue26Stopped(t *testing.T) {
	for name, twice := range map[string]bool{"once": false, "twice": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newTrio(t, *big)
			q.each(func(s *scripted.Server) { s.SetDefault(step{Hang: true}) })
			q.serve()
			if twice {
				q.flush = "50s"
			}
			cmd, out := q.convert("60s")
			q.until("each receiver has had a request", q.asked)
			// When all is queued: else what is not stays in the file.
			q.until("everything is queued", func() bool {
				for _, b := range q.list() {
					if b.queued != q.spans() {
						return false
					}
				}
				return true
			})
			began := time.Now()
			cmd.Process.Signal(syscall.SIGTERM)
			if twice {
				time.Sleep(300 * time.Millisecond)
				cmd.Process.Signal(syscall.SIGTERM)
				if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
					t.Fatalf("%v:\n%s", err, out)
				}
			} else {
				q.ends(cmd, out, 1, "stay queued in", fmt.Sprintf("%d spans produced", q.spans()))
			}
			if spent := time.Since(began); spent > 15*time.Second {
				t.Errorf("it took %v to stop", spent)
			}
			q.left(q.spans())
			q.each(func(s *scripted.Server) { s.TakeAll() })
			q.delivers()
		})
	}
}

// A resolver that takes its time delays nobody else, nor the end; an address that moves is found.
func TestQueue16NamesAndAddresses(t *testing.T) {
	t.Parallel()
	q := newTrio(t, *small)
	q.shims()
	old := q.of[0].address
	_, port, _ := strings.Cut(old, ":")
	q.of[0].address = "collector.test:" + port
	q.say("hosts", "collector.test 127.0.0.2 60000")
	for _, w := range q.of[1:] {
		w.serve()
	}
	cmd, out := q.convert("60s")
	q.until("the others have all", func() bool { return q.of[1].within() == 0 && q.of[2].within() == 0 })
	began := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	q.ends(cmd, out, 1, "stay queued in")
	if spent := time.Since(began); spent > 15*time.Second {
		t.Errorf("it took %v to stop", spent)
	}
	// Nobody is at the address; then the name gets another one.
	q.say("hosts", "collector.test 127.0.0.2 0")
	cmd, out = q.convert("60s")
	time.Sleep(time.Second) // some attempts fail; nothing depends on how many
	q.of[0].address = old
	q.of[0].serve()
	q.say("hosts", "collector.test 127.0.0.1 0")
	q.ends(cmd, out, 0)
	q.arrived()
}

// Too few descriptors, by one more each time: a clear end, and nothing is lost.
func TestQueue31FewDescriptors(t *testing.T) {
	t.Parallel()
	q := newTrio(t, *small)
	q.serve()
	for n := 5; n < 24; n++ { // the loader needs four
		q.inside = []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, n)}
		cmd, out := q.convert("1s")
		o := q.wait(cmd, out)
		if o.code != 0 && len(o.output) == 0 {
			t.Fatalf("%d descriptors: exit status %d without a word", n, o.code)
		}
		for _, w := range q.of {
			w.within()
		}
	}
	q.inside = nil
	q.delivers()
}
