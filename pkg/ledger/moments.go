package ledger

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// Moment is a claim as it was at a step of its runs, on the images of the learning curves: which claims turn with more training.
type Moment struct {
	ID, Measured string
	// Steps is the step of Run, the first of the claim's configurations; its other runs of the same kind are as far.
	Steps            int
	Run              string
	Value, Low, High float64
	Verdict          Verdict
	Images           int
	Note             string
}

// MomentsFile is the name of the claims over steps in a results folder.
const MomentsFile = "claims_over_steps.csv"

var momentHeader = []string{"id", "measured", "steps", "run", "value", "low", "high", "verdict", "images", "note"}

// WriteMoments saves claims over steps in a results folder; the file appears whole or not at all.
func WriteMoments(folder string, moments []Moment) error {
	rows := [][]string{momentHeader}
	for _, m := range moments {
		rows = append(rows, []string{m.ID, m.Measured, strconv.Itoa(m.Steps), m.Run, number(m.Value), number(m.Low), number(m.High), string(m.Verdict), strconv.Itoa(m.Images), m.Note})
	}
	return writeRows("claims over steps", filepath.Join(folder, MomentsFile), rows)
}

// ReadMoments reads the claims over steps of a results folder; what is wrong with them is said with file, line and column.
func ReadMoments(folder string) ([]Moment, error) {
	path := filepath.Join(folder, MomentsFile)
	rows, err := readRows("claims over steps", path, momentHeader)
	if err != nil {
		return nil, err
	}
	var moments []Moment
	for i, r := range rows {
		m := Moment{ID: r[0], Measured: r[1], Run: r[3], Verdict: Verdict(r[7]), Note: r[9]}
		if m.Verdict != Holds && m.Verdict != DoesNotHold {
			return nil, fmt.Errorf("claims over steps %s, line %d, column verdict: %q is none", path, i+2, r[7])
		}
		for j, into := range map[int]*float64{4: &m.Value, 5: &m.Low, 6: &m.High} {
			if *into, err = parseNumber(r[j]); err != nil {
				return nil, fmt.Errorf("claims over steps %s, line %d, column %s: %q is no number", path, i+2, momentHeader[j], r[j])
			}
		}
		for j, into := range map[int]*int{2: &m.Steps, 8: &m.Images} {
			if *into, err = strconv.Atoi(r[j]); err != nil {
				return nil, fmt.Errorf("claims over steps %s, line %d, column %s: %q is no whole number", path, i+2, momentHeader[j], r[j])
			}
		}
		moments = append(moments, m)
	}
	return moments, nil
}
