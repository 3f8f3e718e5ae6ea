package experiment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/density"
	"strata/pkg/fourier"
	"strata/pkg/ledger"
	"strata/pkg/metric"
	"strata/pkg/pixeldiff"
	"strata/pkg/score"
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
	{"F1", judgeF1}, {"F2", judgeF2}, {"F3", judgeF3}, {"F4", judgeF4}, {"F7", judgeF7},
	{"O1", judgeO1}, {"O2", judgeO2}, {"O3", judgeO3}, {"O4", judgeO4},
	{"T1", judgeT1}, {"T2", judgeT2}, {"T3", judgeT3}, {"V1", judgeV1}, {"M1", judgeM1}, {"B1", judgeB1},
}

// Claims are all of the paper's claims, each with what was measured and its verdict, or why it was not. Several seeds are
// judged one by one, and a claim holds if it holds for most; value and interval are the first seed's.
func (v *Evaluation) Claims(ctx context.Context) ([]ledger.Claim, error) {
	declared, err := ledger.Declared()
	if err != nil {
		return nil, err
	}
	for i := range declared {
		c := &declared[i]
		c.Size = v.schedule.Size.Name
		at := slices.IndexFunc(judges, func(j struct {
			id string
			by judge
		}) bool {
			return j.id == c.ID
		})
		if at < 0 {
			c.Note = "not computed by this version"
			continue
		}
		v.judge(ctx, c, judges[at].by)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return declared, nil
}

func (v *Evaluation) judge(ctx context.Context, c *ledger.Claim, by judge) {
	var held int
	for i, seed := range v.schedule.Seeds {
		f, err := by(ctx, v, seed)
		if err != nil {
			c.Verdict, c.Note = ledger.NotMeasured, err.Error()
			return
		}
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
	c.Verdict = ledger.Judge(2*held > len(v.schedule.Seeds))
	if n := len(v.schedule.Seeds); n > 1 {
		c.Note = strings.TrimPrefix(fmt.Sprintf("%s; holds for %d of %d seeds", c.Note, held, n), "; ")
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

// pairs are the pairs of the conv Glows that were trained independently, as far as there are sets for them.
func (v *Evaluation) independent() []string {
	ids := []string{"R01", "R02", "R03"}
	if v.schedule.Roles.Set("near") != "" {
		ids = append(ids, "R04")
	}
	return ids
}

func pairsOf(ids []string) [][2]string {
	var pairs [][2]string
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			pairs = append(pairs, [2]string{a, b})
		}
	}
	return pairs
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

// densities are the pixel-difference densities of the training images of a role.
func (v *Evaluation) density(role string) (*pixeldiff.Density, error) {
	name, err := v.set(role)
	if err != nil {
		return nil, err
	}
	train, _, err := v.engine.trainingSet(name, v.schedule.Size.TrainImages)
	if err != nil {
		return nil, err
	}
	return pixeldiff.Fit(train, pixeldiff.Options{})
}

func judgeL1(_ context.Context, v *Evaluation, seed uint64) (finding, error) {
	densities := map[string]*pixeldiff.Density{}
	centred, rival := true, ""
	for _, role := range pixelRoles {
		d, err := v.density(role)
		if err != nil {
			return finding{}, err
		}
		densities[role] = d
		centred = centred && math.Abs(d.Mode()) <= d.BinWidth()
		if role != "smooth" && (rival == "" || d.Peak() > densities[rival].Peak()) {
			rival = role
		}
	}
	peaks := map[string][]float64{}
	for _, role := range []string{"smooth", rival} {
		train, _, err := v.engine.trainingSet(v.schedule.Roles.Set(role), v.schedule.Size.TrainImages)
		if err != nil {
			return finding{}, err
		}
		if peaks[role], err = imagePeaks(train, densities[role]); err != nil {
			return finding{}, err
		}
	}
	ratio := densities["smooth"].Peak() / densities[rival].Peak()
	return finding{measured: "peak of smooth / highest peak of in, general", value: ratioOfMeans(peaks["smooth"], peaks[rival], ratio, seed),
		holds: centred && ratio > 1, roles: pixelRoles, images: len(peaks["smooth"]) + len(peaks[rival]), note: "training images"}, nil
}

func judgeL2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	least := metric.Interval{Value: 2}
	f := finding{runs: []string{"R01", "R03", "R02"}, roles: whole}
	for i, role := range pixelRoles {
		d, err := v.density(role)
		if err != nil {
			return f, err
		}
		var pseudo []float64
		for _, scored := range whole {
			set, err := v.engine.TestImages(v.schedule.Roles.Set(scored), v.schedule.Size.TestImages)
			if err != nil {
				return f, err
			}
			values, err := d.LogLikelihoods(set)
			if err != nil {
				return f, err
			}
			pseudo = append(pseudo, values...)
		}
		own, err := v.both(ctx, f.runs[i], seed, likelihood)
		if err != nil {
			return f, err
		}
		rho, err := v.correlate(pseudo, own, bootstrapResamples, seed)
		if err != nil {
			return f, err
		}
		if rho.Value < least.Value {
			least = rho
			f.measured = "least Spearman ρ of 3 models (" + role + ")"
		}
		f.images = len(own)
	}
	f.value, f.holds = least, least.Value > 0.83
	return f, nil
}

func judgeL3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	rho, n, err := v.correlation(ctx, "R18", "R03", seed, likelihood)
	return finding{measured: "Spearman ρ of the local and the full Glow, both from scratch on in", value: rho, holds: rho.Value > 0.95,
		runs: []string{"R18", "R03"}, roles: whole, images: n}, err
}

func judgeL4(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	local, _, err := v.correlation(ctx, "R18", "R03", seed, likelihood)
	if err != nil {
		return finding{}, err
	}
	dense, n, err := v.correlation(ctx, "R19", "R03", seed, likelihood)
	return finding{measured: "Spearman ρ of the dense and the full Glow", value: dense, holds: dense.Value < local.Value,
		runs: []string{"R19", "R18", "R03"}, roles: whole, images: n, note: fmt.Sprintf("local %.3f", local.Value)}, err
}

// judgeL5 mixes images inside each set: amplitude of one, phase of another (paper S3).
func judgeL5(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	run, err := v.schedule.Run("R06", seed)
	if err != nil {
		return finding{}, err
	}
	var mixed, amplitude, phase []float64
	for _, role := range whole {
		name := v.schedule.Roles.Set(role)
		images, err := v.engine.TestImages(name, v.schedule.Size.TestImages)
		if err != nil {
			return finding{}, err
		}
		other, order := fourier.Shuffled(images, subsetSeed)
		mix, err := fourier.Mix(images, other)
		if err != nil {
			return finding{}, err
		}
		own, err := v.scores(ctx, "R06", seed, role, likelihood)
		if err != nil {
			return finding{}, err
		}
		network, err := v.engine.Network(run)
		if err != nil {
			return finding{}, err
		}
		rows, err := network.LogLikelihoods(mix, density.Noise{}, func(int) error { return ctx.Err() })
		if err != nil {
			return finding{}, err
		}
		values := make([]float64, len(rows))
		for i, row := range rows {
			values[i] = row[0]
			phase = append(phase, own[order[i]])
		}
		clean, _ := metric.ReplaceNonFinite(values)
		mixed, amplitude = append(mixed, clean...), append(amplitude, own...)
	}
	a, err := v.correlate(mixed, amplitude, bootstrapResamples, seed)
	if err != nil {
		return finding{}, err
	}
	p, err := v.correlate(mixed, phase, bootstrapResamples, seed)
	return finding{measured: "Spearman ρ of mixed images with the amplitude's image", value: a, holds: a.Value > 0.8 && p.Value < 0.2,
		runs: []string{"R06"}, roles: whole, images: len(mixed),
		note: fmt.Sprintf("with the phase's image %.3f [%.3f, %.3f]; pairs inside each set, both sets together", p.Value, p.Low, p.High)}, err
}

var grey = []string{"grey_in", "grey_smooth"}

// greyCorrelation is over the images of both grey sets.
func (v *Evaluation) greyCorrelation(ctx context.Context, a, b string, seed uint64) (metric.Interval, int, error) {
	x, err := v.over(ctx, a, seed, likelihood, grey...)
	if err != nil {
		return metric.Interval{}, 0, err
	}
	y, err := v.over(ctx, b, seed, likelihood, grey...)
	if err != nil {
		return metric.Interval{}, 0, err
	}
	rho, err := v.correlate(x, y, bootstrapResamples, seed)
	return rho, len(x), err
}

func judgeL6(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	conv, n, err := v.greyCorrelation(ctx, "R20", "R21", seed)
	if err != nil {
		return finding{}, err
	}
	dense, _, err := v.greyCorrelation(ctx, "R22", "R23", seed)
	return finding{measured: "Spearman ρ of the conv Glows", value: conv, holds: conv.Value > 0.7 && dense.Value < 0.3, runs: []string{"R20", "R21", "R22", "R23"},
		roles: grey, images: n, note: fmt.Sprintf("dense %.3f [%.3f, %.3f]", dense.Value, dense.Low, dense.High)}, err
}

func judgeL7(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	areaOf := func(id string) (metric.Interval, int, error) {
		area, in, out, err := v.auroc(ctx, source{in: id, column: likelihood, inRole: "grey_in", outRole: "grey_smooth"}, seed)
		return percent(area), in + out, err
	}
	conv, _, err := areaOf("R20")
	if err != nil {
		return finding{}, err
	}
	dense, n, err := areaOf("R22")
	if err != nil {
		return finding{}, err
	}
	convBits, _, err := v.bitsPerDim(ctx, "R20", seed, "grey_in")
	if err != nil {
		return finding{}, err
	}
	denseBits, _, err := v.bitsPerDim(ctx, "R22", seed, "grey_in")
	return finding{measured: "AUROC of the dense Glow, %", value: dense, runs: []string{"R22", "R20"}, roles: grey, images: n,
		holds: denseBits.Value > convBits.Value && conv.Value < 50 && dense.Value > 50,
		note:  fmt.Sprintf("conv %.1f [%.1f, %.1f]; bits/dim dense %.2f, conv %.2f", conv.Value, conv.Low, conv.High, denseBits.Value, convBits.Value)}, err
}

// correlations are those of all pairs of independently trained conv Glows.
func (v *Evaluation) correlations(ctx context.Context, seed uint64, column string) ([]metric.Interval, int, error) {
	var all []metric.Interval
	images := 0
	for _, pair := range pairsOf(v.independent()) {
		rho, n, err := v.correlation(ctx, pair[0], pair[1], seed, column)
		if err != nil {
			return nil, 0, err
		}
		all, images = append(all, rho), n
	}
	return all, images, nil
}

func judgeL8(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	rhos, n, err := v.correlations(ctx, seed, likelihood)
	if err != nil {
		return finding{}, err
	}
	least := slices.MinFunc(rhos, byValue)
	return finding{measured: fmt.Sprintf("least Spearman ρ of %d pairs", len(rhos)), value: least, holds: least.Value > 0.9, runs: v.independent(), roles: whole, images: n}, nil
}

// evaluated are the roles that the means over sets are over.
func (v *Evaluation) evaluated() []string {
	roles := []string{"in", "smooth", "general"}
	if v.schedule.Roles.Set("near") != "" {
		roles = append(roles, "near")
	}
	return roles
}

func judgeL9(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	means := map[string]metric.Interval{}
	images := 0
	for _, id := range v.independent() {
		var perSet []float64
		variance := 0.0
		for _, role := range v.evaluated() {
			values, err := v.scores(ctx, id, seed, role, likelihood)
			if err != nil {
				return finding{}, err
			}
			mean, std := metric.OverSeeds(values)
			perSet = append(perSet, mean)
			variance += std * std / float64(len(values))
			images += len(values)
		}
		mean, _ := metric.OverSeeds(perSet)
		half := 1.96 * math.Sqrt(variance) / float64(len(perSet))
		means[id] = metric.Interval{Value: mean, Low: mean - half, High: mean + half}
	}
	holds, note := true, []string{}
	for _, id := range v.independent()[1:] {
		holds = holds && means["R01"].Value > means[id].Value
		note = append(note, fmt.Sprintf("%s %.0f", id, means[id].Value))
	}
	return finding{measured: "mean ln p of the general model over sets, nats", value: means["R01"], holds: holds, runs: v.independent(),
		roles: v.evaluated(), images: images / len(means), note: strings.Join(note, ", ")}, nil
}

func judgeL10(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	means := map[string]float64{}
	var least metric.Interval
	images := 0
	for _, id := range v.independent() {
		total := 0.0
		for _, other := range v.independent() {
			if other == id {
				continue
			}
			rho, n, err := v.correlation(ctx, id, other, seed, likelihood)
			if err != nil {
				return finding{}, err
			}
			total, images = total+rho.Value, n
			if id == "R01" {
				least.Low += rho.Low
				least.High += rho.High
			}
		}
		means[id] = total / float64(len(v.independent())-1)
	}
	n := float64(len(v.independent()) - 1)
	holds, note := true, []string{}
	for _, id := range v.independent()[1:] {
		holds = holds && means["R01"] > means[id]
		note = append(note, fmt.Sprintf("%s %.4f", id, means[id]))
	}
	return finding{measured: "mean Spearman ρ of the general model with the others", value: metric.Interval{Value: means["R01"], Low: least.Low / n, High: least.High / n},
		holds: holds, runs: v.independent(), roles: whole, images: images, note: strings.Join(note, ", ") + "; the interval is the mean of the pairs'"}, nil
}

// judgeL11 judges every claim about rank correlations again with Pearson's correlation.
func judgeL11(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	pearson := *v
	pearson.correlate = metric.PearsonInterval
	f := finding{measured: "least Pearson r of L8's pairs", holds: true, roles: whole}
	var differ []string
	for _, claim := range []struct {
		id string
		by judge
	}{{"L2", judgeL2}, {"L3", judgeL3}, {"L4", judgeL4}, {"L5", judgeL5}, {"L6", judgeL6}, {"L8", judgeL8}, {"L10", judgeL10}, {"F1", judgeF1}, {"F2", judgeF2}} {
		ranks, err := claim.by(ctx, v, seed)
		if err != nil {
			return f, fmt.Errorf("%s: %w", claim.id, err)
		}
		values, err := claim.by(ctx, &pearson, seed)
		if err != nil {
			return f, fmt.Errorf("%s: %w", claim.id, err)
		}
		if ranks.holds != values.holds {
			differ = append(differ, fmt.Sprintf("%s (%.3f, Spearman %.3f)", claim.id, values.value.Value, ranks.value.Value))
		}
		if claim.id == "L8" {
			f.value, f.images, f.runs = values.value, values.images, values.runs
		}
	}
	f.holds = len(differ) == 0
	f.note = "same verdicts on L2-L6, L8, L10, F1, F2"
	if !f.holds {
		f.note = "other verdicts on " + strings.Join(differ, ", ")
	}
	return f, nil
}

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

func judgeD1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	raw, n, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth"})
	return finding{measured: "AUROC of ln p, %", value: raw, holds: raw.Value < 30, runs: []string{"R06"}, roles: whole, images: n}, err
}

