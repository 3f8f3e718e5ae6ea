package claim_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"strata/pkg/claim"
	"strata/pkg/metric"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// column is how a synthetic score is made of what an image has: low-level features, objects, and noise of the column's own.
type column struct {
	low, object, noise, shift float64
	bent                      bool // to its seventh power: the same ranks on a curve
}

// world is a set of scores with known truth. Every image of a role has low-level features and objects, normal around the role's means.
type world struct {
	low, object map[string]float64 // means by role
	columns     map[string]column  // by CONFIGURATION/NAME, with @SHARE behind it for a moment, |ROLE for a role, or +SEED for a seed
	images      int
	absent      string // a configuration that is not trained
	absentSeed  uint64
	short       string // a column of fewer images
}

// paperWorld is one in which all of the paper's claims are true: smooth images have likely low-level features, objects tell in from the rest.
func paperWorld() *world {
	w := &world{
		low:    map[string]float64{"in": 0, "near": 0, "smooth": 2, "far": 0.3, "general": -1, "grey_in": 0, "grey_smooth": 2, "mri_one": 0, "mri_others": 0},
		object: map[string]float64{"in": 3, "near": 1.5, "smooth": 0, "far": 0, "general": 0, "grey_in": 3, "grey_smooth": 0, "mri_one": 1.5, "mri_others": 0},
		images: 300, columns: map[string]column{},
	}
	set := func(name string, c column) { w.columns[name] = c }
	// from scratch: likelihoods are low-level features, the general model's the least noisy and the highest; last scales have nothing in common
	for role, noise := range map[string]float64{"general": 12, "smooth": 25, "in": 25, "near": 25} {
		c := column{low: 100, noise: noise}
		if role == "general" {
			c.shift = 60
		}
		set("glow-"+role+"/log_likelihood", c)
		set("glow-"+role+"/c3", column{low: 1, noise: 10})
		set("pseudo_"+role, column{low: 50, noise: 5})
	}
	set("patch-in/log_likelihood", column{low: 100, noise: 5})
	set("dense-in/log_likelihood", column{low: 100, noise: 150})
	set("pixelcnn-general/log_likelihood", column{low: 80, noise: 2, shift: 30})
	for _, role := range []string{"in", "near", "smooth"} {
		set("glow-"+role+"-from-general/log_likelihood", column{low: 100, object: 10, noise: 1})
		set("pixelcnn-"+role+"-from-general/log_likelihood", column{low: 80, object: 10, noise: 1})
		set("glow-"+role+"-from-general/c3", column{low: -2, object: 8, noise: 1})
	}
	set("glow-smooth-from-general/log_likelihood", column{low: 700, object: -20, noise: 1}) // near 100 against everything
	w.low["smooth"] = 5
	set("glow-in-from-itself/log_likelihood", column{low: 100, object: 5, noise: 30})
	set("glow-in-margin-loss/log_likelihood", column{low: 100, object: 12, noise: 30})
	set("glow-in-margin-loss/c3", column{object: 8, noise: 10})
	set("glow-in-outlier-loss/log_likelihood", column{low: 100, object: 20, noise: 1})
	set("glow-in-outlier-loss/c3", column{low: -3, object: 9, noise: 4})
	// Diff† has what the classifier lacks, low-level features, and is better on smooth images for it, worse on near ones
	set("glow-general-against-in/log_likelihood", column{low: 200, object: -180, noise: 1})
	set("glow-in-from-general/c3", column{low: -1, object: 4, noise: 4})
	set("glow-in-labels/c3", column{object: 30, noise: 0})
	for _, of := range []string{"grey-in", "grey-smooth"} {
		set("glow-"+of+"/log_likelihood", column{low: 100, noise: 10})
		set("dense-"+of+"/log_likelihood", column{object: 60, noise: 100, shift: -900})
	}
	set("dense-grey-smooth/log_likelihood", column{noise: 100})
	set("glow-mri-one/log_likelihood", column{low: 100, object: 12, noise: 1})
	set("glow-mri-one/c3", column{object: 1, noise: 3})
	set("glow-mri-all/log_likelihood", column{low: 100, noise: 0.1})
	set("classifier-in/log_odds", column{object: 4, shift: -1})
	// in the general set, only the model with the outlier loss sees objects
	set("glow-general/log_likelihood|general", column{low: 100, noise: 1})
	set("glow-in-from-general/log_likelihood|general", column{low: 100})
	set("glow-in-from-general/c3|general", column{noise: 1})
	set("glow-in-outlier-loss/log_likelihood|general", column{low: 100, object: 100})
	set("glow-in-outlier-loss/c3|general", column{object: 9, noise: 1})
	set("png_bytes", column{low: -100, noise: 20, shift: 5000})
	set("variance", column{low: -100, noise: 1, shift: 80})
	set("mixed", column{low: 100, noise: 10})
	set("amplitude", column{low: 100})
	set("phase", column{noise: 100})
	set("looks like its last latents", column{shift: 95, noise: 3})
	set("correlation of low frequencies", column{shift: 0.95, noise: 0.02})
	set("gain of ln p", column{shift: 400, noise: 50})
	set("share of total variation left", column{shift: 0.5, noise: 0.1})
	set("peak", column{low: 0.02, noise: 0.001, shift: 0.1})
	set("off_centre", column{})
	// along the curves: finetuning is ahead at its half; the margin loss is best in the middle
	for share := 1; share <= 10; share++ {
		at := fmt.Sprintf("@%g", float64(share)/10)
		set("glow-in-from-general/log_likelihood"+at, column{low: 100, object: 20, noise: 1, shift: 100})
		set("glow-in/log_likelihood"+at, column{low: 100, object: 10, noise: 12})
		set("glow-in-outlier-loss/log_likelihood"+at, column{low: 100, object: 400, noise: 1})
		set("glow-in-margin-loss/log_likelihood"+at, column{low: 100, object: 40, noise: 4})
	}
	set("glow-in-outlier-loss/log_likelihood@1", column{low: 100, object: 400, noise: 2})
	set("glow-in-margin-loss/log_likelihood@1", column{low: 100, object: 10, noise: 40})
	return w
}

