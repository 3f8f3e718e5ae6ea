// Package flowtest holds every invertible layer to the laws that package flow promises. The test of a new layer is
//
//	func TestShear(t *testing.T) {
//		flowtest.CheckLayer(t, Shear{Name: "shear", Channels: 4}, 4, 3, 2)
//	}
//
// All laws are checked in float64 on the Go backend, so that their tolerances tell a mistake from rounding, with the
// parameters moved away from their start: a layer that starts as the identity would obey most laws by accident.
package flowtest

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path"
	"sync"
	"testing"

	"strata/pkg/flow"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the laws are checked on the Go backend
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// CheckLayer checks a layer on images of that size, with both lowerings of convolutions:
//
//   - Inverse undoes Forward, Forward undoes Inverse, and their log-determinants add up to 0;
//   - the log-determinant is ln |det| of the full Jacobian;
//   - gradients by the input and by every trained parameter are those of central differences, in both directions;
//   - the images of a batch do not see each other;
//   - images that are all black, all white, of one colour or noise stay finite and come back.
//
// Sizes should be small: the Jacobian has (channels*height*width)^2 elements.
func CheckLayer(t *testing.T, layer flow.Layer, channels, height, width int) {
	t.Helper()
	for _, lowering := range []nn.Lowering{nn.Products, nn.Native} {
		s, err := newSubject(layer, lowering, channels, height, width)
		require.NoError(t, err)
		for _, law := range laws {
			t.Run(lowering.String()+"/"+law.name, func(t *testing.T) {
				worst, err := law.check(s)
				require.NoError(t, err)
				t.Logf("largest error %.1e, allowed %.0e", worst, law.tolerance)
			})
		}
	}
}

// RandomValues draws a value for each parameter: its start, and for those that are trained normal deviates on top,
// of standard deviation 0.3 over the square root of the row length, so that sums over a row stay of order 1 and deep models
// well conditioned. Parameters in one folder of names start from one stream, as density.NewNetwork does it.
func RandomValues(params []nn.Param, seed uint64) []*tensors.Tensor {
	perturb := rand.New(rand.NewPCG(seed, 1))
	all := make([]*tensors.Tensor, len(params))
	for i, p := range params {
		values := make([]float64, p.Size())
		if p.Start != nil {
			folder := fnv.New64a()
			folder.Write([]byte(path.Dir(p.Name)))
			for j, v := range p.Start(rand.New(rand.NewPCG(seed, folder.Sum64()))) {
				values[j] = float64(v)
			}
		}
		if !p.Fixed {
			std := 0.3 / math.Sqrt(float64(p.Size()/p.Shape[0]))
			for j := range values {
				values[j] += std * perturb.NormFloat64()
			}
		}
		all[i] = tensors.FromFlatDataAndDimensions(values, p.Shape...)
	}
	return all
}

// Evaluate builds and runs a graph of float64 values once, on the Go backend. Its outputs come back flat.
func Evaluate(t *testing.T, build func(in []*Node) []*Node, inputs ...*tensors.Tensor) [][]float64 {
	t.Helper()
	exec, err := newProgram(build)
	require.NoError(t, err)
	outputs, err := exec.call(inputs...)
	require.NoError(t, err)
	return outputs
}

// goBackend is opened once: its worker pool is all that it holds.
var goBackend = sync.OnceValues(func() (compute.Backend, error) { return compute.NewWithConfig("go:parallelism=-1") })

// program is a compiled graph of float64 values.
type program struct{ exec *Exec }

func newProgram(build func(in []*Node) []*Node) (program, error) {
	backend, err := goBackend()
	if err != nil {
		return program{}, err
	}
	exec, err := NewExec(backend, build)
	return program{exec}, err
}

func (p program) call(inputs ...*tensors.Tensor) ([][]float64, error) {
	args := make([]any, len(inputs))
	for i, in := range inputs {
		args[i] = in
	}
	outputs, err := p.exec.Call(args...)
	if err != nil {
		return nil, err
	}
	flat := make([][]float64, len(outputs))
	for i, out := range outputs {
		flat[i] = tensors.MustCopyFlatData[float64](out)
	}
	return flat, nil
}
