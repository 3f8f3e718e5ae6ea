package imageset

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"strata/pkg/imageset/format"
	"strata/pkg/imageset/resample"
)

// Recipe says how a set is made of what lies in the data folder. Every field but Of has a zero value that stands for the paper's way, or
// for what comes closest to it; experiments/sets.yaml writes recipes down.
type Recipe struct {
	// Of is the name of a file or folder of the data folder, without extension, or of a procedural set.
	Of string `yaml:"of" json:"of"`

	// How the files are read.
	Side   int             `yaml:"side,omitempty" json:"side,omitempty"`
	Kernel resample.Kernel `yaml:"kernel,omitempty" json:"kernel,omitempty"` // what Side resizes by, "" for bilinear
	Chroma resample.Kernel `yaml:"chroma,omitempty" json:"chroma,omitempty"` // what Side resizes chroma by, "" for Kernel
	Faces  int             `yaml:"faces,omitempty" json:"faces,omitempty"`
	Tiny   format.Tiny     `yaml:"tiny,omitempty" json:"tiny,omitzero"`
	Slices format.Slices   `yaml:"slices,omitempty" json:"slices,omitzero"`
	// History is what the pixels went through, where the files do not tell it.
	History string `yaml:"history,omitempty" json:"history,omitempty"`
	// How a procedural set is drawn.
	Draw Draw `yaml:"draw,omitempty" json:"draw,omitzero"`

	// What is done with the images then, in this order.
	Classes []int  `yaml:"classes,omitempty" json:"classes,omitempty"` // those classes alone, by their place in the set's list
	Codec   string `yaml:"codec,omitempty" json:"codec,omitempty"`     // "jpeg75": once through JPEG of that quality
	Grey    bool   `yaml:"grey,omitempty" json:"grey,omitempty"`       // one channel (digest §7)
}

// Draw is the seed and the sizes of a procedural set; zero values are those of everything published.
type Draw struct {
	Seed  uint64 `yaml:"seed,omitempty" json:"seed,omitempty"`
	Train int    `yaml:"train,omitempty" json:"train,omitempty"`
	Test  int    `yaml:"test,omitempty" json:"test,omitempty"`
}

// fits refuses choices that say nothing about sets of a kind: what is ignored would be believed.
func (r Recipe) fits(kind format.Kind) error {
	pictures := kind == format.Zip || kind == format.Folder
	for _, choice := range []struct {
		name        string
		made, means bool
	}{
		{"side", r.Side != 0, pictures || kind == format.LSUN || kind == format.MRI},
		{"kernel", r.Kernel != "", pictures || kind == format.LSUN},
		{"chroma", r.Chroma != "", pictures || kind == format.LSUN},
		{"faces", r.Faces != 0, pictures},
		{"tiny", r.Tiny != format.Tiny{}, kind == format.TinyImages},
		{"slices", r.Slices != format.Slices{}, kind == format.MRI},
		{"draw", r.Draw != Draw{}, kind == Procedural},
	} {
		if choice.made && !choice.means {
			return fmt.Errorf("recipe of %s: %s means nothing for a set of kind %s: leave it out", r.Of, choice.name, kind)
		}
	}
	return nil
}

// Raw is the recipe without what is done with the images after they are read: sets that share it are read once.
func (r Recipe) Raw() Recipe {
	r.Classes, r.Codec, r.Grey = nil, "", false
	return r
}

// Key tells recipes apart.
func (r Recipe) Key() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // plain fields always marshal
	}
	return string(text)
}

func (r Recipe) options() format.Options {
	return format.Options{Side: r.Side, Kernel: r.Kernel, Chroma: r.Chroma, Faces: r.Faces, Tiny: r.Tiny, Slices: r.Slices}
}

// Apply makes the set of a recipe, under a name of its own, of what its Raw recipe gave. The set that it is given is not changed.
func (r Recipe) Apply(set *Set, name string) (*Set, error) {
	named := *set
	named.Name = name
	if len(r.Classes) > 0 || r.Codec != "" || r.Grey {
		defer set.Unload() // all of it is walked through, and another set is made
	}
	set = &named
	if len(r.Classes) > 0 {
		indices, labels, classes, err := r.choose(set)
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
		set = set.take(indices)
		set.Labels, set.Classes = labels, classes
	}
	if r.Codec != "" {
		quality, err := r.quality()
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
		if set, err = set.JPEG(quality); err != nil {
			return nil, err
		}
	}
	if r.Grey {
		set = set.Grey(name)
	}
	return set, nil
}

// choose gives the images of the recipe's classes, all of them where it names none, with their labels and the classes' names.
func (r Recipe) choose(set *Set) (indices []int, labels []int32, classes []string, err error) {
	if len(r.Classes) == 0 {
		indices = make([]int, set.Len())
		for i := range indices {
			indices[i] = i
		}
		return indices, set.Labels, set.Classes, nil
	}
	for _, i := range r.Classes {
		if i < 0 || i >= len(set.Classes) {
			return nil, nil, nil, fmt.Errorf("class %d of %s, which has %d", i, r.Of, len(set.Classes))
		}
		classes = append(classes, set.Classes[i])
	}
	indices, labels, err = set.ofClasses(classes)
	return indices, labels, classes, err
}

// quality is that of the codec "jpegQUALITY".
func (r Recipe) quality() (int, error) {
	number, ok := strings.CutPrefix(r.Codec, "jpeg")
	quality, err := strconv.Atoi(number)
	if !ok || err != nil || quality < 1 || quality > 100 {
		return 0, fmt.Errorf("codec %q: expected jpeg and a quality from 1 to 100, as in jpeg75", r.Codec)
	}
	return quality, nil
}

// Validate refuses recipes that cannot be followed, before anything is read.
func (r Recipe) Validate() error {
	if r.Of == "" {
		return fmt.Errorf("a recipe without the set that it is of")
	}
	if r.Draw.Train < 0 || r.Draw.Test < 0 {
		return fmt.Errorf("recipe of %s: %d training and %d test images: expected 0 or more", r.Of, r.Draw.Train, r.Draw.Test)
	}
	if r.Codec != "" {
		if _, err := r.quality(); err != nil {
			return fmt.Errorf("recipe of %s: %w", r.Of, err)
		}
	}
	for _, by := range []struct {
		name   string
		kernel resample.Kernel
	}{{"kernel", r.Kernel}, {"chroma", r.Chroma}} {
		if by.kernel != "" && r.Side == 0 {
			return fmt.Errorf("recipe of %s: %s %s without the side that it resizes to", r.Of, by.name, by.kernel)
		}
	}
	if err := r.options().Validate(); err != nil {
		return fmt.Errorf("recipe of %s: %w", r.Of, err)
	}
	return nil
}
