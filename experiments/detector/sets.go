package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"

	"strata/pkg/imageset"
	"strata/pkg/plan"

	"github.com/google/renameio/v2"
)

// seed chooses images and begins every fit.
const seed = 1

// library opens image sets and remembers the last one: that of cases beside each other.
type library struct {
	imageset.Library
	last    *imageset.Set
	lastKey string
}

func (l *library) open(name, split string) (*imageset.Set, error) {
	key := name + "/" + split
	if l.lastKey == key {
		return l.last, nil
	}
	recipe, err := plan.Recipe(name)
	if err != nil {
		return nil, err
	}
	set, err := l.Open(recipe, name, split)
	if err != nil {
		return nil, err
	}
	l.last, l.lastKey = set, key
	return set, nil
}

// zipped writes images as PNG files of CLASS/NUMBER.png, as a person might have them, where they are not there yet.
func (l *library) zipped(folder string, of images) (string, error) {
	path := filepath.Join(folder, of.file())
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	set, err := l.open(of.Set, of.Split)
	if err != nil {
		return "", err
	}
	if of.Classes != nil {
		if set, err = set.OfClasses(of.Set, of.Classes...); err != nil {
			return "", err
		}
	}
	if of.Most > 0 {
		set = set.Subset(of.Most, seed)
	}
	return path, writeZip(path, set)
}

func writeZip(path string, set *imageset.Set) error {
	file, err := renameio.NewPendingFile(path)
	if err != nil {
		return err
	}
	defer file.Cleanup()
	z := zip.NewWriter(file)
	for i := range set.Len() {
		class := set.Class(i)
		if class == "" {
			class = "all"
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%s/%05d.png", class, i), Method: zip.Store})
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := png.Encode(&text, imageset.Picture(set, i)); err != nil {
			return err
		}
		if _, err := w.Write(text.Bytes()); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}
