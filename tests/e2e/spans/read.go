package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// readFile hands every message of a file to each: OTLP JSON lines, or, in a
// file named *.pb, protobuf messages after four bytes of length. cut forgives
// a last line that was never ended, as a killed writer leaves it.
func readFile(path string, cut bool, each func(*tracepb.TracesData) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	next := nextLine
	if strings.HasSuffix(path, ".pb") {
		next = nextMessage
	}
	in := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		data, err := next(in)
		if err == io.EOF || (cut && errors.Is(err, io.ErrUnexpectedEOF)) {
			return nil
		}
		if err == nil {
			err = each(data)
		}
		if err != nil {
			return fmt.Errorf("%s: message %d: %w", path, n, err)
		}
	}
}

func nextMessage(in *bufio.Reader) (*tracepb.TracesData, error) {
	var size uint32
	if err := binary.Read(in, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	data := new(tracepb.TracesData)
	if err := proto.Unmarshal(body, data); err != nil {
		return nil, err
	}
	return data, onlyKnown(data.ProtoReflect())
}

// onlyKnown refuses fields that the official messages do not have.
func onlyKnown(m protoreflect.Message) (err error) {
	if len(m.GetUnknown()) > 0 {
		return fmt.Errorf("unknown field in %s", m.Descriptor().FullName())
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := 0; i < v.List().Len() && err == nil; i++ {
				err = onlyKnown(v.List().Get(i).Message())
			}
		default:
			err = onlyKnown(v.Message())
		}
		return err == nil
	})
	return err
}

// The JSON form, as the specification has it: 64-bit numbers are strings, ids
// are hexadecimal, enums are numbers. Unknown keys are errors.
type (
	number string // decimal, quoted or not
	double float64
	hexID  []byte

	jsonTraces struct {
		ResourceSpans []struct {
			Resource   jsonResource
			ScopeSpans []struct {
				Scope     jsonScope
				Spans     []jsonSpan
				SchemaURL string `json:"schemaUrl"`
			}
			SchemaURL string `json:"schemaUrl"`
		}
	}
	jsonResource struct {
		Attributes             []jsonAttr
		DroppedAttributesCount uint32
	}
	jsonScope struct {
		Name, Version          string
		Attributes             []jsonAttr
		DroppedAttributesCount uint32
	}
	jsonSpan struct {
		TraceID, SpanID, ParentSpanID hexID
		TraceState, Name              string
		Kind                          int32
		StartTimeUnixNano             number
		EndTimeUnixNano               number
		Attributes                    []jsonAttr
		Events                        []jsonEvent
		Links                         []jsonLink
		DroppedAttributesCount        uint32
		DroppedEventsCount            uint32
		DroppedLinksCount             uint32
		Flags                         uint32
		Status                        struct {
			Code    int32
			Message string
		}
	}
	jsonEvent struct {
		TimeUnixNano           number
		Name                   string
		Attributes             []jsonAttr
		DroppedAttributesCount uint32
	}
	jsonLink struct {
		TraceID, SpanID        hexID
		TraceState             string
		Attributes             []jsonAttr
		DroppedAttributesCount uint32
		Flags                  uint32
	}
	jsonAttr struct {
		Key   string
		Value jsonValue
	}
	jsonValue struct {
		StringValue *string
		BoolValue   *bool
		IntValue    *number
		DoubleValue *double
		BytesValue  *string
		ArrayValue  *struct{ Values []jsonValue }
		KvlistValue *struct{ Values []jsonAttr }
	}
)

func (n *number) UnmarshalJSON(b []byte) error {
	*n = number(bytes.Trim(b, `"`))
	return nil
}

func (d *double) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	*d = double(v)
	return err
}

func (h *hexID) UnmarshalJSON(b []byte) (err error) {
	*h, err = hex.DecodeString(string(bytes.Trim(b, `"`)))
	return err
}

func nextLine(in *bufio.Reader) (*tracepb.TracesData, error) {
	line, err := in.ReadBytes('\n')
	if err == io.EOF && len(line) > 0 {
		return nil, fmt.Errorf("the last line has no end: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, err
	}
	return parseJSON(line)
}

func parseJSON(line []byte) (*tracepb.TracesData, error) {
	var from jsonTraces
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&from); err != nil {
		return nil, fmt.Errorf("not OTLP JSON: %w", err)
	}
	if d.More() {
		return nil, errors.New("more than one object in a line")
	}
	c := converter{}
	data := c.traces(&from)
	return data, c.err
}

// converter turns the JSON form into the messages; the first error stays.
type converter struct{ err error }

func (c *converter) time(n number) uint64 {
	if n == "" {
		return 0
	}
	v, err := strconv.ParseUint(string(n), 10, 64)
	if err != nil && c.err == nil {
		c.err = err
	}
	return v
}

