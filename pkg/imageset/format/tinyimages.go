package format

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mathext/prng"
)

// Tiny chooses a part of the 80 Million Tiny Images, as the reference did (digest §7). The file is sorted by the noun that was
// searched for, so chunks of neighbours are chosen, not images. Zero values are the reference's.
type Tiny struct {
	// Chunk is how many neighbours are taken together, 64.
	Chunk int `yaml:"chunk,omitempty" json:"chunk,omitempty"`
	// Chunks is how many chunks are taken of the shuffled list: 24,415, which are 1,562,560 images. Below 0, or where the file has
	// fewer, all.
	Chunks int `yaml:"chunks,omitempty" json:"chunks,omitempty"`
	// Seed shuffles the list of chunks as NumPy's RandomState(seed).permutation does: 20191203.
	Seed uint32 `yaml:"seed,omitempty" json:"seed,omitempty"`
	// SplitSeed shuffles the chosen chunks before the first four fifths become the train split: 20200610. The reference takes its
	// run's seed, so that an image of one run's test split may be in another's train split; here the splits stay.
	SplitSeed uint32 `yaml:"split_seed,omitempty" json:"split_seed,omitempty"`
	// Exclude leaves out every chunk with an image of CIFAR, by the two lists beside the file, 80mn_cifar_idxs.txt and cifar_indexes. The
	// paper's main results did not.
	Exclude bool `yaml:"exclude_cifar,omitempty" json:"exclude_cifar,omitempty"`
}

// Validate refuses choices that cannot be.
func (t Tiny) Validate() error {
	if t.Chunk < 0 || t.Chunk > 1<<20 {
		return fmt.Errorf("chunks of %d images: expected 1 to %d, or 0 for the reference's 64", t.Chunk, 1<<20)
	}
	return nil
}

func (t Tiny) withDefaults() Tiny {
	t.Chunk = cmp.Or(t.Chunk, 64)
	t.Chunks = cmp.Or(t.Chunks, 24_415)
	t.Seed = cmp.Or(t.Seed, 20191203)
	t.SplitSeed = cmp.Or(t.SplitSeed, 20200610)
	return t
}

const tinyImagesFile = "tiny_images.bin"

// tinyLists are the numbers of CIFAR's images among the 80 million, from 1; 0 stands for unknown (digest §7).
var tinyLists = []string{"80mn_cifar_idxs.txt", "cifar_indexes"}

// tinyImages is tiny_images.bin: 3072 bytes an image, column-major.
type tinyImages struct {
	path    string
	options Options
}

func (t tinyImages) splits() ([]Split, error) {
	train, test, err := t.chunks()
	if err != nil {
		return nil, err
	}
	var found []Split
	for _, s := range []Split{{Train, len(train) * t.options.Tiny.Chunk}, {Test, len(test) * t.options.Tiny.Chunk}} {
		if s.Images > 0 {
			found = append(found, s)
		}
	}
	return found, nil
}

// chunks are those of each split, by their number in the file.
func (t tinyImages) chunks() (train, test []uint32, err error) {
	info, err := os.Stat(t.path)
	if err != nil {
		return nil, nil, err // names the path
	}
	images := info.Size() / cifarPixels
	if rest := info.Size() % cifarPixels; rest != 0 {
		return nil, nil, fmt.Errorf("%s: truncated at offset %d: the last image has %d of %d bytes", t.path, info.Size(), rest, cifarPixels)
	}
	choice := t.options.Tiny
	n := int(images) / choice.Chunk
	if n == 0 {
		return nil, nil, fmt.Errorf("%s: offset %d: %d images make no chunk of %d", t.path, info.Size(), images, choice.Chunk)
	}
	excluded := map[uint32]bool{}
	if choice.Exclude {
		if excluded, err = t.excluded(int(images)); err != nil {
			return nil, nil, err
		}
	}
	var chosen []uint32
	for _, chunk := range numpyPermutation(choice.Seed, n) {
		if !excluded[chunk] {
			chosen = append(chosen, chunk)
		}
		if len(chosen) == choice.Chunks {
			break
		}
	}
	shuffled := make([]uint32, len(chosen))
	for i, place := range numpyPermutation(choice.SplitSeed, len(chosen)) {
		shuffled[i] = chosen[place]
	}
	held := len(shuffled) / 5
	return shuffled[:len(shuffled)-held], shuffled[len(shuffled)-held:], nil
}

// excluded are the chunks with an image of CIFAR.
func (t tinyImages) excluded(images int) (map[uint32]bool, error) {
	chunks := map[uint32]bool{}
	for _, name := range tinyLists {
		path := filepath.Join(filepath.Dir(t.path), name)
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s: is needed to leave out the images of CIFAR: put both lists, %s, beside %s", path,
				strings.Join(tinyLists, " and "), tinyImagesFile)
		}
		if err != nil {
			return nil, err // names the path
		}
		lines := bufio.NewScanner(file)
		for line := 1; lines.Scan(); line++ {
			text := strings.TrimSpace(lines.Text())
			if text == "" {
				continue
			}
			number, err := strconv.Atoi(text)
			if err != nil || number < 0 || number > images {
				file.Close()
				return nil, fmt.Errorf("%s: line %d: %.40q: expected the number of one of the %d images, or 0", path, line, text, images)
			}
			if number > 0 {
				chunks[uint32((number-1)/t.options.Tiny.Chunk)] = true
			}
		}
		err = lines.Err()
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return chunks, nil
}

func (t tinyImages) read(split string, target Target) (*Images, error) {
	chunks, test, err := t.chunks()
	if err != nil {
		return nil, err
	}
	if split == Test {
		chunks = test
	}
	size := t.options.Tiny.Chunk
	shape := Shape{len(chunks) * size, paperSide, paperSide, 3}
	if _, err := sizeOf(shape.Images, paperSide, paperSide, 3, t.options.Limits); err != nil {
		return nil, fmt.Errorf("%s: %w", t.path, err)
	}
	to, err := target(shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.path, err)
	}
	file, err := os.Open(t.path)
	if err != nil {
		return nil, err // names the path
	}
	defer file.Close()
	images := &Images{Height: paperSide, Width: paperSide, Channels: 3, History: AsDistributed, Places: make([]int, shape.Images)}
	_, err = Each(len(chunks), func() func(int) error {
		stored, pixels := make([]uint8, size*cifarPixels), make([]uint8, size*cifarPixels)
		return func(i int) error {
			at := int64(chunks[i]) * int64(len(stored))
			if n, err := file.ReadAt(stored, at); err != nil {
				return fmt.Errorf("offset %d: %w", at+int64(n), err)
			}
			for k := range size {
				images.Places[i*size+k] = int(chunks[i])*size + k
				fromColumnMajor(pixels[k*cifarPixels:][:cifarPixels], stored[k*cifarPixels:][:cifarPixels])
			}
			_, err := to.WriteAt(pixels, int64(i)*int64(len(pixels)))
			return err
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.path, err)
	}
	return images, nil
}

// numpyPermutation is NumPy's RandomState(seed).permutation(n): a Mersenne Twister, and Fisher and Yates' shuffle from the end,
// with numbers drawn by masking and trying again.
func numpyPermutation(seed uint32, n int) []uint32 {
	source := prng.NewMT19937()
	source.Seed(uint64(seed))
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	for i := n - 1; i > 0; i-- {
		mask := uint32(1)
		for mask < uint32(i) {
			mask = mask<<1 | 1
		}
		j := source.Uint32() & mask
		for j > uint32(i) {
			j = source.Uint32() & mask
		}
		order[i], order[j] = order[j], order[i]
	}
	return order
}
