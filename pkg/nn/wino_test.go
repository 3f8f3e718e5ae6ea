package nn

import (
	"testing"
	"fmt"
)

func TestWinoTmp(t *testing.T) {
	for _, v := range []string{"one", "sep"} {
		Variant = v
		for _, c := range []struct{ in, out, h, w int }{{3, 5, 4, 6}, {5, 3, 2, 4}, {64, 64, 16, 16}} {
			pair := convCase[float32](t, c.in, c.out, 3, c.h, c.w, false)
			pair64 := convCase[float64](t, c.in, c.out, 3, c.h, c.w, false)
			for i := range pair[Native] {
				fmt.Println(v, c, i, maxRelative[float32](t, pair[Lowering{Fused: true}][i], pair[Native][i]), maxRelative[float64](t, pair64[Lowering{Fused: true}][i], pair64[Native][i]))
			}
		}
	}
}
