package report

import (
	"math"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// measured is a cell of Table 1 with the paper's value, ours, and the half width of our interval.
func measured(out string, paper, ours, half float64) result.Cell {
	c := result.Unmeasured(result.PaperCell{Value: paper, Std: math.NaN(), Place: result.Place{Table: "1", In: "CIFAR10",
		Out: out, Setting: "unsupervised;in_model=Glow", Score: "raw", General: "none", Loss: "none"}}, "demo", "")
	c.Measured, c.Low, c.High, c.Seeds = ours, ours-half, ours+half, 1
	return c
}

func bits(in string, paper, ours float64) result.Cell {
	c := measured("", paper, ours, 0.01)
	c.Table, c.In, c.Score = "S1", in, "bpd_noisy_single_sample"
	return c
}

func TestAgreementOf(t *testing.T) {
	for _, c := range []struct {
		paper, ours, half float64
		want              Agreement
	}{
		{88, 90, 1, Agrees},     // within 5 points
		{88, 80, 9, Agrees},     // in our interval, which is 18 wide
		{88, 70, 3, Direction},  // far off, on the same side
		{12, 30, 3, Direction},  // on the other side of 50
		{88, 51, 2, Disagrees},  // our interval holds 50: no direction
		{12, 49, 2, Disagrees},  // the same below 50
		{50, 60, 2, Disagrees},  // the paper's has no direction
		{88, 30, 3, Disagrees},  // the other side
		{88, 70, 25, Open},      // in an interval that says nothing
		{60, 80, 29, Direction}, // in such a one too, but on the same side
	} {
		require.Equal(t, c.want, agreementOf(measured("SVHN", c.paper, c.ours, c.half)), "%+v", c)
	}
	require.Equal(t, Direction, agreementOf(measured("Mean", 88, 51, math.NaN())), "a mean has no interval")
	require.Equal(t, Agrees, agreementOf(bits("SVHN", 2, 2.09)))
	require.Equal(t, Disagrees, agreementOf(bits("SVHN", 2, 2.11)))
	absent := measured("SVHN", 88, math.NaN(), 1)
	require.Equal(t, NotRun, agreementOf(absent))
	absent.Setting += ";reported_by=Others"
	require.Equal(t, Quoted, agreementOf(absent))
}

// Made-up cells, each of a kind so and so often: what tables repeat, print as means or quote does not count, and what
// says little is told apart.
func TestSummary(t *testing.T) {
	again := measured("agrees 1", 80, 78, 1) // Table 2 calls the score of Table 1 raw_full
	again.Table, again.Score = "2", "raw_full"
	twice := measured("agrees 1", 80, 78, 1) // and Table S2 prints a deviation
	twice.Table, twice.Std = "S2", 0.3
	scale := measured("agrees 1", 60, 61, 1) // another score is another cell
	scale.Table, scale.Score = "2", "raw_4x4"
	mean := measured("Mean", 70, 70, 1)
	quoted := measured("quoted", 70, 70, 1)
	quoted.Setting += ";reported_by=Others"
	baseline := measured("agrees 1", math.NaN(), 70, 1)
	baseline.Table = "baselines"
	s := summarise([]result.Cell{
		measured("agrees 1", 80, 78, 1), again, twice, scale, mean, quoted, baseline,
		measured("direction 1", 80, 60, 2), measured("direction 2", 10, 30, 2), measured("direction 3", 95, 89, 0.5),
		measured("no direction", 88, 51, 2), measured("other side", 80, 20, 2),
		measured("open", 88, 60, 30),
		measured("ceiling 1", 93, 90, 0.5), measured("ceiling 2", 99.9, 99.9, 0.1),
		measured("chance 1", 52, 48, 3), measured("chance 2", 60, 41, 1),
		measured("not chance: the interval", 58, 58, 3), measured("not chance: the paper", 61, 58, 1),
		measured("not run", 50, math.NaN(), 1),
		bits("SVHN", 2, 2.5), bits("CIFAR10", 3, 3.1), bits("CIFAR100", 4, 3),
	})
	a := s.AUROC
	require.Equal(t, []int{4, 3, 2, 1}, []int{a.Agree, a.Direction, a.Disagree, a.Open})
	require.Equal(t, []int{2, 2}, []int{a.Ceiling, a.Chance})
	require.Equal(t, a.Cells, a.Agree+a.Direction+a.Disagree+a.Open+a.Ceiling+a.Chance)
	require.Equal(t, 1, a.NotRun)
	differences := []float64{2, 1, 20, 20, 6, 37, 60, 28, 3, 0, 4, 19, 0, 3}
	sum := 0.0
	for _, d := range differences {
		sum += d
	}
	require.Len(t, differences, a.Cells)
	require.InDelta(t, sum/float64(a.Cells), a.Error.Value, 1e-9)
	require.Less(t, a.Error.Low, a.Error.Value)
	require.Greater(t, a.Error.High, a.Error.Value)
	require.True(t, -1 <= a.Rank.Low && a.Rank.Low < a.Rank.Value && a.Rank.Value < a.Rank.High && a.Rank.High <= 1)

	b := s.Bits
	require.Equal(t, []int{3, 1, 2, 0}, []int{b.Cells, b.Agree, b.Disagree, b.Ceiling + b.Chance + b.Direction})
	require.InDelta(t, (0.5+0.1+1)/3, b.Error.Value, 1e-9)
	require.InDelta(t, 0.5, b.Rank.Value, 1e-9, "2.5, 3.1, 3 against 2, 3, 4")

	lines := s.Lines()
	require.Len(t, lines, 2)
	require.Regexp(t, `^AUROC: mean absolute error 14\.5 \[[\d.]+, [\d.]+\] points, Spearman's ρ with the paper 0\.\d\d `+
		`\[-?[\d.]+, [\d.]+\], over 14 distinct cells\. Without 2 at the ceiling and 2 at chance on both sides, which say `+
		`little, 10 remain: 4 agree, 3 in the same direction, 2 disagree, 1 open; 1 more not run\.$`, lines[0])
	require.Regexp(t, `^Bits/dim: mean absolute error 0\.53 \[.*\] bits/dim, .* over 3 distinct cells\. 1 agree, 2 `+
		`disagree\.$`, lines[1])
}

// A single cell has a difference and no correlation; none have neither.
func TestSummaryOfFewCells(t *testing.T) {
	s := summarise([]result.Cell{measured("SVHN", 80, 60, 2)})
	require.Equal(t, 20.0, s.AUROC.Error.Value)
	require.True(t, math.IsNaN(s.AUROC.Rank.Value))
	require.Equal(t, []string{"AUROC: mean absolute error 20.0 [20.0, 20.0] points, over 1 distinct cell. 0 agree, 1 in " +
		"the same direction, 0 disagree."}, s.Lines())
	require.Equal(t, []string{"No table cell was measured: 0 not run."}, summarise(nil).Lines())
}
