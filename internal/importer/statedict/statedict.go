// Package statedict reads files of named tensors that other programs wrote: PyTorch's .pt and .pth, in the zip format
// of PyTorch 1.6 and later and in the one before it, and NumPy's .npz. Formats are told apart by content, not by name.
//
// A PyTorch file is a pickle, a small program that may ask for any function of Python. This package runs none: it reads
// a pickle with github.com/nlpodyssey/gopickle, which executes no Python, and refuses every name that does not stand in
// a short list, by that name. No length in a file is believed before it is compared with the bytes that are there.
package statedict

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Tensor is one named array. Whatever its type in the file, its values are converted to float32, row by row.
type Tensor struct {
	Name  string
	Shape []int // empty for a scalar
	// DType is the type in the file, in PyTorch's words: "float32", "int64".
	DType string
	Data  []float32
}

// maxExpansion bounds what a file may grow to: its tensors hold no more values than this many times the bytes of the
// file. Tensors of a plain file hold at most one value a byte; views that share a storage and compressed arrays hold
// more, and so do files that were made to fill the memory.
const maxExpansion = 16

// Read reads the tensors of a file in the order in which they stand in it. A state dict may lie in a wrapper such as
// {"state_dict": ..., "epoch": ...}; what is not a tensor is passed over. The prefix "module." of DataParallel is
// dropped where every name has it. The error names the file, and the tensor and the offset in bytes where there is one.
func Read(path string) ([]Tensor, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("statedict: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("statedict: %s is not a file of tensors but a %s", path, info.Mode().Type())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("statedict: %w", err)
	}
	tensors, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("statedict: %s: %w", path, err)
	}
	return tensors, nil
}

// parse reads a file's content. Libraries below it may panic on damaged input; that is an error like any other here.
func parse(data []byte) (tensors []Tensor, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			tensors, err = nil, fmt.Errorf("damaged (%v)", problem)
		}
	}()
	switch {
	case len(data) == 0:
		return nil, errors.New("the file is empty")
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		tensors, err = readZip(data)
	case isLegacy(data):
		tensors, err = readLegacy(data)
	default:
		return nil, fmt.Errorf("offset 0: begins with %q, which is neither PyTorch's (.pt, .pth) nor NumPy's (.npz)",
			data[:min(len(data), 16)])
	}
	if err == nil {
		err = distinct(tensors)
	}
	if err != nil {
		return nil, err
	}
	return withoutPrefix(tensors, "module."), nil
}

// distinct refuses a name that stands twice.
func distinct(tensors []Tensor) error {
	seen := make(map[string]bool, len(tensors))
	for _, t := range tensors {
		if seen[t.Name] {
			return fmt.Errorf("tensor %q is there twice", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

func withoutPrefix(tensors []Tensor, prefix string) []Tensor {
	for _, t := range tensors {
		if !strings.HasPrefix(t.Name, prefix) {
			return tensors
		}
	}
	for i := range tensors {
		tensors[i].Name = strings.TrimPrefix(tensors[i].Name, prefix)
	}
	return tensors
}
