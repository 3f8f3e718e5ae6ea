package imageset

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"strata/pkg/folders"
	"strata/pkg/imageset/format"
	"strata/pkg/progress"
)

// A prepared set is a split on disk as a Set has it: pixels.u8, which is mapped into memory, labels.i32 and places.i64, little-endian,
// and set.json, which is written last and holds all else. Its folder's name ends in a hash of what it was made from.
const (
	preparedVersion = 1
	pixelsFile      = "pixels.u8"
	labelsFile      = "labels.i32"
	placesFile      = "places.i64"
	infoFile        = "set.json"
	// makingPrefix marks what is being prepared; what a killed process left behind is removed after a day.
	makingPrefix = ".making-"
)

// Splits above these sizes are prepared: pictures have to be decoded every time, arrays only read.
const (
	decodedInMemory = 64 << 20
	storedInMemory  = 256 << 20
)

// prepareFrom is the size in bytes from which a split of a kind is prepared.
func (l *Library) prepareFrom(kind format.Kind) int64 {
	if l.inMemory != 0 {
		return l.inMemory
	}
	switch kind {
	case format.LSUN, format.MRI: // large pictures and volumes, however few pieces come of them
		return 0
	case format.Zip, format.Folder:
		return decodedInMemory
	}
	return storedInMemory
}

// preparedInfo is set.json.
type preparedInfo struct {
	Version                         int
	Name, Split                     string
	Images, Height, Width, Channels int
	Classes                         []string
	History                         string
	Labelled, Placed                bool
	// Hash is Set.Hash.
	Hash string
	From string
	Made time.Time
}