func (w *world) normals(name string, n int) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	return rand.New(rand.NewPCG(hash.Sum64(), uint64(n)))
}

func (w *world) Values(_ context.Context, of score.Column) (string, []float64, error) {
	name := of.Name
	if of.Configuration != "" {
		name = of.Configuration + "/" + of.Name
	}
	if of.Configuration != "" && of.Configuration == w.absent {
		return "", nil, plan.Absent("%s is not trained", w.absent)
	}
	c, ok := w.columns[fmt.Sprintf("%s@%g", name, of.At)]
	if !ok {
		c, ok = w.columns[name+"|"+of.Role]
	}
	if !ok {
		c, ok = w.columns[fmt.Sprintf("%s+%d", name, of.Seed)]
	}
	if !ok {
		c, ok = w.columns[name]
	}
	if !ok {
		return "", nil, fmt.Errorf("the world has no %s", name)
	}
	images, own := w.normals(of.Role, 1), w.normals(of.Role+name, 2)
	if of.Configuration != "" && of.Seed == w.absentSeed {
		return "", nil, plan.Absent("seed %d is not trained", of.Seed)
	}
	count := w.images
	if w.short != "" && of.Name == w.short {
		count /= 2
	}
	values := make([]float64, count)
	for i := range values {
		low, object := w.low[of.Role]+images.NormFloat64(), w.object[of.Role]+images.NormFloat64()
		values[i] = c.low*low + c.object*object + c.noise*own.NormFloat64() + c.shift
		if c.bent {
			values[i] = math.Pow(values[i], 7)
		}
	}
	if of.Name == "off_centre" { // of the set, not of its images
		return "", values[:1], nil
	}
	return of.Role, values, nil
}

func (*world) Steps(string, uint64) (int, error) { return 1000, nil }
func (w *world) Has(role string) bool            { _, ok := w.low[role]; return ok }
func (w *world) LastScale() int                  { return 3 }
func (w *world) BitsPerDim(_ string, l float64) (float64, error) {
	return 8 - (9900+l)/(3072*math.Ln2), nil
}
func (w *world) Describe(roles, configurations []string) (string, string, string) {
	return strings.Join(roles, " "), "", strings.Join(configurations, " ")
}

