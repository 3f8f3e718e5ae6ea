package lab

import (
	"bytes"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"strata/pkg/checkpoint"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/show"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNeeds(t *testing.T) {
	text, err := needs([]string{"table2"})
	require.NoError(t, err)
	assert.Contains(t, text, "Runs: glow-general, glow-in-from-general.")
	assert.Regexp(t, `\| demo \| Glow K 4, hidden 64 \| 2000, finetuned 1000 \| \d+ min \|`, text)
	assert.Regexp(t, `\| paper \| Glow K 32, hidden 512 .* days \|`, text)
	_, err = needs([]string{"table9"})
	assert.ErrorContains(t, err, `nothing is called "table9"`)
}

// The smooth set has the higher peak and the smaller steps (claim L1), on images that are drawn.
func TestPixelDifferences(t *testing.T) {
	if testing.Short() {
		t.Skip("draws two sets of 8,000 images")
	}
	lab := &Lab{engine: &runs.Engine{Sets: opened.Sets{Out: io.Discard}}}
	file, text, err := lab.pixelDifferences(100, []string{"shapes", "digits"})
	require.NoError(t, err)
	_, err = png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	require.Regexp(t, `\| shapes \| 0\.0\d+ \| \d+\.\d \|\n\| digits \| 0\.\d+ \| \d\.\d \|`, text)
	_, _, err = lab.pixelDifferences(100, []string{"absent"})
	require.ErrorContains(t, err, "absent")
}

// Two notebooks that want the same run: one trains, the other waits.
func TestTrainWaits(t *testing.T) {
	if testing.Short() {
		t.Skip("draws a set of 8,000 images and trains on it")
	}
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	var log strings.Builder
	l := &Lab{ctx: t.Context(), size: size, seed: 1, engine: &runs.Engine{Sets: opened.Sets{Context: t.Context(), Out: &log},
		Runs: t.TempDir(), Resume: true, Wait: true}}
	spec, err := l.engine.Spec(runs.Request{Set: "shapes", Size: size, Seed: 1})
	require.NoError(t, err)
	unlock, err := checkpoint.Lock(filepath.Join(l.engine.Runs, spec.ID()))
	require.NoError(t, err)
	time.AfterFunc(1500*time.Millisecond, unlock)
	run := l.Train("shapes", nil)
	require.True(t, run.Info.Done)
	require.Equal(t, 1, strings.Count(log.String(), "waiting for "+spec.ID()+", which process "), log.String())
}

func TestHover(t *testing.T) {
	l := &Lab{engine: &runs.Engine{Sets: opened.Sets{Out: io.Discard}}}
	table := &result.Scores{Columns: []string{"a", "b"}}
	for i := range 40 {
		table.Rows = append(table.Rows, result.ScoreRow{Role: "in", Set: "shapes", Index: i,
			Values: []float64{float64(i), math.Inf(1-2*(i%2)) * float64(i%2)}})
	}
	page, err := l.hover("x1", table, "a", "a")
	require.NoError(t, err)
	require.Equal(t, 40, strings.Count(page, `"Index":`))
	require.Contains(t, page, "diagonal = false")
	_, err = l.hover("x1", table, "a", "c")
	require.ErrorContains(t, err, `no column "c"`)
	table.Columns = []string{"general", "log_likelihood"}
	for i := range table.Rows {
		table.Rows[i].Values[1] = 3
	}
	l.scored = map[*result.Scores]scored{table: {own: "shapes", general: "leaves"}}
	page, err = l.hover("x1", table, "general", "log_likelihood")
	require.NoError(t, err)
	require.Contains(t, page, "diagonal = true")
	require.Contains(t, page, "ln p under the Glow of leaves, nats")
	require.Contains(t, page, "ln p under the Glow of shapes, nats")
	require.Equal(t, "c3, what scale 3 contributes to ln p under the Glow of shapes, nats", l.axis(table, "c3"))
	require.Equal(t, "complexity, nats", l.axis(table, "complexity"))
}

