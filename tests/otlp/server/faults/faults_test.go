package faults

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"otlpserver/scripted"
)

type step = scripted.Step

func times(n int, s step) (steps []step) {
	for range n {
		steps = append(steps, s)
	}
	return steps
}

func ms(n int) *int { return &n }

var (
	httpOnly = []string{httpProtobuf, httpJSON}
	busy     = step{Status: 503, GRPC: 14}
	refused  = step{Status: 400, GRPC: 3, Message: "no"}
)

// Numbers are those of the list of faults that the protocol's notes have.

func Test01RefusedThenUp(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		cmd, out := w.start("convert", "-c", w.config(), "--retry-for", "60s", w.trace)
		w.hears(out, "trying again in")
		w.serve()
		if o := w.wait(cmd, out); o.code != 0 || !strings.Contains(o.output, "trying again in") {
			w.Fatalf("status %d:\n%s", o.code, o.output)
		}
		w.arrived()
		w.once()
	})
}

func Test02BusyFiveTimes(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.script(times(5, busy)...)
		w.serve()
		w.retry = "90s"
		w.delivers()
		w.arrived()
		w.once()
		for i, gap := range w.gaps()[:5] {
			if gap < 95*time.Millisecond {
				w.Errorf("attempt %d came %v after the one before", i+2, gap)
			}
		}
	})
}

// A refusal is not retried as it is: the following batches go on, and what stays refused
// is kept.
func Test03EveryThirdRefused(t *testing.T) {
	for name, nth := range map[string]step{"400": refused, "500": {Status: 500, GRPC: 13}} {
		t.Run(name, func(t *testing.T) {
			each(t, big, protocols, func(w *world) {
				w.server.EveryNth, w.server.Nth = 3, nth
				w.serve()
				if o := w.convert(); o.code > 1 {
					w.Fatalf("status %d:\n%s", o.code, o.output)
				} else if o.code == 1 {
					w.buried(0)
				} else {
					w.arrived()
				}
				w.once()
			})
		})
	}
}

func Test04WrongCredentials(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.server.Token = "Bearer right"
		w.serve()
		w.extra = `, headers: { authorization: "Bearer wrong-5ecret" }`
		o := w.fails("check the credentials")
		if strings.Contains(o.output, "5ecret") {
			w.Fatalf("the token is shown:\n%s", o.output)
		}
		w.keeps(func() { w.extra = `, headers: { authorization: "Bearer right" }` })
	})
}

func Test04ForbiddenAndNotFound(t *testing.T) {
	for name, s := range map[string]step{"403": {Status: 403, GRPC: 7}, "404": {Status: 404, GRPC: 12}} {
		t.Run(name, func(t *testing.T) {
			each(t, small, protocols, func(w *world) {
				w.server.SetDefault(s)
				w.serve()
				w.fails("cannot send")
				w.keeps(w.server.TakeAll)
			})
		})
	}
}

func Test05RetryAfter(t *testing.T) {
	for name, value := range map[string]struct {
		text  string
		least time.Duration
	}{
		"seconds": {"2", 2 * time.Second},
		"date":    {"", time.Second}, // filled in below: 2 to 3 s from now
		"junk":    {"soon", 95 * time.Millisecond},
		"zero":    {"0", 95 * time.Millisecond},
		"past":    {"Sun, 06 Nov 1994 08:49:37 GMT", 95 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, small, httpOnly, func(w *world) {
				text := value.text
				if name == "date" {
					text = time.Now().Add(4 * time.Second).UTC().Format(http.TimeFormat)
				}
				w.script(step{Status: 429, RetryAfter: text})
				w.serve()
				w.delivers()
				w.arrived()
				w.once()
				if gap := w.gaps()[0]; gap < value.least || gap > 15*time.Second {
					w.Errorf("%q: waited %v", text, gap)
				}
			})
		})
	}
}

// Longer than the patience: nothing is lost, and the next run sends it.
func Test05RetryAfterAYear(t *testing.T) {
	each(t, small, httpOnly, func(w *world) {
		w.server.SetDefault(step{Status: 429, RetryAfter: "31536000"})
		w.serve()
		w.retry = "2s"
		w.fails("429")
		if n := w.requests(); n != 1 {
			w.Errorf("%d requests", n)
		}
		w.keeps(w.server.TakeAll)
	})
}

