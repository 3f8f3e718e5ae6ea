package runs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"strata/pkg/backend"
	"strata/pkg/train"
)

// Schedule is the runs of some configurations, one a seed, in an order in which each stands behind those that it is made
// from.
type Schedule struct {
	Size plan.Size
	Roles Roles
	Seeds []uint64
	Runs  []*Scheduled
}

// Scheduled is a run of a schedule.
type Scheduled struct {
	plan.Configuration plan.Configuration
	Seed          uint64
	// Wanted says that somebody asked for it: the others are used where they are done, and not trained.
	Wanted bool
	// Run is there unless Problem says why it cannot be, or why it failed.
	Run     *Run
	Problem error
	// Estimate is how long what is missing of it will take, and Choice where it would be computed.
	Estimate time.Duration
	Choice   backend.Choice

	request Request
}

// Schedule works out the runs of all configurations: what is done already, what is missing of those that are wanted and how
// long it will take, and what cannot be run because no set plays a role. Nothing is trained.
func (e *Engine) Schedule(wanted plan.Configurations, size plan.Size, roles Roles, seeds []uint64) (*Schedule, error) {
	all, err := plan.LoadConfigurations()
	if err != nil {
		return nil, err
	}
	s := &Schedule{Size: size, Roles: roles, Seeds: seeds}
	speeds := e.speeds()
	for _, seed := range seeds {
		for _, c := range all {
			_, asked := wanted.Find(c.ID)
			run := &Scheduled{Configuration: c, Seed: seed, Wanted: asked}
			s.Runs = append(s.Runs, run)
			if run.Problem = e.prepare(s, run); run.Problem == nil {
				run.estimate(speeds)
			}
		}
	}
	return s, nil
}

// prepare completes a run of a schedule; those that it is made from have been.
func (e *Engine) prepare(s *Schedule, run *Scheduled) error {
	c := run.Configuration
	set := func(role string) (string, error) {
		if name := s.Roles.Set(role); name != "" {
			return name, nil
		}
		return "", fmt.Errorf("no set plays the role %s in family %s", role, s.Roles.Family)
	}
	q := Request{Model: c.Model, Size: s.Size, Seed: run.Seed, Loss: c.Loss, Labels: c.Labels, FrozenScales: c.FrozenScales}
	var err error
	if q.Set, err = set(c.Set); err != nil {
		return err
	}
	if c.Outliers != "" {
		if q.Outliers, err = set(c.Outliers); err != nil {
			return err
		}
	}
	for _, from := range []struct {
		id   string
		into **Run
	}{{c.Parent, &q.Parent}, {c.General, &q.General}} {
		if from.id == "" {
			continue
		}
		needed := s.find(from.id, run.Seed)
		if needed == nil {
			return fmt.Errorf("%s is not in the plan", from.id)
		}
		if needed.Problem != nil {
			return fmt.Errorf("it is made from %s: %w", from.id, needed.Problem)
		}
		*from.into = needed.Run
	}
	if slices.Contains([]string{"in", "near", "smooth"}, c.Set) && c.Model == "glow" || c.ID == "R01" {
		for _, role := range []string{"in", "near", "smooth", "far"} {
			if name := s.Roles.Set(role); name != "" {
				q.Watch = append(q.Watch, name)
			}
		}
	}
	run.request = q
	spec, err := e.Spec(q)
	if err != nil {
		return err
	}
	run.Run, err = openOrStart(e.Runs, spec)
	return err
}

func (s *Schedule) find(id string, seed uint64) *Scheduled {
	for _, run := range s.Runs {
		if run.Configuration.ID == id && run.Seed == seed {
			return run
		}
	}
	return nil
}

// Run is the finished run of a configuration; where there is none the error says why.
func (s *Schedule) Run(id string, seed uint64) (*Run, error) {
	run := s.find(id, seed)
	switch {
	case run == nil:
		return nil, fmt.Errorf("%s was not asked for", id)
	case run.Problem != nil:
		return nil, fmt.Errorf("%s: %w", id, run.Problem)
	case !run.Run.Info.Done:
		return nil, fmt.Errorf("%s is not trained", id)
	}
	return run.Run, nil
}

// Missing are the runs that have to be trained, and Left how long that will take.
func (s *Schedule) Missing() (missing []*Scheduled, left time.Duration) {
	for _, run := range s.Runs {
		if run.Wanted && run.Problem == nil && !run.Run.Info.Done {
			missing = append(missing, run)
			left += run.Estimate
		}
	}
	return missing, left
}

// Failures are the runs that were tried and failed, or that are made from such a one; a role without a set is none.
func (s *Schedule) Failures() error {
	var failures []error
	for _, run := range s.Runs {
		var failed *failure
		if errors.As(run.Problem, &failed) {
			failures = append(failures, fmt.Errorf("%s seed %d: %w", run.Configuration.ID, run.Seed, run.Problem))
		}
	}
	return errors.Join(failures...)
}

