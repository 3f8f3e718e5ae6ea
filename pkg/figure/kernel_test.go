package figure

import (
	"math"
	"slices"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Results in which no other kernel was tried do without the figure; whoever asks for it is told how to get it.
func TestKernelIsLeftOutWhereItWasNotTried(t *testing.T) {
	folder, out := t.TempDir(), t.TempDir()
	r, err := Open(folder)
	require.NoError(t, err)
	i := slices.IndexFunc(All(), func(e Entry) bool { return e.Name == "kernel" })
	w := writer{results: r, folder: out}
	require.NoError(t, w.figure(All()[i]))
	assert.Empty(t, w.index)
	figure, err := Kernel(r)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(figure.Caption, "strata reproduce kernel"), figure.Caption)
	assert.True(t, figure.IsEmpty())
}

// Decibels are of the set less those of in, with the interval of both; what in has not is left out.
func TestSpectraAreLessIn(t *testing.T) {
	power := func(kernel, role string, frequency, value, half float64) result.KernelValue {
		return result.KernelValue{Metric: result.LumaPower, Kernel: kernel, Role: role, Frequency: frequency, Value: value,
			Low: value - half, High: value + half}
	}
	rows := []result.KernelValue{power("box", "general_box", 1.5, 60, 3), power("box", "general_box", 4, 50, 1),
		power("", roleIn, 1.5, 58, 4), power("", roleSmooth, 1.5, 40, 1)}
	drawn, missing := spectraPanel(rows, "luma", result.LumaPower)
	require.Equal(t, []string{"Not measured: the luma by bicubic; bilinear; bilinear, chroma bicubic."}, missing)
	assert.Equal(t, "in", drawn.lines[0].text, "without numbers of its steps")
	xmin, xmax, ymin, ymax := spectra{{points: []spectrumPoint{{1.5, 2, 5}}}}.DataRange()
	assert.Equal(t, []float64{0, 1.5, -3, 7}, []float64{xmin, xmax, ymin, ymax})
	assert.Equal(t, -3., drawn.plot.Y.Min, "2 above in, and 5 of 3 and 4")
	assert.Equal(t, 7., drawn.plot.Y.Max)
}

// Whatever part of the table is there is drawn, and the caption says what is not.
func TestKernelOfAFewRows(t *testing.T) {
	nan := math.NaN()
	raw := result.KernelValue{Metric: result.AUROCRaw, Role: roleSmooth, Set: "svhn", Frequency: nan, Value: 0, Low: 0, High: 0}
	box := raw
	box.Metric, box.Kernel, box.Value, box.High = result.AUROCRatio, "box", 100, 100
	step := result.KernelValue{Metric: result.LumaStep, Role: roleIn, Set: "cifar10", Frequency: nan, Value: 14, Low: 13,
		High: 15}
	for name, test := range map[string]struct {
		rows []result.KernelValue
		want string
	}{
		"none":     {nil, "in against outliers is not drawn: not in kernel.csv: the ratios."},
		"raw":      {[]result.KernelValue{raw}, "Not trained: the Glow of general by box; bicubic; bilinear; bilinear, chroma bicubic."},
		"a ratio":  {[]result.KernelValue{raw, box}, "Not trained: the Glow of general by bicubic; bilinear; bilinear, chroma bicubic."},
		"no power": {[]result.KernelValue{step}, "not in kernel.csv: the luma of in and of general."},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, result.Write(dir, test.rows))
			figure, err := byName("kernel", dir)
			require.NoError(t, err)
			assert.Contains(t, figure.Caption, test.want)
			assert.NotContains(t, svg(t, "kernel", dir), "NaN")
		})
	}
}
