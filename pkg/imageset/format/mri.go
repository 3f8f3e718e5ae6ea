package format

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"strata/pkg/imageset/format/nifti"
	"strata/pkg/imageset/resample"
)

// Slices are the choices of an MRI set that the paper leaves open: it had slices as JPEG, of which neither the place in the head,
// the grey scale nor the quality is known (digest §7). Known is that 32x32 pieces are cut out without resizing, at random for
// training and of the middle for testing, and that grey is repeated three times. Zero values are the defaults.
type Slices struct {
	// From and To are where the slices of a volume come from, as shares of its height: 0.4 and 0.7, the middle of a head.
	From float64 `yaml:"from,omitempty" json:"from,omitempty"`
	To   float64 `yaml:"to,omitempty" json:"to,omitempty"`
	// Every is the distance of slices in voxels, 4: neighbours are almost alike.
	Every int `yaml:"every,omitempty" json:"every,omitempty"`
	// Crops is how many pieces are cut out of each training slice, 4, at places that only the slice's name and number decide.
	Crops int `yaml:"crops,omitempty" json:"crops,omitempty"`
	// White is the share of a volume's voxels above 0 that become white, together with what is brighter: 0.995. Black is 0.
	White float64 `yaml:"white,omitempty" json:"white,omitempty"`
}

// Validate refuses choices that cannot be.
func (s Slices) Validate() error {
	d := s.withDefaults()
	if !(d.From >= 0 && d.From < d.To && d.To <= 1 && d.White > 0 && d.White <= 1) || d.Every < 1 || d.Crops < 1 || d.Crops > 1000 {
		return fmt.Errorf("MRI slices from %v to %v every %d, %d crops, white at %v: expected 0 <= from < to <= 1, every and crops from "+
			"1, white above 0 up to 1", d.From, d.To, d.Every, d.Crops, d.White)
	}
	return nil
}

func (s Slices) withDefaults() Slices {
	s.From, s.To = cmp.Or(s.From, 0.4), cmp.Or(s.To, 0.7)
	s.Every, s.Crops, s.White = cmp.Or(s.Every, 4), cmp.Or(s.Crops, 4), cmp.Or(s.White, 0.995)
	return s
}

// of are the slices of a volume of the given height.
func (s Slices) of(height int) []int {
	var chosen []int
	for z := int(s.From * float64(height)); z < int(math.Ceil(s.To*float64(height))); z += s.Every {
		chosen = append(chosen, z)
	}
	return chosen
}

// modalities of BRATS; they are the classes of the set.
var modalities = []string{"t1", "t1ce", "t2", "flair"}

var (
	notWord    = regexp.MustCompile(`[^a-z0-9]+`)
	volumeName = regexp.MustCompile(`(?i)\.nii(\.gz)?$`)
)

// modalityOf is a file's class, told by a part of its name; ok is false where none tells, as in segmentations.
func modalityOf(path string) (class int, ok bool) {
	for _, word := range notWord.Split(strings.ToLower(filepath.Base(path)), -1) {
		if i := slices.Index(modalities, word); i >= 0 {
			return i, true
		}
	}
	return 0, false
}

// mriSplit is the split that a path tells: the official validation folder is the test split (digest §6.2).
func mriSplit(path string) string {
	for part := range strings.SplitSeq(strings.ToLower(filepath.ToSlash(path)), "/") {
		if strings.Contains(part, "valid") {
			return Test
		}
	}
	return Train
}

