package fetch

import (
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
)

const manifestName = ".fetched.json"

// Manifest is what .fetched.json records of a set's folder.
type Manifest struct {
	Set     string    `json:"set"`
	Sources []Source  `json:"sources"`
	Files   []Fetched `json:"files"`
}

// Source is a file as it was downloaded: an archive, or the file itself.
type Source struct {
	Name    string    `json:"name"`
	From    string    `json:"from"` // URL or path; empty for a file that lay there already
	Size    int64     `json:"size"` // bytes
	SHA256  string    `json:"sha256"`
	Checked string    `json:"checked"` // by what: "sha256", "content", "md5 only" or "nothing"
	Date    time.Time `json:"date"`
}

// Fetched is a file of the set.
type Fetched struct {
	Name   string `json:"name"` // below the set's folder, with /
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	Source string `json:"source"` // name of the Source that it is or came out of
}

// readManifest returns an empty manifest where there is none.
func readManifest(folder, set string) (*Manifest, error) {
	m := &Manifest{Set: set}
	path := filepath.Join(folder, manifestName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: not a record of strata data get (%w): delete it to have the set checked anew", path, err)
	}
	return m, nil
}

// record replaces what the manifest says about a source and writes it.
func (m *Manifest) record(folder string, source Source, files []Fetched) error {
	m.Sources = append(slices.DeleteFunc(m.Sources, func(s Source) bool { return s.Name == source.Name }), source)
	m.Files = append(slices.DeleteFunc(m.Files, func(f Fetched) bool { return f.Source == source.Name }), files...)
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(folder, manifestName), append(data, '\n'), 0o644)
}

func (m *Manifest) source(name string) (Source, bool) {
	i := slices.IndexFunc(m.Sources, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return Source{}, false
	}
	return m.Sources[i], true
}

func (m *Manifest) filesOf(source string) (files []Fetched) {
	for _, f := range m.Files {
		if f.Source == source {
			files = append(files, f)
		}
	}
	return files
}

// errWrong is what a file of other content than published gives.
var errWrong = errors.New("not the published file")

// check hashes the file at path and compares it with what is published of f. A
// file that differs is an errWrong with both sizes or hashes; the source is
// filled in as far as it is known all the same.
func check(path string, f File) (Source, error) {
	s := Source{Name: f.Name, Date: time.Now().UTC().Truncate(time.Second)}
	file, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return s, err
	} else if !info.Mode().IsRegular() {
		return s, fmt.Errorf("%s: %w: expected a file, found a folder, link or device", path, errWrong)
	}
	sum, sum5 := sha256.New(), md5.New()
	if s.Size, err = io.Copy(io.MultiWriter(sum, sum5), file); err != nil {
		return s, err // names the path
	}
	s.SHA256 = hex.EncodeToString(sum.Sum(nil))
	right := f.Size == 0 || s.Size == f.Size
	switch {
	case right && f.SHA256 != "" && s.SHA256 == f.SHA256:
		s.Checked = "sha256"
	case f.Content != "" && contentIs(path, f.Content):
		s.Checked = "content"
	case !right:
		return s, fmt.Errorf("%s: %w: %d bytes with sha256 %s, expected %d bytes with %s", path, errWrong, s.Size, s.SHA256,
			f.Size, f.published())
	case f.SHA256 != "":
		return s, fmt.Errorf("%s: %w: sha256 is %s, expected %s", path, errWrong, s.SHA256, f.SHA256)
	case f.MD5 != "":
		if got := hex.EncodeToString(sum5.Sum(nil)); got != f.MD5 {
			return s, fmt.Errorf("%s: %w: md5 is %s, expected %s", path, errWrong, got, f.MD5)
		}
		s.Checked = "md5 only"
	default:
		s.Checked = "nothing"
	}
	return s, nil
}

// published names the best hash that is known of a file.
func (f File) published() string {
	switch {
	case f.SHA256 != "":
		return "sha256 " + f.SHA256
	case f.MD5 != "":
		return "md5 " + f.MD5
	}
	return "no published hash"
}

