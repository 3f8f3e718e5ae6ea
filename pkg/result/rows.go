package result

import (
	"fmt"
	"math"
	"time"
)

// Correlation is how alike two columns of a score file rank the images of some roles: a row of correlations.csv, with
// 95 % bootstrap intervals.
type Correlation struct {
	// About is what the paper compares: "pixel differences", "network types" or "training sets".
	About string `csv:"about"`
	// A and B are columns as the score files have them, NAME, NAME/c3 or pseudo_ROLE; Over are roles, with spaces
	// between.
	A            string  `csv:"a"`
	B            string  `csv:"b"`
	Over         string  `csv:"over"`
	Spearman     float64 `csv:"spearman"`
	SpearmanLow  float64 `csv:"spearman_low"`
	SpearmanHigh float64 `csv:"spearman_high"`
	Pearson      float64 `csv:"pearson"`
	PearsonLow   float64 `csv:"pearson_low"`
	PearsonHigh  float64 `csv:"pearson_high"`
	Images       int     `csv:"images"`
}

// FileName implements Row.
func (Correlation) FileName() string { return "correlations.csv" }

// check: a correlation lies within -1 and 1.
func (Correlation) check(rows []Correlation) *problem {
	for i, r := range rows {
		for _, v := range []struct {
			column string
			value  float64
		}{{"spearman", r.Spearman}, {"spearman_low", r.SpearmanLow}, {"spearman_high", r.SpearmanHigh},
			{"pearson", r.Pearson}, {"pearson_low", r.PearsonLow}, {"pearson_high", r.PearsonHigh}} {
			if !(math.Abs(v.value) <= 1) {
				return &problem{i, v.column, fmt.Sprintf("%v is not within -1..1", v.value)}
			}
		}
	}
	return nil
}

// What a CurvePoint's Metric can be.
const (
	BitsPerDim = "bits_per_dim" // on the run's own set
	AUROCRatio = "auroc_ratio"  // percent, of the ratio to the general Glow; Role is that of the outliers, or "mean"
)

// CurvePoint is what was seen of a run while it was trained: a row of curves.csv, with its 95 % interval over images.
type CurvePoint struct {
	Configuration string  `csv:"configuration"`
	Seed          uint64  `csv:"seed"`
	Step          int     `csv:"step"`
	Epoch         float64 `csv:"epoch"`
	Metric        string  `csv:"metric"`
	Role          string  `csv:"role"`
	Value         float64 `csv:"value"`
	Low           float64 `csv:"low"`
	High          float64 `csv:"high"`
	Images        int     `csv:"images"`
}

// FileName implements Row.
func (CurvePoint) FileName() string { return "curves.csv" }

// check: a run is looked at after its start, once at each step, and an AUROC is a percentage.
func (CurvePoint) check(rows []CurvePoint) *problem {
	seen := map[CurvePoint]bool{}
	for i, r := range rows {
		place := r // what makes it one of its kind
		place.Step, place.Value, place.Low, place.High, place.Images = 0, 0, 0, 0, 0
		switch {
		case !(r.Epoch > 0 && r.Epoch <= largest):
			return &problem{i, "epoch", fmt.Sprintf("%v is not above 0", r.Epoch)}
		case r.Metric == AUROCRatio && !(r.Value >= 0 && r.Value <= 100):
			return &problem{i, "value", fmt.Sprintf("%v is not within 0..100 percent", r.Value)}
		case !(math.Abs(r.Value) <= largest):
			return &problem{i, "value", fmt.Sprintf("%v is not within \u00B1%v", r.Value, largest)}
		case seen[place]:
			return &problem{i, "epoch", fmt.Sprintf("%v has a value already", r.Epoch)}
		}
		seen[place] = true
	}
	return nil
}

// largest is far beyond every number of a result, and small enough that no difference or width of an axis overflows.
const largest = 1e100

// PixelDifference is a bin of the density of pixel differences of the training images of a role: a row of
// pixel_differences.csv.
type PixelDifference struct {
	Role string `csv:"role"`
	Set  string `csv:"set"`
	// Centre of the bin in grey levels, Density per level.
	Centre  float64 `csv:"centre"`
	Density float64 `csv:"density"`
}

// FileName implements Row.
func (PixelDifference) FileName() string { return "pixel_differences.csv" }

// check: a role has one density, whose bins ascend.
func (PixelDifference) check(rows []PixelDifference) *problem {
	last := map[string]PixelDifference{}
	for i, r := range rows {
		before, ok := last[r.Role]
		switch {
		case !(math.Abs(r.Centre) <= largest):
			return &problem{i, "centre", fmt.Sprintf("%v is not within \u00B1%v", r.Centre, largest)}
		case !(r.Density >= 0 && r.Density <= largest):
			return &problem{i, "density", fmt.Sprintf("%v is not 0 or more", r.Density)}
		case ok && r.Set != before.Set:
			return &problem{i, "set", fmt.Sprintf("%q after %q: a role has one density", r.Set, before.Set)}
		case ok && r.Centre <= before.Centre:
			return &problem{i, "centre", fmt.Sprintf("%v after %v: bins ascend", r.Centre, before.Centre)}
		}
		last[r.Role] = r
	}
	return nil
}

