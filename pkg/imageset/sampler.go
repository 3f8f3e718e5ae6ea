package imageset

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Sampler draws the batches of a training run. Batch number step is a pure
// function of the set, the seed and the step, so a resumed run sees what the
// uninterrupted one would have seen. Within an epoch every image comes once, in
// an order of that epoch's own; the images that fill no batch at its end are
// left out (digest §4). It is safe for several goroutines.
type Sampler struct {
	set   *Set
	batch int
	aug   Augmentation
	seed  uint64

	mu    sync.Mutex
	epoch int   // whose order is kept below, as making it is a pass over the set
	order []int // never written to once it is here
}

// NewSampler returns a sampler of batches of the given number of images. A set
// with fewer images than a batch, or one whose fields disagree, is an error.
func NewSampler(set *Set, batch int, aug Augmentation, seed uint64) (*Sampler, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if err := aug.Validate(); err != nil {
		return nil, err
	}
	if batch < 1 || batch > set.Len() {
		return nil, fmt.Errorf("image set %s/%s: batches of %d from %d images: expected 1 to %d", set.Name, set.Split, batch, set.Len(), set.Len())
	}
	return &Sampler{set: set, batch: batch, aug: aug, seed: seed, epoch: -1}, nil
}

// PerEpoch returns the number of batches in an epoch.
func (s *Sampler) PerEpoch() int { return s.set.Len() / s.batch }

// BatchSize returns the values of a batch: images x height x width x channels.
func (s *Sampler) BatchSize() int { return s.batch * s.set.ImageSize() }

// Batch writes the images of a step, counted from 0, into dst, NHWC, and returns
// their indices in the set. dst has BatchSize values.
func (s *Sampler) Batch(step int, dst []uint8) []int {
	if step < 0 || len(dst) != s.BatchSize() {
		panic(fmt.Sprintf("imageset.Sampler.Batch: step %d into %d values: expected a step from 0 and %d values", step, len(dst), s.BatchSize()))
	}
	order := s.orderOf(step / s.PerEpoch())
	first := step % s.PerEpoch() * s.batch
	indices := append([]int(nil), order[first:first+s.batch]...)
	rng := stream(s.seed, purposeAugment, uint64(step))
	size := s.set.ImageSize()
	for i, index := range indices {
		Augment(dst[i*size:(i+1)*size], s.set.Image(index), s.set.Height, s.set.Width, s.set.Channels, s.aug, rng)
	}
	return indices
}

// Random is Batch with images that are drawn anew for every step, each at most once in a batch: with replacement from step to
// step, where Batch has epochs (digest §4.3, outliers).
func (s *Sampler) Random(step int, dst []uint8) []int {
	if step < 0 || len(dst) != s.BatchSize() {
		panic(fmt.Sprintf("imageset.Sampler.Random: step %d into %d values: expected a step from 0 and %d values", step, len(dst), s.BatchSize()))
	}
	rng := stream(s.seed, purposeRandom, uint64(step))
	drawn := make(map[int]bool, s.batch)
	indices := make([]int, 0, s.batch)
	size := s.set.ImageSize()
	for len(indices) < s.batch {
		index := rng.IntN(s.set.Len())
		if drawn[index] {
			continue
		}
		drawn[index] = true
		at := len(indices) * size
		indices = append(indices, index)
		Augment(dst[at:at+size], s.set.Image(index), s.set.Height, s.set.Width, s.set.Channels, s.aug, rng)
	}
	return indices
}

// orderOf returns the order of the images in an epoch.
func (s *Sampler) orderOf(epoch int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		s.order = stream(s.seed, purposeEpoch, uint64(epoch)).Perm(s.set.Len())
		s.epoch = epoch
	}
	return s.order
}

// Batch is a batch that Prefetch has prepared.
type Batch struct {
	Step    int
	Indices []int   // of the images in the set
	Pixels  []uint8 // NHWC, valid until Release
	release func()
}

// Release gives the pixels' memory back for another batch. Pixels must not be
// used after it. Calling it again does nothing.
func (b Batch) Release() { b.release() }

// Prefetch prepares the batches of step from and those after it in a goroutine,
// while the caller computes. At most buffers batches (at least 1; 2 let one be
// made while one is used) are in memory: when all of them are unreleased the
// next one waits for a Release. The channel is closed and the goroutine ends
// when ctx does; nothing else ends it.
func (s *Sampler) Prefetch(ctx context.Context, from, buffers int) <-chan Batch {
	buffers = max(buffers, 1)
	free := make(chan []uint8, buffers)
	for range buffers {
		free <- nil // memory is made when it is first needed
	}
	ready := make(chan Batch)
	go func() {
		defer close(ready)
		for step := from; ; step++ {
			var pixels []uint8
			select {
			case pixels = <-free:
			case <-ctx.Done():
				return
			}
			if ctx.Err() != nil {
				return
			}
			if pixels == nil {
				pixels = make([]uint8, s.BatchSize())
			}
			batch := Batch{Step: step, Indices: s.Batch(step, pixels), Pixels: pixels}
			var released atomic.Bool
			batch.release = func() {
				if released.CompareAndSwap(false, true) {
					free <- pixels // has room: each of the buffers is out at most once
				}
			}
			select {
			case ready <- batch:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ready
}
