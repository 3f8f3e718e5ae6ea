// Package runstest makes run stores of runs that were never trained, with scores that were made up: what is computed
// from scores can be tested against a known truth in milliseconds. A run is finished where its run.json says so, and
// its scores are found where runs.Engine looks for them.
//
//	store := runstest.New(t, runstest.Options{})
//	store.Finish()
//	store.Score(runstest.Normal)
//	evaluation, err := evaluate.New(store.Engine, store.Schedule())
package runstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"
	"strata/pkg/checkpoint"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/train"
)

// Sets are the sets of a store by role, with the names that the family imagenet32 of experiments/sets.yaml gives them:
// a command with Data as its STRATA_DATA finds these roles, and grey_general, which is made of general.
var Sets = map[string]string{"in": "cifar10", "near": "cifar100", "general": "imagenet32", "smooth": "svhn",
	"far": "lsun"}

// Images of each set's splits.
const (
	TrainImages = 32
	TestImages  = 40
)

// Options are what a store can have otherwise; zero values are size smoke, seed 1, the roles of Sets.
type Options struct {
	// Folder is where data and runs go, a folder of the test's by default.
	Folder string
	Seeds  []uint64
	// Size changes the size.
	Size func(*plan.Size)
	// More are further roles whose sets are made.
	More map[string]string
	// Roles changes the roles; no set is made for them.
	Roles func(sets map[string]string)
	// Wanted are targets, all configurations by default.
	Wanted []string
}

// Store is a run store with its image sets and an engine on them.
type Store struct {
	// Data and Runs are below Folder.
	Folder, Data, Runs string
	Engine             *runs.Engine
	// Out is what the engine says.
	Out   *bytes.Buffer
	Size  plan.Size
	Roles plan.Roles
	Seeds []uint64

	t      testing.TB
	wanted plan.Configurations
	// addresses says where each run is, whatever became of it.
	addresses *runs.Schedule
}

// New makes image sets of noise and an empty run store.
func New(t testing.TB, o Options) *Store {
	t.Helper()
	s := &Store{Folder: o.Folder, Out: &bytes.Buffer{}, Seeds: o.Seeds, t: t}
	if s.Folder == "" {
		s.Folder = t.TempDir()
	}
	if s.Seeds == nil {
		s.Seeds = []uint64{1}
	}
	s.Data, s.Runs = filepath.Join(s.Folder, "data"), filepath.Join(s.Folder, "runs")
	s.Engine = &runs.Engine{Sets: opened.Sets{Data: s.Data, Out: s.Out}, Runs: s.Runs, Resume: true}
	s.Roles = plan.Roles{Family: "imagenet32", Sets: map[string]string{}}
	for _, roles := range []map[string]string{Sets, o.More} {
		for role, set := range roles {
			MakeSet(t, s.Data, set)
			s.Roles.Sets[role] = set
		}
	}
	if o.Roles != nil {
		o.Roles(s.Roles.Sets)
	}
	var err error
	s.Size, err = plan.LoadSize("smoke")
	s.must(err)
	if o.Size != nil {
		o.Size(&s.Size)
	}
	s.wanted, err = plan.LoadConfigurations()
	s.must(err)
	if o.Wanted != nil {
		s.wanted, err = s.wanted.For(o.Wanted...)
		s.must(err)
	}
	return s
}

