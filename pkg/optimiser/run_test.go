package optimiser_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/checkpoint"
	"strata/pkg/network"
	"strata/pkg/nn"
	"strata/pkg/optimiser"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// newNetwork has what an optimiser meets: a parameter, a stack of two, a running estimate, and one that nobody moves.
func newNetwork(t *testing.T, lowering nn.Lowering) *network.Network {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	t.Cleanup(opened.Finalize)
	n := network.New(opened, lowering, []nn.Param{
		{Name: "w", Shape: []int{2}},
		{Name: "mean", Shape: []int{2}, Fixed: true},
		{Name: "step1/v", Shape: []int{2}, Stack: "step1/v"},
		{Name: "p", Shape: []int{3}, Fixed: true},
		{Name: "step2/v", Shape: []int{2}, Stack: "step1/v"},
	})
	t.Cleanup(n.Close)
	require.NoError(t, n.Set(map[string][]float32{"w": {1, 2}, "mean": {0.5, -0.5}, "step1/v": {3, -4},
		"p": {7, 8, 9}, "step2/v": {-5, 6}}))
	return n
}

// input is what a step of linear is given.
type input struct {
	slope [2]float32 // the gradient by w; by the v of step k, k times that
	move  [2]float32 // how far the running estimate moves
	fine  bool
}

func (in input) queue(t *testing.T, o *optimiser.Optimiser) {
	t.Helper()
	require.NoError(t, o.Queue(in.slope[:], in.move[:], in.fine))
}

// step queues an input alone.
func (in input) step(t *testing.T, o *optimiser.Optimiser) optimiser.Result {
	t.Helper()
	in.queue(t, o)
	results, err := o.Results()
	require.NoError(t, err)
	require.Len(t, results, 1)
	return results[0]
}

// linear is a loss whose gradient is given.
func linear(w *nn.Weights, _ []*nn.Weights, in []*Node) optimiser.Terms {
	slope, move, fine := in[0], in[1], in[2]
	sum := Add(w.Get("w"), Add(w.Get("step1/v"), MulScalar(w.Get("step2/v"), 2)))
	total := ReduceAllSum(Mul(sum, slope))
	w.Set("mean", Add(w.Get("mean"), move))
	return optimiser.Terms{Total: total, Finite: fine, Report: []*Node{total, move}}
}

func newOptimiser(t *testing.T, of *network.Network, config optimiser.Config, frozen func(string) bool) *optimiser.Optimiser {
	t.Helper()
	o, err := optimiser.New(of, config, "", frozen, linear)
	require.NoError(t, err)
	t.Cleanup(o.Close)
	return o
}

// everything is all that an update changes, by name.
func everything(t *testing.T, o *optimiser.Optimiser) map[string][]float32 {
	t.Helper()
	saved, err := o.Tensors()
	require.NoError(t, err)
	all := map[string][]float32{}
	for _, s := range saved {
		require.NotContains(t, all, s.Name)
		all[s.Name] = s.Data
	}
	return all
}

// layouts are the ways in which parameters lie in tensors.
func layouts(t *testing.T, run func(t *testing.T, lowering nn.Lowering)) {
	for name, lowering := range map[string]nn.Lowering{"single": {}, "stacked": {Loops: true}} {
		t.Run(name, func(t *testing.T) { run(t, lowering) })
	}
}

var sgd = optimiser.Config{Kind: optimiser.SGD, Rate: 0.5, Beta1: 0.5}

// A step is Update with the state kept: two steps of SGD by hand, and a fixed parameter has no state.
func TestStepKeepsState(t *testing.T) {
	layouts(t, func(t *testing.T, lowering nn.Lowering) {
		n := newNetwork(t, lowering)
		o := newOptimiser(t, n, sgd, nil)
		require.Len(t, o.State, 1)
		require.Len(t, o.State[0], len(n.Layout.Trained()))
		for i, want := range []struct{ w, v1, v2, mean []float32 }{
			{w: []float32{0.5, 3}, v1: []float32{2.5, -3}, v2: []float32{-6, 8}, mean: []float32{0.75, 0}},
			{w: []float32{-0.25, 4.5}, v1: []float32{1.75, -1.5}, v2: []float32{-7.5, 11}, mean: []float32{1, 0.5}},
		} {
			result := input{[2]float32{1, -2}, [2]float32{0.25, 0.5}, true}.step(t, o)
			require.True(t, result.Updated)
			require.Equal(t, [][]float32{{-26, 0.25, 0.5}, {-41, 0.25, 0.5}}[i], result.Report, "of the weights before the update")
			named, err := n.Named()
			require.NoError(t, err)
			require.Equal(t, map[string][]float32{"w": want.w, "step1/v": want.v1, "step2/v": want.v2, "mean": want.mean, "p": {7, 8, 9}},
				named)
		}
		require.Equal(t, 2, o.Updates)
		require.Equal(t, []float32{1.5, -3}, tensors.MustCopyFlatData[float32](o.State[0][0]))
		all := everything(t, o)
		require.Len(t, all, 5+3, "three trained parameters have state")
		require.Equal(t, []float32{1.5, -3}, all["optimiser/m/w"])
		require.Equal(t, []float32{1.5, -3}, all["optimiser/m/step1/v"])
		require.Equal(t, []float32{3, -6}, all["optimiser/m/step2/v"])
		_, err := optimiser.New(n, optimiser.Config{}, "", nil, linear)
		require.ErrorContains(t, err, "no kind")
	})
}

