package statedict

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nlpodyssey/gopickle/types"

	"strata/internal/importer/npy"
	"strata/internal/importer/pickle"
)

// named is a view with its name in the state dict.
type named struct {
	name string
	view *view
}

// wrapperKeys are where training programs put the state dict, the likelier ones first.
var wrapperKeys = []string{"state_dict", "model_state_dict", "model", "net", "network"}

// stateDict finds the tensors in what a PyTorch file holds: a dictionary of them, or a dictionary with one inside.
func stateDict(value any) ([]named, error) {
	entries, ok := pickle.Items(value)
	if !ok {
		return nil, fmt.Errorf("holds %s, not a state dict: torch.save(model.state_dict(), ...) writes one", describe(value))
	}
	found := map[string][]named{}
	var keys []string
	for _, e := range entries {
		key, isText := e.Key.(string)
		inner, isDict := pickle.Items(e.Value)
		if !isText || !isDict {
			continue
		}
		tensors, err := tensorsOf(inner)
		if err != nil {
			return nil, err
		}
		if len(tensors) > 0 {
			found[key] = tensors
			keys = append(keys, key)
		}
	}
	for _, key := range wrapperKeys {
		if tensors := found[key]; tensors != nil {
			return tensors, nil
		}
	}
	if direct, err := tensorsOf(entries); err != nil || len(direct) > 0 {
		return direct, err
	}
	switch len(keys) {
	case 0:
		return nil, errors.New("holds no tensors")
	case 1:
		return found[keys[0]], nil
	}
	return nil, fmt.Errorf("holds %d state dicts, %q: save the one to read alone", len(keys), keys)
}

func tensorsOf(entries []pickle.Item) ([]named, error) {
	var list []named
	for _, e := range entries {
		v, ok := e.Value.(*view)
		if !ok {
			continue
		}
		name, ok := e.Key.(string)
		if !ok || !utf8.ValidString(name) {
			return nil, fmt.Errorf("a tensor is called %.40q, which is no text", fmt.Sprint(e.Key))
		}
		list = append(list, named{name, v})
	}
	return list, nil
}

func describe(value any) string {
	switch value.(type) {
	case *view:
		return "one tensor without a name"
	case *types.List, *types.Tuple:
		return "a list"
	case nil:
		return "nothing"
	}
	return fmt.Sprintf("a value (%T)", value)
}

// fill reads the values of views. content gives the bytes of a storage; each storage is asked for once, in the order of
// the views.
func fill(list []named, fileSize int, content func(*storage) ([]byte, error)) ([]Tensor, error) {
	left := maxExpansion * fileSize
	blocks := map[*storage][]byte{}
	tensors := make([]Tensor, len(list))
	for i, t := range list {
		v := t.view
		n, ok := npy.Len(v.shape, left)
		if !ok {
			return nil, fmt.Errorf("tensor %q: shape %v is not possible in a file of %d bytes", t.name, v.shape, fileSize)
		}
		left -= n
		block, ok := blocks[v.storage]
		if !ok {
			var err error
			if block, err = content(v.storage); err != nil {
				return nil, fmt.Errorf("tensor %q: %w", t.name, err)
			}
			if len(block)/v.storage.dtype.size < v.storage.count {
				return nil, fmt.Errorf("tensor %q: storage %q has %d bytes, too few for %d values of %s", t.name, v.storage.key,
					len(block), v.storage.count, v.storage.dtype.name)
			}
			blocks[v.storage] = block
		}
		if err := v.inside(); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.name, err)
		}
		tensors[i] = Tensor{Name: t.name, Shape: slices.Clone(v.shape), DType: v.storage.dtype.name, Data: v.values(block, n)}
	}
	return tensors, nil
}

// inside says whether every value of the view lies in its storage.
func (v *view) inside() error {
	last := v.offset
	for axis, d := range v.shape {
		if d == 0 {
			return nil
		}
		step := v.stride[axis]
		if step < 0 || step > 0 && d-1 > v.storage.count/step || last > v.storage.count {
			last = -1
			break
		}
		last += (d - 1) * step
	}
	if v.offset < 0 || last < 0 || last >= v.storage.count {
		return fmt.Errorf("shape %v with stride %v from value %d on reaches out of its storage of %d", v.shape, v.stride,
			v.offset, v.storage.count)
	}
	return nil
}

// values reads the view row by row.
func (v *view) values(block []byte, n int) []float32 {
	out := make([]float32, n)
	index, at, kind := make([]int, len(v.shape)), v.offset, v.storage.dtype
	for i := range out {
		out[i] = kind.value(block[at*kind.size:])
		for axis := len(index) - 1; axis >= 0; axis-- {
			index[axis]++
			at += v.stride[axis]
			if index[axis] < v.shape[axis] {
				break
			}
			at -= index[axis] * v.stride[axis]
			index[axis] = 0
		}
	}
	return out
}

// storages answers the references of a pickle: ("storage", class, key, device, count, view), the last of which only the
// oldest files have.
type storages map[string]*storage

