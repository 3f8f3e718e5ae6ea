package flow

import (
	"math/rand/v2"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"
)

// Orthogonal mixes channels by a fixed random rotation or reflection, y = Q x at every position: the 1x1 convolution of the
// fully connected Glow (digest §3.2). Q is drawn once and never trained.
//
// Its log-determinant is taken as 0. The reference computes that of the float32 matrix, which differs from 0 by Q's rounding
// errors: some 1e-8 nats for a Q that was computed in float64 and rounded, as here, and 1e-5 for one of 1024 dimensions that was
// computed in float32. One bit of a float32 log-likelihood of 1e4 nats is 1e-3.
type Orthogonal struct {
	Name     string
	Channels int
}

// Params are weight [C, C], Q of the QR decomposition of a Gaussian matrix.
func (o Orthogonal) Params() []nn.Param {
	return []nn.Param{{Name: o.Name + "/weight", Shape: []int{o.Channels, o.Channels}, Fixed: true, Start: func(rng *rand.Rand) []float32 {
		q := randomOrthogonal(o.Channels, rng)
		values := make([]float32, 0, o.Channels*o.Channels)
		for i := range o.Channels {
			for _, v := range q.RawRowView(i) {
				values = append(values, float32(v))
			}
		}
		return values
	}}}
}

// Forward multiplies by Q.
func (o Orthogonal) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	return mixChannels(w.Get(o.Name+"/weight"), x), perImage(ScalarZero(x.Graph(), x.DType()), x)
}

// Inverse multiplies by the transpose of Q.
func (o Orthogonal) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	return mixChannels(Transpose(w.Get(o.Name+"/weight"), 0, 1), y), perImage(ScalarZero(y.Graph(), y.DType()), y)
}

// mixChannels is matrix [C, C] times x [C, H, W, B] at every position.
func mixChannels(matrix, x *Node) *Node {
	d := x.Shape().Dimensions
	return Reshape(nn.Product(matrix, Reshape(x, d[0], d[1]*d[2]*d[3])), d...)
}

// randomOrthogonal is Q of the QR decomposition of a matrix of normal deviates.
func randomOrthogonal(n int, rng *rand.Rand) *mat.Dense {
	gaussian := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			gaussian.Set(i, j, rng.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(gaussian)
	var q mat.Dense
	qr.QTo(&q)
	return &q
}
