package density_test

import (
	"math"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T) compute.Backend {
	t.Helper()
	opened, err := backend.Choose(backend.Small).Open()
	require.NoError(t, err)
	t.Cleanup(opened.Finalize)
	return opened
}

// The uniform density on [-1/2, 1/2) has ln p = 0, and costs 8 bits a dimension on 256 levels: exactly.
func TestBitsPerDim(t *testing.T) {
	for _, dims := range []int{1, 1024, 3072} {
		require.Equal(t, 8.0, density.BitsPerDim(0, dims))
		require.Equal(t, 0.0, density.LogLikelihoodOfBits(8, dims))
	}
	// A density of 2 a dimension saves one bit.
	require.InDelta(t, 7, density.BitsPerDim(3072*math.Ln2, 3072), 1e-12)
	for _, logLikelihood := range []float64{-2e5, -1, 9.9e3} {
		bits := density.BitsPerDim(logLikelihood, 3072)
		require.InDelta(t, logLikelihood, density.LogLikelihoodOfBits(bits, 3072), 1e-9)
	}
	// Digest §1: a CIFAR10 image of 3.36 bits/dim has about +9.9e3 nats.
	require.InDelta(t, 9.9e3, density.LogLikelihoodOfBits(3.36, 3072), 50)
}

// Digest §1: D ln 256 is 17034.79 for RGB and 5678.26 for grey. float32 holds 17034.79 to 1e-3.
func TestNLL(t *testing.T) {
	for _, c := range []struct {
		dims int
		want float64
	}{{3072, 17034.79}, {1024, 5678.26}} {
		out, err := CallOnce(open(t), func(x *Node) *Node { return density.NLL(x, c.dims) }, []float32{0, 1000, -500})
		require.NoError(t, err)
		nll := tensors.MustCopyFlatData[float32](out)
		for i, logLikelihood := range []float64{0, 1000, -500} {
			require.InDelta(t, c.want-logLikelihood, nll[i], 0.006)
		}
	}
}

// Every pixel value k with noise u becomes k/256 - 1/2 + u/256 exactly, and the axes are those of the model.
func TestFromPixels(t *testing.T) {
	for _, u := range []float32{0, density.HalfBin, 0.875} {
		const batch, height, width, channels = 2, 8, 4, 4
		pixels := make([]uint8, batch*height*width*channels)
		noise := make([]float32, len(pixels))
		for i := range pixels {
			pixels[i], noise[i] = uint8(i), u
		}
		out, err := CallOnce(open(t), density.FromPixels,
			tensors.FromFlatDataAndDimensions(pixels, batch, height, width, channels),
			tensors.FromFlatDataAndDimensions(noise, batch, height, width, channels))
		require.NoError(t, err)
		require.Equal(t, []int{channels, height, width, batch}, out.Shape().Dimensions)
		x := tensors.MustCopyFlatData[float32](out)
		for b := range batch {
			for h := range height {
				for w := range width {
					for c := range channels {
						k := pixels[((b*height+h)*width+w)*channels+c]
						require.Equal(t, float32(k)/256-0.5+u/256, x[((c*height+h)*width+w)*batch+b])
					}
				}
			}
		}
	}
}
