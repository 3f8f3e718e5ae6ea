package fit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"strata/pkg/detector"
	"strata/pkg/imageset"
	"strata/pkg/imageset/intake"
	"strata/pkg/progress"
)

// sample is a picture of a folder. Its windows stay in memory where it is one window, and are read again where it is many.
type sample struct {
	hash    [sha256.Size]byte
	file    intake.File
	windows *detector.Windows
	grey    bool
}

// share is a number of the content, evenly spread from 0 to 1: it says which part a picture belongs to, whatever lies beside it.
func (s *sample) share() float64 {
	return float64(binary.BigEndian.Uint64(s.hash[:shareBytes])) / math.MaxUint64
}

// shareBytes is how much of a hash a share is made of.
const shareBytes = 8

// gathered are the different pictures of some paths.
type gathered struct {
	samples                         []*sample // by hash
	duplicates, unreadable, leftOut int
	problems                        []string // the first few that could not be read
	preparation                     detector.Preparation
	limits                          intake.Limits
}

// fewProblems is how many bad files are told by name; detect tells all.
const fewProblems = 5

// gather reads all pictures, and where there are more than most keeps as many, chosen by their content. Pictures that are
// equal once they are prepared are one.
func gather(ctx context.Context, walk *intake.Walk, p detector.Preparation, limits intake.Limits, most int,
	bar *progress.Bar) (*gathered, error) {
	g := &gathered{preparation: p, limits: limits}
	known := map[[sha256.Size]byte]bool{}
	done := 0
	for prepared := range p.Read(ctx, walk.Files, limits) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		done++
		bar.Set(done, "")
		if prepared.Err != nil {
			if g.unreadable++; g.unreadable <= fewProblems {
				g.problems = append(g.problems, fmt.Sprintf("%s: %v", prepared.File.Name, prepared.Err))
			}
			continue
		}
		s := &sample{hash: contentOf(prepared, p.Channels), file: prepared.File, grey: prepared.Grey}
		if known[s.hash] {
			g.duplicates++
			continue
		}
		known[s.hash] = true
		if !p.Tiles {
			s.windows = &prepared.Windows
		}
		if g.samples = append(g.samples, s); len(g.samples) >= 2*most {
			g.trim(most)
		}
	}
	g.trim(most)
	return g, ctx.Err()
}

// trim keeps the most samples whose hashes are smallest behind the bytes that share reads: those that stay are as evenly spread
// over the parts as all were.
func (g *gathered) trim(most int) {
	if n := len(g.samples); n > most {
		slices.SortFunc(g.samples, func(a, b *sample) int { return slices.Compare(a.hash[shareBytes:], b.hash[shareBytes:]) })
		g.leftOut += n - most
		clear(g.samples[most:])
		g.samples = g.samples[:most]
	}
	slices.SortFunc(g.samples, func(a, b *sample) int { return slices.Compare(a.hash[:], b.hash[:]) })
}

// contentOf is the hash that says which part a picture belongs to. A grey picture has the same in a grey model and in one of
// colours: a detector that was fitted on grey pictures holds the same ones out when another fit begins from it.
func contentOf(p detector.Prepared, channels int) [sha256.Size]byte {
	w := p.Windows
	if p.Grey && channels == 3 {
		w.Pixels = everyThird(w.Pixels)
	}
	return hashOf(w)
}

func everyThird(rgb []uint8) []uint8 {
	grey := make([]uint8, len(rgb)/3)
	for i := range grey {
		grey[i] = rgb[3*i]
	}
	return grey
}

func hashOf(w detector.Windows) (hash [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintln(h, w.Height, w.Width)
	h.Write(w.Pixels)
	h.Sum(hash[:0])
	return hash
}

// grey says whether all pictures are.
func (g *gathered) grey() bool {
	return !slices.ContainsFunc(g.samples, func(s *sample) bool { return !s.grey })
}

// inGrey makes one channel of three equal ones: what a Preparation for one gives of grey pictures.
func (g *gathered) inGrey() {
	g.preparation.Channels = 1
	for _, s := range g.samples {
		if s.windows != nil {
			s.windows.Pixels = everyThird(s.windows.Pixels)
		}
	}
}

// load gives the windows of some samples one after the other; those that can no longer be read are left out.
func (g *gathered) load(ctx context.Context, samples []*sample) iter.Seq[detector.Windows] {
	return func(yield func(detector.Windows) bool) {
		if len(samples) > 0 && samples[0].windows != nil {
			for _, s := range samples {
				if !yield(*s.windows) {
					return
				}
			}
			return
		}
		files := func(yield func(intake.File) bool) {
			for _, s := range samples {
				if !yield(s.file) {
					return
				}
			}
		}
		for prepared := range g.preparation.Read(ctx, files, g.limits) {
			if prepared.Err == nil && !yield(prepared.Windows) {
				return
			}
		}
	}
}

// set makes a set of at most so many windows a picture, chosen by its content, and at most so many pictures.
func (g *gathered) set(ctx context.Context, name string, samples []*sample, windows, pictures int) (*imageset.Set, error) {
	if len(samples) > pictures {
		samples = samples[:pictures]
	}
	set := &imageset.Set{Name: name, Split: imageset.Train, Height: detector.Side, Width: detector.Side, Channels: g.preparation.Channels}
	size := set.ImageSize()
	for w := range g.load(ctx, samples) {
		order := make([]int, len(w.Corners))
		for i := range order {
			order[i] = i
		}
		if len(order) > windows {
			hash := hashOf(w)
			rng := rand.New(rand.NewChaCha8(hash))
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			order = order[:windows]
		}
		for _, i := range order {
			set.Pixels = append(set.Pixels, w.Pixels[i*size:(i+1)*size]...)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return set, set.Validate()
}

// parts are what good images are for.
type parts struct{ heldOut, stop, train []*sample }

// Of the good images a fifth is held out, a tenth is what training is stopped by, and at least so many; never more than most of
// each, as more would say nothing new.
const (
	heldOutShare, heldOutMost = 0.2, 5000
	stopShare, stopMost       = 0.1, 2000
	stopLeast                 = 20
	trainLeast                = 80
	// Least is how many different good images a fit wants at least; 500 are a fair number.
	Least = detector.LeastHeldOut + stopLeast + trainLeast
	// LeastOutliers is how many different outliers are trained against at least: none of them is held out or stopped by.
	LeastOutliers = 50
)

// split parts the samples, which are sorted by hash, by their content alone: a picture that is held out once is held out in every fit,
// whatever is added beside it, unless there are too few.
func (g *gathered) split(training bool) parts {
	upTo := func(share float64) int {
		n, _ := slices.BinarySearchFunc(g.samples, share, func(s *sample, share float64) int {
			if s.share() < share {
				return -1
			}
			return 1
		})
		return n
	}
	heldOut := max(upTo(heldOutShare), detector.LeastHeldOut)
	stop := max(upTo(heldOutShare+stopShare), heldOut+stopLeast)
	if !training { // all that is not needed to say what is typical is compared with
		return parts{heldOut: first(slices.Concat(g.samples[:heldOut], g.samples[stop:]), heldOutMost),
			stop: first(g.samples[heldOut:stop], stopMost)}
	}
	return parts{first(g.samples[:heldOut], heldOutMost), first(g.samples[heldOut:stop], stopMost), g.samples[stop:]}
}

func first(samples []*sample, n int) []*sample { return samples[:min(n, len(samples))] }
