package output

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"strata/pkg/detector"
)

// spill keeps results in a temporary file, and of each its score and its place there.
type spill struct {
	file   *os.File
	to     *bufio.Writer
	at     int64
	places []placed
}

type placed struct {
	score float64 // NaN where there is none
	at    int64
}

// row is a result as it is kept.
type row struct {
	Path, Err       string
	Score, PValue   float64
	Scores, PValues []float64
	Windows         int
	Notes           []string
}

// result is what was kept.
func (r row) result() detector.Result {
	kept := detector.Result{Path: r.Path, Score: r.Score, PValue: r.PValue, Scores: r.Scores, PValues: r.PValues, Windows: r.Windows,
		Notes: r.Notes}
	if r.Err != "" {
		kept.Err = errors.New(r.Err)
	}
	return kept
}

func newSpill() (*spill, error) {
	file, err := os.CreateTemp("", "strata-detect-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil { // it lives as long as it is open
		file.Close()
		return nil, err
	}
	return &spill{file: file, to: bufio.NewWriterSize(file, 1<<16)}, nil
}

func (s *spill) close() { s.file.Close() }

func (s *spill) len() int { return len(s.places) }

// add keeps a result.
func (s *spill) add(r detector.Result) error {
	kept := row{Path: r.Path, Score: r.Score, PValue: r.PValue, Scores: r.Scores, PValues: r.PValues, Windows: r.Windows, Notes: r.Notes}
	score := r.Score
	if r.Err != nil {
		kept.Err, score = r.Err.Error(), math.NaN()
	}
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(kept); err != nil {
		return err
	}
	s.places = append(s.places, placed{score, s.at})
	var length [4]byte
	for i := range length {
		length[i] = byte(text.Len() >> (8 * i))
	}
	n, err := s.to.Write(append(length[:], text.Bytes()...))
	s.at += int64(n)
	if err != nil {
		return fmt.Errorf("keeping results in %s: %w", os.TempDir(), err)
	}
	return nil
}

// errStop ends an each early.
var errStop = errors.New("enough")

// each gives all rows, most unusual first, those without a score last, and those alike in the order in which they came; i is the place
// in that order.
func (s *spill) each(do func(i int, r row) error) error {
	if err := s.to.Flush(); err != nil {
		return err
	}
	order := make([]int, len(s.places))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { // NaN comes last: it is less than all numbers
		return cmp.Compare(s.places[b].score, s.places[a].score)
	})
	for _, i := range order {
		r, err := s.read(s.places[i].at)
		if err != nil {
			return err
		}
		if err := do(i, r); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (s *spill) read(at int64) (r row, err error) {
	var length [4]byte
	if _, err := s.file.ReadAt(length[:], at); err != nil {
		return r, err
	}
	size := int64(length[0]) | int64(length[1])<<8 | int64(length[2])<<16 | int64(length[3])<<24
	return r, gob.NewDecoder(io.NewSectionReader(s.file, at+4, size)).Decode(&r)
}

// gallery keeps the views of the most unusual images.
type gallery struct {
	most  int
	views map[int]view // by the place at which the image came
	least float64
}

type view struct {
	score float64
	*detector.View
}

// shown is how many images a page shows.
const shown = 200

// shrunk is a heat map of at most detector.ViewSide a side, which is what a page shows: each value is the mean of those that lie there.
// That of a picture in tiles can take 64 MB.
func shrunk(h *detector.Heat) *detector.Heat {
	longer := max(h.Height, h.Width)
	if longer <= detector.ViewSide {
		return h
	}
	side := func(n int) int { return max(n*detector.ViewSide/longer, 1) }
	small := &detector.Heat{Height: side(h.Height), Width: side(h.Width)}
	for y := range small.Height {
		top, below := y*h.Height/small.Height, (y+1)*h.Height/small.Height
		for x := range small.Width {
			left, right := x*h.Width/small.Width, (x+1)*h.Width/small.Width
			sum := float32(0)
			for row := top; row < below; row++ {
				for _, v := range h.Values[row*h.Width+left : row*h.Width+right] {
					sum += v
				}
			}
			small.Values = append(small.Values, sum/float32((below-top)*(right-left)))
		}
	}
	return small
}

// wants says whether an image is among the most unusual so far.
func (g *gallery) wants(score float64) bool { return len(g.views) < g.most || score > g.least }

func (g *gallery) add(score float64, place int, v *detector.View) {
	if g.views == nil {
		g.views = map[int]view{}
	}
	g.views[place] = view{score, &detector.View{Picture: v.Picture, Heat: shrunk(v.Heat)}}
	if len(g.views) > g.most {
		worst := -1
		for i, other := range g.views {
			if worst < 0 || other.score < g.views[worst].score || other.score == g.views[worst].score && i > worst {
				worst = i
			}
		}
		delete(g.views, worst)
	}
	g.least = math.Inf(1)
	for _, other := range g.views {
		g.least = min(g.least, other.score)
	}
}
