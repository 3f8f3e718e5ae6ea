package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/score"
)

// look is one score table of a run: of images of a split, once it is finished, or of a learning curve at a step.
type look struct {
	run        *runs.Run
	set, split string
	images     int // 0 for all
	noise      density.Noise
	step       int // 0 for the finished run
}

func (l look) key() string {
	return fmt.Sprint(l.run.Info.ID, "/", l.set, "/", l.split, "/", l.images, "/", l.noise, "/", l.step)
}

// finite are scores of a role's images, and how many of them were not finite and are replaced (digest §6).
type finite struct {
	values   []float64
	replaced int
}

// scores are the columns of a score table.
type scores struct {
	table   string // its key
	images  int
	columns map[string]finite
}

// keptValues is how many values of score tables are kept, 64 MiB: tables are asked for column by column, and again by the next cell, but
// all of them at the paper's size are gigabytes.
const keptValues = 8 << 20

// scores reads what a look gave, or finds it among the tables that were read last, or scores images.
func (v *Evaluation) scores(ctx context.Context, l look) (*scores, error) {
	key := l.key()
	if i := slices.IndexFunc(v.tables, func(s *scores) bool { return s.table == key }); i >= 0 {
		known := v.tables[i]
		v.tables = append(slices.Delete(v.tables, i, i+1), known) // the last one is dropped last
		return known, nil
	}
	read := v.engine.SplitScores
	if l.step > 0 {
		read = func(context.Context, *runs.Run, string, string, int, density.Noise) (*result.Scores, error) {
			curve, err := v.engine.Curve(l.run, l.set, v.schedule.Size.CurveImages)
			if err != nil {
				return nil, err
			}
			return curve.Scores(l.step)
		}
	}
	table, err := read(ctx, l.run, l.set, l.split, l.images, l.noise)
	if err != nil {
		return nil, err
	}
	s := &scores{table: key, images: len(table.Rows), columns: map[string]finite{}}
	for _, name := range table.Columns {
		values, err := table.Column(name, nil)
		if err != nil {
			return nil, err
		}
		var c finite
		c.values, c.replaced = metric.ReplaceNonFinite(values)
		s.columns[name] = c
	}
	if l.step == 0 && !l.noise.Sample {
		if v.replaced[l.run.Info.ID] == nil {
			v.replaced[l.run.Info.ID] = map[string]int{}
		}
		// Where some images of a set were scored and then all, the some are among all.
		v.replaced[l.run.Info.ID][l.set] = max(v.replaced[l.run.Info.ID][l.set], s.columns[likelihood].replaced)
	}
	v.tables = append(v.tables, s)
	size := func(s *scores) int { return s.images * len(s.columns) }
	total := 0
	for _, s := range v.tables {
		total += size(s)
	}
	for total > keptValues && len(v.tables) > 1 {
		total -= size(v.tables[0])
		v.tables = slices.Delete(v.tables, 0, 1)
	}
	return s, nil
}

// look is where a column of a run's scores is.
func (v *Evaluation) look(of score.Column) (look, error) {
	var l look
	var err error
	if l.set, err = v.schedule.Roles.Need(of.Role); err != nil {
		return l, err
	}
	if l.run, err = v.schedule.Run(of.Configuration, of.Seed); err != nil {
		return l, err
	}
	size := v.schedule.Size
	l.split, l.images = imageset.Test, size.TestImages
	own := density.Noise{Sample: true, Seed: of.Seed}
	switch {
	case of.At == 0 && of.Noise:
		l.noise = own
	case of.At == 0:
	case of.Of != "" && of.Of != kindOf(l.run), !v.watched(of.Configuration):
		l.images, l.noise = size.CurveImages, own
	default:
		l.step = momentOf(l.run, size, of.At)
	}
	return l, nil
}

// Score makes what is missing of the scores that numbers are computed from, those of the columns that claims ask for among them. It does so
// run by run: a network is loaded and compiled once and scores all its sets, in whatever order tables and claims will
// ask for them. What cannot be scored is told by what asks for it again.
func (v *Evaluation) Score(ctx context.Context, asked []score.Column) error {
	missing := v.missing(asked)
	images := map[*runs.Run]int{}
	for _, l := range missing {
		if whole, err := v.engine.Set(l.set, l.split); err == nil {
			images[l.run] += min(cmp.Or(l.images, whole.Len()), whole.Len())
		}
	}
	v.engine.Expect(images)
	for _, scheduled := range v.schedule.Runs {
		for _, l := range missing {
			if l.run == scheduled.Run {
				v.engine.SplitScores(ctx, l.run, l.set, l.split, l.images, l.noise)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		v.pictures.Score(ctx, scheduled.Configuration.Name, scheduled.Seed)
	}
	return ctx.Err()
}

// missing are the looks that have no file yet, each once.
func (v *Evaluation) missing(asked []score.Column) []look {
	var all []look
	met := map[string]bool{}
	add := func(l look) {
		if l.step == 0 && !met[l.key()] && !v.engine.HasScores(l.run, l.set, l.split, l.images, l.noise) {
			all = append(all, l)
		}
		met[l.key()] = true
	}
	for _, of := range slices.Concat(v.ofCells(), v.ofCorrelations(), v.ofKernels(), asked) {
		if l, err := v.look(of); err == nil {
			add(l)
		}
	}
	for _, scheduled := range v.schedule.Runs {
		if c := scheduled.Configuration; c.Name != generalGlow && c.Watched() && scheduled.Run != nil && scheduled.Run.Info.Done {
			for _, role := range append(v.schedule.Roles.Outliers(c.Set), c.Set) {
				if l, err := v.generalOnCurves(scheduled.Seed, role); err == nil {
					add(l)
				}
			}
		}
	}
	for _, file := range scoreFiles {
		for _, configuration := range file.configurations {
			for _, role := range v.schedule.Roles.Have(file.roles...) {
				l, err := v.look(score.Column{Configuration: configuration, Seed: v.schedule.Seeds[0], Role: role})
				if err != nil || met[l.key()] {
					continue
				}
				if l, err = v.fileLook(configuration, role); err == nil {
					add(l)
				}
			}
		}
	}
	return all
}
