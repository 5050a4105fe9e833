// otlpserver is a scripted OTLP/HTTP receiver for tests.
//
// It listens on a free loopback port, prints "port N", answers each POST by the
// next step of -script (a JSON array; 200 with an empty body when it is over),
// and ends when its standard input ends. With -tls FILE it speaks TLS and writes
// its self-made certificate there. Before it answers it prints one line:
//
//	request N conn=C method=M path=P wire=BYTES:HASH plain=BYTES:HASH {Name: value} ...
//
// wire is the body as received, plain after Content-Encoding; HASH is FNV-1a.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

// step is one answer. Exactly what its zero value says: 200, no body.
type step struct {
	Status     int    `json:"status"`
	DelayMS    int    `json:"delay_ms"`
	RetryAfter string `json:"retry_after"`
	Location   string `json:"location"`
	Type       string `json:"type"`
	Body       string `json:"body"`
	BodyHex    string `json:"body_hex"`
	BodyBytes  int    `json:"body_bytes"` // that many zero bytes instead
	Cut        bool   `json:"cut"`        // close in the middle of the body
	Close      bool   `json:"close"`      // close without an answer
	Reset      bool   `json:"reset"`      // the same with a TCP reset
	RawHex     string `json:"raw_hex"`    // these bytes instead of HTTP, then close
}

type connKey struct{}

type server struct {
	mu       sync.Mutex
	script   []step
	requests int
	conns    int
	maxPlain int
}

func hash(b []byte) string {
	h := fnv.New64a()
	h.Write(b)
	return fmt.Sprintf("%d:%016x", len(b), h.Sum64())
}

func decode(r *http.Request, wire []byte) ([]byte, error) {
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "":
		return wire, nil
	case "gzip":
		zr, err := gzip.NewReader(bytes.NewReader(wire))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(zr) // checks length and CRC
	default:
		return nil, fmt.Errorf("unsupported Content-Encoding %q", enc)
	}
}

func (s *server) record(r *http.Request, wire, plain []byte) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	var headers []string
	for name, values := range r.Header {
		headers = append(headers, fmt.Sprintf("{%s: %s}", name, strings.Join(values, "|")))
	}
	sort.Strings(headers)
	fmt.Printf("request %d conn=%d method=%s path=%s wire=%s plain=%s %s\n", s.requests,
		r.Context().Value(connKey{}), r.Method, r.URL.RequestURI(), hash(wire), hash(plain),
		strings.Join(headers, " "))
	if s.maxPlain > 0 && len(plain) > s.maxPlain {
		return step{Status: 400, Type: "text/plain", Body: "http: request body too large"}
	}
	if len(s.script) == 0 {
		return step{}
	}
	next := s.script[0]
	s.script = s.script[1:]
	return next
}

func hijack(w http.ResponseWriter, st step) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		log.Fatal(err)
	}
	if raw, err := hex.DecodeString(st.RawHex); err == nil {
		conn.Write(raw)
	}
	if st.Reset {
		conn.(*net.TCPConn).SetLinger(0)
	}
	conn.Close()
}

func (st step) body() []byte {
	if st.BodyBytes > 0 {
		return make([]byte, st.BodyBytes)
	}
	if st.BodyHex != "" {
		b, err := hex.DecodeString(st.BodyHex)
		if err != nil {
			log.Fatal(err)
		}
		return b
	}
	return []byte(st.Body)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wire, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	plain, err := decode(r, wire)
	if err != nil {
		fmt.Printf("request undecodable: %v\n", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	st := s.record(r, wire, plain)
	time.Sleep(time.Duration(st.DelayMS) * time.Millisecond)
	if st.Close || st.Reset || st.RawHex != "" {
		hijack(w, st)
		return
	}
	body := st.body()
	header := w.Header()
	header.Set("Content-Type", "application/x-protobuf")
	if st.Type != "" {
		header.Set("Content-Type", st.Type)
	}
	if st.RetryAfter != "" {
		header.Set("Retry-After", st.RetryAfter)
	}
	if st.Location != "" {
		header.Set("Location", st.Location)
	}
	if st.Cut {
		header.Set("Content-Length", fmt.Sprint(len(body)+10))
	}
	if st.Status != 0 {
		w.WriteHeader(st.Status)
	}
	w.Write(body)
}

// selfSigned makes a certificate for 127.0.0.1 and writes it to file as PEM.
func selfSigned(file string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "otlpserver"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func main() {
	script := flag.String("script", "[]", "JSON array of steps")
	maxPlain := flag.Int("max", 0, "refuse decoded bodies above this many bytes")
	certFile := flag.String("tls", "", "speak TLS, write the certificate to this file")
	flag.Parse()
	s := &server{maxPlain: *maxPlain}
	if err := json.Unmarshal([]byte(*script), &s.script); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	h := &http.Server{Handler: s, ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conns++
		return context.WithValue(ctx, connKey{}, s.conns)
	}}
	port := listener.Addr().(*net.TCPAddr).Port
	if *certFile != "" {
		h.TLSConfig = &tls.Config{Certificates: []tls.Certificate{selfSigned(*certFile)}}
		h.ErrorLog = log.New(io.Discard, "", 0)
		fmt.Printf("port %d\n", port)
		log.Fatal(h.ServeTLS(listener, "", ""))
	}
	fmt.Printf("port %d\n", port)
	log.Fatal(h.Serve(listener))
}
