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
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"strata/internal/fs"
	"strata/pkg/imageset/format"
	"strata/pkg/progress"
)

// A prepared set is a split on disk as a Set has it: pixels.u8, which is mapped into memory, labels.i32 and places.i64,
// little-endian, and set.json, which is written last and holds all else. Its folder's name ends in a hash of what it
// was made from.
const (
	preparedVersion = 1
	pixelsFile      = "pixels.u8"
	labelsFile      = "labels.i32"
	placesFile      = "places.i64"
	infoFile        = "set.json"
	// makingPrefix marks what is being prepared; what a killed process left behind is removed when the same is prepared
	// again.
	makingPrefix = ".making-"
)

// Splits above this size are prepared: pictures have to be decoded every time, and arrays would be read, hashed and
// held in memory though most are only opened to know which they are.
const mostInMemory = 64 << 20

// prepareFrom is the size in bytes from which a split of a kind is prepared.
func (l *Library) prepareFrom(kind format.Kind) int64 {
	if l.inMemory != 0 {
		return l.inMemory
	}
	if kind == format.LSUN || kind == format.MRI { // large pictures and volumes, however few pieces come of them
		return 0
	}
	return mostInMemory
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

// prepared reads a split: from the cache, where it is prepared there; else from its files, and leaves it in the cache
// where it is large or slow.
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
	return l.openOrMake(name, split, key, l.prepareFrom(source.Kind), source.Path, source.ReadTo)
}

// openOrMake opens what is prepared under a key. What is not there is read, and left there where its pixels take at
// least so many bytes as from says.
func (l *Library) openOrMake(name, split, key string, from int64, origin string,
	read func(string, format.Target) (*format.Images, error)) (*Set, error) {
	folder := filepath.Join(l.Cache, fmt.Sprintf("%s-%s-%s", strings.ReplaceAll(name, string(filepath.Separator), "_"),
		split, key[:16]))
	open := func() (*Set, error) {
		set, err := openPrepared(folder)
		if err == nil {
			set.Name = name
		}
		return set, err
	}
	set, err := open()
	if !errors.Is(err, os.ErrNotExist) {
		return set, err
	}
	m := &maker{library: l, name: name, split: split, from: from, folder: folder}
	defer m.discard()
	images, err := read(split, m.target)
	if errors.Is(err, errMadeElsewhere) {
		return open()
	}
	if err != nil {
		return nil, err
	}
	if m.file == nil {
		images.Pixels = m.pixels
		return setOf(images, name, split), nil
	}
	if err := m.finish(images, origin); err != nil {
		return nil, fmt.Errorf("preparing %s/%s: %w", name, split, err)
	}
	return open()
}

// errMadeElsewhere says that another process has just prepared the split.
var errMadeElsewhere = errors.New("prepared by another process meanwhile")

func setOf(images *format.Images, name, split string) *Set {
	return &Set{
		Name: name, Split: split, Height: images.Height, Width: images.Width, Channels: images.Channels,
		Pixels: images.Pixels, Labels: images.Labels, Classes: images.Classes, Places: images.Places, History: images.History,
	}
}

