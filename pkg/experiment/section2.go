package experiment

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/ledger"
	"strata/pkg/metric"
	"strata/pkg/pixeldiff"
	"strata/pkg/score"

	"github.com/google/renameio/v2"
)

// Plan is what a section is computed on.
type Plan struct {
	Section Section
	Name    string
	Size    Size
	Roles   Roles
	Seed    uint64
}

// NewPlan reads a section's declaration and completes it.
func NewPlan(name string, size Size, roles Roles, seed uint64) (Plan, error) {
	section, err := LoadSection(name)
	return Plan{Section: section, Name: name, Size: size, Roles: roles, Seed: seed}, err
}

// Folder is where the plan's tables and figures go below the figures folder, so that sizes and data do not overwrite
// each other: section2/cifar10_q75_in-demo.
func (p Plan) Folder(figures string) string {
	return filepath.Join(figures, p.Name, safeName(p.Roles.Set("in"))+"-"+p.Size.Name)
}

// Reproduce trains what a section lacks, scores its images, and writes its tables to folder.
func (e *Engine) Reproduce(ctx context.Context, p Plan, folder string) (*Results, error) {
	if p.Name != "section2" {
		return nil, fmt.Errorf("section %q is declared but not built yet", p.Name)
	}
	configurations, err := LoadConfigurations()
	if err != nil {
		return nil, err
	}
	var wanted []string
	for _, declared := range p.Section.Runs {
		wanted = append(wanted, declared.Configuration)
	}
	if configurations, err = configurations.For(wanted...); err != nil {
		return nil, err
	}
	plan, err := e.Schedule(configurations, p.Size, p.Roles, []uint64{p.Seed})
	if err != nil {
		return nil, err
	}
	if err := e.TrainAll(ctx, plan); err != nil {
		return nil, err
	}
	runs := map[string]*Run{}
	for _, declared := range p.Section.Runs {
		if runs[declared.Name], err = plan.Run(declared.Configuration, p.Seed); err != nil {
			return nil, err
		}
	}
	var compared []string
	for _, role := range p.Section.Score {
		compared = append(compared, p.Roles.Set(role))
	}
	if err := e.WarnOfHistories(imageset.Test, compared...); err != nil {
		return nil, err
	}
	r := &Results{Plan: p, Runs: runs}
	for _, build := range []func(context.Context, *Engine) error{r.scoreImages, r.pixelDifferences, r.table2, r.correlations, r.claims} {
		if err := build(ctx, e); err != nil {
			return nil, err
		}
	}
	if err := e.WriteSubsets(folder, ""); err != nil {
		return nil, err
	}
	return r, r.write(folder)
}

// Results are a section's tables.
type Results struct {
	Plan   Plan
	Runs   map[string]*Run
	Scores *score.Table
	// NonFinite counts the log-likelihoods that were replaced (digest §6), by model.
	NonFinite map[string]int
	Densities map[string]*pixeldiff.Density // by role
	Peaks     map[string][]float64          // share of an image's differences in the densest bin, by role
	Table2    []Detection
	Pairs     []Correlation
	Claims    []ledger.Claim
}

