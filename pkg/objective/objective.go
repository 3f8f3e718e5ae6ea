// Package objective holds the training losses, in nats per image, as the paper writes them (digest §4.3).
package objective

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// Inlier is the mean negative log-likelihood of a batch, nll [B], weighted: rows with weight 0 are left out. Weights
// are 1/n for n images that count and 0 otherwise.
func Inlier(nll, weights *Node) *Node { return ReduceAllSum(Mul(nll, weights)) }

// Outlier is Eq. 2, lambda * mean softplus(d/T) with d = ln p_in(x_g) - ln p_g(x_g) on images of the general distribution:
// the cross-entropy of calling them in-distribution. The general model is not trained by it.
func Outlier(logIn, logGeneral *Node, temperature, lambda float64) *Node {
	d := MulScalar(Sub(logIn, StopGradient(logGeneral)), 1/temperature)
	return MulScalar(ReduceAllMean(softplus(d)), lambda)
}

// softplus is ln(1 + e^d), written so that e^d cannot overflow.
func softplus(d *Node) *Node {
	return Add(MaxScalar(d, 0), Log1P(Exp(Neg(Abs(d)))))
}
