package classifier_test

import (
	"fmt"
	"testing"

	"strata/pkg/classifier"
	"strata/pkg/imageset"

	"github.com/stretchr/testify/require"
)

// levels is a set of n 2x2 grey images; image i has the level from+i everywhere.
func levels(name string, n, from int) *imageset.Set {
	set := &imageset.Set{Name: name, Split: imageset.Train, Height: 2, Width: 2, Channels: 1}
	for i := range n {
		for range 4 {
			set.Pixels = append(set.Pixels, uint8(from+i))
		}
	}
	return set
}

// Three of eight are in-distribution, labels say which, each epoch of a set shows every image once, and a batch is a function
// of its step.
func TestBatchesAreMixed(t *testing.T) {
	mix := classifier.Mix{In: levels("in", 9, 0), General: levels("general", 10, 100), Batch: 8, InShare: 0.375, Seed: 1}
	sampler, err := classifier.NewSampler(mix)
	require.NoError(t, err)
	require.Equal(t, 3, sampler.PerEpoch())
	seen := map[uint8]int{}
	for step := range 6 {
		batch := sampler.Batch(step)
		require.Equal(t, batch, sampler.Batch(step))
		require.Len(t, batch.Labels, 8)
		in := 0
		for i, label := range batch.Labels {
			level := batch.Pixels[4*i]
			seen[level]++
			if label == classifier.InDistribution {
				in++
				require.Less(t, level, uint8(100))
			} else {
				require.GreaterOrEqual(t, level, uint8(100))
			}
		}
		require.Equal(t, 3, in)
	}
	for level := range uint8(9) {
		require.Equal(t, 2, seen[level], "two epochs of 3 batches of 3")
	}
	for level := range uint8(10) {
		require.Equal(t, 3, seen[100+level], "three epochs of 2 batches of 5")
	}
	require.NotEqual(t, sampler.Batch(0).Seed, sampler.Batch(1).Seed)
}

// Two sets of the same images must not come in the same order: a classifier would see each image in both classes at once, and
// nothing else.
func TestSetsAreDrawnApart(t *testing.T) {
	set := levels("one", 200, 0)
	sampler, err := classifier.NewSampler(classifier.Mix{In: set, General: set, Batch: 64, InShare: 0.5, Seed: 1})
	require.NoError(t, err)
	batch := sampler.Batch(0)
	require.NotEqual(t, batch.Pixels[:32*4], batch.Pixels[32*4:])
}

// Each set is augmented in its own way.
func TestSetsAreAugmentedApart(t *testing.T) {
	mix := classifier.Mix{In: levels("in", 8, 10), General: levels("general", 8, 100), Batch: 8, InShare: 0.5,
		AugmentGeneral: imageset.Augmentation{Pad: 1}}
	sampler, err := classifier.NewSampler(mix)
	require.NoError(t, err)
	black := map[int32]bool{}
	for step := range 4 {
		batch := sampler.Batch(step)
		for i, v := range batch.Pixels {
			black[batch.Labels[i/4]] = black[batch.Labels[i/4]] || v == 0
		}
	}
	require.False(t, black[classifier.InDistribution])
	require.True(t, black[classifier.General])
}

func TestNewSamplerRefuses(t *testing.T) {
	for want, change := range map[string]func(*classifier.Mix){
		"two sets":                      func(m *classifier.Mix) { m.General = nil },
		"2x2x1 images and set b 4x1x1":  func(m *classifier.Mix) { m.General.Height, m.General.Width = 4, 1 },
		"share of 0 of batches of 8":    func(m *classifier.Mix) { m.InShare = 0 },
		"share of 1 of batches of 8":    func(m *classifier.Mix) { m.InShare = 1 },
		"share of 0.5 of batches of 0":  func(m *classifier.Mix) { m.Batch = 0 },
		"batches of 50 from 16 images":  func(m *classifier.Mix) { m.Batch = 100 },
		"augmentation: translate is -1": func(m *classifier.Mix) { m.AugmentIn.Translate = -1 },
	} {
		mix := classifier.Mix{In: levels("a", 16, 0), General: levels("b", 16, 0), Batch: 8, InShare: 0.5}
		change(&mix)
		_, err := classifier.NewSampler(mix)
		require.ErrorContains(t, err, want)
	}
}

func ExampleNewSampler() {
	shapes, leaves := drawn("shapes", imageset.Train, 192), drawn("leaves", imageset.Train, 128)
	sampler, err := classifier.NewSampler(classifier.PaperMix(shapes, leaves, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := sampler.Batch(0)
	fmt.Println(sampler.PerEpoch(), len(batch.Pixels), batch.Labels[0], batch.Labels[127])
	// Output: 3 393216 1 0
}
