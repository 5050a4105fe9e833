// Package scripted is an OTLP receiver that answers as a script says: OTLP/HTTP with
// protobuf and JSON over HTTP/1.1, gRPC over HTTP/2, both in plain text and over TLS.
package scripted

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"sort"
	"strings"
	"sync"
	"time"
)

// Step is one answer. Exactly what its zero value says: accepted, no body.
type Step struct {
	Status      int    `json:"status"` // of HTTP
	GRPC        int    `json:"grpc"`   // of gRPC, for requests that are
	Message     string `json:"message"`
	RetryInfoMS *int   `json:"retry_info_ms"` // in the details of either
	DelayMS     int    `json:"delay_ms"`
	RetryAfter  string `json:"retry_after"`
	Location    string `json:"location"`
	Type        string `json:"type"`
	Encoding    string `json:"encoding"` // Content-Encoding that is claimed
	Body        string `json:"body"`
	BodyHex     string `json:"body_hex"`
	BodyBytes   int    `json:"body_bytes"`   // that many zero bytes instead
	BombBytes   int    `json:"bomb_bytes"`   // that many zero bytes, in gzip
	Early       bool   `json:"early"`        // answer before the request is read
	NoTrailers  bool   `json:"no_trailers"`  // gRPC: end without a status
	TrailersToo bool   `json:"trailers_too"` // gRPC: a refusal after a message, not instead of one
	Cut         bool   `json:"cut"`          // close in the middle of the body
	Close       bool   `json:"close"`        // close without an answer
	Reset       bool   `json:"reset"`        // the same with a TCP reset
	ResetStream bool   `json:"reset_stream"` // the same for one stream of HTTP/2
	Hang        bool   `json:"hang"`         // no answer until the client is gone
	Last        bool   `json:"last"`         // of this connection: close, or GOAWAY
	Stale       bool   `json:"stale"`        // HTTP/2 behind Stale(): reset by the next request
	Stored      bool   `json:"stored"`       // the spans count, whatever is answered
	RawHex      string `json:"raw_hex"`      // HTTP/1.1: these bytes, then close
}

// Server answers by its script, and then with its Default. The other fields are for
// receivers that judge by what comes.
type Server struct {
	Log       io.Writer // a line a request, or nil
	Default   Step
	MaxPlain  int           // refuse larger requests, after decompression
	Poison    string        // refuse requests with this span id
	NoZstd    bool          // refuse that encoding
	Token     string        // the authorization that every request must have
	EveryNth  int           // with Nth: answer each n-th request so
	Nth       Step          //
	ConnAge   time.Duration // GOAWAY or close to older connections
	Before    func()        // called before each answer, once the spans are stored
	mu        sync.Mutex
	script    []Step
	requests  int
	conns     int
	stored    map[Span]int
	seen      map[Span]int
	arrived   []time.Time
	undecoded int
}

type connKey struct{}

type conn struct {
	number int
	since  time.Time
	net    net.Conn
}

// New makes a server with this script.
func New(script ...Step) *Server {
	return &Server{script: script, stored: map[Span]int{}, seen: map[Span]int{}}
}

// HTTP is the http.Server around it: HTTP/1.1, and HTTP/2 with prior knowledge or ALPN.
func (s *Server) HTTP() *http.Server {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: s, Protocols: &p,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns++
			return context.WithValue(ctx, connKey{}, &conn{s.conns, time.Now(), c})
		},
	}
}

// Stored is how often each span was taken.
func (s *Server) Stored() map[Span]int { return s.copyOf(s.stored) }

// Seen is how often each span came, whatever was answered.
func (s *Server) Seen() map[Span]int { return s.copyOf(s.seen) }

func (s *Server) copyOf(m map[Span]int) map[Span]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := map[Span]int{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

// Counts: requests, connections, and requests that could not be decoded.
func (s *Server) Counts() (requests, conns, undecoded int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.conns, s.undecoded
}

// Times is when each request had arrived.
func (s *Server) Times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.arrived...)
}

// SetDefault replaces what is answered after the script.
func (s *Server) SetDefault(st Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Default = st
}

// SetScript replaces the steps that are left.
func (s *Server) SetScript(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = steps
}

// Forget what came so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.stored)
	clear(s.seen)
	s.requests, s.arrived = 0, nil
}

// TakeAll mends everything: from now on each request is accepted.
func (s *Server) TakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.Default, s.MaxPlain, s.Poison, s.NoZstd, s.Token, s.EveryNth = nil, Step{}, 0, "", false, "", 0
}

func unpack(encoding string, wire []byte) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return wire, nil
	case "gzip":
		zr, err := gzip.NewReader(bytes.NewReader(wire))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(zr) // checks length and CRC
	case "zstd":
		cmd := exec.Command("zstd", "-dc")
		cmd.Stdin = bytes.NewReader(wire)
		return cmd.Output()
	default:
		return nil, fmt.Errorf("unsupported Content-Encoding %q", encoding)
	}
}

