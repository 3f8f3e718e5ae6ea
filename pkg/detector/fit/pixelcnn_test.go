package fit

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"
	"strata/pkg/imageset"
	"strata/pkg/imageset/intake"
	"strata/pkg/optimiser"

	"github.com/stretchr/testify/require"
)

// smallPixelCNN writes a small general PixelCNN++'s file, of one channel.
func smallPixelCNN(t testing.TB) string {
	t.Helper()
	g, err := detectortest.GeneralPixelCNN(1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "general.strata")
	require.NoError(t, g.Save(path))
	return path
}

// A PixelCNN++ is fitted, saved, loaded and asked. Four long steps teach it how bright good pictures are, if little else.
func TestPixelCNN(t *testing.T) {
	ctx := context.Background()
	folder := detectortest.Folder(t, goodFiles(0, 205, 1))
	d, err := Detector(ctx, Options{General: smallPixelCNN(t), Steps: 4, Batch: 8, Rate: 0.1}, folder)
	require.NoError(t, err)
	defer d.Close()
	m := d.Manifest()
	require.Equal(t, detector.PixelCNN, d.General().Kind(), "the file's")
	require.Less(t, m.Fit.To, m.Fit.From-0.1)
	require.Positive(t, m.Fit.Best)
	require.Equal(t, []string{"ratio"}, m.Combined)
	path := filepath.Join(t.TempDir(), "good.strata")
	require.NoError(t, d.Save(path))

	_, err = Detector(ctx, Options{From: path, Model: detector.Glow}, folder)
	require.ErrorContains(t, err, path+" has a PixelCNN++, and a Glow is asked for")
	loaded, err := detector.Load(path)
	require.NoError(t, err)
	defer loaded.Close()
	require.Equal(t, d.Own(), loaded.Own())
	black := &intake.Picture{Height: 32, Width: 32, Channels: 1, Pixels: make([]uint8, 1024)}
	results, _, err := loaded.Detect(ctx, detector.Options{}, detectortest.Folder(t, map[string][]byte{
		"black.png": detectortest.PNG(black), "good.png": detectortest.PNG(detectortest.Good(7000, 40, 36, 1))}))
	require.NoError(t, err)
	require.Equal(t, "black.png", filepath.Base(results[0].Path))
	require.True(t, results[0].Anomalous)
	require.False(t, results[1].Anomalous)
}

// Where no general PixelCNN++ is drawn, one of the size demo is trained on general images from nothing.
func TestGeneralPixelCNNFromFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("trains the PixelCNN++ of the size demo; TestPixelCNN trains a small one, TestTrainGeneral a Glow from nothing")
	}
	var out bytes.Buffer
	o := Options{Model: detector.PixelCNN, General: detectortest.Folder(t, smallFiles(0, 205, 1)), GeneralSteps: 2, Batch: 2,
		Work: t.TempDir(), Out: &out}.withDefaults()
	s, err := o.start()
	require.NoError(t, err)
	g, drawn, err := o.general(context.Background(), s, detector.Preparation{Channels: 1}, detector.Spectrum{})
	require.NoError(t, err)
	require.False(t, drawn)
	require.Regexp(t, `^205 images of .* \(grey, .*\), 2 steps$`, g.About)
	require.Equal(t, Network(detector.PixelCNN, 1), g.Network)
	require.Contains(t, out.String(), "train the general PixelCNN++: at most 2 steps of 2 images")
	require.NoError(t, g.Save(filepath.Join(t.TempDir(), "general.strata")))
}

// What does not go together is said before pictures are read.
func TestKindsRefused(t *testing.T) {
	glow, pixels := small(t, 1), smallPixelCNN(t)
	for says, o := range map[string]Options{
		`no model "vae": choose one of [glow pixelcnn]`:                              {Model: "vae"},
		"no general PixelCNN++ of 3 channels comes with strata: name general images": {Model: detector.PixelCNN},
		glow + " has a Glow, and a PixelCNN++ is asked for":                          {Model: detector.PixelCNN, General: glow},
		pixels + " has a PixelCNN++, and a Glow is asked for":                        {Model: detector.Glow, General: pixels},
		`a PixelCNN++ has no score "dimension": choose of log_likelihood, ratio, complexity`: {General: pixels,
			Scores: []string{"ratio", "dimension"}},
		`a PixelCNN++ has no score "last_scale"`: {Model: detector.PixelCNN, Scores: []string{"last_scale"}},
	} {
		_, err := Detector(context.Background(), o, filepath.Join(t.TempDir(), "absent"))
		require.ErrorContains(t, err, says)
	}
}

// Each kind is trained as the paper trains it, at a constant rate; what is not wanted of that is left out.
func TestRecipe(t *testing.T) {
	rule, augmentation, err := Options{}.recipe(Network(detector.Glow, 3))
	require.NoError(t, err)
	require.Equal(t, optimiser.PaperAdamax(), rule)
	require.Equal(t, imageset.PaperAugmentation, augmentation)
	_, augmentation, err = Options{NoFlip: true, NoShift: true}.recipe(Network(detector.Glow, 3))
	require.NoError(t, err)
	require.Zero(t, augmentation)
	rule, augmentation, err = Options{}.recipe(Network(detector.PixelCNN, 1))
	require.NoError(t, err)
	require.Zero(t, augmentation)
	require.Equal(t, optimiser.Adam, rule.Kind)
	require.Equal(t, 2e-4, rule.Rate)
	require.NoError(t, rule.Validate())
	require.Zero(t, rule.DecayEvery)
}
