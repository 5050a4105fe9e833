// Arrays of times and where slices.SortFunc puts each element, for timesort_check.
//
// All numbers are little-endian 64-bit: the length, the times, and the former
// index of each element of the sorted array.
package main

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"math/rand"
	"os"
	"slices"
)

type element struct{ time, index int64 }

var out = bufio.NewWriter(os.Stdout)

func put(v int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	out.Write(b[:])
}

func emit(times []int64) {
	a := make([]element, len(times))
	put(int64(len(times)))
	for i, t := range times {
		a[i] = element{t, int64(i)}
		put(t)
	}
	slices.SortFunc(a, func(x, y element) int { return cmp.Compare(x.time, y.time) })
	for _, e := range a {
		put(e.index)
	}
}

// Shapes that lead a quicksort through all of its branches.
func shape(r *rand.Rand, kind, n, keys int) []int64 {
	a := make([]int64, n)
	for i := range a {
		switch kind {
		case 0: // random with ties
			a[i] = int64(r.Intn(keys))
		case 1: // rising
			a[i] = int64(i * keys / n)
		case 2: // falling
			a[i] = int64((n - i) * keys / n)
		case 3: // organ pipes
			a[i] = int64(min(i, n-i) % keys)
		case 4: // saw
			a[i] = int64(i % keys)
		case 5: // rising but for a few
			a[i] = int64(i)
			if r.Intn(20) == 0 {
				a[i] = int64(r.Intn(n))
			}
		}
	}
	if kind == 1 && n > 4 { // one element out of place
		i, j := r.Intn(n), r.Intn(n)
		a[i], a[j] = a[j], a[i]
	}
	return a
}

func main() {
	r := rand.New(rand.NewSource(1))
	for n := 0; n <= 60; n++ {
		for kind := range 6 {
			for _, keys := range []int{1, 2, 3, 5, 17, 1000} {
				emit(shape(r, kind, n, keys))
			}
		}
	}
	for range 4000 {
		emit(shape(r, r.Intn(6), 1+r.Intn(700), 1+r.Intn(40)))
	}
	for kind := range 6 {
		emit(shape(r, kind, 50000, 100))
		emit(shape(r, kind, 50000, 1<<40))
	}
	out.Flush()
}
