package runs_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strata/pkg/backend"
	"strata/pkg/checkpoint"
	"strata/pkg/plan"
	"strata/pkg/runs"
	"strata/pkg/runs/runstest"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

// A plan opens the sets of the runs that are wanted, and no others: those may be large, or broken.
func TestScheduleOpensWhatIsWanted(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"table2"},
		Roles: func(sets map[string]string) { sets["faces"] = "no_such_set" }})
	require.NoError(t, os.RemoveAll(filepath.Join(store.Data, "svhn")))
	schedule := store.Schedule()
	for _, key := range store.Engine.Opened() {
		require.Regexp(t, "imagenet32|cifar10", key)
		require.Regexp(t, "/train$", key)
	}
	require.NoError(t, schedule.Failures(), "nobody has looked for what is trained on other sets")
	missing, _ := schedule.Missing()
	require.Len(t, missing, 2)
	for _, run := range schedule.Runs {
		require.Equal(t, run.Wanted, run.Run != nil, run.Configuration.Name)
	}

	// Who only uses what is done opens no set of what cannot be: no run of its set is finished.
	_, err := schedule.Run("glow-near", 1)
	require.ErrorIs(t, err, plan.ErrAbsent)
	require.EqualError(t, err, "glow-near is not trained")
	require.NotContains(t, store.Engine.Opened(), "cifar100/train")
	store.Finish("glow-near")
	done, err := store.Schedule().Run("glow-near", 1)
	require.NoError(t, err, "what is done is used, though nobody wants it")
	require.True(t, done.Info.Done)
	store.Write(filepath.Join(done.Folder, "run.json"), []byte("{"))
	_, err = store.Schedule().Run("glow-near", 1)
	require.ErrorContains(t, err, done.Folder)
	require.NoError(t, os.RemoveAll(done.Folder))

	// Whoever asks for another run gets it, or hears what is wrong; it is trained all the same only if it was wanted.
	near := schedule.Scheduled("glow-near", 1)
	require.NoError(t, near.Problem)
	require.False(t, near.Run.Info.Done)
	smooth := schedule.Scheduled("glow-smooth", 1)
	require.ErrorContains(t, smooth.Problem, `no image set "svhn"`)
	require.ErrorContains(t, schedule.Failures(), "glow-smooth seed 1: no image set")
	missing, _ = schedule.Missing()
	require.Len(t, missing, 2)
	require.Nil(t, schedule.Scheduled("glow-near", 2), "no such seed")
}

// Size smoke, for which XLA would compile six times as long as all of it takes, stays on the Go backend; every run of
// the sizes that are for looking at goes to XLA, finetuned ones too.
func TestWhereSizesAreComputed(t *testing.T) {
	runs.WithPlugin(t)
	all := func(sets map[string]string) {
		for _, role := range plan.OtherRoles() {
			sets[role] = sets["in"]
		}
	}
	for name, want := range map[string]string{"smoke": "go", "demo": "xla", "paper": "xla"} {
		size, err := plan.LoadSize(name)
		require.NoError(t, err)
		for model, choice := range runs.Choices(size) {
			require.Equal(t, want, choice.Kind(), "%s at %s", model, name)
		}
		store := runstest.New(t, runstest.Options{Roles: all, Size: func(s *plan.Size) { *s = size }})
		schedule := store.Schedule()
		for _, run := range schedule.Runs {
			require.NoError(t, run.Problem)
			require.Equal(t, want, run.Choice.Kind(), "%s at %s: %s", run.Configuration.Name, name, run.Choice)
		}
		var text bytes.Buffer
		schedule.Print(&text)
		require.Regexp(t, `glow-smooth .* `+want+` +[tf]`, text.String())
	}
}

