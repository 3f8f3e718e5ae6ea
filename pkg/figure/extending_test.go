package figure

import (
	"fmt"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
)

var toyEntry = Entry{Name: "figToy", Files: []string{result.ScoresFile}, Draw: FigToy}

// FigToy draws what the Glow of in gives the images of two roles.
func FigToy(r *Results) (*Figure, error) {
	s, err := r.scores()
	if err != nil {
		return nil, err
	}
	what := score{plus: glowIn}
	if missing := s.missing(what); len(missing) > 0 {
		return nil, fmt.Errorf("figure: figToy: not in the results: %s", strings.Join(missing, ", "))
	}
	var values [][]float64
	var failed [][]bool
	roles := s.present(roleIn, roleSmooth)
	for _, role := range roles {
		v, f := s.values(role, what)
		values, failed = append(values, v), append(failed, f)
	}
	const bins = 30
	low, high := axisRange(values, failed)
	p := newPlot("ln p (nats)", "density")
	var legend []key
	for i, role := range roles {
		heights, _ := binned(values[i], low, high, bins)
		edges := make([]float64, bins+1)
		for b := range edges {
			edges[b] = low + (high-low)*float64(b)/bins
		}
		p.Add(steps{edges: edges, heights: heights, role: role})
		legend = append(legend, key{s.label(role), boxMark(role)})
	}
	return &Figure{Name: "figToy", Caption: "Log-likelihoods under the Glow of in.", page: page{
		width: oneColumn, height: 6 * vg.Centimeter, legend: legend, panels: []panel{{plot: p}}}}, nil
}

// A new figure is drawn from the results folder in print size, from the files that it names alone, and what it lacks is
// said.
func TestNewFigure(t *testing.T) {
	checkSaved(t, toyEntry, oneColumn)
	checkReads(t, toyEntry)
	dir := copied(t)
	renamed(t, dir, result.ScoresFile, glowIn)
	from, err := Open(dir)
	require.NoError(t, err)
	_, err = FigToy(from)
	assert.ErrorContains(t, err, "not in the results: the Glow of in")
}
