package pixelcnn

import (
	"fmt"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// stages is the number of resolutions: full, half and quarter.
const stages = 3

// A stream is one of the two ways in which a pixel sees those before it: u sees the rows above, ul these and what lies to
// the left in its own row (digest §5).
type stream int

const (
	u stream = iota
	ul
)

func (s stream) String() string { return [...]string{"u_stream", "ul_stream"}[s] }

// kernel is the kernel's size and how many of its columns lie left of the pixel: 2x3 with one on each side for u, 2x2 with
// one on the left for ul. The last row is the pixel's own.
func (s stream) kernel() (height, width, left int) {
	if s == u {
		return 2, 3, 1
	}
	return 2, 2, 1
}

// builder makes layers out of T: what is passed between them. Three are built from the one description below: the
// declaration of the parameters, the graph, and the sampler.
type builder[T any] interface {
	// first reads the image.
	first(s stream) T
	// block is a gated block; sides come in beside x.
	block(b gatedBlock, x T, sides ...T) T
	// down halves the resolution, up doubles it.
	down(s stream, c convolution, x T) T
	up(d deconvolution, x T) T
	// output is the last layer.
	output(c convolution, x T) T
}

// assemble is the network (digest §5): an up pass of three stages, whose features are all kept, and a down pass that takes
// them back from the last to the first.
func assemble[T any](c Config, build builder[T]) T {
	var kept [2][]T
	keep := func(s stream, x T) { kept[s] = append(kept[s], x) }
	last := func(s stream) T { return kept[s][len(kept[s])-1] }
	pop := func(s stream) T {
		x := last(s)
		kept[s] = kept[s][:len(kept[s])-1]
		return x
	}

	keep(u, build.first(u))
	keep(ul, build.first(ul))
	for stage := range stages {
		for i := range c.ResNets {
			keep(u, build.block(c.block("up", stage, u, i, 0), last(u)))
			keep(ul, build.block(c.block("up", stage, ul, i, 1), last(ul), last(u)))
		}
		if stage < stages-1 {
			for _, s := range []stream{u, ul} {
				keep(s, build.down(s, c.downsize(s, stage), last(s)))
			}
		}
	}

	x, y := pop(u), pop(ul)
	for stage := range stages {
		blocks := c.ResNets
		if stage > 0 {
			blocks++
		}
		for i := range blocks {
			x = build.block(c.block("down", stage, u, i, 1), x, pop(u))
			y = build.block(c.block("down", stage, ul, i, 2), y, x, pop(ul))
		}
		if stage < stages-1 {
			x, y = build.up(c.upsize(u, stage), x), build.up(c.upsize(ul, stage), y)
		}
	}
	return build.output(c.last(), y)
}

func (c Config) block(pass string, stage int, s stream, i, sides int) gatedBlock {
	return gatedBlock{
		name:   fmt.Sprintf("%s_layers/%d/%s/%d", pass, stage, s, i),
		stream: s, filters: c.Filters, sides: sides, dropout: c.Dropout,
	}
}

func (c Config) downsize(s stream, stage int) convolution {
	conv := shifted(fmt.Sprintf("downsize_%s/%d/conv", s, stage), s, c.Filters, c.Filters)
	conv.stride = 2
	conv.alike = fmt.Sprintf("downsize/%s", s)
	return conv
}

func (c Config) upsize(s stream, stage int) deconvolution {
	return deconvolution{name: fmt.Sprintf("upsize_%s/%d/deconv", s, stage), stream: s, filters: c.Filters,
		alike: fmt.Sprintf("upsize/%s", s)}
}

// The first layers see the image and a plane of ones, which shows where it ends. That of u is moved down by a row; ul adds one of
// the row above, moved down, and one of the column left and above it, moved right, so that no pixel sees itself.
func (c Config) firstU() convolution { return shifted("u_init/conv", u, c.Channels+1, c.Filters) }
func (c Config) firstULAbove() convolution {
	return convolution{name: "ul_init/0/conv", in: c.Channels + 1, out: c.Filters, height: 1, width: 3, left: 1, stride: 1}
}
func (c Config) firstULLeft() convolution {
	return convolution{name: "ul_init/1/conv", in: c.Channels + 1, out: c.Filters, height: 2, width: 1, stride: 1}
}

func (c Config) last() convolution {
	return pointwise("nin_out/lin_a", c.Filters, Mixture{Components: c.Mixtures, Channels: c.Channels}.Params())
}

// declaration lists the parameters.
type declaration struct {
	config Config
	norms  []weightNorm
	blocks []gatedBlock
}

func declare(c Config) *declaration {
	d := &declaration{config: c}
	assemble[struct{}](c, d)
	return d
}

func (d *declaration) add(norms ...weightNorm) struct{} {
	d.norms = append(d.norms, norms...)
	return struct{}{}
}

// params are those of all layers.
func (d *declaration) params() []nn.Param {
	var all []nn.Param
	for _, n := range d.norms {
		all = append(all, n.Params()...)
	}
	return all
}

func (d *declaration) first(s stream) struct{} {
	if s == u {
		return d.add(d.config.firstU().norm())
	}
	return d.add(d.config.firstULAbove().norm(), d.config.firstULLeft().norm())
}

func (d *declaration) block(b gatedBlock, _ struct{}, _ ...struct{}) struct{} {
	d.blocks = append(d.blocks, b)
	return d.add(b.norms()...)
}
func (d *declaration) down(_ stream, c convolution, _ struct{}) struct{} { return d.add(c.norm()) }
func (d *declaration) up(c deconvolution, _ struct{}) struct{}           { return d.add(c.norm()) }
func (d *declaration) output(c convolution, _ struct{}) struct{}         { return d.add(c.norm()) }

// feature is what flows through the graph: the maps [F, H, W, B] of a layer, and their concat-ELU, which up to three
// layers read and one computes.
type feature struct {
	values *Node
	elu    *Node
}

func (f *feature) concatELU() *Node {
	if f.elu == nil {
		f.elu = concatELU(f.values)
	}
	return f.elu
}

// graphBuilder builds the network's graph.
type graphBuilder struct {
	config Config
	w      *weights
	x      *Node // [C, H, W, B]
}

func (g graphBuilder) first(s stream) *feature {
	d := g.x.Shape().Dimensions
	x := Concatenate([]*Node{g.x, Ones(g.x.Graph(), shapeLike(g.x, 1, d[1], d[2], d[3]))}, 0)
	if s == u {
		return &feature{values: moveDown(g.config.firstU().apply(g.w, x))}
	}
	above, left := g.config.firstULAbove().apply(g.w, x), g.config.firstULLeft().apply(g.w, x)
	return &feature{values: Add(moveDown(above), moveRight(left))}
}

func (g graphBuilder) block(b gatedBlock, x *feature, sides ...*feature) *feature {
	return &feature{values: b.apply(g.w, x, sides)}
}

func (g graphBuilder) down(_ stream, c convolution, x *feature) *feature {
	return &feature{values: c.apply(g.w, x.values)}
}

func (g graphBuilder) up(d deconvolution, x *feature) *feature {
	return &feature{values: d.apply(g.w, x.values)}
}

func (g graphBuilder) output(c convolution, x *feature) *feature {
	return &feature{values: c.apply(g.w, elu(x.values))}
}
