#!/usr/bin/env python3
"""sink.py PORTFILE LOG: an OTLP/HTTP receiver that writes down what it takes.

A line per span: trace id, span id, SHA-256 of the span's bytes; written before the
answer, so that what is acknowledged is in the log. With FLAP=N every N-th request is
answered 503. Ends when its standard input does.
"""
import gzip
import hashlib
import http.server
import os
import sys
import threading

FLAP = int(os.environ.get("FLAP", "0"))


def fields(data):
    """(number, value) of each field of a message; lengths are checked."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size = varint()
        if size is None or at + size > len(data):
            raise ValueError("not a message")
        yield tag >> 3, data[at : at + size]
        at += size


def spans(request):
    for number, resource in fields(request):
        if number == 1:
            for number, scope in fields(resource):
                if number == 2:
                    for number, span in fields(scope):
                        if number == 2:
                            yield span


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    log = None
    n = 0

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        if len(body) < size:
            return  # killed while it sent
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status = 200
        with self.lock:
            Handler.n += 1
            if FLAP and Handler.n % FLAP == 0:
                status = 503
            else:
                for span in spans(body):
                    ids = dict((n, v) for n, v in fields(span) if n in (1, 2))
                    digest = hashlib.sha256(span).hexdigest()
                    self.log.write(f"{ids[1].hex()} {ids[2].hex()} {digest}\n")
                self.log.flush()
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Senders are killed here: what they leave of a connection is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    Handler.log = open(sys.argv[2], "a")
    server = Server(("127.0.0.1", 0), Handler)
    with open(sys.argv[1] + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


main()
