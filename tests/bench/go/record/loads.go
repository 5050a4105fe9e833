package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"sync"
	"time"
)

func echo(c net.Conn) {
	defer c.Close()
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

// A file is written, read and removed: system calls inside a region.
func files(ctx context.Context, path string, b []byte) {
	defer trace.StartRegion(ctx, "file").End()
	os.WriteFile(path, b, 0o600)
	os.ReadFile(path)
	os.Stat(path)
	os.Remove(path)
}

func pipe(b []byte) {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	w.Write(b)
	r.Read(b)
	r.Close()
	w.Close()
}

func loadNet(run running) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go echo(c)
		}
	}()
	each(clients, func(i int) {
		ctx, task := trace.NewTask(context.Background(), "connection")
		defer task.End()
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 512)
		for n := 1; run.on(); n++ {
			c.SetDeadline(time.Now().Add(5 * time.Second))
			c.Write(b)
			io.ReadFull(c, b)
			if n%16 == 0 {
				files(ctx, filepath.Join(dir, fmt.Sprint(i)), b)
			}
			if n%64 == 0 {
				pipe(b)
			}
		}
	})
	return nil
}

// A merge sort in 2^fork goroutines: halves wait for each other.
func mergesort(a []int, fork int) []int {
	if len(a) <= 32 {
		slices.Sort(a)
		return a
	}
	low, high := a[:len(a)/2], a[len(a)/2:]
	if fork > 0 {
		var wg sync.WaitGroup
		wg.Go(func() { low = mergesort(low, fork-1) })
		high = mergesort(high, fork-1)
		wg.Wait()
	} else {
		low, high = mergesort(low, 0), mergesort(high, 0)
	}
	merged, i, j := make([]int, 0, len(a)), 0, 0
	for i < len(low) && j < len(high) {
		if low[i] <= high[j] {
			merged = append(merged, low[i])
			i++
		} else {
			merged = append(merged, high[j])
			j++
		}
	}
	return append(append(merged, low[i:]...), high[j:]...)
}

type tree struct {
	children [2]*tree
	payload  [4]int
}

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{children: [2]*tree{grow(depth - 1), grow(depth - 1)}}
}

func loadCPU(run running) error {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	each(clients, func(int) {
		for run.on() {
			a := make([]int, 4096)
			for i := range a {
				a[i] = rand.Int()
			}
			mergesort(a, 6)
			runtime.KeepAlive(grow(10))
			runtime.Gosched()
		}
	})
	return nil
}

// A batch of orders with their lines: a task for each, three of the next kind in each.
type storm struct {
	locks [4]sync.Mutex
	turns chan int
}

var levels = [...]string{"order.line", "order.check", "order", "batch"}

func (s *storm) task(ctx context.Context, level, worker int) {
	ctx, task := trace.NewTask(ctx, levels[level])
	defer task.End()
	trace.WithRegion(ctx, "prepare", func() {
		trace.Log(ctx, "customer", fmt.Sprint(rand.IntN(1000)))
		if level > 0 {
			return
		}
		trace.WithRegion(ctx, "lock", func() {
			s.locks[worker%len(s.locks)].Lock()
			s.locks[worker%len(s.locks)].Unlock()
		})
		trace.WithRegion(ctx, "hand over", func() {
			s.turns <- worker
			<-s.turns
		})
	})
	if level > 0 {
		trace.WithRegion(ctx, "parts", func() {
			for range 3 {
				s.task(ctx, level-1, worker)
			}
		})
	}
	trace.Logf(ctx, "result", "level %d is done", level)
}

func loadAnn(run running) error {
	s := &storm{turns: make(chan int, clients)}
	each(clients, func(i int) {
		for run.on() {
			s.task(context.Background(), len(levels)-1, i)
			time.Sleep(rand.N(100 * time.Microsecond))
		}
	})
	return nil
}
