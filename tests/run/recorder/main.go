// recorder is a program with a flight recorder that writes a snapshot when it is asked.
//
// It prints "port N" and ends when its standard input does. /do?name=N is a task of that
// name; /snapshot is the recorder, only for `Authorization: Bearer s3cret-token` and POST.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/trace"
	"time"
)

func main() {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: time.Minute})
	if err := recorder.Start(); err != nil {
		panic(err)
	}
	http.HandleFunc("/do", func(w http.ResponseWriter, r *http.Request) {
		_, task := trace.NewTask(context.Background(), r.FormValue("name"))
		time.Sleep(time.Millisecond)
		task.End()
	})
	http.HandleFunc("/snapshot", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret-token" || r.Header.Get("X-Team") != "s3cret-team" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if r.Method != "POST" {
			http.Error(w, "POST it", http.StatusMethodNotAllowed)
			return
		}
		// While one is being written, the recorder refuses another: that is no status of ours.
		if _, err := recorder.WriteTo(w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("port %d\n", l.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(l, nil))
}
