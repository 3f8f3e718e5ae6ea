package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/metric"
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
	{"scores.csv", []string{"in", "near", "smooth", "general", "far", "faces", "further"},
		[]string{"R01", "R02", "R03", "R04", "R05", "R06", "R07", "R11", "R18", "R19"}, true},
	{"scores_grey.csv", []string{"grey_in", "grey_smooth"}, []string{"R20", "R21", "R22", "R23"}, false},
	{"scores_mri.csv", []string{"mri_one", "mri_others"}, []string{"R01", "R25", "R26"}, false},
}

// maxScored is how many images of a role a score file has at most: all at every size but paper, and there all of SVHN's test fold.
const maxScored = 30_000

// scoreDigits are those of a value in a score file: what float32 has.
const scoreDigits = 7

// writeScores writes the score files: role, set, index in the test split, then png_bytes, pseudo_ROLE (nats), and for every configuration that is
// trained ID (ln p, nats), ID_c1, ID_c2, ... (its scales'), all of the first seed. What is not finite is replaced (digest §6).
func (v *Evaluation) writeScores(ctx context.Context, folder string) error {
	images := v.schedule.Size.TestImages
	if images == 0 || images > maxScored {
		images = maxScored
	}
	for _, file := range scoreFiles {
		table := &score.Table{}
		var sets []*imageset.Set
		for _, role := range file.roles {
			name := v.schedule.Roles.Set(role)
			if name == "" {
				continue
			}
			whole, err := v.engine.Set(name, imageset.Test)
			if err != nil {
				return err
			}
			set, err := v.engine.TestImages(name, images)
			if err != nil {
				return err
			}
			sets = append(sets, set)
			for _, index := range whole.Choose(images, subsetSeed) {
				table.Rows = append(table.Rows, score.Row{Role: role, Set: name, Index: index})
			}
		}
		if file.lowLevel {
			if err := v.addLowLevel(table, sets); err != nil {
				return err
			}
		}
		own := file.lowLevel
		for _, id := range file.configurations {
			run, err := v.schedule.Run(id, v.schedule.Seeds[0])
			if err != nil {
				continue // not trained: it has no column
			}
			own = own || id != "R01" // the general Glow is there for the ratios of others
			if err := v.addScores(ctx, table, id, run, sets, images); err != nil {
				return fmt.Errorf("%s: %s: %w", file.name, id, err)
			}
		}
		path := filepath.Join(folder, file.name)
		if !own {
			if err := ignoreMissing(os.Remove(path)); err != nil {
				return err
			}
			continue
		}
		if err := table.Round(scoreDigits).Write(path); err != nil {
			return err
		}
	}
	return nil
}

func (v *Evaluation) addLowLevel(table *score.Table, sets []*imageset.Set) error {
	var bytes []float64
	for _, set := range sets {
		sizes, err := score.PNGBytesOf(set)
		if err != nil {
			return err
		}
		for _, size := range sizes {
			bytes = append(bytes, float64(size))
		}
	}
	if err := table.AddColumn("png_bytes", bytes); err != nil {
		return err
	}
	for _, role := range pixelRoles {
		d, err := v.density(role)
		if err != nil {
			return err
		}
		var pseudo []float64
		for _, set := range sets {
			values, err := d.LogLikelihoods(set)
			if err != nil {
				return err
			}
			pseudo = append(pseudo, values...)
		}
		if err := table.AddColumn("pseudo_"+role, pseudo); err != nil {
			return err
		}
	}
	return nil
}

func (v *Evaluation) addScores(ctx context.Context, table *score.Table, id string, run *Run, sets []*imageset.Set, images int) error {
	columns := map[string][]float64{}
	var names []string
	for _, set := range sets {
		scored, err := v.engine.Scores(ctx, run, set.Name, images, density.Noise{})
		if err != nil {
			return err
		}
		names = scored.Columns
		for _, name := range names {
			values, err := scored.Column(name, nil)
			if err != nil {
				return err
			}
			columns[name] = append(columns[name], values...)
		}
	}
	for _, name := range names {
		clean, _ := metric.ReplaceNonFinite(columns[name])
		column := id
		if name != likelihood {
			column += "_" + name
		}
		if err := table.AddColumn(column, clean); err != nil {
			return err
		}
	}
	return nil
}

// made are ln p of images that strata made, under a run, kept beside its scores and found by the images' hash.
func (v *Evaluation) made(ctx context.Context, run *Run, name string, set *imageset.Set) ([]float64, error) {
	path := filepath.Join(run.Folder, "scores", fmt.Sprintf("%s-%d-%s.csv", name, set.Len(), set.Hash()[:12]))
	table, err := score.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		network, openErr := v.engine.scorer(run, set.Len())
		if openErr != nil {
			return nil, openErr
		}
		every := make([]int, set.Len())
		for i := range every {
			every[i] = i
		}
		if table, err = scoreTable(name, every, network, set, density.Noise{}, func(int) error { return ctx.Err() }); err != nil {
			return nil, err
		}
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = table.Write(path)
		}
	}
	if err != nil {
		return nil, err
	}
	values, err := table.Column(likelihood, nil)
	clean, _ := metric.ReplaceNonFinite(values)
	return clean, err
}
