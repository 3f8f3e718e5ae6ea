// Package damagetest damages a file in every way that counts and watches what its
// reader does. A reader of files that may be truncated, altered or made to harm
// never panics, allocates no more than its limits or the file's size allow, says
// where the damage is, and when it succeeds returns what the headers declare.
//
//	damagetest.File{
//		Whole:   data,
//		Headers: [][2]int{{0, 16}},
//		Read: func(data []byte) (any, error) {
//			dims, _, err := readIDX(bytes.NewReader(data), 3, limits)
//			return dims, err
//		},
//	}.Check(t)
//
// All that is tried follows from fixed seeds and is the same in every run.
package damagetest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

const (
	// A file of up to everyCut bytes is truncated at every byte, a longer one in its headers, its last bytes and at cuts others.
	everyCut, lastBytes, cuts = 1 << 13, 64, 2000
	// flips of a byte outside of the headers are tried, or flipsEach for each byte there where that is less.
	flips, flipsEach = 20_000, 64
	// shortened is the part of these that is tried in -short mode.
	shortened = 20
	// More complaints than these say nothing new.
	maxComplaints = 10
)

// File is a good file and what its reader must do with a damaged one.
type File struct {
	Whole []byte
	// Headers are ranges of bytes (first, end). Each of their bits is flipped; elsewhere flips are sampled.
	Headers [][2]int
	// Read reads a file and returns the shape of what it got: anything that reflect.DeepEqual compares. It may not keep or
	// change data. A reader that needs a path writes the file first.
	Read func(data []byte) (shape any, err error)

	// All that follows may be left out.

	// Declared is the shape that the headers of a damaged file declare, asked when reading it succeeded with another shape than
	// the whole file's. Without it no other shape is right.
	Declared func(data []byte) (shape any)
	// Says tells whether an error says where. Without it an error must contain "offset".
	Says func(error) bool
	// Needed is the number of bytes without the last of which reading must fail: without it, all.
	Needed int
	// MaxAlloc is the most bytes that reading once may allocate. Without it that is not checked.
	MaxAlloc uint64
	// Flips outside of the headers: without it 20,000, and no more than 64 for each byte there.
	Flips int
}

// Check reads the whole file, every truncation and many flips, and reports what the reader did wrong.
func (f File) Check(t testing.TB) {
	t.Helper()
	// Readers leave their buffers behind, which is all the garbage there is: collecting it at once would take most of the time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	want, problem := f.read(f.Whole)
	if problem != "" {
		t.Fatalf("the whole file: %s", problem)
	}
	if err, failed := want.(error); failed {
		t.Fatalf("the whole file: %v", err)
	}
	complaints := 0
	try := func(data []byte, mayRead bool, damage string, args ...any) {
		if complaints >= maxComplaints {
			return
		}
		got, problem := f.read(data)
		err, failed := got.(error)
		switch {
		case problem != "":
		case failed && !f.says(err):
			problem = fmt.Sprintf("the error does not say where: %v", err)
		case failed:
		case !mayRead:
			problem = fmt.Sprintf("read %v without an error", got)
		case !reflect.DeepEqual(got, want) && (f.Declared == nil || !reflect.DeepEqual(got, f.Declared(data))):
			problem = fmt.Sprintf("read %v, not %v, without an error", got, want)
		}
		if problem != "" {
			complaints++
			t.Errorf("%s: %s", fmt.Sprintf(damage, args...), problem)
		}
	}

	data := slices.Clone(f.Whole)
	needed := f.Needed
	if needed == 0 {
		needed = len(data)
	}
	for _, n := range f.cuts() {
		try(data[:n:n], n >= needed, "truncated to %d of %d bytes", n, len(data))
	}
	flip := func(at int, mask byte) {
		data[at] ^= mask
		try(data, true, "byte %d turned from %#02x into %#02x", at, f.Whole[at], data[at])
		data[at] ^= mask
	}
	var elsewhere []int
	for at := range data {
		if !f.inHeader(at) {
			elsewhere = append(elsewhere, at)
			continue
		}
		for bit := range 8 {
			flip(at, 1<<bit)
		}
	}
	if len(elsewhere) == 0 {
		return
	}
	n := f.Flips
	if n == 0 {
		n = flips
	}
	n = min(n, flipsEach*len(elsewhere))
	if testing.Short() {
		n /= shortened
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		mask := byte(1) << rng.IntN(8)
		if i%2 == 1 { // the whole byte
			mask = byte(1 + rng.IntN(255))
		}
		flip(elsewhere[rng.IntN(len(elsewhere))], mask)
	}
}

// cuts are the lengths to truncate the file to, in rising order.
func (f File) cuts() []int {
	size, sampled := len(f.Whole), cuts
	if testing.Short() {
		sampled /= shortened
	}
	every := size <= everyCut && !testing.Short()
	rng := rand.New(rand.NewPCG(3, 4))
	var all []int
	for n := range size {
		if every || f.inHeader(n) || n >= size-lastBytes || rng.IntN(size) < sampled {
			all = append(all, n)
		}
	}
	return all
}

func (f File) inHeader(at int) bool {
	return slices.ContainsFunc(f.Headers, func(h [2]int) bool { return at >= h[0] && at < h[1] })
}

func (f File) says(err error) bool {
	if f.Says != nil {
		return f.Says(err)
	}
	return strings.Contains(err.Error(), "offset")
}

// read returns the shape or the error, and what no reader may do.
func (f File) read(data []byte) (got any, problem string) {
	do := func() {
		defer func() {
			if panicked := recover(); panicked != nil {
				problem = fmt.Sprintf("panic: %v\n%s", panicked, debug.Stack())
			}
		}()
		shape, err := f.Read(data)
		if got = shape; err != nil {
			got = err
		}
	}
	before := estimate()
	do()
	if f.MaxAlloc == 0 || problem != "" || estimate()-before <= f.MaxAlloc {
		return got, problem
	}
	// The estimate is cheap, but it may hold what earlier reads allocated.
	if n := Allocated(do); n > f.MaxAlloc && problem == "" {
		problem = fmt.Sprintf("allocated %d bytes: expected at most %d", n, f.MaxAlloc)
	}
	return got, problem
}

// estimate is how many bytes were allocated, without small objects whose block is not yet full.
func estimate() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Allocated is how many bytes do allocates, freed ones included. Those of other goroutines count too, so no test may run in
// parallel with it.
func Allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// AtMost fails the test when do allocates more than the given bytes.
func AtMost(t testing.TB, bytes uint64, do func()) {
	t.Helper()
	if n := Allocated(do); n > bytes {
		t.Errorf("allocated %d bytes: expected at most %d", n, bytes)
	}
}
