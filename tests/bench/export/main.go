// Command export is what flightspan's export is measured against.
//
//	export sink                 receives OTLP/HTTP on a free loopback port, prints the port,
//	                            and at the end of its input how much came
//	export sdk FILE PORT BATCH  sends the spans of FILE (protobuf messages, each after its
//	                            length) with OpenTelemetry's Go exporter, gzip, in batches,
//	                            over and over for two seconds; prints how many spans, how
//	                            many seconds, and how many seconds of CPU
//
// The sink unpacks nothing: the senders are measured, not it.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func main() {
	err := fmt.Errorf("usage: export sink | export sdk FILE PORT BATCH")
	if len(os.Args) == 2 && os.Args[1] == "sink" {
		err = sink()
	} else if len(os.Args) == 5 && os.Args[1] == "sdk" {
		err = sdk(os.Args[2], os.Args[3], os.Args[4])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

func sink() error {
	var requests, received atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		requests.Add(1)
		received.Add(n)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
	fmt.Printf("%d requests, %d bytes\n", requests.Load(), received.Load())
	return nil
}

func attributes(list []*common.KeyValue) (out []attribute.KeyValue) {
	for _, kv := range list {
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out = append(out, attribute.String(kv.Key, v.StringValue))
		case *common.AnyValue_IntValue:
			out = append(out, attribute.Int64(kv.Key, v.IntValue))
		case *common.AnyValue_BoolValue:
			out = append(out, attribute.Bool(kv.Key, v.BoolValue))
		case *common.AnyValue_DoubleValue:
			out = append(out, attribute.Float64(kv.Key, v.DoubleValue))
		}
	}
	return out
}

func spanContext(traceID, spanID []byte) trace.SpanContext {
	c := trace.SpanContextConfig{TraceFlags: trace.FlagsSampled}
	copy(c.TraceID[:], traceID)
	copy(c.SpanID[:], spanID)
	return trace.NewSpanContext(c)
}

func stub(s *otlp.Span, scope instrumentation.Scope, r *resource.Resource) sdktrace.ReadOnlySpan {
	t := tracetest.SpanStub{
		Name: s.Name, SpanContext: spanContext(s.TraceId, s.SpanId), SpanKind: trace.SpanKindInternal,
		StartTime: time.Unix(0, int64(s.StartTimeUnixNano)), EndTime: time.Unix(0, int64(s.EndTimeUnixNano)),
		Attributes: attributes(s.Attributes), DroppedAttributes: int(s.DroppedAttributesCount),
		DroppedEvents: int(s.DroppedEventsCount), DroppedLinks: int(s.DroppedLinksCount),
		Resource: r, InstrumentationScope: scope,
	}
	if len(s.ParentSpanId) > 0 {
		t.Parent = spanContext(s.TraceId, s.ParentSpanId)
	}
	for _, e := range s.Events {
		t.Events = append(t.Events, sdktrace.Event{Name: e.Name, Time: time.Unix(0, int64(e.TimeUnixNano)),
			Attributes: attributes(e.Attributes), DroppedAttributeCount: int(e.DroppedAttributesCount)})
	}
	for _, l := range s.Links {
		t.Links = append(t.Links, sdktrace.Link{SpanContext: spanContext(l.TraceId, l.SpanId),
			Attributes: attributes(l.Attributes)})
	}
	return t.Snapshot()
}

func read(file string) (spans []sdktrace.ReadOnlySpan, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for {
		var n uint32
		if err := binary.Read(in, binary.BigEndian, &n); err == io.EOF {
			return spans, nil
		} else if err != nil {
			return nil, err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, err
		}
		var data otlp.TracesData
		if err := proto.Unmarshal(b, &data); err != nil {
			return nil, err
		}
		for _, rs := range data.ResourceSpans {
			r := resource.NewSchemaless(attributes(rs.Resource.Attributes)...)
			for _, ss := range rs.ScopeSpans {
				scope := instrumentation.Scope{Name: ss.Scope.Name, Version: ss.Scope.Version}
				for _, s := range ss.Spans {
					spans = append(spans, stub(s, scope, r))
				}
			}
		}
	}
}

func sdk(file, port, batch string) error {
	ctx := context.Background()
	size, err := strconv.Atoi(batch)
	if err != nil {
		return err
	}
	spans, err := read(file)
	if err != nil {
		return err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint("127.0.0.1:"+port), otlptracehttp.WithInsecure(),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return err
	}
	start, before := time.Now(), cpu()
	sent := 0
	for time.Since(start) < 2*time.Second {
		for i := 0; i < len(spans); i += size {
			if err := exporter.ExportSpans(ctx, spans[i:min(i+size, len(spans))]); err != nil {
				return err
			}
		}
		sent += len(spans)
	}
	if err := exporter.Shutdown(ctx); err != nil {
		return err
	}
	fmt.Printf("%d %.3f %.3f\n", sent, time.Since(start).Seconds(), cpu()-before)
	return nil
}

// cpu is what this process used so far, in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
