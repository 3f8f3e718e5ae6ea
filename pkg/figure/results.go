package figure

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/metric"
)

// The roles that sets play in an evaluation.
const (
	roleIn      = "in"
	roleGeneral = "general"
	roleSmooth  = "smooth"
	roleFar     = "far"
	roleNear    = "near"
	roleFaces   = "faces"
	roleFurther = "further"
)

// scores is scores.csv: log-likelihoods in nats, an image each.
type scores struct {
	path  string
	table *table
	roles map[string]*roleScores
}

// roleScores are the images of one role. Where several sets share a role their images are pooled.
type roleScores struct {
	sets    []string
	columns map[string][]float64
}

// readScores reads scores.csv with those of the columns that what needs and the file has; others are ignored.
func readScores(results string, what ...score) (*scores, error) {
	path := filepath.Join(results, "scores.csv")
	t, err := readTable(path, "role", "set", "index")
	if err != nil {
		return nil, err
	}
	s := &scores{path: path, table: t, roles: map[string]*roleScores{}}
	var known []string
	for _, w := range what {
		for _, column := range w.columns() {
			if t.has(column) && !slices.Contains(known, column) {
				known = append(known, column)
			}
		}
	}
	for row := range t.rows {
		role, err := t.text(row, "role")
		if err != nil {
			return nil, err
		}
		set, err := t.text(row, "set")
		if err != nil {
			return nil, err
		}
		images := s.roles[role]
		if images == nil {
			images = &roleScores{columns: map[string][]float64{}}
			s.roles[role] = images
		}
		if !slices.Contains(images.sets, set) {
			images.sets = append(images.sets, set)
		}
		for _, column := range known {
			value, err := t.number(row, column)
			if err != nil {
				return nil, err
			}
			images.columns[column] = append(images.columns[column], value)
		}
	}
	if len(t.rows) == 0 {
		return nil, fmt.Errorf("figure: %s has no images, only a header: %s", path, again)
	}
	return s, nil
}

// setsPlaying says which sets play the roles, for the captions of figures whose own file names roles alone; "" where scores.csv does not.
func setsPlaying(results string) string {
	t, err := readTable(filepath.Join(results, "scores.csv"), "role", "set")
	if err != nil {
		return ""
	}
	var pairs []string
	for row := range t.rows {
		role, err := t.text(row, "role")
		if err != nil {
			return ""
		}
		set, err := t.text(row, "set")
		if err != nil {
			return ""
		}
		if pair := role + " is " + set; !slices.Contains(pairs, pair) {
			pairs = append(pairs, pair)
		}
	}
	return "Sets: " + strings.Join(pairs, ", ") + "."
}

// label is a role with the name of its set: "smooth: digits".
func (s *scores) label(role string) string {
	return roleLabel(role, strings.Join(s.roles[role].sets, " and "))
}

// present returns those of the roles that have images.
func (s *scores) present(roles ...string) []string {
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return s.roles[role] == nil })
}

// score is a column of scores.csv less others: nats.
type score struct {
	plus  string
	minus []string
}

func (s score) columns() []string {
	return append([]string{s.plus}, s.minus...)
}

// missing returns the columns of the score that the file lacks.
func (s *scores) missing(what ...score) []string {
	var missing []string
	for _, w := range what {
		for _, column := range w.columns() {
			if !s.table.has(column) && !slices.Contains(missing, column) {
				missing = append(missing, column)
			}
		}
	}
	return missing
}

// values are the scores of the images of a role, which must be present, as its columns must. failed marks images for which a model gave
// no finite number: they have a place in an order, not on an axis.
func (s *scores) values(role string, what score) (values []float64, failed []bool) {
	images := s.roles[role]
	values = slices.Clone(images.columns[what.plus])
	failed = make([]bool, len(values))
	for i, v := range values {
		failed[i] = v == metric.NonFiniteScore
	}
	for _, minus := range what.minus {
		for i, v := range images.columns[minus] {
			values[i] -= v
			failed[i] = failed[i] || v == metric.NonFiniteScore
		}
	}
	return values, failed
}

// density is the pixel-difference histogram of one role: per grey level.
type density struct {
	role, set string
	edges     []float64 // grey levels, one more than heights
	heights   []float64
}

// peak is the highest bin, of several the one nearest 0.
func (d *density) peak() (centre, height float64, bin int) {
	for i, h := range d.heights {
		c := (d.edges[i] + d.edges[i+1]) / 2
		if h > height || h == height && c*c < centre*centre {
			centre, height, bin = c, h, i
		}
	}
	return centre, height, bin
}

// readPixelDifferences returns one density a role, in the order of the file.
func readPixelDifferences(results string) ([]*density, error) {
	t, err := readTable(filepath.Join(results, "pixel_differences.csv"), "role", "set", "centre", "density")
	if err != nil {
		return nil, err
	}
	var densities []*density
	centres := map[*density][]float64{}
	for row := range t.rows {
		role, err := t.text(row, "role")
		if err != nil {
			return nil, err
		}
		set, err := t.text(row, "set")
		if err != nil {
			return nil, err
		}
		centre, err := t.number(row, "centre")
		if err != nil {
			return nil, err
		}
		height, err := t.number(row, "density")
		if err != nil {
			return nil, err
		}
		if height < 0 {
			return nil, t.wrong(row, "density", "is %v, a density cannot be negative", height)
		}
		var d *density
		if i := slices.IndexFunc(densities, func(d *density) bool { return d.role == role }); i >= 0 {
			d = densities[i]
		} else {
			d = &density{role: role, set: set}
			densities = append(densities, d)
		}
		if set != d.set {
			return nil, t.wrong(row, "set", "is %q after %q: a role has one density", set, d.set)
		}
		if n := len(centres[d]); n > 0 && centre <= centres[d][n-1] {
			return nil, t.wrong(row, "centre", "is %v after %v: bins must ascend", centre, centres[d][n-1])
		}
		centres[d] = append(centres[d], centre)
		d.heights = append(d.heights, height)
	}
	for _, d := range densities {
		if len(d.heights) < 2 {
			return nil, fmt.Errorf("figure: %s: role %s has a single bin: %s", t.path, d.role, again)
		}
		d.edges = edges(centres[d])
	}
	return densities, nil
}

// edges are midway between centres; the outer bins are as wide as their neighbours.
func edges(centres []float64) []float64 {
	n := len(centres)
	e := make([]float64, n+1)
	for i := 1; i < n; i++ {
		e[i] = (centres[i-1] + centres[i]) / 2
	}
	e[0] = centres[0] - (e[1] - centres[0])
	e[n] = centres[n-1] + (centres[n-1] - e[n-1])
	return e
}
