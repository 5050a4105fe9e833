# Reads what "go tool trace -d=parsed" prints and looks for the story of the
# demo: a whole request of over 300 ms that was mostly blocked on the stock
# lock, by another whole request that waited for the payment service while it
# was in "reserve stock". Prints each such request; fails if there is none.

function field(name,   i) {
	for (i = 1; i <= NF; i++)
		if (index($i, name "=") == 1)
			return substr($i, length(name) + 2)
	return ""
}

# The quoted value of a field, without its quotes.
function quoted(name,   at, text) {
	at = index($0, " " name "=\"")
	text = substr($0, at + length(name) + 3)
	return substr(text, 1, index(text, "\"") - 1)
}

!/^M=/ { next }

{ g = field("G"); time = field("Time") / 1e6 } # ms

$4 == "TaskBegin" { type[field("ID")] = quoted("Type"); begin[field("ID")] = time }
$4 == "TaskEnd" { end[field("ID")] = time }

$4 == "RegionBegin" {
	depth[g]++
	region[g, depth[g]] = quoted("Type")
	task[g, depth[g]] = field("Task")
	since[g, depth[g]] = time
}
$4 == "RegionEnd" && depth[g] > 0 {
	if (region[g, depth[g]] == "authorize card")
		asked[task[g, depth[g]]] = time - since[g, depth[g]]
	depth[g]--
}

$4 == "StateTransition" && / Running->Waiting Reason="sync"/ {
	id = field("GoID")
	if (depth[id] > 0 && region[id, depth[id]] == "lock stock")
		blocked[id] = time
}
$4 == "StateTransition" && / Waiting->Runnable / {
	id = field("GoID")
	if (id in blocked) {
		t = task[id, depth[id]]
		waited[t] += time - blocked[id]
		delete blocked[id]
		if (depth[g] > 0 && region[g, depth[g]] == "reserve stock")
			waker[t] = task[g, depth[g]]
	}
}

END {
	for (t in waker) {
		w = waker[t]
		if (!(t in begin) || !(t in end) || !(w in begin) || !(w in end) || w == t)
			continue
		took = end[t] - begin[t]
		if (took <= 300 || waited[t] <= took / 2 || asked[w] <= 300)
			continue
		printf "task %s (%s) took %.0f ms and was blocked for %.0f ms on the lock of task %s (%s), ", t, type[t], took, waited[t], w, type[w]
		printf "which asked the payment service for %.0f ms\n", asked[w]
		found = 1
	}
	exit !found
}
