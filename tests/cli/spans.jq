# Faults of one capture's spans, a line each; none is good. Input: OTLP JSON lines (jq -n -r).

# Nanoseconds are longer than jq's numbers: compare them as text of one length.
def time: (20 - length) as $n | "0" * $n + .;

def attribute($name): [.attributes[]? | select(.key == $name) | .value[]] | first;

[inputs.resourceSpans[].scopeSpans[].spans[]] as $spans |
[$spans[] | .traceId + "/" + .spanId] as $ids |
(reduce $ids[] as $id ({}; .[$id] += 1)) as $seen |
if $spans == [] then "no spans" else empty end,
($seen | to_entries[] | select(.value > 1) | "\(.key): \(.value) times"),
($spans[] |
	"\(.name) \(.traceId)/\(.spanId)" as $span |
	if (.traceId | test("^[0-9a-f]{32}$") | not) or (.traceId | test("^0*$")) then
		"\($span): trace id" else empty end,
	if (.spanId | test("^[0-9a-f]{16}$") | not) or (.spanId | test("^0*$")) then
		"\($span): span id" else empty end,
	if (.endTimeUnixNano | time) < (.startTimeUnixNano | time) then
		"\($span): ends before it starts" else empty end,
	# A span of the application is the parent of what the runtime saw of it.
	if (.parentSpanId // "") != "" and ($seen[.traceId + "/" + .parentSpanId] | not) and
			(.name | startswith("runtime: ") | not) then
		"\($span): parent \(.parentSpanId) is not in the capture" else empty end,
	if (.parentSpanId // "") != "" and attribute("flightspan.parent_task.id") then
		"\($span): has a parent and says that it is missing" else empty end,
	(.events[]? | select((.timeUnixNano | time) == ("0" | time)) |
		"\($span): an event without a time"))
