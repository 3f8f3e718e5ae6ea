// Package measure is a detector's two networks at work: batches of windows go in, and scores, likelihoods and heat maps come out. It knows
// nothing of what is good.
package measure

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/network"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Side is the height and width of what the networks see, in pixels.
const Side = 32

// Weights are the values of a network's parameters by name, row by row.
type Weights map[string][]float32

// likelihood is what a network says of one window: ln p(x), nats, and what else its kind has.
type likelihood struct {
	total   float64
	scales  []float64   // of a Glow: the contributions of its scales, nats
	latents [][]float32 // and its latents
	pixels  []float32   // of a PixelCNN++: ln p of each pixel given those before it, nats
}

func (l likelihood) last() float64 { return l.scales[len(l.scales)-1] }

// measured is what scores are made of.
type measured struct {
	pixels       []uint8
	own, general likelihood
	// unsorted are the own latents in their places, and probes those of the perturbed window; nil where no score wants them.
	unsorted [][]float32
	probes   [][][]float32
	// typical is the mean ln p(x) of good images.
	typical float64
}

// pass is a network on a backend with the program that scores a batch.
type pass struct {
	network *density.Network
	program *network.Program
	kind    traits
}

func newPass(on compute.Backend, model density.Model, kind traits, weights Weights) (*pass, error) {
	p := &pass{network: density.BlankNetwork(on, backend.Lowering(on), model), kind: kind}
	err := p.network.Set(weights)
	if err == nil {
		p.program, err = p.network.Program(density.Identify(model, "what a detector asks"), func(w *nn.Weights, in []*Node) []*Node {
			return kind.outputs(model.LogLikelihood(w, model.Input(in[0], in[1])))
		})
	}
	if err != nil {
		p.network.Close()
		return nil, err
	}
	return p, nil
}

// run scores a batch of windows, dequantised by noise in units of a level.
func (p *pass) run(pixels []uint8, noise []float32) ([]likelihood, error) {
	h, w, c := p.network.Model.Shape()
	batch := len(pixels) / (h * w * c)
	out, err := p.program.Call(tensors.FromFlatDataAndDimensions(pixels, batch, h, w, c),
		tensors.FromFlatDataAndDimensions(noise, batch, h, w, c))
	if err != nil {
		return nil, err
	}
	flat, err := network.Floats(out...)
	if err != nil {
		return nil, err
	}
	all := make([]likelihood, batch)
	for i := range all {
		all[i] = p.kind.read(flat, batch, i)
	}
	return all, nil
}

// ofImage is what of values [..., batch] is an image's.
func ofImage(values []float32, batch, image int) []float32 {
	own := make([]float32, len(values)/batch)
	for k := range own {
		own[k] = values[k*batch+image]
	}
	return own
}

// Networks are the two networks on a backend. They may be used by several goroutines: one batch is scored at a time.
type Networks struct {
	// Batch is how many windows are scored at once.
	Batch int

	kind         traits
	mu           sync.Mutex
	own, general *pass
	together     bool // a backend that computes a small batch on one processor has both networks side by side
	warm         bool
	probes       [][]float32
}

// Open brings two networks of one architecture to the backend that suits about so many images.
func Open(config density.Config, own, general Weights, images int) (*Networks, error) {
	kind, err := KindOf(config)
	if err != nil {
		return nil, err
	}
	model, err := config.Model()
	if err != nil {
		return nil, err
	}
	const passes = 2.0 / 3 // of both networks, in training steps
	on, _, err := backend.For(backend.Work{Seconds: passes * StepSeconds(config) * float64(images), Programs: 2})
	if err != nil {
		return nil, err
	}
	n := &Networks{Batch: density.ScoreBatch, kind: kinds[kind]}
	lowering := backend.Lowering(on)
	n.together = lowering.Fused
	if lowering.LargeBatches {
		n.Batch *= 8
	}
	if n.own, err = newPass(on, model, n.kind, own); err != nil {
		return nil, err
	}
	if n.general, err = newPass(on, model, n.kind, general); err != nil {
		n.own.network.Close()
		return nil, err
	}
	return n, nil
}

