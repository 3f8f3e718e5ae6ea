package statedict

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"strata/internal/importer/npy"
)

// archive is a zip file. What its entries unpack to is counted against maxExpansion.
type archive struct {
	size    int
	left    int
	entries map[string]*zip.File
	order   []string
}

// readZip reads PyTorch's zip files and NumPy's.
func readZip(data []byte) ([]Tensor, error) {
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("damaged archive (%w); a file that is cut off looks like this", err)
	}
	a := &archive{size: len(data), left: maxExpansion * len(data), entries: map[string]*zip.File{}}
	for _, f := range reader.File {
		if a.has(f.Name) {
			return nil, fmt.Errorf("entry %q is there twice", f.Name)
		}
		a.entries[f.Name] = f
		a.order = append(a.order, f.Name)
	}
	for _, name := range a.order {
		if folder, ok := strings.CutSuffix(name, "data.pkl"); ok && (folder == "" || strings.HasSuffix(folder, "/")) {
			return readTorchZip(a, folder)
		}
	}
	if len(a.order) > 0 && !slices.ContainsFunc(a.order,
		func(name string) bool { return !strings.HasSuffix(name, ".npy") }) {
		return readNPZ(a)
	}
	return nil, errors.New("a zip archive, but neither PyTorch's (it has no data.pkl) nor NumPy's (not all of its " +
		"entries are .npy)")
}

func (a *archive) has(name string) bool { return a.entries[name] != nil }

// content unpacks an entry.
func (a *archive) content(name string) ([]byte, error) {
	f := a.entries[name]
	if f == nil {
		return nil, fmt.Errorf("entry %s is not in the archive", name)
	}
	if f.UncompressedSize64 > uint64(a.left) {
		return nil, fmt.Errorf("entry %s: %d bytes, where a file of %d bytes may unpack to %d in all", name,
			f.UncompressedSize64, a.size, maxExpansion*a.size)
	}
	a.left -= int(f.UncompressedSize64)
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r) // stops at the size that was announced
	if err != nil {
		return nil, fmt.Errorf("entry %s: damaged (%w)", name, err)
	}
	return data, nil
}

// readNPZ reads an archive of NumPy arrays, NAME.npy each.
func readNPZ(a *archive) ([]Tensor, error) {
	tensors := make([]Tensor, len(a.order))
	for i, name := range a.order {
		data, err := a.content(name)
		if err != nil {
			return nil, err
		}
		if tensors[i], err = readNPY(data); err != nil {
			return nil, fmt.Errorf("entry %s: %w", name, err)
		}
		tensors[i].Name = strings.TrimSuffix(name, ".npy")
	}
	return tensors, nil
}

// readNPY reads one array.
func readNPY(data []byte) (t Tensor, err error) {
	array, err := npy.ReadHeader(bytes.NewReader(data))
	if err != nil {
		return t, err
	}
	kind := numpyTypes[array.Type]
	if kind == nil {
		return t, fmt.Errorf("holds values of the type %s, which is not supported", array.Type)
	}
	values, shape := data[array.Header:], array.Shape
	n, ok := array.Len(len(values) / kind.size)
	if !ok || n*kind.size != len(values) {
		return t, fmt.Errorf("offset %d: %d bytes of %s values do not make an array of shape %v", array.Header, len(values),
			kind.name, shape)
	}
	// Row by row the last axis has stride 1; column by column ("Fortran") the first.
	v := view{storage: &storage{dtype: kind, count: n}, shape: shape, stride: make([]int, len(shape))}
	axes := make([]int, len(shape))
	for i := range axes {
		axes[i] = len(axes) - 1 - i
	}
	if array.Fortran {
		slices.Reverse(axes)
	}
	step := 1
	for _, axis := range axes {
		v.stride[axis] = step
		step *= shape[axis]
	}
	return Tensor{Shape: append([]int{}, shape...), DType: kind.name, Data: v.values(values, n)}, nil
}
