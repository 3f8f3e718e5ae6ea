package imageset

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newSampler(t *testing.T, images, batch int, seed uint64) *Sampler {
	t.Helper()
	sampler, err := NewSampler(numbered(images), batch, PaperAugmentation, seed)
	require.NoError(t, err)
	return sampler
}

func TestEveryImageOnceAnEpoch(t *testing.T) {
	sampler := newSampler(t, 20, 6, 1)
	require.Equal(t, 3, sampler.PerEpoch())
	dst := make([]uint8, sampler.BatchSize())
	var epochs [2][]int
	for step := range 6 {
		epochs[step/3] = append(epochs[step/3], sampler.Batch(step, dst)...)
	}
	for _, indices := range epochs {
		unique := slices.Compact(slices.Sorted(slices.Values(indices)))
		assert.Len(t, unique, 18, "the last two images fill no batch")
	}
	assert.NotEqual(t, epochs[0], epochs[1])
}

// Whatever was drawn before, a step gives the same: the heart of resuming.
func TestBatchIsPure(t *testing.T) {
	straight, resumed := newSampler(t, 50, 8, 3), newSampler(t, 50, 8, 3)
	want := make([]uint8, straight.BatchSize())
	got := make([]uint8, straight.BatchSize())
	for step := range 20 {
		indices := straight.Batch(step, want)
		if step < 13 {
			continue
		}
		for i := range got {
			got[i] = 99
		}
		assert.Equal(t, indices, resumed.Batch(step, got))
		assert.Equal(t, want, got)
	}
	again := resumed.Batch(2, got)
	assert.Equal(t, straight.Batch(2, want), again)
	other := newSampler(t, 50, 8, 4)
	assert.NotEqual(t, again, other.Batch(2, got), "another seed, another order")
}

// What a seed draws is part of what a saved run means.
func TestBatchIsPinned(t *testing.T) {
	sampler := newSampler(t, 50, 8, 3)
	assert.Equal(t, []int{13, 7, 24, 31, 19, 28, 23, 12}, sampler.Batch(7, make([]uint8, sampler.BatchSize())))
}

func TestPixelsFollowIndices(t *testing.T) {
	sampler, err := NewSampler(numbered(9), 4, Augmentation{Flip: true}, 1)
	require.NoError(t, err)
	dst := make([]uint8, sampler.BatchSize())
	for i, index := range sampler.Batch(0, dst) {
		assert.Equal(t, numbered(9).Image(index), dst[48*i:48*(i+1)])
	}
}

func TestNewSamplerRefuses(t *testing.T) {
	for _, batch := range []int{0, -1, 11} {
		_, err := NewSampler(numbered(10), batch, Augmentation{}, 1)
		assert.ErrorContains(t, err, "expected 1 to 10")
	}
	_, err := NewSampler(numbered(10), 2, Augmentation{Translate: 2}, 1)
	assert.ErrorContains(t, err, "translate")
	_, err = NewSampler(&Set{Name: "empty"}, 1, Augmentation{}, 1)
	assert.ErrorContains(t, err, "empty")

	sampler := newSampler(t, 10, 2, 1)
	assert.Panics(t, func() { sampler.Batch(-1, make([]uint8, sampler.BatchSize())) })
	assert.Panics(t, func() { sampler.Batch(0, nil) })
}

func TestPrefetchGivesTheSameBatches(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sampler, plain := newSampler(t, 50, 8, 3), newSampler(t, 50, 8, 3)
	want := make([]uint8, plain.BatchSize())
	step := 5
	for batch := range sampler.Prefetch(ctx, step, 2) {
		require.Equal(t, step, batch.Step)
		assert.Equal(t, plain.Batch(step, want), batch.Indices)
		assert.Equal(t, want, batch.Pixels)
		batch.Release()
		batch.Release() // does nothing
		if step++; step == 30 {
			break
		}
	}
}

// synctest fails the test when a goroutine is left behind, and its Wait tells
// when the goroutine can go no further.
func TestPrefetchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sampler := newSampler(t, 50, 8, 3)
		for _, taken := range []int{0, 1, 2, 3} {
			ctx, cancel := context.WithCancel(t.Context())
			batches := sampler.Prefetch(ctx, 0, 3)
			for range taken {
				<-batches // never released: at 3 the goroutine waits for memory
			}
			synctest.Wait()
			cancel()
			synctest.Wait()
			_, open := <-batches
			assert.False(t, open, "closed after %d batches", taken)
		}
	})
}

func TestPrefetchBoundsItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		batches := newSampler(t, 50, 8, 3).Prefetch(ctx, 0, 2)
		first, second := <-batches, <-batches
		synctest.Wait()
		select {
		case <-batches:
			t.Fatal("a third batch without a release")
		default:
		}
		first.Release()
		first.Release()
		third := <-batches
		assert.Same(t, &first.Pixels[0], &third.Pixels[0], "memory is used again")
		assert.NotSame(t, &second.Pixels[0], &third.Pixels[0])
	})
}

func TestSamplerIsSafeForGoroutines(t *testing.T) {
	sampler := newSampler(t, 50, 8, 3)
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			dst := make([]uint8, sampler.BatchSize())
			for step := range 40 {
				sampler.Batch((step*(worker+1))%40, dst)
			}
		})
	}
	wait.Wait()
}

func BenchmarkBatch(b *testing.B) {
	set := &Set{Height: 32, Width: 32, Channels: 3, Pixels: make([]uint8, 10000*3072)}
	sampler, err := NewSampler(set, 64, PaperAugmentation, 1)
	require.NoError(b, err)
	dst := make([]uint8, sampler.BatchSize())
	step := 0
	for b.Loop() {
		sampler.Batch(step, dst)
		step++
	}
}

// The order of an epoch is what rand.Perm gives: runs from before four bytes a place were enough go on as they would have.
func TestOrderIsThatOfPerm(t *testing.T) {
	sampler := newSampler(t, 50, 8, 3)
	for _, epoch := range []int{0, 1, 0, 5, 1, 4} {
		want := stream(3, purposeEpoch, uint64(epoch)).Perm(50)
		for i, got := range sampler.orderOf(epoch) {
			require.Equal(t, want[i], int(got), "epoch %d", epoch)
		}
	}
}