// hasSlices says whether a folder has the layout of slices that were extracted before: train/lgg and train/hgg, beside valid.
func hasSlices(dir string) bool {
	for _, below := range []string{"train/lgg", "train/hgg", "train/LGG", "train/HGG"} {
		if info, err := os.Stat(filepath.Join(dir, below)); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

// readerBelow is the reader that the first picture or volume anywhere below a folder tells, nil where there is none.
func readerBelow(root, dir string, options Options) (kind Kind, r reader, err error) {
	above, err := filepath.Rel(filepath.Dir(root), dir)
	if err != nil {
		return "", nil, err
	}
	_, above, _ = strings.Cut(filepath.ToSlash(above), "/") // what lies between the set's folder and dir
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && ignored(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case isImageNet32File(d.Name()):
			kind, r = ImageNet32, imageNet32{dir, options}
		case volumeName.MatchString(path), hasImageName(path) && hasSlices(dir):
			kind, r = MRI, mri{dir, above, options}
		case hasImageName(path):
			kind, r = Folder, folderTree{dir, options}
		default:
			return nil
		}
		return fs.SkipAll
	})
	return kind, r, err
}

// mri is a folder of NIfTI volumes, or of slices as pictures, one modality a file.
type mri struct {
	dir     string
	above   string // the folders between the set's own and dir, which may tell the split
	options Options
}

// scan is a volume or slice file of a split.
type scan struct {
	entry
	modality int
	volume   bool
}

func (m mri) scans() (map[string][]scan, error) {
	entries, err := listFolder(os.DirFS(m.dir), m.options.Limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.dir, err)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	found := map[string][]scan{}
	for _, e := range entries {
		volume := volumeName.MatchString(e.name)
		modality, ok := modalityOf(e.name)
		if !ok || !volume && !hasImageName(e.name) {
			continue // segmentations, tables
		}
		split := mriSplit(m.above + "/" + e.name)
		found[split] = append(found[split], scan{e, modality, volume})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no volume or slice has a modality in its name: expected one of %s, as in BRATS_1_t1ce.nii.gz", m.dir,
			strings.Join(modalities, ", "))
	}
	return found, nil
}

// crops is how many pieces a slice gives.
func (m mri) crops(split string) int {
	if split == Test {
		return 1
	}
	return m.options.Slices.Crops
}

func (m mri) splits() ([]Split, error) {
	scans, err := m.scans()
	if err != nil {
		return nil, err
	}
	var found []Split
	for _, split := range []string{Train, Test} {
		counts, err := m.counts(scans[split])
		if err != nil {
			return nil, err
		}
		images := 0
		for _, n := range counts {
			images += n * m.crops(split)
		}
		if images > 0 {
			found = append(found, Split{split, images})
		}
	}
	return found, nil
}

// counts are how many slices each scan gives, by the headers.
func (m mri) counts(scans []scan) ([]int, error) {
	counts := make([]int, len(scans))
	for i, s := range scans {
		counts[i] = 1
		if !s.volume {
			continue
		}
		file, err := s.open()
		if err != nil {
			return nil, err // names the path
		}
		_, _, z, err := nifti.Size(file, m.options.Limits.Voxels)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(m.dir, s.name), err)
		}
		counts[i] = len(m.options.Slices.of(z))
	}
	return counts, nil
}

