package nn

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Dropout sets every element of x to 0 with probability rate and divides the rest by 1 - rate, in training steps; where
// w.Random is nil it is the identity.
func Dropout(w *Weights, x *Node, rate float64) *Node {
	return drop(w, x, x.Shape(), rate)
}

// DropChannels drops whole feature maps: one draw for each channel and image of x [C, H, W, B].
func DropChannels(w *Weights, x *Node, rate float64) *Node {
	return drop(w, x, shapes.Make(x.DType(), x.Shape().Dim(0), 1, 1, x.Shape().Dim(-1)), rate)
}

func drop(w *Weights, x *Node, mask shapes.Shape, rate float64) *Node {
	if !(rate >= 0 && rate < 1) {
		panic(fmt.Errorf("nn: dropout rate %g is not in [0, 1)", rate))
	}
	if w.Random == nil || rate == 0 {
		return x
	}
	var kept *Node
	if w.Lowering.Fused {
		state, key := RNGStateSplit(w.Random)
		w.Random = state
		limit := Scalar(x.Graph(), dtypes.Uint32, uint32(rate*(1<<32)))
		kept = GreaterOrEqual(hashes(key, mask.Dimensions...), limit)
	} else {
		state, uniform := RandomUniform(w.Random, mask)
		w.Random = state
		kept = GreaterOrEqual(uniform, Scalar(x.Graph(), x.DType(), rate))
	}
	scaled := MulScalar(ConvertDType(kept, x.DType()), 1/(1-rate))
	return Mul(x, BroadcastToShape(StopGradient(scaled), x.Shape()))
}

// hashes are numbers uniform over uint32 that a key [3] of random uint64 chooses. XLA draws Philox numbers on CPUs with 64-bit
// products of single numbers and stores them: a sixth of a training step of the WRN-16-4. These are elementwise, fused into
// what they decide about, and made again by the gradient: number i is C. Wellons' triple32, the mixing of 32 bits with the
// least bias that he found for three products, of i, with 32 bits of the key before each of the first two products.
func hashes(key *Node, dimensions ...int) *Node {
	g := key.Graph()
	shape := shapes.Make(dtypes.Uint32, dimensions...)
	keys := ConvertDType(key, dtypes.Uint32)
	word := func(i int) *Node { return BroadcastToDims(Reshape(Slice(keys, AxisElem(i))), dimensions...) }
	number := func(v uint32) *Node { return Scalar(g, dtypes.Uint32, v) }
	x := Reshape(Iota(g, shapes.Make(dtypes.Uint32, shape.Size()), 0), dimensions...)
	folded := func(by uint32) { x = BitwiseXor(x, BitwiseShiftRightLogical(x, number(by))) }
	x = Add(x, word(1))
	folded(17)
	x = Mul(x, number(0xed5ad4bb))
	x = BitwiseXor(x, word(2))
	folded(11)
	x = Mul(x, number(0xac4c1b51))
	folded(15)
	x = Mul(x, number(0x31848bab))
	folded(14)
	return x
}
