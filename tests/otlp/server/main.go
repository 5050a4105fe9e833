// otlpserver is a scripted OTLP receiver for tests, over HTTP and gRPC.
//
// It listens on a free loopback port, prints "port N", answers each request by the
// next step of -script (a JSON array, see package scripted; accepted when it is over),
// and ends when its standard input ends. With -tls FILE it speaks TLS and writes the
// certificate of its authority there. Before it answers it prints one line:
//
//	request N conn=C method=M path=P wire=BYTES:HASH plain=BYTES:HASH proto=V spans=S {Name: value} ...
//
// wire is the body as received, plain the message in it; HASH is FNV-1a.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"otlpserver/scripted"
)

func main() {
	script := flag.String("script", "[]", "JSON array of steps")
	maxPlain := flag.Int("max", 0, "refuse decoded bodies above this many bytes")
	authority := flag.String("tls", "", "speak TLS, write the authority's certificate to this file")
	noZstd := flag.Bool("no-zstd", false, "refuse that encoding")
	flag.Parse()
	var steps []scripted.Step
	if err := json.Unmarshal([]byte(*script), &steps); err != nil {
		log.Fatal(err)
	}
	s := scripted.New(steps...)
	s.Log, s.MaxPlain, s.NoZstd = os.Stdout, *maxPlain, *noZstd
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	h := s.HTTP()
	h.ErrorLog = log.New(io.Discard, "", 0)
	port := listener.Addr().(*net.TCPAddr).Port
	if *authority == "" {
		fmt.Printf("port %d\n", port)
		log.Fatal(h.Serve(listener))
	}
	ca := scripted.NewAuthority("otlpserver")
	cert, _, _ := ca.Sign(scripted.Leaf{})
	scripted.WriteFiles(*authority, ca.PEM)
	h.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	fmt.Printf("port %d\n", port)
	log.Fatal(h.ServeTLS(listener, "", ""))
}