func judgeD2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	raw, _, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth"})
	if err != nil {
		return finding{}, err
	}
	ratio, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: "smooth"})
	return finding{measured: "AUROC of the ratio, %", value: ratio, holds: ratio.Value > raw.Value+30 && ratio.Value > 70,
		runs: []string{"R06", "R01"}, roles: whole, images: n, note: fmt.Sprintf("raw %.1f", raw.Value)}, err
}

func judgeD3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	var area [4]metric.Interval
	images := 0
	for i, s := range []source{{in: "R06", outRole: "smooth"}, {in: "R06", general: "PNG", outRole: "smooth"},
		{in: "R05", inRole: "smooth", outRole: "in"}, {in: "R05", inRole: "smooth", outRole: "in", general: "PNG"}} {
		var err error
		if area[i], images, err = v.area(ctx, seed, s); err != nil {
			return finding{}, err
		}
	}
	return finding{measured: "AUROC of ln p with PNG, in against smooth, %", value: area[1], holds: area[1].Value > area[0].Value && area[3].Value < area[2].Value,
		runs: []string{"R06", "R05"}, roles: whole, images: images,
		note: fmt.Sprintf("raw %.1f; smooth against in: raw %.1f, with PNG %.1f", area[0].Value, area[2].Value, area[3].Value)}, nil
}

