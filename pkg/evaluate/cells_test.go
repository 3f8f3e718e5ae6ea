package evaluate

import (
	"testing"

	"strata/pkg/plan"
	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// Every cell of the paper's tables that is its own number and no mean has a source among the configurations, and the sources are
// those that the experiment matrix names.
func TestEveryCellHasASource(t *testing.T) {
	all, err := plan.LoadConfigurations()
	require.NoError(t, err)
	cells, err := result.PaperCells()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, c := range cells {
		s, err := sourceOf(all, c)
		if c.ReportedBy() != "" || c.IsMean() {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err, "%+v", c)
		seen[c.Table+" "+s.in] = true
		if s.general != "" {
			seen[c.Table+" "+s.general] = true
		}
	}
	want := []string{}
	for table, ids := range map[string][]string{
		"1": {"glow-smooth-from-general", "glow-in-from-general", "glow-near-from-general", "pixelcnn-smooth-from-general",
			"pixelcnn-in-from-general", "pixelcnn-near-from-general", "glow-general", "pixelcnn-general", "PNG"},
		"2": {"glow-in-from-general", "glow-general"}, "3": {"glow-in-from-general", "glow-in-margin-loss",
			"glow-in-outlier-loss", "glow-general"},
		"4": {"glow-in-outlier-loss", "glow-near-outlier-loss", "glow-in-labels", "glow-near-labels", "glow-general-against-in",
			"glow-general-against-near", "glow-general"}, "S1": {"glow-general", "glow-smooth", "glow-in", "glow-near",
			"glow-smooth-from-general", "glow-in-from-general", "glow-near-from-general"},
		"S2": {"glow-in-outlier-loss", "glow-near-outlier-loss", "glow-in-labels", "glow-near-labels", "glow-general-against-in",
			"glow-general-against-near", "glow-general"}, "S3": {"glow-in-outlier-loss", "glow-near-outlier-loss", "glow-in-labels",
			"glow-near-labels", "glow-general-against-in", "glow-general-against-near", "glow-general"},
		"S4": {"classifier-smooth", "classifier-in", "classifier-near"},
	} {
		for _, id := range ids {
			want = append(want, table+" "+id)
		}
	}
	got := []string{}
	for key := range seen {
		got = append(got, key)
	}
	require.ElementsMatch(t, want, got)
}
