package evaluate

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs/runstest"
	"strata/pkg/score"

	"github.com/stretchr/testify/require"
)

// sources say of each kind of cell of the paper's tables what it is the AUROC of: the model, with * for the role of the
// in-distribution set, its score, and the model whose score is subtracted. Written down from the tables' captions
// (digest §6, §8).
var sources = map[string]string{
	// Table 1: likelihood, and ratios to three general models, of both families of models.
	"1 unsupervised;in_model=Glow raw none none":       "glow-*-from-general log_likelihood",
	"1 unsupervised;in_model=Glow diff PNG none":       "glow-*-from-general log_likelihood PNG",
	"1 unsupervised;in_model=Glow diff Tiny-Glow none": "glow-*-from-general log_likelihood glow-general",
	"1 unsupervised;in_model=Glow diff Tiny-PCNN none": "glow-*-from-general log_likelihood pixelcnn-general",
	"1 unsupervised;in_model=PCNN raw none none":       "pixelcnn-*-from-general log_likelihood",
	"1 unsupervised;in_model=PCNN diff PNG none":       "pixelcnn-*-from-general log_likelihood PNG",
	"1 unsupervised;in_model=PCNN diff Tiny-Glow none": "pixelcnn-*-from-general log_likelihood glow-general",
	"1 unsupervised;in_model=PCNN diff Tiny-PCNN none": "pixelcnn-*-from-general log_likelihood pixelcnn-general",
	// Table 2: scale by scale.
	"2 unsupervised;in_model=Glow raw_16x16 none none":       "glow-*-from-general c1",
	"2 unsupervised;in_model=Glow raw_8x8 none none":         "glow-*-from-general c2",
	"2 unsupervised;in_model=Glow raw_4x4 none none":         "glow-*-from-general c3",
	"2 unsupervised;in_model=Glow raw_full none none":        "glow-*-from-general log_likelihood",
	"2 unsupervised;in_model=Glow diff_16x16 Tiny-Glow none": "glow-*-from-general c1 glow-general",
	"2 unsupervised;in_model=Glow diff_8x8 Tiny-Glow none":   "glow-*-from-general c2 glow-general",
	"2 unsupervised;in_model=Glow diff_4x4 Tiny-Glow none":   "glow-*-from-general c3 glow-general",
	"2 unsupervised;in_model=Glow diff_full Tiny-Glow none":  "glow-*-from-general log_likelihood glow-general",
	// Table 3: losses.
	"3 unsupervised;in_model=Glow raw none none":              "glow-*-from-general log_likelihood",
	"3 unsupervised;in_model=Glow raw_4x4 none none":          "glow-*-from-general c3",
	"3 unsupervised;in_model=Glow diff Tiny-Glow none":        "glow-*-from-general log_likelihood glow-general",
	"3 unsupervised;in_model=Glow raw none margin":            "glow-*-margin-loss log_likelihood",
	"3 unsupervised;in_model=Glow raw_4x4 none margin":        "glow-*-margin-loss c3",
	"3 unsupervised;in_model=Glow diff Tiny-Glow margin":      "glow-*-margin-loss log_likelihood glow-general",
	"3 unsupervised;in_model=Glow raw none outlier_eq2":       "glow-*-outlier-loss log_likelihood",
	"3 unsupervised;in_model=Glow raw_4x4 none outlier_eq2":   "glow-*-outlier-loss c3",
	"3 unsupervised;in_model=Glow diff Tiny-Glow outlier_eq2": "glow-*-outlier-loss log_likelihood glow-general",
	// Table S1: bits/dim of the models from the general set, from scratch and finetuned.
	bits + "trained_on=Tiny bpd_noisy_single_sample none none":                             "glow-general bpd",
	bits + "trained_on=in_dist;init=scratch bpd_noisy_single_sample none none":             "glow-* bpd",
	bits + "trained_on=in_dist;init=finetuned_from_Tiny bpd_noisy_single_sample none none": "glow-*-from-general bpd",
	// Table S4: the classifier.
	"S4 unsupervised;in_model=WRN-28-10 p_indist none binary_cross_entropy_vs_Tiny": "classifier-* log_odds",
}