// scoreImages makes the wide table: every image of every role, with pseudo-likelihoods, PNG size, and log-likelihood
// and contributions under every model.
func (r *Results) scoreImages(ctx context.Context, e *Engine) error {
	r.Scores, r.NonFinite = &score.Table{}, map[string]int{}
	var pngBytes []float64
	sets := map[string]*imageset.Set{}
	for _, role := range r.Plan.Section.Score {
		name := r.Plan.Roles.Set(role)
		set, err := e.TestImages(name, r.Plan.Size.TestImages)
		if err != nil {
			return err
		}
		sets[role] = set
		whole, err := e.Set(name, imageset.Test)
		if err != nil {
			return err
		}
		for _, index := range whole.Choose(r.Plan.Size.TestImages, subsetSeed) {
			r.Scores.Rows = append(r.Scores.Rows, score.Row{Role: role, Set: name, Index: index})
		}
		sizes, err := score.PNGBytesOf(set)
		if err != nil {
			return err
		}
		for _, s := range sizes {
			pngBytes = append(pngBytes, float64(s))
		}
	}
	if err := r.Scores.AddColumn("png_bytes", pngBytes); err != nil {
		return err
	}
	r.Densities = map[string]*pixeldiff.Density{}
	r.Peaks = map[string][]float64{}
	for _, role := range pixelRoles {
		train, _, err := e.trainingSet(r.Plan.Roles.Set(role), r.Plan.Size.TrainImages)
		if err != nil {
			return err
		}
		d, err := pixeldiff.Fit(train, pixeldiff.Options{})
		if err != nil {
			return err
		}
		r.Densities[role] = d
		var pseudo []float64
		for _, scored := range r.Plan.Section.Score {
			values, err := d.LogLikelihoods(sets[scored])
			if err != nil {
				return err
			}
			pseudo = append(pseudo, values...)
		}
		if err := r.Scores.AddColumn("pseudo_"+role, pseudo); err != nil {
			return err
		}
	}
	for _, declared := range r.Plan.Section.Runs {
		if err := r.scoreModel(ctx, e, declared.Name); err != nil {
			return err
		}
	}
	return nil
}

// scoreModel adds a model's columns: MODEL, MODEL_c1, ...
func (r *Results) scoreModel(ctx context.Context, e *Engine, model string) error {
	columns := map[string][]float64{}
	var names []string
	for _, role := range r.Plan.Section.Score {
		table, err := e.Scores(ctx, r.Runs[model], r.Plan.Roles.Set(role), r.Plan.Size.TestImages, density.Noise{})
		if err != nil {
			return err
		}
		names = table.Columns
		for _, c := range table.Columns {
			values, err := table.Column(c, nil)
			if err != nil {
				return err
			}
			columns[c] = append(columns[c], values...)
		}
	}
	for _, c := range names {
		name := model
		if c != "log_likelihood" {
			name += "_" + c
		}
		clean, replaced := metric.ReplaceNonFinite(columns[c])
		r.NonFinite[model] += replaced
		if err := r.Scores.AddColumn(name, clean); err != nil {
			return err
		}
	}
	return nil
}

// column returns a column of the images of some roles.
func (r *Results) column(name string, roles ...string) []float64 {
	values, err := r.Scores.Column(name, func(row score.Row) bool {
		for _, role := range roles {
			if row.Role == role {
				return true
			}
		}
		return false
	})
	if err != nil {
		panic(err) // columns are made by this package
	}
	return values
}

// pixelRoles are the sets of Fig 1A.
var pixelRoles = []string{"general", "in", "smooth"}

// peakImages is how many training images the interval of a density's peak rests on.
const peakImages = 2000

// pixelDifferences finds, image by image, the share of differences in the set's densest bin: what the interval of
// the peak is computed from.
func (r *Results) pixelDifferences(_ context.Context, e *Engine) error {
	for _, role := range pixelRoles {
		train, _, err := e.trainingSet(r.Plan.Roles.Set(role), r.Plan.Size.TrainImages)
		if err != nil {
			return err
		}
		if r.Peaks[role], err = imagePeaks(train, r.Densities[role]); err != nil {
			return err
		}
	}
	return nil
}

// imagePeaks are the shares of the differences of some images, one an image, that lie in a density's densest bin.
func imagePeaks(train *imageset.Set, d *pixeldiff.Density) ([]float64, error) {
	sample := train.Subset(peakImages, subsetSeed)
	densest := 0
	for bin, height := range d.Density {
		if height > d.Density[densest] {
			densest = bin
		}
	}
	var peaks []float64
	for i := range sample.Len() {
		one, err := pixeldiff.Fit(sample.Chunk(i, 1), pixeldiff.Options{})
		if err != nil {
			return nil, err
		}
		peaks = append(peaks, one.Density[densest])
	}
	return peaks, nil
}

