package format

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// folderTree is a folder of pictures.
type folderTree struct {
	path    string
	options Options
}

func (f folderTree) splits() ([]Split, error) {
	t, err := f.open()
	if err != nil {
		return nil, err
	}
	return t.splits(), nil
}

func (f folderTree) read(split string, target Target) (*Images, error) {
	t, err := f.open()
	if err != nil {
		return nil, err
	}
	return t.read(split, target)
}

func (f folderTree) open() (*tree, error) {
	entries, err := listFolder(os.DirFS(f.path), f.options.Limits)
	if err == nil {
		var t *tree
		if t, err = newTree(f.path, entries, f.options); err == nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", f.path, err)
}

// listFolder returns the folder's files. Links inside it are refused, so that a
// set is what lies in its folder.
func listFolder(folder fs.FS, limits Limits) ([]entry, error) {
	var entries []entry
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && ignored(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("entry %q: expected a file, found a link or device", name)
		case len(entries) == limits.Entries:
			return fmt.Errorf("more than %d entries", limits.Entries)
		}
		entries = append(entries, entry{name: name, open: func() (io.ReadCloser, error) { return folder.Open(name) }})
		return nil
	})
	return entries, err
}
