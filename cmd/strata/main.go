// Command strata trains density models of images, scores images by them, and regenerates the paper's figures and
// tables.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by the user with everything saved.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"strata/pkg/backend"
	"strata/pkg/folders"
	"strata/pkg/imageset"
	"strata/pkg/models"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/runs"
	"strata/pkg/train"

	"github.com/alecthomas/kong"
)

const (
	exitFailed  = 1
	exitUsage   = 2
	exitStopped = 130
)

type cli struct {
	Data        dataCommand        `cmd:"" help:"List, check and draw image sets."`
	Train       trainCommand       `cmd:"" help:"Train a model on a set, from scratch or from another run."`
	Import      importCommand      `cmd:"" help:"Make a run of weights that another program trained (.pt, .pth, .npz)."`
	Score       scoreCommand       `cmd:"" help:"Score images by a run: log-likelihood, every scale, ratio, complexity."`
	Sample      sampleCommand      `cmd:"" help:"Draw images from a run's model."`
	Reconstruct reconstructCommand `cmd:"" help:"How well images come back from a Glow's latents."`
	Fit         fitCommand         `cmd:"" help:"Fit an anomaly detector to a folder of good images."`
	Detect      detectCommand      `cmd:"" help:"Judge images by a detector: scores, p-values, a report."`
	Serve       serveCommand       `cmd:"" help:"Answer over HTTP what a detector finds of images that are sent to it."`
	Evaluate    evaluateCommand    `cmd:"" help:"How well the scores of a score file tell sets apart."`
	Runs        runsCommand        `cmd:"" help:"List, compare and prune the run store."`
	Reproduce   reproduceCommand   `cmd:"" help:"Train what a table or figure of the paper lacks, and write what was measured."`
	Figures     figuresCommand     `cmd:"" help:"Draw every figure and table from what was measured."`
	Pages       pagesCommand       `cmd:"" help:"Execute the notebooks, and write results and notebooks as pages that one can click through."`
	Report      reportCommand      `cmd:"" help:"Lay the results beside the paper: report.md, index.html, claims.csv."`
	Plugin      pluginCommand      `cmd:"" help:"Install XLA's CPU plugin."`
	Version     versionCommand     `cmd:"" help:"What this build is, and where it computes."`
}

// environment is what every command gets.
type environment struct {
	ctx      context.Context
	out, err io.Writer
}

func main() {
	backend.HugePages()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once what does not listen to the first
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("strata"),
		kong.Description("What deep invertible networks know about anomalies: train, score, reproduce.\n\n"+
			"Folders: STRATA_DATA (image sets, default data), STRATA_RUNS (default runs), STRATA_FIGURES (default figures); relative "+
			"ones count from the module root. GOMLX_BACKEND names a backend; without it strata computes on XLA what is worth "+
			"compiling (strata plugin), and on its Go backend the rest."),
		kong.Writers(out, errOut), kong.Exit(func(code int) { exited = code }), kong.UsageOnError(),
		kong.Vars{"sizes": strings.Join(plan.SizeNames(), ","),
			"models": strings.Join(models.Names(), ","), "model": models.Names()[0]})
	if err != nil {
		fmt.Fprintln(errOut, "strata:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(errOut, "strata: %v; strata --help shows the commands\n", err)
		return exitUsage
	}
	err = parsed.Run(&environment{ctx: ctx, out: out, err: errOut})
	switch {
	case err == nil:
		return 0
	case errors.Is(err, train.ErrStopped), errors.Is(err, context.Canceled):
		fmt.Fprintf(errOut, "strata: %s\n", strings.ReplaceAll(err.Error(), context.Canceled.Error(), "stopped"))
		return exitStopped
	}
	fmt.Fprintf(errOut, "strata: %s\n", oneLine(err))
	return exitFailed
}

// oneLine keeps the errors of libraries, which carry stacks, readable. Of several joined errors each is told.
func oneLine(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var each []string
		for _, e := range joined.Unwrap() {
			each = append(each, oneLine(e))
		}
		return strings.Join(each, "\n  ")
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.Join(lines[:min(len(lines), 6)], "\n  ")
}

// library opens the image sets.
func (e *environment) library() (*imageset.Library, error) {
	engine, err := e.engine(false)
	if err != nil {
		return nil, err
	}
	return engine.Library(), nil
}

// engine opens the engine on the configured folders.
func (e *environment) engine(resume bool) (*runs.Engine, error) {
	data, ok, err := folders.Data()
	if err != nil {
		return nil, err
	}
	if !ok {
		data = ""
	}
	store, err := folders.Runs()
	if err != nil {
		return nil, err
	}
	if simd != "on" {
		fmt.Fprintln(e.err, "strata was built with SIMD "+simd+" in pure Go (make build sets it)")
	}
	cache, err := folders.Cache()
	if err != nil {
		return nil, err
	}
	return &runs.Engine{Sets: opened.Sets{Data: data, Cache: cache, Context: e.ctx, Out: e.err}, Runs: store, Resume: resume}, nil
}

// roleFlags choose the sets.
type roleFlags struct {
	In      string   `help:"In-distribution set (default: declared in experiments/sets.yaml)." placeholder:"SET"`
	General string   `help:"Set of the general distribution." placeholder:"SET"`
	Out     []string `help:"Outlier sets: smooth, then far." placeholder:"SET"`
}

func (f roleFlags) roles(engine *runs.Engine) (plan.Roles, error) {
	if len(f.Out) > 2 {
		return plan.Roles{}, fmt.Errorf("--out takes the smooth set and the far set, not %d", len(f.Out))
	}
	chosen := map[string]string{"in": f.In, "general": f.General, "smooth": at(f.Out, 0), "far": at(f.Out, 1)}
	maps.DeleteFunc(chosen, func(_, set string) bool { return set == "" })
	return engine.Roles(chosen)
}

// open is where commands with a size and roles begin.
func (f roleFlags) open(e *environment, sizeName string) (engine *runs.Engine, size plan.Size, roles plan.Roles, err error) {
	if engine, err = e.engine(true); err != nil {
		return nil, size, roles, err
	}
	engine.Wait = true
	if size, err = plan.LoadSize(sizeName); err != nil {
		return nil, size, roles, err
	}
	roles, err = f.roles(engine)
	return engine, size, roles, err
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}
