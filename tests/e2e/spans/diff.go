package main

import (
	"fmt"
	"io"
)

const shown = 3 // of each kind of difference

// set is what some files hold: spans by id.
type set struct {
	files  []string
	cut    bool
	spans  map[key]digest
	fresh  []int          // per file: spans that were in none before it
	again  int            // deliveries of a span that is there already
	unlike map[key]digest // delivered again with other contents
}

func load(files []string, cut bool) (*set, error) {
	s := &set{files: files, cut: cut, spans: map[key]digest{}, unlike: map[key]digest{}}
	for i := range files {
		before := len(s.spans)
		if err := s.add(files[i]); err != nil {
			return s, err
		}
		s.fresh = append(s.fresh, len(s.spans)-before)
	}
	return s, nil
}

func (s *set) add(file string) error {
	return eachSpan([]string{file}, s.cut, func(k key, w whole) error {
		d := w.digest()
		first, seen := s.spans[k]
		switch {
		case !seen:
			s.spans[k] = d
		case first == d:
			s.again++
		default:
			s.again++
			s.unlike[k] = d
		}
		return nil
	})
}

// find reads the fields of one version of a span anew.
func (s *set) find(k key, d digest) (found []field) {
	_ = eachSpan(s.files, s.cut, func(at key, w whole) error {
		if at == k && found == nil && w.digest() == d {
			found = w.fields()
		}
		return nil
	})
	return found
}

// onlyIn lists keys of a that b does not have, and how many there are.
func onlyIn(a, b map[key]digest) (some []key, n int) {
	for k := range a {
		if _, ok := b[k]; !ok {
			if n++; n <= shown {
				some = append(some, k)
			}
		}
	}
	return some, n
}

// report tells every way in which got is not want; false if there is any.
func report(out io.Writer, want, got *set) bool {
	bad := 0
	tellKeys := func(what string, a, b *set) {
		some, n := onlyIn(a.spans, b.spans)
		if n > 0 {
			fmt.Fprintf(out, "%d spans %s:\n", n, what)
		}
		for _, k := range some {
			name := ""
			for _, f := range a.find(k, a.spans[k]) {
				if f.name == "name" {
					name = f.value
				}
			}
			fmt.Fprintf(out, "  %s %q\n", k, name)
		}
		bad += n
	}
	tellKeys("did not arrive", want, got)
	tellKeys("arrived and were never sent", got, want)

	changed := 0
	for k, d := range want.spans {
		other, ok := got.spans[k]
		if !ok || other == d {
			continue
		}
		if changed++; changed <= shown {
			fmt.Fprintf(out, "%s is not as sent:\n", k)
			tellFields(out, want.find(k, d), got.find(k, other))
		}
	}
	if changed > shown {
		fmt.Fprintf(out, "%d spans in all are not as sent\n", changed)
	}
	bad += changed
	for _, s := range []*set{want, got} {
		n := 0
		for k, d := range s.unlike {
			if n++; n <= shown {
				fmt.Fprintf(out, "%s is in %v twice, with different contents:\n", k, s.files)
				tellFields(out, s.find(k, s.spans[k]), s.find(k, d))
			}
		}
		bad += n
	}
	return bad == 0
}

func tellFields(out io.Writer, want, got []field) {
	named := func(fields []field) map[string]string {
		m := map[string]string{}
		for _, f := range fields {
			m[f.name] += f.value
		}
		return m
	}
	a, b := named(want), named(got)
	for _, f := range append(want, got...) {
		x, inA := a[f.name]
		y, inB := b[f.name]
		if x == y && inA == inB {
			continue
		}
		fmt.Fprintf(out, "  %s: %s, expected %s\n", f.name, or(y, inB), or(x, inA))
		a[f.name], b[f.name] = "", "" // once is enough
		delete(a, f.name)
		delete(b, f.name)
	}
}

func or(value string, there bool) string {
	if !there {
		return "nothing"
	}
	if len(value) > 200 {
		value = value[:200] + "..."
	}
	return value
}