// The first stop has the lowest scores, the last one the highest, of whatever set.
func TestTop(t *testing.T) {
	l := &Lab{engine: &runs.Engine{Sets: opened.Sets{Out: io.Discard}}}
	table := &result.Scores{Columns: []string{"ratio"}}
	for i := range 40 {
		table.Rows = append(table.Rows, result.ScoreRow{Role: "in", Set: "shapes", Index: i, Values: []float64{float64(i)}},
			result.ScoreRow{Role: "out", Set: "digits", Index: i, Values: []float64{100 + float64(i)}})
	}
	page, err := l.top("x1", table, "ratio")
	require.NoError(t, err)
	require.Contains(t, page, "ratio, ranks 1 to 16 of 80: 139 to 124 nats; digits")
	require.Contains(t, page, "ranks 65 to 80 of 80: 15 to 0 nats; shapes")
	_, err = l.top("x1", table, "c9")
	require.ErrorContains(t, err, `no column "c9"`)
	_, err = l.top("x1", &result.Scores{Columns: []string{"ratio"}}, "ratio")
	require.ErrorContains(t, err, "no images")
}

// All eight combinations of latents are on the page; with those of one image alone they decode to that image.
func TestSwap(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a Glow for some steps")
	}
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	l := &Lab{ctx: t.Context(), size: size, seed: 1, engine: &runs.Engine{Sets: opened.Sets{Context: t.Context(), Out: io.Discard},
		Runs: t.TempDir()}}
	run := l.Train("shapes", nil)
	page, err := l.swap("x1", run, "shapes", "digits")
	require.NoError(t, err)
	pictures := regexp.MustCompile(`src="(data:[^"]*)" alt="([^"]*)"`).FindAllStringSubmatch(page, -1)
	require.Len(t, pictures, 2+8)
	require.Equal(t, pictures[0][1], pictures[2][1], "z1, z2, z3 of shapes")
	require.Contains(t, pictures[2][2], "z1 of shapes, z2 of shapes, z3 of shapes: ln p ")
	require.Equal(t, pictures[1][1], pictures[9][1], "all of digits")
	require.NotEqual(t, pictures[0][1], pictures[6][1])
	require.Equal(t, 7, strings.Count(page, "display:none"))

	z, c := l.Latents(run, "shapes", 3)
	require.Len(t, z, 3)
	require.Len(t, z[2][1], 768)
	table := l.Score(run, nil, "shapes")
	for i, back := range c[2] {
		require.InDelta(t, show.Values(table, "c3", "shapes")[i], back, 0.5)
	}

	t.Setenv("STRATA_RESULTS", "")
	t.Setenv("STRATA_FIGURES", t.TempDir())
	_, _, _, err = l.ofResults("glow-in-from-general")
	require.ErrorContains(t, err, "holds no results")
	folder := t.TempDir()
	t.Setenv("STRATA_RESULTS", folder)
	require.NoError(t, result.Begin(folder))
	require.NoError(t, result.Write(folder, []result.Run{{Configuration: "glow-in", ID: run.Info.ID},
		{Configuration: "glow-near", ID: "glow-elsewhere"}}))
	require.NoError(t, result.WriteManifest(folder, result.Manifest{Size: "smoke",
		Roles: map[string]string{"in": "shapes", "smooth": "digits"}}))
	found, in, smooth, err := l.ofResults("glow-in")
	require.NoError(t, err)
	require.Equal(t, []string{run.Info.ID, "shapes", "digits"}, []string{found.Info.ID, in, smooth})
	_, _, _, err = l.ofResults("glow-near")
	require.ErrorContains(t, err, "its weights are not on this disk")
	_, _, _, err = l.ofResults("glow-far")
	require.ErrorContains(t, err, "they have no glow-far")
}

// Eq. 2 by hand: lambda ln 2 where the models agree, with half of the full slope lambda/T.
func TestEq2(t *testing.T) {
	loss, slopes := Eq2([]float64{5, -7}, []float64{5, -7}, 1000, 6000)
	require.InDelta(t, 6000*math.Ln2, loss, 1e-9)
	require.InDeltaSlice(t, []float64{1.5, 1.5}, slopes, 1e-9)
	_, _, err := eq2([]float64{1}, nil, 1000, 6000)
	require.ErrorContains(t, err, "1 and 0 log-likelihoods")
}
