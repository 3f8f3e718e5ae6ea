package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"strata/pkg/evaluate"
	"strata/pkg/figure"
	"strata/pkg/folders"
	"strata/pkg/plan"
	"strata/pkg/report"
	"strata/pkg/reproduce"
	"strata/pkg/result"
	"strata/pkg/runs"
)

type reproduceCommand struct {
	Targets   []string `arg:"" help:"table1 to table4, tableS1 to tableS4, fig1 to fig3, figS1 to figS8, fashion, mri, kernel, a configuration (glow-in), or all."`
	Size      string   `help:"Network and budget: ${sizes}." enum:"${sizes}" default:"quick" env:"STRATA_SIZE"`
	Seeds     int      `help:"Number of seeds: SEED, SEED+1, ...; those that have results already are evaluated with them." default:"1"`
	Seed      uint64   `help:"First seed." default:"1"`
	Precision string   `help:"What coupling and residual networks are trained in: float32, tf32 (GPUs) or bfloat16. Likelihoods, their sums and scores are float32." enum:"float32,tf32,bfloat16" default:"float32"`
	DryRun    bool     `help:"Show the plan and how long it will take, and train nothing."`
	Stage     string   `help:"train: without the tables; evaluate: the tables of what is trained; or all." enum:"all,train,evaluate" default:"all"`
	Slurm     bool     `help:"Hand the plan to Slurm: a job array a run, a task a seed, and the tables at last."`
	Sbatch    []string `help:"Option of sbatch for every job, repeatable: --sbatch=--partition=gpu." placeholder:"OPTION" sep:"none"`
	roleFlags
}

func (reproduceCommand) Help() string {
	return `Examples:
  STRATA_DATA=../shared/data strata reproduce table2 table3 --size demo --dry-run
  strata reproduce all --size smoke
  STRATA_DATA=../shared/data strata reproduce kernel --size demo
  strata reproduce glow-in-outlier-loss --size small --seeds 3
  strata reproduce all --size paper --seeds 3 --slurm --sbatch=--gres=gpu:1 --sbatch=--time=24:00:00

Trains the runs that are missing, each once and in the order in which they are made from each other; scores the test images, and the training images that Figs S7 and S8 choose from; and writes cells.csv (the paper's table cells), claims.csv (its claims), runs.csv (where each number comes from) and what strata figures draws from to STRATA_FIGURES/results/FAMILY-SIZE/ (IN-GENERAL-SIZE where you chose sets). Results of other seeds that are there already stay: these seeds are evaluated too, as far as their runs are still there; of seeds that are trained in part, what is not trained is left out. Ctrl-C or a kill loses little: run it again and it goes on. A run that fails, or a file that is damaged, is reported after everything else is done, and the exit code is then 1.

Words:
` + plan.Words
}

func (c reproduceCommand) Run(e *environment) error {
	if c.Seeds < 1 {
		return fmt.Errorf("--seeds %d: at least 1", c.Seeds)
	}
	configurations, err := plan.LoadConfigurations()
	if err != nil {
		return err
	}
	wanted, err := configurations.For(c.Targets...)
	if err != nil {
		return err
	}
	engine, schedule, err := c.schedule(e, wanted)
	if err != nil {
		return err
	}
	schedule.Print(e.out)
	figures, err := folders.Figures()
	if err != nil {
		return err
	}
	switch {
	case c.Slurm:
		return c.submit(e, engine, schedule, figures)
	case c.DryRun:
		return nil
	}
	folder := evaluate.ResultsFolder(schedule, figures)
	earlier, err := reproduce.EarlierSeeds(folder)
	if err != nil {
		return err // before hours of training, not after
	}
	if c.Stage == "all" && slices.ContainsFunc(wanted, func(w plan.Configuration) bool { return slices.Contains(w.Serves, "fig1") }) {
		firstFigure(e, engine, schedule, figures)
	}
	if c.Stage != "evaluate" {
		if err := engine.TrainAll(e.ctx, schedule); err != nil {
			return err
		}
	}
	if c.Stage == "train" {
		return schedule.Failures()
	}
	schedule.Add(earlier...)
	cells, claims, problems := reproduce.Results(e.ctx, engine, schedule, folder)
	if claims == nil {
		return problems
	}
	report.PrintClaims(e.out, claims)
	measured := 0
	for _, cell := range cells {
		if cell.IsMeasured() && cell.Table != "baselines" {
			measured++
		}
	}
	shows := "strata report shows them"
	if errors.Is(problems, result.ErrNotWritten) {
		shows = "they are not complete"
	}
	fmt.Fprintf(e.out, "\n%d of the paper's table cells measured; results in %s; %s\n", measured, folder, shows)
	return errors.Join(schedule.Failures(), problems)
}

// firstFigure draws Fig 1A, which needs no run, so that there is something to look at while the first one trains. What is wrong with the
// sets that it is of, the evaluation says at the end.
func firstFigure(e *environment, engine *runs.Engine, schedule *runs.Schedule, figures string) {
	if missing, _ := schedule.Missing(); len(missing) == 0 {
		return // all figures follow at once
	}
	err := func() error {
		folder, err := os.MkdirTemp("", "strata-fig1a-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		evaluation, err := evaluate.New(engine, schedule)
		if err != nil {
			return err
		}
		if err := evaluation.WritePixelDifferences(folder); err != nil {
			return err
		}
		results, err := figure.Open(folder)
		if err != nil {
			return err
		}
		drawn, err := figure.Fig1A(results)
		if err != nil {
			return err
		}
		paths, err := drawn.Save(figures)
		if err == nil {
			fmt.Fprintf(e.out, "\nthe first figure, of the images alone: %s\n", paths[0])
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(e.err, "Fig 1A is not drawn yet:", err)
	}
}

func (c reproduceCommand) schedule(e *environment, wanted plan.Configurations) (*runs.Engine, *runs.Schedule, error) {
	engine, size, roles, err := c.open(e, c.Size)
	if err != nil {
		return nil, nil, err
	}
	size.Precision = precisionOf(c.Precision, size.Precision)
	var seeds []uint64
	for i := range c.Seeds {
		seeds = append(seeds, c.Seed+uint64(i))
	}
	schedule, err := engine.Schedule(wanted, size, roles, seeds)
	return engine, schedule, err
}
