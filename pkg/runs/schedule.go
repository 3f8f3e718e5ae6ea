package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"strata/pkg/backend"
	"strata/pkg/plan"
	"strata/pkg/train"
)

// Schedule is the runs of all configurations, one a seed, in an order in which each stands behind those that it is
// made from.
type Schedule struct {
	Size  plan.Size
	Roles plan.Roles
	Seeds []uint64
	Runs  []*Scheduled

	engine *Engine
	speeds map[string]float64
	// done has the sets and seeds of the finished runs of the store, once somebody asked; nil where a run of it
	// cannot be read.
	done func() map[setAndSeed]bool
}

type setAndSeed struct {
	set  string
	seed uint64
}

// Scheduled is a run of a schedule.
type Scheduled struct {
	Configuration plan.Configuration
	Seed          uint64
	// Wanted says that somebody asked for it, or for what is made from it: the others are used where they are done,
	// and not trained.
	Wanted bool
	// Run is there, once it was looked for, unless Problem says why it cannot be, or why it failed.
	Run     *Run
	Problem error
	// Estimate is how long what is missing of it will take, and Choice where it would be computed.
	Estimate time.Duration
	Choice   backend.Choice

	request  Request
	prepared bool
}

// Schedule works out the runs of all configurations: what is done already, what is missing of those that are wanted
// and how long it will take, and what cannot be run because no set plays a role. Nothing is trained, and no set is
// opened that only runs need which nobody wants.
func (e *Engine) Schedule(wanted plan.Configurations, size plan.Size, roles plan.Roles, seeds []uint64) (*Schedule, error) {
	all, err := plan.LoadConfigurations()
	if err != nil {
		return nil, err
	}
	s := &Schedule{Size: size, Roles: roles, Seeds: seeds, engine: e, speeds: e.speeds(), done: sync.OnceValue(e.done)}
	for _, seed := range seeds {
		for _, c := range all {
			_, asked := wanted.Find(c.Name)
			run := &Scheduled{Configuration: c, Seed: seed, Wanted: asked}
			s.Runs = append(s.Runs, run)
			if asked {
				s.prepare(run)
			}
		}
	}
	return s, nil
}

// Add puts other seeds beside those of the schedule, as far as one of their runs is done: what is done of them is
// used, and nothing trained. The seed of which most is done comes first then, as score files and pictures are of the
// first seed only.
func (s *Schedule) Add(seeds ...uint64) {
	s.Seeds = slices.Clone(s.Seeds)
	known := map[uint64]int{} // how many runs of each seed are done, or cannot be read, which is to be told
	look := func(seed uint64, runs []*Scheduled) {
		for _, run := range runs {
			if _, err := s.Run(run.Configuration.Name, seed); run.Seed == seed && !errors.Is(err, plan.ErrAbsent) {
				known[seed]++
			}
		}
	}
	for _, seed := range s.Seeds {
		look(seed, s.Runs)
	}
	first := s.Seeds[0]
	for _, seed := range seeds {
		if slices.Contains(s.Seeds, seed) {
			continue
		}
		before := len(s.Runs)
		for _, run := range s.Runs[:before] {
			if run.Seed == first {
				s.Runs = append(s.Runs, &Scheduled{Configuration: run.Configuration, Seed: seed})
			}
		}
		if look(seed, s.Runs[before:]); known[seed] == 0 {
			s.Runs = s.Runs[:before]
			continue
		}
		s.Seeds = append(s.Seeds, seed)
	}
	slices.SortFunc(s.Seeds, func(a, b uint64) int { return cmp.Or(known[b]-known[a], cmp.Compare(a, b)) })
	place := func(run *Scheduled) int { return slices.Index(s.Seeds, run.Seed) }
	slices.SortStableFunc(s.Runs, func(a, b *Scheduled) int { return place(a) - place(b) })
}

// prepare looks for a run, once.
func (s *Schedule) prepare(run *Scheduled) {
	if run.prepared {
		return
	}
	run.prepared = true
	if run.Problem = s.find(run); run.Problem == nil {
		run.estimate(s.speeds)
	}
}

// find completes a run of a schedule.
func (s *Schedule) find(run *Scheduled) error {
	c := run.Configuration
	q := Request{Model: c.Model, Size: s.Size, Seed: run.Seed, Loss: c.Loss, Labels: c.Labels, FrozenScales: c.FrozenScales}
	var err error
	if q.Set, err = s.Roles.Need(c.Set); err != nil {
		return err
	}
	if c.Outliers != "" {
		if q.Outliers, err = s.Roles.Need(c.Outliers); err != nil {
			return err
		}
	}
	for _, from := range []struct {
		name string
		into **Run
	}{{c.Parent, &q.Parent}, {c.General, &q.General}} {
		if from.name == "" {
			continue
		}
		needed := s.Scheduled(from.name, run.Seed)
		if needed == nil {
			return fmt.Errorf("%s is not in the plan", from.name)
		}
		if needed.Problem != nil {
			return fmt.Errorf("it is made from %s: %w", from.name, needed.Problem)
		}
		*from.into = needed.Run
	}
	if c.Watched() {
		for _, role := range s.Roles.Have("in", "near", "smooth", "far") {
			q.Watch = append(q.Watch, s.Roles.Set(role))
		}
	}
	run.request = q
	spec, err := s.engine.Spec(q)
	if err != nil {
		return err
	}
	run.Run, err = openOrStart(s.engine.Runs, spec)
	return err
}

