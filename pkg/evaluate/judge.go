package evaluate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/ledger"
	"strata/pkg/metric"
)

// finding is what was measured for a claim of the paper; experiments/claims.yaml has its words.
type finding struct {
	measured string // what value is
	value    metric.Interval
	holds    bool
	runs     []string // configurations
	roles    []string // whose test images
	images   int
	note     string
}

// judge computes a claim with a seed.
type judge func(ctx context.Context, v *Evaluation, seed uint64) (finding, error)

// judges are the claims that are computed here, in the order of the ledger.
var judges = []struct {
	id string
	by judge
}{
	{"L1", judgeL1}, {"L2", judgeL2}, {"L3", judgeL3}, {"L4", judgeL4}, {"L5", judgeL5}, {"L6", judgeL6}, {"L7", judgeL7},
	{"L8", judgeL8}, {"L9", judgeL9}, {"L10", judgeL10}, {"L11", judgeL11},
	{"D1", judgeD1}, {"D2", judgeD2}, {"D3", judgeD3}, {"D4", judgeD4}, {"D5", judgeD5}, {"D6", judgeD6},
	{"F1", judgeF1}, {"F2", judgeF2}, {"F3", judgeF3}, {"F4", judgeF4}, {"F5", judgeF5}, {"F6", judgeF6}, {"F7", judgeF7},
	{"O1", judgeO1}, {"O2", judgeO2}, {"O3", judgeO3}, {"O4", judgeO4},
	{"T1", judgeT1}, {"T2", judgeT2}, {"T3", judgeT3}, {"Q1", judgeQ1}, {"Q2", judgeQ2}, {"V1", judgeV1}, {"M1", judgeM1}, {"B1", judgeB1},
}

// judgeOf computes a claim; nil where there is none.
func judgeOf(id string) judge {
	for _, j := range judges {
		if j.id == id {
			return j.by
		}
	}
	return nil
}

