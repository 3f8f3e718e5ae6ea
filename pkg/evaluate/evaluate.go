// Package evaluate turns the scores of finished runs into the paper's numbers: table cells, correlations, learning curves, pixel differences,
// pictures, and the columns that claims are judged by (package claim). It trains nothing; images that no score file has yet are
// scored by the engine. What is not there, a role without a set or a run that is not trained, is plan.ErrAbsent and leaves a gap
// that says so; every other error is told after all that can be computed has been.
package evaluate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/pictures"
	"strata/pkg/pixeldiff"
	"strata/pkg/plan"
	"strata/pkg/runs"
	"strata/pkg/score"
)

// likelihood is the column of ln p in a run's score files.
const likelihood = score.LogLikelihood

// inAndSmooth are the roles that the paper's correlations and mixes are over.
var inAndSmooth = []string{"in", "smooth"}

// Evaluation computes the paper's numbers from the finished runs of a schedule.
type Evaluation struct {
	engine         *runs.Engine
	schedule       *runs.Schedule
	configurations plan.Configurations

	tables    []*scores // that were read, the last one last
	resampler *metric.Resampler
	images    map[string][]float64
	densities map[string]*pixeldiff.Density // of the pixel differences of training sets, by set
	pictures  *pictures.Maker
	replaced  map[string]map[string]int // images with a log-likelihood that is not finite, by run and set
}

// New prepares the numbers of a schedule's runs.
func New(engine *runs.Engine, schedule *runs.Schedule) (*Evaluation, error) {
	all, err := plan.LoadConfigurations()
	if err != nil {
		return nil, err
	}
	resampler, err := metric.NewResampler(metric.Resamples, metric.ResampleSeed)
	if err != nil {
		return nil, err
	}
	return &Evaluation{engine: engine, schedule: schedule, configurations: all, resampler: resampler, images: map[string][]float64{},
		densities: map[string]*pixeldiff.Density{}, pictures: pictures.New(engine, schedule), replaced: map[string]map[string]int{}}, nil
}

// Has says whether a role has a set.
func (v *Evaluation) Has(role string) bool { return v.schedule.Roles.Set(role) != "" }

// LastScale is the number of the Glows' scales.
func (v *Evaluation) LastScale() int { return v.schedule.Size.Glow().Scales }

func (v *Evaluation) lastScale() string { return "c" + strconv.Itoa(v.LastScale()) }

// BitsPerDim is 8 - log2 p(x)/D of images of a role's size.
func (v *Evaluation) BitsPerDim(role string, logLikelihood float64) (float64, error) {
	name, err := v.schedule.Roles.Need(role)
	if err != nil {
		return 0, err
	}
	set, err := v.engine.Set(name, imageset.Test)
	if err != nil {
		return 0, err
	}
	return density.BitsPerDim(logLikelihood, set.ImageSize()), nil
}

// Values are one number an image, and the population that the images are.
func (v *Evaluation) Values(ctx context.Context, of score.Column) (population string, values []float64, err error) {
	if of.Configuration == "" {
		return v.imageValues(ctx, of)
	}
	c, err := v.column(ctx, of)
	population = of.Role
	if of.At > 0 {
		population = onCurves(of.Role)
	}
	return population, c.values, err
}

// onCurves is the population of a role's images that learning curves are of.
func onCurves(role string) string { return role + ", learning curve" }

// column are the scores of a run.
func (v *Evaluation) column(ctx context.Context, of score.Column) (finite, error) {
	l, err := v.look(of)
	if err != nil {
		return finite{}, err
	}
	s, err := v.scores(ctx, l)
	if err != nil {
		return finite{}, err
	}
	c, ok := s.columns[of.Name]
	if !ok {
		return c, fmt.Errorf("scores of %s by %s: score table has no column %q; it has %v", l.set, of.Configuration, of.Name,
			slices.Sorted(maps.Keys(s.columns)))
	}
	return c, nil
}

func (v *Evaluation) watched(configuration string) bool {
	c, _ := v.configurations.Find(configuration)
	return c.Watched()
}

func kindOf(run *runs.Run) score.Kind {
	if run.Info.Spec.Parent == "" {
		return score.FromScratch
	}
	return score.Finetuned
}

// momentOf is the step of a run's learning curve that lies nearest a share of its steps, from below: a run is looked at
// every so many steps, and at the end only where these divide it.
func momentOf(run *runs.Run, size plan.Size, share float64) int {
	every := runs.WatchEvery(size, run.Info.Spec.Train.Steps)
	return every * max(1, int(share*float64(size.CurvePoints)+1e-9))
}

