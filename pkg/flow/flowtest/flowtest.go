// Package flowtest holds every invertible layer to the laws that package flow promises. The test of a new layer is
//
//	func TestShear(t *testing.T) {
//		flowtest.CheckLayer(t, Shear{Name: "shear", Channels: 4}, 4, 3, 2)
//	}
//
// All laws are checked in float64, so that their tolerances tell a mistake from rounding, with the parameters moved
// away from their start: a layer that starts as the identity would obey most laws by accident. They are checked on the
// Go backend in every form that a layer has, and on XLA in the one that is used there, loops included.
package flowtest

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"
	"strata/pkg/flow"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// CheckLayer checks a layer on images of that size, in every form:
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
	for _, form := range forms(t) {
		s, err := newSubject(layer, form, channels, height, width)
		require.NoError(t, err)
		for _, law := range laws {
			t.Run(form.String()+"/"+law.name, func(t *testing.T) {
				worst, err := law.check(s)
				require.NoError(t, err)
				t.Logf("largest error %.1e, allowed %.0e", worst, law.tolerance)
			})
		}
	}
}

// RandomValues draws a value for each parameter: its start, and for those that are trained normal deviates on top, of
// standard deviation 0.3 over the square root of the row length, so that sums over a row stay of order 1 and deep
// models well conditioned.
func RandomValues(params []nn.Param, seed uint64) []*tensors.Tensor {
	perturb := rand.New(rand.NewPCG(seed, 1))
	all := make([]*tensors.Tensor, len(params))
	start := nn.StartValues(params, seed)
	for i, p := range params {
		values := make([]float64, p.Size())
		for j, v := range start[i] {
			values[j] = float64(v)
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
	exec, err := newProgram(backendtest.Go(t), build)
	require.NoError(t, err)
	outputs, err := exec.call(inputs...)
	require.NoError(t, err)
	return outputs
}

// form is a backend and how graphs are written for it.
type form struct {
	backend  compute.Backend
	lowering nn.Lowering
}

func (f form) String() string {
	if backendtest.IsXLA(f.backend) {
		return "xla, " + f.lowering.String()
	}
	return f.lowering.String()
}

// forms are all in which laws are checked. Short tests leave out XLA, which compiles each law for a second or more, and
// the Go backend's own convolution, a plain loop that nothing but tests computes with: pkg/nn holds the others to it.
func forms(t *testing.T) []form {
	t.Helper()
	plain := backendtest.Go(t)
	all := []form{{plain, nn.Products}, {plain, nn.Lowering{Fused: true}}}
	if testing.Short() {
		return all
	}
	all = append(all, form{plain, nn.Native})
	if os.Getenv(backend.NoXLA) == "" {
		xla := backendtest.XLA(t)
		all = append(all, form{xla, nn.LoweringFor(xla)})
	}
	return all
}

// program is a compiled graph of float64 values.
type program struct{ exec *Exec }

func newProgram(b compute.Backend, build func(in []*Node) []*Node) (program, error) {
	exec, err := NewExec(b, build)
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
