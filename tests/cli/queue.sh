# shellcheck shell=bash disable=SC2154 # run.sh has the functions and variables
# `queue` and its dead letters; sourced by run.sh. The receiver refuses everything until a file
# named "mended" is there.

usage_queue=$("$F" help queue | sed -n 's/^Usage: /usage: /p')
try "queue of nothing" 2 "$E queue: expected list, retry or purge; $usage_queue" queue
try "queue nope" 2 "$E queue: expected list, retry or purge; $usage_queue" queue nope
for action in list retry purge; do
	try "queue $action without a file" 2 \
		"$E queue: expected -c CONFIG, which says where the queue is; $usage_queue" queue $action
done
try "queue list, --exporter" 2 "$E queue: list has no --exporter and no --queued; $usage_queue" \
	queue list -c q.yaml --exporter a
try "queue retry, --queued" 2 "$E queue: only purge has --queued; $usage_queue" \
	queue retry -c q.yaml --queued
try "queue purge, --all" 2 "$E queue: only list has --all; $usage_queue" queue purge -c q.yaml --all
try "queue, an unknown option" 2 "$E queue: unknown option --nope; $usage_queue" \
	queue list -c q.yaml --nope
try "queue, one word too many" 2 "$E queue: unexpected more; $usage_queue" queue list -c q.yaml more
try "queue -c alone" 2 "$E queue: -c needs a value; $usage_queue" queue list -c
try "queue without its configuration" 2 "$E q.yaml: No such file or directory" queue list -c q.yaml

cat >receiver.py <<'PY'
import http.server, os, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if os.path.exists("mended") else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open("port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename("port.new", "port")
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
PY
tail -f /dev/null --pid=$$ | python3 receiver.py &
for _ in $(seq 500); do
	[ -s port ] && break
	sleep 0.02
done
cat >q.yaml <<YAML
exporters:
  - { name: up, otlp: { endpoint: "http://127.0.0.1:$(cat port)", compression: none } }
  - { name: away, otlp: { endpoint: "http://127.0.0.1:1" } }
queue: { path: q.db, min_free: 0, spread: 0s }
YAML

# queue NAME STATUS ARGUMENTS...: as try, but nothing on standard error; `out` is what is said.
queue()
{
	try "queue $*" 0 '' queue "$1" -c q.yaml "${@:2}"
}

# says LINE: it is in `out`, as a whole line; N stands for any number.
says()
{
	sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g; s/\([0-9.]+ [kM]B,/(SIZE,/;
		s/ [0-9.]+ [kM]B of / SIZE of /; s/, [0-9.]+ [kM]?B(ytes)?,/, SIZE,/' out >said
	check "queue says \"$1\": $(head -n 9 said)" grep -qxF -- "$1" said
}

queue list
says 'queue q.db: there is no such file, so nothing is queued'
spans=$(count plain.jsonl)
got=0
timeout 60 "$F" convert -q -c q.yaml --retry-for 0s "$small" >out 2>err || got=$?
check "convert to who refuses and who is away: status $got" [ "$got" = 1 ]
check "it says where the dead letters are" grep -q 'were refused for good by .*; flightspan queue list shows them$' err
check "it says what stays queued" grep -q "^$W $spans spans for http://127.0.0.1:1/v1/traces stay queued in q.db" err
queue list
says 'queue q.db: SIZE of 1074 MB, nobody delivers from it now'
says "up: 0 spans queued, $spans in dead letters"
says "  $spans produced = 0 acknowledged + 0 rejected + $spans dead-lettered + 0 queued"
says "away: $spans spans queued in 1 requests (SIZE, the oldest since TIME), 0 in dead letters"
says 'dead letters, the newest first:'
check "queue list tells why" grep -qE "^  [0-9]+ [^ ]+ up $spans spans, .*, 1 attempt: cannot send $spans spans to http://127.0.0.1:[0-9]+/v1/traces: HTTP status 500 \(1 attempt\)$" out
queue list --all
says "up: 0 spans queued, $spans in dead letters"

try "queue retry of nobody" 2 "$E queue q.db: nothing was ever queued for nobody" \
	queue retry -c q.yaml --exporter nobody
queue retry --exporter away
says '0 spans are queued again'
queue retry --exporter up
says "$spans spans are queued again"
queue list
says "up: $spans spans queued in 1 requests (SIZE, the oldest since TIME), 0 in dead letters"
touch mended
got=0
timeout 60 "$F" convert -q -c q.yaml --retry-for 0s "$small" >out 2>err || got=$?
check "convert once it is mended: status $got" [ "$got" = 1 ]
queue list
says "up: 0 spans queued, 0 in dead letters"
says "  $spans produced = $spans acknowledged + 0 rejected + 0 dead-lettered + 0 queued"
queue purge
says '0 spans are removed'
queue purge --exporter away --queued
says "$spans spans are removed"
queue list
says "  $spans produced = 0 acknowledged + 0 rejected + 0 dead-lettered + $spans dropped (purged) + 0 queued"

# Files that are no queue of ours are told from those that are, and left as they are.
echo 'not a database, but long enough to be looked at' >q.db
rm -f q.db-wal q.db-shm
cp q.db before
for action in list retry purge; do
	try "queue $action of text" 1 "$E queue q.db: file is not a database" queue $action -c q.yaml
done
check "the file is as it was" cmp q.db before
python3 -c 'import sqlite3; d = sqlite3.connect("other.db"); d.execute("create table t (a)"); d.commit()'
sed -i 's/q\.db/other.db/' q.yaml
try "queue of another program" 2 "$E queue other.db: this is the database of another program" \
	queue list -c q.yaml
