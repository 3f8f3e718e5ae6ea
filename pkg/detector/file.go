package detector

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"strata/internal/fs"
	"strata/pkg/checkpoint"
	"strata/pkg/conformal"
	"strata/pkg/density"
	"strata/pkg/detector/measure"
	"strata/pkg/glow"
	"strata/pkg/pixelcnn"
)

// A model is one file, a zip whose entries are stored:
//
//	own.npz, general.npz    the weights; numpy.load reads them once they are taken out
//	calibration.csv         the scores of the held-out good images
//	heat.npz                what heat maps are on them
//	detector.json           the Manifest, with size and SHA-256 of the others; written last
//
// A file of a general network alone has general.npz and detector.json.
const (
	manifestName    = "detector.json"
	ownName         = "own.npz"
	generalName     = "general.npz"
	calibrationName = "calibration.csv"
	heatName        = "heat.npz"

	// The format counts changes of the file; a reader refuses what it does not know. A file has the least that says what is in it, so that
	// a strata of before reads it if it can: 2 is for networks that are no Glows.
	glowFormat, fileFormat = 1, 2
)

// Manifest is what a model's file says of it.
type Manifest struct {
	Format int       `json:"format"`
	Made   time.Time `json:"made"`
	// Versions are those of strata's build and of the libraries that compute.
	Versions map[string]string `json:"versions"`
	// About says what the general network was trained on, and Spectrum how fine that is.
	About    string   `json:"general"`
	Spectrum Spectrum `json:"general_spectrum_db"`
	// Glow or PixelCNN is the architecture of both networks, and the other nil.
	Glow     *glow.Config     `json:"glow,omitempty"`
	PixelCNN *pixelcnn.Config `json:"pixelcnn,omitempty"`
	// The rest is that of a detector, and empty for a general network.
	Preparation Preparation    `json:"preparation,omitzero"`
	Scores      []string       `json:"scores,omitempty"`
	Combined    []string       `json:"combined,omitempty"`
	Rule        conformal.Rule `json:"rule,omitempty"`
	// HeldOut is how many good images new ones are compared with. TypicalLikelihood is the mean ln p(x) of others, nats, and Typical
	// where each score lies on them, turned to unusualness.
	HeldOut           int                 `json:"held_out,omitempty"`
	TypicalLikelihood float64             `json:"typical_log_likelihood,omitempty"`
	Typical           []conformal.Typical `json:"typical,omitempty"`
	Fit               Fit                 `json:"fit,omitzero"`
	Parts             []Part              `json:"parts"`
}

// Fit says how a detector was fitted.
type Fit struct {
	// Images are how many good ones were used, Duplicates how many more were equal to one of them, and Unreadable what could not be read.
	Images     int `json:"images"`
	Duplicates int `json:"duplicates,omitempty"`
	Unreadable int `json:"unreadable,omitempty"`
	LeftOut    int `json:"left_out,omitempty"` // beyond the most that are used
	// Train and Stop are how many of them the network was trained on and stopped by; the rest is held out.
	Train int `json:"train"`
	Stop  int `json:"stop"`
	// Steps were made, of which the weights of Best are kept: the bits/dim of the images to stop by fell From To.
	Steps int     `json:"steps"`
	Best  int     `json:"best_step"`
	From  float64 `json:"bits_per_dim_before,omitempty"`
	To    float64 `json:"bits_per_dim,omitempty"`
	// Outliers are how many images the outlier loss had, 0 without it.
	Outliers int `json:"outliers,omitempty"`
	// Spectrum is that of the good images, and Warnings are for people.
	Spectrum Spectrum `json:"spectrum_db"`
	Warnings []string `json:"warnings,omitempty"`
}

// Part is an entry of the file.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Save writes the detector: to the side, synced, and then to its name.
func (d *Detector) Save(path string) error {
	f := d.state()
	if f.calibration == nil {
		return errors.New("detector: it is not calibrated: there is nothing to save")
	}
	parts := map[string]func(io.Writer) error{
		ownName:         npzOf(d.general.Network, d.own),
		generalName:     npzOf(d.general.Network, d.general.Weights),
		calibrationName: func(w io.Writer) error { return f.calibration.write(w, f.manifest.Scores) },
		heatName: func(w io.Writer) error {
			h := f.calibration.heat
			return checkpoint.WriteNPZ(w, []checkpoint.Tensor{{Name: "mean", Shape: []int{Side, Side}, Data: h.Mean},
				{Name: "spread", Shape: []int{Side, Side}, Data: h.Spread}})
		},
	}
	return write(path, f.manifest, []string{ownName, generalName, calibrationName, heatName}, parts)
}

