// Command sink answers OTLP/HTTP requests and tells what came with them.
//
//	sink PORT AUTHORIZATION
//
// A request without that header is refused with 401. One line a request:
// the method, the path, the content type and encoding, and the answer.
package main

import (
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sink PORT AUTHORIZATION")
		os.Exit(2)
	}
	err := http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(answer))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func answer(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		status = http.StatusBadRequest
	}
	got := r.Header.Get("Authorization")
	if subtle.ConstantTimeCompare([]byte(got), []byte(os.Args[2])) != 1 {
		status = http.StatusUnauthorized
	}
	fmt.Printf("%s %s type=%s encoding=%s status=%d\n", r.Method, r.URL.Path,
		r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"), status)
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(status)
}
