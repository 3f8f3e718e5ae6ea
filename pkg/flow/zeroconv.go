package flow

import (
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// ZeroConv is the 3x3 convolution that starts from zero, multiplied by exp(3 logs) with a trained number an output channel
// (digest §2.5). Its Out channels are pairs: even ones and odd ones mean different things.
type ZeroConv struct {
	Name    string
	In, Out int
}

// Params are weight [Out, In, 3, 3], bias [Out] and logs [Out], zero at the start.
func (z ZeroConv) Params() []nn.Param {
	return []nn.Param{
		{Name: z.Name + "/weight", Shape: []int{z.Out, z.In, 3, 3}},
		{Name: z.Name + "/bias", Shape: []int{z.Out}},
		{Name: z.Name + "/logs", Shape: []int{z.Out}},
	}
}

// EvenOdd convolves x [In, H, W, B], after the layers before it, and gives the even output channels and the odd ones,
// [Out/2, H, W, B] each.
func (z ZeroConv) EvenOdd(w *nn.Weights, x *Node, before ...nn.ConvLayer) (even, odd *Node) {
	scale := evenThenOdd(Exp(MulScalar(w.Get(z.Name+"/logs"), 3)))
	last := nn.ConvLayer{
		Kernel: evenThenOdd(nn.After(w.Get(z.Name+"/weight"), x)),
		Scale:  scale,
		Bias:   Mul(evenThenOdd(w.Get(z.Name+"/bias")), scale),
	}
	y := nn.ConvNet(w.Lowering, x, append(before[:len(before):len(before)], last)...)
	return nn.Channels(y, 0, z.Out/2), nn.Channels(y, z.Out/2, z.Out)
}

// evenThenOdd reorders the first axis to 0, 2, 4, ..., 1, 3, 5, ...
func evenThenOdd(x *Node) *Node {
	d := x.Shape().Dimensions
	axes := make([]int, x.Rank()+1)
	for i := range axes {
		axes[i] = i
	}
	axes[0], axes[1] = 1, 0
	pairs := Reshape(x, append([]int{d[0] / 2, 2}, d[1:]...)...)
	return Reshape(TransposeAllAxes(pairs, axes...), d...)
}