// What is missing takes as long as a run of its kind took in this store, on such a backend; else as the size says.
func TestEstimates(t *testing.T) {
	t.Setenv(backend.Variable, "")
	store := runstest.New(t, runstest.Options{Wanted: []string{"table2"}, Seeds: []uint64{1, 2}})
	missing, left := store.Schedule().Missing()
	require.Len(t, missing, 4)
	require.InDelta(t, 2*(12+6)*0.02, left.Seconds(), 1e-9, "12 steps, 6 finetuned, of 0.02 s")
	took := func(seconds float64, place backend.Place, earlier ...runs.Stretch) func(*runs.Info) {
		return func(info *runs.Info) {
			info.Seconds, info.Place, info.Earlier, info.Imported = seconds, place, earlier, nil
		}
	}
	onGo := backend.Place{Backend: "Go Portable Compute Backend"}
	for _, c := range []struct {
		name   string
		change func(*runs.Info)
		want   float64
	}{
		{"on another backend", took(24, backend.Place{Backend: "xla:cpu"}), 36 * 0.02},
		{"on two backends", took(24, onGo, runs.Stretch{Until: 4}), 36 * 0.02},
		{"unknown", took(0, onGo), 36 * 0.02},
		{"imported", func(info *runs.Info) {
			took(24, onGo)(info)
			info.Imported = &runs.Imported{}
		}, 36 * 0.02},
		{"of the same kind", took(24, onGo), 36 * 2},
	} {
		store.FinishAs(c.change, "glow-smooth")
		_, left := store.Schedule().Missing()
		require.InDelta(t, c.want, left.Seconds(), 1e-6, c.name)
	}
	store.Finish("glow-general")
	missing, left = store.Schedule().Missing()
	require.Len(t, missing, 2)
	require.InDelta(t, 24, left.Seconds(), 1e-6, "what is done takes no more time")
	var text bytes.Buffer
	store.Schedule().Print(&text)
	require.Contains(t, text.String(), "size smoke, family imagenet32, 4 runs, 2 to train, about 24 s\n")
	require.Regexp(t, `(?m)^glow-general +1 +Glow L3 K1 H8 +imagenet32 +12 +done +xla `, text.String())
	require.Regexp(t, `(?m)^glow-in-from-general +2 +Glow L3 K1 H8 +cifar10 +6 +about 12 s +go `, text.String())
	require.NotContains(t, text.String(), "glow-smooth", "nobody wants it")
}

// A run that fails takes those along that are made from it, by name, and what is made from these; a role without a set
// is no failure.
func TestFailuresNameTheParent(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-general-against-in", "glow-general-clean"}})
	schedule := store.Schedule()
	bad := schedule.Scheduled("glow-general", 1).Run.Folder
	store.Write(bad, []byte("a file where a folder should be"))
	require.NoError(t, store.Engine.TrainAll(t.Context(), schedule), "only a stop ends it early")
	err := schedule.Failures()
	require.ErrorContains(t, err, "glow-general seed 1: ")
	require.ErrorContains(t, err, "glow-in-from-general seed 1: it is made from glow-general: ")
	require.ErrorContains(t, err, "glow-general-against-in seed 1: it is made from ")
	require.NotContains(t, err.Error(), "glow-general-clean", "no set plays its role")
	require.Len(t, strings.Split(err.Error(), "\n"), 3)
	said := store.Out.String()
	require.Contains(t, said, "glow-general seed 1 FAILED: ")
	require.Contains(t, said, "glow-in-from-general seed 1: not trained: it is made from glow-general: ")

	for _, name := range []string{"glow-general", "glow-in-from-general", "glow-general-against-in"} {
		_, err := schedule.Run(name, 1)
		require.ErrorIs(t, err, plan.ErrAbsent, "what failed is told once, by Failures; tables have a gap")
		require.EqualError(t, err, "the training of "+name+" failed, or of what it is made from")
	}
	missing, _ := schedule.Missing()
	require.Empty(t, missing, "what failed is not tried again in this plan")
	require.NoError(t, os.Remove(bad))
	missing, _ = store.Schedule().Missing()
	require.Len(t, missing, 3, "but in the next")
}

// Why a run is not there: each reason is told, and those that are no mistakes are plan.ErrAbsent.
func TestRunSaysWhyNot(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	store.Finish("glow-smooth", "glow-near", "glow-general")
	damaged := filepath.Join(store.Run("glow-near", 1).Folder, "run.json")
	store.Write(damaged, []byte(`{"id": "glow`))
	foreign := filepath.Join(store.Run("pixelcnn-general", 1).Folder, "run.json")
	store.Write(foreign, []byte(`{"done": true}`))
	schedule := store.Schedule()
	run, err := schedule.Run("glow-smooth", 1)
	require.NoError(t, err)
	require.Equal(t, "svhn", run.Info.Spec.Set)
	for _, c := range []struct {
		name   string
		seed   uint64
		absent bool
		says   string
	}{
		{"glow-in", 1, true, "glow-in is not trained"},
		{"glow-grey-in", 1, true, "glow-grey-in: no set plays the role grey_in in family imagenet32"},
		{"glow-mri-all", 1, true, "no set plays the role mri_all"},
		{"glow-of-nothing", 1, false, `no configuration "glow-of-nothing" with seed 1 in this plan`},
		{"glow-in", 7, false, "with seed 7"},
		{"glow-near", 1, false, damaged},
		{"glow-near-from-itself", 1, false, "glow-near-from-itself: it is made from glow-near: " + damaged},
		{"pixelcnn-general", 1, false, foreign + ` is the record of ""`},
	} {
		_, err := schedule.Run(c.name, c.seed)
		require.ErrorContains(t, err, c.says)
		if c.absent {
			require.ErrorIs(t, err, plan.ErrAbsent, c.name)
		} else {
			require.NotErrorIs(t, err, plan.ErrAbsent, c.name)
		}
	}
	require.ErrorContains(t, schedule.Failures(), "glow-near seed 1: "+damaged)
	var text bytes.Buffer
	schedule.Print(&text)
	require.Regexp(t, `(?m)^glow-near +1 +not possible: .*remove the folder to train the run again$`, text.String())
	require.Regexp(t, `(?m)^glow-smooth +1 .* done `, text.String())
}