const bits = "S1 unsupervised;in_model=Glow;"

func init() {
	// With and without labels; Diff with a dagger has the general model that was trained against the set.
	models := map[string]string{"unsupervised": "glow-*-outlier-loss", "supervised": "glow-*-labels"}
	for _, table := range []string{"4", "S2", "S3"} {
		for setting, model := range models {
			key := table + " " + setting + ";in_model=Glow "
			sources[key+"raw_4x4 none outlier_eq2"] = model + " c3"
			sources[key+"diff Tiny-Glow outlier_eq2"] = model + " log_likelihood glow-general"
			against := model + " log_likelihood glow-general-against-*"
			sources[key+"diff Tiny-Glow-with-outlier-loss outlier_eq2"] = against
		}
	}
}

// sourceByHand is the model, score and general model of a cell.
func sourceByHand(c result.PaperCell) (model, column, general string) {
	text, ok := sources[strings.Join([]string{c.Table, c.Setting, c.Score, c.General, c.Loss}, " ")]
	if !ok {
		return "", "", ""
	}
	parts := append(strings.Fields(strings.ReplaceAll(text, "*", paperRoles[c.In])), "")
	return parts[0], parts[1], parts[2]
}

// Every cell of the paper's tables has the value that is counted by hand from made-up scores.
func TestCellsByHand(t *testing.T) {
	store := runstest.New(t, runstest.Options{More: paperSets, Size: func(s *plan.Size) { s.TestImages = 20 }})
	store.Finish()
	store.Score(runstest.Normal)
	cells, seeds, err := of(t, store).Cells(t.Context())
	require.NoError(t, err)
	value := func(model, column, role string, noise bool) []float64 {
		values, _ := truth(runstest.Normal).of(store, runstest.Value{Configuration: model, Seed: 1, Role: role,
			Column: column, Noise: noise}, 20)
		return values
	}
	counted, met := 0, map[float64]string{}
	for _, c := range cells {
		if c.Table == "baselines" {
			continue
		}
		model, column, general := sourceByHand(c.PaperCell)
		in, out := paperRoles[c.In], paperRoles[c.Out]
		place := fmt.Sprintf("%+v", c.Place)
		switch {
		case c.ReportedBy() != "" || c.IsMean():
			require.False(t, c.IsMeasured(), place)
			require.NotEmpty(t, c.Note)
			continue
		case column == "bpd":
			bits := value(model, "log_likelihood", in, true)
			for i := range bits {
				bits[i] = 8 - bits[i]/math.Ln2/3072
			}
			require.InDelta(t, mean(bits), c.Measured, 1e-9, place)
			require.InDelta(t, metric.MeanInterval(bits).Low, c.Low, 1e-9, place)
			require.Equal(t, []int{20, 0}, []int{c.ImagesIn, c.ImagesOut})
		default:
			require.NotEmpty(t, model, place)
			a, b := value(model, column, in, false), value(model, column, out, false)
			switch general {
			case "":
			case "PNG":
				a, b = withPNG(t, store, in, a), withPNG(t, store, out, b)
			default:
				a, b = less(a, value(general, column, in, false)), less(b, value(general, column, out, false))
			}
			require.InDelta(t, area(a, b), c.Measured, 1e-9, place)
			require.True(t, 0 <= c.Low && c.Low <= c.Measured && c.Measured <= c.High && c.High <= 100, place)
			require.Equal(t, []int{20, 20}, []int{c.ImagesIn, c.ImagesOut})
			met[c.Measured] = model + column + general
		}
		counted++
		own := store.Run(model, 1)
		runs := []string{own.Info.ID}
		if general != "" && general != "PNG" {
			runs = append(runs, store.Run(general, 1).Info.ID)
			require.Equal(t, "imagenet32", c.GeneralSet, place)
		}
		require.Equal(t, runs, c.Runs, place)
		require.Equal(t, own.Info.Spec.Network(), c.Network, place)
		require.Equal(t, store.Roles.Set(in), c.InSet)
		require.Equal(t, store.Roles.Set(out), c.OutSet)
		require.Equal(t, []int{1, 0}, []int{c.Seeds, c.NonFinite})
		require.True(t, math.IsNaN(c.StdSeeds), "one seed has no spread")
		at := slices.IndexFunc(seeds, func(s result.SeedValue) bool { return s.Place == c.Place })
		require.Equal(t, result.SeedValue{Place: c.Place, Seed: 1, Value: c.Measured, Low: c.Low, High: c.High},
			seeds[at])
	}
	require.Equal(t, 72+24+27+36+9+36+24+9, counted, "Tables 1 to 4 and S1 to S4")
	require.Len(t, seeds, counted)
	require.Greater(t, len(met), 100, "the made-up scores tell sources apart")

	// Steps are said with those of the runs that a run was made from, and stand-ins wherever their images had a part.
	say := func(table, by, loss string) result.Cell {
		i := slices.IndexFunc(cells, func(c result.Cell) bool {
			return c.Table == table && c.In == "CIFAR10" && c.Out == "SVHN" && c.Score == by && c.Loss == loss &&
				c.ReportedBy() == ""
		})
		return cells[i]
	}
	require.Equal(t, "6 after 12", say("2", "raw_full", "none").Steps)
	require.Equal(t, "imagenet32 for 80 Million Tiny Images", say("2", "raw_full", "none").StandsFor,
		"finetuned from the general model")
	require.Equal(t, "imagenet32 for 80 Million Tiny Images", say("2", "diff_full", "none").StandsFor)
	classified := say("S4", "p_indist", "binary_cross_entropy_vs_Tiny")
	require.Equal(t, "imagenet32 for 80 Million Tiny Images", classified.StandsFor, "its outliers")
	require.Equal(t, "4", classified.Steps)
}

