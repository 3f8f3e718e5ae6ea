// Package intake takes in whatever pictures people have: folders, zips and files of PNG, JPEG, WebP, GIF, BMP and TIFF of
// any size, depth and number of channels, turned as their EXIF says. What cannot be read is told file by file and stops
// nothing. Package format is strict where this one is tolerant: it reads sets that papers are compared on.
//
//	walk := intake.Open("good/", "more.zip", "one.png")
//	defer walk.Close()
//	for file := range walk.Files {
//		picture, err := file.Read(intake.DefaultLimits)
//		...
//	}
package intake

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a file that should be a picture.
type File struct {
	// Name is its path, that of a zip's entry behind the zip's: "photos.zip/a/1.png".
	Name string

	open func() (io.ReadCloser, error) // nil where it is in memory
	data []byte
	err  error
}

// Bytes is a file that is in memory; the data are not copied, and not to be changed.
func Bytes(name string, data []byte) File { return File{Name: name, data: data} }

// Held is how many bytes of memory the file takes before it is read: none, but for one of Bytes.
func (f File) Held() int64 { return int64(cap(f.data)) }

// Walk lists the pictures of folders, zips and files.
type Walk struct {
	paths []string
	open  []io.Closer
}

// Open starts a walk; nothing is touched before Files. A path is a folder, of which the files with a picture's extension are
// taken, at any depth, hidden ones left out; a .zip, likewise; or a file, which is taken whatever it is called.
func Open(paths ...string) *Walk { return &Walk{paths: paths} }

// Close closes the zips: files of Files can be read until then.
func (w *Walk) Close() {
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

// extensions are those of pictures that can be decoded, and of those of phones and cameras that cannot be, so that they are told and
// not passed over.
var extensions = []string{".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff",
	".heic", ".heif", ".avif", ".jxl", ".jp2"}

// IsPicture says by a name whether a file should be a picture.
func IsPicture(name string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(name)))
}

// Files gives the files one after the other, in the order of the paths; those of a folder come as the disk lists them, a few thousand
// names at a time, for a folder may have millions. What cannot be listed is a file that cannot be read.
func (w *Walk) Files(yield func(File) bool) {
	for _, path := range w.paths {
		info, err := os.Stat(path)
		more := true
		switch {
		case err != nil:
			more = yield(unreadable(path, err))
		case info.IsDir():
			more = folder(path, yield)
		case !info.Mode().IsRegular():
			more = yield(unreadable(path, errNotRegular))
		case strings.EqualFold(filepath.Ext(path), ".zip"):
			more = w.zip(path, yield)
		default:
			more = yield(onDisk(path))
		}
		if !more {
			return
		}
	}
}

var errNotRegular = errors.New("is no file but a link, device or pipe")

func onDisk(path string) File {
	return File{Name: path, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

func unreadable(name string, err error) File { return File{Name: name, err: withoutPath(err)} }

// withoutPath takes out what the line of a file says in any case.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// namesAtOnce is how many names of a folder are held in memory.
const namesAtOnce = 4096

// folder walks depth first; folders are gathered while the files of one are given, and are few beside them.
func folder(path string, yield func(File) bool) bool {
	dir, err := os.Open(path)
	if err != nil {
		return yield(unreadable(path, err))
	}
	defer dir.Close()
	var below []string
	for {
		entries, err := dir.ReadDir(namesAtOnce)
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		for _, e := range entries {
			name := filepath.Join(path, e.Name())
			kind := e.Type()
			if kind&fs.ModeSymlink != 0 && IsPicture(name) { // to a file; links to folders may run in circles
				if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
					kind = 0
				}
			}
			switch {
			case hidden(e.Name()):
			case e.IsDir():
				below = append(below, name)
			case !IsPicture(name):
			case !kind.IsRegular():
				if !yield(unreadable(name, errNotRegular)) {
					return false
				}
			case !yield(onDisk(name)):
				return false
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(entries) == 0 {
			break
		}
		if err != nil {
			return yield(unreadable(path, err))
		}
	}
	dir.Close() // a chain of folders would hold as many open
	slices.Sort(below)
	for _, name := range below {
		if !folder(name, yield) {
			return false
		}
	}
	return true
}

// hidden are files that an operating system leaves behind, and what people hide.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") && name != ".." || name == "__MACOSX" || name == "Thumbs.db" || name == "desktop.ini"
}

func (w *Walk) zip(path string, yield func(File) bool) bool {
	archive, err := zip.OpenReader(path)
	if err != nil && !(errors.Is(err, zip.ErrInsecurePath) && archive != nil) { // nothing is written: names are names
		return yield(unreadable(path, fmt.Errorf("not a readable zip: %w", err)))
	}
	w.open = append(w.open, archive)
	for _, entry := range archive.File {
		if strings.HasSuffix(entry.Name, "/") || !IsPicture(entry.Name) || slices.ContainsFunc(strings.Split(entry.Name, "/"), hidden) {
			continue
		}
		file := File{Name: path + "/" + entry.Name, open: func() (io.ReadCloser, error) { return entry.Open() }}
		switch {
		case !entry.Mode().IsRegular():
			file.err = errNotRegular
		case entry.Flags&1 != 0:
			file.err = errors.New("is encrypted")
		}
		if !yield(file) {
			return false
		}
	}
	return true
}

// Count is how many files Files gives, or most where there are more.
func Count(most int, paths ...string) int {
	walk := Open(paths...)
	defer walk.Close()
	n := 0
	for range walk.Files {
		if n++; n == most {
			break
		}
	}
	return n
}
