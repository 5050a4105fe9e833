package main

import (
	"bufio"
	"fmt"
	"os"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// reread prints what the Collector makes of each line of the file: its own reader and writer of
// OTLP JSON, which its file receiver and exporter are made of.
func reread(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if traces.SpanCount() == 0 {
			return fmt.Errorf("%s:%d: no span", name, n)
		}
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
		if err != nil {
			return err
		}
		if _, err := fmt.Println(string(text)); err != nil {
			return err
		}
	}
	return lines.Err()
}
