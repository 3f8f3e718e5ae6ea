package procedural

import (
	"math"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSine(t *testing.T) {
	for i := -3000; i <= 3000; i++ {
		turns := float64(i) / 700
		// The first omitted term of the series is (pi/2)^13/13! < 6e-8.
		require.InDelta(t, math.Sin(2*math.Pi*turns), sine(turns), 6e-8, "sine of %v turns", turns)
		require.InDelta(t, math.Cos(2*math.Pi*turns), cosine(turns), 6e-8, "cosine of %v turns", turns)
	}
}

func TestSmooth(t *testing.T) {
	assert.Equal(t, 0.0, smooth(-1))
	assert.Equal(t, 0.5, smooth(0.5))
	assert.Equal(t, 1.0, smooth(2))
	assert.InDelta(t, 1, smooth(0.2)+smooth(0.8), 1e-15)
}

// The compiler for arm64 fuses products with sums wherever the language lets it. It must not have
// found such a place here, or images would depend on the processor.
func TestNothingIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compiles the package for another processor")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go tool on PATH to ask:", err)
	}
	build := exec.Command(tool, "build", "-gcflags=-S", ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOEXPERIMENT=", "GOFLAGS=")
	listing, err := build.CombinedOutput()
	require.NoError(t, err, "%s", listing)
	require.Regexp(t, `FMULD`, string(listing), "not a listing of arm64 code")
	fused := regexp.MustCompile(`.*\sFN?M(ADD|SUB)[DS]\s.*`).FindAllString(string(listing), -1)
	assert.Empty(t, fused, "products that need float64(...) around them")
}
