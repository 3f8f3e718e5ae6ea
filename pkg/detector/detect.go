package detector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"strata/pkg/conformal"
	"strata/pkg/detector/measure"
	"strata/pkg/imageset/intake"
)

// Options are how images are judged. The zero value is 1 % of false alarms.
type Options struct {
	// Rate is what share of good images may be called unusual; 0 is DefaultRate. It cannot be below 1/(n+1) with n held-out images.
	Rate float64
	// FalseDiscoveries makes Rate the share of good ones among the images that are called so, over the batch (Benjamini and Hochberg).
	FalseDiscoveries bool
	// Limits bound files and pictures; zero is intake.DefaultLimits.
	Limits intake.Limits
	// Look, if not nil, is asked with an image's score whether Result.View is wanted.
	Look func(score float64) bool
	// Progress, if not nil, hears after each batch of windows and in the end how many images are done: 0 where they have more windows.
	Progress func(done int)
	// Images is about how many there will be, where that is known.
	Images int
}

func (o Options) withDefaults() Options {
	o.Rate = cmp.Or(o.Rate, DefaultRate)
	if o.Limits == (intake.Limits{}) {
		o.Limits = intake.DefaultLimits
	}
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
	return o
}

// Result is what is found of one image.
type Result struct {
	Path string
	// Err says why the file could not be read; all else is empty then.
	Err error
	// Score is the combined one, higher for more unusual: 2 is as rare as one in a hundred under a single score. PValue is how rare
	// among good images, and Anomalous whether it is called unusual; with Options.FalseDiscoveries that is known at the end only,
	// where PValue is at most Summary.Threshold.
	Score, PValue float64
	Anomalous     bool
	// Scores are those of Detector.Scores, higher for more in-distribution, and PValues theirs alone. They can be infinite.
	Scores, PValues []float64
	// Windows is how many the image was cut into, 1 without tiles.
	Windows int
	// Notes say what was done to the picture that can matter.
	Notes []string
	// View is there where Options.Look wanted it.
	View *View
}

// View is what of an image can be shown.
type View struct {
	// Picture is small, at most ViewSide a side, and Heat over what the networks saw of it.
	Picture *intake.Picture
	Heat    *Heat
}

// ViewSide is the longer side of a View's picture, in pixels.
const ViewSide = 128

// Summary is what is found of all images.
type Summary struct {
	// Images were scored, and Unreadable were not.
	Images     int `json:"images"`
	Unreadable int `json:"unreadable"`
	Anomalous  int `json:"anomalous"`
	// Rate is what was asked for, and Threshold the largest p-value that is called unusual.
	Rate             float64 `json:"rate"`
	FalseDiscoveries bool    `json:"false_discoveries"`
	Threshold        float64 `json:"threshold"`
	// Expect is what share of good images is called unusual; without meaning for FalseDiscoveries.
	Expect conformal.Alarms `json:"expect"`
	// Batch is the p-value of all images as one group by the likelihood of the own network (conformal.Group): a batch can be unusual
	// of which no image is. It is NaN without images.
	Batch float64 `json:"-"`
	// Warnings are for people.
	Warnings []string `json:"warnings,omitempty"`
}

// Detect judges all pictures of folders, zips and files, most unusual first, those that cannot be read last. It holds all results
// in memory, some hundred bytes an image: Stream does not.
func (d *Detector) Detect(ctx context.Context, o Options, paths ...string) ([]Result, Summary, error) {
	if o.Images == 0 {
		const enough = 20_000 // for any backend
		o.Images = intake.Count(enough, paths...)
	}
	walk := intake.Open(paths...)
	defer walk.Close()
	var results []Result
	summary, err := d.Stream(ctx, walk.Files, o, func(r Result) error {
		results = append(results, r)
		return nil
	})
	if err != nil {
		return nil, summary, err
	}
	for i := range results {
		results[i].Anomalous = results[i].Err == nil && results[i].PValue <= summary.Threshold
	}
	slices.SortStableFunc(results, Order)
	return results, summary, nil
}

