// Package result is the schema of a results folder (figures/results/NAME): a typed row for each of its tables, one
// codec for all of them, score files, sheets of pictures, and the manifest that is written last. It knows no model and
// computes nothing: pkg/evaluate and pkg/claim write rows, figures, reports and notebooks read them.
//
//	claims.csv, conditions.csv    the paper's claims with their verdicts, and what each verdict rests on
//	claims_over_steps.csv         some of the claims over the steps of training
//	cells.csv, cells_by_seed.csv  the cells of the paper's tables
//	correlations.csv, curves.csv, pixel_differences.csv
//	kernel.csv                    what the ratio sees by how the general set was made small, where it was tried
//	runs.csv, subsets.csv         where the numbers come from
//	scores.csv and others         single images ([Scores])
//	pictures/NAME.png, .csv       sheets of images ([Sheet])
//	results.json                  the [Manifest]; a folder that has it is complete
//
// Every file appears whole or not at all. What is wrong with a file is said with its path, line and column.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// Schema is the version of the files that this package writes and reads. It grows with every change that an older
// strata would misread.
const Schema = 2

// ManifestFile is the name of the manifest in a results folder.
const ManifestFile = "results.json"

// Manifest says what a results folder is of. It is written last, so that a folder that has one is complete.
type Manifest struct {
	Schema int `json:"schema"`
	// Family is the declared family of sets (experiments/sets.yaml), Size the declared size (experiments/sizes.yaml).
	Family string   `json:"family"`
	Size   string   `json:"size"`
	Seeds  []uint64 `json:"seeds"`
	// Roles are the sets by the role that they play, StandsFor the paper's sets by the set that stands for them here.
	Roles     map[string]string `json:"roles"`
	StandsFor map[string]string `json:"stands_for,omitempty"`
	// When the folder was completed, and by what version of strata's training code.
	When        time.Time `json:"when"`
	CodeVersion int       `json:"code_version"`
}

// Begin makes a results folder, or opens one to be written anew: it is not complete until WriteManifest.
func Begin(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(folder, ManifestFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ErrNotWritten is what errors.Is finds where a file of a results folder could not be written: an older one may lie in its
// place, so the folder must not be completed.
var ErrNotWritten = errors.New("not written")

// NotWritten marks an error of writing a file of a results folder.
func NotWritten(err error) error {
	if err == nil {
		return nil
	}
	return notWritten{err}
}

type notWritten struct{ error }

func (n notWritten) Unwrap() error      { return n.error }
func (notWritten) Is(target error) bool { return target == ErrNotWritten }

// WriteManifest completes a results folder. The schema is this package's, whatever m says.
func WriteManifest(folder string, m Manifest) error {
	m.Schema = Schema
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(folder, ManifestFile), append(text, '\n'), 0o644)
}

// ReadManifest reads the manifest of a results folder. Without one the folder is not complete, and the error is
// fs.ErrNotExist.
func ReadManifest(folder string) (Manifest, error) {
	var m Manifest
	path := filepath.Join(folder, ManifestFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("%w: these results are not complete; %s", err, writesIt)
	}
	// The version first: of a newer schema nothing else is known.
	var version struct{ Schema int }
	if err := json.Unmarshal(text, &version); err != nil {
		return m, fmt.Errorf("%s: %w; %s", path, err, again)
	}
	schemas := fmt.Sprintf("schema %d, this one knows %d", version.Schema, Schema)
	switch {
	case version.Schema > Schema:
		return m, fmt.Errorf("%s: written by a newer strata: %s", path, schemas)
	case version.Schema < Schema:
		return m, fmt.Errorf("%s: written by an older strata: %s; %s", path, schemas, again)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w; %s", path, err, again)
	}
	return m, nil
}

// CheckSchema refuses a folder of another schema. A folder that is not complete yet passes.
func CheckSchema(folder string) error {
	if _, err := ReadManifest(folder); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// What to do about a file that is absent or damaged: results are derived, so nobody should repair one by hand.
const (
	writesIt = "strata reproduce writes it"
	again    = "delete it and evaluate again (strata reproduce)"
)