// Save writes the general network.
func (g *General) Save(path string) error {
	err := g.check()
	if err == nil {
		err = fits(g.Network, g.Weights)
	}
	if err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	return write(path, g.manifest(), []string{generalName}, map[string]func(io.Writer) error{generalName: npzOf(g.Network, g.Weights)})
}

// npzOf writes weights in the order of the network's parameters.
func npzOf(config density.Config, weights Weights) func(io.Writer) error {
	return func(w io.Writer) error {
		model, err := config.Model()
		if err != nil {
			return err
		}
		var all []checkpoint.Tensor
		for _, p := range model.Params() {
			all = append(all, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: weights[p.Name]})
		}
		return checkpoint.WriteNPZ(w, all)
	}
}

func write(path string, m Manifest, order []string, parts map[string]func(io.Writer) error) error {
	err := fs.Write(path, func(file io.Writer) error {
		archive := zip.NewWriter(file)
		entry := func(name string) (io.Writer, error) {
			return archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		}
		m.Format, m.Made, m.Versions, m.Parts = glowFormat, time.Now().UTC().Truncate(time.Second), versions(), nil
		if m.Glow == nil {
			m.Format = fileFormat
		}
		for _, name := range order {
			to, err := entry(name)
			if err != nil {
				return err
			}
			sum := &summed{to: to, hash: sha256.New()}
			if err := parts[name](sum); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			m.Parts = append(m.Parts, Part{name, sum.size, hex.EncodeToString(sum.hash.Sum(nil))})
		}
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		to, err := entry(manifestName)
		if err == nil {
			_, err = to.Write(append(text, '\n'))
		}
		return errors.Join(err, archive.Close())
	})
	if err != nil {
		return fmt.Errorf("model %s cannot be written: %w", path, err)
	}
	return nil
}

// summed counts and hashes what goes through it.
type summed struct {
	to   io.Writer
	hash interface {
		io.Writer
		Sum([]byte) []byte
	}
	size int64
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	return n, err
}

// versions are those of what computes, as far as the build knows.
func versions() map[string]string {
	all := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return all
	}
	all["go"], all["strata"] = info.GoVersion, info.Main.Version
	for _, m := range info.Deps {
		if strings.HasPrefix(m.Path, "github.com/gomlx/") {
			all[m.Path] = m.Version
		}
	}
	return all
}

// Load reads a detector. A file that is damaged, or newer than this build, is an error that says so and what to do.
func Load(path string) (*Detector, error) {
	file, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return Read(file, size, path)
}

// LoadGeneral reads the general network of a file: one of its own, or a detector's.
func LoadGeneral(path string) (*General, error) {
	file, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadGeneral(file, size, path)
}

