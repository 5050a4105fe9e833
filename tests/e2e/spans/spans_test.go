package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A span with something in every place.
const full = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}],"droppedAttributesCount":1},` +
	`"scopeSpans":[{"scope":{"name":"flightspan.task","version":"0.1.0"},"spans":[{` +
	`"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"1112131415161718","parentSpanId":"2122232425262728",` +
	`"traceState":"a=b","name":"POST /orders","kind":1,"startTimeUnixNano":"1000","endTimeUnixNano":"2000",` +
	`"attributes":[{"key":"text","value":{"stringValue":"x"}},{"key":"count","value":{"intValue":"7"}},` +
	`{"key":"flag","value":{"boolValue":true}},{"key":"ratio","value":{"doubleValue":0.5}}],` +
	`"droppedAttributesCount":2,"events":[{"timeUnixNano":"1500","name":"log","attributes":[{"key":"e","value":{"intValue":"8"}}],` +
	`"droppedAttributesCount":3}],"droppedEventsCount":4,"links":[{"traceId":"3132333435363738393a3b3c3d3e3f40",` +
	`"spanId":"4142434445464748","attributes":[{"key":"l","value":{"intValue":"9"}}],"flags":258}],"droppedLinksCount":5,` +
	`"status":{"code":2,"message":"no"},"flags":257}]}]}]}`

// diffOf compares two texts of whole lines; what it would print, and whether
// they are equal.
func diffOf(t *testing.T, sent, arrived string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	var sets [2]*set
	for i, text := range []string{sent, arrived} {
		path := filepath.Join(dir, string(rune('a'+i))+".jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if sets[i], err = load([]string{path}, false); err != nil {
			return err.Error(), false
		}
	}
	var out strings.Builder
	equal := report(&out, sets[0], sets[1])
	return out.String(), equal
}

func TestEveryAlterationIsFound(t *testing.T) {
	for _, alter := range []struct{ from, to, told string }{
		{`"stringValue":"orders"`, `"stringValue":"order"`, `resource attribute "service.name": string "order", expected string "orders"`},
		{`"droppedAttributesCount":1`, `"droppedAttributesCount":9`, `resource dropped attributes: 9, expected 1`},
		{`flightspan.task`, `flightspan.sched`, `scope name: flightspan.sched, expected flightspan.task`},
		{`0.1.0`, `0.1.1`, `scope version: 0.1.1`},
		{`0102030405060708`, `0102030405060709`, `1 spans did not arrive`},
		{`1112131415161718`, `1112131415161719`, `1 spans arrived and were never sent`},
		{`2122232425262728`, ``, `parent: nothing, expected 2122232425262728`},
		{`a=b`, `a=c`, `trace state: a=c`},
		{`POST /orders`, `GET /orders`, `name: GET /orders`},
		{`"kind":1`, `"kind":2`, `kind: 2`},
		{`"kind":1,`, ``, `kind: nothing`},
		{`"1000"`, `"1001"`, `start: 1001`},
		{`"2000"`, `"2001"`, `end: 2001`},
		{`"stringValue":"x"`, `"stringValue":""`, `attribute "text": string "", expected string "x"`},
		{`"intValue":"7"`, `"intValue":"-7"`, `attribute "count": int -7, expected int 7`},
		{`"intValue":"7"`, `"stringValue":"7"`, `attribute "count": string "7", expected int 7`},
		{`"intValue":"7"`, `"doubleValue":7`, `attribute "count": double 7`},
		{`"boolValue":true`, `"boolValue":false`, `attribute "flag": bool false`},
		{`0.5`, `0.25`, `attribute "ratio": double 0.25`},
		{`{"key":"flag","value":{"boolValue":true}},`, ``, `attribute "flag": nothing`},
		{`{"key":"flag","value":{"boolValue":true}},`, `{"key":"flag","value":{"boolValue":true}},{"key":"flag","value":{"boolValue":true}},`, `attribute "flag"`},
		{`"droppedAttributesCount":2`, `"droppedAttributesCount":0`, `dropped attributes: nothing, expected 2`},
		{`"1500"`, `"1501"`, `event 0 time: 1501`},
		{`"name":"log"`, `"name":"lag"`, `event 0 name: lag`},
		{`"intValue":"8"`, `"intValue":"18"`, `event 0 attribute "e": int 18`},
		{`"droppedAttributesCount":3`, `"droppedAttributesCount":1`, `event 0 dropped attributes: 1`},
		{`"droppedEventsCount":4`, `"droppedEventsCount":5`, `dropped events: 5`},
		{`3132333435363738`, `3132333435363739`, `link 0 trace: 3132333435363739`},
		{`4142434445464748`, `4142434445464749`, `link 0 span: 4142434445464749`},
		{`"intValue":"9"`, `"intValue":"10"`, `link 0 attribute "l": int 10`},
		{`258`, `2`, `link 0 flags: 2, expected 258`},
		{`"droppedLinksCount":5`, `"droppedLinksCount":4`, `dropped links: 4`},
		{`"code":2`, `"code":1`, `status code: 1`},
		{`"message":"no"`, `"message":"on"`, `status message: on`},
		{`257`, `256`, `flags: 256, expected 257`},
		// Not a difference but no OTLP.
		{`"kind":1`, `"kind":"SPAN_KIND_INTERNAL"`, `not OTLP JSON`},
		{`"kind":1`, `"sort":1`, `unknown field`},
		{`"1112131415161718"`, `"11121314151617"`, `wrong length`},
		{`"1112131415161718"`, `"0000000000000000"`, `id of zeros`},
	} {
		altered := strings.Replace(full, alter.from, alter.to, 1)
		if altered == full {
			t.Errorf("%s is not in the text", alter.from)
		}
		out, equal := diffOf(t, full+"\n", altered+"\n")
		if equal || !strings.Contains(out, alter.told) {
			t.Errorf("%s to %s: equal=%v, expected %q, told:\n%s", alter.from, alter.to, equal, alter.told, out)
		}
	}
}

func TestOtherWordsForTheSame(t *testing.T) {
	for _, alter := range []struct{ from, to string }{
		{`"1000"`, `1000`},
		{`"intValue":"7"`, `"intValue":7`},
		{`3132333435363738393a3b3c3d3e3f40`, `3132333435363738393A3B3C3D3E3F40`},
		{`0.5`, `5e-1`},
		{`"kind":1`, `"kind": 1`},
		{`"version":"0.1.0"`, `"version":"0.1.0","attributes":[],"droppedAttributesCount":0`},
		{`{"key":"text","value":{"stringValue":"x"}},{"key":"count","value":{"intValue":"7"}}`,
			`{"key":"count","value":{"intValue":"7"}},{"key":"text","value":{"stringValue":"x"}}`},
	} {
		if out, equal := diffOf(t, full+"\n", strings.Replace(full, alter.from, alter.to, 1)+"\n"); !equal {
			t.Errorf("%s to %s is told as a difference:\n%s", alter.from, alter.to, out)
		}
	}
}

func TestAgain(t *testing.T) {
	if out, equal := diffOf(t, full+"\n", full+"\n"+full+"\n"); !equal {
		t.Errorf("delivered twice, alike:\n%s", out)
	}
	other := strings.Replace(full, `"1500"`, `"1501"`, 1)
	out, equal := diffOf(t, full+"\n", full+"\n"+other+"\n")
	if equal || !strings.Contains(out, "twice, with different contents") || !strings.Contains(out, "event 0 time: 1501, expected 1500") {
		t.Errorf("delivered twice, unlike: %v\n%s", equal, out)
	}
}

func TestCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.jsonl")
	if err := os.WriteFile(path, []byte(full+"\n"+full[:200]), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := load([]string{path}, true); err != nil || len(s.spans) != 1 {
		t.Errorf("a forgiven cut: %v", err)
	}
	if _, err := load([]string{path}, false); err == nil {
		t.Errorf("a cut was not told")
	}
}
