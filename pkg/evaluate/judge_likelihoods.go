package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/pkg/metric"
	"strata/pkg/pixeldiff"
)

// Claims of §2: likelihoods follow low-level features.

// independent are the conv Glows that were trained independently, as far as there are sets for them.
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
		pseudo, err := v.pseudo(role, whole)
		if err != nil {
			return f, err
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

// judgeL5 mixes images of both sets together, paired at random over the whole batch: amplitude of one, phase of another (paper S3). The
// paper does not say how its pairs were made (digest §8); pairs inside each set make the phase's image of the same set as the
// amplitude's, and the two numbers hard to tell apart: they stand in the note.
func judgeL5(ctx context.Context, v *Evaluation, seed uint64) (finding, error) {
	f := finding{measured: "Spearman ρ of mixed images with the amplitude's image", runs: []string{"R06"}, roles: whole}
	measure := func(roles ...string) (amplitude, phase metric.Interval, err error) {
		m, err := v.fourierMix(ctx, seed, roles...)
		if err != nil {
			return amplitude, phase, err
		}
		f.images = len(m.own)
		partner := make([]float64, len(m.own))
		for i, from := range m.order {
			partner[i] = m.own[from]
		}
		if amplitude, err = v.correlate(m.mixed, m.own, bootstrapResamples, seed); err != nil {
			return amplitude, phase, err
		}
		phase, err = v.correlate(m.mixed, partner, bootstrapResamples, seed)
		return amplitude, phase, err
	}
	var notes []string
	for _, role := range whole {
		amplitude, phase, err := measure(role)
		if err != nil {
			return f, err
		}
		notes = append(notes, fmt.Sprintf("inside %s %.3f and %.3f", role, amplitude.Value, phase.Value))
	}
	amplitude, phase, err := measure(whole...)
	f.value, f.holds = amplitude, amplitude.Value > 0.8 && phase.Value < 0.2
	f.note = fmt.Sprintf("with the phase's image %.3f [%.3f, %.3f]; pairs %s", phase.Value, phase.Low, phase.High, strings.Join(notes, ", "))
	return f, err
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