// withPNG adds the sizes of a role's images as PNG, in nats: 8 ln 2 a byte.
func withPNG(t *testing.T, store *runstest.Store, role string, values []float64) []float64 {
	images, err := store.Engine.TestImages(store.Roles.Set(role), store.Size.TestImages)
	require.NoError(t, err)
	for i := range values {
		bytes, err := score.PNGBytes(images.Image(i), images.Height, images.Width, images.Channels)
		require.NoError(t, err)
		values[i] += 8 * math.Ln2 * float64(bytes)
	}
	return values
}

// The baselines need no run: what tells two sets apart by their brightness alone is no achievement.
func TestBaselines(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	v := of(t, store)
	cells, seeds, err := v.Cells(t.Context())
	require.NoError(t, err)
	require.Empty(t, seeds)
	brightness := func(role string) (means []float64) {
		images, err := store.Engine.TestImages(store.Roles.Set(role), 0)
		require.NoError(t, err)
		for i := range images.Len() {
			sum := 0.
			for _, p := range images.Image(i) {
				sum += float64(p)
			}
			means = append(means, sum/float64(images.ImageSize()))
		}
		return means
	}
	rows := map[string]result.Cell{}
	for _, c := range cells {
		if c.Table == "baselines" {
			rows[c.In+c.Out+c.Score] = c
			require.True(t, math.IsNaN(c.Value))
		} else {
			require.False(t, c.IsMeasured(), "no run is there")
		}
	}
	require.Len(t, rows, 3*5*len(score.Baselines()))
	for _, pair := range [][2]string{{"CIFAR10", "SVHN"}, {"SVHN", "CIFAR10"}, {"CIFAR100", "LSUN"}} {
		c := rows[pair[0]+pair[1]+"brightness"]
		want := area(brightness(paperRoles[pair[0]]), brightness(paperRoles[pair[1]]))
		require.Contains(t, []float64{want, 100 - want}, c.Measured, "whichever is brighter")
		require.Equal(t, []string{store.Roles.Set(paperRoles[pair[0]]), store.Roles.Set(paperRoles[pair[1]])},
			[]string{c.InSet, c.OutSet})
		require.Equal(t, []int{runstest.TestImages, runstest.TestImages}, []int{c.ImagesIn, c.ImagesOut})
	}
	require.InDelta(t, 100, rows["CIFAR10SVHNbrightness"].Measured+rows["SVHNCIFAR10brightness"].Measured, 1e-9)
	none := rows["SVHNCelebAbrightness"]
	require.False(t, none.IsMeasured())
	require.Equal(t, "no set plays the role faces in family imagenet32", none.Note)
}

