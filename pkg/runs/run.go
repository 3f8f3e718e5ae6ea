package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strata/pkg/backend"
	"strata/pkg/train"

	"github.com/google/renameio/v2"
)

// Info is a run's record, run.json: what it is and where its numbers come from.
type Info struct {
	ID       string    `json:"id"`
	Spec     Spec      `json:"spec"`
	Imported *Imported `json:"imported,omitempty"` // nil for runs that were trained
	Done     bool      `json:"done"`
	backend.Place
	// Earlier says where the first steps were computed of a run that was resumed elsewhere.
	Earlier   []Stretch    `json:"earlier,omitempty"`
	Toolchain string       `json:"toolchain"`
	Started   time.Time    `json:"started"`
	Finished  time.Time    `json:"finished,omitzero"`
	Seconds   float64      `json:"seconds"` // of training, over all resumptions
	Counts    train.Counts `json:"non_finite"`
	// LastValue is the mean of the last steps: bits/dim, or a classifier's cross-entropy in nats.
	LastValue float64 `json:"last_value"`
}

// Stretch is a part of a run's steps, up to one, with where it was computed.
type Stretch struct {
	Until int `json:"until"`
	backend.Place
}

// Where says where a run was computed, in the order of its steps.
func (i Info) Where() string {
	var text string
	for _, s := range i.Earlier {
		text += fmt.Sprintf("%s until step %d, then ", s.Describe(), s.Until)
	}
	return text + i.Describe()
}

// Run is a run on disk.
type Run struct {
	Folder string
	Info   Info
}

// Open reads a run of the run store by its id, or by a prefix that fits one run only.
func Open(runs, id string) (*Run, error) {
	folder := filepath.Join(runs, id)
	if _, err := os.Stat(filepath.Join(folder, "run.json")); err != nil {
		found, _ := filepath.Glob(filepath.Join(runs, id+"*", "run.json"))
		switch len(found) {
		case 0:
			return nil, fmt.Errorf("no run %q in %s: strata train makes one", id, runs)
		case 1:
			folder = filepath.Dir(found[0])
		default:
			names := []string{}
			for _, f := range found {
				names = append(names, filepath.Base(filepath.Dir(f)))
			}
			return nil, fmt.Errorf("run %q could be any of %s", id, strings.Join(names, ", "))
		}
	}
	info, err := readInfo(folder)
	if err != nil {
		return nil, err
	}
	return &Run{Folder: folder, Info: info}, nil
}

func readInfo(folder string) (Info, error) {
	path := filepath.Join(folder, "run.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return Info{}, err
	}
	var info Info
	if err := json.Unmarshal(text, &info); err != nil {
		return Info{}, fmt.Errorf("%s: %w; remove the folder to train the run again", path, err)
	}
	return info, nil
}

func (r *Run) save() error {
	text, err := json.MarshalIndent(r.Info, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Folder, 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(r.Folder, "run.json"), append(text, '\n'), 0o644)
}

// openOrStart opens the run of a spec, or records a new one.
func openOrStart(runs string, spec Spec) (*Run, error) {
	r := &Run{Folder: filepath.Join(runs, spec.ID())}
	info, err := readInfo(r.Folder)
	switch {
	case err == nil && info.ID != spec.ID():
		return nil, fmt.Errorf("%s is the record of %q; remove the folder to train the run again", filepath.Join(r.Folder, "run.json"),
			info.ID)
	case err == nil:
		r.Info = info
		return r, nil
	case errors.Is(err, os.ErrNotExist):
		r.Info = Info{ID: spec.ID(), Spec: spec}
		return r, nil
	}
	return nil, err
}