func (c *converter) traces(from *jsonTraces) *tracepb.TracesData {
	to := new(tracepb.TracesData)
	for _, r := range from.ResourceSpans {
		rs := &tracepb.ResourceSpans{SchemaUrl: r.SchemaURL, Resource: &resourcepb.Resource{
			Attributes:             c.attrs(r.Resource.Attributes),
			DroppedAttributesCount: r.Resource.DroppedAttributesCount}}
		for _, s := range r.ScopeSpans {
			ss := &tracepb.ScopeSpans{SchemaUrl: s.SchemaURL, Scope: &commonpb.InstrumentationScope{
				Name: s.Scope.Name, Version: s.Scope.Version,
				Attributes:             c.attrs(s.Scope.Attributes),
				DroppedAttributesCount: s.Scope.DroppedAttributesCount}}
			for i := range s.Spans {
				ss.Spans = append(ss.Spans, c.span(&s.Spans[i]))
			}
			rs.ScopeSpans = append(rs.ScopeSpans, ss)
		}
		to.ResourceSpans = append(to.ResourceSpans, rs)
	}
	return to
}

func (c *converter) span(s *jsonSpan) *tracepb.Span {
	to := &tracepb.Span{
		TraceId: s.TraceID, SpanId: s.SpanID, ParentSpanId: s.ParentSpanID,
		TraceState: s.TraceState, Flags: s.Flags, Name: s.Name,
		Kind:                   tracepb.Span_SpanKind(s.Kind),
		StartTimeUnixNano:      c.time(s.StartTimeUnixNano),
		EndTimeUnixNano:        c.time(s.EndTimeUnixNano),
		Attributes:             c.attrs(s.Attributes),
		DroppedAttributesCount: s.DroppedAttributesCount,
		DroppedEventsCount:     s.DroppedEventsCount,
		DroppedLinksCount:      s.DroppedLinksCount,
		Status: &tracepb.Status{
			Code: tracepb.Status_StatusCode(s.Status.Code), Message: s.Status.Message},
	}
	for _, e := range s.Events {
		to.Events = append(to.Events, &tracepb.Span_Event{
			TimeUnixNano: c.time(e.TimeUnixNano), Name: e.Name, Attributes: c.attrs(e.Attributes),
			DroppedAttributesCount: e.DroppedAttributesCount})
	}
	for _, l := range s.Links {
		to.Links = append(to.Links, &tracepb.Span_Link{
			TraceId: l.TraceID, SpanId: l.SpanID, TraceState: l.TraceState, Flags: l.Flags,
			Attributes: c.attrs(l.Attributes), DroppedAttributesCount: l.DroppedAttributesCount})
	}
	return to
}

func (c *converter) attrs(from []jsonAttr) (to []*commonpb.KeyValue) {
	for i := range from {
		to = append(to, &commonpb.KeyValue{Key: from[i].Key, Value: c.value(&from[i].Value)})
	}
	return to
}

func (c *converter) value(v *jsonValue) *commonpb.AnyValue {
	switch {
	case v.StringValue != nil:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: *v.StringValue}}
	case v.BoolValue != nil:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: *v.BoolValue}}
	case v.IntValue != nil:
		n, err := strconv.ParseInt(string(*v.IntValue), 10, 64)
		if err != nil && c.err == nil {
			c.err = err
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}
	case v.DoubleValue != nil:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: float64(*v.DoubleValue)}}
	case v.BytesValue != nil:
		b, err := base64.StdEncoding.DecodeString(*v.BytesValue)
		if err != nil && c.err == nil {
			c.err = err
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: b}}
	case v.ArrayValue != nil:
		list := new(commonpb.ArrayValue)
		for i := range v.ArrayValue.Values {
			list.Values = append(list.Values, c.value(&v.ArrayValue.Values[i]))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
	case v.KvlistValue != nil:
		list := &commonpb.KeyValueList{Values: c.attrs(v.KvlistValue.Values)}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: list}}
	}
	return nil
}

// spell writes a value with its type.
func spell(v *commonpb.AnyValue) string {
	switch x := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return "string " + strconv.Quote(x.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint("bool ", x.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint("int ", x.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return fmt.Sprintf("double %v (%016x)", x.DoubleValue, math.Float64bits(x.DoubleValue))
	case *commonpb.AnyValue_BytesValue:
		return fmt.Sprintf("bytes %x", x.BytesValue)
	case *commonpb.AnyValue_ArrayValue:
		var parts []string
		for _, e := range x.ArrayValue.GetValues() {
			parts = append(parts, spell(e))
		}
		return "array [" + strings.Join(parts, ", ") + "]"
	case *commonpb.AnyValue_KvlistValue:
		var parts []string
		for _, e := range x.KvlistValue.GetValues() {
			parts = append(parts, strconv.Quote(e.GetKey())+": "+spell(e.GetValue()))
		}
		return "map {" + strings.Join(parts, ", ") + "}"
	}
	return "nothing"
}
