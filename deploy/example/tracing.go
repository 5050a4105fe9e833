package main

import (
	"context"
	"net/http"
	"runtime/trace"
	"time"

	"otelflight"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// tracing makes a unit of work of each request: a span of OpenTelemetry, for which
// the SDK begins a task by itself, or without an exporter a plain task.
type tracing struct {
	tracer api.Tracer // nil without an exporter
	stop   func()
}

// startTracing exports spans to the OTLP/HTTP receiver at url; to nobody if it is empty.
func startTracing(url string) (*tracing, error) {
	if url == "" {
		return &tracing{stop: func() {}}, nil
	}
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(url+"/v1/traces"))
	if err != nil {
		return nil, err
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSpanProcessor(otelflight.Processor{}), // last: the task begins right after it
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "orders"))),
	)
	return &tracing{tracer: provider.Tracer("orders"), stop: func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		provider.Shutdown(ctx)
	}}, nil
}

// begin starts the unit of work of a request; call end once.
func (t *tracing) begin(r *http.Request, name string) (ctx context.Context, end func()) {
	if t.tracer != nil {
		ctx = propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, name, api.WithSpanKind(api.SpanKindServer))
		return ctx, func() { span.End() }
	}
	ctx, task := trace.NewTask(r.Context(), name)
	// Ties the task to the distributed trace that the caller is part of.
	if parent := r.Header.Get("traceparent"); parent != "" {
		trace.Log(ctx, "traceparent", parent)
	}
	return ctx, task.End
}
