package imageset

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// numbered returns a set of n labelled 4x4 RGB images. Every pixel of image i
// is i+1.
func numbered(n int) *Set {
	set := &Set{Name: "numbered", Split: Train, Height: 4, Width: 4, Channels: 3, Classes: []string{"even", "odd"}}
	for i := range n {
		for range set.ImageSize() {
			set.Pixels = append(set.Pixels, uint8(i+1))
		}
		set.Labels = append(set.Labels, int32(i%2))
	}
	return set
}

func TestSetViews(t *testing.T) {
	set := numbered(10)
	require.NoError(t, set.Validate())
	assert.Equal(t, 10, set.Len())
	assert.Equal(t, uint8(4), set.Image(3)[47])
	assert.Len(t, set.Image(3), 48)
	assert.Equal(t, "odd", set.Class(3))

	chunk := set.Chunk(8, 4)
	assert.Equal(t, 2, chunk.Len())
	assert.Equal(t, set.Image(8), chunk.Image(0))
	assert.Equal(t, []int32{0, 1}, chunk.Labels)
	assert.Same(t, &set.Image(8)[0], &chunk.Image(0)[0], "a chunk is a view")
	assert.Zero(t, set.Chunk(10, 4).Len())

	assert.Zero(t, (&Set{}).Len())
	assert.Empty(t, (&Set{Height: 1, Width: 1, Channels: 1, Pixels: []uint8{7}}).Class(0))
}

func TestSubset(t *testing.T) {
	set := numbered(100)
	five, twenty := set.Subset(5, 1), set.Subset(20, 1)
	require.NoError(t, twenty.Validate())
	first := func(s *Set) (values []uint8) {
		for i := range s.Len() {
			values = append(values, s.Image(i)[0])
			assert.Equal(t, int32(s.Image(i)[0]-1)%2, s.Labels[i], "labels stay with their images")
		}
		return values
	}
	assert.IsIncreasing(t, first(twenty), "no image twice, order of the set")
	assert.Subset(t, first(twenty), first(five))
	assert.Equal(t, first(twenty), first(set.Subset(20, 1)))
	assert.NotEqual(t, first(twenty), first(set.Subset(20, 2)))
	for _, n := range []int{0, -1, 100, 1000} {
		assert.Same(t, set, set.Subset(n, 1))
	}
}

func TestHash(t *testing.T) {
	hash := numbered(3).Hash()
	// Computed apart, with Python's hashlib. Runs are addressed by it.
	assert.Equal(t, "3567f54bdd8e651820af06f2bda9d907214fd8dbf6ab324f85da483d562dd5d0", hash)
	changed := map[string]func(*Set){
		"pixel":  func(s *Set) { s.Pixels[5]++ },
		"label":  func(s *Set) { s.Labels[0] = 1 },
		"shape":  func(s *Set) { s.Height, s.Width = 2, 8 },
		"labels": func(s *Set) { s.Labels = nil },
	}
	for what, change := range changed {
		set := numbered(3)
		change(set)
		assert.NotEqual(t, hash, set.Hash(), what)
	}
	renamed := numbered(3)
	renamed.Name, renamed.Split, renamed.Classes = "x", Test, []string{"a", "b"}
	assert.Equal(t, hash, renamed.Hash(), "names do not count")
}

func TestValidate(t *testing.T) {
	for what, spoil := range map[string]func(*Set){
		"4 channels":        func(s *Set) { s.Channels = 4 },
		"no height":         func(s *Set) { s.Height = 0 },
		"no images":         func(s *Set) { s.Pixels = nil },
		"half an image":     func(s *Set) { s.Pixels = s.Pixels[:10] },
		"missing label":     func(s *Set) { s.Labels = s.Labels[1:] },
		"label too large":   func(s *Set) { s.Labels[1] = 2 },
		"label below zero":  func(s *Set) { s.Labels[1] = -1 },
		"labels, no names":  func(s *Set) { s.Classes = nil },
		"nothing filled in": func(s *Set) { *s = Set{} },
	} {
		set := numbered(3)
		spoil(set)
		assert.Error(t, set.Validate(), what)
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for seed := range uint64(3) {
		for purpose := range uint64(3) {
			for index := range uint64(3) {
				seen[stream(seed, purpose, index).Uint64()] = true
			}
		}
	}
	assert.Len(t, seen, 27)
	// A mean of n uniforms lies within 4 standard errors, 1/sqrt(12 n), of 1/2.
	sum, n := 0.0, 10000
	for i := range n {
		sum += stream(1, purposeAugment, uint64(i)).Float64()
	}
	assert.InDelta(t, 0.5, sum/float64(n), 4/math.Sqrt(12*float64(n)), "first numbers of neighbouring streams")
}
