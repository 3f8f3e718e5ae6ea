package report

import (
	"fmt"
	"math"
	"strings"

	"strata/pkg/metric"
	"strata/pkg/result"
)

// Summary compares all that was measured with the paper, AUROCs and bits/dim apart. It counts distinct cells: what
// several tables print (Table 2 has columns of Table 1, Table S2 is Table 4 again) is one.
type Summary struct {
	AUROC, Bits Comparison
}

// Comparison is how the cells of one unit stand to the paper's.
type Comparison struct {
	// Cells are those that were measured and NotRun those that were not; what the paper quotes is neither.
	Cells, NotRun int
	// Error is the mean absolute difference from the paper's values, in points of AUROC or in bits/dim, and Rank
	// Spearman's correlation with them, over all Cells, with 95 % bootstrap intervals over cells. NaN where too few were
	// measured.
	Error, Rank metric.Interval
	// Agree, Direction, Disagree and Open count the cells that can tell something. Ceiling and Chance are those that
	// cannot: whoever tells the sets apart, or guesses, agrees there. The six make up Cells.
	Agree, Direction, Disagree, Open int
	Ceiling, Chance                  int
}

// Where agreement says nothing, in points of AUROC: the paper's value at or above paperCeiling with ours at or above
// ourCeiling, or the paper's value and our whole interval no farther than nearChance from 50, what guessing gives.
const (
	paperCeiling = 93
	ourCeiling   = 90
	nearChance   = 10
)

// LegendOfSummary explains a Summary.
const LegendOfSummary = "A cell that several tables print counts once, and means and quoted values do not count. The " +
	"mean absolute error and Spearman's ρ compare our values with the paper's over all distinct cells that were " +
	"measured; their intervals are over cells (bootstrap). Left out of the counts, but not of these two, is what says " +
	"little: a ceiling (the paper at 93 or more, ours at 90 or more) and chance (the paper's value and our whole " +
	"interval between 40 and 60)."

// isCeiling says whether both sides tell the sets apart, and isChance whether neither does.
func isCeiling(c result.Cell) bool { return c.Value >= paperCeiling && c.Measured >= ourCeiling }

func isChance(c result.Cell) bool {
	return math.Abs(c.Value-50) <= nearChance && c.Low >= 50-nearChance && c.High <= 50+nearChance
}

// distinct is what a cell is about, however a table names it: the score of the full likelihood is raw or raw_full, and
// the rest of Place says sets, models, setting and loss.
func distinct(p result.Place) result.Place {
	p.Table = ""
	p.Score = strings.TrimSuffix(p.Score, "_full")
	return p
}

// summarise compares the distinct cells of the paper's tables.
func summarise(cells []result.Cell) Summary {
	var s Summary
	var ours, paper [2][]float64
	seen := map[result.Place]bool{}
	for _, c := range cells {
		agreement := agreementOf(c)
		if math.IsNaN(c.Value) || c.IsMean() || agreement == Quoted || seen[distinct(c.Place)] {
			continue // a baseline has no paper's value
		}
		seen[distinct(c.Place)] = true
		of, unit := &s.AUROC, 0
		if isBits(c) {
			of, unit = &s.Bits, 1
		}
		if agreement == NotRun {
			of.NotRun++
			continue
		}
		of.Cells++
		ours[unit], paper[unit] = append(ours[unit], c.Measured), append(paper[unit], c.Value)
		switch {
		case unit == 0 && isCeiling(c):
			of.Ceiling++
		case unit == 0 && isChance(c):
			of.Chance++
		case agreement == Agrees:
			of.Agree++
		case agreement == Direction:
			of.Direction++
		case agreement == Open:
			of.Open++
		default:
			of.Disagree++
		}
	}
	for unit, of := range []*Comparison{&s.AUROC, &s.Bits} {
		of.Error, of.Rank = closeness(ours[unit], paper[unit])
	}
	return s
}

// closeness is the mean absolute difference of two rows of values, and their rank correlation.
func closeness(ours, paper []float64) (difference, rank metric.Interval) {
	none := metric.Interval{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	difference, rank = none, none
	if len(ours) == 0 {
		return difference, rank
	}
	differences := make([]float64, len(ours))
	for i := range ours {
		differences[i] = math.Abs(ours[i] - paper[i])
	}
	cells := []metric.Population{{Name: "cells", Images: len(ours)}}
	if mean, err := metric.Bootstrap(cells, metric.Resamples, metric.ResampleSeed, metric.NewMean(differences)); err == nil {
		difference = mean.Interval()
	}
	if spearman, err := metric.NewSpearman(ours, paper); err == nil { // values that vary
		if of, err := metric.Bootstrap(cells, metric.Resamples, metric.ResampleSeed, spearman); err == nil {
			rank = of.Interval()
		}
	}
	return difference, rank
}

// Lines say a summary in words, a line a unit; one that nothing was measured of has none.
func (s Summary) Lines() []string {
	var lines []string
	for _, of := range []struct {
		Comparison
		name, unit, format string
	}{{s.AUROC, "AUROC", "points", "%.1f"}, {s.Bits, "Bits/dim", "bits/dim", "%.2f"}} {
		if of.Cells == 0 {
			continue
		}
		line := fmt.Sprintf("%s: mean absolute error %s %s", of.name, within(of.Error, of.format), of.unit)
		if !math.IsNaN(of.Rank.Value) {
			line += fmt.Sprintf(", Spearman's ρ with the paper %s", within(of.Rank, "%.2f"))
		}
		line += fmt.Sprintf(", over %s. ", counted(of.Cells, "distinct cell"))
		if left := of.Ceiling + of.Chance; left > 0 {
			line += fmt.Sprintf("Without %d at the ceiling and %d at chance on both sides, which say little, %d remain: ",
				of.Ceiling, of.Chance, of.Cells-left)
		}
		line += fmt.Sprintf("%d agree", of.Agree)
		if of.unit == "points" {
			line += fmt.Sprintf(", %d in the same direction", of.Direction)
		}
		line += fmt.Sprintf(", %d disagree", of.Disagree)
		if of.Open > 0 {
			line += fmt.Sprintf(", %d open", of.Open)
		}
		if of.NotRun > 0 {
			line += fmt.Sprintf("; %d more not run", of.NotRun)
		}
		lines = append(lines, line+".")
	}
	if len(lines) == 0 {
		lines = []string{fmt.Sprintf("No table cell was measured: %d not run.", s.AUROC.NotRun+s.Bits.NotRun)}
	}
	return lines
}

// within is a value with its interval.
func within(v metric.Interval, format string) string {
	return fmt.Sprintf(format+" ["+format+", "+format+"]", v.Value, v.Low, v.High)
}
