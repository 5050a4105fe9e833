package main

import (
	"context"
	"net"
	"os"
	"runtime/trace"
	"sync"
	"syscall"
	"time"
)

func init() {
	add("sync", "blocking on Mutex, RWMutex, Cond, WaitGroup and Once inside tasks", syncs)
	add("channels", "send, receive, select, close, and blocking for ever, inside tasks", channels)
	add("network", "read, write, accept and deadlines on loopback TCP inside tasks", network)
	add("syscalls", "system calls that block: pipe reads that lose their P, and short ones that keep it", syscalls)
	add("timers", "sleep, After, Ticker, AfterFunc, context timeouts inside tasks", timers)
}

func syncs() {
	var mu sync.Mutex
	mu.Lock()
	waiter := start(func() {
		task("mutex", func(ctx context.Context) {
			trace.WithRegion(ctx, "lock", mu.Lock)
			mu.Unlock()
		})
	})
	task("mutex holder", func(ctx context.Context) { trace.WithRegion(ctx, "held", pause); mu.Unlock() })
	<-waiter

	var rw sync.RWMutex
	rw.RLock()
	writer := start(func() {
		task("rwmutex writer", func(ctx context.Context) { rw.Lock(); pause(); rw.Unlock() })
	})
	pause()
	reader := start(func() {
		task("rwmutex reader", func(ctx context.Context) { rw.RLock(); rw.RUnlock() })
	})
	pause()
	rw.RUnlock()
	<-writer
	<-reader

	cond := sync.NewCond(&mu)
	ready := false
	waits := func() {
		task("cond", func(ctx context.Context) {
			mu.Lock()
			for !ready {
				cond.Wait()
			}
			mu.Unlock()
		})
	}
	one, two := start(waits), start(waits)
	pause()
	cond.Signal() // too early: waits again
	pause()
	mu.Lock()
	ready = true
	mu.Unlock()
	cond.Broadcast()
	<-one
	<-two

	var wg sync.WaitGroup
	wg.Add(2)
	for i := 0; i < 2; i++ {
		go func() { defer wg.Done(); pause() }()
	}
	task("waitgroup", func(ctx context.Context) { trace.WithRegion(ctx, "wait", wg.Wait) })

	var once sync.Once
	first := start(func() { once.Do(func() { time.Sleep(2 * time.Millisecond); pause() }) })
	time.Sleep(time.Millisecond)
	task("once", func(ctx context.Context) { once.Do(func() {}) })
	<-first
}

func channels() {
	plain := make(chan int)
	sender := start(func() {
		task("send", func(ctx context.Context) { trace.WithRegion(ctx, "send", func() { plain <- 1 }) })
	})
	pause()
	<-plain
	<-sender

	receiver := start(func() {
		task("receive", func(ctx context.Context) { trace.WithRegion(ctx, "receive", func() { <-plain }) })
	})
	pause()
	task("sender that does not block", func(context.Context) { plain <- 2 })
	<-receiver

	full := make(chan int, 1)
	full <- 1
	buffered := start(func() { task("send to a full buffer", func(context.Context) { full <- 2 }) })
	pause()
	<-full
	<-buffered
	<-full

	selecting := start(func() {
		task("select", func(context.Context) {
			for i := 0; i < 2; i++ {
				select {
				case <-plain:
				case full <- 3:
				}
				if i == 0 {
					full <- 4 // now both cases block
				}
			}
			select {
			case <-plain:
			default:
			}
		})
	})
	pause()
	<-full
	pause()
	plain <- 5
	<-selecting

	closing := start(func() {
		task("range until close", func(context.Context) {
			for range plain {
			}
		})
	})
	plain <- 6
	pause()
	close(plain)
	<-closing

	// Never to be woken.
	go task("receive from nil", func(context.Context) { <-(chan int)(nil) })
	go task("empty select", func(context.Context) { select {} })
	pause()
}

func network() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	server := start(func() {
		task("server", func(ctx context.Context) {
			c, err := ln.Accept()
			if err != nil {
				panic(err)
			}
			defer c.Close()
			c.(*net.TCPConn).SetReadBuffer(64 << 10)
			buf := make([]byte, 64<<10)
			for i := 0; i < 2; i++ { // two echoes, the answer takes its time
				n, _ := c.Read(buf)
				pause()
				c.Write(buf[:n])
			}
			time.Sleep(5 * time.Millisecond) // let the big write block
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		})
	})
	task("client", func(ctx context.Context) {
		var c net.Conn
		trace.WithRegion(ctx, "dial", func() {
			if c, err = net.Dial("tcp", ln.Addr().String()); err != nil {
				panic(err)
			}
		})
		c.(*net.TCPConn).SetWriteBuffer(64 << 10)
		buf := make([]byte, 256)
		for i := 0; i < 2; i++ {
			trace.WithRegion(ctx, "echo", func() { c.Write(buf); c.Read(buf) })
		}
		trace.WithRegion(ctx, "deadline", func() {
			c.SetReadDeadline(time.Now().Add(2 * time.Millisecond))
			c.Read(buf)
		})
		trace.WithRegion(ctx, "big write", func() { c.Write(make([]byte, 1<<20)) })
		c.Close()
	})
	<-server
}

func syscalls() {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	// A read on the bare descriptor blocks the thread. After some time its
	// P is taken away, and the call ends blocked.
	reader := start(func() {
		task("pipe read", func(ctx context.Context) {
			buf := make([]byte, 8)
			for i := 0; i < 2; i++ {
				trace.WithRegion(ctx, "read", func() { syscall.Read(fds[0], buf) })
			}
			for i := 0; i < 3; i++ {
				syscall.Getppid()
			}
		})
	})
	for i := 0; i < 2; i++ {
		time.Sleep(30 * time.Millisecond)
		syscall.Write(fds[1], []byte("x"))
	}
	<-reader

	task("files", func(ctx context.Context) {
		name := os.TempDir()
		trace.WithRegion(ctx, "stat", func() { os.Stat(name) })
		trace.WithRegion(ctx, "nanosleep", func() {
			ts := syscall.NsecToTimespec(int64(25 * time.Millisecond))
			syscall.Nanosleep(&ts, nil)
		})
	})

	// In a system call when the trace ends.
	go task("still reading", func(context.Context) { syscall.Read(fds[0], make([]byte, 1)) })
	time.Sleep(25 * time.Millisecond)
}

func timers() {
	task("sleep", func(ctx context.Context) { trace.WithRegion(ctx, "2 ms", func() { time.Sleep(2 * time.Millisecond) }) })
	task("after", func(context.Context) { <-time.After(2 * time.Millisecond) })
	task("ticker", func(context.Context) {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for i := 0; i < 3; i++ {
			<-ticker.C
		}
	})
	task("after func", func(ctx context.Context) {
		done := make(chan struct{})
		time.AfterFunc(time.Millisecond, func() {
			trace.WithRegion(ctx, "timer goroutine", func() { close(done) })
		})
		<-done
	})
	task("context timeout", func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Millisecond)
		defer cancel()
		<-ctx.Done()
		trace.Log(ctx, "error", ctx.Err().Error())
	})
}