func judge(t *testing.T, w *world, seeds ...uint64) map[string]result.Claim {
	t.Helper()
	if len(seeds) == 0 {
		seeds = []uint64{1}
	}
	j, err := claim.NewJudge(w, seeds)
	require.NoError(t, err)
	rows, conditions, err := j.All(t.Context(), "synthetic")
	require.NoError(t, err)
	require.NotEmpty(t, conditions)
	claims := map[string]result.Claim{}
	for _, row := range rows {
		claims[row.ID] = row
	}
	return claims
}

func judgeOne(t *testing.T, w *world, id string) claim.Judged {
	t.Helper()
	j, err := claim.NewJudge(w, []uint64{1})
	require.NoError(t, err)
	i := slices.IndexFunc(j.Claims(), func(d claim.Declared) bool { return d.ID == id })
	require.GreaterOrEqual(t, i, 0, id)
	judged, err := j.Judge(t.Context(), j.Claims()[i])
	require.NoError(t, err, id)
	return judged
}

// Where the paper's claims are true, they hold; V1 alone needs seeds.
func TestAllHoldWhereTheyAreTrue(t *testing.T) {
	for id, c := range judge(t, paperWorld()) {
		if id == "V1" {
			require.Equal(t, result.NotMeasured, c.Verdict)
			require.Contains(t, c.Note, "three seeds")
			continue
		}
		assert.Equal(t, result.Holds, c.Verdict, "%s: %s", id, c.Note)
		require.True(t, c.Low <= c.Value && c.Value <= c.High, "%s: %g [%g, %g]", id, c.Value, c.Low, c.High)
		require.Contains(t, c.Note, "one seed", id)
	}
}

// For every claim a world in which it alone is made false.
func TestEachFailsWhereItIsFalse(t *testing.T) {
	change := func(name string, c column) func(*world) { return func(w *world) { w.columns[name] = c } }
	false_ := map[string]func(*world){
		"L1": change("off_centre", column{shift: 3}),
		"L2": change("pseudo_smooth", column{noise: 1}),
		"L3": change("patch-in/log_likelihood", column{low: 100, noise: 200}),
		"L4": change("dense-in/log_likelihood", column{low: 100, noise: 1}),
		"L5": func(w *world) { w.columns["mixed"] = column{noise: 1} },
		"L6": change("dense-grey-smooth/log_likelihood", column{object: 60}),
		"L7": change("dense-grey-in/log_likelihood", column{object: 60, noise: 100, shift: 900}),
		"L8": change("glow-near/log_likelihood", column{low: 10, noise: 100}),
		"L9": change("glow-near/log_likelihood", column{low: 100, noise: 12, shift: 100}),
		"L10": func(w *world) {
			w.columns["glow-general/log_likelihood"] = column{low: 100, noise: 80, shift: 60}
		},
		"D1": change("glow-in-from-general/log_likelihood", column{low: -100}),
		"D2": change("glow-in-from-general/log_likelihood", column{low: 100, object: -20, noise: 1}),
		"D3": change("png_bytes", column{low: 100, noise: 20, shift: 5000}),
		"D4": change("pixelcnn-general/log_likelihood", column{low: 100, noise: 1}),
		"D5": change("glow-smooth-from-general/log_likelihood", column{noise: 1}),
		"D6": func(w *world) {
			w.columns["pixelcnn-general/log_likelihood"] = column{low: 100, object: -300}
			w.columns["glow-general/log_likelihood"] = column{low: 100, object: 25, noise: 1}
			for _, role := range []string{"in", "near", "smooth"} {
				w.columns["pixelcnn-"+role+"-from-general/log_likelihood"] = column{low: 80, object: -320, noise: 1}
			}
		},
		"F1": func(w *world) {
			for _, role := range []string{"general", "smooth", "in", "near"} {
				w.columns["glow-"+role+"/c3"] = column{low: 10, noise: 0.5}
			}
		},
		"F2": change("glow-smooth/c3", column{low: 90, noise: 5}),
		"F3": change("glow-in-from-general/c3", column{low: 4, object: 1}),
		"F4": change("glow-general/c3", column{low: 1}),
		"F5": change("looks like its last latents", column{shift: 30, noise: 3}),
		"F6": change("share of total variation left", column{shift: 1.5, noise: 0.1}),
		"F7": change("glow-in-from-general/c3", column{low: 10}),
		"O1": change("glow-in-margin-loss/log_likelihood", column{object: 900}),
		"O2": change("glow-in-margin-loss/log_likelihood@1", column{low: 100, object: 60, noise: 1}),
		"O3": change("glow-general-against-in/log_likelihood", column{low: 100, object: 15, noise: 100}),
		"O4": change("glow-in-labels/c3", column{object: 1, noise: 20}),
		"T1": func(w *world) {
			w.columns["glow-in-from-general/log_likelihood@0.2"] = column{low: 100, object: 20, noise: 1, shift: -300}
		},
		"T2": change("glow-in-from-itself/log_likelihood", column{low: 100, object: 80}),
		"T3": change("glow-general/log_likelihood", column{low: 100, noise: 1, shift: -900}),
		"Q1": change("variance", column{low: 100, noise: 1, shift: 2000}),
		"Q2": change("classifier-in/log_odds", column{object: 4, shift: -40}),
		"M1": change("glow-mri-all/log_likelihood", column{low: 100, object: 14, noise: 1}),
		"B1": change("classifier-in/log_odds", column{noise: 4}),
	}
	for id, of := range false_ {
		w := paperWorld()
		of(w)
		c := judgeOne(t, w, id)
		assert.Equal(t, result.DoesNotHold, c.Verdict, "%s: %s", id, c.Note)
	}
	declared, err := claim.Declarations()
	require.NoError(t, err)
	for _, d := range declared {
		if d.ID != "V1" && d.ID != "L11" {
			require.Contains(t, false_, d.ID)
		}
	}
}

