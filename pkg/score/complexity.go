package score

import (
	"fmt"
	"math"
	"runtime"
	"sync"

	"strata/internal/zlib"
	"strata/pkg/imageset"
)

// PNGBytes is the size in bytes of one image as a PNG file, headers included: the complexity of Serra et al. (digest §6.1).
// image is row by row, channels last, with 1 channel (grey) or 3 (RGB), 8 bits each.
//
// It is the size under the reference's encoder, OpenCV with libpng and zlib at level 9, to the byte for images of up to
// 32 KiB: the row filter is the one with the least sum of absolute values, and internal/zlib counts what zlib makes of
// the rows. The channels stay in the order of image:
// the reference hands OpenCV, which expects BGR, an RGB array, so that its files hold red and blue exchanged (a few bytes of difference);
// what is measured here is the file of the image as it is.
//
// An image that is not height x width x channels bytes, and another number of channels, are errors.
func PNGBytes(image []uint8, height, width, channels int) (int, error) {
	return fileSize(image, height, width, channels)
}

// PNGBytesOf is [PNGBytes] of every image of a set, on all processors.
func PNGBytesOf(set *imageset.Set) ([]int, error) {
	if set == nil {
		return nil, fmt.Errorf("score: there are no images to compress")
	}
	if err := set.Validate(); err != nil {
		return nil, fmt.Errorf("score: %w", err)
	}
	sizes := make([]int, set.Len())
	workers := min(runtime.GOMAXPROCS(0), len(sizes))
	failures := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(sizes); i += workers {
				size, err := fileSize(set.Image(i), set.Height, set.Width, set.Channels)
				if err != nil {
					failures[w] = fmt.Errorf("%s/%s image %d: %w", set.Name, set.Split, i, err)
					return
				}
				sizes[i] = size
			}
		})
	}
	wait.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

// ComplexityRatio is the log-ratio of a model to PNG as the general model, in nats, higher for in-distribution (digest §6.1):
//
//	S = log p_in + 8 · bytes · ln 2
//
// Units. A code of 8·bytes bits stands for a probability 2^(-8·bytes) of the 8-bit image, that is -8·bytes·ln 2 nats.
// logLikelihoods are nats of a density on the [-1/2, 1/2) scale; the probability of the 8-bit image is that density times its bin,
// (1/256)^D, so D ln 256 nats less. The difference of the two log-probabilities is therefore S - D ln 256; the constant is the same
// for all images of a shape and is left out. Nats meet nats: a likelihood in bits, or a mean over dimensions, would weigh one
// side wrongly.
//
// Lists of different lengths, and a log-likelihood that is not finite (digest §6: replaced before differences are taken), are
// errors.
func ComplexityRatio(logLikelihoods []float64, pngBytes []int) ([]float64, error) {
	if len(logLikelihoods) != len(pngBytes) {
		return nil, fmt.Errorf("score: %d log-likelihoods and %d PNG sizes: the ratio needs both of every image",
			len(logLikelihoods), len(pngBytes))
	}
	ratios := make([]float64, len(pngBytes))
	for i, logLikelihood := range logLikelihoods {
		if math.IsNaN(logLikelihood) || math.IsInf(logLikelihood, 0) {
			return nil, fmt.Errorf("score: log-likelihood %d is %v: replace non-finite values before taking ratios", i, logLikelihood)
		}
		ratios[i] = logLikelihood + 8*float64(pngBytes[i])*math.Ln2
	}
	return ratios, nil
}

// fileSize is the size of a PNG file: signature 8, header 25, data in chunks of at most 8 KiB with 12 bytes around each, end 12.
func fileSize(pixels []uint8, height, width, channels int) (int, error) {
	if err := checkPNGShape(height, width, channels); err != nil {
		return 0, err
	}
	if len(pixels) != height*width*channels {
		return 0, fmt.Errorf("score: %d bytes are no %dx%dx%d image", len(pixels), height, width, channels)
	}
	const signature, header, chunk, end, most = 8, 25, 12, 12, 8192
	data := zlib.Size(filterRows(pixels, width*channels, channels))
	return signature + header + (data+most-1)/most*chunk + data + end, nil
}

// filterRows is what of an image is compressed: of each row the filter's number and its values less what the filter predicts from the
// pixels to the left and above. Of the five filters libpng takes the one with the least sum of values, taken as signed bytes, and the
// first one of equals. An image of one row or one column does without the filters that look along the other axis.
func filterRows(pixels []uint8, stride, channels int) []byte {
	filtered := make([]byte, 0, len(pixels)+len(pixels)/stride)
	above := make([]uint8, stride)
	wide, high := stride > channels, len(pixels) > stride
	usable := [5]bool{true, wide, high, wide && high, wide && high}
	var rows [5][]uint8
	for f := range rows {
		rows[f] = make([]uint8, stride)
	}
	for ; len(pixels) > 0; pixels = pixels[stride:] {
		row := pixels[:stride]
		var sums [len(rows)]int
		for i, v := range row {
			var left, corner uint8
			if i >= channels {
				left, corner = row[i-channels], above[i-channels]
			}
			up := above[i]
			for f, predicted := range [len(rows)]uint8{0, left, up, uint8((int(left) + int(up)) / 2), paeth(left, up, corner)} {
				rows[f][i] = v - predicted
				sums[f] += abs(int(int8(v - predicted)))
			}
		}
		best := 0
		for f, sum := range sums {
			if usable[f] && sum < sums[best] {
				best = f
			}
		}
		filtered = append(append(filtered, byte(best)), rows[best]...)
		above = row
	}
	return filtered
}

// paeth is PNG's predictor of that name: of left, up and corner the one next to left + up - corner.
func paeth(left, up, corner uint8) uint8 {
	toLeft, toUp := abs(int(up)-int(corner)), abs(int(left)-int(corner))
	toCorner := abs(int(left) + int(up) - 2*int(corner))
	switch {
	case toLeft <= toUp && toLeft <= toCorner:
		return left
	case toUp <= toCorner:
		return up
	}
	return corner
}

func abs(v int) int { return max(v, -v) }

func checkPNGShape(height, width, channels int) error {
	if height < 1 || width < 1 || channels != 1 && channels != 3 {
		return fmt.Errorf("score: no PNG of %dx%dx%d: it takes at least one pixel and 1 channel (grey) or 3 (RGB)", height, width, channels)
	}
	return nil
}