func (m mri) read(split string, target Target) (*Images, error) {
	all, err := m.scans()
	if err != nil {
		return nil, err
	}
	scans := all[split]
	counts, err := m.counts(scans)
	if err != nil {
		return nil, err
	}
	side, crops := m.options.side(), m.crops(split)
	images := &Images{Height: side, Width: side, Channels: 3, Classes: slices.Clone(modalities)}
	starts := make([]int, len(scans)) // the first image of each scan
	for i, n := range counts {
		starts[i] = len(images.Labels)
		for range n * crops {
			images.Labels = append(images.Labels, int32(scans[i].modality))
		}
	}
	images.History = fmt.Sprintf("slices of volumes, grey from 0 to the %v quantile, %dx%d pieces cut out",
		m.options.Slices.White, side, side)
	if !scans[0].volume {
		images.History = fmt.Sprintf("slices as pictures, %dx%d pieces cut out", side, side)
	}
	total, err := sizeOf(len(images.Labels), side, side, 3, m.options.Limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.dir, err)
	}
	to, err := target(Shape{len(images.Labels), side, side, 3})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.dir, err)
	}
	size := int64(total / max(1, len(images.Labels)))
	i, err := Each(len(scans), func() func(int) error {
		var d decoder
		return func(i int) error {
			greys, err := m.greys(&d, scans[i])
			if err != nil {
				return err
			}
			if len(greys) != counts[i] {
				return fmt.Errorf("%d slices: its header promised %d", len(greys), counts[i])
			}
			at := int64(starts[i]) * size
			for z, g := range greys {
				for k := range crops {
					top, left := place(g.height-side, g.width-side)
					if split == Train {
						top, left = randomPlace(fmt.Sprint(scans[i].name, " ", z, " ", k), g.height-side, g.width-side)
					}
					if top < 0 || left < 0 {
						return fmt.Errorf("slices of %dx%d: expected at least %dx%d", g.height, g.width, side, side)
					}
					piece := resample.Crop(g.pixels, g.width, 1, top, left, side, side)
					if _, err := to.WriteAt(repeated(piece), at); err != nil {
						return err
					}
					at += size
				}
			}
			return nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(m.dir, scans[i].name), err)
	}
	return images, nil
}

// grey is a slice.
type greySlice struct {
	height, width int
	pixels        []uint8
}

// greys are a scan's slices.
func (m mri) greys(d *decoder, s scan) ([]greySlice, error) {
	if !s.volume {
		h, err := d.header(s.entry, m.options.Limits)
		if err != nil {
			return nil, err
		}
		g := greySlice{h.height, h.width, make([]uint8, h.height*h.width)}
		if h.grey {
			return []greySlice{g}, d.pixels(g.pixels, h, 1)
		}
		// Stored as colour: the three channels of a grey picture are alike, up to the codec.
		rgb := make([]uint8, 3*len(g.pixels))
		if err := d.pixels(rgb, h, 3); err != nil {
			return nil, err
		}
		for i := range g.pixels {
			g.pixels[i] = rgb[3*i+1]
		}
		return []greySlice{g}, nil
	}
	file, err := s.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	v, err := nifti.Read(file, m.options.Limits.Voxels)
	if err != nil {
		return nil, err
	}
	white := quantileAboveZero(v.Values, m.options.Slices.White)
	var greys []greySlice
	for _, z := range m.options.Slices.of(v.Z) {
		// Rows are y as it is stored: BRATS stores it from the front of the head to its back.
		g := greySlice{v.Y, v.X, make([]uint8, v.X*v.Y)}
		for y := range v.Y {
			for x := range v.X {
				value := float64(v.At(x, y, z)) / white * 255
				g.pixels[y*v.X+x] = uint8(math.Round(min(max(value, 0), 255)))
			}
		}
		greys = append(greys, g)
	}
	return greys, nil
}

// quantileAboveZero is the value below which the share of the values above 0 lies, 1 where there are none.
func quantileAboveZero(values []float32, share float64) float64 {
	var above []float32
	for _, v := range values {
		if v > 0 {
			above = append(above, v)
		}
	}
	if len(above) == 0 {
		return 1
	}
	slices.Sort(above)
	return float64(above[min(int(share*float64(len(above))), len(above)-1)])
}

// place is the middle, below 0 where there is no room.
func place(room, roomX int) (top, left int) {
	if room < 0 || roomX < 0 {
		return -1, -1
	}
	return room / 2, roomX / 2
}

// randomPlace is anywhere, the same for the same name.
func randomPlace(name string, room, roomX int) (top, left int) {
	if room < 0 || roomX < 0 {
		return -1, -1
	}
	sum := sha256.Sum256([]byte(name))
	rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])))
	return rng.IntN(room + 1), rng.IntN(roomX + 1)
}

// repeated is a grey picture in three channels.
func repeated(grey []uint8) []uint8 {
	rgb := make([]uint8, 0, 3*len(grey))
	for _, v := range grey {
		rgb = append(rgb, v, v, v)
	}
	return rgb
}