// contentIs reports whether the gzipped file unpacks to bytes of that sha256.
func contentIs(path, want string) bool {
	const limit = 1 << 30 // the largest is 47 MB
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return false
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(unpacked, limit))
	return err == nil && n < limit && hex.EncodeToString(sum.Sum(nil)) == want
}

// Verify hashes what lies in the folder of the set called name below dir
// (STRATA_DATA) and compares it with the record of its download and with the
// published hashes. It returns what is wrong, a line each; none is well. The
// error is for a name that [Find] does not know and for what cannot be read.
// It reads every byte of the set.
func Verify(dir, name string) (problems []string, err error) {
	set, err := Find(name)
	if err != nil {
		return nil, err
	}
	return verify(filepath.Join(dir, name), set)
}

// ErrNothingToCheck says that nothing of a set's folder came from strata data get or has a published hash: it was put
// there by hand.
var ErrNothingToCheck = errors.New("nothing there that has a published hash or came from strata data get, so its " +
	"files are taken as they are")

func verify(folder string, set Set) (problems []string, err error) {
	m, err := readManifest(folder, set.Name)
	if err != nil {
		return []string{err.Error()}, nil
	}
	checked := 0
	var absent []string
	for _, f := range set.Files {
		source, recorded := m.source(f.Name)
		if recorded && f.SHA256 != "" && source.SHA256 != f.SHA256 && source.Checked != "content" {
			problems = append(problems, fmt.Sprintf("%s: fetched with sha256 %s, published is %s", f.Name, source.SHA256,
				f.SHA256))
		}
		path := filepath.Join(folder, f.Name)
		// Of sets with a manual download one form of several will do.
		if !recorded && set.Manual == "" && !exists(path) && (f.Unpack == "" || !exists(filepath.Join(folder, f.Unpack))) {
			absent = append(absent, fmt.Sprintf("%s: missing: strata data get %s fetches it", path, set.Name))
		}
		if _, err := os.Lstat(path); err == nil { // an archive may be kept or not
			checked++
			switch got, err := check(path, f); {
			case errors.Is(err, errWrong):
				problems = append(problems, err.Error())
			case err != nil:
				return nil, err
			case recorded && got.SHA256 != source.SHA256:
				problems = append(problems, fmt.Sprintf("%s: changed: sha256 is %s, was %s", path, got.SHA256, source.SHA256))
			}
		}
		if f.Unpack != "" || !exists(path) {
			checked += len(m.filesOf(f.Name))
			wrong, err := verifyFiles(folder, m.filesOf(f.Name))
			if err != nil {
				return nil, err
			}
			problems = append(problems, wrong...)
		}
	}
	if checked == 0 {
		return nil, fmt.Errorf("%s: %w", folder, ErrNothingToCheck)
	}
	return append(problems, absent...), nil
}

// verifyFiles compares files with what was recorded of them. Names come from a
// file that anybody may have written: they are only looked up below folder.
func verifyFiles(folder string, files []Fetched) (problems []string, err error) {
	if len(files) == 0 {
		return nil, nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, f := range files {
		path := filepath.Join(folder, f.Name)
		sum, size, err := hashIn(root, f.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			problems = append(problems, path+": missing")
		case err != nil:
			problems = append(problems, fmt.Sprintf("%s: cannot be read: %v", path, err))
		case size < f.Size:
			problems = append(problems, fmt.Sprintf("%s: truncated: %d bytes, were %d", path, size, f.Size))
		case size != f.Size || sum != f.SHA256:
			problems = append(problems, fmt.Sprintf("%s: changed: sha256 is %s, was %s", path, sum, f.SHA256))
		}
	}
	return problems, nil
}

func hashIn(root *os.Root, name string) (sum string, size int64, err error) {
	if info, err := root.Stat(name); err != nil {
		return "", 0, err
	} else if !info.Mode().IsRegular() { // a pipe would be waited for
		return "", 0, errors.New("not a file")
	}
	file, err := root.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	h := sha256.New()
	size, err = io.Copy(h, file)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