func judgeD4(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	same, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: "smooth"})
	if err != nil {
		return finding{}, err
	}
	other, _, err := v.area(ctx, seed, source{in: "R06", general: "R27", outRole: "smooth"})
	return finding{measured: "AUROC of Glow less the general PixelCNN++, %", value: other, holds: same.Value > other.Value,
		runs: []string{"R06", "R01", "R27"}, roles: whole, images: n, note: fmt.Sprintf("less the general Glow %.1f", same.Value)}, err
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

func judgeD5(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	least := metric.Interval{Value: 200}
	f := finding{runs: []string{"R05", "R01", "R27"}, roles: append([]string{"smooth"}, v.outliers("smooth")...)}
	for _, role := range v.outliers("smooth") {
		for _, general := range []string{"", "R01", "R27"} {
			area, n, err := v.area(ctx, seed, source{in: "R05", inRole: "smooth", outRole: role, general: general})
			if err != nil {
				return f, err
			}
			if area.Value < least.Value {
				least, f.images = area, n
				f.measured = fmt.Sprintf("least AUROC of raw and ratios, %% (%s, general %q)", role, general)
			}
		}
	}
	f.value, f.holds = least, least.Value > 90
	return f, nil
}

func judgeD6(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	means := map[bool][]float64{}
	var same []metric.Interval
	images := 0
	for _, in := range [][3]string{{"smooth", "R05", "R28"}, {"in", "R06", "R29"}, {"near", "R07", "R30"}} {
		if v.schedule.Roles.Set(in[0]) == "" {
			continue
		}
		for _, out := range v.outliers(in[0]) {
			for i, own := range in[1:] {
				for j, general := range []string{"R01", "R27"} {
					area, n, err := v.area(ctx, seed, source{in: own, inRole: in[0], outRole: out, general: general})
					if err != nil {
						return finding{}, err
					}
					means[i == j] = append(means[i == j], area.Value)
					images = max(images, n)
					if i == j {
						same = append(same, area)
					}
				}
			}
		}
	}
	own, _ := metric.OverSeeds(means[true])
	other, _ := metric.OverSeeds(means[false])
	return finding{measured: "mean AUROC over pairs, same family, %", value: meanInterval(same), holds: own >= other,
		runs: []string{"R05", "R06", "R07", "R28", "R29", "R30", "R01", "R27"}, roles: v.outliers(""), images: images, note: fmt.Sprintf("other family %.1f", other)}, nil
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

func judgeF1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	full, _, err := v.correlations(ctx, seed, likelihood)
	if err != nil {
		return finding{}, err
	}
	last, n, err := v.correlations(ctx, seed, v.last())
	if err != nil {
		return finding{}, err
	}
	a, b := meanInterval(last), meanInterval(full)
	return finding{measured: "mean Spearman ρ of " + v.last() + " over pairs", value: a, holds: a.Value < b.Value-0.2, runs: v.independent(), roles: whole, images: n,
		note: fmt.Sprintf("full likelihood %.3f", b.Value)}, nil
}

