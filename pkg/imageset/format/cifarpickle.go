package format

import (
	"fmt"

	"github.com/nlpodyssey/gopickle/types"

	"strata/internal/importer/pickle"
)

// unpickleBatch reads a pickled dictionary, as CIFAR and Downsampled ImageNet distribute their batches: by its keys, whether Python
// 2 or 3 wrote them.
func unpickleBatch(data []byte, limits Limits) (map[string]any, error) {
	class := func(module, name string) (any, error) {
		if c, ok := pickle.NumPyClass(module, name); ok {
			return c, nil
		}
		return nil, fmt.Errorf("refused: it wants Python's %s.%s, and only arrays and plain values are read, no code is run", module, name)
	}
	value, length, err := pickle.Unpickle(data, int(limits.FileBytes), class, nil)
	if err != nil {
		return nil, err
	}
	if length != len(data) {
		return nil, fmt.Errorf("offset %d: expected the end of the file, found more bytes", length)
	}
	items, ok := pickle.Items(value)
	if !ok {
		return nil, fmt.Errorf("offset 0: the pickle holds %T: expected a dictionary", value)
	}
	batch := map[string]any{}
	for _, item := range items {
		if key, ok := text(item.Key); ok {
			batch[key] = item.Value
		}
	}
	return batch, nil
}

// text is a string of Python 2 or 3, which may be bytes.
func text(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// planesOf are a batch's images, N rows of three planes of uint8.
func planesOf(batch map[string]any, values int) ([]byte, int, error) {
	array, ok := batch["data"].(*pickle.NDArray)
	if !ok {
		return nil, 0, fmt.Errorf("offset 0: its data is %T: expected a NumPy array", batch["data"])
	}
	if len(array.Shape) != 2 || array.Shape[1] != values || array.Shape[0] < 0 || array.Fortran || array.Type != "|u1" ||
		len(array.Data)/values != array.Shape[0] || len(array.Data)%values != 0 {
		return nil, 0, fmt.Errorf("offset 0: an array of %d bytes, shape %v, type %s: expected rows of %d values of |u1", len(array.Data),
			array.Shape, array.Type, values)
	}
	return array.Data, array.Shape[0], nil
}

// parseCIFARPickle is parseCIFAR of a pickled batch.
func parseCIFARPickle(data []byte, layout cifarLayout, images *Images, pixels []uint8, limits Limits) ([]uint8, error) {
	batch, err := unpickleBatch(data, limits)
	if err != nil {
		return nil, err
	}
	planes, n, err := planesOf(batch, cifarPixels)
	if err != nil {
		return nil, err
	}
	labels, ok := pickle.Integers(batch[layout.labelKey])
	if !ok || len(labels) != n {
		return nil, fmt.Errorf("offset 0: %s is %T of %d: expected a list of %d numbers", layout.labelKey,
			batch[layout.labelKey], len(labels), n)
	}
	for i, label := range labels {
		if err := images.addCIFAR(label, layout, limits); err != nil {
			return nil, fmt.Errorf("%s, number %d: %w", layout.labelKey, i, err)
		}
		pixels = appendPlanes(pixels, planes[i*cifarPixels:][:cifarPixels])
	}
	return pixels, nil
}

// pickledNames are the class names of a pickled dictionary.
func pickledNames(data []byte, key string, limits Limits) ([]string, error) {
	batch, err := unpickleBatch(data, limits)
	if err != nil {
		return nil, err
	}
	list, ok := batch[key].(*types.List)
	if !ok {
		return nil, fmt.Errorf("offset 0: %s is %T: expected a list", key, batch[key])
	}
	var names []string
	for _, value := range *list {
		name, ok := text(value)
		if !ok {
			return nil, fmt.Errorf("offset 0: a name of %s is %T: expected a text", key, value)
		}
		names = append(names, name)
	}
	return names, nil
}