// What lies too near a threshold for the images that there are is open: a smaller sample of a true claim.
func TestOpenWhereTheIntervalHoldsTheThreshold(t *testing.T) {
	w := paperWorld()
	w.columns["dense-in/log_likelihood"] = w.columns["patch-in/log_likelihood"] // equally like the full Glow, but for their noise
	c := judgeOne(t, w, "L4")
	require.Equal(t, result.Open, c.Verdict, c.Note)
	require.Contains(t, c.Note, "is open")
}

// The interval of a least is its quantity's where one is clearly the least. Of eight that are truly 0 it mostly lies
// below 0, so it decides nothing: no condition may have one.
func TestLeastIsShownAndDecidesNothing(t *testing.T) {
	w := &world{low: map[string]float64{}, object: map[string]float64{}, images: 100, columns: map[string]column{}}
	roles := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, role := range roles {
		w.low[role] = 0
	}
	j, err := claim.NewJudge(w, []uint64{1})
	require.NoError(t, err)
	shown := func(expression string) metric.Interval {
		all, err := claim.Parse([]byte(fmt.Sprintf("- {id: X, title: x, claim: x, if: x, shows: '%s', holds: [1 > 0]}", expression)))
		require.NoError(t, err)
		judged, err := j.Judge(t.Context(), all[0])
		require.NoError(t, err)
		return judged.Value
	}
	below := 0
	const draws = 40
	for draw := range draws {
		alike := fmt.Sprint("alike", draw)
		w.columns[alike] = column{noise: 1}
		if shown("least(each(r, have("+strings.Join(roles, ", ")+"), mean(image("+alike+"), r)))").High < 0 {
			below++
		}
	}
	// The mean of eight least standard normals is -1.42 and their standard deviation 0.61, and the 97.5 % point of a
	// resample's least lies about half a standard error above the least of the sample: most intervals miss 0.
	require.Greater(t, below, draws/2)

	w.columns["apart|a"] = column{noise: 1, shift: -5} // ten standard errors of a mean and more below the others
	w.columns["apart"] = column{noise: 1}
	require.Equal(t, shown("mean(image(apart), a)"), shown("least(mean(image(apart), a), mean(image(apart), b), mean(image(apart), c))"))

	for _, condition := range []string{"least(x, y) > 0", "1 < 2 * largest(x)", "0 < each(r, have(a, b), least(x, y))"} {
		_, err := claim.Parse([]byte("- {id: X, title: x, claim: x, if: x, shows: y, holds: ['" + condition + "']}"))
		require.ErrorContains(t, err, "for showing", condition)
	}
}