// Over seeds a cell is their mean with Student's interval and their spread; a seed whose run is not there is left out.
func TestCellsOverSeeds(t *testing.T) {
	store := runstest.New(t, runstest.Options{Seeds: []uint64{3, 4, 5}, Wanted: []string{"table2"}})
	store.Finish("glow-in-from-general", "glow-general")
	areas := map[uint64]float64{3: 100, 4: 95, 5: 97.5} // of raw_8x8 against SVHN
	values := func(v runstest.Value) float64 {
		switch {
		case v.Column != "c2" || v.Configuration == "glow-general":
			return runstest.Normal(v)
		case v.Role == "in":
			return 1
		case float64(v.Image) >= runstest.TestImages*areas[v.Seed]/100: // so many outliers win
			return 2
		}
		return 0
	}
	store.Score(values)
	find := func(cells []result.Cell, by string) result.Cell {
		return cells[slices.IndexFunc(cells, func(c result.Cell) bool {
			return c.Table == "2" && c.Out == "SVHN" && c.Score == by
		})]
	}
	cells, seeds, err := of(t, store).Cells(t.Context())
	require.NoError(t, err)
	c := find(cells, "raw_8x8")
	const student, std = 4.302653, 2.5 // two degrees of freedom; of 100, 95 and 97.5
	require.Equal(t, 97.5, c.Measured)
	require.Equal(t, 3, c.Seeds)
	require.InDelta(t, std, c.StdSeeds, 1e-9)
	require.InDelta(t, 97.5-student*std/math.Sqrt(3), c.Low, 1e-4)
	require.Equal(t, 100., c.High, "no AUROC is more")
	require.Len(t, c.Runs, 3)
	var each []float64
	for _, s := range seeds {
		if s.Place == c.Place {
			require.Equal(t, areas[s.Seed], s.Value)
			each = append(each, float64(s.Seed))
		}
	}
	require.Equal(t, []float64{3, 4, 5}, each)
	require.Len(t, find(cells, "diff_8x8").Runs, 6)

	require.NoError(t, os.RemoveAll(store.Run("glow-in-from-general", 4).Folder))
	cells, seeds, err = of(t, store).Cells(t.Context())
	require.NoError(t, err)
	c = find(cells, "raw_8x8")
	require.Equal(t, []any{98.75, 2}, []any{c.Measured, c.Seeds})
	require.InDelta(t, 12.706205*1.25, c.Measured-c.Low, 1e-4, "one degree of freedom")
	has := func(seed uint64) bool {
		return slices.ContainsFunc(seeds, func(s result.SeedValue) bool { return s.Place == c.Place && s.Seed == seed })
	}
	require.True(t, has(5))
	require.False(t, has(4))
	// Bits/dim are no share of anything: their interval is not cut.
	s1 := cells[slices.IndexFunc(cells, func(c result.Cell) bool {
		return c.Table == "S1" && c.In == "CIFAR10" && c.Option("init") == "finetuned_from_Tiny"
	})]
	require.Equal(t, 2, s1.Seeds)
	require.Less(t, s1.Low, s1.Measured)
}

