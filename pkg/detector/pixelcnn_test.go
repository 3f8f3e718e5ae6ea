package detector_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"
	"strata/pkg/glow"
	"strata/pkg/imageset/intake"

	"github.com/stretchr/testify/require"
)

func ExampleScores() {
	for _, s := range detector.Scores(detector.PixelCNN) {
		fmt.Println(s.Name)
	}
	// Output:
	// log_likelihood
	// ratio
	// complexity
	// typicality
}

// A detector with a PixelCNN++ is saved, loaded and asked as one with a Glow is; it has the scores that a PixelCNN++ has, and those that
// it lacks are refused by name.
func TestPixelCNN(t *testing.T) {
	d := detectortest.New(t, 3, detectortest.PixelCNN(3))
	path := filepath.Join(t.TempDir(), "good.strata")
	require.NoError(t, d.Save(path))
	loaded, err := detector.Load(path)
	require.NoError(t, err)
	defer loaded.Close()
	require.Equal(t, d.General(), loaded.General())
	require.Equal(t, d.Own(), loaded.Own())
	m := loaded.Manifest()
	require.Equal(t, 2, m.Format, "a strata that knows Glows alone refuses it in words")
	require.Equal(t, []string{"log_likelihood", "ratio", "complexity", "typicality"}, m.Scores)
	require.Equal(t, []string{"ratio"}, m.Combined)

	black := &intake.Picture{Height: 32, Width: 32, Channels: 3, Pixels: make([]uint8, 3072)}
	half := detectortest.Good(1, 32, 32, 3) // black from row 16 on
	clear(half.Pixels[1536:])
	folder := detectortest.Folder(t, map[string][]byte{"black.png": detectortest.PNG(black), "half.png": detectortest.PNG(half),
		"good.png": detectortest.PNG(detectortest.Good(3, 32, 32, 3))})
	o := detector.Options{Look: func(float64) bool { return true }}
	want, _ := detect(t, d, o, folder)
	got, _ := detect(t, loaded, o, folder)
	require.Equal(t, want, got)
	require.Equal(t, "black.png", filepath.Base(got[0].Path), "its own expects middle greys")
	require.True(t, got[0].Anomalous)
	require.Equal(t, "half.png", filepath.Base(got[1].Path))
	rows := func(from, to int) (mean float32) {
		for _, v := range got[1].View.Heat.Values[32*from : 32*to] {
			mean += v / float32(32*(to-from))
		}
		return mean
	}
	require.Greater(t, rows(17, 32), rows(0, 16)+1, "the heat is where it is black")

	_, err = detector.New(detector.Config{General: d.General(), Own: d.Own(), Preparation: d.Preparation(),
		Scores: []string{"ratio", "latent_fit"}})
	require.ErrorContains(t, err, `a PixelCNN++ has no score "latent_fit": choose of log_likelihood, ratio, complexity, typicality`)
	glows, err := detectortest.General(3)
	require.NoError(t, err)
	_, err = detector.New(detector.Config{General: glows, Own: d.Own(), Preparation: d.Preparation()})
	require.ErrorContains(t, err, "detector: the own Glow: ", "weights of another kind")
	glows.Network = glow.PatchConfig{}
	require.ErrorContains(t, glows.Save(path), "a network that is none of [glow pixelcnn]")
}

// What a file says of a PixelCNN++ is bounded, so that a hostile one cannot take all memory.
func TestForeignPixelCNN(t *testing.T) {
	g, err := detectortest.GeneralPixelCNN(1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "general.strata")
	require.NoError(t, g.Save(path))
	loaded, err := detector.LoadGeneral(path)
	require.NoError(t, err)
	require.Equal(t, g, loaded)
	_, err = detector.Load(path)
	require.ErrorContains(t, err, "is a general PixelCNN++ and no detector")
	manifest := entry(t, path, "detector.json")
	for _, c := range []struct{ from, to, says string }{
		{`"resnets": 1`, `"resnets": 300000`, "a PixelCNN++ of 300000 blocks a stage"},
		{`"filters": 1`, `"filters": 1000000000`, "1000000000 wide"},
		{`"mixtures": 1`, `"mixtures": 1000000000`, "1000000000 logistics: expected at most 64, 2048 and 256"},
		{`"height": 32`, `"height": 320000`, "a network of 320000x32x1 images: expected 32x32x1 or 32x32x3"},
		{`"filters": 1`, `"filters": -2`, "filters -2"},
		{`"dropout": 0`, `"dropout": 1`, "dropout 1"},
		{`"filters": 1`, `"filters": 3`, "general.npz is damaged"},
		{`"pixelcnn"`, `"glow"`, "detector.json is damaged"},
	} {
		other := strings.Replace(manifest, c.from, c.to, 1)
		require.NotEqual(t, manifest, other)
		bad := rewritten(t, path, map[string][]byte{"detector.json": []byte(other)})
		_, err := detector.ReadGeneral(bytes.NewReader(bad), int64(len(bad)), "bad.strata")
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), "\n")
	}
}
