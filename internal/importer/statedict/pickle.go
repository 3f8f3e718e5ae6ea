package statedict

import (
	"fmt"

	"strata/internal/importer/pickle"
)

// storage is a block of numbers that tensors are views of.
type storage struct {
	dtype *dtype
	key   string
	count int
}

// view is a tensor as the pickle describes it: its values are those of the storage at offset + index * stride.
type view struct {
	storage       *storage
	offset        int
	shape, stride []int
}

// maxPickle bounds a pickle: names and shapes only, the values lie outside of it. That of the paper's Glow has 0.3 MB.
const maxPickle = 16 << 20

// unpickle reads a pickle at the beginning of data and says how long it is. persistent answers its references to what
// lies outside of it, the storages.
func unpickle(data []byte, persistent func(id []any) (any, error)) (value any, length int, err error) {
	return pickle.Unpickle(data, maxPickle, findClass, persistent)
}

// inertClasses are names that training programs put beside their weights. What they make is never looked at, so it is
// made to nothing: the classes are not known here either.
var inertClasses = map[string]bool{
	"argparse.Namespace": true, "collections.defaultdict": true, "collections.Counter": true,
	"torch.Size": true, "torch.device": true, "torch.float32": true, "torch.float64": true, "torch.float16": true,
	"torch.bfloat16": true, "torch.int64": true, "torch.uint8": true,
	"numpy.dtype": true, "numpy.ndarray": true, "_codecs.encode": true,
	"numpy.core.multiarray.scalar": true, "numpy.core.multiarray._reconstruct": true,
	"numpy._core.multiarray.scalar": true, "numpy._core.multiarray._reconstruct": true,
}

// findClass is the whole list of what a pickle may name, besides collections.OrderedDict, list, dict, object,
// copy_reg._reconstructor and array._array_reconstructor, which gopickle builds as plain data itself.
func findClass(module, name string) (any, error) {
	full := module + "." + name
	switch {
	case full == "torch._utils._rebuild_tensor_v2" || full == "torch._utils._rebuild_tensor":
		return pickle.Function(rebuildTensor), nil
	case full == "torch._utils._rebuild_parameter":
		return pickle.Function(rebuildParameter), nil
	case module == "torch" && torchStorages[name] != nil:
		return torchStorages[name], nil
	case inertClasses[full]:
		return &pickle.Inert{}, nil
	}
	return nil, fmt.Errorf("refused: it wants Python's %s, and only tensors and plain values are read, no code is run; "+
		`save the state dict alone: torch.save(model.state_dict(), "weights.pt")`, full)
}

// rebuildTensor has the arguments storage, offset, size, stride, and others that are of no use here.
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("a tensor with %d arguments instead of at least 4", len(args))
	}
	s, isStorage := args[0].(*storage)
	offset, isOffset := args[1].(int)
	shape, isShape := pickle.Integers(args[2])
	stride, isStride := pickle.Integers(args[3])
	if !isStorage || !isOffset || !isShape || !isStride || len(shape) != len(stride) {
		return nil, fmt.Errorf("a tensor of storage %T, offset %T, size %T and stride %T", args[0], args[1], args[2], args[3])
	}
	return &view{s, offset, shape, stride}, nil
}

func rebuildParameter(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("a parameter without its tensor")
	}
	return args[0], nil
}
