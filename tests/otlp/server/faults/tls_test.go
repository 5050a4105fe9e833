package faults

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"strings"
	"testing"

	"otlpserver/scripted"
)

func (w *world) useTLS(ca *scripted.Authority, leaf scripted.Leaf) {
	cert, _, _ := ca.Sign(leaf)
	scripted.WriteFiles(w.dir+"/ca.pem", ca.PEM)
	w.tls = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	w.extra = `, tls: { ca_file: "` + w.dir + `/ca.pem" }`
}

func Test12Certificates(t *testing.T) {
	for name, leaf := range map[string]scripted.Leaf{
		"expired": {Expired: true}, "wrong host": {Host: "elsewhere.example"}, "unknown authority": {},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, small, protocols, func(w *world) {
				ca := scripted.NewAuthority("right")
				w.useTLS(ca, leaf)
				if name == "unknown authority" {
					scripted.WriteFiles(w.dir+"/ca.pem", scripted.NewAuthority("wrong").PEM)
				}
				w.serve()
				w.fails("does the CA file fit the receiver's certificate?")
				if n := w.requests(); n != 0 {
					w.Fatalf("%d requests came through", n)
				}
				w.keeps(func() {
					w.http.Close()
					w.useTLS(ca, scripted.Leaf{})
					w.serve()
				})
			})
		})
	}
}

func Test12ClientCertificate(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		ca := scripted.NewAuthority("right")
		w.useTLS(ca, scripted.Leaf{})
		w.tls.ClientAuth = tls.RequireAndVerifyClientCert
		w.tls.ClientCAs = x509.NewCertPool()
		w.tls.ClientCAs.AppendCertsFromPEM(ca.PEM)
		w.serve()
		w.fails("a certificate of ours")
		w.keeps(func() {
			_, cert, key := ca.Sign(scripted.Leaf{Host: "client"})
			scripted.WriteFiles(w.dir+"/cert.pem", cert, w.dir+"/key.pem", key)
			w.extra = strings.Replace(w.extra, " }", `, cert_file: "`+w.dir+`/cert.pem", key_file: "`+
				w.dir+`/key.pem" }`, 1)
		})
	})
}

// The receiver speaks no TLS: nothing goes out in plain text.
func Test12NoPlaintextFallback(t *testing.T) {
	each(t, small, protocols, func(w *world) {
		w.serve()
		w.url = "https://" + w.address
		w.retry = "0s"
		w.fails("does this port speak TLS?")
		w.keeps(func() { w.url = "" })
	})
}

// Where Debian's libcurl looks for the authorities of the system.
const systemBundle = "/etc/ssl/certs/ca-certificates.crt"

// Without ca_file, who the system trusts is trusted, and nobody else.
func Test12SystemAuthorities(t *testing.T) {
	if exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("SKIP check-faults: THE SYSTEM'S AUTHORITIES ARE NOT TESTED: no unshare")
	}
	if _, err := os.Stat(systemBundle); err != nil {
		t.Skip("SKIP check-faults: THE SYSTEM'S AUTHORITIES ARE NOT TESTED: no ca-certificates")
	}
	each(t, small, protocols, func(w *world) {
		w.useTLS(scripted.NewAuthority("of the system"), scripted.Leaf{})
		w.extra = ""
		w.url = "https://" + w.address
		w.serve()
		w.fails("does the CA file fit the receiver's certificate?")
		if n := w.requests(); n != 0 {
			w.Fatalf("%d requests came through", n)
		}
		w.keeps(func() {
			w.inside = []string{"unshare", "-m", "sh", "-c",
				`mount --bind "$0" ` + systemBundle + ` && exec "$@"`, w.dir + "/ca.pem"}
		})
	})
}
