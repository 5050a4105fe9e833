package main

import (
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Every slowEvery-th answer of the payment service takes slowAnswer or more.
const (
	slowEvery  = 120
	slowAnswer = 380 * time.Millisecond
)

// payments stands in for a service of somebody else: it listens on loopback,
// carries no annotations and is mostly, but not always, fast.
type payments struct {
	url    string
	server *http.Server
	asked  atomic.Int64
}

func startPayments() (*payments, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &payments{url: "http://" + ln.Addr().String()}
	p.server = &http.Server{Handler: http.HandlerFunc(p.authorize), ReadHeaderTimeout: 5 * time.Second}
	go p.server.Serve(ln)
	return p, nil
}

func (p *payments) stop() { p.server.Close() }

func (p *payments) authorize(w http.ResponseWriter, r *http.Request) {
	n := p.asked.Add(1)
	wait := time.Millisecond + rand.N(2*time.Millisecond)
	if n%slowEvery == 0 {
		wait += slowAnswer + rand.N(60*time.Millisecond)
	}
	time.Sleep(wait)
	if n%50 == 0 {
		http.Error(w, "card declined", http.StatusPaymentRequired)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
