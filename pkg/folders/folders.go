// Package folders is the one rule for where strata's files lie.
//
// Every folder has an environment variable and a default below the module root. A relative value counts from the module
// root, never from the working folder: `go test` runs in the folder of the package and a notebook cell in the folder of
// the notebook, and both must find the same files. An empty variable counts as unset.
//
// Read only:
//
//	STRATA_ROOT     the folder of strata's go.mod, from the working folder upwards
//	STRATA_DATA     ROOT/data       image sets
//	STRATA_SHARED   ROOT/../shared  reference material
//	STRATA_PARITY   SHARED/parity   outputs of the reference implementation
//	STRATA_RESULTS  the newest below FIGURES/results: what figures are drawn from
//
// Such a variable that names no folder is an error: a slip of the pen must not look like a folder without files. An
// absent default is none: ok is false then, so that a test can skip with the folder as its reason.
//
// Written to:
//
//	STRATA_RUNS     ROOT/runs       trained models and their scores
//	STRATA_FIGURES  ROOT/figures    figures and result tables
//	STRATA_CACHE    ROOT/cache      prepared image sets
//
// These may be absent, whether a variable names them or not: asking for one makes nothing, and whoever writes there
// makes it. What is there and is no folder is an error.
package folders

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// module is the module path whose go.mod marks the root. The name is checked
// because folders above the working folder may hold other modules: the tools
// module inside strata, or the scratch module GoNB writes for a notebook.
const module = "strata"

// Root returns the absolute path of the module root: STRATA_ROOT, or the
// nearest folder, from the working folder upwards, with the go.mod of module
// strata. STRATA_ROOT itself must be absolute, for there is nothing that a
// relative one could count from but the working folder.
func Root() (string, error) {
	if value := os.Getenv("STRATA_ROOT"); value != "" {
		if !filepath.IsAbs(value) {
			return "", fmt.Errorf("STRATA_ROOT=%q is relative: set it to the absolute path of the folder with "+
				"strata's go.mod, or unset it", value)
		}
		dir := filepath.Clean(value)
		if err := mustBeFolder(dir); err != nil {
			return "", fmt.Errorf("STRATA_ROOT=%q: %s %w: set it to the folder with strata's go.mod, or unset it",
				value, dir, err)
		}
		return dir, nil
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("STRATA_ROOT is not set and the working folder is unknown (%w): change to strata's folder, "+
			"or set STRATA_ROOT to it", err)
	}
	for dir := start; ; {
		if isModule(filepath.Join(dir, "go.mod")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("STRATA_ROOT is not set and neither %s nor a folder above it holds the go.mod of module %s: "+
				"change to strata's folder, or set STRATA_ROOT to it", start, module)
		}
		dir = parent
	}
}

// Data returns the folder of the image sets: STRATA_DATA, or ROOT/data. ok is false when that default does not exist.
func Data() (dir string, ok bool, err error) {
	return existing("STRATA_DATA", Root, "data")
}

// Shared returns the folder of the reference material: STRATA_SHARED, or ROOT/../shared. ok is false when that default
// does not exist.
func Shared() (dir string, ok bool, err error) {
	return existing("STRATA_SHARED", Root, filepath.Join("..", "shared"))
}

// Parity returns the folder of the reference implementation's outputs: STRATA_PARITY, or SHARED/parity. ok is false
// when that default does not exist; an error of STRATA_SHARED is an error here too.
func Parity() (dir string, ok bool, err error) {
	shared := func() (string, error) {
		dir, _, err := Shared()
		return dir, err
	}
	return existing("STRATA_PARITY", shared, "parity")
}

// Runs returns the folder of the runs: STRATA_RUNS, or ROOT/runs. It may not exist yet.
func Runs() (string, error) { return toBeMade("STRATA_RUNS", "runs") }

// Figures returns the folder of figures and result tables: STRATA_FIGURES, or ROOT/figures. It may not exist yet.
func Figures() (string, error) { return toBeMade("STRATA_FIGURES", "figures") }

// Cache returns the folder of prepared image sets: STRATA_CACHE, or ROOT/cache. It may not exist yet.
func Cache() (string, error) { return toBeMade("STRATA_CACHE", "cache") }

// manifest is what pkg/result writes into a folder of results last.
const manifest = "results.json"