// fingerprint is a hash of what a prepared split depends on: the recipe, and the names, sizes and times of the files.
func fingerprint(source *format.Source, recipe Recipe, split string) (string, error) {
	path, err := filepath.EvalSymlinks(source.Path) // walking does not follow a link at its start
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "strata prepared %d %s %s %s %+v\n", preparedVersion, path, split, recipe.Key(), source.Options)
	err = filepath.WalkDir(path, func(file string, d os.DirEntry, err error) error {
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
	from        int64 // bytes of pixels from which a split goes to disk
	folder      string
	unlock      func()

	shape   format.Shape
	pixels  []uint8
	making  string
	file    *os.File
	written atomic.Int64
	started time.Time
	begin   sync.Once
	bar     *progress.Bar
}

// target is a format.Target.
func (m *maker) target(shape format.Shape) (io.WriterAt, error) {
	m.discard()
	m.shape = shape
	if shape.Bytes() < m.from {
		m.pixels = make([]uint8, shape.Bytes())
		return m, nil
	}
	if err := os.MkdirAll(m.library.Cache, 0o755); err != nil {
		return nil, err // names the path
	}
	if err := m.claim(); err != nil {
		return nil, err
	}
	if free, err := fs.Free(m.library.Cache); err == nil && free < uint64(shape.Bytes()) {
		return nil, fmt.Errorf("%s has %s free: %d images of %s/%s take %s: make room, or set STRATA_CACHE to a folder on "+
			"another disk",
			m.library.Cache, humanize.IBytes(free), shape.Images, m.name, m.split, humanize.IBytes(uint64(shape.Bytes())))
	}
	m.making = filepath.Join(m.library.Cache, makingPrefix+filepath.Base(m.folder))
	if err := os.RemoveAll(m.making); err != nil { // what a killed process left: we hold the lock
		return nil, err
	}
	if err := os.Mkdir(m.making, 0o755); err != nil {
		return nil, err // names the path
	}
	var err error
	if m.file, err = os.Create(filepath.Join(m.making, pixelsFile)); err != nil {
		return nil, err
	}
	m.started = time.Now()
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
	// most are faster than anybody asks
	if written := m.written.Add(int64(n)); m.library.Out != nil && time.Since(m.started) > time.Second {
		m.begin.Do(func() { m.bar = progress.New(m.library.Out, "prepare "+m.name+" "+m.split, m.shape.Images) })
		m.bar.Set(int(written/int64(m.shape.Height*m.shape.Width*m.shape.Channels)), "images")
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
	if _, err := io.Copy(h, stoppable{m.file, m.library}); err != nil {
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
	if err := writeSynced(filepath.Join(m.making, infoFile),
		func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	if err := fs.Sync(m.making); err != nil {
		return err
	}
	// We hold the lock, so a folder of that name is one that is not whole.
	if err := os.RemoveAll(m.folder); err != nil {
		return err
	}
	if err := os.Rename(m.making, m.folder); err != nil {
		return err
	}
	m.making = ""
	return fs.Sync(m.library.Cache)
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
	if m.unlock != nil {
		m.unlock()
		m.unlock = nil
	}
	m.pixels = nil
	m.written.Store(0)
	m.begin, m.bar = sync.Once{}, nil
}

// claim waits until no other process prepares the same, and takes the lock.
func (m *maker) claim() error {
	said := false
	for {
		unlock, err := fs.Lock(filepath.Join(m.library.Cache, "."+filepath.Base(m.folder)+".lock"))
		if err == nil {
			m.unlock = unlock
			break
		}
		if !errors.Is(err, fs.ErrLocked) {
			return err
		}
		if !said && m.library.Out != nil {
			fmt.Fprintf(m.library.Out, "%s/%s is being prepared by another process: waiting for it\n", m.name, m.split)
			said = true
		}
		time.Sleep(200 * time.Millisecond)
		if err := m.library.stopped(); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(m.folder, infoFile)); err == nil {
		return errMadeElsewhere
	}
	return nil
}

// stoppable reads until the library is stopped.
type stoppable struct {
	io.Reader
	library *Library
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.library.stopped(); err != nil {
		return 0, err
	}
	return s.Reader.Read(p)
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

// openPrepared maps a prepared split. os.ErrNotExist says that it is not there; other errors, that it is damaged.
func openPrepared(folder string) (*Set, error) {
	text, err := os.ReadFile(filepath.Join(folder, infoFile))
	if err != nil {
		return nil, err
	}
	damaged := func(err error) error { // not wrapped: a file that is missing here is no set that is not there
		return fmt.Errorf("prepared set %s is damaged: %v: remove the folder, and it will be made anew", folder, err)
	}
	var info preparedInfo
	if err := json.Unmarshal(text, &info); err != nil {
		return nil, damaged(fmt.Errorf("%s: %v", infoFile, err))
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
	set.mapping = set.Pixels
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

// deriveChunk is how many images a derived set is made of at a time.
const deriveChunk = 4096

// Derive makes the set of a recipe, under a name, of what its Raw recipe gave: in memory, or, where that was prepared
// on disk, on disk too, a chunk at a time.
func (l *Library) Derive(recipe Recipe, name string, raw *Set) (*Set, error) {
	if err := recipe.Validate(); err != nil {
		return nil, err
	}
	if raw.hash == "" || l.Cache == "" || recipe.Codec == "" && !recipe.Grey && len(recipe.Classes) == 0 {
		return recipe.Apply(raw, name)
	}
	sum := sha256.Sum256([]byte(raw.hash + recipe.Key()))
	return l.openOrMake(name, raw.Split, hex.EncodeToString(sum[:]), l.prepareFrom(""), raw.hash,
		func(split string, target format.Target) (*format.Images, error) {
			defer raw.Unload() // all of it is walked through, and another set is made
			// One image tells the shape and the history of all.
			indices, labels, names, err := recipe.choose(raw)
			if err != nil {
				return nil, err
			}
			rest := recipe
			rest.Classes = nil
			first, err := rest.Apply(raw.take(indices[:1]), name)
			if err != nil {
				return nil, err
			}
			to, err := target(format.Shape{Images: len(indices), Height: first.Height, Width: first.Width,
				Channels: first.Channels})
			if err != nil {
				return nil, err
			}
			images := &format.Images{Height: first.Height, Width: first.Width, Channels: first.Channels, Labels: labels,
				Classes: names, History: first.History}
			for at := 0; at < len(indices); at += deriveChunk {
				part, err := rest.Apply(raw.take(indices[at:min(at+deriveChunk, len(indices))]), name)
				if err != nil {
					return nil, err
				}
				if _, err := to.WriteAt(part.Pixels, int64(at)*int64(first.ImageSize())); err != nil {
					return nil, err
				}
				if raw.Places != nil || len(recipe.Classes) > 0 {
					images.Places = append(images.Places, part.Places...)
				}
			}
			return images, nil
		})
}
