package imageset

import (
	"fmt"
	"slices"
	"strings"
)

// OfClasses is the part of a set that has some of its classes, in their order, under a name of its own. A set without labels,
// a class that it does not know, or none at all is an error.
func (s *Set) OfClasses(name string, classes ...string) (*Set, error) {
	if s.Labels == nil {
		return nil, fmt.Errorf("image set %s/%s has no labels: no part of its classes can be taken", s.Name, s.Split)
	}
	if len(classes) == 0 {
		return nil, fmt.Errorf("image set %s/%s: a part of no class", s.Name, s.Split)
	}
	to := make([]int32, len(s.Classes))
	for i := range to {
		to[i] = -1
	}
	for i, class := range classes {
		at := slices.Index(s.Classes, class)
		if at < 0 || to[at] >= 0 {
			return nil, fmt.Errorf("image set %s/%s: class %q is unknown or named twice; it has %s", s.Name, s.Split, class, strings.Join(s.Classes, ", "))
		}
		to[at] = int32(i)
	}
	var chosen []int
	for i, label := range s.Labels {
		if to[label] >= 0 {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("image set %s/%s has no image of the classes %s", s.Name, s.Split, strings.Join(classes, ", "))
	}
	part := s.take(chosen)
	part.Name, part.Classes = name, slices.Clone(classes)
	for i, label := range part.Labels {
		part.Labels[i] = to[label]
	}
	return part, nil
}

// Grey is a set in one channel, 0.2989 R + 0.5870 G + 0.1140 B cut to a whole level (digest §7), under a name of its own.
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