// L11: a monotonous change of one model's likelihoods keeps every rank and breaks the linear correlation.
func TestPearsonTellsTheSameOrNot(t *testing.T) {
	w := paperWorld()
	require.Equal(t, result.Holds, judge(t, w)["L11"].Verdict)
	w.columns["patch-in/log_likelihood"] = column{low: 1, noise: 0.05, bent: true}
	c := judge(t, w)["L11"]
	require.Equal(t, result.DoesNotHold, c.Verdict, c.Note)
	require.Contains(t, c.Note, "L3")
}

// Three seeds: V1 judges their spread, and the others rest on all of them.
func TestSeeds(t *testing.T) {
	w := paperWorld()
	claims := judge(t, w, 1, 2, 3)
	require.Equal(t, result.Holds, claims["V1"].Verdict, claims["V1"].Note)
	require.Equal(t, 3, claims["D2"].Seeds)
	require.NotContains(t, claims["D2"].Note, "one seed")
	// A spread needs three seeds whose runs are there, and does without a fourth one whose runs are not.
	w.absentSeed = 3
	for _, c := range []struct {
		seeds []uint64
		want  error
	}{{[]uint64{1, 2, 3}, plan.ErrAbsent}, {[]uint64{1, 2, 3, 4}, nil}} {
		j, err := claim.NewJudge(w, c.seeds)
		require.NoError(t, err)
		v1 := j.Claims()[slices.IndexFunc(j.Claims(), func(d claim.Declared) bool { return d.ID == "V1" })]
		judged, err := j.Judge(t.Context(), v1)
		require.ErrorIs(t, err, c.want)
		if c.want == nil {
			require.Equal(t, 3, judged.Seeds)
		}
	}
	w.absentSeed = 0
	// One seed of three is another model: its mean is not sure any more.
	w.columns["glow-in-from-general/log_likelihood+2"] = column{low: 100, object: -20, noise: 1}
	claims = judge(t, w, 1, 2, 3)
	require.Equal(t, result.DoesNotHold, claims["V1"].Verdict, claims["V1"].Note)
	require.Equal(t, result.Open, claims["D2"].Verdict, claims["D2"].Note)
}

// Swapping raw and ratio in D2's conditions turns its verdict: the test above would see a judge that does.
func TestRawIsNotRatio(t *testing.T) {
	w := paperWorld()
	w.columns["glow-in-from-general/log_likelihood"], w.columns["glow-general/log_likelihood"] = column{low: -100, object: 20}, column{low: -200}
	c := judgeOne(t, w, "D2") // now raw tells them apart, and the ratio does not
	require.Equal(t, result.DoesNotHold, c.Verdict, c.Note)
}

// What is not trained is not measured, and says so; what is wrong is an error, after all others are judged.
func TestAbsentIsNotWrong(t *testing.T) {
	w := paperWorld()
	w.absent = "pixelcnn-general"
	claims := judge(t, w)
	require.Equal(t, result.NotMeasured, claims["D4"].Verdict)
	require.Equal(t, "pixelcnn-general is not trained", claims["D4"].Note)
	require.Equal(t, result.Holds, claims["D2"].Verdict)

	delete(w.columns, "variance")
	j, err := claim.NewJudge(w, []uint64{1})
	require.NoError(t, err)
	rows, _, err := j.All(t.Context(), "synthetic")
	require.ErrorContains(t, err, "claim Q1")
	require.Len(t, rows, len(j.Claims()))
	for _, row := range rows {
		require.NotContains(t, row.Note, "the world has no variance", "an error's words may name folders")
	}
}