// judgeF2 compares the first scales together with the last one, between the Glows finetuned on in and trained on smooth.
func judgeF2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	first := func(id string) ([]float64, error) {
		full, err := v.both(ctx, id, seed, likelihood)
		if err != nil {
			return nil, err
		}
		last, err := v.both(ctx, id, seed, v.last())
		if err != nil {
			return nil, err
		}
		return score.Ratio(full, last) // c1 + c2 = ln p - c3
	}
	a, err := first("R06")
	if err != nil {
		return finding{}, err
	}
	b, err := first("R02")
	if err != nil {
		return finding{}, err
	}
	early, err := v.correlate(a, b, bootstrapResamples, seed)
	if err != nil {
		return finding{}, err
	}
	late, n, err := v.correlation(ctx, "R06", "R02", seed, v.last())
	if err != nil {
		return finding{}, err
	}
	last, err := v.both(ctx, "R06", seed, v.last())
	if err != nil {
		return finding{}, err
	}
	ratio := spread(a) / spread(last)
	return finding{measured: "Spearman ρ of c1+c2 between the Glows of in and smooth", value: early, holds: ratio > 2 && early.Value > late.Value,
		runs: []string{"R06", "R02"}, roles: whole, images: n, note: fmt.Sprintf("%s %.3f; range of c1+c2 is %.1f times that of %s (1st to 99th percentile)", v.last(), late.Value, ratio, v.last())}, nil
}

