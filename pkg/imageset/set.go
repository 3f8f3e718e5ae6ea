// Package imageset holds image sets, in memory or mapped from disk: opening them by recipe (library.go, recipe.go, prepared.go), the
// augmentation and batches of training (augment.go, sampler.go), what can be made of a set (derive.go, codec.go) and the
// contact sheet (sheet.go).
//
// Images are uint8, NHWC, one Set a split. The package knows nothing of models;
// what scales the pixels to [-1/2, 1/2) comes later on the street.
//
//	set, err := imageset.Open("data", "cifar10", imageset.Train)
//	sampler, err := imageset.NewSampler(set, 64, imageset.Augmentation{Translate: 0.1, Flip: true}, seed)
//	for batch := range sampler.Prefetch(ctx, firstStep, 2) { ...; batch.Release() }
package imageset

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"strata/pkg/imageset/format"
)

// The splits that Open knows.
const (
	Train = format.Train
	Test  = format.Test
)

// Set is one split of an image set. Images of a set all have one size. A Set is
// not changed once it is made, and may be shared.
type Set struct {
	Name, Split             string
	Height, Width, Channels int      // Channels is 1 (grey) or 3 (RGB)
	Pixels                  []uint8  // NHWC, Len*Height*Width*Channels values
	Labels                  []int32  // one an image, an index into Classes; nil when unlabelled
	Classes                 []string // names of the labels
	// Places are the images' numbers in a file of which a part was chosen, nil where they are those of the set (Tiny's chunks).
	Places []int
	// History says what the pixels went through, codec and resizing, as far as that is known. Sets that differ in it should not be
	// compared: see CompareHistories.
	History string

	// hash is what Hash returns, where it is known.
	hash string
	// mapping are the pixels of the mapped file that the images are in, or were copied from; nil where there is none.
	mapping []uint8
}

// ImageSize returns the values of one image, Height*Width*Channels: the number
// of dimensions D of digest §1.
func (s *Set) ImageSize() int { return s.Height * s.Width * s.Channels }

// Len returns the number of images.
func (s *Set) Len() int {
	if s.ImageSize() == 0 {
		return 0
	}
	return len(s.Pixels) / s.ImageSize()
}

// Image returns image i, HWC, as a view that must not be written to.
func (s *Set) Image(i int) []uint8 {
	size := s.ImageSize()
	return s.Pixels[i*size : (i+1)*size : (i+1)*size]
}

// Class returns the name of image i's class, "" when the set is unlabelled.
func (s *Set) Class(i int) string {
	if s.Labels == nil {
		return ""
	}
	return s.Classes[s.Labels[i]]
}

// Validate checks that the fields agree with each other.
func (s *Set) Validate() error {
	switch size := s.ImageSize(); {
	case s.Height < 1 || s.Width < 1 || (s.Channels != 1 && s.Channels != 3):
		return fmt.Errorf("image set %s/%s: images of %dx%dx%d: expected positive sides and 1 or 3 channels", s.Name, s.Split,
			s.Height, s.Width, s.Channels)
	case len(s.Pixels) == 0 || len(s.Pixels)%size != 0:
		return fmt.Errorf("image set %s/%s: %d pixel values: expected a positive multiple of %d", s.Name, s.Split, len(s.Pixels), size)
	case s.Places != nil && len(s.Places) != s.Len():
		return fmt.Errorf("image set %s/%s: %d places for %d images", s.Name, s.Split, len(s.Places), s.Len())
	case s.Labels != nil && len(s.Labels) != s.Len():
		return fmt.Errorf("image set %s/%s: %d labels for %d images", s.Name, s.Split, len(s.Labels), s.Len())
	}
	for i, label := range s.Labels {
		if label < 0 || int(label) >= len(s.Classes) {
			return fmt.Errorf("image set %s/%s: image %d has label %d: expected 0 to %d", s.Name, s.Split, i, label, len(s.Classes)-1)
		}
	}
	return nil
}

// Hash returns the sha256, in hex, of shape, pixels and labels: what a run was
// trained on or scored, whatever the files were called.
func (s *Set) Hash() string {
	if s.hash != "" {
		return s.hash
	}
	return s.rehash()
}

// rehash computes the hash from the pixels.
func (s *Set) rehash() string {
	h := newHash(s.Len(), s.Height, s.Width, s.Channels, s.Labels != nil)
	h.Write(s.Pixels)
	return sumWithLabels(h, s.Labels)
}

// Choose returns the indices of n images chosen by seed without replacement, in
// rising order; all of them when n <= 0 or n >= Len. With one seed a smaller
// choice lies within a larger one.
func (s *Set) Choose(n int, seed uint64) []int {
	if n <= 0 || n >= s.Len() {
		all := make([]int, s.Len())
		for i := range all {
			all[i] = i
		}
		return all
	}
	chosen := stream(seed, purposeSubset, 0).Perm(s.Len())[:n]
	slices.Sort(chosen)
	return chosen
}

// HashOf is the hash of the set that has the images with the given indices only, which rise, without making it.
func (s *Set) HashOf(indices []int) string {
	h := newHash(len(indices), s.Height, s.Width, s.Channels, s.Labels != nil)
	var labels []int32
	for i, image := range s.Walk {
		if len(indices) == 0 {
			break
		}
		if i != indices[0] {
			continue
		}
		indices = indices[1:]
		h.Write(image)
		if s.Labels != nil {
			labels = append(labels, s.Labels[i])
		}
	}
	return sumWithLabels(h, labels)
}

// Subset returns the images of Choose as a copy, or the set itself when those
// are all.
func (s *Set) Subset(n int, seed uint64) *Set {
	chosen := s.Choose(n, seed)
	if len(chosen) == s.Len() {
		return s
	}
	return s.take(chosen)
}

// take copies the images with the given indices.
func (s *Set) take(indices []int) *Set {
	part := *s
	part.hash = ""
	part.Pixels = make([]uint8, 0, len(indices)*s.ImageSize())
	if s.Labels != nil {
		part.Labels = make([]int32, 0, len(indices))
	}
	part.Places = make([]int, 0, len(indices))
	for _, i := range indices {
		part.Pixels = append(part.Pixels, s.Image(i)...)
		if s.Labels != nil {
			part.Labels = append(part.Labels, s.Labels[i])
		}
		part.Places = append(part.Places, s.place(i))
	}
	return &part
}

// place is image i's number in the file.
func (s *Set) place(i int) int {
	if s.Places == nil {
		return i
	}
	return s.Places[i]
}

// Chunk returns images from to from+n, or to the end where fewer are left, as a
// view: what scoring walks through.
func (s *Set) Chunk(from, n int) *Set {
	to := min(from+n, s.Len())
	size := s.ImageSize()
	part := *s
	part.hash = ""
	part.Pixels = s.Pixels[from*size : to*size : to*size]
	part.Places = make([]int, 0, to-from)
	for i := from; i < to; i++ {
		part.Places = append(part.Places, s.place(i))
	}
	if s.Labels != nil {
		part.Labels = s.Labels[from:to:to]
	}
	return &part
}

// What random numbers are for. Each purpose has streams of its own, so that no
// two ever share numbers.
const (
	purposeSubset = iota + 1
	purposeEpoch
	purposeAugment
	purposeRandom
)

// stream returns the random numbers of (seed, purpose, index). ChaCha8 takes all
// three as its key, so neighbouring steps and seeds are unrelated.
func stream(seed, purpose, index uint64) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], purpose)
	binary.LittleEndian.PutUint64(key[16:], index)
	return rand.New(rand.NewChaCha8(key))
}
