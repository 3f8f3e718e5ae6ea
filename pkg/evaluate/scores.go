package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"
)

// scoreFiles are the tables of single images that figures are drawn from: which roles' images, and which configurations' log-likelihoods.
var scoreFiles = []struct {
	name           string
	roles          []string
	configurations []string
	// lowLevel adds what needs no model: pixel-difference pseudo-likelihoods and PNG sizes.
	lowLevel bool
}{
	{result.ScoresFile, []string{"in", "near", "smooth", "general", "far", "faces", "further"},
		[]string{"glow-general", "glow-smooth", "glow-in", "glow-near", "glow-smooth-from-general", "glow-in-from-general", "glow-near-from-general",
			"glow-in-outlier-loss", "patch-in", "dense-in"}, true},
	{result.GreyScoresFile, []string{"grey_in", "grey_smooth"}, []string{"glow-grey-in", "glow-grey-smooth", "dense-grey-in", "dense-grey-smooth"}, false},
	{result.MRIScoresFile, []string{"mri_one", "mri_others"}, []string{"glow-general", "glow-mri-all", "glow-mri-one"}, false},
}

// fileImages is how many images of a role a score file has at most, evenly spread over those that are scored: what is committed stays at a few
// megabytes at any size. Cells and claims are computed from all images.
var fileImages = 2000

// thinned are the places of a file's images among n that are scored.
func thinned(n int) []int {
	kept := make([]int, min(n, fileImages))
	for i := range kept {
		kept[i] = i * n / len(kept)
	}
	return kept
}

// scoreDigits are those of a value in a score file: what float32 has.
const scoreDigits = 7

// writeScores writes the score files: role, set, index in the test split, then png_bytes, pseudo_ROLE (nats), and for every configuration that is
// trained its name (ln p, nats), NAME/c1, NAME/c2, ... (its scales'), all of the first seed. What is not finite is replaced (digest §6). The
// images are of those of the table cells, so that nothing is scored for the files alone.
func (v *Evaluation) writeScores(ctx context.Context, folder string) error {
	var problems plan.Problems
	for _, file := range scoreFiles {
		table := &result.Scores{}
		var roles []string // those whose sets can be read
		for _, role := range v.schedule.Roles.Have(file.roles...) {
			name := v.schedule.Roles.Set(role)
			places, err := v.engine.TestPlaces(name, v.schedule.Size.TestImages)
			if err != nil {
				problems.Add(file.name, err)
				continue
			}
			roles = append(roles, role)
			for _, i := range thinned(len(places)) {
				table.Rows = append(table.Rows, result.ScoreRow{Role: role, Set: name, Index: places[i]})
			}
		}
		if file.lowLevel {
			names := []string{result.PNGBytes}
			for _, role := range pixelRoles {
				names = append(names, result.PseudoColumn(role))
			}
			for _, name := range names {
				err := v.addColumn(ctx, table, name, score.Column{Name: name}, roles)
				if err != nil && !errors.Is(err, plan.ErrAbsent) {
					problems.Add(file.name+", "+name, err)
				}
			}
		}
		own := file.lowLevel
		for _, configuration := range file.configurations {
			err := v.addScores(ctx, table, configuration, roles)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, plan.ErrAbsent): // not trained: it has no column
			case err != nil:
				problems.Add(file.name+", "+configuration, err)
			default:
				own = own || configuration != generalGlow // it is there for the ratios of others
			}
		}
		path := filepath.Join(folder, file.name)
		if !own {
			problems.Add(file.name, result.NotWritten(ignoreMissing(os.Remove(path))))
			continue
		}
		problems.Add(file.name, result.NotWritten(table.Round(scoreDigits).Write(path)))
	}
	return problems.Err()
}

// addColumn adds a column for all images of a table, role after role.
func (v *Evaluation) addColumn(ctx context.Context, table *result.Scores, as string, of score.Column, roles []string) error {
	var all []float64
	for _, role := range roles {
		of.Role = role
		_, values, err := v.Values(ctx, of)
		if err != nil {
			return err
		}
		for _, i := range thinned(len(values)) {
			all = append(all, values[i])
		}
	}
	return table.AddColumn(as, all)
}

// addScores adds ln p and the scales of a configuration.
func (v *Evaluation) addScores(ctx context.Context, table *result.Scores, configuration string, roles []string) error {
	if len(roles) == 0 {
		return plan.Absent("no role of the file has a set")
	}
	run, err := v.schedule.Run(configuration, v.schedule.Seeds[0])
	if err != nil {
		return err
	}
	model, err := run.Info.Spec.Model.New()
	if err != nil {
		return err
	}
	names := []string{likelihood}
	for scale := range model.Scales() {
		names = append(names, fmt.Sprintf("c%d", scale+1))
	}
	for _, name := range names {
		if err := v.addColumn(ctx, table, columnName(configuration, name), score.Column{Configuration: configuration, Seed: v.schedule.Seeds[0], Name: name}, roles); err != nil {
			return err
		}
	}
	return nil
}
