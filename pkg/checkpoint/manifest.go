package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	tensorsName  = "tensors.npz"
	manifestName = "manifest.json"

	// format counts changes of the layout; a reader refuses what it does not know.
	format = 1
)

// manifest is the content of manifest.json. It is written last: where it
// verifies, everything it names was complete before it.
type manifest struct {
	Format  int             `json:"format"`
	Step    int             `json:"step"`
	Tensors fileSum         `json:"tensors"`
	Meta    json.RawMessage `json:"meta,omitempty"`
	// Check is the sha256 of the manifest itself, taken with noCheck in its
	// place: a flipped bit in Meta would go unnoticed otherwise.
	Check string `json:"check"`
}

// fileSum identifies the content of a file.
type fileSum struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

var noCheck = strings.Repeat("0", 2*sha256.Size)

// encode returns the bytes of manifest.json.
func (m manifest) encode() ([]byte, error) {
	m.Format, m.Check = format, noCheck
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	setCheck(text, noCheck, sum(text))
	return text, nil
}

// decodeManifest is the inverse of encode; any changed byte is an error.
func decodeManifest(text []byte) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return manifest{}, fmt.Errorf("damaged (%w)", err)
	}
	bare := bytes.Clone(text)
	if len(m.Check) != len(noCheck) || !setCheck(bare, m.Check, noCheck) || sum(bare) != m.Check {
		return manifest{}, fmt.Errorf("damaged or edited (its content does not match its own sha256)")
	}
	if m.Format != format {
		return manifest{}, fmt.Errorf("format %d, this strata reads format %d: use the strata that wrote it", m.Format,
			format)
	}
	if m.Meta != nil {
		var compact bytes.Buffer
		if err := json.Compact(&compact, m.Meta); err != nil {
			return manifest{}, fmt.Errorf("damaged (%w)", err)
		}
		m.Meta = compact.Bytes()
	}
	return m, nil
}

// setCheck replaces the check sum, which is the last thing in the text, by
// another of the same length.
func setCheck(text []byte, from, to string) bool {
	at := bytes.LastIndex(text, []byte(`"`+from+`"`))
	if at < 0 {
		return false
	}
	copy(text[at+1:], to)
	return true
}

func sum(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}

func (m manifest) write(path string) error {
	text, err := m.encode()
	if err != nil {
		return fmt.Errorf("%s: %w", manifestName, err)
	}
	return writeSynced(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// verify reads the manifest of the checkpoint in folder path and compares the
// tensors' file with it, by size and by hash. An error names the file.
func verify(path string) (manifest, error) {
	name := filepath.Join(path, manifestName)
	text, err := os.ReadFile(name)
	if err != nil {
		return manifest{}, err
	}
	m, err := decodeManifest(text)
	if err != nil {
		return manifest{}, fmt.Errorf("%s: %w", name, err)
	}
	if step, ok := stepOf(filepath.Base(path)); ok && step != m.Step {
		return manifest{}, fmt.Errorf("%s: is of step %d, its folder of step %d: was the folder renamed?", name, m.Step, step)
	}
	name = filepath.Join(path, tensorsName)
	file, err := os.Open(name)
	if err != nil {
		return manifest{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return manifest{}, err
	}
	if info.Size() != m.Tensors.Size {
		return manifest{}, fmt.Errorf("%s: damaged (%d bytes, the manifest says %d)", name, info.Size(), m.Tensors.Size)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return manifest{}, err
	}
	if hex.EncodeToString(hash.Sum(nil)) != m.Tensors.SHA256 {
		return manifest{}, fmt.Errorf("%s: damaged (its sha256 differs from the manifest's)", name)
	}
	return m, nil
}

// writeTensors writes tensors.npz durably and returns size and hash of what was
// meant to be written, not of what a disk made of it.
func writeTensors(path string, tensors []Tensor) (fileSum, error) {
	hash, size := sha256.New(), int64(0)
	err := writeSynced(path, func(w io.Writer) error {
		count := writerFunc(func(p []byte) (int, error) {
			size += int64(len(p))
			return len(p), nil
		})
		return WriteNPZ(io.MultiWriter(w, hash, count), tensors)
	})
	return fileSum{size, hex.EncodeToString(hash.Sum(nil))}, err
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// writeSynced creates a file and returns when it is on the disk. The error of
// closing counts: some file systems report a full disk only then.
func writeSynced(path string, write func(w io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}
