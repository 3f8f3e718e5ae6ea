package ledger

import (
	"fmt"
	"path/filepath"
	"strconv"

	"strata/pkg/paper"
)

// SeedValue is what one seed gave for a cell, with its 95 % interval over images.
type SeedValue struct {
	Seed             uint64
	Value, Low, High float64
}

// SeedsFile is the name of the single seeds' cells in a results folder.
const SeedsFile = "cells_by_seed.csv"

var seedHeader = []string{"table", "in_dist", "out_dist", "setting", "score", "general_model", "loss", "seed", "value", "low", "high"}

// WriteSeeds saves what every seed gave for every cell of the paper's tables; the file appears whole or not at all.
func WriteSeeds(folder string, cells []Cell) error {
	rows := [][]string{seedHeader}
	for _, c := range cells {
		for _, s := range c.BySeed {
			rows = append(rows, []string{c.Table, c.In, c.Out, c.Setting, c.Score, c.General, c.Loss, strconv.FormatUint(s.Seed, 10), number(s.Value), number(s.Low), number(s.High)})
		}
	}
	return writeRows("cells by seed", filepath.Join(folder, SeedsFile), rows)
}

// ReadSeeds reads the single seeds' cells: of each its place in the tables and BySeed, and no more. What is wrong with them is said with
// file, line and column.
func ReadSeeds(folder string) ([]Cell, error) {
	path := filepath.Join(folder, SeedsFile)
	rows, err := readRows("cells by seed", path, seedHeader)
	if err != nil {
		return nil, err
	}
	var cells []Cell
	for i, r := range rows {
		c := paper.Cell{Table: r[0], In: r[1], Out: r[2], Setting: r[3], Score: r[4], General: r[5], Loss: r[6]}
		if n := len(cells); n == 0 || cells[n-1].Cell != c {
			cells = append(cells, Cell{Cell: c})
		}
		var s SeedValue
		if s.Seed, err = strconv.ParseUint(r[7], 10, 64); err != nil {
			return nil, fmt.Errorf("cells by seed %s, line %d, column seed: %q is no seed", path, i+2, r[7])
		}
		for j, into := range map[int]*float64{8: &s.Value, 9: &s.Low, 10: &s.High} {
			if *into, err = parseNumber(r[j]); err != nil {
				return nil, fmt.Errorf("cells by seed %s, line %d, column %s: %q is no number", path, i+2, seedHeader[j], r[j])
			}
		}
		last := &cells[len(cells)-1]
		last.BySeed = append(last.BySeed, s)
	}
	return cells, nil
}
