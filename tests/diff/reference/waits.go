// Counts, inside the reference, how often it takes the path that this test is
// about. check-clocks adds the calls to a copy of reader.go.

package trace

var (
	Waits     int // the first thread's event had to wait for another's
	TiedSorts int // of those: so many threads with equal times that only Go's sort gives Go's order
)

// Go's sort is stable up to this length.
const stableLength = 12

func noteWait(frontier []*batchCursor) {
	Waits++
	if len(frontier) <= stableLength {
		return
	}
	times := make(map[int64]bool, len(frontier))
	for _, c := range frontier {
		times[int64(c.ev.time)] = true
	}
	if len(times) < len(frontier) {
		TiedSorts++
	}
}
