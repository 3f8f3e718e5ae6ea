package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strata/internal/importer/foreign"
	"strata/pkg/checkpoint"
	"strata/pkg/glow"
	"strata/pkg/models"
	"strata/pkg/opened"
)

// Imported says where the weights of a run come from that was not trained here.
type Imported struct {
	File   string `json:"file"` // its name, without folders
	SHA256 string `json:"sha256"`
	// Format is whose weights they were recognised as, "y0ast/Glow-PyTorch".
	Format string `json:"format"`
}

// Import makes a run called name of the weights in a file, which other programs trained: one that scores, and from which
// another run can be finetuned. set, which may be "", is what the weights were trained on. The same file may be imported again
// under its name, another one may not.
func (e *Engine) Import(file, name, set string) (*Run, error) {
	if plain := strings.ReplaceAll(name, "-", "_"); plain == "" || plain != opened.SafeName(plain) || strings.HasPrefix(plain, ".") {
		return nil, fmt.Errorf("%q is no name for a run: use letters, digits, points, - and _", name)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	imported := &Imported{File: filepath.Base(file), SHA256: hex.EncodeToString(sum[:])}
	run := &Run{Folder: filepath.Join(e.Runs, name)}
	switch info, err := readInfo(run.Folder); {
	case err == nil && (info.Imported == nil || info.Imported.SHA256 != imported.SHA256):
		return nil, fmt.Errorf("there is a run %s already, of other weights: choose another name", name)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}

	started := time.Now().UTC()
	weights, err := foreign.Load(file)
	if err != nil {
		return nil, err
	}
	model, err := glow.New(weights.Config)
	if err != nil {
		return nil, err
	}
	state := &checkpoint.State{}
	for _, p := range model.Params() {
		state.Tensors = append(state.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: weights.Values[p.Name]})
	}
	if err := checkpoint.Save(filepath.Join(run.Folder, "checkpoints"), state, 1); err != nil {
		return nil, err
	}
	imported.Format = weights.Format
	spec := Spec{Model: models.Spec{Config: weights.Config}, Set: set, CodeVersion: CodeVersion}
	run.Info = Info{ID: name, Spec: spec, Imported: imported,
		Done: true, Started: started, Finished: time.Now().UTC()}
	return run, run.save()
}