// Results returns a folder of results that is complete (its results.json is written last): the one that name says,
// below FIGURES/results or an absolute path; without a name STRATA_RESULTS, or else the one below FIGURES/results that
// was completed last.
func Results(name string) (string, error) {
	if name == "" {
		if dir, _, err := existing("STRATA_RESULTS", Figures, "results"); err != nil || os.Getenv("STRATA_RESULTS") != "" {
			return dir, err
		}
	}
	figures, err := Figures()
	if err != nil {
		return "", err
	}
	all := filepath.Join(figures, "results")
	complete, err := filepath.Glob(filepath.Join(all, "*", manifest))
	if err != nil {
		return "", err
	}
	if name != "" {
		return named(name, all, complete)
	}
	newest, when := "", time.Time{}
	for _, path := range complete {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(when) {
			newest, when = filepath.Dir(path), info.ModTime()
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s holds no results: make figures, or strata reproduce, makes them", all)
	}
	return newest, nil
}

// named is the folder of a name, or an error that says which there are.
func named(name, all string, complete []string) (string, error) {
	folder := name
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(all, name)
	}
	if _, err := os.Stat(filepath.Join(folder, manifest)); err == nil {
		return folder, nil
	}
	var there []string
	for _, path := range complete {
		there = append(there, filepath.Base(filepath.Dir(path)))
	}
	return "", fmt.Errorf("no results in %s; in %s there are: %s", folder, all, cmp.Or(strings.Join(there, ", "), "none"))
}

// existing is the absolute path of a folder that is read: the one that variable names, or else fallback below the
// folder that base returns. ok says whether it exists; it may be false only for the fallback.
func existing(variable string, base func() (string, error), fallback string) (dir string, ok bool, err error) {
	dir, problem, err := find(variable, base, fallback)
	switch {
	case err != nil:
		return "", false, err
	case problem == nil:
		return dir, true, nil
	case errors.Is(problem, errMissing) && os.Getenv(variable) == "":
		return dir, false, nil
	}
	return "", false, advised(variable, dir, problem)
}

// toBeMade is the absolute path of a folder that is written to, whether it exists or not.
func toBeMade(variable, fallback string) (string, error) {
	dir, problem, err := find(variable, Root, fallback)
	if err != nil {
		return "", err
	}
	if problem != nil && !errors.Is(problem, errMissing) {
		return "", advised(variable, dir, problem)
	}
	return dir, nil
}

// find is the absolute path that variable names, or else of fallback below the folder that base returns, and what is
// wrong with the folder there, if anything is. An error says that there is no such path.
func find(variable string, base func() (string, error), fallback string) (dir string, problem, err error) {
	value := os.Getenv(variable)
	switch {
	case value == "":
		from, err := base()
		if err != nil {
			return "", nil, err
		}
		dir = filepath.Join(from, fallback)
	case filepath.IsAbs(value):
		dir = filepath.Clean(value)
	default:
		root, err := Root()
		if err != nil {
			return "", nil, fmt.Errorf("%s=%q is relative and counts from the module root: %w", variable, value, err)
		}
		dir = filepath.Join(root, value)
	}
	return dir, mustBeFolder(dir), nil
}

// advised is an error that says what is wrong with a folder and what to do.
func advised(variable, dir string, problem error) error {
	value := os.Getenv(variable)
	if value == "" {
		return fmt.Errorf("%s is not set and its default %s %w: move that out of the way, or set %s to a folder",
			variable, dir, problem, variable)
	}
	return fmt.Errorf("%s=%q: %s %w: create that folder, correct the variable (a relative value counts from the "+
		"module root), or unset it", variable, value, dir, problem)
}

var (
	errMissing   = errors.New("does not exist")
	errNotFolder = errors.New("is not a folder")
)

// mustBeFolder returns nil for a folder, or what is wrong, worded to follow the
// path in a sentence.
func mustBeFolder(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errMissing
	case err != nil:
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err // the path is in the sentence already
		}
		return fmt.Errorf("cannot be read (%w)", err)
	case !info.IsDir():
		return errNotFolder
	}
	return nil
}

// isModule reports whether the file is a go.mod of module strata.
func isModule(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 && fields[0] == "module" {
			return strings.Trim(fields[1], "\"`") == module
		}
	}
	return false
}