// spread is the range from the first to the last hundredth.
func spread(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := func(p float64) float64 { return sorted[int(p*float64(len(sorted)-1))] }
	return at(0.99) - at(0.01)
}

func judgeF3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	raw, _, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth"})
	if err != nil {
		return finding{}, err
	}
	last, n, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth", column: v.last()})
	return finding{measured: "AUROC of " + v.last() + ", %", value: last, holds: last.Value > raw.Value+20, runs: []string{"R06"}, roles: whole, images: n,
		note: fmt.Sprintf("full likelihood %.1f", raw.Value)}, err
}

func judgeF4(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	last, _, err := v.area(ctx, seed, source{in: "R06", outRole: "smooth", column: v.last()})
	if err != nil {
		return finding{}, err
	}
	ratio, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: "smooth", column: v.last()})
	return finding{measured: "AUROC of the ratio of " + v.last() + ", %", value: ratio, holds: ratio.Value <= last.Value, runs: []string{"R06", "R01"}, roles: whole, images: n,
		note: fmt.Sprintf("%s alone %.1f", v.last(), last.Value)}, err
}

func judgeF7(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{holds: true, runs: []string{"R06"}, roles: append([]string{"in"}, v.outliers("in")...)}
	least := math.Inf(1)
	var notes []string
	for _, role := range v.outliers("in") {
		raw, _, err := v.area(ctx, seed, source{in: "R06", outRole: role})
		if err != nil {
			return f, err
		}
		last, n, err := v.area(ctx, seed, source{in: "R06", outRole: role, column: v.last()})
		if err != nil {
			return f, err
		}
		f.holds = f.holds && last.Value > raw.Value
		notes = append(notes, fmt.Sprintf("%s %.1f against %.1f", role, last.Value, raw.Value))
		if last.Value-raw.Value < least {
			least, f.value, f.images = last.Value-raw.Value, last, n
			f.measured = fmt.Sprintf("AUROC of %s, %%, where it gains least (%s)", v.last(), role)
		}
	}
	f.note = strings.Join(notes, "; ")
	return f, nil
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

func judgeO1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{holds: true, runs: []string{"R11", "R13", "R06", "R01"}, roles: append([]string{"in"}, v.outliers("in")...)}
	var notes []string
	for _, kind := range []source{{column: likelihood}, {column: v.last()}, {column: likelihood, general: "R01"}} {
		name := kind.column
		if kind.general != "" {
			name = "ratio"
		}
		means := map[string]metric.Interval{}
		for _, id := range []string{"R06", "R13", "R11"} {
			kind.in = id
			var err error
			if means[id], f.images, err = v.meanArea(ctx, seed, kind); err != nil {
				return f, err
			}
		}
		f.holds = f.holds && means["R11"].Value > means["R06"].Value && means["R11"].Value > means["R13"].Value
		notes = append(notes, fmt.Sprintf("%s: none %.1f, margin %.1f, outlier loss %.1f", name, means["R06"].Value, means["R13"].Value, means["R11"].Value))
		if name == "ratio" {
			f.measured, f.value = "mean AUROC of the ratio with the outlier loss, %", means["R11"]
		}
	}
	f.note = strings.Join(notes, "; ")
	return f, nil
}

