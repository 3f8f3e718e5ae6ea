package score

import (
	"fmt"
	"image"
	"image/png"
	"math"
	"runtime"
	"sync"

	"strata/pkg/imageset"
)

// PNGBytes is the size in bytes of one image as a PNG file, headers included: the complexity of Serra et al. (digest §6.1).
// image is row by row, channels last, with 1 channel (grey) or 3 (RGB), 8 bits each.
//
// It is the compressed size under Go's image/png at its best compression (deflate level 9). The paper's numbers come from OpenCV and
// libpng, which choose row filters and matches differently, so sizes differ by a few bytes an image: compare ranks, not
// bytes. The fixed overhead of a file is the same for every image of a shape and drops out of every comparison.
//
// An image that is not height x width x channels bytes, and another number of channels, are errors.
func PNGBytes(image []uint8, height, width, channels int) (int, error) {
	return newPNGSizer().size(image, height, width, channels)
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
			sizer := newPNGSizer()
			for i := w; i < len(sizes); i += workers {
				size, err := sizer.size(set.Image(i), set.Height, set.Width, set.Channels)
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

// pngSizer keeps the encoder's buffers from one image to the next; without, each image costs a fresh deflate state of a megabyte.
type pngSizer struct {
	encoder png.Encoder
	buffer  *png.EncoderBuffer
	rgb     *image.RGBA
}

func newPNGSizer() *pngSizer {
	s := &pngSizer{}
	s.encoder = png.Encoder{CompressionLevel: png.BestCompression, BufferPool: s}
	return s
}

// Get and Put make the sizer the encoder's buffer pool, of one buffer.
func (s *pngSizer) Get() *png.EncoderBuffer       { return s.buffer }
func (s *pngSizer) Put(buffer *png.EncoderBuffer) { s.buffer = buffer }

func (s *pngSizer) size(pixels []uint8, height, width, channels int) (int, error) {
	if err := checkPNGShape(height, width, channels); err != nil {
		return 0, err
	}
	if len(pixels) != height*width*channels {
		return 0, fmt.Errorf("score: %d bytes are no %dx%dx%d image", len(pixels), height, width, channels)
	}
	bounds := image.Rect(0, 0, width, height)
	var picture image.Image
	if channels == 1 {
		picture = &image.Gray{Pix: pixels, Stride: width, Rect: bounds}
	} else {
		if s.rgb == nil || s.rgb.Rect != bounds {
			s.rgb = image.NewRGBA(bounds)
		}
		for p := range height * width {
			s.rgb.Pix[4*p], s.rgb.Pix[4*p+1], s.rgb.Pix[4*p+2] = pixels[3*p], pixels[3*p+1], pixels[3*p+2]
			s.rgb.Pix[4*p+3] = 255 // opaque everywhere: stored as RGB without alpha
		}
		picture = s.rgb
	}
	var size byteCounter
	if err := s.encoder.Encode(&size, picture); err != nil {
		return 0, fmt.Errorf("score: PNG of a %dx%dx%d image: %w", height, width, channels, err)
	}
	return int(size), nil
}

func checkPNGShape(height, width, channels int) error {
	if height < 1 || width < 1 || channels != 1 && channels != 3 {
		return fmt.Errorf("score: no PNG of %dx%dx%d: it takes at least one pixel and 1 channel (grey) or 3 (RGB)", height, width, channels)
	}
	return nil
}

// byteCounter counts what is written to it.
type byteCounter int

func (c *byteCounter) Write(p []byte) (int, error) {
	*c += byteCounter(len(p))
	return len(p), nil
}