// prepared reads a split: from the cache, where it is prepared there; else from its files, and leaves it in the cache where it is
// large or slow.
func (l *Library) prepared(source *format.Source, name string, recipe Recipe, split string) (*Set, error) {
	if l.Cache == "" {
		images, err := source.Read(split)
		if err != nil {
			return nil, err
		}
		return setOf(images, name, split), nil
	}
	key, err := fingerprint(source, recipe.Raw(), split)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(l.Cache, fmt.Sprintf("%s-%s-%s", strings.ReplaceAll(name, string(filepath.Separator), "_"), split, key[:16]))
	set, err := openPrepared(folder)
	if err == nil {
		set.Name = name
		return set, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	m := &maker{library: l, name: name, split: split, kind: source.Kind, folder: folder}
	defer m.discard()
	images, err := source.ReadTo(split, m.target)
	if err != nil {
		return nil, err
	}
	if m.file == nil {
		images.Pixels = m.pixels
		return setOf(images, name, split), nil
	}
	if err := m.finish(images, source.Path); err != nil {
		return nil, fmt.Errorf("preparing %s/%s: %w", name, split, err)
	}
	return openPrepared(folder)
}

func setOf(images *format.Images, name, split string) *Set {
	return &Set{
		Name: name, Split: split, Height: images.Height, Width: images.Width, Channels: images.Channels,
		Pixels: images.Pixels, Labels: images.Labels, Classes: images.Classes, Places: images.Places, History: images.History,
	}
}

// fingerprint is a hash of what a prepared split depends on: the recipe, and the names, sizes and times of the files.
func fingerprint(source *format.Source, recipe Recipe, split string) (string, error) {
	path, err := filepath.Abs(source.Path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "strata prepared %d %s %s %s\n", preparedVersion, path, split, recipe.Key())
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// maker takes the pixels of a split, in memory or into a file.
type maker struct {
	library     *Library
	name, split string
	kind        format.Kind
	folder      string

	shape   format.Shape
	pixels  []uint8
	making  string
	file    *os.File
	written atomic.Int64
	bar     *progress.Bar
}

// target is a format.Target.
func (m *maker) target(shape format.Shape) (io.WriterAt, error) {
	m.discard()
	m.shape = shape
	if shape.Bytes() < m.library.prepareFrom(m.kind) {
		m.pixels = make([]uint8, shape.Bytes())
		return m, nil
	}
	if err := os.MkdirAll(m.library.Cache, 0o755); err != nil {
		return nil, err // names the path
	}
	m.removeLeftovers()
	if free, err := folders.Free(m.library.Cache); err == nil && free < uint64(shape.Bytes()) {
		return nil, fmt.Errorf("%s has %s free: %d images of %s/%s take %s: make room, or set STRATA_CACHE to a folder on another disk",
			m.library.Cache, humanize.IBytes(free), shape.Images, m.name, m.split, humanize.IBytes(uint64(shape.Bytes())))
	}
	var err error
	if m.making, err = os.MkdirTemp(m.library.Cache, makingPrefix); err != nil {
		return nil, err // names the path
	}
	if m.file, err = os.Create(filepath.Join(m.making, pixelsFile)); err != nil {
		return nil, err
	}
	if m.library.Out != nil {
		m.bar = progress.New(m.library.Out, "prepare "+m.name+" "+m.split, shape.Images)
	}
	return m, nil
}

// WriteAt is called from several goroutines.
func (m *maker) WriteAt(p []byte, at int64) (int, error) {
	if err := m.library.stopped(); err != nil {
		return 0, err
	}
	if m.file == nil {
		return copy(m.pixels[at:], p), nil
	}
	n, err := m.file.WriteAt(p, at)
	if m.bar != nil {
		size := int64(m.shape.Height * m.shape.Width * m.shape.Channels)
		m.bar.Set(int(m.written.Add(int64(n))/size), "images")
	}
	return n, err
}

// finish puts the prepared split where it belongs.
func (m *maker) finish(images *format.Images, from string) error {
	if m.bar != nil {
		m.bar.Done("images")
	}
	if err := errors.Join(m.file.Truncate(m.shape.Bytes()), m.file.Sync()); err != nil {
		return err
	}
	h := newHash(m.shape.Images, m.shape.Height, m.shape.Width, m.shape.Channels, images.Labels != nil)
	if _, err := m.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(h, m.file); err != nil {
		return err
	}
	info := preparedInfo{Version: preparedVersion, Name: m.name, Split: m.split,
		Images: m.shape.Images, Height: m.shape.Height, Width: m.shape.Width, Channels: m.shape.Channels,
		Classes: images.Classes, History: images.History, Labelled: images.Labels != nil, Placed: images.Places != nil,
		Hash: sumWithLabels(h, images.Labels), From: from, Made: time.Now().UTC()}
	if info.Labelled {
		if err := writeNumbers(filepath.Join(m.making, labelsFile), images.Labels); err != nil {
			return err
		}
	}
	if info.Placed {
		places := make([]int64, len(images.Places))
		for i, p := range images.Places {
			places[i] = int64(p)
		}
		if err := writeNumbers(filepath.Join(m.making, placesFile), places); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(m.making, infoFile), func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	if err := folders.Sync(m.making); err != nil {
		return err
	}
	if err := os.Rename(m.making, m.folder); err != nil {
		if _, statErr := os.Stat(filepath.Join(m.folder, infoFile)); statErr == nil {
			return nil // another process was faster with the same
		}
		return err
	}
	m.making = ""
	return folders.Sync(m.library.Cache)
}

// discard removes what was not finished.
func (m *maker) discard() {
	if m.file != nil {
		m.file.Close()
		m.file = nil
	}
	if m.making != "" {
		os.RemoveAll(m.making)
		m.making = ""
	}
	m.pixels = nil
	m.written.Store(0)
}

func (m *maker) removeLeftovers() {
	old, _ := filepath.Glob(filepath.Join(m.library.Cache, makingPrefix+"*"))
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(path)
		}
	}
}

func writeNumbers[T int32 | int64](path string, numbers []T) error {
	return writeSynced(path, func(w io.Writer) error { return binary.Write(w, binary.LittleEndian, numbers) })
}

func writeSynced(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	return errors.Join(write(buffered), buffered.Flush(), file.Sync(), file.Close())
}

// openPrepared maps a prepared split. fs.ErrNotExist says that it is not there; other errors, that it is damaged.
func openPrepared(folder string) (*Set, error) {
	text, err := os.ReadFile(filepath.Join(folder, infoFile))
	if err != nil {
		return nil, err
	}
	damaged := func(err error) error {
		return fmt.Errorf("prepared set %s is damaged: %w: remove the folder, and it will be made anew", folder, err)
	}
	var info preparedInfo
	if err := json.Unmarshal(text, &info); err != nil {
		return nil, damaged(fmt.Errorf("%s: %w", infoFile, err))
	}
	set := &Set{Name: info.Name, Split: info.Split, Height: info.Height, Width: info.Width, Channels: info.Channels,
		Classes: info.Classes, History: info.History, hash: info.Hash}
	shape := format.Shape{Images: info.Images, Height: info.Height, Width: info.Width, Channels: info.Channels}
	if info.Version != preparedVersion || info.Images < 1 || info.Height < 1 || info.Width < 1 || info.Channels < 1 {
		return nil, damaged(fmt.Errorf("%s: version %d and shape %+v", infoFile, info.Version, shape))
	}
	if set.Pixels, err = mapFile(filepath.Join(folder, pixelsFile), shape.Bytes()); err != nil {
		return nil, damaged(err)
	}
	if info.Labelled {
		if set.Labels, err = readNumbers[int32](filepath.Join(folder, labelsFile), info.Images); err != nil {
			return nil, damaged(err)
		}
	}
	if info.Placed {
		places, err := readNumbers[int64](filepath.Join(folder, placesFile), info.Images)
		if err != nil {
			return nil, damaged(err)
		}
		set.Places = make([]int, len(places))
		for i, p := range places {
			set.Places[i] = int(p)
		}
	}
	return set, nil
}

func readNumbers[T int32 | int64](path string, n int) ([]T, error) {
	numbers := make([]T, n)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) != binary.Size(numbers) {
		return nil, fmt.Errorf("%s: %d bytes: expected %d", path, len(data), binary.Size(numbers))
	}
	_, err = binary.Decode(data, binary.LittleEndian, numbers)
	return numbers, err
}

// newHash begins Set.Hash.
func newHash(images, height, width, channels int, labelled bool) hash.Hash {
	h := sha256.New()
	head := []byte("strata image set 1\n")
	flag := uint64(0)
	if labelled {
		flag = 1
	}
	for _, v := range []uint64{uint64(images), uint64(height), uint64(width), uint64(channels), flag} {
		head = binary.LittleEndian.AppendUint64(head, v)
	}
	h.Write(head)
	return h
}

// sumWithLabels ends it.
func sumWithLabels(h hash.Hash, labels []int32) string {
	data := make([]byte, 0, 4*len(labels))
	for _, label := range labels {
		data = binary.LittleEndian.AppendUint32(data, uint32(label))
	}
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}
