package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/density"
	"strata/pkg/experiment"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/score"
)

type scoreCommand struct {
	Run_    string   `arg:"" name:"run" help:"Run whose model scores; a prefix of its name will do."`
	General string   `help:"Run of the general model: adds the ratio, also scale by scale." placeholder:"RUN"`
	In      string   `help:"In-distribution set (default: the run's)." placeholder:"SET"`
	Out     []string `help:"Other sets to score." placeholder:"SET"`
	Images  int      `help:"Test images a set, 0 for all." default:"0"`
	Noise   bool     `help:"Dequantise by one noise sample instead of the middle of the bin (Table S1)."`
	Seed    uint64   `help:"Seed of the noise." default:"1"`
	Output  string   `short:"o" required:"" help:"Score file to write." placeholder:"FILE"`
}

func (scoreCommand) Help() string {
	return `Example: strata score glow-shapes --general glow-leaves --out digits,textures -o scores.csv

Columns, in nats, higher is more in-distribution: log_likelihood, c1, c2, ... (each scale; the last is the paper's last-scale score), png_bytes, complexity (log-ratio to PNG), and with --general: general, ratio, ratio_c1, ... Non-finite likelihoods become -3000000 before any difference is taken, and are counted.`
}

func (c scoreCommand) Run(e *environment) error {
	engine, err := e.engine(false)
	if err != nil {
		return err
	}
	run, err := experiment.OpenRun(engine.Runs, c.Run_)
	if err != nil {
		return err
	}
	var general *experiment.Run
	if c.General != "" {
		if general, err = experiment.OpenRun(engine.Runs, c.General); err != nil {
			return err
		}
	}
	in := c.In
	if in == "" {
		in = run.Info.Spec.Set
	}
	if in == "" {
		return fmt.Errorf("run %s does not say what it was trained on: choose the in-distribution set with --in", run.Info.ID)
	}
	if err := engine.WarnOfHistories(imageset.Test, append([]string{in}, c.Out...)...); err != nil {
		return err
	}
	noise := density.Noise{Sample: c.Noise, Seed: c.Seed}
	var all *score.Table
	for i, set := range append([]string{in}, c.Out...) {
		role := "out"
		if i == 0 {
			role = "in"
		}
		table, err := scoreSet(e, engine, run, general, set, c.Images, noise)
		if err != nil {
			return err
		}
		for j := range table.Rows {
			table.Rows[j].Role = role
		}
		if all == nil {
			all = table
		} else {
			all.Rows = append(all.Rows, table.Rows...)
		}
	}
	if err := all.Write(c.Output); err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(c.Output), filepath.Ext(c.Output))
	if err := engine.WriteSubsets(filepath.Dir(c.Output), name+"-"); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s: %d images, %s\n", c.Output, len(all.Rows), strings.Join(all.Columns, ", "))
	return nil
}

// scoreSet makes all columns for the images of one set.
func scoreSet(e *environment, engine *experiment.Engine, run, general *experiment.Run, set string, images int, noise density.Noise) (*score.Table, error) {
	own, err := engine.Scores(e.ctx, run, set, images, noise)
	if err != nil {
		return nil, err
	}
	result := &score.Table{}
	for _, row := range own.Rows {
		result.Rows = append(result.Rows, score.Row{Set: row.Set, Index: row.Index})
	}
	clean := func(table *score.Table, column, model string) ([]float64, error) {
		values, err := table.Column(column, nil)
		if err != nil {
			return nil, err
		}
		cleaned, replaced := metric.ReplaceNonFinite(values)
		if replaced > 0 {
			fmt.Fprintf(e.err, "%s, %s of %s: %d values not finite, replaced by %d\n", set, column, model, replaced, metric.NonFiniteScore)
		}
		return cleaned, nil
	}
	for _, column := range own.Columns {
		values, err := clean(own, column, run.Info.ID)
		if err != nil {
			return nil, err
		}
		if err := result.AddColumn(column, values); err != nil {
			return nil, err
		}
	}
	pictures, err := engine.TestImages(set, images)
	if err != nil {
		return nil, err
	}
	sizes, err := score.PNGBytesOf(pictures)
	if err != nil {
		return nil, err
	}
	bytes := make([]float64, len(sizes))
	for i, s := range sizes {
		bytes[i] = float64(s)
	}
	raw, err := result.Column("log_likelihood", nil)
	if err != nil {
		return nil, err
	}
	complexity, err := score.ComplexityRatio(raw, sizes)
	if err != nil {
		return nil, err
	}
	if err := result.AddColumn("png_bytes", bytes); err != nil {
		return nil, err
	}
	if err := result.AddColumn("complexity", complexity); err != nil {
		return nil, err
	}
	if general == nil {
		return result, nil
	}
	theirs, err := engine.Scores(e.ctx, general, set, images, noise)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(theirs.Columns, own.Columns) {
		return nil, fmt.Errorf("runs %s and %s have different scales: no ratio", run.Info.ID, general.Info.ID)
	}
	for _, column := range own.Columns {
		b, err := clean(theirs, column, general.Info.ID)
		if err != nil {
			return nil, err
		}
		name := "ratio_" + column
		if column == "log_likelihood" {
			name = "ratio"
			if err := result.AddColumn("general", b); err != nil {
				return nil, err
			}
		}
		a, err := result.Column(column, nil)
		if err != nil {
			return nil, err
		}
		ratio, err := score.Ratio(a, b)
		if err != nil {
			return nil, err
		}
		if err := result.AddColumn(name, ratio); err != nil {
			return nil, err
		}
	}
	return result, nil
}
