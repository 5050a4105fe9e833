// One byte a rune, 0 to U+10FFFF: what strconv.Quote does with it, for printable_check.
package main

import (
	"os"
	"strconv"
)

func main() {
	out := make([]byte, 0x110000)
	for r := range out {
		out[r] = '0'
		if strconv.IsPrint(rune(r)) {
			out[r] = '1'
		}
	}
	os.Stdout.Write(out)
}
