package classifier

import (
	"fmt"
	"math"
	"math/rand/v2"

	"strata/pkg/imageset"
)

// Mix says what batches are made of.
type Mix struct {
	In, General *imageset.Set
	Batch       int
	// InShare is the share of in-distribution images in every batch. The paper is silent (digest §9); without a prior for
	// either, a half is the natural one.
	InShare float64
	// AugmentIn and AugmentGeneral vary the images, each of its own kind: digits must not be flipped, and are told apart
	// from a flipped general set all the same.
	AugmentIn, AugmentGeneral imageset.Augmentation
	Seed                      uint64
}

// PaperMix are W's batches of 128 and its augmentation, half of each set; clear AugmentIn.Flip for digits.
func PaperMix(in, general *imageset.Set, seed uint64) Mix {
	return Mix{In: in, General: general, Batch: 128, InShare: 0.5, Seed: seed,
		AugmentIn: imageset.WideResNetAugmentation, AugmentGeneral: imageset.WideResNetAugmentation}
}

// Sampler draws training batches from both sets: each set in an order of its own, every image once in an epoch of that
// set. Batch number step is a pure function of the mix and the step.
type Sampler struct {
	in, general *imageset.Sampler
	labels      []int32
	seed        uint64
}

// Streams of random numbers that must not be those of the in-distribution set's order and crops.
const (
	generalStream = 0x67656e6572 // "gener"
	dropoutStream = 0x64726f70   // "drop"
)

// NewSampler checks the mix: both sets of one image size, both in every batch, and neither smaller than its part of one.
func NewSampler(mix Mix) (*Sampler, error) {
	a, b := mix.In, mix.General
	if a == nil || b == nil {
		return nil, fmt.Errorf("classifier: a mix wants two sets, In and General")
	}
	if a.Height != b.Height || a.Width != b.Width || a.Channels != b.Channels {
		return nil, fmt.Errorf("classifier: set %s holds %dx%dx%d images and set %s %dx%dx%d: they must be of one size",
			a.Name, a.Height, a.Width, a.Channels, b.Name, b.Height, b.Width, b.Channels)
	}
	in := int(math.Round(float64(mix.Batch) * mix.InShare))
	if !(in >= 1 && in < mix.Batch) {
		return nil, fmt.Errorf("classifier: a share of %g of batches of %d: both sets must be in every batch", mix.InShare, mix.Batch)
	}
	s := &Sampler{seed: mix.Seed, labels: make([]int32, mix.Batch)}
	for i := range s.labels {
		s.labels[i] = General
		if i < in {
			s.labels[i] = InDistribution
		}
	}
	var err error
	if s.in, err = imageset.NewSampler(a, in, mix.AugmentIn, mix.Seed); err != nil {
		return nil, err
	}
	s.general, err = imageset.NewSampler(b, mix.Batch-in, mix.AugmentGeneral, mix.Seed^generalStream)
	return s, err
}

// PerEpoch is the number of batches in which the in-distribution set is seen once.
func (s *Sampler) PerEpoch() int { return s.in.PerEpoch() }

// Batch draws the batch of a step, counted from 0: the in-distribution images first.
func (s *Sampler) Batch(step int) Batch {
	pixels := make([]uint8, s.in.BatchSize()+s.general.BatchSize())
	s.in.Batch(step, pixels[:s.in.BatchSize()])
	s.general.Batch(step, pixels[s.in.BatchSize():])
	return Batch{Pixels: pixels, Labels: s.labels, Seed: rand.New(rand.NewPCG(s.seed^dropoutStream, uint64(step))).Uint64()}
}