// A frozen parameter stays and has no state; what is moved beside the gradients is moved all the same.
func TestFrozenParametersStay(t *testing.T) {
	layouts(t, func(t *testing.T, lowering nn.Lowering) {
		o := newOptimiser(t, newNetwork(t, lowering), sgd, func(param string) bool { return strings.HasPrefix(param, "w") })
		before := everything(t, o)
		require.True(t, input{[2]float32{1, -2}, [2]float32{1, 1}, true}.step(t, o).Updated)
		after := everything(t, o)
		require.NotContains(t, after, "optimiser/m/w")
		require.Equal(t, before["w"], after["w"])
		require.Equal(t, []float32{1.5, 0.5}, after["mean"])
		require.Equal(t, []float32{2.5, -3}, after["step1/v"])
	})
}

// A step that is not finite changes nothing, running estimates included, and neither do those queued behind it. Queued again
// they are as if there had been none: the bias corrections, which go with the number of the update, are those of the updates
// made.
func TestBadStepHaltsTheQueue(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	good := []input{
		{[2]float32{1, -2}, [2]float32{0.25, 0.5}, true},
		{[2]float32{-3, 0.1}, [2]float32{0.125, -1}, true},
		{[2]float32{0.7, 5}, [2]float32{1, 2}, true},
		{[2]float32{2, 2}, [2]float32{-4, 0.3}, true},
	}
	layouts(t, func(t *testing.T, lowering nn.Lowering) {
		single := newOptimiser(t, newNetwork(t, lowering), optimiser.PaperAdamax(), nil)
		var states []map[string][]float32
		var reports [][]float32
		for i, in := range good {
			result := in.step(t, single)
			require.True(t, result.Updated)
			require.Equal(t, i+1, single.Updates)
			states, reports = append(states, everything(t, single)), append(reports, result.Report)
		}
		for name, bad := range map[string]input{
			"gradient":                 {[2]float32{1, nan}, [2]float32{1, 1}, true},
			"infinite gradient":        {[2]float32{-inf, 0}, [2]float32{1, 1}, true},
			"running estimate":         {[2]float32{1, 1}, [2]float32{inf, 0}, true},
			"the loss's own condition": {[2]float32{1, 1}, [2]float32{1, 1}, false},
		} {
			t.Run(name, func(t *testing.T) {
				o := newOptimiser(t, newNetwork(t, lowering), optimiser.PaperAdamax(), nil)
				for _, in := range []input{good[0], good[1], bad, good[2], good[3]} {
					in.queue(t, o)
				}
				results, err := o.Results()
				require.NoError(t, err)
				var updated []bool
				for _, r := range results {
					updated = append(updated, r.Updated)
				}
				require.Equal(t, []bool{true, true, false, false, false}, updated)
				require.Equal(t, 2, o.Updates)
				require.Equal(t, states[1], everything(t, o))
				require.Equal(t, reports[0], results[0].Report)
				require.Equal(t, reports[1], results[1].Report)
				require.Equal(t, bad.move[:], results[2].Report[1:], "a bad step says what it saw")
				require.Equal(t, reports[2], results[3].Report, "of the weights that were not moved")

				good[2].queue(t, o)
				good[3].queue(t, o)
				results, err = o.Results()
				require.NoError(t, err)
				require.Equal(t, []optimiser.Result{{Updated: true, Report: reports[2]}, {Updated: true, Report: reports[3]}}, results)
				require.Equal(t, 4, o.Updates)
				require.Equal(t, states[3], everything(t, o))

				results, err = o.Results()
				require.NoError(t, err)
				require.Empty(t, results, "each is told once")
			})
		}
		t.Run("the first", func(t *testing.T) {
			o := newOptimiser(t, newNetwork(t, lowering), optimiser.PaperAdamax(), nil)
			before := everything(t, o)
			bad := good[0]
			bad.slope[0] = nan
			bad.queue(t, o)
			good[0].queue(t, o)
			results, err := o.Results()
			require.NoError(t, err)
			require.False(t, results[0].Updated || results[1].Updated)
			require.Zero(t, o.Updates)
			require.Equal(t, before, everything(t, o))
			require.True(t, good[0].step(t, o).Updated)
			require.Equal(t, states[0], everything(t, o))
		})
	})
}