// Order sorts results: most unusual first, those without a score last, and those alike by path.
func Order(a, b Result) int {
	if (a.Err == nil) != (b.Err == nil) {
		if a.Err == nil {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Path, b.Path))
}

// Stream judges files one after the other and hands each result on, in their order, in memory that does not grow with their number.
// A file that cannot be read is a result with Err. An error of each, or the end of ctx, stops it.
func (d *Detector) Stream(ctx context.Context, files iter.Seq[intake.File], o Options, each func(Result) error) (Summary, error) {
	o = o.withDefaults()
	return d.Judge(ctx, d.Preparation().read(ctx, files, o.Limits, o.Look != nil), o, each)
}

// Judge is Stream of pictures that were read and prepared already: their Views have no Picture.
func (d *Detector) Judge(ctx context.Context, prepared iter.Seq[Prepared], o Options, each func(Result) error) (Summary, error) {
	o = o.withDefaults()
	f := d.state()
	c := f.calibration
	if c == nil {
		return Summary{}, errors.New("detector: it is not calibrated")
	}
	summary := Summary{Rate: o.Rate, FalseDiscoveries: o.FalseDiscoveries, Batch: math.NaN()}
	n := f.manifest.HeldOut
	if o.FalseDiscoveries {
		if !(o.Rate > 0 && o.Rate < 1) {
			return summary, fmt.Errorf("a false-discovery rate of %g: expected one between 0 and 1, as 0.1", o.Rate)
		}
	} else {
		if err := conformal.CheckRate(o.Rate, n); err != nil {
			return summary, err
		}
		summary.Expect = conformal.Expect(o.Rate, n)
		summary.Threshold = math.Floor(o.Rate*float64(n+1)+1e-9) / float64(n+1)
	}
	nets, done, err := d.use(o.Images)
	if err != nil {
		return summary, err
	}
	defer done()
	counts := conformal.NewCounts(n)
	likelihoods := 0.0
	batched := func() { o.Progress(summary.Images + summary.Unreadable) }
	err = f.score(ctx, nets, prepared, o.Look, nil, batched, func(s scored) error {
		r := Result{Path: s.File.Name, Err: s.Err}
		if s.Err != nil {
			summary.Unreadable++
			return each(r)
		}
		summary.Images++
		r.Scores, r.Windows, r.Notes, r.View = s.values, len(s.Windows.Corners), s.Windows.Notes, s.view
		for j, v := range s.values {
			r.PValues = append(r.PValues, c.single[j].P(-v))
		}
		r.Score, r.PValue = s.score, s.p
		counts.Add(r.PValue)
		likelihoods += s.values[c.likelihood]
		if !o.FalseDiscoveries && r.PValue <= summary.Threshold {
			r.Anomalous = true
			summary.Anomalous++
		}
		return each(r)
	})
	if err != nil {
		return summary, err
	}
	if o.FalseDiscoveries {
		summary.Threshold = counts.BenjaminiHochberg(o.Rate)
		summary.Anomalous = counts.UpTo(summary.Threshold)
		if least := 1 / float64(n+1); summary.Threshold == 0 && summary.Images > 0 && least > o.Rate/float64(summary.Images) {
			summary.Warnings = append(summary.Warnings, fmt.Sprintf("p-values begin at %.2g with %d held-out images: of %d images "+
				"at least %d must be that unusual before one is called so at a false-discovery rate of %g; a false-alarm rate, or "+
				"more held-out images, see more",
				least, n, summary.Images, int(math.Ceil(least*float64(summary.Images)/o.Rate)), o.Rate))
		}
	}
	if summary.Images > 0 {
		summary.Batch = conformal.Group(likelihoods/float64(summary.Images), summary.Images, c.mean, c.std, n)
	}
	return summary, nil
}

// scored is one that has arrived.
type scored struct {
	Prepared
	values     []float64
	likelihood float64 // mean ln p(x) of the windows under the own network
	score, p   float64
	view       *View
}

