package procedural

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// random is the stream of one image. Only the raw numbers come from math/rand/v2 (PCG is fixed by
// its documentation); every conversion is here, so that no Go release can change an image.
type random struct{ source rand.PCG }

// newRandom is the stream of image i of a split of a set: seeded by a hash of all that names it, so that
// neither neighbouring images nor splits nor seeds have anything in common.
func newRandom(name, split string, seed uint64, i int) *random {
	text := fmt.Appendf(nil, "strata procedural %d %s %s %d", Version, name, split, i)
	if seed != 0 {
		text = fmt.Appendf(text, " seed %d", seed)
	}
	sum := sha256.Sum256(text)
	r := new(random)
	r.source.Seed(binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:]))
	return r
}

func (r *random) bits() uint64 { return r.source.Uint64() }

// unit is uniform in [0, 1).
func (r *random) unit() float64 { return float64(float64(r.bits()>>11) / (1 << 53)) }

// between is uniform in [low, high).
func (r *random) between(low, high float64) float64 { return lerp(low, high, r.unit()) }

// below is uniform in 0 ... n-1 (the bias of at most n/2^64 is no concern here).
func (r *random) below(n int) int {
	high, _ := bits.Mul64(r.bits(), uint64(n))
	return int(high)
}

func (r *random) chance(p float64) bool { return r.unit() < p }

// normal is a sum of twelve uniform numbers: mean 0, variance 1, within 6 of 0, all in integers.
func (r *random) normal() float64 {
	sum := -6 * 65535
	for range 3 {
		b := r.bits()
		sum += int(b&0xffff) + int(b>>16&0xffff) + int(b>>32&0xffff) + int(b>>48)
	}
	return float64(float64(sum) / 65536)
}

// about is normal with mean m and standard deviation sd.
func (r *random) about(m, sd float64) float64 { return m + mul(sd, r.normal()) }

// noiseSeed names a lattice for hash.
func (r *random) noiseSeed() uint64 { return r.bits() }

// hash is a uniform number in [-1, 1) for every lattice point of a seed (the finisher of SplitMix64).
func hash(seed uint64, x, y int) float64 {
	h := seed ^ uint64(int64(x))*0x9e3779b97f4a7c15 ^ uint64(int64(y))*0xc2b2ae3d27d4eb4f
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	h ^= h >> 31
	return float64(float64(int64(h)>>11) / (1 << 52))
}
