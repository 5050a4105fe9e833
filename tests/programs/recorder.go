//go:build go1.25

package main

import (
	"context"
	"io"
	"runtime/trace"
	"sync"
	"time"
)

func init() {
	addRecording("recorder", "a flight recorder snapshot from the middle of tasks, regions and blocks to the middle of them", recorder)
}

// recorder opens things, waits until the generation they were opened in has
// been forgotten, goes on, and takes the snapshot while things are open.
func recorder(w io.Writer) error {
	fr := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 900 * time.Millisecond, MaxBytes: 1 << 20})
	if err := fr.Start(); err != nil {
		return err
	}
	defer fr.Stop()
	bg := context.Background()

	old, oldTask := trace.NewTask(bg, "begun before the snapshot")
	oldRegion := trace.StartRegion(old, "begun before the snapshot")
	child, childTask := trace.NewTask(old, "child begun before the snapshot")
	through, _ := trace.NewTask(bg, "open through the whole snapshot")
	var mu sync.Mutex
	mu.Lock()
	blocked := start(func() {
		trace.StartRegion(through, "open through the whole snapshot")
		trace.WithRegion(child, "lock", mu.Lock)
	})
	forever := make(chan struct{})
	go func() { <-forever }()

	// A generation lasts a second: the first is forgotten, the second and
	// the half of the third are the snapshot.
	time.Sleep(1500 * time.Millisecond)
	trace.Log(old, "where", "first generation of the snapshot")
	trace.WithRegion(old, "over the edge", func() { time.Sleep(time.Second) })
	trace.Log(old, "where", "second generation of the snapshot")
	task("whole", func(ctx context.Context) { trace.WithRegion(ctx, "whole", pause) })
	_, orphan := trace.NewTask(old, "its parent began before the snapshot")
	orphan.End()
	mu.Unlock()
	<-blocked
	oldRegion.End()
	childTask.End()
	oldTask.End()

	open, _ := trace.NewTask(bg, "open at the end")
	trace.StartRegion(open, "open at the end")
	go func() {
		trace.StartRegion(open, "blocked at the end")
		<-forever
	}()
	pause()
	_, err := fr.WriteTo(w)
	return err
}
