// Command bigtrace records an execution trace with many spans in it.
//
//	bigtrace FILE TASKS [PAIRS]
//
// Each task has that many (1) pairs of regions, one inside the other, and a log in each.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/trace"
	"strconv"
	"sync"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bigtrace:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 && len(os.Args) != 4 {
		return fmt.Errorf("usage: bigtrace FILE TASKS [PAIRS]")
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	pairs := 1
	if len(os.Args) == 4 {
		if pairs, err = strconv.Atoi(os.Args[3]); err != nil {
			return err
		}
	}
	f, err := os.Create(os.Args[1])
	if err != nil {
		return err
	}
	if err := trace.Start(f); err != nil {
		return err
	}
	const workers = 4
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range n / workers {
				work(i, pairs)
			}
		})
	}
	wg.Wait()
	trace.Stop()
	return f.Close()
}

func work(i, pairs int) {
	ctx, task := trace.NewTask(context.Background(), "job")
	defer task.End()
	for range pairs {
		trace.WithRegion(ctx, "outer", func() {
			trace.WithRegion(ctx, "inner", func() {
				trace.Log(ctx, "number", strconv.Itoa(i))
			})
		})
	}
}
