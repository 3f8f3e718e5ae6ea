package checkpoint

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// tensors.npz is NumPy's own container: a zip archive with one .npy file per
// array (numpy.lib.format, version 1.0), here float32 little-endian in C order.
// The entries are stored, not deflated: weights do not compress, and deflating
// them costs minutes where storing costs a second. npyio's npz writer always
// deflates, hence this one.

const (
	npyMagic   = "\x93NUMPY"
	npyPrelude = len(npyMagic) + 2 + 2 // magic, version, header length
	npyAlign   = 64                    // the data of a .npy file starts at a multiple of it
)

// writeNPZ writes the tensors, in their order.
func writeNPZ(w io.Writer, tensors []Tensor) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	archive := zip.NewWriter(buffered)
	chunk := make([]byte, 1<<16)
	for _, t := range tensors {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: t.Name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := entry.Write(npyHeader(t.Shape)); err != nil {
			return err
		}
		for data := t.Data; len(data) > 0; {
			n := min(len(data), len(chunk)/4)
			for i, x := range data[:n] {
				binary.LittleEndian.PutUint32(chunk[4*i:], math.Float32bits(x))
			}
			if _, err := entry.Write(chunk[:4*n]); err != nil {
				return err
			}
			data = data[n:]
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// npyHeader returns everything of a .npy file that stands before the data.
func npyHeader(shape []int) []byte {
	var dims strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&dims, "%d, ", d)
	}
	tuple := strings.TrimSuffix(dims.String(), " ") // "(3, 4,)" is Python for (3, 4)
	dict := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", tuple)
	pad := npyAlign - (npyPrelude+len(dict)+1)%npyAlign
	dict += strings.Repeat(" ", pad%npyAlign) + "\n"

	header := append([]byte(npyMagic), 1, 0)
	header = binary.LittleEndian.AppendUint16(header, uint16(len(dict)))
	return append(header, dict...)
}

// readNPZ reads an archive of size bytes that holds float32 arrays. No length
// in it is believed before it is compared with the bytes that are there: at
// most size bytes of values are allocated.
func readNPZ(r io.ReaderAt, size int64) ([]Tensor, error) {
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
			return nil, fmt.Errorf("entry %q: claims %d bytes, more than the file has left (%d)", entry.Name, entry.UncompressedSize64, left)
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

func readEntry(entry *zip.File) (shape []int, data []float32, err error) {
	r, err := entry.Open()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	return readNPY(r, entry.UncompressedSize64)
}

// readNPY reads a .npy file of size bytes; r is read to its end, where a zip
// entry compares its checksum.
func readNPY(r io.Reader, size uint64) (shape []int, data []float32, err error) {
	if size < uint64(npyPrelude) {
		return nil, nil, fmt.Errorf("%d bytes are too few for a .npy file", size)
	}
	prelude := make([]byte, npyPrelude)
	if _, err := io.ReadFull(r, prelude); err != nil {
		return nil, nil, err
	}
	if string(prelude[:8]) != npyMagic+"\x01\x00" {
		return nil, nil, fmt.Errorf("starts with %q, expected a .npy file of version 1.0", prelude[:8])
	}
	size -= uint64(npyPrelude)
	length := binary.LittleEndian.Uint16(prelude[8:])
	if uint64(length) > size {
		return nil, nil, fmt.Errorf("offset 8: header of %d bytes, only %d follow", length, size)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, nil, err
	}
	size -= uint64(length)
	if shape, err = parseHeader(string(header)); err != nil {
		return nil, nil, err
	}
	count, ok := elements(shape)
	if !ok || uint64(count) != size/4 || size%4 != 0 {
		return nil, nil, fmt.Errorf("shape %v does not fit the %d bytes of values", shape, size)
	}

	data = make([]float32, count)
	chunk := make([]byte, min(1<<16, 4*count))
	for rest := data; len(rest) > 0; {
		n := min(len(rest), len(chunk)/4)
		if _, err := io.ReadFull(r, chunk[:4*n]); err != nil {
			return nil, nil, err
		}
		for i := range rest[:n] {
			rest[i] = math.Float32frombits(binary.LittleEndian.Uint32(chunk[4*i:]))
		}
		rest = rest[n:]
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("the values are damaged (%v)", err)
	}
	return shape, data, nil
}

// headerPattern is the dictionary of a .npy header as NumPy writes it.
var headerPattern = regexp.MustCompile(`^\{'descr': '<f4', 'fortran_order': False, 'shape': \(((?:\d+, ?)*\d*)\), \} *\n$`)

func parseHeader(header string) (shape []int, err error) {
	match := headerPattern.FindStringSubmatch(header)
	if match == nil {
		return nil, fmt.Errorf("offset %d: header %.80q, expected float32 ('<f4') in C order", npyPrelude, header)
	}
	for _, field := range strings.Split(match[1], ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue // behind the last comma
		}
		d, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("offset %d: dimension %.30s is too large", npyPrelude, field)
		}
		shape = append(shape, d)
	}
	return shape, nil
}

// elements returns how many values a shape has, and whether it is one: no
// negative dimension, and a count whose bytes can be counted.
func elements(shape []int) (n int, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		if d > 0 && n > math.MaxInt/4/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}
