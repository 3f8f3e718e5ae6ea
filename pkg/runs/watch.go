package runs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"strata/pkg/density"
	"strata/pkg/plan"
	"strata/pkg/result"
)

// watch scores some images of each watched set in the middle of a run, with a noise sample of the step's own (digest §4.5), as far as
// there is no file of it: a run that was stopped here looks at the same step again. Scores are float32, whatever is trained in.
func (e *Engine) watch(ctx context.Context, run *Run, network *density.Network, q Request, step int) error {
	plain, err := network.Lowering.WithPrecision("float32")
	if err != nil {
		return err
	}
	if network.Lowering != plain {
		network = network.As(plain)
		defer network.Release()
	}
	for _, name := range q.Watch {
		path := run.CurveFile(name, step)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		set, err := e.TestImages(name, q.Size.CurveImages)
		if err != nil {
			return err
		}
		places, err := e.TestPlaces(name, q.Size.CurveImages)
		if err != nil {
			return err
		}
		table, err := scoreTable(name, places, network, set, density.Noise{Sample: true, Seed: uint64(step)}, func(int) error { return ctx.Err() })
		if err != nil {
			return err
		}
		if err := writeScores(table, path); err != nil {
			return err
		}
	}
	return nil
}

// CurveFile is where the scores of a watched set at a step are.
func (r *Run) CurveFile(set string, step int) string {
	return filepath.Join(r.Folder, "curve", fmt.Sprintf("%s-%08d.csv", SafeName(set), step))
}

// CurveScores are the scores of a watched set's images at a step of a run, as Scores has them.
func (r *Run) CurveScores(set string, step int) (*result.Scores, error) {
	table, err := result.ReadScores(r.CurveFile(set, step))
	if errors.Is(err, os.ErrNotExist) {
		return nil, plan.Absent("%s was trained without looking at its scores on %s at step %d", r.Info.ID, set, step)
	}
	return table, err
}

// CurveSteps are the steps at which a set's scores were looked at, in order.
func (r *Run) CurveSteps(set string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(r.Folder, "curve"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var steps []int
	for _, entry := range entries { // by name, so by step
		if text, ok := strings.CutPrefix(strings.TrimSuffix(entry.Name(), ".csv"), SafeName(set)+"-"); ok {
			if step, err := strconv.Atoi(text); err == nil {
				steps = append(steps, step)
			}
		}
	}
	return steps, nil
}

// WatchEvery is the number of steps between two looks at a run of so many steps.
func WatchEvery(size plan.Size, steps int) int { return max(1, steps/max(1, size.CurvePoints)) }