func (s *Store) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// MakeSet writes a small set in CIFAR-10's format to a data folder: images of noise whose range depends on the name.
func MakeSet(t testing.TB, data, name string) {
	t.Helper()
	folder := filepath.Join(data, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seedOf(name), 0))
	levels := 20 + random.IntN(200)
	for file, images := range map[string]int{"data_batch_1.bin": TrainImages, "test_batch.bin": TestImages} {
		random = rand.New(rand.NewPCG(seedOf(name, file), 0))
		var text bytes.Buffer
		for i := range images {
			text.WriteByte(byte(i % 10))
			for range 32 * 32 * 3 {
				text.WriteByte(byte(random.IntN(levels)))
			}
		}
		if err := os.WriteFile(filepath.Join(folder, file), text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Schedule is a new schedule of the store, as a command would make it now.
func (s *Store) Schedule() *runs.Schedule {
	s.t.Helper()
	schedule, err := s.Engine.Schedule(s.wanted, s.Size, s.Roles, s.Seeds)
	s.must(err)
	return schedule
}

// Finish finishes the runs of some configurations with all seeds: all that are possible, if none is named.
func (s *Store) Finish(configurations ...string) {
	s.t.Helper()
	s.FinishAs(nil, configurations...)
}

// FinishAs is Finish with changed records.
func (s *Store) FinishAs(change func(*runs.Info), configurations ...string) {
	s.t.Helper()
	for _, scheduled := range s.scheduled(configurations) {
		info := scheduled.Run.Info
		info.Done, info.Seconds, info.LastValue = true, 3, 4.5
		info.Started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		info.Finished = info.Started.Add(time.Minute)
		info.Counts = train.Counts{Dropped: 2, Skipped: 1}
		info.Toolchain = "go"
		info.Place = backend.Place{Backend: "xla:cpu", Lowering: "library", Precision: "float32",
			Plugin: &backend.Plugin{Path: filepath.Join(s.Folder, "plugin.so"), PJRT: "v0.1", SHA256: "abc"}}
		if change != nil {
			change(&info)
		}
		text, err := json.MarshalIndent(info, "", "  ")
		s.must(err)
		s.Write(filepath.Join(scheduled.Run.Folder, "run.json"), text)
	}
}

// scheduled are the runs of some configurations, wanted or not; of all that are possible, if none is named.
func (s *Store) scheduled(configurations []string) (found []*runs.Scheduled) {
	s.t.Helper()
	schedule := s.Schedule()
	for _, run := range schedule.Runs {
		name := run.Configuration.Name
		if len(configurations) > 0 && !slices.Contains(configurations, name) {
			continue
		}
		run = schedule.Scheduled(name, run.Seed)
		if run.Run != nil && run.Problem == nil {
			found = append(found, run)
		} else if len(configurations) > 0 {
			s.t.Fatalf("no run of %s: %v", name, run.Problem)
		}
	}
	return found
}

// Weights gives the run of a density model the weights that training starts from, so that images can be scored.
func (s *Store) Weights(configuration string, seed uint64) {
	s.t.Helper()
	run, on := s.Run(configuration, seed), backendtest.Go(s.t)
	model, err := run.Info.Spec.Model.New()
	s.must(err)
	network := density.NewNetwork(on, backend.Lowering(on), model, seed)
	defer network.Close()
	values, err := network.Named()
	s.must(err)
	state := &checkpoint.State{Step: 1}
	for _, p := range model.Params() {
		state.Tensors = append(state.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: values[p.Name]})
	}
	s.must(checkpoint.Save(filepath.Join(run.Folder, "checkpoints"), state, 1))
}

// Unfinish removes the runs of configurations, as if they had never been trained.
func (s *Store) Unfinish(configurations ...string) {
	s.t.Helper()
	for _, name := range configurations {
		for _, seed := range s.Seeds {
			s.must(os.RemoveAll(s.Run(name, seed).Folder))
		}
	}
}

// Run is a run of the store, finished or not.
func (s *Store) Run(configuration string, seed uint64) *runs.Run {
	s.t.Helper()
	if s.addresses == nil {
		s.addresses = s.Schedule()
	}
	scheduled := s.addresses.Scheduled(configuration, seed)
	if scheduled == nil || scheduled.Run == nil {
		s.t.Fatalf("no run of %s with seed %d", configuration, seed)
	}
	run := *scheduled.Run
	if now, err := runs.Open(s.Runs, filepath.Base(run.Folder)); err == nil {
		run = *now
	}
	return &run
}

// Write writes a file of the store.
func (s *Store) Write(path string, text []byte) {
	s.t.Helper()
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, text, 0o644))
}

// Value says which number is asked for.
type Value struct {
	Configuration string
	Seed          uint64
	Role, Column  string
	// Noise is of likelihoods with a noise sample, Train of training images.
	Noise, Train bool
	// Step is that of a learning curve, 0 for the finished run.
	Step int
	// Image is the image's place in its split.
	Image int
}

