package runs_test

import (
	"maps"
	"testing"

	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/plan"
	"strata/pkg/runs"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// Whatever changes a result changes the run's address; how it is carried out does not.
func TestSpecIDs(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	id := func(change func(*runs.Request)) string {
		q := runs.Request{Set: "cifar10", Size: store.Size, Seed: 1}
		if change != nil {
			change(&q)
		}
		spec, err := store.Engine.Spec(q)
		require.NoError(t, err)
		return spec.ID()
	}
	same := id(nil)
	require.Regexp(t, `^glow-cifar10-l3-k1-h8-s12-[0-9a-f]{12}$`, same)
	for name, change := range map[string]func(*runs.Request){
		"nothing": nil, "checkpoints": func(q *runs.Request) { q.Size.CheckpointEvery = 99 },
		"the name of the size": func(q *runs.Request) { q.Size.Name = "other" },
		"test images":          func(q *runs.Request) { q.Size.TestImages = 1 },
		"curves": func(q *runs.Request) {
			q.Watch,
				q.Size.CurvePoints = []string{"svhn"}, 9
		},
		"all training images, by their number": func(q *runs.Request) { q.Size.TrainImages = runstest.TrainImages },
	} {
		require.Equal(t, same, id(change), name)
	}
	flip, seen := false, map[string]string{same: "nothing"}
	for name, change := range map[string]func(*runs.Request){
		"seed": func(q *runs.Request) { q.Seed = 2 }, "steps": func(q *runs.Request) { q.Steps = 5 },
		"rate": func(q *runs.Request) { q.Rate = 1 },
		"set":  func(q *runs.Request) { q.Set = "lsun" }, "flip": func(q *runs.Request) { q.Flip = &flip },
		"images":    func(q *runs.Request) { q.Size.TrainImages = 20 },
		"model":     func(q *runs.Request) { q.Model = "patch" },
		"precision": func(q *runs.Request) { q.Size.Precision = "bfloat16" },
		"outliers":  func(q *runs.Request) { q.Loss, q.Outliers = "margin", "svhn" },
		"parent":    func(q *runs.Request) { q.Parent = store.Run("glow-general", 1) },
	} {
		got := id(change)
		require.Empty(t, seen[got], name)
		seen[got] = name
	}
}

// What a request trains: the parent's network with the optimiser of finetuning, PixelCNN++'s images as they are, the
// classifier's own rate.
func TestSpecOfRequests(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	spec := func(q runs.Request) runs.Spec {
		q.Set, q.Size, q.Seed = "cifar10", store.Size, 1
		made, err := store.Engine.Spec(q)
		require.NoError(t, err)
		return made
	}
	scratch := spec(runs.Request{})
	require.Equal(t, []any{12, 16, 5e-4, 0}, []any{scratch.Train.Steps, scratch.Train.Batch,
		scratch.Train.Optimiser.Rate, scratch.Train.Optimiser.Warmup})
	require.Equal(t, runstest.TrainImages, scratch.TrainImages)
	require.True(t, scratch.Train.Augmentation.Flip)

	general := store.Run("glow-general", 1)
	wide := general.Info.Spec.Model.Config.(glow.Config)
	wide.Hidden = 10 // as that of another size
	general.Info.Spec.Model.Config = wide
	tuned := spec(runs.Request{Parent: general, Loss: "outlier", Outliers: "imagenet32", General: general})
	require.Equal(t, []any{6, 5e-5, 3}, []any{tuned.Train.Steps, tuned.Train.Optimiser.Rate,
		tuned.Train.Optimiser.Warmup})
	require.Equal(t, "Glow L3 K1 H10", tuned.Network(), "a parent's model is its own")
	require.Equal(t, []string{general.Info.ID, general.Info.ID, "imagenet32"}, []string{tuned.Parent, tuned.General,
		tuned.Outliers})
	require.Regexp(t, `^glow-cifar10-l3-k1-h10-s6-ft-outlier-[0-9a-f]{12}$`, tuned.ID())
	require.NotEmpty(t, tuned.OutliersHash)

	labelled := spec(runs.Request{Parent: general, Loss: "outlier", Outliers: "imagenet32", General: general,
		Labels: true})
	require.Equal(t, 10, labelled.Model.Config.(glow.ClassConditionalConfig).Classes)
	require.True(t, labelled.Train.Loss.WrongClass)
	pixels := spec(runs.Request{Model: "pixelcnn", Loss: "margin", Outliers: "svhn"})
	require.Equal(t, imageset.Augmentation{}, pixels.Train.Augmentation)
	require.Equal(t, imageset.Augmentation{}, pixels.Train.OutlierAugmentation)
	require.NotEqual(t, scratch.Train.Optimiser.Kind, pixels.Train.Optimiser.Kind)
	classifier := spec(runs.Request{Model: "classifier", Outliers: "svhn"})
	require.Equal(t, "WRN 10-1", classifier.Network())
	require.Equal(t, 2, classifier.Classifier.Classes)
	require.False(t, classifier.Train.OutlierAugmentation.Flip, "digits are not mirrored")
	require.Equal(t, imageset.WideResNetAugmentation.Translate, classifier.Train.Augmentation.Translate)
}

// What cannot be trained is refused before anything is.
func TestSpecRefuses(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	for _, c := range []struct {
		change func(*runs.Request)
		says   string
	}{
		{func(q *runs.Request) { q.Size.CheckpointEvery = 0 },
			"size smoke needs checkpoint_every of at least 1, not 0"}, // review, D11
		{func(q *runs.Request) { q.Size.Batch = 0 }, "size smoke needs batch"},
		{func(q *runs.Request) { q.Set = "nowhere" }, `no image set "nowhere"`},
		{func(q *runs.Request) { q.Outliers = "nowhere" }, `outliers: no image set "nowhere"`},
		{func(q *runs.Request) { q.Model = "diffusion" }, `no model "diffusion"`},
		{func(q *runs.Request) { q.Loss = "hinge" }, `no outlier loss "hinge"`},
		{func(q *runs.Request) { q.Size.Precision = "int4" }, "int4"},
		{func(q *runs.Request) {
			without := q.Size.Networks["glow"].(glow.Config)
			without.K = 0
			q.Size.Networks = maps.Clone(q.Size.Networks)
			q.Size.Networks["glow"] = without
		}, "k 0"},
		{func(q *runs.Request) {
			q.Labels, q.Parent, q.Model = true, store.Run("pixelcnn-general", 1), "pixelcnn"
		}, "made of a Glow's run"},
		{func(q *runs.Request) { q.Model, q.Size.Classifier.Depth = "classifier", 11 }, "11"},
	} {
		q := runs.Request{Set: "cifar10", Size: store.Size, Seed: 1}
		c.change(&q)
		_, err := store.Engine.Spec(q)
		require.ErrorContains(t, err, c.says)
		require.NotErrorIs(t, err, plan.ErrAbsent)
		_, err = store.Engine.Train(t.Context(), q)
		require.ErrorContains(t, err, c.says)
		require.NoDirExists(t, store.Runs)
	}
}

// One process trains a run; a run that was cut off goes on only where somebody says so.
func TestTrainWants(t *testing.T) {
	store := runstest.New(t, runstest.Options{})
	store.Weights("glow-in", 1) // a checkpoint of step 1
	store.Engine.Resume = false
	q := runs.Request{Set: "cifar10", Size: store.Size, Seed: 1}
	run := store.Run("glow-in", 1)
	_, err := store.Engine.Train(t.Context(), q)
	require.EqualError(t, err, "run "+run.Info.ID+" has 1 of 12 steps: add --resume to go on")
	store.Finish("glow-in")
	done, err := store.Engine.Train(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, store.Run("glow-in", 1).Info, done.Info, "what is done is not trained")
}
