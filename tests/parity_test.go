package tests

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"
	"strata/pkg/density"
	"strata/pkg/folders"
	"strata/pkg/network"
	"strata/pkg/nn"

	"codeberg.org/sbinet/npyio/npz"
	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

// Tolerances of ../shared/parity/README.md, relative to the largest magnitude of the array: float32 rounding for
// outputs, ten times more for gradients and for parameters after optimiser steps.
const (
	outputTolerance   = 1e-4
	gradientTolerance = 1e-3
)

// parityKinds are the kinds of cases that are known. A case's kind chooses its test; nothing goes by file names.
var parityKinds = map[string]func(*testing.T, *parityCase){
	"glow":                   glowParity,
	"patch_glow":             patchParity,
	"class_conditional_glow": classConditionalParity,

	"pixelcnnpp":                   pixelcnnParity,
	"discretized_logistic_mixture": mixtureParity,
}

// TestReferenceParity compares with the outputs of the reference implementations on made-up images, on the Go backend
// and on XLA: every case of STRATA_PARITY, and the small ones committed in testdata/parity. A case of a kind that is
// not known fails, and so does one with a result that was compared with nothing.
func TestReferenceParity(t *testing.T) {
	folderList := []string{filepath.Join("testdata", "parity")}
	if dir, ok, err := folders.Parity(); err != nil {
		require.NoError(t, err)
	} else if ok {
		folderList = append(folderList, dir)
	} else {
		t.Log("no STRATA_PARITY folder: only the committed cases")
	}
	compared := map[[sha256.Size]byte]bool{} // the committed cases lie in STRATA_PARITY too
	for _, dir := range folderList {
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "no reference case in %s", dir)
		for _, file := range files {
			name := strings.TrimSuffix(file, ".json")
			content := hashOfFiles(t, file, name+".npz")
			if compared[content] {
				continue
			}
			compared[content] = true
			t.Run(filepath.Base(name), func(t *testing.T) {
				c := readParityCase(t, name)
				if c.Block == "dense" && testing.Short() {
					t.Skip("its products are of whole images: seconds; pkg/glow has the short tests of such a Glow")
				}
				run := parityKinds[c.Kind]
				if run == nil {
					t.Fatalf("%s: kind %q is not known, only %v", file, c.Kind, slices.Sorted(maps.Keys(parityKinds)))
				}
				backendtest.Each(t, func(t *testing.T, b compute.Backend) {
					c := c.on(b)
					run(t, c)
					c.requireAllUsed(t)
				})
			})
		}
	}
}