// Claims along the curves have a row a point, in the order of the points.
func TestOverSteps(t *testing.T) {
	j, err := claim.NewJudge(paperWorld(), []uint64{1})
	require.NoError(t, err)
	rows, err := j.OverSteps(t.Context(), 3, func(_ string, point int) (int, error) { return 10 * point, nil })
	require.NoError(t, err)
	steps := map[string][]int{}
	for i, row := range rows {
		if i > 0 && rows[i-1].ID != row.ID {
			require.NotContains(t, steps, row.ID, "its rows stand together")
		}
		steps[row.ID] = append(steps[row.ID], row.Steps)
	}
	require.Len(t, steps, 11)
	for id, of := range steps {
		require.Equal(t, []int{10, 20, 30}, of, id)
	}
	// What a claim's value is held against, where that is what decides: a number, or another quantity with the margin.
	last := map[string]result.ClaimAtStep{}
	for _, row := range rows {
		last[row.ID] = row
	}
	raw := last["D1"].Value
	for id, want := range map[string]struct {
		comparison string
		bound      float64
	}{
		"D1": {"<", 30}, "L8": {">", 0.9}, "D5": {">", 90}, "F7": {">", 0}, "T2": {">", 0},
		"F3": {">", raw + 20}, "F4": {"<=", last["F3"].Value},
	} {
		require.Equal(t, want.comparison, last[id].Comparison, id)
		require.InDelta(t, want.bound, last[id].Bound, 1e-9, id)
	}
	require.Equal(t, "<", last["F1"].Comparison, "the last scales' correlation, from below that of the whole likelihood")
	require.Greater(t, last["F1"].Bound, last["F1"].Value, "it holds")
	require.Contains(t, []float64{70, raw + 30}, last["D2"].Bound)
}

// A stop is a stop, not a claim that was not measured.
func TestStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j, err := claim.NewJudge(paperWorld(), []uint64{1})
	require.NoError(t, err)
	_, _, err = j.All(ctx, "synthetic")
	require.ErrorIs(t, err, context.Canceled)
}

// The claims are those of the paper, each with an expression that stands for it.
func TestDeclarations(t *testing.T) {
	all, err := claim.Declarations()
	require.NoError(t, err)
	require.Len(t, all, 36)
	for _, d := range all {
		require.NotEmpty(t, d.Where, d.ID)
		require.NotEmpty(t, d.Paper, d.ID)
		require.NotEmpty(t, d.Measured, d.ID)
	}
}

// Every score of package score can be claimed by its name, along the curves too.
func TestDerivedScoresAreFunctions(t *testing.T) {
	j, err := claim.NewJudge(paperWorld(), []uint64{1})
	require.NoError(t, err)
	for _, d := range score.All() {
		for _, of := range []string{"glow_in_from_general", "at(glow_in_from_general, 0.5)"} {
			if d.General {
				of += ", glow_general"
			}
			parsed, err := claim.Parse(fmt.Appendf(nil, `[{id: X, title: x, claim: x, if: x, shows: "auroc(%[1]s(%[2]s), in, smooth)",
				holds: ["auroc(%[1]s(%[2]s), in, smooth) > 50"]}]`, d.Name, of))
			require.NoError(t, err)
			judged, err := j.Judge(t.Context(), parsed[0])
			require.NoError(t, err, d.Name)
			require.Equal(t, result.Holds, judged.Verdict, "%s(%s): %s", d.Name, of, judged.Note)
		}
	}
}

