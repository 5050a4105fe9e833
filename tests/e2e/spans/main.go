// Command spans compares what was sent with what arrived.
//
//	spans diff [-once] [-cut] SENT ARRIVED...
//	    The sets of (trace id, span id), and all contents of every span. A span
//	    may arrive more than once, alike (-once: may not). -cut forgives a last
//	    line that a killed writer did not end. Each file must add something.
//	spans story REQUEST REASON FILE...
//	    Is there a slow REQUEST that waits for REASON, with a link to who kept it?
//	spans reread FILE
//	    Each line as the Collector's file receiver reads it, written again as it writes it.
//	spans ports N
//	    Ports of the loopback address that nobody listens on.
//
// Files hold OTLP JSON lines, or protobuf messages if they are named *.pb.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "spans:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 2 && args[0] == "diff":
		return diff(args[1:])
	case len(args) > 3 && args[0] == "story":
		return tellStory(os.Stdout, args[3:], args[1], args[2])
	case len(args) == 2 && args[0] == "reread":
		return reread(args[1])
	case len(args) == 2 && args[0] == "ports":
		return ports(args[1])
	}
	return errors.New("usage: spans diff|story|reread|ports ...")
}

func diff(args []string) error {
	fs := flag.NewFlagSet("diff", flag.ExitOnError)
	once := fs.Bool("once", false, "no span may arrive twice")
	cut := fs.Bool("cut", false, "the last line of what arrived may be cut")
	_ = fs.Parse(args)
	if fs.NArg() < 2 {
		return errors.New("usage: spans diff [-once] [-cut] SENT ARRIVED...")
	}
	var want, got *set
	var wantErr, gotErr error
	var wg sync.WaitGroup
	wg.Go(func() { want, wantErr = load(fs.Args()[:1], false) })
	wg.Go(func() { got, gotErr = load(fs.Args()[1:], *cut) })
	wg.Wait()
	if err := errors.Join(wantErr, gotErr); err != nil {
		return err
	}
	if len(want.spans) == 0 {
		return errors.New("nothing was sent")
	}
	if !report(os.Stdout, want, got) {
		return errors.New("what arrived is not what was sent")
	}
	if want.again > 0 {
		return fmt.Errorf("%d spans were written twice", want.again)
	}
	if *once && got.again > 0 {
		return fmt.Errorf("%d spans arrived twice", got.again)
	}
	if len(got.fresh) > 1 {
		for i, n := range got.fresh {
			fmt.Printf("%d of them in %s\n", n, filepath.Base(got.files[i]))
			if n == 0 {
				return fmt.Errorf("nothing in %s", got.files[i])
			}
		}
	}
	fmt.Printf("%d spans equal, %d deliveries more\n", len(got.spans), got.again)
	return nil
}

// ports keeps all of them open until the last is found, so they differ.
func ports(text string) error {
	n, err := strconv.Atoi(text)
	for i := 0; i < n && err == nil; i++ {
		var l net.Listener
		if l, err = net.Listen("tcp4", "127.0.0.1:0"); err == nil {
			defer l.Close()
			fmt.Println(l.Addr().(*net.TCPAddr).Port)
		}
	}
	return err
}