func open(path string) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("model: %w: strata fit makes one", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("model %s: is no file: strata fit makes one", path)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// Read is Load of an open file of some size, with a name for errors.
func Read(r io.ReaderAt, size int64, name string) (*Detector, error) {
	f, err := openModel(r, size, name)
	if err != nil {
		return nil, err
	}
	c := &calibration{}
	d := &Detector{fitted: fitted{f.manifest, c}}
	if d.general, err = f.general(); err != nil {
		return nil, err
	}
	if _, ok := f.entries[ownName]; !ok && len(f.manifest.Scores) == 0 {
		return nil, fmt.Errorf("model %s: is a general %s and no detector: strata fit GOOD --general %s makes one of it", name,
			d.general.Kind().Title(), name)
	}
	if d.own, err = f.weights(ownName); err != nil {
		return nil, err
	}
	scale, err := f.weights(heatName)
	if err != nil {
		return nil, err
	}
	c.heat = measure.HeatScale{Mean: scale["mean"], Spread: scale["spread"]}
	if len(scale["mean"]) != Side*Side || len(scale["spread"]) != Side*Side {
		return nil, f.damaged(heatName, errors.New("not of a window's size"))
	}
	text, err := f.read(calibrationName)
	if err != nil {
		return nil, err
	}
	if err := c.read(bytes.NewReader(text), f.manifest.Scores); err != nil {
		return nil, f.damaged(calibrationName, err)
	}
	if len(c.values) != f.manifest.HeldOut {
		return nil, f.damaged(calibrationName, fmt.Errorf("%d images, the manifest says %d", len(c.values), f.manifest.HeldOut))
	}
	if err := d.check(); err != nil {
		return nil, f.damaged(manifestName, err)
	}
	if err := c.build(f.manifest.Scores, f.manifest.Combined, f.manifest.Rule, f.manifest.Typical); err != nil {
		return nil, f.damaged(calibrationName, err)
	}
	return d, nil
}

// ReadGeneral is LoadGeneral of an open file.
func ReadGeneral(r io.ReaderAt, size int64, name string) (*General, error) {
	f, err := openModel(r, size, name)
	if err != nil {
		return nil, err
	}
	return f.general()
}

// modelFile is a model's file whose manifest was read.
type modelFile struct {
	name     string
	size     int64
	manifest Manifest
	entries  map[string]*zip.File
}

// IsModel says whether a file begins as a model does and has a manifest; an image archive has none.
func IsModel(path string) bool {
	archive, err := zip.OpenReader(path)
	if archive != nil {
		defer archive.Close()
	}
	if err != nil {
		return false
	}
	for _, e := range archive.File {
		if e.Name == manifestName {
			return true
		}
	}
	return false
}

func openModel(r io.ReaderAt, size int64, name string) (*modelFile, error) {
	f := &modelFile{name: name, size: size, entries: map[string]*zip.File{}}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("model %s: is no model, or cut off (%w): copy it again, or fit anew", name, err)
	}
	for _, e := range archive.File {
		f.entries[e.Name] = e
	}
	text, err := f.readEntry(manifestName)
	if err != nil {
		return nil, err
	}
	var version struct {
		Format   int               `json:"format"`
		Versions map[string]string `json:"versions"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, f.damaged(manifestName, err)
	}
	if version.Format < glowFormat || version.Format > fileFormat {
		return nil, fmt.Errorf("model %s: format %d, this strata reads formats %d to %d: use the strata that made it (%s), or fit anew",
			name, version.Format, glowFormat, fileFormat, version.Versions["strata"])
	}
	if err := json.Unmarshal(text, &f.manifest); err != nil {
		return nil, f.damaged(manifestName, err)
	}
	return f, nil
}

func (f *modelFile) damaged(part string, err error) error {
	return fmt.Errorf("model %s: %s is damaged (%w): copy the file again, or fit anew", f.name, part, err)
}

// readEntry reads an entry whole. No entry is larger than the file, for all are stored.
func (f *modelFile) readEntry(name string) ([]byte, error) {
	e := f.entries[name]
	switch {
	case e == nil:
		return nil, fmt.Errorf("model %s: has no %s: it is no model of strata, or damaged", f.name, name)
	case e.Method != zip.Store || e.UncompressedSize64 != e.CompressedSize64 || e.UncompressedSize64 > uint64(f.size):
		return nil, f.damaged(name, errors.New("is compressed, or claims more bytes than there are"))
	}
	r, err := e.Open()
	if err != nil {
		return nil, f.damaged(name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, f.size))
	if err != nil {
		return nil, f.damaged(name, err)
	}
	return data, nil
}

// read is readEntry of a part, compared with what the manifest says of it.
func (f *modelFile) read(name string) ([]byte, error) {
	data, err := f.readEntry(name)
	if err != nil {
		return nil, err
	}
	for _, p := range f.manifest.Parts {
		if p.Name != name {
			continue
		}
		sum := sha256.Sum256(data)
		if int64(len(data)) != p.Size || hex.EncodeToString(sum[:]) != p.SHA256 {
			return nil, f.damaged(name, errors.New("its SHA-256 is not the one in "+manifestName))
		}
		return data, nil
	}
	return nil, f.damaged(manifestName, errors.New("it does not know "+name))
}

func (f *modelFile) weights(name string) (Weights, error) {
	data, err := f.read(name)
	if err != nil {
		return nil, err
	}
	all, err := checkpoint.ReadNPZ(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, f.damaged(name, err)
	}
	weights := Weights{}
	for _, t := range all {
		weights[t.Name] = t.Data
	}
	return weights, nil
}

func (f *modelFile) general() (*General, error) {
	network, err := f.manifest.network()
	g := &General{About: f.manifest.About, Network: network, Spectrum: f.manifest.Spectrum}
	if err == nil {
		err = g.check()
	}
	if err != nil {
		return nil, f.damaged(manifestName, err)
	}
	if g.Weights, err = f.weights(generalName); err != nil {
		return nil, err
	}
	if err := fits(g.Network, g.Weights); err != nil {
		return nil, f.damaged(generalName, err)
	}
	return g, nil
}