// decode finds the message and its spans in a request.
func decode(r *http.Request, wire []byte) (plain []byte, spans []Span, err error) {
	encoding := r.Header.Get("Content-Encoding")
	kind := r.Header.Get("Content-Type")
	if isGRPC(r) {
		encoding = ""
		if len(wire) < 5 || binary.BigEndian.Uint32(wire[1:]) != uint32(len(wire)-5) {
			return nil, nil, fmt.Errorf("not one gRPC message")
		}
		if wire[0] == 1 {
			encoding = r.Header.Get("Grpc-Encoding")
		}
		wire = wire[5:]
	}
	if plain, err = unpack(encoding, wire); err != nil {
		return nil, nil, err
	}
	if kind == "application/json" {
		spans, err = JSONSpans(plain)
	} else {
		spans, err = ProtoSpans(plain)
	}
	return plain, spans, err
}

func isGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

func (st Step) accepts(grpc bool) bool {
	if st.Stored {
		return true
	}
	if st.Close || st.Reset || st.ResetStream || st.Hang || st.Early || st.Cut || st.NoTrailers || st.RawHex != "" {
		return false
	}
	if grpc && st.GRPC != 0 {
		return false
	}
	return st.Status == 0 || st.Status/100 == 2
}

// next is the step for a request, which it logs and remembers.
func (s *Server) next(r *http.Request, wire, plain []byte, spans []Span) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.arrived = append(s.arrived, time.Now())
	var headers []string
	for name, values := range r.Header {
		headers = append(headers, fmt.Sprintf("{%s: %s}", name, strings.Join(values, "|")))
	}
	sort.Strings(headers)
	if s.Log != nil {
		fmt.Fprintf(s.Log, "request %d conn=%d method=%s path=%s wire=%d:%016x plain=%d:%016x proto=%s spans=%d %s\n",
			s.requests, r.Context().Value(connKey{}).(*conn).number, r.Method, r.URL.RequestURI(),
			len(wire), Hash(wire), len(plain), Hash(plain), r.Proto, len(spans), strings.Join(headers, " "))
	}
	st := s.judge(r, plain, spans)
	for _, span := range spans {
		s.seen[span]++
		if st.accepts(isGRPC(r)) {
			s.stored[span]++
		}
	}
	return st
}

func (s *Server) judge(r *http.Request, plain []byte, spans []Span) Step {
	encoding := r.Header.Get("Content-Encoding") + r.Header.Get("Grpc-Encoding")
	if s.NoZstd && encoding == "zstd" {
		return Step{Status: 400, GRPC: 12, Type: "text/plain",
			Body:    "unsupported Content-Encoding: zstd",
			Message: `grpc: Decompressor is not installed for grpc-encoding "zstd"`}
	}
	if s.Token != "" && r.Header.Get("Authorization") != s.Token {
		return Step{Status: 401, GRPC: 16, Message: "who are you?"}
	}
	if s.MaxPlain > 0 && len(plain) > s.MaxPlain {
		return Step{Status: 400, GRPC: 8, Type: "text/plain", Body: "http: request body too large",
			Message: "grpc: received message after decompression larger than max"}
	}
	for _, span := range spans {
		if span.ID == s.Poison {
			return Step{Status: 400, GRPC: 3, Message: "invalid span id"}
		}
	}
	if len(s.script) > 0 {
		st := s.script[0]
		s.script = s.script[1:]
		return st
	}
	if s.EveryNth > 0 && s.requests%s.EveryNth == 0 {
		return s.Nth
	}
	return s.Default
}

var bombs sync.Map // made once: that takes seconds

func bomb(size int) []byte {
	if b, ok := bombs.Load(size); ok {
		return b.([]byte)
	}
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for n := 0; n < size; n += len(zeros) {
		zw.Write(zeros)
	}
	zw.Close()
	bombs.Store(size, b.Bytes())
	return b.Bytes()
}

func (st Step) body() []byte {
	if st.BodyBytes > 0 {
		return make([]byte, st.BodyBytes)
	}
	if st.BombBytes > 0 {
		return bomb(st.BombBytes)
	}
	if st.BodyHex != "" {
		b, err := hex.DecodeString(st.BodyHex)
		if err != nil {
			panic(err)
		}
		return b
	}
	return []byte(st.Body)
}

func hangUp(w http.ResponseWriter, r *http.Request, st Step) {
	c := r.Context().Value(connKey{}).(*conn).net
	if st.RawHex != "" && r.ProtoMajor == 1 {
		hijacked, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			raw, _ := hex.DecodeString(st.RawHex)
			hijacked.Write(raw)
			hijacked.Close()
			return
		}
	}
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok && st.Reset {
		tcp.SetLinger(0)
	}
	if !st.ResetStream {
		c.Close()
	}
	panic(http.ErrAbortHandler)
}