// What a KernelValue's Metric can be.
const (
	LumaStep      = "luma_step"      // mean absolute difference of neighbouring pixels' luma, levels
	LumaLaplacian = "luma_laplacian" // that of the 4-neighbour Laplacian, over LumaStep
	LumaPower     = "luma_power"     // mean power around Frequency, dB
	ChromaPower   = "chroma_power"   // the same of chroma
	AUROCRaw      = "auroc_raw"      // percent, of the log-likelihood of the Glow of in; also AUROCRatio
)

// KernelValue is of a set that was made small by a kernel, or held against those that were: a row of kernel.csv
// (docs/kernel.md), with a 95 % interval over images, or over seeds where there are several.
type KernelValue struct {
	Metric string `csv:"metric"`
	// Kernel is that of the general set which the row is about, "bilinear" or "bilinear, chroma bicubic": of which the
	// luma is, or to whose Glow the ratio. "" where it is about none.
	Kernel string `csv:"kernel"`
	// Role and Set are those whose luma it is, or of the outliers of an AUROC.
	Role string `csv:"role"`
	Set  string `csv:"set"`
	// Frequency is the middle of a ring of LumaPower and ChromaPower, in cycles an image of 32 pixels.
	Frequency float64 `csv:"frequency"`
	Value     float64 `csv:"value"`
	Low       float64 `csv:"low"`
	High      float64 `csv:"high"`
	Images    int     `csv:"images"`
	Seeds     int     `csv:"seeds,omitempty"`
}

// FileName implements Row.
func (KernelValue) FileName() string { return "kernel.csv" }

// check: a value is there once, an AUROC is a percentage, and a power has its frequency.
func (KernelValue) check(rows []KernelValue) *problem {
	seen := map[[4]string]bool{}
	for i, r := range rows {
		place := [4]string{r.Metric, r.Kernel, r.Role, fmt.Sprint(r.Frequency)}
		switch {
		case (r.Metric == AUROCRaw || r.Metric == AUROCRatio) && !(r.Value >= 0 && r.Value <= 100):
			return &problem{i, "value", fmt.Sprintf("%v is not within 0..100 percent", r.Value)}
		case !(math.Abs(r.Value) <= largest):
			return &problem{i, "value", fmt.Sprintf("%v is not within \u00B1%v", r.Value, largest)}
		case (r.Metric == LumaPower || r.Metric == ChromaPower) && !(r.Frequency > 0 && r.Frequency <= largest):
			return &problem{i, "frequency", fmt.Sprintf("%v is not above 0", r.Frequency)}
		case seen[place]:
			return &problem{i, "metric", fmt.Sprintf("%s of %s has a value already", r.Metric, r.Role)}
		}
		seen[place] = true
	}
	return nil
}

// Run is where the numbers of a configuration and seed come from, or why there are none: a row of runs.csv. Where
// Problem says why, only Configuration, Seed and Unstated are known besides.
type Run struct {
	Configuration string  `csv:"configuration"`
	Seed          uint64  `csv:"seed"`
	ID            string  `csv:"id"`
	Network       string  `csv:"network"`
	Set           string  `csv:"set"`
	SetHash       string  `csv:"set_hash"`
	TrainImages   int     `csv:"train_images,omitempty"`
	Steps         int     `csv:"steps,omitempty"`
	Batch         int     `csv:"batch,omitempty"`
	Rate          float64 `csv:"rate"`
	Loss          string  `csv:"loss"`
	// Outliers is a set; General and Parent are runs.
	Outliers string `csv:"outliers"`
	General  string `csv:"general"`
	Parent   string `csv:"parent"`
	// LastValue is the mean of the last steps: bits/dim, or a classifier's cross-entropy in nats.
	LastValue float64 `csv:"last_value"`
	// Dropped images and Skipped updates were not finite in training, Replaced log-likelihoods in scoring.
	Dropped     int       `csv:"dropped_images"`
	Skipped     int       `csv:"skipped_updates"`
	Replaced    int       `csv:"replaced_log_likelihoods"`
	Backend     string    `csv:"backend"`
	Lowering    string    `csv:"lowering"`
	Toolchain   string    `csv:"toolchain"`
	CodeVersion int       `csv:"code_version,omitempty"`
	Seconds     int       `csv:"seconds"`
	Finished    time.Time `csv:"finished"` // to the minute, UTC
	// StandsFor is the paper's set that Set stands for; Unstated is what the paper leaves open and what was chosen.
	StandsFor string `csv:"stands_for"`
	Unstated  string `csv:"unstated"`
	Problem   string `csv:"problem"`
	Precision string `csv:"precision"`
}

// FileName implements Row.
func (Run) FileName() string { return "runs.csv" }

// Subset is a part of a split that was trained on or evaluated: a row of subsets.csv.
type Subset struct {
	Set   string `csv:"set"`
	Split string `csv:"split"`
	// Images of the part, Of how many of the split.
	Images int `csv:"images"`
	Of     int `csv:"of"`
	// SHA256 is of shape, pixels and labels; History is codec and resizing; Recipe says how the set is made, Seed which
	// images were chosen.
	SHA256  string `csv:"sha256"`
	History string `csv:"history"`
	Recipe  string `csv:"recipe"`
	Seed    uint64 `csv:"seed"`
	// List is the file of the images' places, below the folder, "" where they are all of the split or too many; Places
	// says whether a place counts in the split or in the files that the split was chosen from.
	List   string `csv:"list"`
	Places string `csv:"places"`
}

// FileName implements Row.
func (Subset) FileName() string { return "subsets.csv" }