// failure marks that a run was tried.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// TrainAll trains what is missing. A run that fails is noted, with those that are made from it, and the others go on;
// Failures tells. Only a stop ends it early.
func (e *Engine) TrainAll(ctx context.Context, s *Schedule) error {
	missing, _ := s.Missing()
	defer func() { e.label = "" }()
	for i, run := range missing {
		for _, id := range run.Configuration.Needs() {
			if needed := s.find(id, run.Seed); needed.Problem != nil {
				run.Problem = fmt.Errorf("it is made from %s: %w", id, needed.Problem)
			}
		}
		if run.Problem != nil {
			fmt.Fprintf(e.Out, "%s seed %d: not trained: %v\n", run.Configuration.ID, run.Seed, run.Problem)
			continue
		}
		_, left := s.Missing()
		e.label = fmt.Sprintf("%d/%d %s, plan %s left: ", i+1, len(missing), run.Configuration.ID, Roughly(left))
		trained, err := e.Train(ctx, run.request)
		switch {
		case err == nil:
			*run.Run = *trained // parents of other requests point here
		case ctx.Err() != nil, errors.Is(err, train.ErrStopped):
			return err
		default:
			run.Problem = &failure{err}
			fmt.Fprintf(e.Out, "%s seed %d FAILED: %v\n", run.Configuration.ID, run.Seed, err)
		}
	}
	return nil
}

// Print shows the plan to a person.
func (s *Schedule) Print(w io.Writer) {
	missing, left := s.Missing()
	wanted := 0
	for _, run := range s.Runs {
		if run.Wanted {
			wanted++
		}
	}
	fmt.Fprintf(w, "size %s, family %s, %d runs, %d to train, about %s\n\n", s.Size.Name, s.Roles.Family, wanted, len(missing), Roughly(left))
	fmt.Fprintf(w, "%-5s %-4s %-28s %-24s %6s  %-10s %-4s %s\n", "run", "seed", "network", "set", "steps", "state", "on", "serves")
	for _, run := range s.Runs {
		c := run.Configuration
		if !run.Wanted {
			continue
		}
		if run.Problem != nil {
			fmt.Fprintf(w, "%-5s %-4d not possible: %v\n", c.ID, run.Seed, run.Problem)
			continue
		}
		spec := run.Run.Info.Spec
		state, on := "about "+Roughly(run.Estimate), run.Choice.Kind()
		if run.Run.Info.Done {
			state, on = "done", run.Run.Info.Place.Kind()
		}
		set := spec.Set
		if spec.Outliers != "" {
			set += " vs " + spec.Outliers
		}
		fmt.Fprintf(w, "%-5s %-4d %-28s %-24s %6d  %-10s %-4s %s\n", c.ID, run.Seed, spec.Network(), set, spec.Train.Steps, state, on, strings.Join(c.Serves, " "))
	}
}

// Roughly is a duration as a person says it.
func Roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// speeds are the seconds a step of the finished runs of the store, by what they trained and on what kind of backend.
func (e *Engine) speeds() map[string]float64 {
	speeds := map[string]float64{}
	runs, _ := ListRuns(e.Runs) // a damaged run has no speed, and is reported where it is used
	for _, run := range runs {
		if info := run.Info; info.Done && info.Imported == nil && info.Seconds > 0 && len(info.Earlier) == 0 {
			speeds[speedKey(info.Spec, info.Place.Kind())] = info.Seconds / float64(info.Spec.Train.Steps)
		}
	}
	return speeds
}

func speedKey(s Spec, backend string) string {
	return fmt.Sprint(backend, s.Network(), s.Train.Batch, s.Train.Loss.Outliers, s.Train.Loss.WrongClass)
}

// estimate takes the speed of a run of the same kind, or the size's figure.
func (r *Scheduled) estimate(speeds map[string]float64) {
	spec := r.Run.Info.Spec
	work := r.request.trainingWork(spec)
	r.Choice = backend.Choose(work)
	if r.Run.Info.Done {
		return
	}
	seconds, ok := speeds[speedKey(spec, r.Choice.Kind())]
	if ok {
		seconds *= float64(spec.Train.Steps)
	} else {
		seconds = r.Choice.Seconds()
	}
	r.Estimate = time.Duration(seconds * float64(time.Second))
}

// Estimate is how long a configuration trains from nothing at a size, on two cores without a GPU.
func (s plan.Size) Estimate(c plan.Configuration) time.Duration {
	_, steps := s.BudgetOf(c.Model, c.Parent != "")
	return time.Duration(s.stepSeconds(c.Model, c.Labels, c.Loss != "") * float64(steps) * float64(time.Second))
}

// stepSeconds is what a step takes on two cores, on the Go backend. Outliers cost 7/3 of a step without, labels 8/3 (the general model's pass
// and the outliers' share of the batch).
func (s plan.Size) stepSeconds(model string, labels, outliers bool) float64 {
	seconds := s.Seconds[model]
	switch {
	case labels:
		seconds *= 8. / 3
	case outliers:
		seconds *= 7. / 3
	}
	return seconds
}