// Detection is a cell of Table 2 with everything that is known of it.
type Detection struct {
	Model, Score, Role, Set string
	AUROC                   metric.Interval
	AUPRIn, AUPROut, FPR95  float64
	ImagesIn, ImagesOut     int
}

// scoreNames are the scores of Table 2 in its order, then the PNG ratio.
func (r *Results) scoreNames() []string {
	scales := r.Plan.Size.Networks.Glow.Scales
	names := []string{"full"}
	for i := range scales {
		names = append(names, fmt.Sprintf("c%d", i+1))
	}
	names = append(names, "ratio")
	for i := range scales {
		names = append(names, fmt.Sprintf("ratio_c%d", i+1))
	}
	return append(names, "png")
}

// scoreColumn computes a score of the images of a role under an in-distribution model.
func (r *Results) scoreColumn(model, name, role string) ([]float64, error) {
	full := r.column(model, role)
	switch {
	case name == "full":
		return full, nil
	case name == "ratio":
		return score.Ratio(full, r.column("general", role))
	case name == "png":
		bytes := []int{}
		for _, b := range r.column("png_bytes", role) {
			bytes = append(bytes, int(b))
		}
		return score.ComplexityRatio(full, bytes)
	case len(name) > 6 && name[:6] == "ratio_":
		return score.Ratio(r.column(model+name[5:], role), r.column("general"+name[5:], role))
	}
	return r.column(model+"_"+name, role), nil
}

func (r *Results) table2(context.Context, *Engine) error {
	for _, model := range []string{"in", "in_finetuned"} {
		for _, name := range r.scoreNames() {
			in, err := r.scoreColumn(model, name, "in")
			if err != nil {
				return err
			}
			for _, role := range []string{"smooth", "general", "far"} {
				out, err := r.scoreColumn(model, name, role)
				if err != nil {
					return err
				}
				d := Detection{Model: model, Score: name, Role: role, Set: r.Plan.Roles.Set(role), ImagesIn: len(in), ImagesOut: len(out)}
				if d.AUROC, err = metric.AUROC(in, out); err != nil {
					return fmt.Errorf("%s of %s against %s: %w", name, model, d.Set, err)
				}
				if d.AUPRIn, err = metric.AUPRIn(in, out); err != nil {
					return err
				}
				if d.AUPROut, err = metric.AUPROut(in, out); err != nil {
					return err
				}
				if d.FPR95, err = metric.FPRAtTPR(in, out, 0.95); err != nil {
					return err
				}
				r.Table2 = append(r.Table2, d)
			}
		}
	}
	return nil
}

// detection finds a cell of Table 2.
func (r *Results) detection(model, name, role string) Detection {
	for _, d := range r.Table2 {
		if d.Model == model && d.Score == name && d.Role == role {
			return d
		}
	}
	return Detection{}
}

// Correlation is how alike two columns rank the images of in and smooth together.
type Correlation struct {
	A, B              string
	Spearman, Pearson metric.Interval
	Images            int
}

// bootstrapResamples is the number of resamples of every bootstrap interval.
const bootstrapResamples = 1000

func (r *Results) correlations(context.Context, *Engine) error {
	pairs := [][2]string{}
	for _, role := range pixelRoles {
		pairs = append(pairs, [2]string{"pseudo_" + role, role})
	}
	for i, a := range pixelRoles {
		for _, b := range pixelRoles[i+1:] {
			pairs = append(pairs, [2]string{a, b})
			last := fmt.Sprintf("_c%d", r.Plan.Size.Networks.Glow.Scales)
			pairs = append(pairs, [2]string{a + last, b + last})
		}
	}
	for _, pair := range pairs {
		a, b := r.column(pair[0], "in", "smooth"), r.column(pair[1], "in", "smooth")
		c := Correlation{A: pair[0], B: pair[1], Images: len(a)}
		var err error
		if c.Spearman, err = metric.SpearmanInterval(a, b, bootstrapResamples, r.Plan.Seed); err != nil {
			return fmt.Errorf("correlation of %s and %s: %w", pair[0], pair[1], err)
		}
		if c.Pearson, err = metric.PearsonInterval(a, b, bootstrapResamples, r.Plan.Seed); err != nil {
			return fmt.Errorf("correlation of %s and %s: %w", pair[0], pair[1], err)
		}
		r.Pairs = append(r.Pairs, c)
	}
	return nil
}