func Test06RetryInfo(t *testing.T) {
	each(t, small, []string{grpc, httpProtobuf}, func(w *world) {
		w.script(step{Status: 429, GRPC: 8, RetryInfoMS: ms(2000), Message: "slow down"})
		w.serve()
		w.delivers()
		w.arrived()
		w.once()
		if gap := w.gaps()[0]; gap < 2*time.Second {
			w.Errorf("waited %v", gap)
		}
	})
}

func Test06ExhaustedWithoutRetryInfo(t *testing.T) {
	each(t, small, []string{grpc}, func(w *world) {
		w.script(times(2, step{GRPC: 8})...)
		w.serve()
		w.delivers()
		w.arrived()
		w.once()
		if n := w.requests(); n < 4 {
			w.Errorf("%d requests: it was not halved", n)
		}
	})
}

// The receiver takes it, and answers too late: it comes again, byte for byte.
func Test07SlowAnswer(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.timeout = "4s"
		w.script(step{DelayMS: 5000, Stored: true})
		w.serve()
		w.delivers()
		w.arrived()
		for s, n := range w.server.Stored() {
			if n < 2 {
				w.Fatalf("span %v came once", s)
			}
		}
	})
}

func Test08NeverAnswers(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.timeout = "4s"
		w.script(step{Hang: true}, step{Hang: true})
		w.serve()
		w.delivers()
		w.arrived()
		w.once()
	})
}

// It accepts connections, and never reads.
func Test08NeverReads(t *testing.T) {
	each(t, big, protocols, func(w *world) {
		l, err := net.Listen("tcp", w.address)
		if err != nil {
			w.Fatal(err)
		}
		w.timeout, w.retry, w.compression = "1s", "2s", "none"
		w.fails("cannot send")
		l.Close()
		w.keeps(func() {
			w.timeout, w.retry = "15s", "30s"
			w.serve()
		})
	})
}

func Test09ResetAndCut(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.script(step{Reset: true, Stored: true}, step{Close: true, Stored: true},
			step{Cut: true, Body: "x", Stored: true}, step{ResetStream: true})
		w.serve()
		w.retry = "90s"
		w.delivers()
		w.arrived()
	})
}

// A connection that is closed after each answer, just when it would be used again.
func Test10IdleConnectionClosed(t *testing.T) {
	each(t, big, protocols, func(w *world) {
		// A GOAWAY would be a hint, and libcurl loses the trailers that it overtakes.
		w.server.SetDefault(step{Last: w.protocol != grpc, Stale: w.protocol == grpc})
		w.serve()
		o := w.delivers()
		w.arrived()
		w.once()
		if requests, conns, _ := w.server.Counts(); conns < requests {
			w.Errorf("%d requests on %d connections", requests, conns)
		}
		if strings.Contains(o.output, "trying again") {
			w.Errorf("somebody noticed:\n%s", o.output)
		}
	})
}

func Test11ConnectionsGrowOld(t *testing.T) {
	for name, secure := range map[string]bool{"h2c": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			each(t, big, protocols, func(w *world) {
				if secure {
					w.useTLS(scripted.NewAuthority("right"), scripted.Leaf{})
				}
				// The third request of a connection finds it too old.
				w.server.ConnAge = 500 * time.Millisecond
				w.server.SetDefault(step{DelayMS: 200})
				w.retry = "90s"
				w.serve()
				w.delivers()
				w.arrived()
			})
		})
	}
}

func Test13PartialSuccess(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		s := step{BodyHex: "0a0a080312066e6f20776179"}
		if w.protocol == httpJSON {
			s = step{Body: `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no way"}}`}
		}
		w.script(s)
		w.serve()
		o := w.convert()
		if !strings.Contains(o.output, "no way") {
			w.Errorf("the receiver's words are not told:\n%s", o.output)
		}
		if n := w.requests(); n != 1 {
			w.Errorf("%d requests", n)
		}
		w.accounts(len(w.expected)-3, 3, 0, 0)
		w.within()
	})
}

