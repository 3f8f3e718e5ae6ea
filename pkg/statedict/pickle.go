package statedict

import (
	"bytes"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
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

// unpickle reads a pickle. persistent answers its references to what lies outside of it, the storages.
func unpickle(data []byte, persistent func(id []any) (any, error)) (value any, err error) {
	reader := bytes.NewReader(data)
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("damaged (%v)", problem)
		}
		if err != nil {
			value, err = nil, fmt.Errorf("offset %d of the pickle: %.300s", len(data)-reader.Len(), err) // gopickle's may print whole lists
		}
	}()
	u := pickle.NewUnpickler(reader)
	u.FindClass = findClass
	if persistent != nil {
		u.PersistentLoad = func(id any) (any, error) {
			tuple, ok := id.(*types.Tuple)
			if !ok {
				return nil, fmt.Errorf("a reference to a storage is a tuple, not %T", id)
			}
			return persistent(*tuple)
		}
	}
	return u.Load()
}

// inertClasses are names that training programs put beside their weights. What they make is never looked at, so it is made
// to nothing: the classes are not known here either.
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
		return function(rebuildTensor), nil
	case full == "torch._utils._rebuild_parameter":
		return function(rebuildParameter), nil
	case module == "torch" && torchStorages[name] != nil:
		return torchStorages[name], nil
	case inertClasses[full]:
		return &inert{}, nil
	}
	return nil, fmt.Errorf("refused: it wants Python's %s, and only tensors and plain values are read, no code is run; "+
		`save the state dict alone: torch.save(model.state_dict(), "weights.pt")`, full)
}

type function func(args []any) (any, error)

func (f function) Call(args ...any) (any, error) { return f(args) }

// rebuildTensor has the arguments storage, offset, size, stride, and others that are of no use here.
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("a tensor with %d arguments instead of at least 4", len(args))
	}
	s, isStorage := args[0].(*storage)
	offset, isOffset := args[1].(int)
	shape, isShape := integers(args[2])
	stride, isStride := integers(args[3])
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

func integers(value any) ([]int, bool) {
	tuple, ok := value.(*types.Tuple)
	if !ok {
		return nil, false
	}
	list := make([]int, len(*tuple))
	for i, v := range *tuple {
		if list[i], ok = v.(int); !ok {
			return nil, false
		}
	}
	return list, true
}

// inert is what is left of an object that nobody looks at.
type inert struct{}

func (i *inert) Call(...any) (any, error)  { return i, nil }
func (i *inert) PyNew(...any) (any, error) { return i, nil }
func (i *inert) PySetState(any) error      { return nil }
func (i *inert) Set(_, _ any)              {}

// item is an entry of a Python dictionary.
type item struct{ key, value any }

// items are the entries of a dictionary in their order; ok is false for other values.
func items(value any) (list []item, ok bool) {
	switch d := value.(type) {
	case *types.Dict:
		for _, entry := range *d {
			list = append(list, item{entry.Key, entry.Value})
		}
	case *types.OrderedDict:
		for e := d.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			list = append(list, item{entry.Key, entry.Value})
		}
	default:
		return nil, false
	}
	return list, true
}
