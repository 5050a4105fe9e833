package main

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key,
		Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key,
		Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}

func yes(key string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key,
		Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}}
}

func newID(n int) []byte {
	id := make([]byte, n)
	for i := 0; i < n; i += 8 {
		binary.BigEndian.PutUint64(id[i:], rand.Uint64())
	}
	return id
}

// Spans of one request.
const batchSpans = 4096

type batcher struct {
	out   io.Writer
	spans []*tracepb.Span
	buf   []byte
}

func (b *batcher) add(s *tracepb.Span) error {
	b.spans = append(b.spans, s)
	if len(b.spans) < batchSpans {
		return nil
	}
	return b.flush()
}

func (b *batcher) flush() error {
	if len(b.spans) == 0 {
		return nil
	}
	service := os.Getenv("OTEL_SERVICE_NAME")
	if service == "" {
		service = "unknown_service:go"
	}
	request := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			text("service.name", service), text("process.runtime.name", "go")}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "bridge"}, Spans: b.spans}},
	}}}
	var err error
	b.buf = append(b.buf[:0], 0, 0, 0, 0)
	b.buf, err = proto.MarshalOptions{}.MarshalAppend(b.buf, request)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b.buf, uint32(len(b.buf)-4))
	clear(b.spans)
	b.spans = b.spans[:0]
	_, err = b.out.Write(b.buf)
	return err
}