// Scheduled is the run of a configuration, wherever it stands; nil where there is no such configuration or seed.
func (s *Schedule) Scheduled(name string, seed uint64) *Scheduled {
	run := s.entry(name, seed)
	if run != nil {
		s.prepare(run)
	}
	return run
}

func (s *Schedule) entry(name string, seed uint64) *Scheduled {
	i := slices.IndexFunc(s.Runs, func(run *Scheduled) bool { return run.Configuration.Name == name && run.Seed == seed })
	if i < 0 {
		return nil
	}
	return s.Runs[i]
}

// mayBeDone is false of a run that nobody wants and that the store cannot have, as no finished run is of its set and
// seed: it need not be looked for, which opens and hashes its set.
func (s *Schedule) mayBeDone(run *Scheduled) bool {
	set := s.Roles.Set(run.Configuration.Set)
	if run.Wanted || run.prepared || set == "" {
		return true
	}
	done := s.done()
	return done == nil || done[setAndSeed{set, run.Seed}]
}

// done are the sets and seeds of the finished runs of the store, nil where a run cannot be read: it might be any.
func (e *Engine) done() map[setAndSeed]bool {
	runs, err := List(e.Runs)
	if err != nil {
		return nil
	}
	done := map[setAndSeed]bool{}
	for _, run := range runs {
		if run.Info.Done {
			done[setAndSeed{run.Info.Spec.Set, run.Info.Spec.Train.Seed}] = true
		}
	}
	return done
}

// Run is the finished run of a configuration; where it is not trained, failed, or cannot be for want of a set, the
// error is plan.ErrAbsent.
func (s *Schedule) Run(name string, seed uint64) (*Run, error) {
	run := s.entry(name, seed)
	if run == nil {
		return nil, fmt.Errorf("no configuration %q with seed %d in this plan", name, seed)
	}
	if s.mayBeDone(run) {
		s.prepare(run)
	}
	var failed *failure
	switch {
	case errors.As(run.Problem, &failed): // Failures says more
		return nil, plan.Absent("the training of %s failed, or of what it is made from", name)
	case run.Problem != nil:
		return nil, fmt.Errorf("%s: %w", name, run.Problem)
	case !run.prepared, !run.Run.Info.Done:
		return nil, plan.Absent("%s is not trained", name)
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

// Failures are the runs that were tried and failed, that are made from such a one, or that could not be looked for; a
// role without a set is none.
func (s *Schedule) Failures() error {
	var failures []error
	for _, run := range s.Runs {
		if run.Problem != nil && !errors.Is(run.Problem, plan.ErrAbsent) {
			failures = append(failures, fmt.Errorf("%s seed %d: %w", run.Configuration.Name, run.Seed, run.Problem))
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
		for _, name := range run.Configuration.Needs() {
			if needed := s.Scheduled(name, run.Seed); needed.Problem != nil {
				run.Problem = fmt.Errorf("it is made from %s: %w", name, needed.Problem)
			}
		}
		if run.Problem != nil {
			fmt.Fprintf(e.Out, "%s seed %d: not trained: %v\n", run.Configuration.Name, run.Seed, run.Problem)
			continue
		}
		_, left := s.Missing()
		e.label = fmt.Sprintf("%d/%d %s, plan %s left: ", i+1, len(missing), run.Configuration.Name, Roughly(left))
		trained, err := e.Train(ctx, run.request)
		switch {
		case err == nil:
			*run.Run = *trained // parents of other requests point here
		case ctx.Err() != nil, errors.Is(err, train.ErrStopped):
			return err
		default:
			run.Problem = &failure{err}
			fmt.Fprintf(e.Out, "%s seed %d FAILED: %v\n", run.Configuration.Name, run.Seed, err)
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
	fmt.Fprintf(w, "size %s, family %s, %d runs, %d to train, about %s\n\n", s.Size.Name, s.Roles.Family, wanted,
		len(missing), Roughly(left))
	fmt.Fprintf(w, "%-27s %-4s %-28s %-24s %6s  %-10s %-4s %s\n", "run", "seed", "network", "set", "steps", "state", "on", "serves")
	for _, run := range s.Runs {
		c := run.Configuration
		if !run.Wanted {
			continue
		}
		if run.Problem != nil {
			fmt.Fprintf(w, "%-27s %-4d not possible: %v\n", c.Name, run.Seed, run.Problem)
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
		fmt.Fprintf(w, "%-27s %-4d %-28s %-24s %6d  %-10s %-4s %s\n", c.Name, run.Seed, spec.Network(), set, spec.Train.Steps, state, on,
			strings.Join(c.Serves, " "))
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
	runs, _ := List(e.Runs) // a damaged run has no speed, and is reported where it is used
	for _, run := range runs {
		if info := run.Info; info.Done && info.Imported == nil && info.Seconds > 0 && len(info.Earlier) == 0 {
			speeds[speedKey(info.Spec, info.Place.Kind())] = info.Seconds / float64(info.Spec.Train.Steps)
		}
	}
	return speeds
}

func speedKey(s Spec, on string) string {
	return fmt.Sprint(on, s.Network(), s.Train.Batch, s.Train.Loss.Outliers, s.Train.Loss.WrongClass)
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
