// Package lab trains and scores from the cells of strata's notebooks, in a few lines:
//
//	l := lab.Open("smoke")
//	general := l.Train("leaves", nil)
//	model := l.Train("shapes", general)
//	show.AUROC(l.Score(model, general, "shapes", "digits"))
//
// What was trained once is found again, so a cell that is run twice is instant. As in package show, functions panic
// with an error that says what to do, and display nothing outside of a notebook.
package lab

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image/png"
	"math"
	"os"
	"os/signal"

	"github.com/janpfeifer/gonb/gonbui"
	"gonum.org/v1/plot/plotter"

	"strata/pkg/density"
	"strata/pkg/evaluate"
	"strata/pkg/folders"
	"strata/pkg/imageset"
	"strata/pkg/opened"
	"strata/pkg/pixeldiff"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/show"
)

// Lab is an engine, a size and a seed.
type Lab struct {
	engine *runs.Engine
	size   plan.Size
	seed   uint64
	ctx    context.Context
	scored map[*result.Scores]scored
}

// scored are the sets that the models of a table were trained on; general is "" where there is none.
type scored struct{ own, general string }

// Open opens the lab at a size of experiments/sizes.yaml, "smoke" for seconds, "demo" for minutes. Interrupting the
// cell saves what is trained; run again it goes on.
func Open(size string) *Lab {
	s, err := plan.LoadSize(size)
	must(err)
	data, ok, err := folders.Data()
	must(err)
	if !ok {
		data = ""
	}
	store, err := folders.Runs()
	must(err)
	cache, err := folders.Cache()
	must(err)
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt) // until the cell's process ends
	return &Lab{size: s, seed: 1, ctx: ctx, engine: &runs.Engine{Sets: opened.Sets{Data: data, Cache: cache, Context: ctx,
		Out: newDisplay()}, Runs: store, Resume: true, Wait: true}}
}

// Train trains a Glow on an image set, which is a folder or zip of STRATA_DATA or one that strata draws: from
// scratch, or finetuned from parent. A run that another notebook is training is waited for.
func (l *Lab) Train(set string, parent *runs.Run) *runs.Run {
	return l.train(runs.Request{Set: set, Parent: parent})
}

func (l *Lab) train(request runs.Request) *runs.Run {
	defer gonbui.Sync()
	request.Size, request.Seed = l.size, l.seed
	run, err := l.engine.Train(l.ctx, request)
	must(err)
	gonbui.DisplayMarkdown(fmt.Sprintf("`%s`: %s, %d steps, %.3f bits/dim at the end", run.Info.ID,
		run.Info.Spec.Network(), run.Info.Spec.Train.Steps, run.Info.LastValue))
	return run
}

// Score scores test images of the in-distribution set and of outlier sets by a run, with the ratio to a general run
// where it is not nil.
func (l *Lab) Score(run, general *runs.Run, in string, out ...string) *result.Scores {
	defer gonbui.Sync()
	sets := append([]string{in}, out...)
	table, err := evaluate.ScoreSets(l.ctx, l.engine, run, general, sets, l.size.TestImages, density.Noise{})
	must(err)
	of := scored{own: run.Info.Spec.Set}
	if general != nil {
		of.general = general.Info.Spec.Set
	}
	if l.scored == nil {
		l.scored = map[*result.Scores]scored{}
	}
	l.scored[table] = of
	return table
}

// Sheet shows the first images of a set's split, "train" or "test".
func (l *Lab) Sheet(set, split string) {
	defer gonbui.Sync()
	s, err := l.engine.Set(set, split)
	must(err)
	var file bytes.Buffer
	must(png.Encode(&file, imageset.ContactSheet(s, 16, 4, 2)))
	gonbui.DisplayPng(file.Bytes())
	gonbui.DisplayMarkdown(fmt.Sprintf("*%s, %s: %d images of %dx%dx%d; %s*", set, split, s.Len(), s.Height, s.Width,
		s.Channels, cmp.Or(s.History, "history unknown")))
}

// PixelDifferences shows Fig. 1A for any sets: the density of the differences of each pixel to the mean of its eight
// neighbours, on at most images training images of each.
func (l *Lab) PixelDifferences(images int, sets ...string) {
	defer gonbui.Sync()
	file, text, err := l.pixelDifferences(images, sets)
	must(err)
	gonbui.DisplayPng(file)
	gonbui.DisplayMarkdown(text)
}

func (l *Lab) pixelDifferences(images int, sets []string) (file []byte, text string, err error) {
	p := show.NewPlot()
	p.X.Label.Text, p.Y.Label.Text = "pixel less the mean of its eight neighbours, grey levels", "density, per level"
	p.X.Min, p.X.Max = -60, 60
	text = "| set | highest density | mean step to the neighbours, levels |\n|---|---|---|\n"
	for i, name := range sets {
		set, err := l.engine.Set(name, imageset.Train)
		if err != nil {
			return nil, "", err
		}
		d, err := pixeldiff.Fit(set.Subset(images, 1), pixeldiff.Options{})
		if err != nil {
			return nil, "", err
		}
		var line plotter.XYs
		peak, mean := 0.0, 0.0
		for bin, height := range d.Density {
			low, high := d.Edges[bin], d.Edges[bin+1]
			peak, mean = max(peak, height), mean+math.Abs(low+high)/2*height*(high-low)
			if high >= p.X.Min && low <= p.X.Max {
				line = append(line, plotter.XY{X: low, Y: height}, plotter.XY{X: high, Y: height})
			}
		}
		if err := show.AddLine(p, line, show.InTurn(i), name); err != nil {
			return nil, "", err
		}
		text += fmt.Sprintf("| %s | %.4f | %.1f |\n", name, peak, mean)
	}
	file, err = show.PlotPNG(p)
	return file, text, err
}

// must panics with an error; the notebook shows it.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