// A cell counts the log-likelihoods that were replaced for it and no others, and the record of a run each image once,
// however many scales and cells it had a part in (review, D1).
func TestNonFiniteAreTheCells(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"table2", "table3", "glow-smooth"},
		Seeds: []uint64{1, 2}})
	store.Finish("glow-in-from-general", "glow-general", "glow-smooth", "glow-in-outlier-loss")
	broken := func(v runstest.Value) float64 {
		if v.Seed == 1 && !v.Noise {
			switch all := v.Column == "log_likelihood" || v.Column == "c3"; {
			case v.Configuration == "glow-in-from-general" && v.Role == "smooth" && v.Image < 7 && all:
				return math.NaN()
			case v.Configuration == "glow-in-from-general" && v.Role == "in" && v.Image < 2 && all:
				return math.Inf(-1)
			case v.Configuration == "glow-in-from-general" && v.Role == "far" && v.Image < 5 && v.Column == "c1":
				return math.Inf(1) // its sum is finite: no image of the run's count
			case v.Configuration == "glow-general" && v.Role == "smooth" && v.Image < 3 && all:
				return math.NaN()
			case v.Configuration == "glow-smooth" && v.Image < 4 && v.Column == "log_likelihood":
				return math.NaN() // in no cell of Tables 2 and 3, and its scales are finite
			}
		}
		own := v.Configuration == "glow-in-from-general"
		if v.Seed == 2 && own && v.Role == "in" && v.Image == 0 && v.Column == "c2" {
			return math.NaN()
		}
		return runstest.Normal(v)
	}
	store.Score(broken)
	v := of(t, store)
	for range 2 { // whatever was asked for before
		cells, _, err := v.Cells(t.Context())
		require.NoError(t, err)
		counts := map[string]int{}
		for _, c := range cells {
			if (c.Table == "2" || c.Table == "3") && c.IsMeasured() {
				counts[strings.Join([]string{c.Table, c.Out, c.Score, c.Loss}, " ")] = c.NonFinite
			}
		}
		for place, want := range map[string]int{
			"2 SVHN raw_full none": 9, "2 SVHN raw_4x4 none": 9, "2 SVHN raw_8x8 none": 1, "2 SVHN raw_16x16 none": 0,
			"2 SVHN diff_full none": 12, "2 SVHN diff_4x4 none": 12, "2 SVHN diff_8x8 none": 1,
			"2 CIFAR100 raw_full none": 2, "2 CIFAR100 diff_full none": 2, "2 LSUN raw_full none": 2,
			"2 LSUN raw_16x16 none":  5,
			"3 SVHN raw outlier_eq2": 0, "3 SVHN diff outlier_eq2": 3, "3 SVHN raw_4x4 none": 9,
		} {
			got, ok := counts[place]
			require.True(t, ok, place)
			require.Equal(t, want, got, place)
		}
	}
	require.NoError(t, v.writeScores(t.Context(), t.TempDir())) // asks for the rest
	rows, err := v.runs()
	require.NoError(t, err)
	replaced := map[string]int{}
	for _, r := range rows {
		if r.Problem == "" {
			replaced[fmt.Sprint(r.Configuration, " ", r.Seed)] = r.Replaced
		}
	}
	require.Equal(t, map[string]int{"glow-in-from-general 1": 9, "glow-in-from-general 2": 0, "glow-general 1": 3,
		"glow-general 2": 0, "glow-smooth 1": 4 * len(runstest.Sets), "glow-smooth 2": 0, "glow-in-outlier-loss 1": 0,
		"glow-in-outlier-loss 2": 0}, replaced)
}

// A replaced value stands far below all others, and where both models of a ratio fail the difference is none.
func TestReplacedBeforeTheRatio(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"table2"}})
	store.Finish()
	store.Score(func(v runstest.Value) float64 {
		if v.Role == "smooth" && v.Image < 10 && (v.Configuration == "glow-general" || v.Column == "log_likelihood") {
			return math.NaN()
		}
		return runstest.Normal(v)
	})
	v := of(t, store)
	value := func(name string, general string) []float64 {
		values, _, err := v.score(t.Context(), source{in: "glow-in-from-general", column: name, general: general}, 1,
			"smooth")
		require.NoError(t, err)
		return values
	}
	require.Equal(t, float64(metric.NonFiniteScore), value("log_likelihood", "")[0])
	require.Zero(t, value("log_likelihood", "glow-general")[9])
	require.Greater(t, value("c1", "glow-general")[9], 2_990_000., "the general model alone fails there")
	require.InDelta(t, 0, value("c1", "glow-general")[10], 3000)
}
