package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"strata/pkg/density"
	"strata/pkg/evaluate"
	"strata/pkg/runs"
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
	run, err := runs.Open(engine.Runs, c.Run_)
	if err != nil {
		return err
	}
	var general *runs.Run
	if c.General != "" {
		if general, err = runs.Open(engine.Runs, c.General); err != nil {
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
	noise := density.Noise{Sample: c.Noise, Seed: c.Seed}
	all, err := evaluate.ScoreSets(e.ctx, engine, run, general, append([]string{in}, c.Out...), c.Images, noise)
	if err != nil {
		return err
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
