package classifier

import (
	"math"

	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
)

// block is the residual block with activation before convolution:
//
//	x -> batch norm - ReLU - 3x3 convolution - dropout - batch norm - ReLU - 3x3 convolution, plus x.
//
// The stride is that of the second convolution (W). Where stride or width change, x passes through a 1x1 convolution
// with bias and the same stride first; it is the block's input itself and not what the first batch norm made of it.
type block struct {
	Name    string
	In, Out int
	Stride  int
	Dropout float64
}

func (b block) params() []nn.Param {
	params := b.norm(1).Params()
	params = append(params, convParams(b.Name+"/conv1", b.In, b.Out, 3)...)
	params = append(params, b.norm(2).Params()...)
	params = append(params, convParams(b.Name+"/conv2", b.Out, b.Out, 3)...)
	if b.reshapes() {
		params = append(params, convParams(b.Name+"/shortcut", b.In, b.Out, 1)...)
	}
	return params
}

func (b block) norm(i int) nn.BatchNorm {
	if i == 1 {
		return nn.BatchNorm{Name: b.Name + "/norm1", Channels: b.In, Momentum: blockMomentum}
	}
	return nn.BatchNorm{Name: b.Name + "/norm2", Channels: b.Out, Momentum: blockMomentum}
}

func (b block) reshapes() bool { return b.Stride != 1 || b.In != b.Out }

func (b block) apply(w *nn.Weights, x *Node, training bool) *Node {
	y := conv(w, b.Name+"/conv1", normalise(b.norm(1), w, x, training), 1)
	if training {
		y = nn.Dropout(w, y, b.Dropout)
	}
	y = conv(w, b.Name+"/conv2", normalise(b.norm(2), w, y, training), b.Stride)
	if b.reshapes() {
		x = conv(w, b.Name+"/shortcut", x, b.Stride)
	}
	return Add(y, x)
}

// normalise is batch norm and ReLU.
func normalise(n nn.BatchNorm, w *nn.Weights, x *Node, training bool) *Node {
	if training {
		return n.Train(w, x)
	}
	return n.Evaluate(w, x)
}

// convParams are weight [out, in, size, size], which starts uniform by Xavier's rule with gain sqrt(2), and bias [out],
// which starts at 0 (W).
func convParams(name string, in, out, size int) []nn.Param {
	bound := math.Sqrt2 * math.Sqrt(6/float64((in+out)*size*size))
	return []nn.Param{
		{Name: name + "/weight", Shape: []int{out, in, size, size}, Start: nn.StartUniform(out*in*size*size, bound)},
		{Name: name + "/bias", Shape: []int{out}},
	}
}

func conv(w *nn.Weights, name string, x *Node, stride int) *Node {
	kernel, bias := w.Get(name+"/weight"), w.Get(name+"/bias")
	if stride == 2 {
		return nn.ConvStride2(w.Lowering, x, kernel, bias)
	}
	return nn.Conv(w.Lowering, x, kernel, bias, false)
}
