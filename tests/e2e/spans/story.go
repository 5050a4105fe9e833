package main

import (
	"fmt"
	"io"
	"time"
)

const slow = 300 * time.Millisecond

type node struct {
	w        whole
	children []key
}

func (n *node) duration() time.Duration {
	return time.Duration(n.w.GetEndTimeUnixNano() - n.w.GetStartTimeUnixNano())
}

// tellStory looks for the answer that the program exists for: a slow request,
// below it a wait nearly as long, and a link from there to a span of another
// request, which is in the file, too.
func tellStory(out io.Writer, files []string, request, reason string) error {
	nodes := map[key]*node{}
	err := eachSpan(files, false, func(k key, w whole) error {
		nodes[k] = &node{w: w}
		return nil
	})
	if err != nil {
		return err
	}
	for k, n := range nodes {
		up := k
		copy(up[16:], n.w.GetParentSpanId())
		if parent := nodes[up]; parent != nil && len(n.w.GetParentSpanId()) > 0 {
			parent.children = append(parent.children, k)
		}
	}
	for k, n := range nodes {
		if n.w.GetName() != request || n.w.scope.GetScope().GetName() != "flightspan.task" || n.duration() < slow {
			continue
		}
		if wait, other := findWait(nodes, k, reason); wait != nil {
			fmt.Fprintf(out, "%s %d ms waits %d ms for %q, linked to %q of another trace\n", request,
				n.duration().Milliseconds(), wait.duration().Milliseconds(), reason, other.w.GetName())
			return nil
		}
	}
	return fmt.Errorf("no %s over %v with a wait for %q over %v that links to another trace in the file",
		request, slow, reason, slow)
}

func findWait(nodes map[key]*node, from key, reason string) (wait, other *node) {
	todo := []key{from}
	for len(todo) > 0 {
		n := nodes[todo[0]]
		todo = append(todo[1:], n.children...)
		if n.w.GetName() != reason || n.w.scope.GetScope().GetName() != "flightspan.sched" || n.duration() < slow {
			continue
		}
		for _, l := range n.w.GetLinks() {
			var to key
			copy(to[:16], l.GetTraceId())
			copy(to[16:], l.GetSpanId())
			if found := nodes[to]; found != nil && [16]byte(to[:16]) != [16]byte(from[:16]) {
				return n, found
			}
		}
	}
	return nil, nil
}