// Step is the step of a configuration's first run at a point of the learning curves.
func (v *Evaluation) Step(configuration string, point int) (int, error) {
	run, err := v.schedule.Run(configuration, v.schedule.Seeds[0])
	if err != nil {
		return 0, err
	}
	return momentOf(run, v.schedule.Size, float64(point)/float64(v.schedule.Size.CurvePoints)), nil
}

// imageValues is what is known of a role's images without a run, or of what strata made of them.
func (v *Evaluation) imageValues(ctx context.Context, of score.Column) (population string, values []float64, err error) {
	switch {
	case of.Role == "fourier" || of.Role == "mixed" || of.Role == "climbed":
		values, err = v.pictures.Values(ctx, of)
		return of.Role, values, err
	case of.Name == "off_centre":
		values, err = v.peaks(of.Role, of.Name)
		return "", values, err
	case of.Name == "peak":
		values, err = v.peaks(of.Role, of.Name)
		return of.Role + ", training images", values, err
	case of.At > 0:
		values, err = v.ofImages(of.Role, of.Name, v.schedule.Size.CurveImages)
		return onCurves(of.Role), values, err
	}
	values, err = v.ofImages(of.Role, of.Name, v.schedule.Size.TestImages)
	return of.Role, values, err
}

// ofImages are values of some test images of a role that need no model, computed once.
func (v *Evaluation) ofImages(role, name string, images int) ([]float64, error) {
	set, err := v.schedule.Roles.Need(role)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(set, "/", name, "/", images)
	if values, ok := v.images[key]; ok {
		return values, nil
	}
	test, err := v.engine.TestImages(set, images)
	if err != nil {
		return nil, err
	}
	values, err := v.imageScore(test, name)
	test.Unload()
	if err == nil {
		v.images[key] = values
	}
	return values, err
}

func (v *Evaluation) imageScore(test *imageset.Set, name string) ([]float64, error) {
	if name == "variance" {
		values := make([]float64, test.Len())
		for i := range values {
			values[i] = variance(test.Image(i))
		}
		return values, nil
	}
	if of, ok := strings.CutPrefix(name, "pseudo_"); ok {
		d, err := v.density(of)
		if err != nil {
			return nil, err
		}
		return d.LogLikelihoods(test)
	}
	return score.OfImages(test, name)
}

// variance is that of all of an image's sub-pixels, in levels squared.
func variance(pixels []uint8) float64 {
	values := make([]float64, len(pixels))
	for i, p := range pixels {
		values[i] = float64(p)
	}
	_, std := metric.OverSeeds(values)
	return std * std
}

// Steps is how many steps a configuration's run of a seed makes.
func (v *Evaluation) Steps(configuration string, seed uint64) (int, error) {
	run, err := v.schedule.Run(configuration, seed)
	if err != nil {
		return 0, err
	}
	return run.Info.Spec.Train.Steps, nil
}

// Describe says what roles and configurations are: the sets, the networks, and the steps of the first seed's runs.
func (v *Evaluation) Describe(roles, configurations []string) (sets, networks, steps string) {
	var names, nets, lengths []string
	for _, role := range roles {
		if name := v.schedule.Roles.Set(role); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, configuration := range configurations {
		run, err := v.schedule.Run(configuration, v.schedule.Seeds[0])
		if err != nil {
			continue
		}
		if name := run.Info.Spec.Network(); !slices.Contains(nets, name) {
			nets = append(nets, name)
		}
		lengths = append(lengths, configuration+" "+v.steps(configuration, v.schedule.Seeds[0]))
	}
	return strings.Join(names, ", "), strings.Join(nets, ", "), strings.Join(lengths, ", ")
}

// steps are those of a run and of the runs that it was finetuned from: "500 after 1000".
func (v *Evaluation) steps(configuration string, seed uint64) string {
	run, err := v.schedule.Run(configuration, seed)
	if err != nil {
		return ""
	}
	text := strconv.Itoa(run.Info.Spec.Train.Steps)
	if c, _ := v.configurations.Find(configuration); c.Parent != "" {
		text += " after " + v.steps(c.Parent, seed)
	}
	return text
}

// over are a column's values of some roles together, in the first seed's runs, and the populations that they are of.
func (v *Evaluation) over(ctx context.Context, of score.Column, roles ...string) (all []float64, populations []metric.Population, err error) {
	of.Seed = v.schedule.Seeds[0]
	for _, of.Role = range roles {
		population, values, err := v.Values(ctx, of)
		if err != nil {
			return nil, nil, err
		}
		all, populations = append(all, values...), append(populations, metric.Population{Name: population, Images: len(values)})
	}
	return all, populations, nil
}
