// Command cgo records the traffic between C threads and Go: callbacks on
// threads that C made, again and again on the same ones, nested, blocking, and
// still going on when the recording starts and ends. It is apart from the other
// programs because it needs a C compiler.
//
//	cgo -o FILE
package main

/*
#include <pthread.h>
#include <unistd.h>

extern void goWork(int thread, int round);
extern void goNested(int depth);

enum { threads = 12, rounds = 6 };

static pthread_t ids[threads];

static void *call_back(void *arg)
{
	int thread = (int)(long)arg;

	for (int i = 0; i < rounds; i++) {
		goWork(thread, i);
		usleep(100 * (unsigned)thread);
	}
	return NULL;
}

static void call_down(int depth) { goNested(depth); }

static int start_all(void)
{
	for (long i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, call_back, (void *)i))
			return -1;
	return 0;
}

static void join_all(void)
{
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
}

static void nap(int us) { usleep((unsigned)us); }
*/
import "C"

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"time"
)

var mu sync.Mutex

// What a C thread does in Go differs by thread and round.
//
//export goWork
func goWork(thread, round C.int) {
	switch (int(thread) + int(round)) % 6 {
	case 0: // straight back
	case 1:
		runtime.Gosched()
	case 2:
		time.Sleep(time.Millisecond)
	case 3:
		mu.Lock()
		C.nap(300)
		mu.Unlock()
	case 4:
		ctx, t := trace.NewTask(context.Background(), "callback")
		trace.WithRegion(ctx, "nested", func() { C.call_down(4) })
		t.End()
	case 5:
		done := make(chan struct{})
		go close(done)
		<-done
	}
}

//export goNested
func goNested(depth C.int) {
	if depth > 0 {
		C.call_down(depth - 1)
		return
	}
	runtime.GC()
}

func record(out string) error {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if C.start_all() != 0 { // some are in Go, some in C when it starts
		return fmt.Errorf("pthread_create failed")
	}
	if err := trace.Start(f); err != nil {
		return err
	}
	C.join_all()
	if C.start_all() != 0 {
		return fmt.Errorf("pthread_create failed")
	}
	C.nap(1500)
	trace.Stop() // and when it ends
	C.join_all()
	return f.Close()
}

func main() {
	out := flag.String("o", "", "write the trace to this `file`")
	flag.Parse()
	if err := record(*out); err != nil {
		fmt.Fprintln(os.Stderr, "cgo:", err)
		os.Exit(1)
	}
}
