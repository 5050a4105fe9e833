//go:build go1.23

package main

import (
	"context"
	"iter"
	"runtime/trace"
)

func init() {
	add("coroutines", "iter.Pull: run to the end, stopped early, blocked inside, never started, left suspended", coroutines)
}

func count(n int, between func()) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			between()
			if !yield(i) {
				return
			}
		}
	}
}

func coroutines() {
	nothing := func() {}
	task("to the end", func(ctx context.Context) {
		next, stop := iter.Pull(count(3, nothing))
		defer stop()
		trace.WithRegion(ctx, "pull", func() {
			for _, ok := next(); ok; _, ok = next() {
			}
		})
	})
	task("stopped early", func(context.Context) {
		next, stop := iter.Pull(count(3, nothing))
		next()
		stop()
	})
	task("never started", func(context.Context) {
		_, stop := iter.Pull(count(3, nothing))
		stop()
	})
	task("blocked inside", func(context.Context) {
		next, stop := iter.Pull(count(2, pause))
		next()
		next()
		stop()
	})
	task("region and task inside", func(ctx context.Context) {
		next, stop := iter.Pull(count(2, func() {
			trace.WithRegion(ctx, "inside", func() { trace.Log(ctx, "where", "coroutine") })
			task("task inside", func(context.Context) {})
		}))
		next()
		next()
		stop()
	})
	next, _ := iter.Pull(count(2, nothing))
	next()
	<-start(func() { next() }) // resumed by another goroutine, then left
}
