// Package otelflight tells flightspan which OpenTelemetry span each task of the
// execution trace is about: the SDK begins a task for every span, right after OnStart.
package otelflight

import (
	"context"
	"runtime/trace"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Processor is a SpanProcessor for sdk.WithSpanProcessor. Register it last.
type Processor struct{}

// OnStart logs the span's traceparent while the execution is traced.
func (Processor) OnStart(ctx context.Context, s sdk.ReadWriteSpan) {
	if trace.IsEnabled() {
		c := s.SpanContext()
		trace.Log(ctx, "otel.traceparent", "00-"+c.TraceID().String()+"-"+c.SpanID().String()+"-"+c.TraceFlags().String())
	}
}

// OnEnd, Shutdown and ForceFlush have nothing to do.
func (Processor) OnEnd(sdk.ReadOnlySpan)           {}
func (Processor) Shutdown(context.Context) error   { return nil }
func (Processor) ForceFlush(context.Context) error { return nil }
