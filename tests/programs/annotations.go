package main

import (
	"context"
	"io"
	"runtime"
	"runtime/trace"
	"strings"
)

func init() {
	add("empty", "nothing happens", func() {})
	add("annotations", "tasks and regions, nested, left open, ended elsewhere or twice; logs in and out of them", annotations)
	add("names", "task, region and log names that are empty, long, not UTF-8, or full of control characters", names)
	add("traceparent", "logs that carry a W3C traceparent, on a task and just before a task begins", traceparent)
	addRecording("late", "a second recording in one process; tasks and regions begun before it end in it", late)
	add("misuse", "a region ended before the inner one: a trace that the reference reader refuses", misuse)
}

func annotations() {
	bg := context.Background()

	task("nested", func(outer context.Context) {
		defer trace.StartRegion(outer, "outer region").End()
		inner, t := trace.NewTask(outer, "nested inner")
		trace.WithRegion(inner, "inner region", func() {
			trace.Log(inner, "where", "inner region")
			trace.Log(outer, "where", "outer task, inside the inner task's region")
			_, innermost := trace.NewTask(inner, "nested innermost")
			innermost.End()
		})
		trace.Log(inner, "where", "inner task, no region of its own")
		t.End()
		trace.Logf(outer, "count", "%d of %d", 1, 2)
	})

	// The parent ends first.
	parent, pt := trace.NewTask(bg, "parent that ends first")
	child, ct := trace.NewTask(parent, "child that outlives")
	pt.End()
	trace.WithRegion(child, "after the parent", pause)
	ct.End()

	// A task and its regions on three goroutines.
	ctx, t := trace.NewTask(bg, "ended on another goroutine")
	<-start(func() {
		trace.WithRegion(ctx, "second goroutine", func() {
			trace.Log(ctx, "where", "second goroutine")
			<-start(func() {
				defer trace.StartRegion(ctx, "third goroutine").End()
				t.End()
				trace.Log(ctx, "where", "after the end")
			})
		})
	})

	_, twice := trace.NewTask(bg, "ended twice")
	twice.End()
	twice.End()

	// No task at all.
	trace.WithRegion(bg, "region without a task", func() {
		trace.Log(bg, "where", "log without a task")
		trace.WithRegion(bg, "region without a task, inner", pause)
	})

	// Open when their goroutine ends.
	<-start(func() {
		defer func() { recover() }()
		ctx, _ := trace.NewTask(bg, "left open by its goroutine")
		trace.StartRegion(ctx, "left open by its goroutine")
		trace.StartRegion(ctx, "left open by its goroutine, inner")
		runtime.Goexit()
	})

	// Open when the trace ends: on this goroutine and on a blocked one.
	open, _ := trace.NewTask(bg, "left open")
	trace.StartRegion(open, "left open")
	forever := make(chan struct{})
	go func() {
		trace.StartRegion(open, "left open, blocked")
		<-forever
	}()
	pause()
	trace.StartRegion(open, "left open, inner")
	trace.Log(open, "where", "the end")
}

func names() {
	weird := []string{
		"",
		" ",
		"plain",
		"tab\there, newline\nhere, return\rhere",
		"nul\x00inside",
		"\x01\x02\x1b[31mred\x1b[0m\x7f",
		`quotes "double" 'single' and back\slash`,
		"a=b, {\"json\": [1]}, <b>&amp;</b>, %s %d %%",
		"gr\u00fc\u00dfe \u65e5\u672c\u8a9e \U0001f9fe",
		"\u2028line separator\u2029\ufeffmark\u202eright to left",
		"latin-1 caf\xe9",
		"lone continuation \x80\xbf",
		"cut short \xe2\x82",
		"overlong \xc0\xaf\xe0\x80\xaf",
		"surrogate \xed\xa0\x80",
		"beyond \xf4\x90\x80\x80 \xff\xfe",
		strings.Repeat("x", 1023),
		strings.Repeat("x", 1024),
		strings.Repeat("0123456789", 200),            // cut at 1024
		"a" + strings.Repeat("\u00e9", 999) + "!",    // cut inside a character
		strings.Repeat("\U0001f9fe", 500),            // cut between characters
		strings.Repeat("ab\xff", 500) + "not UTF-8.", // cut, and not UTF-8
	}
	for _, s := range weird {
		ctx, t := trace.NewTask(context.Background(), s)
		trace.WithRegion(ctx, s, func() { trace.Log(ctx, s, s) })
		trace.Log(ctx, "category", s)
		trace.Log(ctx, s, "message")
		t.End()
	}
}

func traceparent() {
	const (
		on     = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		before = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		off    = "00-1111111111111111aaaaaaaaaaaaaaaa-2222222222222222-00"
	)
	bg := context.Background()

	task("log on the task", func(ctx context.Context) {
		trace.Log(ctx, "traceparent", on)
		trace.WithRegion(ctx, "work", pause)
	})

	trace.Log(bg, "otel.traceparent", before)
	task("log just before the task", func(ctx context.Context) {
		trace.WithRegion(ctx, "work", pause)
		trace.Log(ctx, "otel.traceparent", off)
		task("not a child by context", func(context.Context) {})
	})

	for _, bad := range []string{
		"",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01-later-version",
	} {
		task("log with a questionable traceparent", func(ctx context.Context) {
			trace.Log(ctx, "traceparent", bad)
		})
	}
}

// late records twice; the second recording is the result.
func late(w io.Writer) error {
	var ctx context.Context
	var t *trace.Task
	var r *trace.Region
	err := traced(io.Discard, func() {
		ctx, t = trace.NewTask(context.Background(), "begun in an earlier recording")
		r = trace.StartRegion(ctx, "begun in an earlier recording")
	})
	if err != nil {
		return err
	}
	silent, st := trace.NewTask(context.Background(), "begun while nothing recorded")
	return traced(w, func() {
		trace.Log(ctx, "where", "task without a begin")
		trace.WithRegion(silent, "region of a task without a begin", pause)
		child, ct := trace.NewTask(ctx, "child of a task without a begin")
		trace.WithRegion(child, "work", pause)
		ct.End()
		r.End()
		t.End()
		st.End()
	})
}

func misuse() {
	task("misuse", func(ctx context.Context) {
		outer := trace.StartRegion(ctx, "outer")
		trace.StartRegion(ctx, "inner")
		outer.End()
	})
}
