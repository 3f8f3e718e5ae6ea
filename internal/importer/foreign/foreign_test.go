package foreign

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/internal/importer/statedict"
	"strata/pkg/glow"

	"github.com/stretchr/testify/require"
)

// testdata are the files that tests/reference/conditioned_glow.py writes.
const testdata = "../../../tests/testdata/foreign"

func read(t testing.TB, file string) []statedict.Tensor {
	t.Helper()
	tensors, err := statedict.Read(filepath.Join(testdata, file))
	require.NoError(t, err)
	return tensors
}

// requireFits says that a model of the configuration has exactly these parameters.
func requireFits(t *testing.T, w *Weights) {
	t.Helper()
	model, err := glow.New(w.Config)
	require.NoError(t, err)
	require.Len(t, w.Values, len(model.Params()))
	for _, p := range model.Params() {
		require.Len(t, w.Values[p.Name], p.Size(), p.Name)
	}
}

func TestConvertY0ast(t *testing.T) {
	for file, want := range map[string]glow.Config{
		"lu.pt":                {Height: 16, Width: 8, Channels: 1, Scales: 3, K: 2, Hidden: 8, Prior: glow.Conditioned},
		"lu_top.pt":            {Height: 8, Width: 8, Channels: 1, Scales: 2, K: 2, Hidden: 8, Prior: glow.ConditionedTop},
		"matrix.pt":            {Height: 8, Width: 8, Channels: 3, Scales: 2, K: 1, Hidden: 8, Prior: glow.Conditioned},
		"matrix_top_legacy.pt": {Height: 8, Width: 8, Channels: 3, Scales: 1, K: 2, Hidden: 8, Prior: glow.ConditionedTop},
	} {
		w, err := Load(filepath.Join(testdata, file))
		require.NoError(t, err, file)
		require.Equal(t, "y0ast/Glow-PyTorch", w.Format)
		require.Equal(t, want, w.Config, file)
		requireFits(t, w)
	}
}

// Every single tensor is missing once, has another shape once, and holds a NaN once: each is named, and nothing else is
// but what the size of a model hangs on.
func TestProblemsAreNamed(t *testing.T) {
	for _, file := range []string{"lu_top.pt", "matrix.pt"} {
		whole := read(t, file)
		for i, tensor := range whole {
			if tensor.Name == "prior_h" {
				continue
			}
			_, err := Convert(slices.Delete(slices.Clone(whole), i, i+1))
			want := "tensor " + tensor.Name + " is missing"
			if strings.HasSuffix(tensor.Name, ".invconv.weight") {
				want = "tensor " + strings.TrimSuffix(tensor.Name, "weight") + "p is missing" // it need not be a whole matrix
			}
			require.ErrorContains(t, err, want)

			changed := slices.Clone(whole)
			changed[i].Shape = append(slices.Clone(tensor.Shape), 1)
			_, err = Convert(changed)
			require.ErrorContains(t, err, fmt.Sprintf("tensor %s has shape %v, expected %v", tensor.Name, changed[i].Shape,
				tensor.Shape))
			require.NotContains(t, err.Error(), ";", "one problem only")

			changed = slices.Clone(whole)
			changed[i].Data = slices.Clone(tensor.Data)
			changed[i].Data[len(tensor.Data)-1] = float32(math.NaN())
			_, err = Convert(changed)
			require.ErrorContains(t, err, fmt.Sprintf("tensor %s: value %d is NaN", tensor.Name, len(tensor.Data)-1))
		}
	}
	_, err := Convert(append(read(t, "lu.pt"), statedict.Tensor{Name: "flow.layers.1.extra", Shape: []int{3}},
		statedict.Tensor{Name: "other"}))
	require.ErrorContains(t, err, "tensor flow.layers.1.extra [3] is not one of this model's; tensor other [] is not")
	_, err = Convert(without(read(t, "lu.pt"), ".actnorm.")) // six steps of three norms of two tensors
	require.Regexp(t, `^weights of y0ast/Glow-PyTorch: (tensor \S+ is missing; ){20}and 16 more$`, err)
}

// without leaves out tensors whose names contain a text.
func without(tensors []statedict.Tensor, text string) []statedict.Tensor {
	return slices.DeleteFunc(slices.Clone(tensors),
		func(t statedict.Tensor) bool { return strings.Contains(t.Name, text) })
}

func named(tensors []statedict.Tensor, name string, change func(*statedict.Tensor)) []statedict.Tensor {
	tensors = slices.Clone(tensors)
	for i := range tensors {
		if tensors[i].Name == name {
			change(&tensors[i])
		}
	}
	return tensors
}

