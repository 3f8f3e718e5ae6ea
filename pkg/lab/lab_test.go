package lab

import (
	"bytes"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strata/pkg/checkpoint"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"

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
	lab := &Lab{engine: &runs.Engine{Out: io.Discard}}
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
	l := &Lab{ctx: t.Context(), size: size, engine: &runs.Engine{Runs: t.TempDir(), Context: t.Context(), Out: &log,
		Resume: true, Wait: true}}
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
	l := &Lab{engine: &runs.Engine{Out: io.Discard}}
	table := &result.Scores{Columns: []string{"a", "b"}}
	for i := range 40 {
		table.Rows = append(table.Rows, result.ScoreRow{Role: "in", Set: "shapes", Index: i, Values: []float64{float64(i), math.Inf(1-2*(i%2)) * float64(i%2)}})
	}
	page, err := l.hover("x1", table, "a", "a")
	require.NoError(t, err)
	require.Equal(t, 40, strings.Count(page, `"Index":`))
	_, err = l.hover("x1", table, "a", "c")
	require.ErrorContains(t, err, `no column "c"`)
}

// The first stop has the lowest scores, the last one the highest, of whatever set.
func TestTop(t *testing.T) {
	l := &Lab{engine: &runs.Engine{Out: io.Discard}}
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
