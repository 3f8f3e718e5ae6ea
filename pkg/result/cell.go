package result

import "math"

// Cell is a cell of the paper's tables with what was measured here: a row of cells.csv. Rows of Table "baselines" are
// what tells a pair of sets apart without a model; they have no paper's value.
type Cell struct {
	PaperCell
	// Measured is the mean over Seeds seeds, in percent or bits/dim, NaN where nothing was measured; Low and High are
	// its 95 % interval, over images for one seed and over seeds for several. StdSeeds is the standard deviation over
	// seeds.
	Measured float64 `csv:"value"`
	Low      float64 `csv:"low"`
	High     float64 `csv:"high"`
	StdSeeds float64 `csv:"std_seeds"`
	Seeds    int     `csv:"seeds"`
	// InSet, OutSet and GeneralSet are the sets that it was measured on; StandsFor says which of the paper's they stand
	// for.
	InSet      string `csv:"in_set"`
	OutSet     string `csv:"out_set"`
	GeneralSet string `csv:"general_set"`
	StandsFor  string `csv:"stands_for"`
	Size       string `csv:"size"`
	Network    string `csv:"network"`
	Steps      string `csv:"steps"`
	// Runs are the names of the runs that were scored.
	Runs      []string `csv:"runs"`
	ImagesIn  int      `csv:"images_in"`
	ImagesOut int      `csv:"images_out"`
	// NonFinite is how many log-likelihoods of these images were not finite and replaced.
	NonFinite int `csv:"non_finite"`
	// Note says why nothing was measured.
	Note string `csv:"note"`
}

// FileName implements Row.
func (Cell) FileName() string { return "cells.csv" }

// Unmeasured is a cell without a measurement, and why.
func Unmeasured(of PaperCell, size, note string) Cell {
	nan := math.NaN()
	return Cell{PaperCell: of, Measured: nan, Low: nan, High: nan, StdSeeds: nan, Size: size, Note: note}
}

// IsMeasured says whether there is a value.
func (c Cell) IsMeasured() bool { return !math.IsNaN(c.Measured) }

// SeedValue is what one seed gave for a cell, with its 95 % interval over images: a row of cells_by_seed.csv.
type SeedValue struct {
	Place
	Seed  uint64  `csv:"seed"`
	Value float64 `csv:"value"`
	Low   float64 `csv:"low"`
	High  float64 `csv:"high"`
}

// FileName implements Row.
func (SeedValue) FileName() string { return "cells_by_seed.csv" }
