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

// otherNetworks are of other kinds than the convolutional Glows (Fig 1B).
var otherNetworks = []string{"patch-in", "dense-in"}

// correlations are how alike two columns of a score file rank the images of in and smooth together (Fig 1B, 1C, 2B; §2,
// §4), by Spearman's and Pearson's correlation with bootstrap intervals: of one seed, those of the claims. Columns are
// named as in the score files. Pairs that are not trained are left out.
func (v *Evaluation) correlations(ctx context.Context) ([]result.Correlation, error) {
	var rows []result.Correlation
	add := func(about, a, b string, x, y []float64, populations []metric.Population) error {
		interval := func(of func(x, y []float64) (func() metric.Statistic, error)) (metric.Interval, error) {
			statistic, err := of(x, y)
			if err != nil {
				return metric.Interval{}, fmt.Errorf("correlation of %s and %s: %w", a, b, err)
			}
			r, err := v.resampler.Bootstrap(populations, statistic)
			return r.Interval(), err
		}
		rank, err := interval(metric.NewSpearman)
		if err != nil {
			return err
		}
		linear, err := interval(metric.NewPearson)
		if err != nil {
			return err
		}
		rows = append(rows, result.Correlation{About: about, A: a, B: b, Over: "in smooth", Spearman: rank.Value, SpearmanLow: rank.Low,
			SpearmanHigh: rank.High, Pearson: linear.Value, PearsonLow: linear.Low, PearsonHigh: linear.High, Images: len(x)})
		return nil
	}
	// pair adds the correlation of one score of two configurations, if both are trained.
	pair := func(about, a, b, name string) error {
		x, populations, err := v.over(ctx, score.Column{Configuration: a, Name: name}, inAndSmooth...)
		if err != nil {
			return err
		}
		y, _, err := v.over(ctx, score.Column{Configuration: b, Name: name}, inAndSmooth...)
		if err != nil {
			return err
		}
		return add(about, columnName(a, name), columnName(b, name), x, y, populations)
	}

	var problems plan.Problems
	try := func(about string, err error) {
		if !errors.Is(err, plan.ErrAbsent) {
			problems.Add(about, err)
		}
	}
	for _, role := range pixelRoles {
		try("pixel differences", func() error {
			pseudo, populations, err := v.over(ctx, score.Column{Name: result.PseudoColumn(role)}, inAndSmooth...)
			if err != nil {
				return err
			}
			own, _, err := v.over(ctx, score.Column{Configuration: "glow-" + role, Name: likelihood}, inAndSmooth...)
			if err != nil {
				return err
			}
			return add("pixel differences", result.PseudoColumn(role), "glow-"+role, pseudo, own, populations)
		}())
	}
	independent := v.independent()
	for _, name := range otherNetworks {
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

// ofCorrelations are the columns of runs that the correlations are computed from.
func (v *Evaluation) ofCorrelations() (all []score.Column) {
	for _, configuration := range append(v.independent(), otherNetworks...) {
		for _, role := range inAndSmooth {
			all = append(all, score.Column{Configuration: configuration, Seed: v.schedule.Seeds[0], Role: role, Name: likelihood})
		}
	}
	return all
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
