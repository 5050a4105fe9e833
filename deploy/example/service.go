package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

type order struct {
	ID       int64  `json:"id"`
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
	Cents    int    `json:"cents"`
}

// charge is one card payment on its way to the cashier.
type charge struct {
	order order
	done  chan struct{}
}

type service struct {
	rec        *recorder
	tracing    *tracing
	client     *http.Client
	paymentURL string
	cashier    chan charge
	lastID     atomic.Int64

	stockMu sync.Mutex // guards stock; see reserve for the mistake it is part of
	stock   map[string]int

	ordersMu sync.RWMutex // guards orders
	orders   []order      // the newest maxOrders
}

const maxOrders = 50

var errSoldOut = errors.New("sold out")

func newService(paymentURL string, rec *recorder, t *tracing) *service {
	s := &service{
		rec:        rec,
		tracing:    t,
		client:     &http.Client{Timeout: 2 * time.Second},
		paymentURL: paymentURL,
		cashier:    make(chan charge),
		stock:      map[string]int{"tea": 1 << 20, "coffee": 1 << 20},
	}
	go s.cash()
	return s
}

func (s *service) routes(mux *http.ServeMux) {
	mux.Handle("POST /orders", s.traced("POST /orders", s.create))
	mux.Handle("GET /orders", s.traced("GET /orders", s.list))
}

// traced makes a task of each request. The task's name is the route and not
// the path: a name should be one of few. The handler returns the status and
// the answer.
func (s *service) traced(name string, handle func(context.Context, *http.Request) (int, any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ctx, end := s.tracing.begin(r, name)
		defer func() {
			end() // before the recorder looks, so that the snapshot has it
			s.rec.requestDone(time.Since(start))
		}()

		status, answer := handle(ctx, r)
		if err, ok := answer.(error); ok {
			trace.Log(ctx, "error", err.Error())
			answer = map[string]string{"error": err.Error()}
		}
		defer trace.StartRegion(ctx, "respond").End()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(answer)
	})
}

// create is POST /orders. Each step is a region: a piece of the request with
// a name, on one goroutine.
func (s *service) create(ctx context.Context, r *http.Request) (int, any) {
	o, err := decode(ctx, r)
	if err != nil {
		return http.StatusBadRequest, err
	}
	o.ID = s.lastID.Add(1)
	trace.Logf(ctx, "order.id", "%d", o.ID)

	if err := s.reserve(ctx, o); errors.Is(err, errSoldOut) {
		return http.StatusConflict, err
	} else if err != nil {
		return http.StatusPaymentRequired, err
	}
	if err := s.charge(ctx, o); err != nil {
		return http.StatusServiceUnavailable, err
	}
	s.save(ctx, o)
	s.notify(ctx, o)
	return http.StatusCreated, o
}

func decode(ctx context.Context, r *http.Request) (order, error) {
	defer trace.StartRegion(ctx, "decode").End()
	var o order
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<16)).Decode(&o); err != nil {
		return o, fmt.Errorf("bad order: %w", err)
	}
	if o.Item == "" || o.Quantity < 1 || o.Quantity > 100 {
		return o, errors.New("bad order: needs an item and a quantity of 1 to 100")
	}
	o.Cents = 250 * o.Quantity
	return o, nil
}

// reserve takes the goods off the shelf. It holds the stock lock while it
// asks the payment service, which is the mistake that the trace brings to
// light: one slow answer, and every other order waits in "lock stock".
func (s *service) reserve(ctx context.Context, o order) error {
	defer trace.StartRegion(ctx, "reserve stock").End()
	trace.WithRegion(ctx, "lock stock", s.stockMu.Lock)
	defer s.stockMu.Unlock()
	if s.stock[o.Item] < o.Quantity {
		return errSoldOut
	}
	if err := s.authorize(ctx, o); err != nil {
		return err
	}
	s.stock[o.Item] -= o.Quantity
	return nil
}

// authorize asks the payment service whether the card is good.
func (s *service) authorize(ctx context.Context, o order) error {
	defer trace.StartRegion(ctx, "authorize card").End()
	url := fmt.Sprintf("%s/authorize?order=%d&cents=%d", s.paymentURL, o.ID, o.Cents)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("order %d: card declined", o.ID)
	}
	return nil
}

// charge hands the payment to the one cashier over a channel and waits.
func (s *service) charge(ctx context.Context, o order) error {
	defer trace.StartRegion(ctx, "charge card").End()
	c := charge{order: o, done: make(chan struct{})}
	select {
	case s.cashier <- c:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cash is the cashier: one goroutine of no request that works for all.
func (s *service) cash() {
	for c := range s.cashier {
		time.Sleep(500 * time.Microsecond) // the terminal beeps
		close(c.done)
	}
}

func (s *service) save(ctx context.Context, o order) {
	defer trace.StartRegion(ctx, "save order").End()
	s.ordersMu.Lock()
	defer s.ordersMu.Unlock()
	s.orders = append(s.orders, o)
	if len(s.orders) > maxOrders {
		s.orders = append(s.orders[:0], s.orders[1:]...)
	}
}

// notify tells everybody else at once. A goroutine that is started here works
// for this request, and its regions take the task along in ctx.
func (s *service) notify(ctx context.Context, o order) {
	defer trace.StartRegion(ctx, "notify").End()
	var wg sync.WaitGroup
	for _, target := range []string{"email", "warehouse", "statistics"} {
		wg.Go(func() {
			defer trace.StartRegion(ctx, "notify "+target).End()
			time.Sleep(time.Duration(200+100*len(target)) * time.Microsecond)
		})
	}
	wg.Wait()
}

// list is GET /orders: it copies the orders, then adds them up in two halves.
func (s *service) list(ctx context.Context, r *http.Request) (int, any) {
	var orders []order
	trace.WithRegion(ctx, "load orders", func() {
		s.ordersMu.RLock()
		orders = append([]order{}, s.orders...)
		s.ordersMu.RUnlock()
	})

	defer trace.StartRegion(ctx, "add up").End()
	sums := make(chan int)
	half := len(orders) / 2
	for _, part := range [][]order{orders[:half], orders[half:]} {
		go func() {
			defer trace.StartRegion(ctx, "add up half").End()
			cents := 0
			for _, o := range part {
				cents += o.Cents
			}
			sums <- cents
		}()
	}
	total := <-sums + <-sums
	return http.StatusOK, map[string]any{"orders": orders, "cents": total}
}
