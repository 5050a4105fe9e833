package scripted

import (
	"encoding/binary"
	"net"
	"sync/atomic"
)

// Stale wraps a listener whose connections can be closed from below, as a proxy closes one that
// idles: without a GOAWAY, at the moment when the client uses it again.
func Stale(l net.Listener) net.Listener { return staleListener{l} }

type staleListener struct{ net.Listener }

func (l staleListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &staleConn{Conn: c}, nil
}

type staleConn struct {
	net.Conn
	stale atomic.Bool
}

// Read loses the beginning of the next request, and the connection with it.
func (c *staleConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.stale.Load() && beginsRequest(b[:n]) {
		c.Conn.(*net.TCPConn).SetLinger(0)
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// beginsRequest: is a HEADERS frame among these? An idle client sends PING, SETTINGS and
// WINDOW_UPDATE, each in one piece.
func beginsRequest(b []byte) bool {
	const header, headers = 9, 1
	for len(b) >= header {
		if b[3] == headers {
			return true
		}
		length := int(binary.BigEndian.Uint32(append([]byte{0}, b[:3]...)))
		if length > len(b)-header {
			return false
		}
		b = b[header+length:]
	}
	return false
}
