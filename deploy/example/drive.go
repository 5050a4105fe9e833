package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// drive sends requests from a few clients until the time is over. Each client
// waits for its answer and then pauses, so there are never more requests in
// flight than clients.
func drive(ctx context.Context, url string, clients int, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}

	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				send(ctx, client, url, n)
				select {
				case <-ctx.Done():
				case <-time.After(20*time.Millisecond + rand.N(40*time.Millisecond)):
				}
			}
		})
	}
	wg.Wait()
}

// send places an order, or every third time reads the orders. Errors are the
// service's business: it logs them, the driver goes on.
func send(ctx context.Context, client *http.Client, url string, n int) {
	method, body := http.MethodPost, fmt.Sprintf(`{"item":"tea","quantity":%d}`, 1+n%3)
	if n%3 == 2 {
		method, body = http.MethodGet, ""
	}
	req, err := http.NewRequestWithContext(ctx, method, url+"/orders", strings.NewReader(body))
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}