// Accepted is accepted, whatever stands below it.
func Test14StrangeAnswers(t *testing.T) {
	for name, s := range map[string]step{
		"large":      {BodyBytes: 20 << 20},
		"bomb":       {BombBytes: 400 << 20, Encoding: "gzip"},
		"garbage":    {BodyHex: "ffffffff"},
		"html":       {Type: "text/html", Body: "<h1>fine</h1>"},
		"empty":      {Body: ""},
		"wrong type": {Type: "image/png", Body: "x"},
		"cut json":   {Type: "application/json", Body: `{"partialSuccess":{"rejectedSpans":"`},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, small, protocols, func(w *world) {
				answer := s
				if w.protocol == grpc {
					answer.Type = "" // without its type it is no gRPC at all
				}
				w.script(answer)
				w.serve()
				o := w.delivers()
				w.arrived()
				w.once()
				// The queue and the text of a batch take about 65 MiB, a bomb would take 400.
				if more := o.maxRSS - w.fileRSS; more > 32<<10 && !sanitized() {
					w.Errorf("took %d KiB more than for a file", more)
				}
			})
		})
	}
}

// As a Collector says it, as HTTP says it, and as gRPC does.
func Test15TooLarge(t *testing.T) {
	each(t, big, protocols, func(w *world) {
		w.server.MaxPlain = 400 << 10
		w.serve()
		w.delivers()
		w.arrived()
		w.once()
	})
}

func Test15EvenOneSpanIsTooLarge(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.server.MaxPlain = 2000
		w.serve()
		if o := w.convert(); o.code == 1 {
			w.buried(0)
		} else {
			w.arrived()
		}
		w.once()
	})
}

func Test16NoSuchHost(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.url, w.retry = "http://collector.invalid:4318", "1s"
		w.fails("is the host name right?")
		w.keeps(func() {
			w.serve()
			w.url = ""
		})
	})
}

// One span that is refused for good, in the middle of others that are not.
func Test23Poison(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		for s := range w.expected {
			w.server.Poison = s.ID
			break
		}
		w.serve()
		w.fails("cannot send")
		w.buried(1)
	})
}

func Test27Proxies(t *testing.T) {
	for name, s := range map[string]step{
		"302": {Status: 302}, "307": {Status: 307}, "407": {Status: 407}, "417": {Status: 417},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, small, protocols, func(w *world) {
				// Where it is told to go, nothing must arrive, least of all the token.
				elsewhere := scripted.New()
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					w.Fatal(err)
				}
				other := elsewhere.HTTP()
				go other.Serve(l)
				w.Cleanup(func() { other.Close() })
				answer := s
				answer.Location = "http://" + l.Addr().String() + "/v1/traces"
				w.server.SetDefault(answer)
				w.serve()
				w.fails(name)
				if n, _, _ := elsewhere.Counts(); n != 0 {
					w.Fatal("the redirect was followed")
				}
				w.keeps(w.server.TakeAll)
			})
		})
	}
}

// Every batch is taken, and none is acknowledged the first time.
func Test29DeliveredTwice(t *testing.T) {
	each(t, big, protocols, func(w *world) {
		w.server.EveryNth, w.server.Nth = 2, step{}
		w.server.SetDefault(step{Reset: true, Stored: true})
		w.serve()
		w.retry = "90s"
		w.delivers()
		w.arrived()
		for s, n := range w.server.Stored() {
			if n < 2 {
				w.Fatalf("span %v came once", s)
			}
		}
	})
}

func Test30ZstdRefused(t *testing.T) {
	each(t, big, protocols, func(w *world) {
		w.compression = "zstd"
		w.server.NoZstd = true
		w.serve()
		o := w.delivers()
		w.arrived()
		w.once()
		if n := strings.Count(o.output, "gzip from now on"); n != 1 {
			w.Errorf("told %d times:\n%s", n, o.output)
		}
	})
}

func Test31Signals(t *testing.T) {
	each(t, big, protocols, func(w *world) {
		w.server.SetDefault(step{DelayMS: 100})
		w.server.EveryNth, w.server.Nth = 3, step{Reset: true}
		w.serve()
		w.retry = "90s"
		cmd, out := w.start("convert", "-c", w.config(), "--retry-for", w.retry, w.trace)
		done := make(chan bool)
		go func() {
			for w.requests() == 0 {
				time.Sleep(time.Millisecond)
			}
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					cmd.Process.Signal(syscall.SIGWINCH)
					cmd.Process.Signal(syscall.SIGPIPE)
					cmd.Process.Signal(syscall.SIGCONT)
				}
			}
		}()
		o := w.wait(cmd, out)
		close(done)
		if o.code != 0 {
			w.Fatalf("status %d:\n%s", o.code, o.output)
		}
		w.arrived()
	})
}
