package figure

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"strata/pkg/metric"
	"strata/pkg/result"
)

// Results is a results folder to draw from. Each of its tables is read once, when the first figure asks for it.
type Results struct {
	folder       string
	manifest     result.Manifest // zero where the folder is not complete
	scores       func() (*scores, error)
	correlations func() ([]result.Correlation, error)
	curves       func() (curves, error)
	densities    func() ([]*density, error)
	cells        func() ([]result.Cell, error)
	seeds        func() ([]result.SeedValue, error)
	claims       func() ([]result.Claim, error)
	conditions   func() ([]result.Condition, error)
	claimSteps   func() ([]result.ClaimAtStep, error)
	kernels      func() ([]result.KernelValue, error)
	runs         func() ([]result.Run, error)
}

// Open is the results folder that a path names. It need not be complete: a figure says what is missing. A folder of
// another schema is refused.
func Open(folder string) (*Results, error) {
	r := &Results{folder: folder}
	var err error
	if r.manifest, err = result.ReadManifest(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("figure: %w", err)
	}
	r.scores = sync.OnceValues(func() (*scores, error) { return readScores(filepath.Join(folder, result.ScoresFile)) })
	r.curves = sync.OnceValues(func() (curves, error) { return readCurves(folder) })
	r.densities = sync.OnceValues(func() ([]*density, error) { return readDensities(folder) })
	r.correlations = table[result.Correlation](folder)
	r.cells = table[result.Cell](folder)
	r.seeds = table[result.SeedValue](folder)
	r.claims = sync.OnceValues(func() ([]result.Claim, error) { return readClaims(folder) })
	r.conditions = table[result.Condition](folder)
	r.claimSteps = table[result.ClaimAtStep](folder)
	r.kernels = table[result.KernelValue](folder)
	r.runs = table[result.Run](folder)
	return r, nil
}

// table reads a table of the folder at the first call.
func table[T result.Row](folder string) func() ([]T, error) {
	return sync.OnceValues(func() ([]T, error) { return read[T](folder) })
}

func read[T result.Row](folder string) ([]T, error) {
	rows, err := result.Read[T](folder)
	if err != nil {
		return nil, fmt.Errorf("figure: %w", err)
	}
	return rows, nil
}

// readClaims are the claims, with what the paper says as it is declared now: files of before have it in the words of then.
func readClaims(folder string) ([]result.Claim, error) {
	claims, err := result.ReadClaims(folder)
	if err != nil {
		return nil, fmt.Errorf("figure: %w", err)
	}
	return claims, nil
}

// again is what to do about every damaged file: results are derived, so nobody should repair one by hand.
const again = "delete the file and evaluate again (strata reproduce)"

// scores is scores.csv by role: log-likelihoods in nats, an image each.
type scores struct {
	columns []string
	roles   map[string]*roleScores
}

// roleScores are the images of one role. Where several sets share a role their images are pooled.
type roleScores struct {
	sets    []string
	images  int
	columns map[string][]float64
}

// largest is far beyond every number of a result, and small enough that no difference or width overflows.
const largest = 1e100

// readScores reads a score file whose values are all finite: in a results folder, what was not is replaced
// (metric.NonFiniteScore).
func readScores(path string) (*scores, error) {
	file, err := result.ReadScores(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("figure: %w: name a folder that strata reproduce wrote, or reproduce again", err)
	}
	if err != nil {
		return nil, fmt.Errorf("figure: %w: %s", err, again)
	}
	if len(file.Rows) == 0 {
		return nil, fmt.Errorf("figure: %s has no images, only a header: %s", path, again)
	}
	s := &scores{columns: file.Columns, roles: map[string]*roleScores{}}
	for i, row := range file.Rows {
		images := s.roles[row.Role]
		if images == nil {
			images = &roleScores{columns: map[string][]float64{}}
			s.roles[row.Role] = images
		}
		if !slices.Contains(images.sets, row.Set) {
			images.sets = append(images.sets, row.Set)
		}
		images.images++
		for j, value := range row.Values {
			column := file.Columns[j]
			if !(math.Abs(value) <= largest) {
				return nil, fmt.Errorf("figure: %s, line %d, column %s: %v is not within \u00B1%v: %s",
					path, i+2, column, value, largest, again)
			}
			images.columns[column] = append(images.columns[column], value)
		}
	}
	return s, nil
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

// missing says in words which columns of the scores the file lacks.
func (s *scores) missing(what ...score) []string {
	var missing []string
	for _, w := range what {
		for _, column := range w.columns() {
			if !slices.Contains(s.columns, column) && !slices.Contains(missing, column) {
				missing = append(missing, column)
			}
		}
	}
	return allInWords(missing)
}

// values are the scores of the images of a role, which must be present, as its columns must. failed marks images for
// which a model gave no finite number: they have a place in an order, not on an axis.
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

// height is that of the peak.
func (d *density) height() float64 {
	_, height, _ := d.peak()
	return height
}

// readDensities returns one density a role, in the order of the file.
func readDensities(folder string) ([]*density, error) {
	rows, err := read[result.PixelDifference](folder)
	if err != nil {
		return nil, err
	}
	var densities []*density
	centres := map[*density][]float64{}
	for _, row := range rows {
		at := slices.IndexFunc(densities, func(d *density) bool { return d.role == row.Role })
		if at < 0 {
			at = len(densities)
			densities = append(densities, &density{role: row.Role, set: row.Set})
		}
		d := densities[at]
		centres[d] = append(centres[d], row.Centre)
		d.heights = append(d.heights, row.Density)
	}
	for _, d := range densities {
		if len(d.heights) < 2 {
			return nil, fmt.Errorf("figure: %s: role %s has a single bin: %s",
				filepath.Join(folder, result.FileOf[result.PixelDifference]()), d.role, again)
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