// Variants of the public implementations that strata has not are refused with the reason.
func TestOtherVariantsAreRefused(t *testing.T) {
	lu, matrix := read(t, "lu.pt"), read(t, "matrix.pt")
	add := func(names ...string) []statedict.Tensor {
		var tensors []statedict.Tensor
		for _, name := range names {
			tensors = append(tensors, statedict.Tensor{Name: name, Shape: []int{1}, Data: []float32{1}})
		}
		return tensors
	}
	for _, c := range []struct {
		tensors []statedict.Tensor
		want    string
	}{
		{nil, "0 tensors"},
		{add("conv1.weight", "conv1.bias", "fc.weight", "fc.bias"),
			`4 tensors, the first called ["conv1.weight" "conv1.bias" "fc.weight"]: ` +
				`these are not the names of y0ast/Glow-PyTorch, `},
		{append(add("project_ycond.linear.weight"), lu...), "trained with labels"},
		{without(lu, ".invconv."), "shuffled or reversed channels"},
		{without(lu, "prior_h"), "prior_h is missing"},
		{named(lu, "prior_h", func(t *statedict.Tensor) { t.Data = []float32{0, 1} }), "prior_h is not zero"},
		{without(lu, ".block."), "flow.layers.1.block are missing"},
		{named(lu, "flow.layers.1.block.4.conv.weight", func(t *statedict.Tensor) { t.Shape = []int{2, 8, 3, 3} }),
			"additive coupling"},
		{named(matrix, "flow.layers.1.invconv.weight", func(t *statedict.Tensor) { t.Data = make([]float32, len(t.Data)) }),
			"tensor flow.layers.1.invconv.weight: a 1x1 convolution whose matrix is singular"},
		{slices.Concat(add("flow.layers.1.invconv.p"),
			[]statedict.Tensor{{Name: "flow.layers.1.actnorm.bias", Shape: []int{1, 6, 1, 1}},
				{Name: "flow.layers.1.block.0.conv.weight", Shape: []int{8, 3, 3, 3}},
				{Name: "prior_h", Shape: []int{1, 12, 4, 4}}}),
			"tensor flow.layers.1.actnorm.bias: 6 channels are not four times"},
		{add("flow.layers.1.invconv.p", "flow.layers.0.conv.conv.weight"), "splits at [0]"},
		{add("flow.layers.999999.invconv.p"), "1 tensors do not fill the 1000001 layers"},
		{add("flow.layers.x.invconv.p"), "no 1x1 convolution"},
		{add("blocks.0.flows.0.actnorm.loc"), "pad with ones"},
		{add("scale1/step1/coupling/dense1/weight"), "fully connected"},
		{add("scale1/step1/actnorm/loc", "class0/scale1/mean"), "class-conditional"},
		{add("scale1/split_prior/bias"), "do not say how large"},
		{add("scale1/x"), "1 scales of 0 steps"},
		{add("scale1/step1/x", "param/x"), "0 scales of 0 steps"},
		{add("scale1/step1/actnorm/loc"), "1 channels are not four times"},
	} {
		_, err := Convert(c.tensors)
		require.ErrorContains(t, err, c.want)
	}
	var many []statedict.Tensor
	for i := range 100 {
		many = append(many, add(fmt.Sprintf("scale%d/step1/actnorm/loc", i+1))...)
	}
	_, err := Convert(many)
	require.ErrorContains(t, err, "100 scales")
}

// The paper's Glow under strata's own names, as in ../shared/parity and bare.
func TestConvertOwn(t *testing.T) {
	tensors, err := statedict.Read("../../../tests/testdata/parity/glow_grey.npz")
	require.NoError(t, err)
	w, err := Convert(tensors)
	require.NoError(t, err)
	require.Equal(t, "strata", w.Format)
	require.Equal(t, 1, w.Config.Channels)
	require.Equal(t, glow.Independent, w.Config.Prior)
	requireFits(t, w)

	var bare []statedict.Tensor
	for _, tensor := range tensors {
		if name, ok := strings.CutPrefix(tensor.Name, "param/"); ok {
			tensor.Name = name
			bare = append(bare, tensor)
		}
	}
	again, err := Convert(bare)
	require.NoError(t, err)
	require.Equal(t, w, again)
	_, err = Load("../../../tests/testdata/foreign/lu_values.npz")
	require.ErrorContains(t, err, "lu_values.npz: 12 tensors, the first called")
	_, err = Convert(without(bare, "scale2/step1/invconv/u"))
	require.ErrorContains(t, err, "tensor scale2/step1/invconv/u is missing")
	_, err = Convert(without(bare, "scale3/latent_actnorm/"))
	require.ErrorContains(t, err, "scale3/latent_actnorm/loc: 0 values")
	_, err = Convert(without(bare, "scale1/step1/coupling/"))
	require.ErrorContains(t, err, "hidden 0")
}

// Names and shapes that somebody made up must not bring the program down.
func FuzzConvert(f *testing.F) {
	f.Add("flow.layers.1.invconv.p", "flow.layers.3.conv.conv.weight", "prior_h", 4, 1)
	f.Add("scale1/step1/actnorm/loc", "scale1/latent_actnorm/loc", "scale1/step1/coupling/conv1/weight", 4, 1)
	f.Fuzz(func(t *testing.T, a, b, c string, m, n int) {
		shape := []int{max(m, 0) % 100, max(n, 0) % 100, 1, 1}
		data := make([]float32, shape[0]*shape[1])
		Convert([]statedict.Tensor{{Name: a, Shape: shape[:1], Data: data}, {Name: b, Shape: shape[:2], Data: data},
			{Name: c, Shape: shape, Data: data}})
	})
}