// A plan that is stopped says so and calls nothing a failure; a second engine goes on with it.
func TestTrainAllStops(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in-from-general"}})
	store.Finish("glow-general")
	store.Weights("glow-general", 1)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	schedule := store.Schedule()
	require.ErrorIs(t, store.Engine.TrainAll(ctx, schedule), train.ErrStopped)
	require.NoError(t, schedule.Failures())
	missing, _ := schedule.Missing()
	require.Len(t, missing, 1)
	require.NotContains(t, store.Out.String(), "FAILED")
	store.Finish("glow-in-from-general")
	require.NoError(t, store.Engine.TrainAll(t.Context(), store.Schedule()), "all of it is there: nothing to train")
}

// Of two engines that want the same run the second waits for the first, says so once, and uses what it trained; a stop
// ends the waiting.
func TestTrainAllWaits(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"glow-in"}})
	run := store.Run("glow-in", 1)
	unlock, err := checkpoint.Lock(run.Folder)
	require.NoError(t, err)
	schedule := store.Schedule()
	require.NoError(t, store.Engine.TrainAll(t.Context(), schedule))
	require.ErrorIs(t, schedule.Failures(), checkpoint.ErrInUse, "without Wait")

	store.Engine.Wait = true
	ctx, stop := context.WithCancel(t.Context())
	store.Engine.Out = writer(func(string) { stop() })
	schedule = store.Schedule()
	require.ErrorIs(t, store.Engine.TrainAll(ctx, schedule), context.Canceled)
	require.NoError(t, schedule.Failures(), "a stop is no failure")

	var said []string
	store.Engine.Out = writer(func(text string) {
		said = append(said, text)
		time.AfterFunc(300*time.Millisecond, func() {
			store.Finish("glow-in")
			unlock()
		})
	})
	schedule = store.Schedule()
	require.NoError(t, store.Engine.TrainAll(t.Context(), schedule))
	require.Equal(t, []string{fmt.Sprintf("waiting for %s, which process %d trains\n", run.Info.ID, os.Getpid())}, said)
	finished, err := schedule.Run("glow-in", 1)
	require.NoError(t, err)
	require.Equal(t, store.Run("glow-in", 1).Info, finished.Info)
	require.NoDirExists(t, filepath.Join(run.Folder, "checkpoints"), "nothing was trained")
}

// writer is told what is written.
type writer func(text string)

func (w writer) Write(text []byte) (int, error) {
	w(string(text))
	return len(text), nil
}

// A run is found by its name, or by what only its name begins with.
func TestOpenByPrefix(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	store.Finish("glow-in", "glow-near", "glow-in-from-general")
	id := store.Run("glow-in", 1).Info.ID
	for _, name := range []string{id, id[:len(id)-3], "glow-cifar10-l3-k1-h8-s12"} {
		run, err := runs.Open(store.Runs, name)
		require.NoError(t, err, name)
		require.Equal(t, id, run.Info.ID)
	}
	_, err := runs.Open(store.Runs, "glow-cifar10-")
	require.EqualError(t, err, `run "glow-cifar10-" could be any of `+id+", "+store.Run("glow-in-from-general",
		1).Info.ID)
	_, err = runs.Open(store.Runs, "patch")
	require.EqualError(t, err, `no run "patch" in `+store.Runs+": strata train makes one")
	// A name that is another's beginning is still its own.
	short := &runs.Run{Folder: filepath.Join(store.Runs, "glow"), Info: runs.Info{ID: "glow"}}
	store.Write(filepath.Join(short.Folder, "run.json"), []byte(`{"id": "glow"}`))
	run, err := runs.Open(store.Runs, "glow")
	require.NoError(t, err)
	require.Equal(t, "glow", run.Info.ID)
	store.Write(filepath.Join(short.Folder, "run.json"), []byte(`{"id": `))
	_, err = runs.Open(store.Runs, "glow")
	require.ErrorContains(t, err, "remove the folder to train the run again")
}

