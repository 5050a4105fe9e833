// Command orders is a small HTTP service that shows how to annotate a Go
// program for the execution trace, and how to keep a flight recorder that
// writes a snapshot when a request was slow.
//
//	tracing.go   a task per request, or a span of OpenTelemetry that has one
//	service.go   tasks, regions, logs, the stock lock, the fan-out
//	recorder.go  the flight recorder and its snapshot files
//	payment.go   the slow dependency, a fake
//	drive.go     a bounded load generator against the service itself
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:8080", "serve on this `address`; keep it on loopback, it has debug pages")
	dir := flag.String("snapshots", "snapshots", "write snapshots into this `folder`")
	threshold := flag.Duration("threshold", 300*time.Millisecond, "a request that takes longer is slow")
	clients := flag.Int("drive", 0, "drive the service with this many own `clients`, at most 64")
	driveFor := flag.Duration("drive-for", 30*time.Second, "how long to drive, at most 1h")
	once := flag.Bool("once", false, "exit after the first snapshot and print its path")
	otlp := flag.String("otlp", "", "export OpenTelemetry spans to this OTLP/HTTP `URL`, such as http://localhost:4318")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if *clients < 0 || *clients > 64 || *driveFor <= 0 || *driveFor > time.Hour {
		return errors.New("-drive must be 0 to 64, -drive-for above 0 and at most 1h")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	// Start recording first: what is not recorded cannot be explained later.
	rec, err := startRecorder(*dir, *threshold)
	if err != nil {
		return err
	}
	defer rec.stop()

	payments, err := startPayments()
	if err != nil {
		return err
	}
	defer payments.stop()

	tracing, err := startTracing(*otlp)
	if err != nil {
		return err
	}
	defer tracing.stop()

	mux := http.NewServeMux()
	newService(payments.url, rec, tracing).routes(mux)
	mux.HandleFunc("GET /debug/flightrecorder", rec.serve)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)

	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	log.Printf("serving on http://%s, snapshots in %s", ln.Addr(), *dir)

	// No WriteTimeout: /debug/pprof/trace?seconds=N streams for N seconds.
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	defer shutdown(server)

	var driven chan struct{} // nil, so never ready, when nothing drives
	if *clients > 0 {
		driven = make(chan struct{})
		go func() {
			drive(ctx, "http://"+ln.Addr().String(), *clients, *driveFor)
			close(driven)
		}()
	}

	for {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		case path := <-rec.written:
			log.Printf("wrote %s", path)
			if *once {
				fmt.Println(path)
				return nil
			}
		case <-driven:
			log.Print("the drive is over")
			if *once {
				return errors.New("no request was slow: no snapshot")
			}
			driven = nil
		}
	}
}

// shutdown lets requests in flight finish for a second, then cuts them.
func shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}