// What Tensors gives Restore takes, between layouts too, and training goes on bit-equal. What Restore refuses changes nothing.
func TestRestore(t *testing.T) {
	in := input{[2]float32{1, -2}, [2]float32{0.25, 0.5}, true}
	for _, from := range []nn.Lowering{{}, {Loops: true}} {
		first := newOptimiser(t, newNetwork(t, from), optimiser.PaperAdam(10), nil)
		for range 3 {
			require.True(t, in.step(t, first).Updated)
		}
		saved, err := first.Tensors()
		require.NoError(t, err)
		wanted := everything(t, first)
		require.True(t, in.step(t, first).Updated)
		next := everything(t, first)

		layouts(t, func(t *testing.T, to nn.Lowering) {
			o := newOptimiser(t, newNetwork(t, to), optimiser.PaperAdam(10), nil)
			require.True(t, in.step(t, o).Updated)
			before := everything(t, o)
			change := func(name string, data []float32) []checkpoint.Tensor {
				changed := slices.Clone(saved)
				for i := range changed {
					if changed[i].Name == name {
						changed[i].Data = data
					}
				}
				return changed
			}
			for says, spoiled := range map[string][]checkpoint.Tensor{
				"optimiser/v/step2/v has 1 values, not 2": change("optimiser/v/step2/v", []float32{1}),
				"optimiser/m/w has 0 values, not 2":       change("optimiser/m/w", nil),
				"another optimiser": slices.DeleteFunc(slices.Clone(saved),
					func(c checkpoint.Tensor) bool { return strings.HasPrefix(c.Name, "optimiser/v/") }),
				"parameter step1/v has 3 values": change("step1/v", []float32{1, 2, 3}),
				"parameter p is missing": slices.DeleteFunc(slices.Clone(saved),
					func(c checkpoint.Tensor) bool { return c.Name == "p" }),
				"parameter ghost is not one": append(slices.Clone(saved), checkpoint.Tensor{Name: "ghost",
					Shape: []int{1}, Data: []float32{1}}),
			} {
				require.ErrorContains(t, o.Restore(spoiled, 17), says)
				require.Equal(t, before, everything(t, o), says)
				require.Equal(t, 1, o.Updates, says)
			}

			require.NoError(t, o.Restore(saved, 3))
			require.Equal(t, 3, o.Updates)
			require.Equal(t, wanted, everything(t, o))
			require.True(t, in.step(t, o).Updated)
			require.Equal(t, next, everything(t, o))
			require.Equal(t, 4, o.Updates)
		})
	}
}

// The networks that a loss asks are asked with the values that they have, and stay as they are.
func TestOtherNetworksAreAsked(t *testing.T) {
	layouts(t, func(t *testing.T, lowering nn.Lowering) {
		trained, asked := newNetwork(t, lowering), newNetwork(t, lowering)
		values, err := asked.Named()
		require.NoError(t, err)
		values["step2/v"] = []float32{1, -2}
		require.NoError(t, asked.Set(values))
		o, err := optimiser.New(trained, sgd, "", nil, func(w *nn.Weights, others []*nn.Weights, _ []*Node) optimiser.Terms {
			return optimiser.Terms{Total: ReduceAllSum(Mul(w.Get("w"), others[0].Get("step2/v")))}
		}, asked)
		require.NoError(t, err)
		defer o.Close()
		require.NoError(t, o.Queue())
		results, err := o.Results()
		require.NoError(t, err)
		require.Equal(t, []optimiser.Result{{Updated: true, Report: []float32{}}}, results)
		after, err := trained.Named()
		require.NoError(t, err)
		require.Equal(t, []float32{0.5, 3}, after["w"])
		after, err = asked.Named()
		require.NoError(t, err)
		require.Equal(t, values, after)
	})
}

// A network can be trained on after Close, which may be called twice, by another optimiser.
func TestCloseLeavesTheNetwork(t *testing.T) {
	n := newNetwork(t, nn.Lowering{})
	o := newOptimiser(t, n, sgd, nil)
	in := input{[2]float32{1, -2}, [2]float32{0.25, 0.5}, true}
	in.queue(t, o)
	o.Close()
	o.Close()
	named, err := n.Named()
	require.NoError(t, err)
	require.Equal(t, []float32{0.5, 3}, named["w"])
	require.True(t, in.step(t, newOptimiser(t, n, sgd, nil)).Updated)
}

// One update by Adamax moves a weight by the rate, whatever its gradient is.
func ExampleNew() {
	opened, err := backend.Choose(backend.Small).Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Finalize()
	of := network.New(opened, backend.Lowering(opened), []nn.Param{{Name: "w", Shape: []int{2, 3}}})
	of.Start(1)
	defer of.Close()
	o, err := optimiser.New(of, optimiser.PaperAdamax(), "", nil, func(w *nn.Weights, _ []*nn.Weights, in []*Node) optimiser.Terms {
		return optimiser.Terms{Total: ReduceAllSum(Mul(w.Get("w"), in[0]))}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer o.Close()
	fmt.Println(len(o.State), o.State[0][0].Shape())
	if err := o.Queue([][]float32{{1, 2, 3}, {-1, -2, -3}}); err != nil {
		fmt.Println(err)
		return
	}
	results, err := o.Results()
	if err != nil {
		fmt.Println(err)
		return
	}
	weights, err := of.Host()
	fmt.Printf("%t %.4f %v\n", results[0].Updated, weights[0], err)
	// Output:
	// 2 (Float32)[2, 3]
	// true [-0.0005 -0.0005 -0.0005 0.0005 0.0005 0.0005] <nil>
}