// scoreAll scores good images, by what is known of them so far.
func scoreAll(ctx context.Context, nets *measure.Networks, m Manifest, all iter.Seq[Windows], heat func([]float32),
	progress func(done int)) ([]scored, error) {
	var results []scored
	items := func(yield func(Prepared) bool) {
		for w := range all {
			if !yield(Prepared{Windows: w}) {
				return
			}
		}
	}
	batched := func() { progress(len(results)) }
	err := fitted{manifest: m}.score(ctx, nets, items, nil, heat, batched, func(s scored) error {
		results = append(results, s)
		return nil
	})
	return results, err
}

// underWay is an image of which some windows are not scored yet.
type underWay struct {
	scored
	left int
	heat [][]float32 // of its windows, nil where it is not wanted
}

// score is the one way from pictures to scores: it fills batches with the windows of as many images as it takes. heat, if
// not nil, hears the heat of every window; batched is called after each batch, and in the end.
func (f fitted) score(ctx context.Context, nets *measure.Networks, items iter.Seq[Prepared], look func(float64) bool,
	heat func([]float32), batched func(), each func(scored) error) error {
	of := measure.Of{Scores: f.manifest.scores(), Typical: f.manifest.TypicalLikelihood}
	var waiting []*underWay
	type place struct {
		of     *underWay
		window int
	}
	var batch []place
	var pixels []uint8
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(batch) > 0 {
			of.Heat = slices.ContainsFunc(batch, func(p place) bool { return p.of.heat != nil })
			values, err := nets.Measure(pixels, len(batch), of)
			if err != nil {
				return fmt.Errorf("detector: scoring %s and on: %w", batch[0].of.File.Name, err)
			}
			for i, p := range batch {
				p.of.left--
				p.of.likelihood += values[i].LogLikelihood / float64(len(p.of.Windows.Corners))
				p.of.take(values[i].Scores)
				if p.of.heat != nil {
					p.of.heat[p.window] = values[i].Heat
				}
			}
			batch, pixels = batch[:0], pixels[:0]
		}
		for len(waiting) > 0 && waiting[0].left == 0 {
			w := waiting[0]
			waiting[0], waiting = nil, waiting[1:] // in tiles it is megabytes
			if w.Err == nil {
				f.calibration.finish(w, look, heat)
			}
			if err := each(w.scored); err != nil {
				return err
			}
		}
		return nil
	}
	for it := range items {
		w := &underWay{scored: scored{Prepared: it}, left: len(it.Windows.Corners)}
		if w.left > 0 && (it.Look || look != nil || heat != nil) {
			w.heat = make([][]float32, w.left)
		}
		waiting = append(waiting, w)
		for window := range w.left {
			size := len(it.Windows.Pixels) / len(it.Windows.Corners)
			batch = append(batch, place{w, window})
			pixels = append(pixels, it.Windows.Pixels[window*size:(window+1)*size]...)
			if len(batch) == nets.Batch {
				if err := flush(); err != nil {
					return err
				}
				batched()
			}
		}
		if len(batch) == 0 { // a file that cannot be read waits for nobody
			if err := flush(); err != nil {
				return err
			}
		}
	}
	err := ctx.Err()
	if err == nil {
		err = flush()
	}
	if err == nil {
		batched()
	}
	return err
}

// take keeps the most unusual window's value, score by score.
func (s *scored) take(values []float64) {
	if s.values == nil {
		s.values = values
		return
	}
	for j, v := range values {
		if math.IsNaN(v) || v < s.values[j] {
			s.values[j] = v
		}
	}
}

// finish makes of an image's scores what is compared with the held-out ones, if there are some.
func (c *calibration) finish(w *underWay, look func(float64) bool, heat func([]float32)) {
	if heat != nil {
		for _, h := range w.heat {
			heat(h)
		}
	}
	if c == nil {
		return
	}
	w.score, w.p = c.combination.Score(c.unusual(w.values))
	if w.heat != nil && (w.Look || look != nil && look(w.score)) {
		w.view = &View{Picture: w.small, Heat: c.heat.Stitch(w.Windows.Height, w.Windows.Width, w.Windows.Corners, w.heat)}
	}
}
