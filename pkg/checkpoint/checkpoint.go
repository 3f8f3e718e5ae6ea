// Package checkpoint keeps the state of a training run in a folder that a
// killed process, a full disk or a damaged file cannot spoil.
//
// A folder of checkpoints looks like this:
//
//	step-00001000/tensors.npz    every tensor; numpy.load reads it
//	step-00001000/manifest.json  step, the caller's notes, size and sha256 of tensors.npz
//	step-00002000/...
//	lock                         who writes here, see [Lock]
//
// [Save] writes to the side (tmp-STEP-PID), syncs, reads everything back, and
// only then renames the folder to its final name; older checkpoints go last. A
// folder named step-* is therefore always whole, unless something damaged it
// later. [Latest] finds that out by the checksums and falls back to the newest
// one that is whole, with a warning for each that is not.
//
// One process at a time may save to a folder; hold [Lock] while training.
// Reading needs no lock. Linux and macOS only (flock).
package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"strata/internal/fs"
	"strata/internal/importer/npy"
)

// ErrNone says that a folder holds no checkpoint, damaged or whole: the run has
// not started yet.
var ErrNone = errors.New("no checkpoint yet")

// Tensor is one named array of float32 in row-major order.
type Tensor struct {
	Name  string // path-like: "scale1/step1/actnorm/loc", "adamax/m/..."
	Shape []int  // empty for a scalar
	Data  []float32
}

// State is what a checkpoint holds.
type State struct {
	Step    int // optimiser steps done; >= 0
	Tensors []Tensor
	Meta    json.RawMessage // the caller's: hash of the settings, counters, seeds; may be nil
}

// Save writes s as the checkpoint of its step in dir, which is created if need
// be, and afterwards removes older ones until keep (>= 1) are left. Only
// checkpoints that verify count: a damaged one never displaces a whole one.
// Checkpoints of later steps than s are left alone. A checkpoint of the same
// step is replaced.
//
// On an error the earlier checkpoints are as they were and nothing half-written
// remains. Tensors keep their order and every bit of their values; Meta keeps
// its content but not its white space.
func Save(dir string, s *State, keep int) error {
	if keep < 1 {
		return fmt.Errorf("checkpoint: cannot keep %d checkpoints: keep at least 1", keep)
	}
	if err := s.validate(); err != nil {
		return fmt.Errorf("checkpoint: step %d: %w", s.Step, err)
	}
	if err := save(dir, s); err != nil {
		return fmt.Errorf("checkpoint: step %d is not saved in %s: %w%s", s.Step, dir, err, advice(err))
	}
	if err := prune(dir, s.Step, keep); err != nil {
		return fmt.Errorf("checkpoint: step %d is saved in %s, but the older ones are not cleared away: %w%s", s.Step, dir,
			err, advice(err))
	}
	return nil
}

// Latest reads the newest checkpoint in dir that verifies. Each newer one that
// does not is named in a warning, with the file and the reason. The error is
// [ErrNone] (to be asked with errors.Is) when there is no checkpoint at all, and
// another one when there are some and none can be read, so that nobody takes a
// damaged run for a new one.
func Latest(dir string) (s *State, warnings []string, err error) {
	found, err := list(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("checkpoint: %w", err)
	}
	if len(found) == 0 {
		return nil, nil, fmt.Errorf("checkpoint: %s: %w", dir, ErrNone)
	}
	for _, entry := range found {
		s, err := Load(entry.path)
		if err == nil {
			return s, warnings, nil
		}
		warnings = append(warnings, fmt.Sprintf("%s: step %d is passed over", strings.TrimPrefix(err.Error(), "checkpoint: "),
			entry.step))
	}
	return nil, warnings, fmt.Errorf("checkpoint: none of the %d checkpoints in %s can be read (%s): move the folder "+
		"away to start anew", len(found), dir, warnings[0])
}

// Load reads the checkpoint in the folder path (one of dir/step-*) and verifies
// it against its manifest.
func Load(path string) (*State, error) {
	m, err := verify(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	name := filepath.Join(path, tensorsName)
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer file.Close()
	tensors, err := ReadNPZ(file, m.Tensors.Size)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", name, err)
	}
	return &State{Step: m.Step, Tensors: tensors, Meta: m.Meta}, nil
}

// Steps returns the steps that have a checkpoint in dir, in rising order and
// without verifying them. A folder that does not exist has none.
func Steps(dir string) ([]int, error) {
	found, err := list(dir)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var steps []int
	for _, entry := range found {
		steps = append(steps, entry.step)
	}
	slices.Sort(steps)
	return slices.Compact(steps), nil
}

func (s *State) validate() error {
	if s.Step < 0 {
		return errors.New("a step must not be negative")
	}
	if len(s.Meta) > 0 && !json.Valid(s.Meta) {
		return errors.New("meta is not valid JSON")
	}
	names := make(map[string]bool, len(s.Tensors))
	for _, t := range s.Tensors {
		if !validName(t.Name) {
			return fmt.Errorf("tensor name %q: use parts joined by single slashes, without . and .. and control characters",
				t.Name)
		}
		if names[t.Name] {
			return fmt.Errorf("two tensors are named %q", t.Name)
		}
		names[t.Name] = true
		if len(t.Shape) > npy.MaxRank {
			return fmt.Errorf("tensor %q has %d axes, NumPy reads at most %d", t.Name, len(t.Shape), npy.MaxRank)
		}
		if n, ok := npy.Len(t.Shape, math.MaxInt/4); !ok || n != len(t.Data) {
			return fmt.Errorf("tensor %q of shape %v has %d values", t.Name, t.Shape, len(t.Data))
		}
	}
	return nil
}

