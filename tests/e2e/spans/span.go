package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// key is what a span is found by: its trace id and its span id.
type key [24]byte

func (k key) String() string {
	return "span " + hex.EncodeToString(k[16:]) + " of trace " + hex.EncodeToString(k[:16])
}

// digest stands for all contents of a span.
type digest [16]byte

// field is one thing that a span says, by its name.
type field struct{ name, value string }

// a span with the resource and the scope that it was sent under.
type whole struct {
	in    *tracepb.ResourceSpans
	scope *tracepb.ScopeSpans
	*tracepb.Span
}

// fields flattens a span to what has to arrive: everything but the order of
// attributes, and but the difference between a default and nothing.
func (w whole) fields() []field {
	var f fieldList
	f.attrs("resource attribute ", w.in.GetResource().GetAttributes())
	f.number("resource dropped attributes", uint64(w.in.GetResource().GetDroppedAttributesCount()))
	f.text("resource schema", w.in.GetSchemaUrl())
	f.text("scope name", w.scope.GetScope().GetName())
	f.text("scope version", w.scope.GetScope().GetVersion())
	f.attrs("scope attribute ", w.scope.GetScope().GetAttributes())
	f.number("scope dropped attributes", uint64(w.scope.GetScope().GetDroppedAttributesCount()))
	f.text("scope schema", w.scope.GetSchemaUrl())
	f.text("name", w.GetName())
	f.number("kind", uint64(w.GetKind()))
	f.text("parent", hex.EncodeToString(w.GetParentSpanId()))
	f.text("trace state", w.GetTraceState())
	f.number("start", w.GetStartTimeUnixNano())
	f.number("end", w.GetEndTimeUnixNano())
	f.number("flags", uint64(w.GetFlags()))
	f.number("status code", uint64(w.GetStatus().GetCode()))
	f.text("status message", w.GetStatus().GetMessage())
	f.attrs("attribute ", w.GetAttributes())
	f.number("dropped attributes", uint64(w.GetDroppedAttributesCount()))
	f.number("dropped events", uint64(w.GetDroppedEventsCount()))
	f.number("dropped links", uint64(w.GetDroppedLinksCount()))
	for i, e := range w.GetEvents() {
		at := fmt.Sprintf("event %d ", i)
		f = append(f, field{at + "name", e.GetName()})
		f.number(at+"time", e.GetTimeUnixNano())
		f.attrs(at+"attribute ", e.GetAttributes())
		f.number(at+"dropped attributes", uint64(e.GetDroppedAttributesCount()))
	}
	for i, l := range w.GetLinks() {
		at := fmt.Sprintf("link %d ", i)
		f = append(f, field{at + "trace", hex.EncodeToString(l.GetTraceId())})
		f.text(at+"span", hex.EncodeToString(l.GetSpanId()))
		f.text(at+"trace state", l.GetTraceState())
		f.number(at+"flags", uint64(l.GetFlags()))
		f.attrs(at+"attribute ", l.GetAttributes())
		f.number(at+"dropped attributes", uint64(l.GetDroppedAttributesCount()))
	}
	return f
}

type fieldList []field

func (f *fieldList) text(name, value string) {
	if value != "" {
		*f = append(*f, field{name, value})
	}
}

func (f *fieldList) number(name string, value uint64) {
	if value != 0 {
		*f = append(*f, field{name, strconv.FormatUint(value, 10)})
	}
}

func (f *fieldList) attrs(prefix string, attrs []*commonpb.KeyValue) {
	from := len(*f)
	for _, a := range attrs {
		*f = append(*f, field{prefix + strconv.Quote(a.GetKey()), spell(a.GetValue())})
	}
	slices.SortFunc((*f)[from:], func(a, b field) int {
		if a.name != b.name {
			return compare(a.name, b.name)
		}
		return compare(a.value, b.value)
	})
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (w whole) digest() (d digest) {
	h := sha256.New()
	for _, f := range w.fields() {
		io.WriteString(h, strconv.Itoa(len(f.name))+" "+f.name)
		io.WriteString(h, strconv.Itoa(len(f.value))+" "+f.value)
	}
	copy(d[:], h.Sum(nil))
	return d
}

func (w whole) key() (k key, err error) {
	if len(w.GetTraceId()) != 16 || len(w.GetSpanId()) != 8 ||
		len(w.GetParentSpanId()) != 0 && len(w.GetParentSpanId()) != 8 {
		return k, fmt.Errorf("span %q has an id of the wrong length", w.GetName())
	}
	copy(k[:16], w.GetTraceId())
	copy(k[16:], w.GetSpanId())
	if [16]byte(k[:16]) == [16]byte{} || [8]byte(k[16:]) == [8]byte{} {
		return k, fmt.Errorf("span %q has an id of zeros", w.GetName())
	}
	return k, nil
}

// eachSpan reads all files.
func eachSpan(files []string, cut bool, each func(key, whole) error) error {
	for _, path := range files {
		err := readFile(path, cut, func(data *tracepb.TracesData) error {
			for _, rs := range data.GetResourceSpans() {
				for _, ss := range rs.GetScopeSpans() {
					for _, s := range ss.GetSpans() {
						w := whole{rs, ss, s}
						k, err := w.key()
						if err == nil {
							err = each(k, w)
						}
						if err != nil {
							return err
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