func hashOfFiles(t *testing.T, files ...string) [sha256.Size]byte {
	t.Helper()
	h := sha256.New()
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		fmt.Fprintln(h, len(data))
		h.Write(data)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// parityCase is one NAME.json with NAME.npz.
type parityCase struct {
	Kind        string `json:"kind"`
	K           int    `json:"K"`
	Hidden      int    `json:"hidden"`
	Scales      int    `json:"scales"`
	Channels    int    `json:"channels"`
	Block       string `json:"block"`
	Permutation string `json:"permutation"`
	LU          bool   `json:"lu"`
	Patch       int    `json:"patch"`
	Classes     int    `json:"classes"`
	ResNets     int    `json:"nr_resnet"`
	Filters     int    `json:"nr_filters"`
	Mixtures    int    `json:"nr_logistic_mix"`
	Dropout     string `json:"dropout"`

	arrays  map[string]parityArray
	used    map[string]bool
	backend compute.Backend
}

// on is the case for a backend, with nothing compared yet.
func (c *parityCase) on(b compute.Backend) *parityCase {
	fresh := *c
	fresh.used, fresh.backend = map[string]bool{}, b
	return &fresh
}

type parityArray struct {
	shape  []int
	values []float64
}

func readParityCase(t *testing.T, path string) *parityCase {
	t.Helper()
	text, err := os.ReadFile(path + ".json")
	require.NoError(t, err)
	c := &parityCase{arrays: map[string]parityArray{}, used: map[string]bool{}}
	require.NoError(t, json.Unmarshal(text, c), path)
	file, err := npz.Open(path + ".npz")
	require.NoError(t, err)
	defer file.Close()
	for _, key := range file.Keys() {
		header := file.Header(key)
		a := parityArray{shape: header.Descr.Shape}
		switch strings.Trim(header.Descr.Type, "'") {
		case "<f4":
			a.values = readAs[float32](t, file, key)
		case "<f8":
			a.values = readAs[float64](t, file, key)
		case "|u1":
			a.values = readAs[uint8](t, file, key)
		case "<i8":
			a.values = readAs[int64](t, file, key)
		default:
			t.Fatalf("%s: array %s has the unknown type %s", path, key, header.Descr.Type)
		}
		if header.Descr.Fortran {
			a.values = rowByRow(a.values, a.shape)
		}
		c.arrays[strings.TrimSuffix(key, ".npy")] = a
	}
	return c
}

func readAs[T float32 | float64 | uint8 | int64](t *testing.T, file *npz.Reader, key string) []float64 {
	t.Helper()
	var values []T
	if len(file.Header(key).Descr.Shape) == 0 {
		values = make([]T, 1)
		require.NoError(t, file.Read(key, &values[0]), key)
	} else {
		require.NoError(t, file.Read(key, &values), key)
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// rowByRow reorders what is stored column by column: the first axis runs fastest.
func rowByRow(columns []float64, shape []int) []float64 {
	rows := make([]float64, len(columns))
	for i := range rows {
		rest, at, stride := i, 0, len(columns)
		for axis := len(shape) - 1; axis >= 0; axis-- {
			stride /= shape[axis]
			at += rest % shape[axis] * stride
			rest /= shape[axis]
		}
		rows[i] = columns[at]
	}
	return rows
}

func (c *parityCase) get(t *testing.T, key string) parityArray {
	t.Helper()
	a, ok := c.arrays[key]
	require.True(t, ok, "the case has no array %s", key)
	c.used[key] = true
	return a
}

// compare prints a line with the error of an array and fails above the tolerance.
func (c *parityCase) compare(t *testing.T, key string, got []float32, tolerance float64) {
	t.Helper()
	c.compareWhere(t, key, got, tolerance, func(int) bool { return true })
}

func (c *parityCase) compareWhere(t *testing.T, key string, got []float32, tolerance float64, count func(i int) bool) {
	t.Helper()
	want := c.get(t, key).values
	require.Len(t, got, len(want), key)
	worst, largest := 0.0, 0.0
	for i := range want {
		if !count(i) {
			continue
		}
		difference := math.Abs(float64(got[i]) - want[i])
		if math.IsNaN(difference) {
			difference = math.Inf(1)
		}
		worst, largest = math.Max(worst, difference), math.Max(largest, math.Abs(want[i]))
	}
	relative := worst
	if largest > 0 {
		relative = worst / largest
	}
	t.Logf("%-60s error %.2e of the largest magnitude %.4g", key, relative, largest)
	if !(relative <= tolerance) {
		t.Errorf("%s differs by %.3g of its largest magnitude, more than %g", key, relative, tolerance)
	}
}

// inputPrefixes begin the names of what a case gives; everything else is a result.
var inputPrefixes = []string{"in/", "param/", "general_param/", "init/before/"}

// requireAllUsed fails when a result of the case was compared with nothing.
func (c *parityCase) requireAllUsed(t *testing.T) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(c.arrays)) {
		isInput := slices.ContainsFunc(inputPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		if !isInput && !c.used[key] {
			t.Errorf("array %s was compared with nothing", key)
		}
	}
}

// has says whether there is an array whose name begins so.
func (c *parityCase) has(prefix string) bool {
	for key := range c.arrays {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// network builds a model's network from the arrays below prefix.
func (c *parityCase) network(t *testing.T, model density.Model, prefix string) *density.Network {
	t.Helper()
	built := density.NewNetwork(c.backend, backend.Lowering(c.backend), model, 0)
	values := map[string][]float32{}
	for key := range c.arrays {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			values[name] = c.float32s(t, key)
		}
	}
	require.NoError(t, built.Set(values))
	return built
}

// hostValues are the values of a network's parameters.
func hostValues(t *testing.T, n *network.Network) [][]float32 {
	t.Helper()
	values, err := n.Host()
	require.NoError(t, err)
	return values
}

func (c *parityCase) float32s(t *testing.T, key string) []float32 {
	a := c.get(t, key)
	out := make([]float32, len(a.values))
	for i, v := range a.values {
		out[i] = float32(v)
	}
	return out
}

// pixels turns images NCHW into NHWC.
func (c *parityCase) pixels(t *testing.T, key string) (pixels []uint8, n int) {
	a := c.get(t, key)
	n = a.shape[0]
	channels, height, width := a.shape[1], a.shape[2], a.shape[3]
	pixels = make([]uint8, len(a.values))
	for i := range n {
		for ch := range channels {
			for y := range height {
				for x := range width {
					pixels[((i*height+y)*width+x)*channels+ch] = uint8(a.values[((i*channels+ch)*height+y)*width+x])
				}
			}
		}
	}
	return pixels, n
}

func halfBins(n int) []float32 {
	noise := make([]float32, n)
	for i := range noise {
		noise[i] = density.HalfBin
	}
	return noise
}

// eachLowering runs a test with convolutions as products, with the backend's own, and as products for a compiler. XLA
// on the CPU, which compiles for seconds each, runs the form that strata uses there, looped; named by GOMLX_BACKEND,
// it runs all.
func eachLowering(t *testing.T, b compute.Backend, run func(t *testing.T, lowering nn.Lowering)) {
	t.Helper()
	lowerings := []nn.Lowering{nn.Products, nn.Native, {Fused: true}}
	if own := backend.Lowering(b); own.Loops {
		lowerings = append(lowerings, own)
		if backendtest.IsXLA(b) && os.Getenv(backend.Variable) == "" {
			lowerings = []nn.Lowering{own}
		}
	}
	for _, lowering := range lowerings {
		t.Run(lowering.String(), func(t *testing.T) {
			if lowering != nn.Products && testing.Short() && !backendtest.IsXLA(b) {
				t.Skip("-short: what the Go backend is given and no other form: pkg/nn and pkg/pixelcnn hold them together")
			}
			run(t, lowering)
		})
	}
}

// trainedGradients are the gradients of a loss by every trained parameter, by name; nodes are of the layout's tensors.
func trainedGradients(loss *Node, layout *nn.Layout, nodes []*Node) map[string]*Node {
	var by []*Node
	for _, i := range layout.Trained() {
		by = append(by, nodes[i])
	}
	named := map[string]*Node{}
	gradients := Gradient(loss, by...)
	for k, i := range layout.Trained() {
		for row, member := range layout.Tensors[i].Members {
			gradient, p := gradients[k], layout.Params[member]
			if layout.Tensors[i].Stacked {
				gradient = Reshape(Slice(gradient, AxisElem(row)), p.Shape...)
			}
			named[p.Name] = gradient
		}
	}
	return named
}

// compareGraph builds named nodes from the networks' weights and further inputs, runs them, and compares each with
// the array of its name: gradients within gradientTolerance, all else within outputTolerance.
func (c *parityCase) compareGraph(t *testing.T, lowering nn.Lowering, networks []*density.Network, inputs []any,
	build func(weights []*nn.Weights, in []*Node) map[string]*Node) {
	t.Helper()
	var keys []string
	exec, err := NewExec(networks[0].Backend, func(in []*Node) []*Node {
		var weights []*nn.Weights
		for _, one := range networks {
			n := len(one.Values)
			weights, in = append(weights, one.Layout.Weights(in[:n], lowering)), in[n:]
		}
		named := build(weights, in)
		keys = slices.Sorted(maps.Keys(named))
		nodes := make([]*Node, len(keys))
		for i, key := range keys {
			nodes[i] = named[key]
		}
		return nodes
	})
	require.NoError(t, err)
	defer exec.Finalize()
	var all []any
	for _, one := range networks {
		all = append(all, one.Inputs()...)
	}
	out, err := exec.Call(append(all, inputs...)...)
	require.NoError(t, err)
	params := map[string]nn.Param{}
	for _, p := range networks[0].Params() {
		params[p.Name] = p
	}
	for i, key := range keys {
		values := tensors.MustCopyFlatData[float32](out[i])
		if group, name, _ := strings.Cut(key, "/"); strings.HasPrefix(group, "grad") {
			c.compareWhere(t, key, values, gradientTolerance, usedEntry(params[name]))
		} else {
			c.compare(t, key, values, outputTolerance)
		}
	}
}

// imageInputs are pixels and noise of half a bin, as tensors, for Model.Input.
func (c *parityCase) imageInputs(t *testing.T, key string) []any {
	pixels, n := c.pixels(t, key)
	shape := c.arrays[key].shape // NCHW
	h, w, ch := shape[2], shape[3], shape[1]
	return []any{tensors.FromFlatDataAndDimensions(pixels, n, h, w, ch), tensors.FromFlatDataAndDimensions(halfBins(len(pixels)), n, h, w,
		ch)}
}
