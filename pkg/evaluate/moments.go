package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"

	"strata/pkg/density"
	"strata/pkg/ledger"
	"strata/pkg/score"
)

// moment is a point of the learning curves: which claims turn with more training. The runs of one kind are looked at while they
// were trained, all at the same point of their curves (engine.watch); every other run is looked at as it is at its end. All
// scores are then of the curves' images, fewer than a table's.
type moment struct {
	point int // 1 to CurvePoints, 0 for no moment
	// scratch looks at the runs from scratch on their way, otherwise those finetuned.
	scratch bool
}

// momentClaims are the claims that are judged over the steps: those that need no other scores than the curves'.
var momentClaims = []struct {
	id      string
	scratch bool
}{{"D1", false}, {"D2", false}, {"D5", false}, {"F3", false}, {"F4", false}, {"F7", false}, {"O1", false}, {"T2", false},
	{"L8", true}, {"L10", true}, {"F1", true}}

// tableOf are the scores of a run, at the evaluation's moment.
func (v *Evaluation) tableOf(ctx context.Context, run *Run, set string, noise density.Noise) (*score.Table, error) {
	size := v.schedule.Size
	if v.moment.point == 0 {
		return v.engine.Scores(ctx, run, set, size.TestImages, noise)
	}
	if (run.Info.Spec.Parent == "") == v.moment.scratch {
		table, err := score.Read(watchFile(run, set, v.moment.step(run, size)))
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%s was trained without looking at its scores on %s", run.Info.ID, set)
		}
		return table, err
	}
	return v.engine.Scores(ctx, run, set, size.CurveImages, density.Noise{Sample: true, Seed: run.Info.Spec.Train.Seed})
}

// step is that of the moment in a run.
func (m moment) step(run *Run, size plan.Size) int {
	return m.point * max(1, run.Info.Spec.Train.Steps/size.CurvePoints)
}

// Moments judges the claims of the learning curves at each of their points, with the first seed.
func (v *Evaluation) Moments(ctx context.Context) ([]ledger.Moment, error) {
	var all []ledger.Moment
	seed := v.schedule.Seeds[0]
	for _, claim := range momentClaims {
		for point := 1; point <= v.schedule.Size.CurvePoints; point++ {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			then := *v
			then.moment = moment{point, claim.scratch}
			then.columns, then.NonFinite = map[string][]float64{}, map[string]int{}
			f, err := judgeOf(claim.id)(ctx, &then, seed)
			if err != nil {
				break // a run is not there, or was not looked at: the claim has no curve
			}
			run, err := v.schedule.Run(f.runs[0], seed)
			if err != nil {
				break
			}
			all = append(all, ledger.Moment{ID: claim.id, Measured: f.measured, Steps: then.moment.step(run, v.schedule.Size), Run: f.runs[0],
				Value: f.value.Value, Low: f.value.Low, High: f.value.High, Verdict: ledger.Judge(f.holds), Images: f.images, Note: f.note})
		}
	}
	return all, nil
}