func judgeO3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	diff, _, err := v.meanArea(ctx, seed, source{in: "R11", general: "R01"})
	if err != nil {
		return finding{}, err
	}
	dagger, n, err := v.meanArea(ctx, seed, source{in: "R11", general: "R16"})
	return finding{measured: "mean AUROC of Diff†, %", value: dagger, holds: dagger.Value >= diff.Value, runs: []string{"R11", "R16", "R01"},
		roles: append([]string{"in"}, v.outliers("in")...), images: n, note: fmt.Sprintf("Diff %.1f", diff.Value)}, err
}

func judgeO4(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "AUROC of the supervised " + v.last() + " on near, %", runs: []string{"R14", "R11"}, roles: []string{"in", "near"}}
	without, _, err := v.area(ctx, seed, source{in: "R11", outRole: "near", column: v.last()})
	if err != nil {
		return f, err
	}
	with, n, err := v.area(ctx, seed, source{in: "R14", outRole: "near", column: v.last()})
	f.value, f.images, f.holds, f.note = with, n, with.Value >= without.Value, fmt.Sprintf("unsupervised %.1f", without.Value)
	return f, err
}

// curvePoint is what was seen of a run at a step.
type curvePoint struct {
	step     int
	auroc    metric.Interval // of the ratio to the general model, mean over the outlier sets, percent
	bits     float64         // on in
	bitsHalf float64
	images   int
}

