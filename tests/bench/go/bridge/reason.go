package main

import (
	"strings"

	"golang.org/x/exp/trace"
)

// Why goroutines wait: the runtime's word, and what the stack adds to it.
type reason struct {
	word, detail, name string
	key                string // inside the names of attributes
	names              [families]names
	raw                *reason // without the detail; itself if it has none
	held               bool    // a wait on a lock or channel
}

const condWord = "sync.(*Cond).Wait"

// What a function on the stack says about a wait. Of several, the larger number counts; locks
// count by their first frame alone, as long as nothing but sync is above it.
var calls = []struct {
	prefix, detail string
	telling        int
}{
	{"sync.(*Mutex).", "mutex", 0}, {"internal/sync.(*Mutex).", "mutex", 0},
	{"sync.(*RWMutex).", "rwmutex", 0}, {"sync.(*rlocker).", "rwmutex", 0},
	{"sync.(*WaitGroup).", "waitgroup", 0}, {"sync.(*Once).", "once", 0},
	{"internal/poll.(*FD).Read", "read", 1}, {"internal/poll.(*FD).Pread", "read", 1},
	{"internal/poll.(*FD).RawRead", "read", 1}, {"internal/poll.(*FD).Write", "write", 1},
	{"internal/poll.(*FD).Pwrite", "write", 1}, {"internal/poll.(*FD).RawWrite", "write", 1},
	{"internal/poll.Splice", "write", 1}, {"internal/poll.SendFile", "write", 1},
	{"internal/poll.(*FD).Accept", "accept", 6},
	{"net.(*netFD).connect", "dial", 5}, {"net.(*netFD).dial", "dial", 5},
	{"net.(*sysDialer).", "dial", 5}, {"net.(*Dialer).", "dial", 5},
	{"crypto/tls.(*Conn).", "tls", 2},
	{"net/http.(*persistConn).", "http client", 3}, {"net/http.(*Transport).", "http client", 3},
	{"net/http.(*Client).", "http client", 3}, {"net/http.(*http2Transport).", "http client", 3},
	{"net/http.(*http2ClientConn).", "http client", 3},
}

// First elements of the standard library's import paths.
var standard = map[string]bool{}

func init() {
	for _, root := range strings.Fields(`archive arena bufio builtin bytes cmp compress container
		context crypto database debug embed encoding errors expvar flag fmt go hash html image index
		internal io iter log maps math mime net os path plugin reflect regexp runtime simd slices sort
		strconv strings structs sync syscall testing text time unicode unique unsafe uuid vendor weak`) {
		standard[root] = true
	}
}

func isStandard(function string) bool {
	end := strings.IndexAny(function, "/.")
	return end < 0 || standard[function[:end]]
}

// What the stack adds to a wait, or "".
func detailOf(s trace.Stack) string {
	lock, network, most := "", "", 0
	beyond, handshake := false, false
	for f := range s.Frames() {
		detail, telling := "", 0
		for _, c := range calls {
			if strings.HasPrefix(f.Func, c.prefix) {
				detail, telling = c.detail, c.telling
				break
			}
		}
		if !strings.HasPrefix(f.Func, "sync.") && !strings.HasPrefix(f.Func, "internal/sync.") {
			beyond = true
		}
		if detail != "" && telling == 0 {
			if !beyond {
				lock = detail
			}
			continue
		}
		if strings.HasPrefix(strings.ToLower(f.Func), "crypto/tls.(*conn).handshake") {
			handshake = true
		}
		if telling > most && !(handshake && detail == "http client") {
			network, most = detail, telling
		}
	}
	if lock != "" {
		return lock
	}
	return network
}

func fits(detail, word string) bool {
	switch detail {
	case "":
		return false
	case "mutex", "rwmutex", "waitgroup", "once":
		return word == "sync"
	case "http client":
		return word == "network" || word == "select"
	}
	return word == "network"
}

// Small letters and digits, anything else as one '_'.
func keyWord(word string) string {
	var b strings.Builder
	gap := false
	for _, c := range strings.ToLower(word) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap = false
			b.WriteRune(c)
		} else {
			gap = true
		}
	}
	return b.String()
}

// The reasons there are, by word and detail.
type reasons map[[2]string]*reason

func (all reasons) find(word, detail string) *reason {
	if !fits(detail, word) {
		detail = ""
	}
	r := all[[2]string{word, detail}]
	if r != nil {
		return r
	}
	r = &reason{word: word, detail: detail, name: word, key: keyWord(word)}
	all[[2]string{word, detail}] = r
	r.raw = r
	switch word {
	case condWord:
		r.detail, r.name, r.key = "cond", "sync cond", "sync.cond"
		r.raw = all.find("sync", "")
		r.held = true
	case "sync", "chan send", "chan receive", "select":
		r.held = true
	}
	if detail != "" {
		r.name, r.key = word+" "+detail, r.key+"."+keyWord(detail)
		r.raw = all.find(word, "")
	}
	for f, prefix := range prefixes {
		r.names[f] = names{prefix + "blocked." + r.key + "_ns", prefix + "blocked." + r.key + "_count"}
	}
	return r
}
