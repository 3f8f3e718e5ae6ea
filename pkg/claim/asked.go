package claim

import (
	"context"
	"math/rand/v2"

	"strata/pkg/metric"
	"strata/pkg/score"
)

// Asked are the columns that all claims are judged by, so that what is missing of them can be scored run by run before
// claims ask for them one by one. They are what the claims ask for when they are judged on a few made-up values.
func (j *Judge) Asked(ctx context.Context) ([]score.Column, error) {
	resampler, err := metric.NewResampler(metric.MinResamples, metric.ResampleSeed)
	if err != nil {
		return nil, err
	}
	asked := &asked{Numbers: j.numbers}
	on := j.afresh()
	on.numbers, on.resampler = asked, resampler
	// What keeps a claim from being judged is told when it is judged.
	on.All(ctx, "")
	on.OverSteps(ctx, 1, func(string, int) (int, error) { return 0, nil }) // all points ask for the same of finished runs
	return asked.columns, ctx.Err()
}

// asked are numbers that remember what was asked for.
type asked struct {
	Numbers
	columns []score.Column
}

// madeUpImages are as many as top wants for one of them.
const madeUpImages = 10

func (a *asked) Values(_ context.Context, of score.Column) (string, []float64, error) {
	a.columns = append(a.columns, of)
	population := of.Role
	switch {
	case of.Name == "peak":
		population += ", training images"
	case of.At > 0:
		population += ", learning curve"
	}
	random := rand.New(rand.NewPCG(uint64(len(a.columns)), 0))
	values := make([]float64, madeUpImages)
	for i := range values {
		values[i] = random.NormFloat64()
	}
	return population, values, nil
}

func (a *asked) BitsPerDim(string, float64) (float64, error) { return 0, nil }
