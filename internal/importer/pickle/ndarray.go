package pickle

import (
	"fmt"
	"slices"

	"github.com/nlpodyssey/gopickle/types"

	"strata/internal/importer/npy"
)

// NDArray is a NumPy array that a pickle holds: its header's words, and its values as they are stored.
type NDArray struct {
	npy.Array
	Data []byte
}

// NumPyClass answers what pickles of NumPy arrays name; ok is false for other names. Arrays become *NDArray, texts of
// Python 2 bytes.
func NumPyClass(module, name string) (class any, ok bool) {
	switch {
	case module == "_codecs" && name == "encode": // how protocol 2 writes bytes
		return Function(encodeLatin1), true
	case module == "numpy" && name == "ndarray":
		return &Inert{}, true
	case module == "numpy" && name == "dtype":
		return Function(newDType), true
	case slices.Contains([]string{"numpy.core.multiarray", "numpy._core.multiarray"}, module) && name == "_reconstruct":
		return Function(func([]any) (any, error) { return &NDArray{}, nil }), true
	case slices.Contains([]string{"numpy.core.numeric", "numpy._core.numeric"}, module) && name == "_frombuffer":
		return Function(fromBuffer), true
	}
	return nil, false
}

// bytesOf are the bytes of a Python value that stands for some.
func bytesOf(value any) (data []byte, ok bool) {
	switch v := value.(type) {
	case []byte:
		return v, true
	case string: // of Python 2
		return []byte(v), true
	case *types.ByteArray:
		return *v, true
	}
	return nil, false
}

func encodeLatin1(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("_codecs.encode without a text")
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("_codecs.encode of %T: expected a text", args[0])
	}
	data := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 255 {
			return nil, fmt.Errorf("_codecs.encode: character %q is none of latin-1", r)
		}
		data = append(data, byte(r))
	}
	return data, nil
}

// dtype is a NumPy type: a code such as "u1", and the order of the bytes, which comes as its state.
type dtype struct{ code, order string }

func newDType(args []any) (any, error) {
	if len(args) > 0 {
		if code, ok := bytesOf(args[0]); ok {
			return &dtype{code: string(code), order: "|"}, nil
		}
	}
	return nil, fmt.Errorf("a NumPy type without its code")
}

// PySetState takes the state of a type: version, order of the bytes, and what only structures have.
func (d *dtype) PySetState(state any) error {
	if values, ok := state.(*types.Tuple); ok && len(*values) >= 2 {
		if order, ok := bytesOf((*values)[1]); ok && len(order) == 1 {
			d.order = string(order)
			return nil
		}
	}
	return fmt.Errorf("a NumPy type with a state that is none")
}

// PySetState takes the state of an array: version, shape, type, whether in Fortran's order, values.
func (a *NDArray) PySetState(state any) error {
	values, ok := state.(*types.Tuple)
	if !ok || len(*values) < 5 {
		return fmt.Errorf("an array with a state that is none")
	}
	v := *values
	fortran, isBool := v[3].(bool)
	if !isBool {
		return fmt.Errorf("an array whose order is %T", v[3])
	}
	return a.set(v[4], v[2], v[1], fortran)
}

// fromBuffer has the arguments values, type, shape, order.
func fromBuffer(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("an array with %d arguments instead of 4", len(args))
	}
	a := &NDArray{}
	return a, a.set(args[0], args[1], args[2], args[3] == "F")
}

func (a *NDArray) set(values, kind, shape any, fortran bool) error {
	data, isBytes := bytesOf(values)
	d, isType := kind.(*dtype)
	axes, isShape := Integers(shape)
	if !isBytes || !isType || !isShape {
		return fmt.Errorf("an array of values %T, type %T and shape %T", values, kind, shape)
	}
	a.Array, a.Data = npy.Array{Shape: axes, Type: d.order + d.code, Fortran: fortran}, data
	return nil
}
