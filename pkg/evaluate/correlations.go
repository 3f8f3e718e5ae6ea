package evaluate

import (
	"context"
	"errors"
	"fmt"

	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"
)

// bootstrapResamples is the number of resamples of every bootstrap interval.
const bootstrapResamples = 1000

// correlations are how alike two columns of a score file rank the images of in and smooth together (Fig 1B, 1C, 2B; §2, §4), by Spearman's and
// Pearson's correlation with bootstrap intervals. Columns are named as in the score files. Pairs that are not trained are left out.
func (v *Evaluation) correlations(ctx context.Context) ([]result.Correlation, error) {
	var rows []result.Correlation
	seed := v.schedule.Seeds[0]
	add := func(about, a, b string, x, y []float64) error {
		rank, err := metric.SpearmanInterval(x, y, bootstrapResamples, seed)
		if err != nil {
			return fmt.Errorf("correlation of %s and %s: %w", a, b, err)
		}
		linear, err := metric.PearsonInterval(x, y, bootstrapResamples, seed)
		if err != nil {
			return fmt.Errorf("correlation of %s and %s: %w", a, b, err)
		}
		rows = append(rows, result.Correlation{About: about, A: a, B: b, Over: "in smooth", Spearman: rank.Value, SpearmanLow: rank.Low, SpearmanHigh: rank.High,
			Pearson: linear.Value, PearsonLow: linear.Low, PearsonHigh: linear.High, Images: len(x)})
		return nil
	}
	// pair adds the correlation of one score of two configurations, if both are trained.
	pair := func(about, a, b, name string) error {
		x, err := v.over(ctx, a, name, inAndSmooth...)
		if err != nil {
			return err
		}
		y, err := v.over(ctx, b, name, inAndSmooth...)
		if err != nil {
			return err
		}
		return add(about, columnName(a, name), columnName(b, name), x, y)
	}

	var problems plan.Problems
	try := func(about string, err error) {
		if !errors.Is(err, plan.ErrAbsent) {
			problems.Add(about, err)
		}
	}
	for _, role := range pixelRoles {
		try("pixel differences", func() error {
			pseudo, err := v.pseudo(role)
			if err != nil {
				return err
			}
			own, err := v.over(ctx, "glow-"+role, likelihood, inAndSmooth...)
			if err != nil {
				return err
			}
			return add("pixel differences", result.PseudoColumn(role), "glow-"+role, pseudo, own)
		}())
	}
	independent := v.independent()
	for _, name := range []string{"patch-in", "dense-in"} {
		for _, other := range independent {
			try("network types", pair("network types", name, other, likelihood))
		}
	}
	for i, a := range independent {
		for _, b := range independent[i+1:] {
			for _, name := range []string{likelihood, v.lastScale()} {
				try("training sets", pair("training sets", a, b, name))
			}
		}
	}
	return rows, problems.Err()
}

// independent are the convolutional Glows that were trained from scratch, as far as there are sets for them, in the order of Fig 1C.
func (v *Evaluation) independent() []string {
	var all []string
	for _, role := range v.schedule.Roles.Have("general", "smooth", "in", "near") {
		all = append(all, "glow-"+role)
	}
	return all
}

// columnName is what a column of a configuration is called in a score file of results.
func columnName(configuration, name string) string {
	if name == likelihood || name == "log_odds" {
		return configuration
	}
	return configuration + "/" + name
}

// pseudo are the pixel-difference pseudo-log-likelihoods of the test images of in and smooth, under the density of a role's training images.
func (v *Evaluation) pseudo(role string) ([]float64, error) {
	var all []float64
	for _, scored := range inAndSmooth {
		_, values, err := v.imageValues(context.Background(), score.Column{Role: scored, Name: result.PseudoColumn(role)})
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}
