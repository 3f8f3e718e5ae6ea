package figure

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/result"

	"github.com/google/renameio/v2"
)

// IndexFile says of every figure and table what it was drawn from.
const IndexFile = "index.csv"

// IndexRow is a line of the index.
type IndexRow struct {
	Figure string `csv:"figure"`
	// Files are its own, below the folder; ResultFiles are those of the results folder Results that it comes from, each
	// with its hash in SHA256.
	Files       []string `csv:"files"`
	Results     string   `csv:"results"`
	ResultFiles []string `csv:"result_files"`
	SHA256      []string `csv:"sha256"`
	Caption     string   `csv:"caption"`
}

// Document is what stands beside the figures in the index: a table of the paper in one or more files.
type Document struct {
	Name, Caption string
	// Files are named below the folder that they are written to.
	Files []TextFile
	// Sources are the files of the results folder that it comes from.
	Sources []string
}

// TextFile is a file with its content.
type TextFile struct {
	Name string
	Text []byte
}

// WriteAll draws every figure to a folder, NAME.png and NAME.svg, but for those that few results have something for and
// these do not; it writes the documents beside them, and at last the page of all of them, README.md, and index.csv.
// What cannot be drawn is an error at the end; the others are there, and no index. drawn, if not nil, is called after each with its name.
func WriteAll(results *Results, folder string, documents []Document, drawn func(name string)) error {
	w := writer{results: results, folder: folder, drawn: drawn, empty: map[string]string{}}
	for _, entry := range All() {
		if err := w.figure(entry); err != nil {
			w.problems = append(w.problems, err)
		}
	}
	for _, document := range documents {
		if err := w.document(document); err != nil {
			w.problems = append(w.problems, err)
		}
	}
	if len(w.problems) > 0 {
		return errors.Join(w.problems...)
	}
	for _, row := range w.index { // nothing may be absent, whatever became of the writing
		for _, file := range row.Files {
			if info, err := os.Stat(filepath.Join(folder, file)); err != nil || info.Size() == 0 {
				return fmt.Errorf("%s is absent after drawing: %s", row.Figure, file)
			}
		}
	}
	page, err := w.readme()
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(folder, ReadmeFile), page, 0o644); err != nil {
		return fmt.Errorf("figure: %s: %w", ReadmeFile, err)
	}
	return result.WriteFile(filepath.Join(folder, IndexFile), w.index)
}

// writer writes figures and documents and keeps the index of them.
type writer struct {
	results  *Results
	folder   string
	drawn    func(name string)
	index    []IndexRow
	empty    map[string]string // why figures show nothing that show nothing
	problems []error
}

func (w *writer) figure(entry Entry) error {
	if entry.Extra {
		if _, err := os.Stat(filepath.Join(w.results.folder, entry.Files[0])); errors.Is(err, fs.ErrNotExist) {
			return w.removeOthers(entry.Name, "")
		}
	}
	f, err := entry.Draw(w.results)
	if err != nil {
		return fmt.Errorf("%s: %w", entry.Name, err)
	}
	if f.IsEmpty() {
		w.empty[entry.Name] = strings.Join(f.missing, " ")
	}
	folder, files := w.folder, slices.Clone(entry.Files)
	for i, file := range files {
		path, ignored := w.located(file)
		files[i] = path
		if ignored && folder == w.folder { // somebody's images: the figure goes where git does not look
			folder = filepath.Join(w.folder, ignoredFigures)
			if err := result.Ignored(folder); err != nil {
				return err
			}
		}
	}
	if err := w.removeOthers(entry.Name, folder); err != nil {
		return err
	}
	paths, err := f.Save(folder)
	if err != nil {
		return err
	}
	var sources []string
	for _, s := range files {
		// Pictures of runs that are not there have no sheet, and the figure says so.
		if _, err := os.Stat(filepath.Join(w.results.folder, s)); !errors.Is(err, fs.ErrNotExist) {
			sources = append(sources, s)
		}
	}
	written := make([]string, len(paths))
	for i, path := range paths {
		written[i] = relative(w.folder, path)
	}
	return w.add(entry.Name, f.Caption, written, sources)
}

// ignoredFigures is the folder, below that of the figures, of those that show images which are not strata's own.
const ignoredFigures = "ignored"

// removeOthers removes what an earlier drawing of a figure has left where it is not drawn now. No line of the index would
// name it, and it may be of other results, or of images of the other kind.
func (w *writer) removeOthers(name, drawnTo string) error {
	for _, folder := range []string{w.folder, filepath.Join(w.folder, ignoredFigures)} {
		if folder == drawnTo {
			continue
		}
		for _, extension := range []string{".png", ".svg"} {
			if err := os.Remove(filepath.Join(folder, name+extension)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// located is where a file of a results folder is: sheets of somebody's images lie in a folder that git ignores.
func (w *writer) located(file string) (path string, ignored bool) {
	base, extension := filepath.Base(file), filepath.Ext(file)
	if file != result.SheetPath("", strings.TrimSuffix(base, extension))+extension {
		return file, false
	}
	found, ignored := result.FindSheet(w.results.folder, strings.TrimSuffix(base, extension))
	return relative(w.results.folder, found) + extension, ignored
}

func (w *writer) document(d Document) error {
	var files []string
	for _, file := range d.Files {
		path := filepath.Join(w.folder, file.Name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = renameio.WriteFile(path, file.Text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
		files = append(files, file.Name)
	}
	return w.add(d.Name, d.Caption, files, d.Sources)
}

func (w *writer) add(name, caption string, files, sources []string) error {
	row := IndexRow{Figure: name, Files: files, Results: relative(w.folder, w.results.folder), ResultFiles: sources,
		Caption: caption}
	for _, s := range sources {
		text, err := os.ReadFile(filepath.Join(w.results.folder, s))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		row.SHA256 = append(row.SHA256, hex.EncodeToString(sum[:]))
	}
	w.index = append(w.index, row)
	if w.drawn != nil {
		w.drawn(name)
	}
	return nil
}

// relative is a path as it is seen from a folder, where that can be said.
func relative(folder, path string) string {
	from, errFrom := filepath.Abs(folder)
	to, errTo := filepath.Abs(path)
	if r, err := filepath.Rel(from, to); err == nil && errFrom == nil && errTo == nil {
		return r
	}
	return path
}
