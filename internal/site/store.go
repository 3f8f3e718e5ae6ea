package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
)

// store are the pictures of a site by the names of their files, each once, whichever pages show it.
type store struct {
	files map[string][]byte
	names map[[sha256.Size]byte]string // by the picture as it came
}

func newStore() *store { return &store{map[string][]byte{}, map[[sha256.Size]byte]string{}} }

// add keeps a picture under a name that its file's content gives it: a picture that is read from its file is called the same again.
func (s *store) add(picture []byte, kind string) (string, error) {
	came := sha256.Sum256(picture)
	if name, ok := s.names[came]; ok {
		return name, nil
	}
	if kind == ".png" {
		var err error
		if picture, err = smaller(picture); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256(picture)
	name := hex.EncodeToString(sum[:6]) + kind
	s.files[name], s.names[came] = picture, name
	return name, nil
}

// write writes the pictures to their folder.
func (s *store) write(folder string) error {
	if len(s.files) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(folder, pictures), 0o755); err != nil {
		return err
	}
	for name, content := range s.files {
		if err := os.WriteFile(filepath.Join(folder, pictures, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// smaller is a PNG in the bytes that a page needs of it: a drawing has a few colours and many shades of letters and
// edges, which 256 do as well as thousands. What is as small already stays as it is.
func smaller(file []byte) ([]byte, error) {
	picture, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("a picture that is no PNG: %w", err)
	}
	if few, ok := indexed(picture); ok {
		picture = few
	}
	var packed bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&packed, picture); err != nil {
		return nil, err
	}
	if packed.Len() < len(file) {
		return packed.Bytes(), nil
	}
	return file, nil
}