// What is made from a run keeps it: pruning removes a run with all that is made from it, or not at all.
func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	store.FinishAs(func(info *runs.Info) { info.Spec.CodeVersion = 1 }, "glow-general", "glow-near")
	store.Finish("glow-in-from-general", "glow-smooth")
	store.FinishAs(func(info *runs.Info) { info.Done = false }, "glow-in")
	all, err := runs.List(store.Runs)
	require.NoError(t, err)
	require.Len(t, all, 5)
	general, tuned := store.Run("glow-general", 1), store.Run("glow-in-from-general", 1)
	removed := func(p runs.Prune) map[string]string {
		found, err := p.Find(all)
		require.NoError(t, err)
		why := map[string]string{}
		for _, f := range found {
			require.Positive(t, f.Bytes)
			why[filepath.Base(f.Path)] = f.Why
		}
		return why
	}
	near, cut := store.Run("glow-near", 1).Info.ID, store.Run("glow-in", 1).Info.ID
	require.Equal(t, map[string]string{near: "of code version 1, now 4"}, removed(runs.Prune{OldCode: true}),
		"glow-general is needed")
	require.Equal(t, map[string]string{cut: "cut off at step 0 of 12"}, removed(runs.Prune{Unfinished: true}))
	require.Equal(t, map[string]string{general.Info.ID: "asked for", tuned.Info.ID: "asked for"},
		removed(runs.Prune{IDs: []string{general.Info.ID, tuned.Info.ID}}))
	_, err = runs.Prune{IDs: []string{general.Info.ID}}.Find(all)
	require.EqualError(t, err, tuned.Info.ID+" is made from "+general.Info.ID+": remove it first, or name both")

	// Of a finished run's checkpoints the last is enough, if it can be read.
	smooth := store.Run("glow-smooth", 1)
	checkpoints := filepath.Join(smooth.Folder, "checkpoints")
	for step := range 3 {
		require.NoError(t, checkpoint.Save(checkpoints, &checkpoint.State{Step: step + 1}, 3))
	}
	require.Equal(t, map[string]string{"step-00000001": "the checkpoint of step 3 is whole",
		"step-00000002": "the checkpoint of step 3 is whole"},
		removed(runs.Prune{Spare: true}))
	require.NoError(t, os.RemoveAll(filepath.Join(checkpoint.Path(checkpoints, 3), "tensors.npz")))
	require.Empty(t, removed(runs.Prune{Spare: true}), "the earlier ones are what is left of the run")

	found, err := runs.Prune{IDs: []string{near}}.Find(all)
	require.NoError(t, err)
	require.NoError(t, found[0].Remove())
	require.NoDirExists(t, filepath.Join(store.Runs, near))
	half := filepath.Join(store.Runs, ".removed-"+cut)
	require.NoError(t, os.Rename(filepath.Join(store.Runs, cut), half))
	all, err = runs.List(store.Runs)
	require.NoError(t, err)
	require.Len(t, all, 3, "what is being removed is no run")
	require.NoError(t, runs.FinishRemovals(store.Runs))
	require.NoDirExists(t, half)
}

// An imported run is one like others: it is opened by its name, and never trained, estimated or pruned as old.
func TestImportedRun(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	weights := filepath.Join("..", "..", "tests", "testdata", "foreign")
	run, err := store.Engine.Import(filepath.Join(weights, "matrix.pt"), "public-1", "cifar10")
	require.NoError(t, err)
	require.True(t, run.Info.Done)
	require.True(t, run.IsCurrent())
	require.WithinDuration(t, time.Now(), run.Info.Finished, time.Minute)
	opened, err := runs.Open(store.Runs, "public")
	require.NoError(t, err)
	require.Equal(t, run.Info.Spec, opened.Info.Spec)
	require.Equal(t, "matrix.pt", opened.Info.Imported.File, "without its folders")
	before, err := os.ReadFile(filepath.Join(run.Folder, "run.json"))
	require.NoError(t, err)

	_, err = store.Engine.Import(filepath.Join(weights, "lu.pt"), "public-1", "cifar10")
	require.EqualError(t, err, "there is a run public-1 already, of other weights: choose another name")
	after, err := os.ReadFile(filepath.Join(run.Folder, "run.json"))
	require.NoError(t, err)
	require.Equal(t, before, after)
	store.Finish("glow-in")
	trained := store.Run("glow-in", 1)
	_, err = store.Engine.Import(filepath.Join(weights, "lu.pt"), trained.Info.ID, "cifar10")
	require.ErrorContains(t, err, "of other weights", "a run that was trained is not written over")
	store.Write(filepath.Join(store.Runs, "broken", "run.json"), []byte("{"))
	_, err = store.Engine.Import(filepath.Join(weights, "lu.pt"), "broken", "")
	require.ErrorContains(t, err, "run.json")
	for _, name := range []string{"", ".hidden", "a/b", "..", "a b"} {
		_, err := store.Engine.Import(filepath.Join(weights, "lu.pt"), name, "")
		require.ErrorContains(t, err, "is no name for a run", name)
	}
}
