// Go's own reader of traces, as a program that reads many of them: all that
// variants.c writes to its standard input. variants.sh builds it inside the
// toolchain's package internal/trace, by an overlay, together with waits.go.
//
//	reference FAILED UNLIKE NAME...
//
// Every variant has to give the dump that came with it, and be refused or not
// as it was; the NAMEs are those of the traces they came from. What we refuse
// and Go does not has to be listed in the file UNLIKE, by our message, and the
// dump to agree as far as it goes. The first few that fail are left in the
// folder FAILED. The last line is one of numbers.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"internal/trace"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const keepFailures = 5

type variant struct {
	base, number uint64
	refused      bool
	trace, dump  []byte
	message      string
}

// What the reference does at the end of a trace.
type ending int

const (
	accepts ending = iota
	refuses
	panics
)

func next(in io.Reader) (v variant, err error) {
	var head [6]uint64
	if err := binary.Read(in, binary.LittleEndian, &head); err != nil {
		return v, err
	}
	v = variant{base: head[0], number: head[1], refused: head[2] != 0}
	rest := make([]byte, head[3]+head[4]+head[5])
	_, err = io.ReadFull(in, rest)
	v.trace, rest = rest[:head[3]], rest[head[3]:]
	v.dump, rest = rest[:head[4]], rest[head[4]:]
	v.message = string(rest)
	return v, err
}

// read calls f with each line of the reference's dump until it returns false.
func read(data []byte, f func(line string) bool) (end ending) {
	defer func() {
		if recover() != nil {
			end = panics
		}
	}()
	r, err := trace.NewReader(bytes.NewReader(data))
	if err != nil {
		return refuses
	}
	for {
		ev, err := r.ReadEvent()
		if err == io.EOF {
			return accepts
		} else if err != nil {
			return refuses
		}
		if !f(ev.String() + "\n") {
			return accepts
		}
	}
}

// compare tells where the two differ, or "".
func (v variant) compare(unlike []string) (why string, end ending) {
	rest := string(v.dump)
	n := 0
	end = read(v.trace, func(line string) bool {
		if !strings.HasPrefix(rest, line) {
			why = fmt.Sprintf("event %d differs, at byte %d of the dump", n, len(v.dump)-len(rest))
			return false
		}
		rest = rest[len(line):]
		n++
		return true
	})
	switch {
	case v.refused && rest == "" && end != refuses:
		for _, part := range unlike {
			if strings.Contains(v.message, part) {
				return "", end
			}
		}
		return fmt.Sprintf("after %d events only we refuse it: %s", n, v.message), end
	case why != "" || end == panics: // which says nothing about the rest
		return why, end
	case rest != "":
		return fmt.Sprintf("%d bytes of the dump are left behind event %d", len(rest), n), end
	case end == refuses && !v.refused:
		return fmt.Sprintf("after %d events only the reference refuses it", n), end
	}
	return "", end
}

func (v variant) keep(folder, name string) {
	path := filepath.Join(folder, fmt.Sprintf("%s-%d", name, v.number))
	os.WriteFile(path+".trace", v.trace, 0o666)
	os.WriteFile(path+".ours", v.dump, 0o666)
}

// readUnlike returns the parts of messages that the lines "damage PART WHY" name.
func readUnlike(path string) (parts []string) {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(line, "\t"); len(fields) == 3 && fields[0] == "damage" {
			parts = append(parts, fields[1])
		}
	}
	return parts
}

func main() {
	var variants, failed, waited, events int
	var ends [3]int
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	folder, unlike, names := os.Args[1], readUnlike(os.Args[2]), os.Args[3:]
	for {
		v, err := next(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println("FAIL the variants broke off:", err)
			os.Exit(1)
		}
		before := trace.Waits
		why, end := v.compare(unlike)
		variants++
		ends[end]++
		events += bytes.Count(v.dump, []byte("\n"))
		if trace.Waits > before {
			waited++
		}
		if why != "" {
			if failed++; failed <= keepFailures {
				v.keep(folder, names[v.base])
				fmt.Printf("FAIL variant %d of %s: %s\n", v.number, names[v.base], why)
			}
		}
	}
	fmt.Println("sum", variants, failed, ends[refuses], ends[panics], waited, trace.Waits, trace.TiedSorts, events)
}