// A claim that cannot be read is refused with its name and the words that are wrong.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"{":           "",
		"[{id: X}]":   "claim X: id, title, claim, if, shows, and holds or same are needed",
		"[{name: X}]": "unknown field",
		`[{id: X, title: x, claim: x, if: x, shows: "1 +", holds: ["1 > 0"]}]`:        `claim X: "1 +"`,
		`[{id: X, title: x, claim: x, if: x, shows: "1", holds: ["auroc(a, b, c)"]}]`: "a condition compares two quantities",
	} {
		_, err := claim.Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	parsed, err := claim.Parse([]byte(`[{id: X, title: x, claim: x, if: x, shows: "beauty(glow_in)", holds: ["1 > 0"]}]`))
	require.NoError(t, err)
	j, err := claim.NewJudge(paperWorld(), []uint64{1})
	require.NoError(t, err)
	_, err = j.Judge(t.Context(), parsed[0])
	require.ErrorContains(t, err, `nothing is called "beauty": choose of at, auroc,`)
	require.ErrorContains(t, err, "ratio, ratio_last")
}

// Perfectly apart in every resample is not perfectly apart: the difference of two such AUROCs is open, and a bound that lies far away is not.
func TestCeilingIsNotCertainty(t *testing.T) {
	w := paperWorld()
	w.object["in"] = 60
	for _, name := range []string{"glow-in-from-general/c3", "glow-in-from-general/log_likelihood"} {
		w.columns[name] = column{object: 100}
	}
	c := judgeOne(t, w, "F7")
	require.Equal(t, result.Open, c.Verdict, c.Note)
	require.Less(t, c.Value.Low, 0.0)
	w.columns["glow-in-from-general/log_likelihood"] = column{low: 100, object: 0.1, noise: 1}
	require.Equal(t, result.Holds, judgeOne(t, w, "F3").Verdict)
}

// One name for different images would pair them wrongly: it is refused.
func TestPopulationsAreImages(t *testing.T) {
	w := paperWorld()
	w.short = "c3"
	j, err := claim.NewJudge(w, []uint64{1})
	require.NoError(t, err)
	_, _, err = j.All(t.Context(), "synthetic")
	require.ErrorContains(t, err, "150 here and 300 elsewhere")
	// A number of a whole set is no image of the claim's.
	require.Equal(t, 3*300, judgeOne(t, paperWorld(), "L1").Images)
}

// The first seed may be the one that is not there.
func TestAnySeedWillDo(t *testing.T) {
	w := paperWorld()
	w.absentSeed = 1
	claims := judge(t, w, 1, 2, 3)
	require.Equal(t, result.Holds, claims["D2"].Verdict, claims["D2"].Note)
	require.Equal(t, 2, claims["D2"].Seeds)
}

// Means of likelihoods that are not finite are not measured: what stands for such values is for ranking.
func TestNoMeanOfWhatIsNotFinite(t *testing.T) {
	w := paperWorld()
	w.columns["glow-general/log_likelihood"] = column{shift: metric.NonFiniteScore}
	j, err := claim.NewJudge(w, []uint64{1})
	require.NoError(t, err)
	for _, d := range j.Claims() {
		switch d.ID {
		case "T3":
			_, err := j.Judge(t.Context(), d)
			require.ErrorIs(t, err, plan.ErrAbsent)
			require.ErrorContains(t, err, "300 of 300 likelihoods are not finite")
		case "D2": // ranks take them
			_, err := j.Judge(t.Context(), d)
			require.NoError(t, err)
		}
	}
}

// A slip in a declaration is told before anything is judged.
func TestSlipsAreTold(t *testing.T) {
	const head = "- {id: X, title: t, where: w, claim: c, paper: p, if: i, measured: m, "
	for text, says := range map[string]string{
		`shows: "auroc(raw(glow_inn), in, smooth)", holds: ["1 > 0"]}`:                  "glow_inn",
		`shows: "auroc(raw(glow_in), in, smoth)", holds: ["1 > 0"]}`:                    "smoth",
		`shows: "1", holds: ["arouc(raw(glow_in), in, smooth) > 0"]}`:                   "arouc",
		`shows: "1", holds: ["each(o, outliers(in), auroc(raw(glow_in), in, p)) > 0"]}`: `"p"`,
		`shows: "1", holds: ["1 > 0"], over_steps: finetunedd}`:                         "finetunedd",
	} {
		all, err := claim.Parse([]byte(head + text))
		if err == nil {
			err = claim.Check(all)
		}
		require.ErrorContains(t, err, says)
	}
}
