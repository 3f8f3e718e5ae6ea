package imageset

import (
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
