package score

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"

	"strata/pkg/imageset"
)

// Baseline is a number of an image that no model is needed for. Where it tells two sets apart as well as a score does, the score
// may owe it to that, not to what the sets show.
type Baseline struct {
	Name string
	// Of gives one number an image. Sizes and variation are negated, so that higher is simpler, as for a likelihood.
	Of func(set *imageset.Set) ([]float64, error)
}

// Baselines are the trivial ones that stand beside every score.
func Baselines() []Baseline {
	return []Baseline{{"brightness", Brightness}, {"png_size", pngSize}, {"jpeg_size", jpegSize}, {"total_variation", totalVariation}}
}

// BaselineNames are those of the Baselines.
func BaselineNames() []string {
	var names []string
	for _, b := range Baselines() {
		names = append(names, b.Name)
	}
	return names
}

// PNGColumn is the column of images' sizes as PNG, bytes (see PNGBytes): a part of scores.
const PNGColumn = "png_bytes"

// OfImages is what is known of images without a model: PNGColumn, or a baseline by its name.
func OfImages(set *imageset.Set, name string) ([]float64, error) {
	if name == PNGColumn {
		return pngBytes(set)
	}
	for _, b := range Baselines() {
		if b.Name == name {
			return b.Of(set)
		}
	}
	return nil, fmt.Errorf("nothing is known of images under the name %q", name)
}

// Brightness is the mean level of an image's pixels, 0 to 255.
func Brightness(set *imageset.Set) ([]float64, error) {
	values := make([]float64, set.Len())
	for i := range values {
		sum := 0
		for _, p := range set.Image(i) {
			sum += int(p)
		}
		values[i] = float64(sum) / float64(set.ImageSize())
	}
	return values, nil
}

// TotalVariation is the mean absolute difference of horizontal and vertical neighbours, in levels.
func TotalVariation(set *imageset.Set) []float64 {
	values := make([]float64, set.Len())
	row, pairs := set.Width*set.Channels, (set.Height*(set.Width-1)+(set.Height-1)*set.Width)*set.Channels
	for i := range values {
		pixels, sum := set.Image(i), 0.0
		for at, p := range pixels {
			if at%row >= set.Channels {
				sum += math.Abs(float64(p) - float64(pixels[at-set.Channels]))
			}
			if at >= row {
				sum += math.Abs(float64(p) - float64(pixels[at-row]))
			}
		}
		values[i] = sum / float64(max(1, pairs))
	}
	return values
}

func totalVariation(set *imageset.Set) ([]float64, error) { return negated(TotalVariation(set)), nil }

func negated(values []float64) []float64 {
	for i := range values {
		values[i] = -values[i]
	}
	return values
}

func pngBytes(set *imageset.Set) ([]float64, error) {
	sizes, err := PNGBytesOf(set)
	values := make([]float64, len(sizes))
	for i, size := range sizes {
		values[i] = float64(size)
	}
	return values, err
}

func pngSize(set *imageset.Set) ([]float64, error) {
	sizes, err := pngBytes(set)
	return negated(sizes), err
}

// jpegQuality is that of image/jpeg's size; any will do that is one for all sets.
const jpegQuality = 75

// jpegSize is minus the bytes of the image as JPEG of quality 75.
func jpegSize(set *imageset.Set) ([]float64, error) {
	values := make([]float64, set.Len())
	bounds := image.Rect(0, 0, set.Width, set.Height)
	colour, grey := image.NewRGBA(bounds), image.NewGray(bounds)
	for i := range values {
		pixels := set.Image(i)
		var picture image.Image = grey
		if set.Channels == 1 {
			copy(grey.Pix, pixels)
		} else {
			picture = colour
			for p := range set.Width * set.Height {
				copy(colour.Pix[4*p:4*p+3], pixels[3*p:3*p+3])
				colour.Pix[4*p+3] = 255
			}
		}
		var text bytes.Buffer
		if err := jpeg.Encode(&text, picture, &jpeg.Options{Quality: jpegQuality}); err != nil {
			return nil, fmt.Errorf("score: JPEG of %s/%s image %d: %w", set.Name, set.Split, i, err)
		}
		values[i] = -float64(text.Len())
	}
	return values, nil
}
