package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/trace"
	"slices"
	"sync"
	"time"
)

const (
	clients     = 32
	connections = 4 // to the database
	shards      = 3
	auditors    = 4
)

type product struct {
	ID    uint64   `json:"id"`
	Title string   `json:"title"`
	Tags  []string `json:"tags"`
	Price float64  `json:"price"`
}

// A shop: a cache behind a lock, a database with a pool of connections, and auditors that
// other goroutines hand work to.
type shop struct {
	lock   sync.RWMutex
	cached map[int][]byte
	pool   chan struct{}
	audits chan func()

	hitsLock sync.Mutex
	hits     map[string]int
}

func newShop() *shop {
	s := &shop{cached: map[int][]byte{}, hits: map[string]int{}}
	s.pool = make(chan struct{}, connections)
	s.audits = make(chan func(), 2*auditors)
	for range auditors {
		go func() {
			for f := range s.audits {
				f()
			}
		}()
	}
	return s
}

// A query is a task of its own: it waits for a connection, then for the answer.
func (s *shop) query(ctx context.Context, statement string) []product {
	ctx, task := trace.NewTask(ctx, "db.query")
	defer task.End()
	trace.Log(ctx, "db.statement", statement)
	trace.WithRegion(ctx, "db.connection", func() { s.pool <- struct{}{} })
	defer func() { <-s.pool }()
	rows := make([]product, 0, 16)
	trace.WithRegion(ctx, "db.rows", func() {
		time.Sleep(50*time.Microsecond + rand.N(250*time.Microsecond))
		for i := range cap(rows) {
			rows = append(rows, product{rand.Uint64(), fmt.Sprint("product ", i),
				[]string{"new", "blue", "large"}, rand.Float64()})
		}
	})
	return rows
}

func (s *shop) lookup(ctx context.Context, key int) (page []byte) {
	defer trace.StartRegion(ctx, "cache.get").End()
	s.lock.RLock()
	defer s.lock.RUnlock()
	return s.cached[key]
}

func (s *shop) store(ctx context.Context, key int, page []byte) {
	defer trace.StartRegion(ctx, "cache.put").End()
	s.lock.Lock()
	defer s.lock.Unlock()
	s.cached[key] = page
}

func (s *shop) build(ctx context.Context) []byte {
	var found [shards][]product
	trace.WithRegion(ctx, "fan out", func() {
		each(shards, func(i int) {
			defer trace.StartRegion(ctx, "shard").End()
			found[i] = s.query(ctx, "SELECT * FROM products WHERE shard = $1")
		})
	})
	var all []product
	trace.WithRegion(ctx, "merge", func() {
		all = slices.Concat(found[:]...)
		slices.SortFunc(all, func(a, b product) int { return int(1000 * (a.Price - b.Price)) })
	})
	var page bytes.Buffer
	trace.WithRegion(ctx, "encode", func() { json.NewEncoder(&page).Encode(all) })
	return page.Bytes()
}

func (s *shop) serve(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var order struct{ Customer, Product int }
	trace.WithRegion(ctx, "decode", func() { json.NewDecoder(r.Body).Decode(&order) })
	page := s.lookup(ctx, order.Product)
	if page == nil || rand.IntN(2) == 0 {
		page = s.build(ctx)
		s.store(ctx, order.Product, page)
	}
	trace.WithRegion(ctx, "audit", func() {
		sum := make(chan string)
		s.audits <- func() {
			defer trace.StartRegion(ctx, "audit.sum").End()
			sum <- fmt.Sprintf("%x", sha256.Sum256(page))
		}
		w.Header().Set("ETag", <-sum)
	})
	if rand.IntN(2000) == 0 {
		trace.Log(ctx, "slow", "the supplier does not answer")
		time.Sleep(120 * time.Millisecond)
	}
	trace.WithRegion(ctx, "write", func() { w.Write(page) })
}

// What a service puts around its handlers: a count, a task, a deadline.
func (s *shop) around(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, task := trace.NewTask(r.Context(), r.Method+" "+r.URL.Path)
		defer task.End()
		trace.Log(ctx, "http.request.id", r.Header.Get("X-Request-Id"))
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		h(w, r.WithContext(ctx))
		s.hitsLock.Lock()
		s.hits[r.URL.Path]++
		s.hitsLock.Unlock()
	}
}

func loadHTTP(run running) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := newShop()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.around(s.serve))
	mux.HandleFunc("POST /carts", s.around(s.serve))
	go http.Serve(listener, mux)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	each(clients, func(i int) {
		for n := 0; run.on(); n++ {
			path := [...]string{"/orders", "/orders", "/carts"}[n%3]
			body := fmt.Sprintf(`{"customer": %d, "product": %d}`, i, rand.IntN(200))
			r, _ := http.NewRequest("POST", "http://"+listener.Addr().String()+path,
				bytes.NewReader([]byte(body)))
			r.Header.Set("X-Request-Id", fmt.Sprintf("%d-%d", i, n))
			if reply, err := client.Do(r); err == nil {
				io.Copy(io.Discard, reply.Body)
				reply.Body.Close()
			}
		}
	})
	return listener.Close()
}
