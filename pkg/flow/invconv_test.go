package flow_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

func TestInvConv(t *testing.T) {
	flowtest.CheckLayer(t, flow.InvConv{Name: "mix", Channels: 6}, 6, 2, 3)
}

// The inverse is a product of powers: sizes that are no power of two, and the smallest.
func TestInvConvOfOtherSizes(t *testing.T) {
	for _, channels := range []int{2, 5, 12} {
		t.Run(fmt.Sprint(channels), func(t *testing.T) {
			flowtest.CheckLayer(t, flow.InvConv{Name: "mix", Channels: channels}, channels, 2, 1)
		})
	}
}

// Digest §2.4 and §11: the matrix starts orthogonal, so sum(log_s) = ln |det| = 0. The factors are stored in float32, whose
// rounding, 6e-8 each, adds up over at most 3n products of numbers below 1 and the condition of the factors: 1e-5 is far
// above it and far below any mistake.
func TestInvConvStartsOrthogonal(t *testing.T) {
	for _, n := range []int{4, 12, 48} {
		w, sumLogS := startMatrix(t, n, 3)
		require.InDelta(t, 0, sumLogS, 1e-5)
		var product mat.Dense
		product.Mul(w.T(), w)
		for i := range n {
			product.Set(i, i, product.At(i, i)-1)
		}
		off := mat.Norm(&product, math.Inf(1))
		require.Less(t, off, 1e-5)
		t.Logf("n %d: |W'W - I| %.1e, sum(log_s) %.1e", n, off, sumLogS)
	}
}

// Digest §2.4: the factors are those of Q, the orthogonal factor of a Gaussian matrix drawn row by row.
func TestInvConvStartIsQ(t *testing.T) {
	for _, n := range []int{4, 12, 48} {
		w, _ := startMatrix(t, n, 3)
		folder := fnv.New64a() // nn.StartValues gives each folder of names a stream of its own
		folder.Write([]byte("mix"))
		gaussian, rng := mat.NewDense(n, n, nil), rand.New(rand.NewPCG(3, folder.Sum64()))
		for i := range n {
			for j := range n {
				gaussian.Set(i, j, rng.NormFloat64())
			}
		}
		var qr mat.QR
		qr.Factorize(gaussian)
		var q, difference mat.Dense
		qr.QTo(&q)
		difference.Sub(w, &q)
		require.Less(t, mat.Norm(&difference, math.Inf(1)), 1e-5, "P L U is not the matrix that was factorised, n = %d", n)
		t.Logf("n %d: |W - Q| %.1e", n, mat.Norm(&difference, math.Inf(1)))
	}
}

// startMatrix is W of a fresh layer, and sum(log_s).
func startMatrix(t *testing.T, n int, seed uint64) (w *mat.Dense, sumLogS float64) {
	t.Helper()
	layer := flow.InvConv{Name: "mix", Channels: n}
	var values []*tensors.Tensor
	params := layer.Params()
	for i, start := range nn.StartValues(params, seed) {
		p, wide := params[i], make([]float64, len(start))
		for i, v := range start {
			wide[i] = float64(v)
			if p.Name == "mix/log_s" {
				sumLogS += float64(v)
			}
		}
		values = append(values, tensors.FromFlatDataAndDimensions(wide, p.Shape...))
	}
	// The columns of an identity, one a position, are mixed to the columns of W.
	eye := make([]float64, n*n)
	for i := range n {
		eye[i*n+i] = 1
	}
	out := flowtest.Evaluate(t, func(in []*Node) []*Node {
		y, _ := layer.Forward(nn.NewWeights(layer.Params(), in[:5], nn.Products), in[5])
		return []*Node{y}
	}, append(values, tensors.FromFlatDataAndDimensions(eye, n, n, 1, 1))...)
	return mat.NewDense(n, n, out[0]), sumLogS
}

// l on and above the diagonal and u on and below it are stored and never used (digest §2.4).
func TestInvConvIgnoresMaskedEntries(t *testing.T) {
	const n = 4
	layer := flow.InvConv{Name: "mix", Channels: n}
	values := flowtest.RandomValues(layer.Params(), 1)
	x := tensors.FromFlatDataAndDimensions([]float64{1, 2, 3, 4}, n, 1, 1, 1)
	both := func(values []*tensors.Tensor) [][]float64 {
		return flowtest.Evaluate(t, func(in []*Node) []*Node {
			w := nn.NewWeights(layer.Params(), in[:5], nn.Products)
			y, logDet := layer.Forward(w, in[5])
			back, _ := layer.Inverse(w, in[5])
			return []*Node{y, back, logDet}
		}, append(values[:5:5], x)...)
	}
	want := both(values)
	l, u := tensors.MustCopyFlatData[float64](values[1]), tensors.MustCopyFlatData[float64](values[2])
	for i := range n {
		for j := range n {
			if j >= i {
				l[i*n+j] = 1e3
			}
			if j <= i {
				u[i*n+j] = -1e3
			}
		}
	}
	values[1], values[2] = tensors.FromFlatDataAndDimensions(l, n, n), tensors.FromFlatDataAndDimensions(u, n, n)
	require.Equal(t, want, both(values))
}

// The factors multiply back to the matrix, and the logarithms add up to that of its determinant: float32 factors of a matrix
// of numbers below 3, so within some 1e-6.
func TestFactoriseLU(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const n = 12
	w := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			w.Set(i, j, rng.NormFloat64())
		}
	}
	f, err := flow.FactoriseLU(w)
	require.NoError(t, err)
	dense := func(values []float32, diagonal func(i int) float64) *mat.Dense {
		d := mat.NewDense(n, n, nil)
		for i, v := range values {
			d.Set(i/n, i%n, float64(v))
		}
		for i := range n {
			if diagonal != nil {
				d.Set(i, i, d.At(i, i)+diagonal(i))
			}
		}
		return d
	}
	var product mat.Dense
	product.Product(dense(f.P, nil), dense(f.L, func(int) float64 { return 1 }),
		dense(f.U, func(i int) float64 { return float64(f.SignS[i]) * math.Exp(float64(f.LogS[i])) }))
	require.True(t, mat.EqualApprox(w, &product, 1e-5))
	sum := 0.0
	for _, v := range f.LogS {
		sum += float64(v)
	}
	logDet, _ := mat.LogDet(w)
	require.InDelta(t, logDet, sum, 1e-5)

	_, err = flow.FactoriseLU(mat.NewDense(2, 2, []float64{1, 2, 2, 4}))
	require.ErrorContains(t, err, "singular (pivot 2 is 0)")
	_, err = flow.FactoriseLU(mat.NewDense(2, 2, []float64{1, math.NaN(), 2, 4}))
	require.ErrorContains(t, err, "singular")
	_, err = flow.FactoriseLU(mat.NewDense(2, 3, nil))
	require.ErrorContains(t, err, "3 to 2 channels")
}

func ExampleFactoriseLU() {
	f, err := flow.FactoriseLU(mat.NewDense(2, 2, []float64{0, -1, 1, 0})) // a quarter turn
	fmt.Println(f.P, f.L, f.U, f.LogS, f.SignS, err)
	// Output: [0 1 1 0] [0 0 0 0] [0 0 0 0] [0 0] [1 -1] <nil>
}
