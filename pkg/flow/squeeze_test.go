package flow_test

import (
	"testing"

	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func TestSqueeze2x2(t *testing.T) { flowtest.CheckLayer(t, flow.Squeeze2x2{}, 3, 4, 2) }

// Digest §2.2: channel c, row r, column k goes to channel 4c + 2(r mod 2) + (k mod 2), row r/2, column k/2.
func TestSqueeze2x2MovesPixels(t *testing.T) {
	const channels, height, width, batch = 2, 4, 6, 3
	x := make([]float64, channels*height*width*batch)
	want := make([]float64, len(x))
	for c := range channels {
		for r := range height {
			for k := range width {
				for b := range batch {
					from := ((c*height+r)*width+k)*batch + b
					to := (((4*c+2*(r%2)+k%2)*(height/2)+r/2)*(width/2)+k/2)*batch + b
					x[from] = float64(from)
					want[to] = float64(from)
				}
			}
		}
	}
	var shape []int
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		y, logDet := flow.Squeeze2x2{}.Forward(nil, in[0])
		shape = y.Shape().Dimensions
		return []*Node{y, logDet}
	}, tensors.FromFlatDataAndDimensions(x, channels, height, width, batch))
	require.Equal(t, []int{4 * channels, height / 2, width / 2, batch}, shape)
	require.Equal(t, want, out[0])
	require.Equal(t, make([]float64, batch), out[1])
}
