package scripted

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
)

// Span is one span as it was on the wire: ids in hex, and a hash of its bytes.
type Span struct {
	Trace, ID string
	Hash      uint64
}

// Hash is FNV-1a of the bytes.
func Hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

var errWire = errors.New("not a protobuf message")

// fields calls fn for each length-delimited field of a message.
func fields(b []byte, fn func(number uint64, content []byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errWire
		}
		b = b[n:]
		size := 0
		switch tag & 7 {
		case 0:
			if _, size = binary.Uvarint(b); size <= 0 {
				return errWire
			}
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			l, n := binary.Uvarint(b)
			if n <= 0 || l > uint64(len(b)-n) {
				return errWire
			}
			b = b[n:]
			if err := fn(tag>>3, b[:l]); err != nil {
				return err
			}
			size = int(l)
		default:
			return errWire
		}
		if size > len(b) {
			return errWire
		}
		b = b[size:]
	}
	return nil
}

// ProtoSpans lists the spans of an ExportTraceServiceRequest.
func ProtoSpans(b []byte) (spans []Span, err error) {
	err = fields(b, func(n uint64, resource []byte) error {
		if n != 1 {
			return errWire
		}
		return fields(resource, func(n uint64, scope []byte) error {
			if n != 2 {
				return nil
			}
			return fields(scope, func(n uint64, span []byte) error {
				if n != 2 {
					return nil
				}
				s := Span{Hash: Hash(span)}
				err := fields(span, func(n uint64, content []byte) error {
					switch n {
					case 1:
						s.Trace = hex.EncodeToString(content)
					case 2:
						s.ID = hex.EncodeToString(content)
					}
					return nil
				})
				spans = append(spans, s)
				return err
			})
		})
	})
	return spans, err
}

// JSONSpans lists the spans of one TracesData object.
func JSONSpans(b []byte) (spans []Span, err error) {
	var request struct {
		ResourceSpans []struct {
			Resource   json.RawMessage
			ScopeSpans []struct {
				Scope json.RawMessage
				Spans []json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(b, &request); err != nil {
		return nil, err
	}
	for _, r := range request.ResourceSpans {
		for _, scope := range r.ScopeSpans {
			for _, raw := range scope.Spans {
				var ids struct{ TraceID, SpanID string }
				if err := json.Unmarshal(raw, &ids); err != nil {
					return nil, err
				}
				if len(ids.TraceID) != 32 || len(ids.SpanID) != 16 {
					return nil, fmt.Errorf("ids %q, %q are not in hex", ids.TraceID, ids.SpanID)
				}
				spans = append(spans, Span{ids.TraceID, ids.SpanID, Hash(raw)})
			}
		}
	}
	return spans, nil
}