// write saves the tables; each file appears whole or not at all.
func (r *Results) write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := r.Scores.Write(filepath.Join(folder, "scores.csv")); err != nil {
		return err
	}
	differences := [][]string{{"role", "set", "centre", "density"}}
	for _, role := range pixelRoles {
		d := r.Densities[role]
		for i, density := range d.Density {
			differences = append(differences, []string{role, r.Plan.Roles.Set(role), number((d.Edges[i] + d.Edges[i+1]) / 2), number(density)})
		}
	}
	table2 := [][]string{{"model", "score", "role", "set", "auroc", "low", "high", "aupr_in", "aupr_out", "fpr95", "images_in", "images_out"}}
	for _, d := range r.Table2 {
		table2 = append(table2, []string{d.Model, d.Score, d.Role, d.Set, number(d.AUROC.Value), number(d.AUROC.Low), number(d.AUROC.High),
			number(d.AUPRIn), number(d.AUPROut), number(d.FPR95), strconv.Itoa(d.ImagesIn), strconv.Itoa(d.ImagesOut)})
	}
	pairs := [][]string{{"a", "b", "spearman", "spearman_low", "spearman_high", "pearson", "pearson_low", "pearson_high", "images"}}
	for _, c := range r.Pairs {
		pairs = append(pairs, []string{c.A, c.B, number(c.Spearman.Value), number(c.Spearman.Low), number(c.Spearman.High),
			number(c.Pearson.Value), number(c.Pearson.Low), number(c.Pearson.High), strconv.Itoa(c.Images)})
	}
	for name, rows := range map[string][][]string{"pixel_differences.csv": differences, "table2.csv": table2,
		"correlations.csv": pairs, "runs.csv": r.runRows()} {
		if err := writeCSV(filepath.Join(folder, name), rows); err != nil {
			return err
		}
	}
	return ledger.Write(folder, r.Claims) // last: a folder with a ledger is complete
}

// runRows say where the numbers come from.
func (r *Results) runRows() [][]string {
	rows := [][]string{{"run", "id", "network", "set", "set_hash", "train_images", "steps", "batch", "rate", "seed", "parent", "bits_per_dim",
		"dropped_images", "skipped_updates", "replaced_log_likelihoods", "backend", "lowering", "toolchain", "seconds", "finished"}}
	for _, declared := range r.Plan.Section.Runs {
		info := r.Runs[declared.Name].Info
		s := info.Spec
		rows = append(rows, []string{declared.Name, info.ID, s.Network(), s.Set, s.SetHash[:16], strconv.Itoa(s.TrainImages), strconv.Itoa(s.Train.Steps),
			strconv.Itoa(s.Train.Batch), number(s.Train.Optimiser.Rate), strconv.FormatUint(s.Train.Seed, 10), s.Parent, number(info.LastValue),
			strconv.Itoa(info.Counts.Dropped), strconv.Itoa(info.Counts.Skipped), strconv.Itoa(r.NonFinite[declared.Name]),
			info.Backend, info.Lowering, info.Toolchain, strconv.Itoa(int(info.Seconds)), info.Finished.Format("2006-01-02 15:04")})
	}
	return rows
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func writeCSV(path string, rows [][]string) error {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer file.Cleanup()
	if err := csv.NewWriter(file).WriteAll(rows); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return file.CloseAtomicallyReplace()
}
