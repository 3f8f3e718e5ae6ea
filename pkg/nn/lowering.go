package nn

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Lowering is how networks are written for a backend: the same sums, in the form that the backend is fast at.
type Lowering struct {
	// Native hands convolutions to the backend's own (cuDNN on GPUs). Otherwise they are matrix products.
	Native bool
	// Fused leaves what stands between products to a compiler that joins passes over memory: shifts are slices, biases and
	// ReLU elementwise. Otherwise such passes are folded into the products by hand.
	Fused bool
	// Loops makes one counted loop of steps that repeat, so that one of them is compiled and not all.
	Loops bool
	// LargeBatches says that a device is not full with 64 images: GPUs.
	LargeBatches bool
	// TF32 lets a GPU round the factors of products to ten bits.
	TF32 bool
	// Half computes the insides of coupling and residual networks in bfloat16; what they return is of the input's type.
	Half bool
}

// The lowerings. Products was measured against Native wherever it is used, and is faster everywhere: 60 to 100 times on the Go
// backend, whose convolution is a plain loop; 1.1 to 1.7 times under XLA on CPUs; and on an H200 JAX's products took 41 ms for
// the paper's Glow where its convolutions took 61. So no table says where Native is chosen: it is chosen nowhere. It stays as
// the form that tests hold the products against, and in what is not worth writing as a product.
var (
	// Products is for the Go backend.
	Products = Lowering{}
	// Fused is for XLA.
	Fused = Lowering{Fused: true, Loops: true}
	// Native is the backend's own convolution.
	Native = Lowering{Native: true}
)

// LoweringFor is the lowering of a backend. This function, and what it is made of, is all that strata's graphs know of the
// backend that they run on.
func LoweringFor(b compute.Backend) Lowering {
	if !compiles(b) {
		return Products
	}
	l := Fused
	l.LargeBatches = strings.Contains(strings.ToLower(b.Description()), "cuda")
	return l
}

// compiles says whether the backend compiles a graph as a whole, as XLA does, or runs it operation by operation, as the Go
// backend does. Only compilers have the operations on which loops rest.
func compiles(b compute.Backend) bool {
	return b.Capabilities().Operations[compute.OpTypeDynamicUpdateSlice]
}

func compiled(v *Node) bool { return compiles(v.Graph().Backend()) }

// String names the lowering for people and for the records of runs.
func (l Lowering) String() string {
	name := "products"
	if l.Native {
		name = "native"
	}
	if l.Fused {
		name += ", fused"
	}
	if l.Loops {
		name += ", looped"
	}
	if l.LargeBatches {
		name += ", large batches"
	}
	if p := l.Precision(); p != "float32" {
		name += ", " + p
	}
	return name
}

// Halved gives, where the lowering asks for it, a function that takes nodes to bfloat16 and one that takes results back to x's
// type: what lies between computes in half precision, and so does its gradient.
//
// On the Go backend what goes in is rounded to bfloat16 and computed with in float32. Its products of bfloat16 lose terms on
// processors that have AVX2 and not AVX-512: of 24 ones the sum is 16 (github.com/gomlx/compute v0.1.2), which silently trained
// to something else there.
func (l Lowering) Halved(x *Node) (half, back func(*Node) *Node) {
	if !l.Half || x.DType() != dtypes.Float32 {
		return nil, nil
	}
	half = func(v *Node) *Node {
		if v == nil {
			return nil
		}
		rounded := ConvertDType(v, dtypes.BFloat16)
		if compiled(x) {
			return rounded
		}
		return ConvertDType(rounded, x.DType())
	}
	return half, func(v *Node) *Node { return ConvertDType(v, x.DType()) }
}

// Precision is the name of what the networks' insides are computed in: "float32", "tf32" or "bfloat16".
func (l Lowering) Precision() string {
	switch {
	case l.Half:
		return "bfloat16"
	case l.TF32:
		return "tf32"
	}
	return "float32"
}

// allowTF32 tells a backend that knows TF32 whether the products of the graph that is being built may use it: go-xla has a
// public field for it, that it reads at each product.
func allowTF32(b compute.Backend, allow bool) {
	if field := tf32Field(b); field.IsValid() {
		field.SetBool(allow)
	}
}

func tf32Field(b compute.Backend) reflect.Value {
	v := reflect.ValueOf(b)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.Elem().FieldByName("DotGeneralUseTF32")
}

// WithPrecision is the lowering for a precision: "float32", "tf32" or "bfloat16"; "" is float32. Processors have no tf32: it is
// float32 there.
func (l Lowering) WithPrecision(precision string) (Lowering, error) {
	l.Half, l.TF32 = false, false
	switch precision {
	case "", "float32":
	case "tf32":
		l.TF32 = true
	case "bfloat16":
		l.Half = true
	default:
		return l, fmt.Errorf("no precision %q: choose float32, tf32 or bfloat16", precision)
	}
	return l, nil
}
