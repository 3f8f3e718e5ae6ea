package claim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/score"
)

// All judges all claims: rows for claims.csv and their conditions for conditions.csv. What is not there makes a claim
// not measured, and says why. What is wrong does too, and is returned as an error after all others have been judged.
func (j *Judge) All(ctx context.Context, size string) ([]result.Claim, []result.Condition, error) {
	var claims []result.Claim
	var conditions []result.Condition
	var problems plan.Problems
	for i, d := range j.all {
		row := j.rows[i]
		row.Size = size
		judged, err := j.Judge(ctx, d)
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case errors.Is(err, plan.ErrAbsent):
			row.Note = err.Error()
		case err != nil:
			row.Note = "an error kept it from being measured; strata reproduce says which"
			problems.Add("claim "+d.ID, err)
		default:
			row.Verdict, row.Note, row.Seeds, row.Images = judged.Verdict, judged.Note, judged.Seeds, judged.Images
			row.Value, row.Low, row.High = judged.Value.Value, judged.Value.Low, judged.Value.High
			row.Data, row.Network, row.Steps = j.numbers.Describe(judged.Roles, judged.Configurations)
			conditions = append(conditions, judged.Conditions...)
		}
		claims = append(claims, row)
	}
	return claims, conditions, problems.Err()
}

// OverSteps judges the claims that are followed along the learning curves at each of their points, 1 to points, by the
// first seed's runs. steps is the step of a configuration's run at a point. The rows of a claim stand together, in the
// order of the steps, as figures and report read them; a claim whose runs were not looked at has none.
func (j *Judge) OverSteps(ctx context.Context, points int, steps func(configuration string, point int) (int,
	error)) ([]result.ClaimAtStep, error) {
	var rows []result.ClaimAtStep
	var problems plan.Problems
	for point := 1; point <= points; point++ {
		for _, kind := range []score.Kind{score.FromScratch, score.Finetuned} {
			then := j.At(float64(point)/float64(points), kind) // shares what its claims compute
			for _, d := range j.all {
				if score.Kind(d.OverSteps) != kind {
					continue
				}
				judged, err := then.Judge(ctx, d)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				step := 0
				if err == nil {
					step, err = steps(judged.Configurations[0], point)
				}
				switch {
				case errors.Is(err, plan.ErrAbsent):
					continue
				case err != nil:
					problems.Add(fmt.Sprintf("claim %s over steps", d.ID), err)
					continue
				}
				against := threshold{bound: math.NaN()}
				if i := result.Deciding(judged.Conditions, d.ID, judged.Verdict); i >= 0 {
					against = judged.against[i]
				}
				rows = append(rows, result.ClaimAtStep{ID: d.ID, Measured: judged.Measured, Steps: step, Run: judged.Configurations[0],
					Value: judged.Value.Value, Low: judged.Value.Low, High: judged.Value.High, Verdict: judged.Verdict,
					Images: judged.Images, Note: judged.Note, Comparison: against.comparison, Bound: against.bound})
			}
		}
	}
	place := map[string]int{}
	for i, d := range j.all {
		place[d.ID] = i
	}
	slices.SortStableFunc(rows, func(a, b result.ClaimAtStep) int { return place[a.ID] - place[b.ID] })
	return rows, problems.Err()
}