// Close gives their memory back.
func (n *Networks) Close() {
	n.own.network.Close()
	n.general.network.Close()
}

// noise are the middles of the bins, or with a probe a little to one side of them or the other, the same for every window.
func (n *Networks) noise(values int) []float32 {
	noise := make([]float32, values)
	for i := range noise {
		noise[i] = density.HalfBin
	}
	return noise
}

func (n *Networks) probe(number, values, window int) []float32 {
	rng := rand.New(rand.NewPCG(0x70726f6265, uint64(number))) // "probe"
	signs := make([]float32, window)
	for i := range signs {
		signs[i] = probeStep * (2*float32(rng.IntN(2)) - 1)
	}
	noise := n.noise(values)
	for i := range noise {
		noise[i] += signs[i%window]
	}
	return noise
}

// Of is what is asked of windows.
type Of struct {
	Scores []Score
	// Typical is the mean ln p(x) of good images, nats, for those scores that compare with it.
	Typical float64
	// Heat asks for Values.Heat.
	Heat bool
}

// Values are what a window is found to be.
type Values struct {
	// Scores are those asked for, higher for more in-distribution, as computed: not always finite.
	Scores []float64
	// LogLikelihood is ln p(x) under the own network, nats.
	LogLikelihood float64
	// Heat is the log-ratio at each pixel, nats: see Heat.
	Heat []float32
}

// Measure scores 1 to Batch windows, NHWC, on all processors.
func (n *Networks) Measure(pixels []uint8, windows int, of Of) ([]Values, error) {
	size := len(pixels) / windows
	full := make([]uint8, 0, n.Batch*size)
	full = append(full, pixels...)
	for len(full) < n.Batch*size { // what a batch lacks is filled up with copies
		full = append(full, pixels[:size]...)
	}
	withProbes := slices.ContainsFunc(of.Scores, func(s Score) bool { return s.probes })
	own, general, probes, err := n.passes(full, size, withProbes)
	if err != nil {
		return nil, err
	}
	all := make([]Values, windows)
	var wait sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), windows)
	for w := range workers {
		wait.Go(func() {
			for i := w; i < windows; i += workers {
				m := &measured{pixels: pixels[i*size : (i+1)*size], own: own[i], general: general[i], unsorted: own[i].latents,
					typical: of.Typical}
				m.own.latents = nil
				for _, z := range m.unsorted {
					m.own.latents = append(m.own.latents, slices.Clone(z)) // to be sorted
				}
				for _, probe := range probes {
					m.probes = append(m.probes, probe[i].latents)
				}
				v := &all[i]
				v.LogLikelihood = m.own.total
				for _, score := range of.Scores {
					v.Scores = append(v.Scores, score.of(m))
				}
				if of.Heat {
					v.Heat = n.kind.heat(m)
				}
			}
		})
	}
	wait.Wait()
	return all, nil
}

func (n *Networks) passes(full []uint8, size int, withProbes bool) (own, general []likelihood, probes [][]likelihood, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	middle := n.noise(len(full))
	beside := make(chan error, 1)
	runGeneral := func() {
		var err error
		general, err = n.general.run(full, middle)
		beside <- err
	}
	if n.together && n.warm { // the first call compiles and brings the weights to the device, which two must not do at once
		go runGeneral()
	} else {
		runGeneral()
	}
	own, err = n.own.run(full, middle)
	if err := errors.Join(err, <-beside); err != nil {
		return nil, nil, nil, err
	}
	if withProbes {
		for number := range probeCount {
			if len(n.probes) <= number {
				n.probes = append(n.probes, n.probe(number, len(full), size))
			}
			probe, err := n.own.run(full, n.probes[number])
			if err != nil {
				return nil, nil, nil, err
			}
			probes = append(probes, probe)
		}
	}
	n.warm = true
	return own, general, probes, nil
}