func (s storages) persistent(id []any) (any, error) {
	if len(id) < 5 || id[0] != "storage" {
		return nil, errors.New("a reference that is not to a storage")
	}
	kind, isKind := id[1].(*dtype)
	key, isKey := id[2].(string)
	count, isCount := id[4].(int)
	if !isKind || !isKey || !isCount || count < 0 {
		return nil, fmt.Errorf("a storage of class %T, key %T and size %v", id[1], id[2], id[4])
	}
	if len(id) > 5 && id[5] != nil {
		return nil, errors.New("a view of a storage as PyTorch before 0.4 wrote it: load and save it with a newer one")
	}
	if known := s[key]; known != nil {
		if known.dtype != kind || known.count != count {
			return nil, fmt.Errorf("storage %q is both %d values of %s and %d of %s", key, known.count, known.dtype.name, count,
				kind.name)
		}
		return known, nil
	}
	s[key] = &storage{kind, key, count}
	return s[key], nil
}

// magicNumber begins the files of PyTorch before 1.6, as a pickle of protocol 2 by itself.
const magicNumber = "1950a86a20f9469cfc6c"

func isLegacy(data []byte) bool {
	magic, _ := hex.DecodeString(magicNumber)
	slices.Reverse(magic) // pickles hold integers with the least byte first
	return bytes.HasPrefix(data, append([]byte("\x80\x02\x8a\x0a"), magic...))
}

// legacyVersion is the only protocol version that there ever was.
const legacyVersion = 1001

// readLegacy reads five pickles (magic number, version, machine, the object, the keys of the storages), then each
// storage: its number of values in 8 bytes, and the values.
func readLegacy(data []byte) ([]Tensor, error) {
	found, at := storages{}, 0
	next := func(persistent func([]any) (any, error)) (any, error) {
		value, n, err := unpickle(data[at:], persistent)
		if err != nil {
			return nil, fmt.Errorf("pickle at offset %d: %w", at, err)
		}
		at += n
		return value, nil
	}
	var parts []any
	for i := range 5 {
		persistent := found.persistent
		if i != 3 {
			persistent = nil
		}
		value, err := next(persistent)
		if err != nil {
			return nil, err
		}
		parts = append(parts, value)
	}
	magic, isNumber := parts[0].(*big.Int)
	if !isNumber || magic.Text(16) != magicNumber || parts[1] != legacyVersion {
		return nil, fmt.Errorf("not a PyTorch file: version %v instead of %d", parts[1], legacyVersion)
	}
	machine, _ := pickle.Items(parts[2])
	for _, e := range machine {
		if e.Key == "little_endian" && e.Value == false {
			return nil, errors.New("written on a big-endian machine, which is not supported")
		}
	}
	list, err := stateDict(parts[3])
	if err != nil {
		return nil, err
	}
	keys, ok := parts[4].(*types.List)
	if !ok {
		return nil, fmt.Errorf("the keys of the storages are %T, not a list", parts[4])
	}
	blocks := map[string][]byte{}
	for _, key := range *keys {
		name, _ := key.(string)
		s := found[name]
		if s == nil {
			return nil, fmt.Errorf("offset %d: storage %q belongs to nothing", at, name)
		}
		if len(data)-at < 8 {
			return nil, fmt.Errorf("offset %d: storage %q is missing: the file is cut off", at, name)
		}
		if n := little.Uint64(data[at:]); n != uint64(s.count) {
			return nil, fmt.Errorf("offset %d: storage %q has %d values, and %d were announced", at, name, n, s.count)
		}
		at += 8
		if s.count > (len(data)-at)/s.dtype.size {
			return nil, fmt.Errorf("offset %d: storage %q of %d %s values does not fit the %d bytes left: the file is cut off",
				at, name, s.count, s.dtype.name, len(data)-at)
		}
		blocks[name] = data[at : at+s.count*s.dtype.size]
		at += s.count * s.dtype.size
	}
	return fill(list, len(data), func(s *storage) ([]byte, error) {
		block, ok := blocks[s.key]
		if !ok {
			return nil, fmt.Errorf("storage %q is not in the file", s.key)
		}
		return block, nil
	})
}

// readTorchZip reads an archive with FOLDER/data.pkl and FOLDER/data/KEY.
func readTorchZip(a *archive, folder string) ([]Tensor, error) {
	if a.has(folder+"constants.pkl") || a.has(folder+"code/__torch__.py") {
		return nil, errors.New("a TorchScript program; save the state dict: torch.save(model.state_dict(), ...)")
	}
	if order, err := a.content(folder + "byteorder"); err == nil && strings.TrimSpace(string(order)) != "little" {
		return nil, fmt.Errorf("entry %sbyteorder: %q values, which are not supported", folder, order)
	}
	data, err := a.content(folder + "data.pkl")
	if err != nil {
		return nil, err
	}
	value, _, err := unpickle(data, storages{}.persistent)
	if err != nil {
		return nil, fmt.Errorf("entry %sdata.pkl: %w", folder, err)
	}
	list, err := stateDict(value)
	if err != nil {
		return nil, err
	}
	return fill(list, a.size, func(s *storage) ([]byte, error) { return a.content(folder + "data/" + s.key) })
}
