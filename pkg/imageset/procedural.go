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

// drawProcedural draws the default number of images; they depend on name and
// split alone.
func drawProcedural(name, split string) (*Set, error) {
	pixels, labels, classes, err := procedural.Draw(name, split, 0)
	if err != nil {
		return nil, err
	}
	return &Set{
		Name: name, Split: split, Height: proceduralSide, Width: proceduralSide, Channels: 3,
		Pixels: pixels, Labels: labels, Classes: classes,
	}, nil
}