// validName allows what is the same file name for every zip reader.
func validName(name string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }
	return name != "." && len(name) < 1<<12 && utf8.ValidString(name) && iofs.ValidPath(name) &&
		!strings.ContainsFunc(name, control)
}

// save brings the checkpoint to its final name and touches no other step.
func save(dir string, s *State) (err error) {
	if err := makeFolder(dir); err != nil {
		return err
	}
	if err := clearLeftovers(dir); err != nil {
		return err
	}
	tmp := tmpPath(dir, s.Step)
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(tmp) // the first error is the one to report; the next save clears leftovers
		}
	}()

	m := manifest{Step: s.Step, Meta: s.Meta}
	if m.Tensors, err = writeTensors(filepath.Join(tmp, tensorsName), s.Tensors); err != nil {
		return err
	}
	if err := m.write(filepath.Join(tmp, manifestName)); err != nil {
		return err
	}
	if err := fs.Sync(tmp); err != nil {
		return err
	}
	if _, err := verify(tmp); err != nil {
		return fmt.Errorf("what was written reads back differently: %w", err)
	}

	// A folder cannot be renamed onto a full one. An earlier checkpoint of this
	// step steps aside under a name that Latest knows, so that there is no
	// moment without a readable checkpoint.
	final, aside := Path(dir, s.Step), asidePath(dir, s.Step)
	if _, err := verify(final); err != nil {
		if err := discard(dir, s.Step, final); err != nil { // damaged, or not there
			return err
		}
	} else {
		if err := discard(dir, s.Step, aside); err != nil {
			return err
		}
		if err := os.Rename(final, aside); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, final); err != nil {
		return err
	}
	return fs.Sync(dir)
}

// prune leaves the checkpoint of step, keep-1 older ones that verify, and all
// later ones.
func prune(dir string, step, keep int) error {
	found, err := list(dir)
	if err != nil {
		return err
	}
	kept := map[int]bool{step: true}
	for _, entry := range found {
		if entry.step > step || entry.path == Path(dir, step) {
			continue
		}
		if len(kept) < keep && !kept[entry.step] {
			if _, err := verify(entry.path); err == nil {
				kept[entry.step] = true
				continue
			}
		}
		if err := discard(dir, entry.step, entry.path); err != nil {
			return err
		}
	}
	return nil
}

// clearLeftovers removes what killed processes were writing. It comes before a
// save, which may need the space.
func clearLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		match := tmpPattern.FindStringSubmatch(entry.Name())
		if match == nil {
			continue
		}
		if pid, err := strconv.Atoi(match[1]); err == nil && pid != os.Getpid() && alive(pid) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// discard removes a checkpoint, if it exists. It is renamed first: a removal
// that is cut short must not leave a step-* folder without its files.
func discard(dir string, step int, path string) error {
	tmp := tmpPath(dir, step) + "-old"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Rename(path, tmp); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return os.RemoveAll(tmp)
}

// Path is where the checkpoint of a step lies in a folder of checkpoints.
func Path(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("step-%08d", step))
}

// asidePath is where a checkpoint waits while another of the same step takes
// its place.
func asidePath(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("replaced-%08d", step))
}

func tmpPath(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("tmp-%d-%d", step, os.Getpid()))
}

var (
	stepPattern = regexp.MustCompile(`^(step|replaced)-(\d{8,})$`)
	tmpPattern  = regexp.MustCompile(`^tmp-\d+-(\d+)(?:-old)?$`)
)

// found is a folder that claims to be a checkpoint.
type found struct {
	path string
	step int
}

// list returns the checkpoints in dir, the newest first, a replaced one behind
// its replacement.
func list(dir string) ([]found, error) {
	entries, err := os.ReadDir(dir) // sorted by name: replaced-* before step-*
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []found
	for _, entry := range slices.Backward(entries) {
		if step, ok := stepOf(entry.Name()); ok && entry.IsDir() {
			all = append(all, found{filepath.Join(dir, entry.Name()), step})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return b.step - a.step })
	return all, nil
}

// stepOf reads the step from the name of a checkpoint's folder.
func stepOf(name string) (step int, ok bool) {
	match := stepPattern.FindStringSubmatch(name)
	if match == nil {
		return 0, false
	}
	step, err := strconv.Atoi(match[2])
	return step, err == nil
}

// makeFolder creates dir and its parents, and makes the new names durable.
func makeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return fs.Sync(filepath.Dir(dir))
}

// alive reports whether a process exists; one of another user counts.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// advice is what a person can do about an error of the file system.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return ": free some space; the earlier checkpoints are kept"
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		return ": make the folder writable or choose another"
	}
	return ""
}
