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

	mu     sync.Mutex
	orders [2]epochOrder // the last two, as making one is a pass over the set and batches of two epochs may be made side by side
}

// epochOrder is the order of the images in an epoch, in four bytes an image: sets of 80 million have it too.
type epochOrder struct {
	epoch int
	order []uint32 // never written to once it is here
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
		return nil, fmt.Errorf("image set %s/%s: batches of %d from %d images: expected 1 to %d", set.Name, set.Split,
			batch, set.Len(), set.Len())
	}
	return &Sampler{set: set, batch: batch, aug: aug, seed: seed}, nil
}

// PerEpoch returns the number of batches in an epoch.
func (s *Sampler) PerEpoch() int { return BatchesPerEpoch(s.set.Len(), s.batch) }

// BatchesPerEpoch is the number of whole batches in an epoch, at least 1: 781 of 64 in CIFAR-10's 50,000 images. What is left over waits
// for another epoch's order.
func BatchesPerEpoch(images, batch int) int { return max(1, images/batch) }

// BatchSize returns the values of a batch: images x height x width x channels.
func (s *Sampler) BatchSize() int { return s.batch * s.set.ImageSize() }

// Batch writes the images of a step, counted from 0, into dst, NHWC, and returns
// their indices in the set. dst has BatchSize values.
func (s *Sampler) Batch(step int, dst []uint8) []int {
	if step < 0 || len(dst) != s.BatchSize() {
		panic(fmt.Sprintf("imageset.Sampler.Batch: step %d into %d values: expected a step from 0 and %d values", step,
			len(dst), s.BatchSize()))
	}
	order := s.orderOf(step / s.PerEpoch())
	first := step % s.PerEpoch() * s.batch
	indices := make([]int, s.batch)
	for i := range indices {
		indices[i] = int(order[first+i])
	}
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
		panic(fmt.Sprintf("imageset.Sampler.Random: step %d into %d values: expected a step from 0 and %d values", step,
			len(dst), s.BatchSize()))
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
func (s *Sampler) orderOf(epoch int) []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.order != nil && o.epoch == epoch {
			return o.order
		}
	}
	order := make([]uint32, s.set.Len())
	for i := range order {
		order[i] = uint32(i)
	}
	stream(s.seed, purposeEpoch, uint64(epoch)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	oldest := 0
	if s.orders[0].order != nil && (s.orders[1].order == nil || s.orders[1].epoch < s.orders[0].epoch) {
		oldest = 1
	}
	s.orders[oldest] = epochOrder{epoch, order}
	return order
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

// Prefetch prepares the batches of step from and those after it, each in a goroutine of its own,
// while the caller computes: a set that is mapped from disk is read from several places at once. At most buffers batches (at least 1; 2
// let one be made while one is used) are in memory: when all of them are unreleased the
// next one waits for a Release. They come in the order of their steps. The channel is closed and the goroutines end
// when ctx does; nothing else ends them.
func (s *Sampler) Prefetch(ctx context.Context, from, buffers int) <-chan Batch {
	return s.prefetch(ctx, from, buffers, s.Batch)
}

// PrefetchRandom is Prefetch of the batches of Random.
func (s *Sampler) PrefetchRandom(ctx context.Context, from, buffers int) <-chan Batch {
	return s.prefetch(ctx, from, buffers, s.Random)
}

func (s *Sampler) prefetch(ctx context.Context, from, buffers int, draw func(step int, dst []uint8) []int) <-chan Batch {
	buffers = max(buffers, 1)
	free := make(chan []uint8, buffers)
	for range buffers {
		free <- nil // memory is made when it is first needed
	}
	making := make(chan chan Batch, buffers) // in the order of the steps
	go func() {
		defer close(making)
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
			made := make(chan Batch, 1)
			making <- made // has room, as each batch has a buffer
			go func() {
				if pixels == nil {
					pixels = make([]uint8, s.BatchSize())
				}
				batch := Batch{Step: step, Indices: draw(step, pixels), Pixels: pixels}
				var released atomic.Bool
				batch.release = func() {
					if released.CompareAndSwap(false, true) {
						free <- pixels // has room: each of the buffers is out at most once
					}
				}
				made <- batch
			}()
		}
	}()
	ready := make(chan Batch)
	go func() {
		defer close(ready)
		for made := range making {
			select {
			case ready <- <-made:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ready
}
