package imageset

import (
	"fmt"
	"slices"
	"strings"
)

// OfClasses is the part of a set that has some of its classes, in their order, under a name of its own. A set without labels,
// a class that it does not know, or none at all is an error.
func (s *Set) OfClasses(name string, classes ...string) (*Set, error) {
	indices, labels, err := s.ofClasses(classes)
	if err != nil {
		return nil, err
	}
	part := s.take(indices)
	part.Name, part.Labels, part.Classes = name, labels, slices.Clone(classes)
	return part, nil
}

// ofClasses are the images of some classes, and their labels among these.
func (s *Set) ofClasses(classes []string) (indices []int, labels []int32, err error) {
	if s.Labels == nil {
		return nil, nil, fmt.Errorf("image set %s/%s has no labels: no part of its classes can be taken", s.Name, s.Split)
	}
	if len(classes) == 0 {
		return nil, nil, fmt.Errorf("image set %s/%s: a part of no class", s.Name, s.Split)
	}
	to := make([]int32, len(s.Classes))
	for i := range to {
		to[i] = -1
	}
	for i, class := range classes {
		at := slices.Index(s.Classes, class)
		if at < 0 || to[at] >= 0 {
			return nil, nil, fmt.Errorf("image set %s/%s: class %q is unknown or named twice; it has %s", s.Name, s.Split, class,
				strings.Join(s.Classes, ", "))
		}
		to[at] = int32(i)
	}
	for i, label := range s.Labels {
		if to[label] >= 0 {
			indices, labels = append(indices, i), append(labels, to[label])
		}
	}
	if len(indices) == 0 {
		return nil, nil, fmt.Errorf("image set %s/%s has no image of the classes %s", s.Name, s.Split, strings.Join(classes, ", "))
	}
	return indices, labels, nil
}

// Grey is a set in one channel, 0.2989 R + 0.5870 G + 0.1140 B cut to a whole level, under a name of its own. The
// reference cuts only what it augments, its training images, and keeps the fractions of test images (digest §7); here
// both are cut, as a Set holds 8 bits.
func (s *Set) Grey(name string) *Set {
	grey := *s
	grey.Name, grey.hash = name, ""
	if s.Channels == 1 {
		return &grey
	}
	grey.Channels = 1
	grey.Pixels = make([]uint8, len(s.Pixels)/3)
	for i := range grey.Pixels {
		// In whole numbers, so that every machine cuts alike.
		grey.Pixels[i] = uint8((2989*int(s.Pixels[3*i]) + 5870*int(s.Pixels[3*i+1]) + 1140*int(s.Pixels[3*i+2])) / 10000)
	}
	return &grey
}
