// Package flow holds the invertible layers that Glow is built from, one a file: activation norm, invertible 1x1
// convolution, affine coupling and squeeze, the fully connected counterparts of the first three, and the steps that chain them.
//
// Forward means data to latent. Images are [C, H, W, B], log-determinants [B]: one number an image, in nats, of the
// direction that was computed, so that those of Forward and Inverse add up to zero. flowtest checks the laws that
// every layer obeys.
package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// Layer is an invertible map between images. Its methods build graphs and panic where shapes do not fit.
type Layer interface {
	// Params declares the layer's parameters.
	Params() []nn.Param
	// Forward maps x to y and gives ln |det dy/dx| of each image.
	Forward(w *nn.Weights, x *Node) (y, logDet *Node)
	// Inverse maps y to x and gives ln |det dx/dy| of each image.
	Inverse(w *nn.Weights, y *Node) (x, logDet *Node)
}

// perImage spreads one number over the batch of x [C, H, W, B].
func perImage(v, x *Node) *Node { return BroadcastToDims(v, x.Shape().Dim(-1)) }

// positions is H*W of x [C, H, W, B].
func positions(x *Node) float64 { return float64(x.Shape().Dim(1) * x.Shape().Dim(2)) }
