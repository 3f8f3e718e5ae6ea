package tests

import (
	"path/filepath"
	"strings"
	"testing"

	"strata/internal/importer/foreign"
	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"
	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
)

// TestForeignWeights loads weights under the names of y0ast/Glow-PyTorch and compares likelihoods, contributions of the scales and
// latents with those that reference/conditioned_glow.py computed with PyTorch in float64.
func TestForeignWeights(t *testing.T) {
	folder := filepath.Join("testdata", "foreign")
	for _, file := range []string{"lu.pt", "lu_top.pt", "lu_top_legacy.pt", "lu_top.npz", "matrix.pt", "matrix_top_legacy.pt"} {
		t.Run(file, func(t *testing.T) {
			name := strings.TrimSuffix(strings.TrimSuffix(file, filepath.Ext(file)), "_legacy")
			c := readParityCase(t, filepath.Join(folder, name+"_values"))
			weights, err := foreign.Load(filepath.Join(folder, file))
			require.NoError(t, err)
			images := c.get(t, "in/images_uint8")
			want := glow.Config{Height: images.shape[2], Width: images.shape[3], Channels: c.Channels, Scales: c.Scales,
				K: c.K, Hidden: c.Hidden, Prior: glow.Conditioned}
			if strings.Contains(name, "top") {
				want.Prior = glow.ConditionedTop
			}
			require.Equal(t, want, weights.Config)

			model, err := glow.New(weights.Config)
			require.NoError(t, err)
			backendtest.Each(t, func(t *testing.T, b compute.Backend) {
				c := c.on(b)
				network := density.NewNetwork(b, backend.Lowering(b), model, 1)
				require.NoError(t, network.Set(weights.Values))
				eachLowering(t, b, func(t *testing.T, lowering nn.Lowering) {
					c.compareGraph(t, lowering, []*density.Network{network}, c.imageInputs(t, "in/images_uint8"),
						func(w []*nn.Weights, in []*Node) map[string]*Node {
							return likelihoodArrays(model.LogLikelihood(w[0], model.Input(in[0], in[1])))
						})
				})

				// The way by which images are scored.
				pixels, n := c.pixels(t, "in/images_uint8")
				set := &imageset.Set{Name: "reference", Height: want.Height, Width: want.Width, Channels: want.Channels, Pixels: pixels}
				rows, err := network.LogLikelihoods(set, density.Noise{}, nil)
				require.NoError(t, err)
				var totals, bits []float32
				for _, row := range rows {
					totals = append(totals, float32(row[0]))
					bits = append(bits, float32(density.BitsPerDim(row[0], density.Dims(model))))
				}
				require.Len(t, totals, n)
				c.compare(t, "out/log_prob", totals, outputTolerance)
				c.compare(t, "out/bits_per_dim", bits, outputTolerance)
				c.requireAllUsed(t)
			})
		})
	}
}
