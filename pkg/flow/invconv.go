package flow

import (
	"fmt"
	"math"
	"math/rand/v2"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"
)

// InvConv is the invertible 1x1 convolution y = W x at every pixel, with W = P (L + I) (U + diag(sign_s exp(log_s)))
// (digest §2.4): P and sign_s stay as they were drawn, l below and u above the diagonal and log_s are trained. What l
// and u hold elsewhere is never used.
type InvConv struct {
	Name     string
	Channels int
}

// Params are p, l, u [C, C] and log_s, sign_s [C], started from the LU factors of a random orthogonal matrix.
func (c InvConv) Params() []nn.Param {
	n := c.Channels
	return nn.StartTogether(func(rng *rand.Rand) [][]float32 {
		f := randomOrthogonalLU(n, rng)
		return [][]float32{f.P, f.L, f.U, f.LogS, f.SignS}
	},
		nn.Param{Name: c.Name + "/p", Shape: []int{n, n}, Fixed: true},
		nn.Param{Name: c.Name + "/l", Shape: []int{n, n}},
		nn.Param{Name: c.Name + "/u", Shape: []int{n, n}},
		nn.Param{Name: c.Name + "/log_s", Shape: []int{n}},
		nn.Param{Name: c.Name + "/sign_s", Shape: []int{n}, Fixed: true})
}

// Forward mixes the channels; its log-determinant is H*W*sum(log_s).
func (c InvConv) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	return mixChannels(c.matrix(w), x), perImage(c.logDet(w, positions(x)), x)
}

// Inverse multiplies by the inverse of W.
func (c InvConv) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	return mixChannels(c.inverseMatrix(w), y), perImage(Neg(c.logDet(w, positions(y))), y)
}

func (c InvConv) logDet(w *nn.Weights, positions float64) *Node {
	return MulScalar(ReduceAllSum(w.Get(c.Name+"/log_s")), positions)
}

// matrix is W [C, C].
func (c InvConv) matrix(w *nn.Weights) *Node {
	lower, upper := c.triangles(w)
	eye, s := c.diagonals(w)
	return Dot(w.Get(c.Name+"/p"), Dot(Add(lower, eye), Add(upper, s)).Product()).Product()
}

// inverseMatrix is W^-1 = (U + S)^-1 (L + I)^-1 P^T. A unit triangular matrix I + N has N^C = 0, so its inverse is
// the finite product (I - N)(I + N^2)(I + N^4)...
func (c InvConv) inverseMatrix(w *nn.Weights) *Node {
	lower, upper := c.triangles(w)
	eye, _ := c.diagonals(w)
	s := Mul(w.Get(c.Name+"/sign_s"), Exp(w.Get(c.Name+"/log_s")))
	inverseUnit := func(n *Node) *Node {
		inverse, power := Sub(eye, n), n
		for exponent := 2; exponent < c.Channels; exponent *= 2 {
			power = Dot(power, power).Product()
			inverse = Dot(inverse, Add(eye, power)).Product()
		}
		return inverse
	}
	// U + S = S (I + S^-1 U), so its inverse is (I + S^-1 U)^-1 S^-1.
	column := Reshape(s, c.Channels, 1)
	inverseUpper := Div(inverseUnit(Div(upper, column)), Reshape(s, 1, c.Channels))
	return Dot(inverseUpper, Dot(inverseUnit(lower), Transpose(w.Get(c.Name+"/p"), 0, 1)).Product()).Product()
}

func (c InvConv) triangles(w *nn.Weights) (lower, upper *Node) {
	l := w.Get(c.Name + "/l")
	below := LessThan(Iota(l.Graph(), l.Shape(), 1), Iota(l.Graph(), l.Shape(), 0))
	above := LessThan(Iota(l.Graph(), l.Shape(), 0), Iota(l.Graph(), l.Shape(), 1))
	zeros := ZerosLike(l)
	return Where(below, l, zeros), Where(above, w.Get(c.Name+"/u"), zeros)
}

func (c InvConv) diagonals(w *nn.Weights) (eye, s *Node) {
	l := w.Get(c.Name + "/l")
	eye = ConvertDType(Equal(Iota(l.Graph(), l.Shape(), 0), Iota(l.Graph(), l.Shape(), 1)), l.DType())
	s = Mul(eye, Reshape(Mul(w.Get(c.Name+"/sign_s"), Exp(w.Get(c.Name+"/log_s"))), 1, c.Channels))
	return eye, s
}

// LUFactors are the values of an InvConv's parameters, row by row.
type LUFactors struct{ P, L, U, LogS, SignS []float32 }

// FactoriseLU writes a square matrix as P (L + I) (U + diag(sign_s exp(log_s))), by partial pivoting (digest §2.4). A
// singular matrix has no logarithm of its diagonal; it is an error.
func FactoriseLU(w mat.Matrix) (LUFactors, error) {
	n, columns := w.Dims()
	if n != columns {
		return LUFactors{}, fmt.Errorf("a 1x1 convolution of %d to %d channels has no inverse", columns, n)
	}
	var lu mat.LU
	lu.Factorize(w)
	var lower, upper mat.TriDense
	lu.LTo(&lower)
	lu.UTo(&upper)

	f := LUFactors{make([]float32, n*n), make([]float32, n*n), make([]float32, n*n), make([]float32, n), make([]float32, n)}
	for i, j := range lu.RowPivots(nil) {
		f.P[i*n+j] = 1
	}
	for i := range n {
		for j := range n {
			switch {
			case j < i:
				f.L[i*n+j] = float32(lower.At(i, j))
			case j > i:
				f.U[i*n+j] = float32(upper.At(i, j))
			}
		}
		s := upper.At(i, i)
		if s == 0 || math.IsNaN(s) || math.IsInf(s, 0) {
			return LUFactors{}, fmt.Errorf("a 1x1 convolution whose matrix is singular (pivot %d is %g) has no inverse", i+1, s)
		}
		f.LogS[i] = float32(math.Log(math.Abs(s)))
		f.SignS[i] = float32(math.Copysign(1, s))
	}
	return f, nil
}

// randomOrthogonalLU draws a Gaussian matrix, takes Q of its QR decomposition and factorises Q (digest §2.4).
func randomOrthogonalLU(n int, rng *rand.Rand) LUFactors {
	factors, err := FactoriseLU(randomOrthogonal(n, rng))
	if err != nil {
		panic(err) // an orthogonal matrix is not singular
	}
	return factors
}
