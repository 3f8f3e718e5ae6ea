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
	"strata/pkg/imageset"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/result"
)

// watch scores some images of each watched set in the middle of a run, with a noise sample of the step's own (digest
// §4.5), as far as there is no file of it: a run that was stopped here looks at the same step again. Scores are
// float32, whatever is trained in.
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
		curve, err := e.Curve(run, name, q.Size.CurveImages)
		if err != nil {
			return err
		}
		path := curve.File(step)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		noise := density.Noise{Sample: true, Seed: uint64(step)}
		table, err := scoreTable(name, curve.of.Places(), network, curve.of.Open(), noise, func(int) error { return ctx.Err() })
		if err != nil {
			return err
		}
		if err := writeScores(table, path); err != nil {
			return err
		}
	}
	return nil
}

// Curve is what was seen of a run while it was trained: scores of some test images of a set, step by step. The files
// have the images' hash in their names, so that a set that has changed since is not taken for the one that was looked
// at.
type Curve struct {
	run *Run
	of  opened.Subset
}

// Curve finds what was seen of a run on so many test images of a set.
func (e *Engine) Curve(run *Run, set string, images int) (Curve, error) {
	whole, err := e.Set(set, imageset.Test)
	if err != nil {
		return Curve{}, err
	}
	return Curve{run, e.Use(whole, images)}, nil
}

func (c Curve) folder() string { return filepath.Join(c.run.Folder, "curve") }

// prefix and suffix stand around the step in a file's name.
func (c Curve) prefix() string { return opened.SafeName(c.of.Set) + "-" }
func (c Curve) suffix() string { return "-" + c.of.SHA256[:12] + ".csv" }

// File is where the scores at a step are.
func (c Curve) File(step int) string {
	return filepath.Join(c.folder(), fmt.Sprintf("%s%08d%s", c.prefix(), step, c.suffix()))
}

// Scores are the scores at a step, as Engine.Scores has them.
func (c Curve) Scores(step int) (*result.Scores, error) {
	table, err := result.ReadScores(c.File(step))
	if errors.Is(err, os.ErrNotExist) {
		return nil, plan.Absent("%s was trained without looking at its scores on %s, as it is now, at step %d",
			c.run.Info.ID, c.of.Set, step)
	}
	return table, err
}

// Steps are those at which scores were looked at, in order.
func (c Curve) Steps() ([]int, error) {
	entries, err := os.ReadDir(c.folder())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var steps []int
	for _, entry := range entries { // by name, so by step
		text, ours := strings.CutPrefix(entry.Name(), c.prefix())
		text, same := strings.CutSuffix(text, c.suffix())
		if step, err := strconv.Atoi(text); ours && same && err == nil {
			steps = append(steps, step)
		}
	}
	return steps, nil
}

// WatchEvery is the number of steps between two looks at a run of so many steps.
func WatchEvery(size plan.Size, steps int) int { return max(1, steps/max(1, size.CurvePoints)) }