// curve is the ratio's AUROC and bits/dim over the steps of a run trained on a role, as it was watched (digest §4.5).
func (v *Evaluation) curve(ctx context.Context, id string, seed uint64, inRole string) ([]curvePoint, error) {
	run, err := v.schedule.Run(id, seed)
	if err != nil {
		return nil, err
	}
	generalRun, err := v.schedule.Run("R01", seed)
	if err != nil {
		return nil, err
	}
	in, err := v.set(inRole)
	if err != nil {
		return nil, err
	}
	files, _ := filepath.Glob(watchFile(run, in, 0)[:len(watchFile(run, in, 0))-len("00000000.csv")] + "*.csv")
	if len(files) == 0 {
		return nil, fmt.Errorf("%s was trained without looking at its scores: remove the run to train it again", id)
	}
	slices.Sort(files)
	images := v.schedule.Size.CurveImages
	general := func(set string) ([]float64, error) {
		table, err := v.engine.Scores(ctx, generalRun, set, images, density.Noise{Sample: true, Seed: seed})
		if err != nil {
			return nil, err
		}
		return table.Column(likelihood, nil)
	}
	watched := func(set string, step int) ([]float64, error) {
		table, err := score.Read(watchFile(run, set, step))
		if err != nil {
			return nil, err
		}
		return table.Column(likelihood, nil)
	}
	set, err := v.engine.Set(in, "test")
	if err != nil {
		return nil, err
	}
	var points []curvePoint
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		step, err := strconv.Atoi(name[len(name)-8:])
		if err != nil {
			return nil, fmt.Errorf("%s: no step in its name", file)
		}
		ratio := map[string][]float64{}
		for _, role := range append([]string{inRole}, v.outliers(inRole)...) {
			name := v.schedule.Roles.Set(role)
			own, err := watched(name, step)
			if err != nil {
				return nil, err
			}
			base, err := general(name)
			if err != nil {
				return nil, err
			}
			own, _ = metric.ReplaceNonFinite(own)
			base, _ = metric.ReplaceNonFinite(base)
			if ratio[role], err = score.Ratio(own, base); err != nil {
				return nil, err
			}
			if role == inRole {
				bits := make([]float64, len(own))
				for i, l := range own {
					bits[i] = density.BitsPerDim(l, set.ImageSize())
				}
				mean, std := metric.OverSeeds(bits)
				points = append(points, curvePoint{step: step, bits: mean, bitsHalf: 1.96 * std / math.Sqrt(float64(len(bits)))})
			}
		}
		var all []metric.Interval
		for _, role := range v.outliers(inRole) {
			area, err := metric.AUROC(ratio[inRole], ratio[role])
			if err != nil {
				return nil, err
			}
			all = append(all, percent(area))
			points[len(points)-1].images += len(ratio[role])
		}
		points[len(points)-1].auroc = meanInterval(all)
	}
	return points, nil
}

func judgeO2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	drop := func(id string) (float64, curvePoint, error) {
		points, err := v.curve(ctx, id, seed, "in")
		if err != nil {
			return 0, curvePoint{}, err
		}
		best := slices.MaxFunc(points, func(a, b curvePoint) int { return byValue(a.auroc, b.auroc) })
		return best.auroc.Value - points[len(points)-1].auroc.Value, points[len(points)-1], nil
	}
	margin, last, err := drop("R13")
	if err != nil {
		return finding{}, err
	}
	outlier, _, err := drop("R11")
	half := (last.auroc.High - last.auroc.Low) / 2
	return finding{measured: "loss of AUROC from the best point to the end with margin, points", value: metric.Interval{Value: margin, Low: margin - half, High: margin + half},
		holds: margin > outlier, runs: []string{"R13", "R11"}, roles: append([]string{"in"}, v.outliers("in")...), images: last.images,
		note: fmt.Sprintf("with the outlier loss %.1f; the interval is that of the last point", outlier)}, err
}

func judgeT1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	scratch, err := v.curve(ctx, "R03", seed, "in")
	if err != nil {
		return finding{}, err
	}
	tuned, err := v.curve(ctx, "R06", seed, "in")
	if err != nil {
		return finding{}, err
	}
	final := scratch[len(scratch)-1]
	f := finding{measured: "share of the scratch run's steps after which finetuning has passed its bits/dim, %", runs: []string{"R03", "R06"}, roles: []string{"in"}, images: v.schedule.Size.CurveImages}
	crossing := math.NaN()
	for _, p := range tuned {
		if p.bits < final.bits {
			crossing = 100 * float64(p.step) / float64(final.step)
			break
		}
	}
	f.note = fmt.Sprintf("bits/dim: scratch at its end %.3f ± %.3f, finetuned from %.3f to %.3f; seen every %d steps", final.bits, final.bitsHalf, tuned[0].bits, tuned[len(tuned)-1].bits, tuned[0].step)
	if math.IsNaN(crossing) {
		f.value = metric.Interval{Value: 100, Low: 100, High: 100}
		f.note = "never passed; " + f.note
		return f, nil
	}
	every := 100 * float64(tuned[0].step) / float64(final.step)
	f.value = metric.Interval{Value: crossing, Low: crossing - every, High: crossing}
	f.holds = crossing < 50
	return f, nil
}

