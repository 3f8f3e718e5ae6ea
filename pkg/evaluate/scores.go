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
		[]string{"glow-general", "glow-smooth", "glow-in", "glow-near", "glow-smooth-from-general", "glow-in-from-general",
			"glow-near-from-general",
			"glow-in-outlier-loss", "patch-in", "dense-in"}, true},
	{result.GreyScoresFile, []string{"grey_in", "grey_smooth"}, []string{"glow-grey-in", "glow-grey-smooth", "dense-grey-in",
		"dense-grey-smooth"}, false},
	{result.MRIScoresFile, []string{"mri_one", "mri_others"}, []string{"glow-general", "glow-mri-all", "glow-mri-one"}, false},
}

// mostFileImages is how many images of a role a score file has at most: what is committed stays at a few megabytes at any size. Cells and
// claims are computed from all images that a size scores; those of the file are among them.
var mostFileImages = 2000

// fileImages is how many test images of a role a score file has.
func (v *Evaluation) fileImages() int {
	if n := v.schedule.Size.TestImages; n > 0 {
		return min(n, mostFileImages)
	}
	return mostFileImages
}

// fileLook is where a file's scores of a role are: among those of all images, where cells or claims wanted these. Else
// no others are scored than the file's: of the paper's general set that is 2,000 in the place of 312,512, by each of ten Glows.
func (v *Evaluation) fileLook(configuration, role string) (look, error) {
	l, err := v.look(score.Column{Configuration: configuration, Seed: v.schedule.Seeds[0], Role: role})
	if err == nil && !v.engine.HasScores(l.run, l.set, l.split, l.images, l.noise) {
		l.images = v.fileImages()
	}
	return l, err
}

// scoreDigits are those of a value in a score file: what float32 has.
const scoreDigits = 7

// writeScores writes the score files: role, set, index in the test split, then png_bytes, pseudo_ROLE (nats), and for
// every configuration that is trained its name (ln p, nats), NAME/c1, NAME/c2, ... (its scales'), all of the first
// seed. What is not finite is replaced (digest §6).
func (v *Evaluation) writeScores(ctx context.Context, folder string) error {
	var problems plan.Problems
	for _, file := range scoreFiles {
		table := &result.Scores{}
		var roles []string // those whose sets can be read
		for _, role := range v.schedule.Roles.Have(file.roles...) {
			name := v.schedule.Roles.Set(role)
			places, err := v.engine.TestPlaces(name, v.fileImages())
			if err != nil {
				problems.Add(file.name, err)
				continue
			}
			roles = append(roles, role)
			for _, place := range places {
				table.Rows = append(table.Rows, result.ScoreRow{Role: role, Set: name, Index: place})
			}
		}
		if file.lowLevel {
			names := []string{result.PNGBytes}
			for _, role := range pixelRoles {
				names = append(names, result.PseudoColumn(role))
			}
			for _, name := range names {
				err := v.addLowLevel(table, name, roles)
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

// addLowLevel adds a column of what needs no model, role after role.
func (v *Evaluation) addLowLevel(table *result.Scores, name string, roles []string) error {
	var all []float64
	for _, role := range roles {
		values, err := v.ofImages(role, name, v.fileImages())
		if err != nil {
			return err
		}
		all = append(all, values...)
	}
	return table.AddColumn(name, all)
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
	columns := make([][]float64, len(names))
	for _, role := range roles {
		l, err := v.fileLook(configuration, role)
		if err != nil {
			return err
		}
		scored, err := v.scores(ctx, l)
		if err != nil {
			return err
		}
		kept, err := v.among(l)
		if err != nil {
			return err
		}
		for c, name := range names {
			for _, i := range kept {
				columns[c] = append(columns[c], scored.columns[name].values[i])
			}
		}
	}
	for c, name := range names {
		if err := table.AddColumn(columnName(configuration, name), columns[c]); err != nil {
			return err
		}
	}
	return nil
}

// among are the rows of a look's table that are those of a file's images.
func (v *Evaluation) among(l look) ([]int, error) {
	scored, err := v.engine.TestPlaces(l.set, l.images)
	if err != nil {
		return nil, err
	}
	kept, err := v.engine.TestPlaces(l.set, v.fileImages())
	if err != nil {
		return nil, err
	}
	var rows []int
	for i, place := range scored {
		if len(rows) < len(kept) && kept[len(rows)] == place { // both rise
			rows = append(rows, i)
		}
	}
	return rows, nil
}