// Normal are normal values with a standard deviation of 100 nats around a mean that differs between configurations,
// roles and columns: no two comparisons give the same number.
func Normal(v Value) float64 {
	of := seedOf(v.Configuration, v.Role, v.Column)
	mean := 5000 + 100*rand.New(rand.NewPCG(of, 0)).NormFloat64()
	kind := v.Seed<<32 + uint64(v.Step)<<2
	if v.Noise {
		kind++
	}
	if v.Train {
		kind += 2
	}
	return mean + 100*rand.New(rand.NewPCG(of+kind, uint64(v.Image)+1)).NormFloat64()
}

func seedOf(of ...string) uint64 {
	h := fnv.New64a()
	for _, text := range of {
		io.WriteString(h, text)
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// Score writes all files of scores that an evaluation reads of finished runs, with the values of a truth. With
// configurations it does so for those alone.
func (s *Store) Score(truth func(Value) float64, configurations ...string) {
	s.t.Helper()
	for _, scheduled := range s.scheduled(configurations) {
		run, c := scheduled.Run, scheduled.Configuration
		if !run.Info.Done {
			continue
		}
		noise := density.Noise{Sample: true, Seed: scheduled.Seed}
		v := Value{Configuration: c.Name, Seed: scheduled.Seed}
		for role := range s.Roles.Sets {
			v.Role = role
			s.file(run, v, imageset.Test, s.Size.TestImages, density.Noise{}, truth)
			if run.Info.Spec.Classifier != nil {
				continue
			}
			v.Noise = true
			s.file(run, v, imageset.Test, s.Size.TestImages, noise, truth)
			s.file(run, v, imageset.Test, s.Size.CurveImages, noise, truth)
			if v.Noise = false; role == "general" {
				v.Train = true
				s.file(run, v, imageset.Train, s.Size.TopImages, density.Noise{}, truth)
				v.Train = false
			}
		}
		if c.Watched() {
			for _, role := range s.Roles.Have("in", "near", "smooth", "far") {
				every := runs.WatchEvery(s.Size, run.Info.Spec.Train.Steps)
				curve, err := s.Engine.Curve(run, s.Roles.Set(role), s.Size.CurveImages)
				s.must(err)
				for step := every; step <= run.Info.Spec.Train.Steps; step += every {
					v.Role, v.Step = role, step
					s.write(curve.File(step), run, v, imageset.Test, s.Size.CurveImages, truth)
				}
			}
		}
	}
}

func (s *Store) file(run *runs.Run, v Value, split string, images int, noise density.Noise, truth func(Value) float64) {
	s.t.Helper()
	path, err := s.Engine.ScoreFile(run, s.Roles.Set(v.Role), split, images, noise)
	s.must(err)
	s.write(path, run, v, split, images, truth)
}

func (s *Store) write(path string, run *runs.Run, v Value, split string, images int, truth func(Value) float64) {
	s.t.Helper()
	set, err := s.Engine.Set(s.Roles.Set(v.Role), split)
	s.must(err)
	table := &result.Scores{Columns: Columns(s.t, run)}
	for _, place := range set.Choose(images, opened.SubsetSeed) {
		row := result.ScoreRow{Set: set.Name, Index: place}
		v.Image = place
		for _, column := range table.Columns {
			v.Column = column
			row.Values = append(row.Values, truth(v))
		}
		table.Rows = append(table.Rows, row)
	}
	s.Write(path, table.Encode())
}

// Columns are those of a run's score files.
func Columns(t testing.TB, run *runs.Run) []string {
	t.Helper()
	if run.Info.Spec.Classifier != nil {
		return []string{"log_odds"}
	}
	model, err := run.Info.Spec.Model.New()
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"log_likelihood"}
	for i := range model.Scales() {
		columns = append(columns, fmt.Sprintf("c%d", i+1))
	}
	return columns
}

// ScoreFile is the file of a finished run's scores of a role's test images, in the middle of the bins.
func (s *Store) ScoreFile(configuration string, seed uint64, role string) string {
	s.t.Helper()
	path, err := s.Engine.ScoreFile(s.Run(configuration, seed), s.Roles.Set(role), imageset.Test, s.Size.TestImages,
		density.Noise{})
	s.must(err)
	return path
}

// Curve is what was seen of a run on a role's images while it was trained.
func (s *Store) Curve(configuration string, seed uint64, role string) runs.Curve {
	s.t.Helper()
	curve, err := s.Engine.Curve(s.Run(configuration, seed), s.Roles.Set(role), s.Size.CurveImages)
	s.must(err)
	return curve
}
