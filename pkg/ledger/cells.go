package ledger

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"strata/pkg/paper"
)

// Cell is a cell of the paper's tables with what was measured here. Rows of Table "baselines" are what tells a pair of sets
// apart without a model; they have no paper's value.
type Cell struct {
	paper.Cell
	// Measured is the mean over Seeds seeds, in percent or bits/dim, NaN where nothing was measured; Low and High are its 95 %
	// interval, over images for one seed and over seeds for several. StdSeeds is the standard deviation over seeds.
	Measured, Low, High, StdSeeds float64
	Seeds                         int
	// BySeed is what each seed gave; it is kept in a file of its own (WriteSeeds).
	BySeed []SeedValue
	// InSet, OutSet and GeneralSet are the sets that it was measured on; StandsFor says which of the paper's they stand for.
	InSet, OutSet, GeneralSet, StandsFor string
	Size, Network, Steps                 string
	Runs                                 []string
	ImagesIn, ImagesOut, NonFinite       int
	// Note says why nothing was measured.
	Note string
}

// CellsFile is the name of the cells in a results folder.
const CellsFile = "cells.csv"

var cellHeader = []string{"table", "in_dist", "out_dist", "setting", "score", "general_model", "loss", "paper", "paper_std",
	"value", "low", "high", "std_seeds", "seeds", "in_set", "out_set", "general_set", "stands_for", "size", "network", "steps", "runs",
	"images_in", "images_out", "non_finite", "note"}

// WriteCells saves cells in a results folder; the file appears whole or not at all.
func WriteCells(folder string, cells []Cell) error {
	rows := [][]string{cellHeader}
	for _, c := range cells {
		rows = append(rows, []string{c.Table, c.In, c.Out, c.Setting, c.Score, c.General, c.Loss, number(c.Value), number(c.Std),
			number(c.Measured), number(c.Low), number(c.High), number(c.StdSeeds), strconv.Itoa(c.Seeds), c.InSet, c.OutSet, c.GeneralSet, c.StandsFor,
			c.Size, c.Network, c.Steps, strings.Join(c.Runs, " "), strconv.Itoa(c.ImagesIn), strconv.Itoa(c.ImagesOut), strconv.Itoa(c.NonFinite), c.Note})
	}
	return writeRows("cells", filepath.Join(folder, CellsFile), rows)
}

// ReadCells reads the cells of a results folder; what is wrong with them is said with file, line and column.
func ReadCells(folder string) ([]Cell, error) {
	path := filepath.Join(folder, CellsFile)
	rows, err := readRows("cells", path, cellHeader)
	if err != nil {
		return nil, err
	}
	var cells []Cell
	for i, r := range rows {
		c := Cell{Cell: paper.Cell{Table: r[0], In: r[1], Out: r[2], Setting: r[3], Score: r[4], General: r[5], Loss: r[6]},
			InSet: r[14], OutSet: r[15], GeneralSet: r[16], StandsFor: r[17], Size: r[18], Network: r[19], Steps: r[20], Runs: strings.Fields(r[21]), Note: r[25]}
		for j, into := range map[int]*float64{7: &c.Value, 8: &c.Std, 9: &c.Measured, 10: &c.Low, 11: &c.High, 12: &c.StdSeeds} {
			if *into, err = parseNumber(r[j]); err != nil {
				return nil, fmt.Errorf("cells %s, line %d, column %s: %q is no number", path, i+2, cellHeader[j], r[j])
			}
		}
		for j, into := range map[int]*int{13: &c.Seeds, 22: &c.ImagesIn, 23: &c.ImagesOut, 24: &c.NonFinite} {
			if *into, err = strconv.Atoi(r[j]); err != nil {
				return nil, fmt.Errorf("cells %s, line %d, column %s: %q is no whole number", path, i+2, cellHeader[j], r[j])
			}
		}
		cells = append(cells, c)
	}
	return cells, nil
}

// IsMeasured says whether there is a value.
func (c Cell) IsMeasured() bool { return !math.IsNaN(c.Measured) }