func judgeT2(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	general, _, err := v.meanArea(ctx, seed, source{in: "R06", general: "R01"})
	if err != nil {
		return finding{}, err
	}
	own, n, err := v.meanArea(ctx, seed, source{in: "R09", general: "R01"})
	half := math.Hypot(general.High-general.Value, own.High-own.Value)
	d := general.Value - own.Value
	return finding{measured: "AUROC of the ratio, from the general start less from its own, points", value: metric.Interval{Value: d, Low: d - half, High: d + half},
		holds: d > 0, runs: []string{"R06", "R09", "R01"}, roles: append([]string{"in"}, v.outliers("in")...), images: n}, err
}

func judgeT3(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	general, n, err := v.bitsPerDim(ctx, "R01", seed, "in")
	if err != nil {
		return finding{}, err
	}
	own, _, err := v.bitsPerDim(ctx, "R06", seed, "in")
	return finding{measured: "bits/dim of the general model on in", value: general, holds: general.Value < 1.1*own.Value, runs: []string{"R01", "R06"}, roles: []string{"in"}, images: n,
		note: fmt.Sprintf("in-distribution model %.3f", own.Value)}, err
}

func judgeV1(ctx context.Context, v *Evaluation, _ uint64) (finding, error) {
	if len(v.schedule.Seeds) < 3 {
		return finding{}, errors.New("three seeds are needed: --seeds 3")
	}
	largest := finding{holds: true, runs: []string{"R06", "R01"}, roles: append([]string{"in"}, v.outliers("in")...)}
	for _, role := range v.outliers("in") {
		var values []float64
		for _, seed := range v.schedule.Seeds {
			area, n, err := v.area(ctx, seed, source{in: "R06", general: "R01", outRole: role})
			if err != nil {
				return finding{}, err
			}
			values, largest.images = append(values, area.Value), n
		}
		_, std := metric.OverSeeds(values)
		largest.holds = largest.holds && std <= 3
		if std > largest.value.Value {
			// the interval of a standard deviation of n normal values is wide: say so by the range of the values
			largest.value = metric.Interval{Value: std, Low: 0, High: (slices.Max(values) - slices.Min(values))}
			largest.measured = "largest standard deviation over seeds of the ratio's AUROC, points (" + role + ")"
		}
	}
	return largest, nil
}

func judgeM1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	var area [4]metric.Interval
	images := 0
	for i, s := range []source{{}, {column: v.last()}, {general: "R01"}, {general: "R25"}} {
		s.in, s.inRole, s.outRole = "R26", "mri_one", "mri_others"
		var err error
		if area[i], images, err = v.area(ctx, seed, s); err != nil {
			return finding{}, err
		}
	}
	return finding{measured: "AUROC of the ratio to the own domain, %", value: area[3], runs: []string{"R26", "R25", "R01"}, roles: []string{"mri_one", "mri_others"}, images: images,
		holds: area[0].Value < area[1].Value && area[1].Value < area[2].Value && area[2].Value < area[3].Value,
		note:  fmt.Sprintf("raw %.1f, %s %.1f, ratio to general %.1f", area[0].Value, v.last(), area[1].Value, area[2].Value)}, nil
}

func judgeB1(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "AUROC of the classifier on near, %", runs: []string{"R32", "R11", "R16"}, roles: []string{"in", "near", "smooth"}}
	var area [4]metric.Interval
	for i, s := range []source{{in: "R32", column: "log_odds", outRole: "near"}, {in: "R11", general: "R16", outRole: "near"},
		{in: "R32", column: "log_odds", outRole: "smooth"}, {in: "R11", general: "R16", outRole: "smooth"}} {
		var err error
		if area[i], f.images, err = v.area(ctx, seed, s); err != nil {
			return f, err
		}
	}
	f.value, f.holds = area[0], area[0].Value > area[1].Value && area[2].Value < area[3].Value
	f.note = fmt.Sprintf("Diff† %.1f; on smooth: classifier %.1f, Diff† %.1f", area[1].Value, area[2].Value, area[3].Value)
	return f, nil
}
