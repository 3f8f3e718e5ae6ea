package imageset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"strata/pkg/imageset/format"
	"strata/pkg/imageset/procedural"
)

// proceduralSide is the height and width of the procedural images.
const proceduralSide = 32

func proceduralNames() []string { return procedural.Names() }

// proceduralSplits returns what every procedural set has by default.
func proceduralSplits() []Split {
	return []Split{{Name: Train, Images: procedural.Size(Train)}, {Name: Test, Images: procedural.Size(Test)}}
}

// drawn is the history of the procedural sets.
const drawn = "drawn by strata"

// Drawn says whether the images are strata's own drawings, or made of such. All others are somebody's, and stay out of version control.
func (s *Set) Drawn() bool { return strings.HasPrefix(s.History, drawn) }

// drawn opens a drawn split from the cache, where there is one: a set takes seconds to draw. What a version draws is pinned by its tests.
func (l *Library) drawn(name, split string, draw Draw) (*Set, error) {
	if l.Cache == "" {
		return drawProcedural(name, split, draw)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "strata drawn %d %s %s %+v", procedural.Version, name, split, draw))
	return l.openOrMake(name, split, hex.EncodeToString(key[:]), 0, drawn,
		func(split string, target format.Target) (*format.Images, error) {
			set, err := drawProcedural(name, split, draw)
			if err != nil {
				return nil, err
			}
			to, err := target(format.Shape{Images: set.Len(), Height: set.Height, Width: set.Width, Channels: set.Channels})
			if err != nil {
				return nil, err
			}
			_, err = to.WriteAt(set.Pixels, 0)
			return &format.Images{Height: set.Height, Width: set.Width, Channels: set.Channels, Labels: set.Labels, Classes: set.Classes,
				History: set.History}, err
		})
}

// drawProcedural draws a split; its images depend on name, split and seed alone.
func drawProcedural(name, split string, draw Draw) (*Set, error) {
	n := draw.Train
	if split == Test {
		n = draw.Test
	}
	pixels, labels, classes, err := procedural.Draw(name, split, n, draw.Seed)
	if err != nil {
		return nil, err
	}
	return &Set{
		Name: name, Split: split, Height: proceduralSide, Width: proceduralSide, Channels: 3,
		Pixels: pixels, Labels: labels, Classes: classes, History: drawn,
	}, nil
}