// Claims are all of the paper's claims, each with what was measured and its verdict, or why it was not. Several seeds are
// judged one by one, as far as their runs are there, and a claim holds if it holds for most; value and interval are the first seed's.
func (v *Evaluation) Claims(ctx context.Context) ([]ledger.Claim, error) {
	declared, err := ledger.Declared()
	if err != nil {
		return nil, err
	}
	for i := range declared {
		c := &declared[i]
		c.Size = v.schedule.Size.Name
		by := judgeOf(c.ID)
		if by == nil {
			return nil, fmt.Errorf("experiments/claims.yaml: claim %s is computed by nothing", c.ID)
		}
		v.judge(ctx, c, by)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return declared, nil
}

func (v *Evaluation) judge(ctx context.Context, c *ledger.Claim, by judge) {
	var held, judged int
	for i, seed := range v.schedule.Seeds {
		f, err := by(ctx, v, seed)
		if err != nil && i > 0 {
			continue // this seed's runs are not there
		}
		if err != nil {
			c.Verdict, c.Note = ledger.NotMeasured, err.Error()
			return
		}
		judged++
		if f.holds {
			held++
		}
		if i > 0 {
			continue
		}
		c.Measured, c.Value, c.Low, c.High, c.Images, c.Note = f.measured, f.value.Value, f.value.Low, f.value.High, f.images, f.note
		var sets, networks, steps []string
		for _, role := range f.roles {
			if name := v.schedule.Roles.Set(role); !slices.Contains(sets, name) {
				sets = append(sets, name)
			}
		}
		for _, id := range f.runs {
			run, err := v.schedule.Run(id, seed)
			if err != nil {
				continue
			}
			if name := run.Info.Spec.Network(); !slices.Contains(networks, name) {
				networks = append(networks, name)
			}
			steps = append(steps, id+" "+v.steps(run, seed))
		}
		c.Data, c.Network, c.Steps = strings.Join(sets, ", "), strings.Join(networks, ", "), strings.Join(steps, ", ")
	}
	c.Verdict = ledger.Judge(2*held > judged)
	if judged > 1 && c.ID != "V1" { // V1 is about the seeds
		c.Note = strings.TrimPrefix(fmt.Sprintf("%s; holds for %d of %d seeds", c.Note, held, judged), "; ")
	}
}

// both is a column of the images of in and smooth together: what the paper's correlations are over.
func (v *Evaluation) both(ctx context.Context, id string, seed uint64, column string) ([]float64, error) {
	return v.over(ctx, id, seed, column, "in", "smooth")
}

func (v *Evaluation) over(ctx context.Context, id string, seed uint64, column string, roles ...string) ([]float64, error) {
	var all []float64
	for _, role := range roles {
		values, err := v.scores(ctx, id, seed, role, column)
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}

const likelihood = "log_likelihood"

// last is the column of the last scale.
func (v *Evaluation) last() string { return "c" + strconv.Itoa(v.schedule.Size.Networks.Glow.Scales) }

// correlation is Spearman's between a column of two configurations over in and smooth.
func (v *Evaluation) correlation(ctx context.Context, a, b string, seed uint64, column string) (metric.Interval, int, error) {
	x, err := v.both(ctx, a, seed, column)
	if err != nil {
		return metric.Interval{}, 0, err
	}
	y, err := v.both(ctx, b, seed, column)
	if err != nil {
		return metric.Interval{}, 0, err
	}
	rho, err := v.correlate(x, y, bootstrapResamples, seed)
	return rho, len(x), err
}

func byValue(a, b metric.Interval) int {
	switch {
	case a.Value < b.Value:
		return -1
	case a.Value > b.Value:
		return 1
	}
	return 0
}

var whole = []string{"in", "smooth"}

// area is the AUROC of a score of a configuration against a role, in percent.
func (v *Evaluation) area(ctx context.Context, seed uint64, s source) (metric.Interval, int, error) {
	if s.column == "" {
		s.column = likelihood
	}
	if s.inRole == "" {
		s.inRole = "in"
	}
	value, in, out, err := v.auroc(ctx, s, seed)
	return percent(value), in + out, err
}

// outliers are the roles against which a set is held that are at hand.
func (v *Evaluation) outliers(in string) []string {
	var roles []string
	for _, role := range []string{"smooth", "in", "near", "far"} {
		if role != in && v.schedule.Roles.Set(role) != "" {
			roles = append(roles, role)
		}
	}
	return roles
}

// meanInterval is the mean, with the interval of independent values; sets shared between them make it a little too narrow or wide.
func meanInterval(all []metric.Interval) metric.Interval {
	var mean metric.Interval
	below, above := 0.0, 0.0
	for _, v := range all {
		mean.Value += v.Value / float64(len(all))
		below += (v.Value - v.Low) * (v.Value - v.Low)
		above += (v.High - v.Value) * (v.High - v.Value)
	}
	mean.Low, mean.High = mean.Value-math.Sqrt(below)/float64(len(all)), mean.Value+math.Sqrt(above)/float64(len(all))
	return mean
}

// meanArea is the mean AUROC over the outlier sets of in.
func (v *Evaluation) meanArea(ctx context.Context, seed uint64, s source) (metric.Interval, int, error) {
	var all []metric.Interval
	images := 0
	if s.inRole == "" {
		s.inRole = "in"
	}
	for _, role := range v.outliers(s.inRole) {
		s.outRole = role
		area, n, err := v.area(ctx, seed, s)
		if err != nil {
			return metric.Interval{}, 0, err
		}
		all, images = append(all, area), images+n
	}
	return meanInterval(all), images, nil
}

func percent(v metric.Interval) metric.Interval {
	return metric.Interval{Value: 100 * v.Value, Low: 100 * v.Low, High: 100 * v.High}
}

// bootstrapResamples is the number of resamples of every bootstrap interval.
const bootstrapResamples = 1000

// ratioOfMeans is a ratio with the bootstrap interval of mean(a)/mean(b) over images.
func ratioOfMeans(a, b []float64, value float64, seed uint64) metric.Interval {
	rng := rand.New(rand.NewPCG(seed, 0x7261746973))
	mean := func(v []float64) float64 {
		total := 0.0
		for range v {
			total += v[rng.IntN(len(v))]
		}
		return total / float64(len(v))
	}
	ratios := make([]float64, bootstrapResamples)
	for i := range ratios {
		ratios[i] = mean(a) / mean(b)
	}
	slices.Sort(ratios)
	return metric.Interval{Value: value, Low: ratios[bootstrapResamples*25/1000], High: ratios[bootstrapResamples*975/1000-1]}
}
