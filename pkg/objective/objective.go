// Package objective holds the training losses, in nats per image, as the paper writes them (digest §4.3).
package objective

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Every loss is a mean over the images that count, given by weights: 1/n for each of the n that do and 0 for those that were
// dropped (digest §4.4).

// Inlier is the mean negative log-likelihood of a batch, nll [B].
func Inlier(nll, weights *Node) *Node { return ReduceAllSum(Mul(nll, weights)) }

// Outlier is Eq. 2, lambda * mean softplus(d/T) with d = ln p_in(x_g) - ln p_g(x_g) on images of the general distribution:
// the cross-entropy of calling them in-distribution. The general model is not trained by it.
func Outlier(logIn, logGeneral, weights *Node, temperature, lambda float64) *Node {
	d := MulScalar(Sub(logIn, StopGradient(logGeneral)), 1/temperature)
	return MulScalar(ReduceAllSum(Mul(weights, softplus(d))), lambda)
}

// softplus is ln(1 + e^d), written so that e^d cannot overflow.
func softplus(d *Node) *Node {
	return Add(MaxScalar(d, 0), Log1P(Exp(Neg(Abs(d)))))
}

// Margin is the margin loss (digest §4.3), the mean of relu(dims + nll_in - nll_out) over pairs of an inlier and an outlier: it
// asks for a margin of one nat a dimension. The inlier's part is not trained by it. Pairs are by position, as many as there are
// weights, one a pair; what is longer has no partner and counts nothing.
func Margin(nllIn, nllOut, weights *Node, dims int) *Node {
	first := func(v *Node) *Node { return Slice(v, AxisRange(0, weights.Shape().Dim(0))) }
	gap := Sub(StopGradient(first(nllIn)), first(nllOut))
	return ReduceAllSum(Mul(weights, MaxScalar(AddScalar(gap, float64(dims)), 0)))
}

// WrongClass is the outlier loss of every image under every class that is not its own (paper §3.2, digest §4.3):
//
//	lambda/(B N) * sum over images b and classes c other than y_b of softplus((ln p_in(x_b|c) - ln p_g(x_b))/T),
//
// with logClasses [N, B], oneHot [N, B], logGeneral and weights [B]. The mean is over all B*N pairs, the true classes' zeros
// included.
func WrongClass(logClasses, oneHot, logGeneral, weights *Node, temperature, lambda float64) *Node {
	classes, images := logClasses.Shape().Dim(0), logGeneral.Shape().Dim(0)
	row := func(v *Node) *Node { return BroadcastToShape(Reshape(v, 1, images), logClasses.Shape()) }
	d := MulScalar(Sub(logClasses, row(StopGradient(logGeneral))), 1/temperature)
	wrong := Mul(OneMinus(ConvertDType(oneHot, logClasses.DType())), row(weights))
	return MulScalar(ReduceAllSum(Mul(wrong, softplus(d))), lambda/float64(classes))
}

// OfClass picks ln p(x|y) of each image's own class from logClasses [N, B] by oneHot [N, B].
func OfClass(logClasses, oneHot *Node) *Node {
	own := ConvertDType(oneHot, dtypes.Bool)
	return ReduceSum(Where(own, logClasses, ZerosLike(logClasses)), 0)
}
