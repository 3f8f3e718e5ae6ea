package checkpoint

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strings"

	"strata/internal/importer/npy"
)

// tensors.npz is NumPy's own container: a zip archive with one .npy file per array, here of single precision, row by
// row. The entries are stored, not deflated: weights do not compress, and deflating them costs minutes where storing
// costs a second. What others wrote, deflated or of other types, is read by internal/importer/statedict, which holds a
// file in memory as a whole; this reader does not, for a checkpoint of the paper's network has half a gigabyte.

// WriteNPZ writes tensors as NumPy keeps them, in their order: numpy.load reads it.
func WriteNPZ(w io.Writer, tensors []Tensor) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	archive := zip.NewWriter(buffered)
	for _, t := range tensors {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: t.Name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if err := npy.WriteFloat32s(entry, t.Shape, t.Data); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// ReadNPZ reads what WriteNPZ wrote, an archive of size bytes that holds float32 arrays. No length
// in it is believed before it is compared with the bytes that are there: at
// most size bytes of values are allocated.
func ReadNPZ(r io.ReaderAt, size int64) ([]Tensor, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("damaged (%w)", err)
	}
	left := uint64(size) // entries of a forged archive may overlap
	names := make(map[string]bool, len(archive.File))
	var tensors []Tensor
	for _, entry := range archive.File {
		name, ok := strings.CutSuffix(entry.Name, ".npy")
		switch {
		case !ok || !validName(name):
			return nil, fmt.Errorf("entry %q: not the name of a tensor", entry.Name)
		case names[name]:
			return nil, fmt.Errorf("entry %q: twice in the archive", entry.Name)
		case entry.Method != zip.Store || entry.UncompressedSize64 != entry.CompressedSize64:
			return nil, fmt.Errorf("entry %q: is compressed, expected it stored", entry.Name)
		case entry.UncompressedSize64 > left:
			return nil, fmt.Errorf("entry %q: claims %d bytes, more than the file has left (%d)", entry.Name,
				entry.UncompressedSize64, left)
		}
		names[name] = true
		left -= entry.UncompressedSize64
		shape, data, err := readEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", entry.Name, err)
		}
		tensors = append(tensors, Tensor{name, shape, data})
	}
	return tensors, nil
}

func readEntry(entry *zip.File) (shape []int, values []float32, err error) {
	r, err := entry.Open()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	return npy.ReadFloat32s(r, entry.UncompressedSize64)
}
