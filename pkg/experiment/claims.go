package experiment

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/ledger"
	"strata/pkg/metric"
)

// claims judges L1, L2, L8, D1, D2 and F3. The paper's protocol finetunes the in-distribution model from the general one
// (R06); claims about it are judged there and, as rows of their own, on the one trained from scratch.
func (r *Results) claims(context.Context, *Engine) error {
	roles := r.Plan.Roles
	inAndSmooth := roles.Set("in") + " with " + roles.Set("smooth")
	steps := func(runs ...string) string {
		all := []string{}
		for _, name := range runs {
			s := r.Runs[name].Info.Spec
			text := fmt.Sprintf("%s %d", name, s.Train.Steps)
			if s.Parent != "" {
				text += " after " + strconv.Itoa(r.parentSteps(name))
			}
			all = append(all, text)
		}
		return strings.Join(all, ", ")
	}

	network := r.Runs["in"].Info.Spec.Network()
	add := func(c ledger.Claim, v metric.Interval) {
		c.Value, c.Low, c.High, c.Size = v.Value, v.Low, v.High, r.Plan.Size.Name
		r.Claims = append(r.Claims, c)
	}

	// L1
	peak, others := r.Densities["smooth"], []string{"in", "general"}
	centred := true
	for _, role := range pixelRoles {
		centred = centred && math.Abs(r.Densities[role].Mode()) <= r.Densities[role].BinWidth()
	}
	rival := slices.MaxFunc(others, func(a, b string) int {
		return int(math.Copysign(1, r.Densities[a].Peak()-r.Densities[b].Peak()))
	})
	add(ledger.Claim{
		ID: "L1", Where: "Fig 1A", Text: "pixel differences are centred at 0, and smooth has the highest peak", Paper: "shape",
		Measured:  "peak of smooth / highest peak of in, general",
		Predicate: "modes within one bin of 0, ratio > 1", Verdict: ledger.Judge(centred && peak.Peak() > r.Densities[rival].Peak()),
		Data: fmt.Sprintf("%s, %s, %s (training)", roles.Set("general"), roles.Set("in"), roles.Set("smooth")), Network: "none",
		Images: len(r.Peaks["general"]) + len(r.Peaks["in"]) + len(r.Peaks["smooth"]),
	}, ratioOfMeans(r.Peaks["smooth"], r.Peaks[rival], peak.Peak()/r.Densities[rival].Peak(), r.Plan.Seed))

	// L2 and L8 stand or fall with the least of their correlations.
	least := func(pairs []Correlation) Correlation {
		return slices.MinFunc(pairs, func(a, b Correlation) int {
			return int(math.Copysign(1, a.Spearman.Value-b.Spearman.Value))
		})
	}
	var pseudo, models []Correlation
	for _, c := range r.Pairs {
		switch {
		case strings.HasPrefix(c.A, "pseudo_"):
			pseudo = append(pseudo, c)
		case !strings.Contains(c.A, "_c"):
			models = append(models, c)
		}
	}
	l2, l8 := least(pseudo), least(models)
	add(ledger.Claim{ID: "L2", Where: "Fig 1B", Text: "pixel differences rank images as a conv Glow does, whatever it was trained on", Paper: "ρ > 0.83",
		Measured: fmt.Sprintf("least Spearman ρ of 3 models (%s)", l2.B), Predicate: "ρ > 0.83 for each model",
		Verdict: ledger.Judge(l2.Spearman.Value > 0.83), Data: inAndSmooth, Network: network, Steps: steps(pixelRoles...), Images: l2.Images}, l2.Spearman)
	add(ledger.Claim{ID: "L8", Where: "§2", Text: "conv Glows trained on different image sets agree on likelihoods", Paper: "ρ > 0.96",
		Measured: fmt.Sprintf("least Spearman ρ of 3 pairs (%s, %s)", l8.A, l8.B), Predicate: "ρ > 0.9 for every pair",
		Verdict: ledger.Judge(l8.Spearman.Value > 0.9), Data: inAndSmooth, Network: network, Steps: steps(pixelRoles...), Images: l8.Images}, l8.Spearman)

	last := fmt.Sprintf("c%d", r.Plan.Size.Networks.Glow.Scales)
	for _, model := range []string{"in_finetuned", "in"} {
		variant, withGeneral := "", steps(model, "general")
		if model == "in" {
			variant = " (from scratch)"
		}
		raw, ratio, c3 := r.detection(model, "full", "smooth"), r.detection(model, "ratio", "smooth"), r.detection(model, last, "smooth")
		data := fmt.Sprintf("%s against %s", roles.Set("in"), roles.Set("smooth"))
		images := raw.ImagesIn + raw.ImagesOut
		add(ledger.Claim{ID: "D1" + variant, Where: "Tab 1", Text: "raw likelihood prefers the smooth outliers", Paper: "8.8", Measured: "AUROC of ln p, %",
			Predicate: "AUROC < 30", Verdict: ledger.Judge(raw.AUROC.Value < 0.30), Data: data, Network: network, Steps: steps(model), Images: images}, percent(raw.AUROC))
		add(ledger.Claim{ID: "D2" + variant, Where: "Tab 1", Text: "the ratio to the general model repairs it", Paper: "93.9", Measured: "AUROC of the ratio, %",
			Predicate: "AUROC > raw + 30 and > 70", Verdict: ledger.Judge(ratio.AUROC.Value > raw.AUROC.Value+0.30 && ratio.AUROC.Value > 0.70),
			Data: data, Network: network, Steps: withGeneral, Images: images}, percent(ratio.AUROC))
		add(ledger.Claim{ID: "F3" + variant, Where: "Tab 2", Text: "the last scale alone detects what the full likelihood misses", Paper: "92.9", Measured: "AUROC of " + last + ", %",
			Predicate: "AUROC > raw + 20", Verdict: ledger.Judge(c3.AUROC.Value > raw.AUROC.Value+0.20), Data: data, Network: network, Steps: steps(model), Images: images}, percent(c3.AUROC))
	}
	return nil
}

func (r *Results) parentSteps(name string) int {
	for _, run := range r.Runs {
		if run.Info.ID == r.Runs[name].Info.Spec.Parent {
			return run.Info.Spec.Train.Steps
		}
	}
	return 0
}

func percent(v metric.Interval) metric.Interval {
	return metric.Interval{Value: 100 * v.Value, Low: 100 * v.Low, High: 100 * v.High}
}

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

// PrintClaims writes the ledger for people.
func (r *Results) PrintClaims(w io.Writer) {
	fmt.Fprintf(w, "%s at size %s, seed %d\n", r.Plan.Name, r.Plan.Size.Name, r.Plan.Seed)
	for _, role := range RoleNames() {
		set := r.Plan.Roles.Set(role)
		if stands := StandsFor(set); stands != "" {
			set += " (for " + stands + ")"
		}
		fmt.Fprintf(w, "  %-8s %s\n", role, set)
	}
	ledger.Print(w, r.Claims)
	for _, declared := range r.Plan.Section.Runs {
		if n := r.NonFinite[declared.Name]; n > 0 {
			fmt.Fprintf(w, "\n%s: %d log-likelihoods were not finite and count as %d\n", declared.Name, n, metric.NonFiniteScore)
		}
	}
}
