package evaluate

import (
	"context"
	"fmt"
	"strconv"

	"strata/pkg/metric"
	"strata/pkg/score"
)

// correlationRows are correlations.csv: how alike two columns of a score file rank the images of two roles together (Fig 1B, 1C, 2B, 3C, 3D;
// §2, §4), by Spearman's and Pearson's correlation with bootstrap intervals. Columns are named as in the score files; c1+c2 is all but the
// last scale.
func (v *Evaluation) correlationRows(ctx context.Context) ([][]string, error) {
	seed := v.schedule.Seeds[0]
	rows := [][]string{{"about", "a", "b", "over", "spearman", "spearman_low", "spearman_high", "pearson", "pearson_low", "pearson_high", "images"}}
	add := func(about, a, b string, over []string, x, y []float64) error {
		rank, err := metric.SpearmanInterval(x, y, bootstrapResamples, seed)
		if err != nil {
			return fmt.Errorf("correlation of %s and %s: %w", a, b, err)
		}
		linear, err := metric.PearsonInterval(x, y, bootstrapResamples, seed)
		if err != nil {
			return fmt.Errorf("correlation of %s and %s: %w", a, b, err)
		}
		rows = append(rows, []string{about, a, b, over[0] + " " + over[1], number(rank.Value), number(rank.Low), number(rank.High),
			number(linear.Value), number(linear.Low), number(linear.High), strconv.Itoa(len(x))})
		return nil
	}
	trained := func(ids ...string) bool {
		for _, id := range ids {
			if _, err := v.schedule.Run(id, seed); err != nil {
				return false
			}
		}
		return true
	}
	// pair adds the correlation of one score of two configurations, if both are trained.
	pair := func(about, a, b, column string, over []string) error {
		if !trained(a, b) {
			return nil
		}
		x, err := v.part(ctx, a, seed, column, over)
		if err != nil {
			return err
		}
		y, err := v.part(ctx, b, seed, column, over)
		if err != nil {
			return err
		}
		suffix := ""
		if column != likelihood {
			suffix = "_" + column
		}
		return add(about, a+suffix, b+suffix, over, x, y)
	}

	for i, id := range []string{"R01", "R03", "R02"} { // the Glows of pixelRoles
		if !trained(id) {
			continue
		}
		pseudo, err := v.pseudo(pixelRoles[i], whole)
		if err != nil {
			return nil, err
		}
		own, err := v.both(ctx, id, seed, likelihood)
		if err != nil {
			return nil, err
		}
		if err := add("pixel differences", "pseudo_"+pixelRoles[i], id, whole, pseudo, own); err != nil {
			return nil, err
		}
	}
	for _, id := range []string{"R18", "R19"} {
		for _, other := range v.independent() {
			if err := pair("network types", id, other, likelihood, whole); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range pairsOf(v.independent()) {
		for _, column := range []string{likelihood, v.last()} {
			if err := pair("training sets", p[0], p[1], column, whole); err != nil {
				return nil, err
			}
		}
	}
	for _, column := range []string{"c1+c2", v.last()} {
		if err := pair("scales", "R06", "R02", column, whole); err != nil {
			return nil, err
		}
	}
	if v.schedule.Roles.Set(grey[0]) != "" && v.schedule.Roles.Set(grey[1]) != "" {
		for _, p := range [][2]string{{"R20", "R21"}, {"R22", "R23"}} {
			if err := pair("grey sets", p[0], p[1], likelihood, grey); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// part is a column over some roles; c1+c2 is the log-likelihood less its last scale.
func (v *Evaluation) part(ctx context.Context, id string, seed uint64, column string, over []string) ([]float64, error) {
	if column != "c1+c2" {
		return v.over(ctx, id, seed, column, over...)
	}
	full, err := v.over(ctx, id, seed, likelihood, over...)
	if err != nil {
		return nil, err
	}
	last, err := v.over(ctx, id, seed, v.last(), over...)
	if err != nil {
		return nil, err
	}
	return score.Ratio(full, last)
}

// pseudo are the pixel-difference pseudo-log-likelihoods of the test images of some roles, under the density of a role's training images.
func (v *Evaluation) pseudo(role string, over []string) ([]float64, error) {
	d, err := v.density(role)
	if err != nil {
		return nil, err
	}
	var all []float64
	for _, scored := range over {
		set, err := v.engine.TestImages(v.schedule.Roles.Set(scored), v.schedule.Size.TestImages)
		if err != nil {
			return nil, err
		}
		values, err := d.LogLikelihoods(set)
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}
