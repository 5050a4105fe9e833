package faults

import (
	"maps"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"otlpserver/scripted"
)

// The name of a receiver gets another address while the old one goes on to answer: minutes later
// the program is at the new one. The minutes are libcurl's clocks, which the shim puts ahead.
func Test16AddressMoves(t *testing.T) {
	each(t, big, protocols, func(w *world) {
		if *shim == "" {
			w.Skip("no -shim")
		}
		if strings.Contains(*program, "san-thread") {
			w.Skip("the sanitizer takes libcurl's clock before the shim does")
		}
		control := func(name, text string) {
			scripted.WriteFiles(filepath.Join(w.dir, name), []byte(text))
		}
		w.env = []string{"LD_PRELOAD=" + *shim, "SHIM_CURL=" + w.dir + "/clock", "SHIM_CLOCK=" + w.dir + "/clock",
			"SHIM_HOSTS=" + w.dir + "/hosts"}
		control("hosts", "collector.test 127.0.0.1 0")
		w.serve()
		old, address := w.server, w.address
		_, port, _ := strings.Cut(address, ":")
		w.server, w.address = scripted.New(), "127.0.0.2:"+port
		w.serve()
		var requests atomic.Int32
		old.Before = func() {
			if requests.Add(1) == 2 {
				control("hosts", "collector.test 127.0.0.2 0")
				control("clock", "400")
			}
		}
		w.url = "http://collector.test:" + port
		w.timeout = "1000s" // the request under way does not end by that
		w.delivers()
		came := w.server.Stored()
		if requests.Load() != 2 || len(came) == 0 {
			w.Errorf("%d requests at the old address, %d spans at the new one", requests.Load(), len(came))
		}
		// Those under way when the minutes pass may come twice.
		maps.Copy(came, old.Stored())
		for s := range came {
			if !w.expected[s] {
				w.Fatalf("span %v arrived and was never produced so", s)
			}
		}
		if len(came) != len(w.expected) {
			w.Errorf("%d of %d spans arrived", len(came), len(w.expected))
		}
	})
}
