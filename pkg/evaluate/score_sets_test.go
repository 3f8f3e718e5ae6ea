package evaluate

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"strata/pkg/density"
	"strata/pkg/metric"
	"strata/pkg/runs/runstest"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// What strata score writes, computed by hand from what the models gave: not finite values are replaced before they are
// subtracted, and told.
func TestScoreSets(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"table1"}})
	store.Finish("glow-in-from-general", "glow-general", "pixelcnn-general")
	truth := func(v runstest.Value) float64 {
		switch {
		case v.Configuration == "glow-general" && v.Role == "smooth" && v.Image < 3 && v.Column == "log_likelihood":
			return math.Inf(1)
		case v.Configuration == "glow-in-from-general" && v.Role == "smooth" && v.Image == 2:
			return math.NaN()
		}
		return runstest.Normal(v)
	}
	store.Score(truth)
	own, general := store.Run("glow-in-from-general", 1), store.Run("glow-general", 1)
	table, err := ScoreSets(t.Context(), store.Engine, own, general, []string{"cifar10", "svhn"}, 0, density.Noise{})
	require.NoError(t, err)
	require.Equal(t,
		strings.Fields("log_likelihood c1 c2 c3 png_bytes complexity general ratio ratio_c1 ratio_c2 ratio_c3"),
		table.Columns)
	require.Len(t, table.Rows, 2*runstest.TestImages)
	for i, row := range table.Rows {
		role, set := "in", "cifar10"
		if i >= runstest.TestImages {
			role, set = "smooth", "svhn"
		}
		value := func(configuration, column string) float64 {
			v := truth(runstest.Value{Configuration: configuration, Seed: 1, Role: role, Column: column,
				Image: row.Index})
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return metric.NonFiniteScore
			}
			return v
		}
		images, err := store.Engine.TestImages(set, 0)
		require.NoError(t, err)
		png, err := score.PNGBytes(images.Image(row.Index), 32, 32, 3)
		require.NoError(t, err)
		raw, theirs := value("glow-in-from-general", "log_likelihood"), value("glow-general", "log_likelihood")
		want := []float64{raw}
		for scale := range 3 {
			want = append(want, value("glow-in-from-general", fmt.Sprintf("c%d", scale+1)))
		}
		want = append(want, float64(png), raw+8*float64(png)*math.Ln2, theirs, raw-theirs)
		for scale := range 3 {
			want = append(want, want[1+scale]-value("glow-general", fmt.Sprintf("c%d", scale+1)))
		}
		require.InDeltaSlice(t, want, row.Values, 1e-6)
		require.Equal(t, set, row.Set)
		require.Equal(t, map[bool]string{true: "in", false: "out"}[role == "in"], row.Role)
	}
	both := table.Rows[runstest.TestImages+2].Values
	require.Zero(t, both[7], "where both models fail, neither knows more")
	require.Contains(t, store.Out.String(),
		fmt.Sprintf("svhn, log_likelihood of %s: 3 values not finite, replaced by -3000000\n", general.Info.ID))
	require.Contains(t, store.Out.String(), fmt.Sprintf("svhn, c2 of %s: 1 values not finite", own.Info.ID))
	require.NotContains(t, store.Out.String(), "cifar10, ")

	alone, err := ScoreSets(t.Context(), store.Engine, own, nil, []string{"cifar10"}, 5, density.Noise{})
	require.ErrorContains(t, err, "no checkpoint", "other images than were scored")
	require.Nil(t, alone)
	_, err = ScoreSets(t.Context(), store.Engine, own, store.Run("pixelcnn-general", 1), []string{"cifar10"}, 0,
		density.Noise{})
	require.ErrorContains(t, err, "have different scales: no ratio")
}
