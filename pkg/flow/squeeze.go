package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Squeeze2x2 trades space for channels: [C, H, W, B] -> [4C, H/2, W/2, B]. Output channel 4c + 2*(row mod 2) +
// (column mod 2): the input channel is the slowest (digest §2.2). Volumes do not change.
type Squeeze2x2 struct{}

// Params: none.
func (Squeeze2x2) Params() []nn.Param { return nil }

// Forward squeezes.
func (Squeeze2x2) Forward(_ *nn.Weights, x *Node) (y, logDet *Node) {
	d := x.Shape().Dimensions
	c, h, w, b := d[0], d[1]/2, d[2]/2, d[3]
	y = TransposeAllAxes(Reshape(x, c, h, 2, w, 2, b), 0, 2, 4, 1, 3, 5)
	return Reshape(y, 4*c, h, w, b), noChange(x)
}

// Inverse unsqueezes.
func (Squeeze2x2) Inverse(_ *nn.Weights, y *Node) (x, logDet *Node) {
	d := y.Shape().Dimensions
	c, h, w, b := d[0]/4, d[1], d[2], d[3]
	x = TransposeAllAxes(Reshape(y, c, 2, 2, h, w, b), 0, 3, 1, 4, 2, 5)
	return Reshape(x, c, 2*h, 2*w, b), noChange(y)
}
