package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/checkpoint"
)

// List are the runs of the store, by name, and what is wrong with those that cannot be read.
func List(runs string) ([]*Run, error) {
	entries, err := os.ReadDir(runs)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []*Run
	var problems []error
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), removedPrefix) {
			continue
		}
		folder := filepath.Join(runs, entry.Name())
		info, err := readInfo(folder)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			problems = append(problems, err)
		default:
			found = append(found, &Run{Folder: folder, Info: info})
		}
	}
	return found, errors.Join(problems...)
}

// Bytes is what a run takes on disk.
func (r *Run) Bytes() (int64, error) { return folderBytes(r.Folder) }

func folderBytes(folder string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil // a run at work drops its old checkpoints
		}
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// Steps is how far a run is saved.
func (r *Run) Steps() int {
	if r.Info.Done {
		return r.Info.Spec.Train.Steps
	}
	steps, err := checkpoint.Steps(r.checkpoints())
	if err != nil || len(steps) == 0 {
		return 0
	}
	return steps[len(steps)-1]
}

// IsCurrent says whether today's code would train the run to the same.
func (r *Run) IsCurrent() bool {
	return r.Info.Imported != nil || r.Info.Spec.CodeVersion == CodeVersion
}

func (r *Run) checkpoints() string { return filepath.Join(r.Folder, "checkpoints") }

// Prune says what to remove of a run store.
type Prune struct {
	IDs        []string // runs by name
	OldCode    bool     // runs of code that trained otherwise: nothing asks for them any more
	Unfinished bool     // runs that were cut off
	Spare      bool     // of finished runs, all checkpoints but the last
}

// Prunable is a folder that Remove would remove.
type Prunable struct {
	Run   *Run
	Path  string // the run's, or a checkpoint's
	Bytes int64
	Why   string
}

// Find lists what a Prune removes. A run that one which stays is made from stays too; asked for by name that is an error.
func (p Prune) Find(runs []*Run) ([]Prunable, error) {
	why := map[string]string{}
	for _, r := range runs {
		switch id := r.Info.ID; {
		case slices.Contains(p.IDs, id):
			why[id] = "asked for"
		case p.OldCode && !r.IsCurrent():
			why[id] = fmt.Sprintf("of code version %d, now %d", r.Info.Spec.CodeVersion, CodeVersion)
		case p.Unfinished && !r.Info.Done:
			why[id] = fmt.Sprintf("cut off at step %d of %d", r.Steps(), r.Info.Spec.Train.Steps)
		}
	}
	for again := true; again; { // what a run that stays is made from stays
		again = false
		for _, r := range runs {
			if why[r.Info.ID] != "" {
				continue
			}
			for _, needed := range []string{r.Info.Spec.Parent, r.Info.Spec.General} {
				if slices.Contains(p.IDs, needed) {
					return nil, fmt.Errorf("%s is made from %s: remove it first, or name both", r.Info.ID, needed)
				}
				if why[needed] != "" {
					delete(why, needed)
					again = true
				}
			}
		}
	}
	var found []Prunable
	add := func(r *Run, path, why string) error {
		bytes, err := folderBytes(path)
		found = append(found, Prunable{r, path, bytes, why})
		return err
	}
	for _, r := range runs {
		if why := why[r.Info.ID]; why != "" {
			if err := add(r, r.Folder, why); err != nil {
				return nil, err
			}
			continue
		}
		if !p.Spare || !r.Info.Done {
			continue
		}
		steps, err := checkpoint.Steps(r.checkpoints())
		if err != nil {
			return nil, err
		}
		if len(steps) < 2 {
			continue
		}
		last := steps[len(steps)-1]
		if _, err := checkpoint.Load(checkpoint.Path(r.checkpoints(), last)); err != nil {
			continue // the earlier ones are what is left of the run
		}
		for _, step := range steps[:len(steps)-1] {
			if err := add(r, checkpoint.Path(r.checkpoints(), step), fmt.Sprintf("the checkpoint of step %d is whole", last)); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// removedPrefix marks what is being removed, so that a removal that is cut off leaves nothing that looks like a run.
const removedPrefix = ".removed-"

// Remove removes what Find found. What is at work is left alone: an error says so.
func (p Prunable) Remove() error {
	for _, folder := range []string{p.Run.Folder, p.Run.checkpoints()} { // the run's record, and its checkpoints
		if _, err := os.Stat(folder); err != nil {
			continue
		}
		unlock, err := checkpoint.Lock(folder)
		if err != nil {
			return fmt.Errorf("%s is at work and stays: %w", p.Run.Info.ID, err)
		}
		defer unlock()
	}
	aside := filepath.Join(filepath.Dir(p.Path), removedPrefix+filepath.Base(p.Path))
	if err := os.Rename(p.Path, aside); err != nil {
		return err
	}
	return os.RemoveAll(aside)
}

// FinishRemovals removes what a Remove that was cut off has left in a run store.
func FinishRemovals(runs string) error {
	var problems []error
	for _, pattern := range []string{removedPrefix + "*", "*/checkpoints/" + removedPrefix + "*"} {
		left, err := filepath.Glob(filepath.Join(runs, pattern))
		problems = append(problems, err)
		for _, path := range left {
			problems = append(problems, os.RemoveAll(path))
		}
	}
	return errors.Join(problems...)
}
