package main

import (
	"fmt"

	"strata/pkg/plan"
	"strata/pkg/runs"
)

type trainCommand struct {
	In        string  `required:"" help:"Set to train on." placeholder:"SET"`
	Model     string  `help:"Model: ${models}." enum:"${models}" default:"${model}"`
	Size      string  `help:"Network and budget: ${sizes}." enum:"${sizes}" default:"demo"`
	Parent    string  `help:"Run to finetune from." placeholder:"RUN"`
	Seed      uint64  `help:"Seed of the start, the batches and the noise." default:"1"`
	Steps     int     `help:"Steps (default: the size's)."`
	Rate      float64 `help:"Learning rate (default: the size's)."`
	Flip      *bool   `help:"Mirror training images (default: declared in experiments/sets.yaml)." negatable:""`
	Precision string  `help:"What coupling and residual networks are trained in: float32, tf32 (GPUs) or bfloat16. Likelihoods, their sums and scores are float32." enum:"float32,tf32,bfloat16" default:"float32"`
	Resume    bool    `help:"Go on with a run that was stopped or killed."`
}

func (trainCommand) Help() string {
	return `Examples:
  strata train --in shapes --size smoke
  strata train --in shapes --size smoke --model pixelcnn
  strata train --in cifar10 --parent glow-tiny-l3-k32-h512-s195250 --size paper

The run is kept in STRATA_RUNS under a name made from all that determines it: asked for twice, it is trained once. Ctrl-C saves and leaves; --resume goes on, bit-equal on the Go backend. The last line printed is the run's name.`
}

func (c trainCommand) Run(e *environment) error {
	engine, err := e.engine(c.Resume)
	if err != nil {
		return err
	}
	size, err := plan.LoadSize(c.Size)
	if err != nil {
		return err
	}
	size.Precision = precisionOf(c.Precision, size.Precision)
	request := runs.Request{Set: c.In, Model: c.Model, Size: size, Seed: c.Seed, Steps: c.Steps, Rate: c.Rate, Flip: c.Flip}
	if c.Parent != "" {
		if request.Parent, err = runs.Open(engine.Runs, c.Parent); err != nil {
			return err
		}
		if !request.Parent.Info.Done {
			return fmt.Errorf("parent run %s is not finished: go on with it first (--resume)", request.Parent.Info.ID)
		}
	}
	run, err := engine.Train(e.ctx, request)
	if err != nil {
		return err
	}
	info := run.Info
	fmt.Fprintf(e.err, "%s: %d steps on %s, %.3f bits/dim, %.0f s", info.Spec.Network(), info.Spec.Train.Steps, info.Spec.Set,
		info.LastValue, info.Seconds)
	if text := info.Counts.String(); text != "" {
		fmt.Fprintf(e.err, ", %s", text)
	}
	fmt.Fprintf(e.err, "; in %s\n", run.Folder)
	fmt.Fprintln(e.out, info.ID)
	return nil
}

// precisionOf is what a flag says, or else the size.
func precisionOf(flag, size string) string {
	if flag == "" || flag == "float32" {
		return size
	}
	return flag
}