// status is a google.rpc.Status, with a RetryInfo if the step has one.
func (st Step) status(code int) []byte {
	field := func(number int, content []byte) []byte {
		b := binary.AppendUvarint(nil, uint64(number<<3|2))
		b = binary.AppendUvarint(b, uint64(len(content)))
		return append(b, content...)
	}
	b := binary.AppendUvarint([]byte{1 << 3}, uint64(code))
	b = append(b, field(2, []byte(st.Message))...)
	if st.RetryInfoMS != nil {
		duration := binary.AppendUvarint([]byte{1 << 3}, uint64(*st.RetryInfoMS/1000))
		duration = append(duration, 2<<3)
		duration = binary.AppendUvarint(duration, uint64(*st.RetryInfoMS%1000*1000000))
		info := field(1, duration)
		any := append(field(1, []byte("type.googleapis.com/google.rpc.RetryInfo")), field(2, info)...)
		b = append(b, field(3, any)...)
	}
	return b
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isGRPC(r) && r.ProtoMajor < 2 {
		panic(http.ErrAbortHandler) // what a gRPC server does with HTTP/1.1: it hangs up
	}
	s.mu.Lock()
	early := len(s.script) > 0 && s.script[0].Early
	s.mu.Unlock()
	var wire, plain []byte
	var spans []Span
	var err error
	if !early {
		if wire, err = io.ReadAll(r.Body); err != nil {
			return
		}
		if plain, spans, err = decode(r, wire); err != nil {
			s.mu.Lock()
			s.undecoded++
			s.mu.Unlock()
			if s.Log != nil {
				fmt.Fprintf(s.Log, "request undecodable: %v\n", err)
			}
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	st := s.next(r, wire, plain, spans)
	if s.Before != nil {
		s.Before()
	}
	select {
	case <-time.After(time.Duration(st.DelayMS) * time.Millisecond):
	case <-r.Context().Done():
		return
	}
	c := r.Context().Value(connKey{}).(*conn)
	switch {
	case st.Hang:
		<-r.Context().Done()
	case st.Close || st.Reset || st.ResetStream || st.RawHex != "":
		hangUp(w, r, st)
	default:
		if st.Last || s.ConnAge > 0 && time.Since(c.since) > s.ConnAge {
			w.Header().Set("Connection", "close")
		}
		if isGRPC(r) {
			answerGRPC(w, r, st)
		} else {
			answer(w, r, st)
		}
		if sc, ok := c.net.(*staleConn); ok && st.Stale {
			sc.stale.Store(true)
		}
	}
}

func answer(w http.ResponseWriter, r *http.Request, st Step) {
	header := w.Header()
	body := st.body()
	kind := r.Header.Get("Content-Type")
	if len(body) == 0 && (st.Message != "" || st.RetryInfoMS != nil) {
		kind, body = "application/x-protobuf", st.status(14)
	} else if len(body) == 0 && kind == "application/json" && st.Status/100 <= 2 {
		body = []byte("{}")
	}
	header.Set("Content-Type", kind)
	set := func(name, value string) {
		if value != "" {
			header.Set(name, value)
		}
	}
	set("Content-Type", st.Type)
	set("Content-Encoding", st.Encoding)
	set("Retry-After", st.RetryAfter)
	set("Location", st.Location)
	if st.Cut {
		header.Set("Content-Length", fmt.Sprint(len(body)+10))
	}
	if st.Status != 0 {
		w.WriteHeader(st.Status)
	}
	w.Write(body)
}

func answerGRPC(w http.ResponseWriter, r *http.Request, st Step) {
	header := w.Header()
	header.Set("Content-Type", "application/grpc")
	if st.Type != "" {
		header.Set("Content-Type", st.Type)
	}
	if st.Status != 0 && st.Status != 200 && st.GRPC == 0 {
		if st.RetryAfter != "" {
			header.Set("Retry-After", st.RetryAfter)
		}
		w.WriteHeader(st.Status)
		w.Write(st.body())
		return
	}
	prefix := http.TrailerPrefix
	if st.GRPC != 0 && !st.TrailersToo {
		prefix = "" // Trailers-Only
	} else {
		body := st.body()
		frame := []byte{0, 0, 0, 0, 0}
		if st.Encoding != "" {
			frame[0] = 1
			header.Set("Grpc-Encoding", st.Encoding)
		}
		binary.BigEndian.PutUint32(frame[1:], uint32(len(body)))
		// Without a flush there would be a Content-Length, which gRPC does not have.
		w.(http.Flusher).Flush()
		w.Write(append(frame, body...))
		if st.Cut {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	if st.NoTrailers {
		return
	}
	header.Set(prefix+"Grpc-Status", fmt.Sprint(st.GRPC))
	if st.Message != "" {
		header.Set(prefix+"Grpc-Message", strings.ReplaceAll(url.QueryEscape(st.Message), "+", "%20"))
	}
	if st.RetryInfoMS != nil {
		header.Set(prefix+"Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(st.status(st.GRPC)))
	}
}
