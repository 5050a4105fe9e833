package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/trace"
	"sync"
	"syscall"
	"time"
)

func init() {
	add("threads", "three hundred goroutines locked to their threads, most of them in a system call at once", threads)
	add("procs", "GOMAXPROCS up and down while goroutines run, block and sit in system calls", procs)
	add("deep", "stacks of 1 to 1000 frames, recorded at blocks, regions, logs and starts", deep)
	addRecording("forkexec", "fork and exec, waited for, killed, and failing; of the program itself", forkExec)
}

// threads keeps every thread busy with something of its own, so that none of
// them can be used for another goroutine.
func threads() {
	const n = 300
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
			if i%8 == 0 {
				task("locked", func(context.Context) { pause() })
				return
			}
			syscall.Read(fds[0], make([]byte, 1))
			if i%8 == 1 {
				runtime.Gosched()
			}
		}()
	}
	time.Sleep(30 * time.Millisecond)
	task("wake all", func(context.Context) { syscall.Write(fds[1], make([]byte, n)) })
	wg.Wait()
}

func procs() {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	work := func(step func()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
					step()
				}
			}
		}()
	}
	buf := make([]byte, 1)
	work(func() { time.Sleep(200 * time.Microsecond) })
	work(func() { syscall.Read(fds[0], buf) })
	work(func() { syscall.Write(fds[1], []byte("x")); time.Sleep(time.Millisecond) })
	for _, n := range []int{1, 6, 2, 12, 3, 1, 9, 2} {
		task("change", func(context.Context) { runtime.GOMAXPROCS(n) })
		time.Sleep(2 * time.Millisecond)
	}
	close(stop)
	syscall.Write(fds[1], make([]byte, 16))
	wg.Wait()
}

// A frame of its own for every level, in two functions and on several lines.
func down(n int, f func()) {
	if n <= 1 {
		f()
		return
	}
	if n%2 == 0 {
		downOther(n-1, f)
		return
	}
	down(n-1, f)
}

//go:noinline
func downOther(n int, f func()) { down(n-1, f) }

// deep goes below the 128 frames that a recorded stack holds.
func deep() {
	for _, n := range []int{1, 20, 110, 120, 125, 126, 127, 128, 129, 130, 200, 1000} {
		<-start(func() {
			down(n, func() {
				task("deep", func(ctx context.Context) {
					trace.WithRegion(ctx, "deep", pause)
					trace.Log(ctx, "where", "deep")
					<-start(pause)
					runtime.Gosched()
					os.Stat("/")
				})
			})
		})
	}
}

// forkExec runs the program's own -list, so that it needs no other program.
func forkExec(w io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return traced(w, func() {
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				task("exec", func(ctx context.Context) {
					trace.WithRegion(ctx, "run", func() { err = exec.Command(self, "-list").Run() })
				})
			}()
		}
		wg.Wait()
		task("exec of nothing", func(context.Context) { exec.Command("/nonexistent").Run() })
		task("killed", func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			exec.CommandContext(ctx, self, "-list").Run()
		})
	})
}
