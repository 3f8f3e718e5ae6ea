package evaluate

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"strata/pkg/result"
	"strata/pkg/runs/runstest"

	"github.com/stretchr/testify/require"
)

// bySmall is a store whose general set is pictures of 64x64 that recipes make small by three kernels: a board of single
// pixels, which bilinear blurs more than bicubic, and a box least.
func bySmall(t *testing.T, seeds ...uint64) *runstest.Store {
	t.Helper()
	home := t.TempDir()
	for split, images := range map[string]int{"train": runstest.TrainImages, "test": runstest.TestImages} {
		folder := filepath.Join(home, "data", "tinyimagenet64", split, "a")
		require.NoError(t, os.MkdirAll(folder, 0o755))
		for i := range images {
			picture := image.NewGray(image.Rect(0, 0, 64, 64))
			for p := range 64 * 64 {
				// squares of three pixels, which no kernel hits whole, higher in every next picture
				level := 60 + (p%64/3+p/64/3)%2*(20+i)
				picture.SetGray(p%64, p/64, color.Gray{Y: uint8(level)})
			}
			file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%03d.png", i)))
			require.NoError(t, err)
			require.NoError(t, png.Encode(file, picture))
			require.NoError(t, file.Close())
		}
	}
	roles := func(sets map[string]string) {
		sets["general"], sets["general_box"] = "tinyimagenet32", "tinyimagenet32_box"
		sets["general_bicubic"], sets["general_bilinear"] = "tinyimagenet32_bicubic", "tinyimagenet32_bilinear"
	}
	return runstest.New(t, runstest.Options{Folder: home, Seeds: seeds, Wanted: []string{"kernel"}, Roles: roles})
}

func TestKernels(t *testing.T) {
	store, folder := bySmall(t, 1), t.TempDir()
	path := filepath.Join(folder, result.FileOf[result.KernelValue]())
	store.Finish("glow-in", "glow-general")
	store.Score(runstest.Normal)
	require.NoError(t, os.WriteFile(path, nil, 0o644)) // of an older evaluation
	require.NoError(t, of(t, store).writeKernel(t.Context(), folder))
	require.NoFileExists(t, path, "no Glow of another kernel is trained")

	store.Finish("glow-general-box")
	store.Score(runstest.Normal)
	v := of(t, store)
	require.NoError(t, v.writeKernel(t.Context(), folder))
	rows, err := result.Read[result.KernelValue](folder)
	require.NoError(t, err)
	found := map[string]result.KernelValue{}
	for _, r := range rows {
		place := fmt.Sprintf("%s %s %s", r.Metric, r.Kernel, r.Role)
		if r.Metric == result.LumaPower || r.Metric == result.ChromaPower {
			place += fmt.Sprint(" ", r.Frequency)
		}
		found[place] = r
	}
	coloured := 0
	for _, r := range found {
		if r.Metric == result.ChromaPower {
			coloured++
			require.Contains(t, []string{"in", "near", "smooth", "far"}, r.Role, "the general set is grey here")
		}
	}
	require.Equal(t, 4*6, coloured)
	require.Len(t, found, 8*(4+4)+4*6+3*3, "the luma of eight sets, the chroma of four; three outliers, raw and by two "+
		"Glows: the others are not trained")
	require.Equal(t, found["luma_step bilinear, chroma bicubic general"].Value,
		found["luma_step bilinear general_bilinear"].Value)
	require.Less(t, found["luma_step bilinear general_bilinear"].Value, found["luma_step bicubic general_bicubic"].Value)
	require.Less(t, found["luma_step bicubic general_bicubic"].Value, found["luma_step box general_box"].Value)
	require.Contains(t, found, "luma_power  smooth 15.5")
	require.Contains(t, found, "luma_power box general_box 1.5")

	// The AUROCs are those of counting pairs.
	scores := func(configuration, role string) []float64 {
		values, _ := truth(runstest.Normal).of(store, runstest.Value{Configuration: configuration, Seed: 1, Role: role,
			Column: "log_likelihood"}, store.Size.TestImages)
		return values
	}
	in, smooth := scores("glow-in", "in"), scores("glow-in", "smooth")
	inByBox, smoothByBox := scores("glow-general-box", "in"), scores("glow-general-box", "smooth")
	raw := found["auroc_raw  smooth"]
	require.InDelta(t, area(in, smooth), raw.Value, 1e-3)
	box := found["auroc_ratio box smooth"]
	require.InDelta(t, area(less(in, inByBox), less(smooth, smoothByBox)), box.Value, 1e-3)
	require.Equal(t, []any{1, 2 * runstest.TestImages, "svhn"}, []any{box.Seeds, box.Images, box.Set})
	require.Less(t, box.Low, box.Value)
	require.Greater(t, box.High, box.Value)

	// What is damaged is told, and takes nothing else with it.
	damaged := store.ScoreFile("glow-general-box", 1, "near")
	store.Write(damaged, nil)
	err = of(t, store).writeKernel(t.Context(), folder)
	require.ErrorContains(t, err, damaged)
	require.NotErrorIs(t, err, result.ErrNotWritten)
	fewer, err := result.Read[result.KernelValue](folder)
	require.NoError(t, err)
	require.Len(t, fewer, len(rows)-1)
}

// Luma's numbers have the interval of their images: the means of what is computed by hand.
func TestFinenessRows(t *testing.T) {
	v := of(t, bySmall(t, 1))
	rows, err := v.finenessRows("in", "")
	require.NoError(t, err)
	test, err := v.engine.TestImages("cifar10", v.schedule.Size.TestImages)
	require.NoError(t, err)
	var step, squares float64
	n := float64(test.Len())
	var steps []float64
	for i := range test.Len() {
		pixels, sum := test.Image(i), 0.
		luma := func(p int) float64 {
			return 0.299*float64(pixels[3*p]) + 0.587*float64(pixels[3*p+1]) + 0.114*float64(pixels[3*p+2])
		}
		for p := range 32 * 32 {
			if p%32 < 31 {
				sum += math.Abs(luma(p)-luma(p+1)) / (31 * 32) / 2
			}
			if p < 31*32 {
				sum += math.Abs(luma(p)-luma(p+32)) / (31 * 32) / 2
			}
		}
		steps = append(steps, sum)
		step += sum / n
	}
	for _, s := range steps {
		squares += (s - step) * (s - step)
	}
	require.InDelta(t, step, rows[0].Value, 1e-9)
	require.InDelta(t, 2*2.02*math.Sqrt(squares/(n-1)/n), rows[0].High-rows[0].Low, 1e-3, "Student's, of 40 images")
	for _, r := range rows {
		require.Less(t, r.Low, r.Value, r.Metric)
		require.InDelta(t, r.Value-r.Low, r.High-r.Value, 1e-9)
	}
	_, err = v.finenessRows("faces", "")
	require.ErrorContains(t, err, "no set plays the role faces")
}

// Over seeds it is their mean; a seed without its runs is left out.
func TestKernelsOverSeeds(t *testing.T) {
	store := bySmall(t, 1, 2, 3)
	store.Finish("glow-in", "glow-general", "glow-general-box", "glow-general-bicubic")
	require.NoError(t, os.RemoveAll(store.Run("glow-general-bicubic", 2).Folder))
	store.Score(runstest.Normal)
	rows, err := of(t, store).kernels(t.Context())
	require.NoError(t, err)
	for _, r := range rows {
		switch {
		case r.Metric == result.AUROCRatio && r.Kernel == "bicubic":
			require.Equal(t, 2, r.Seeds)
		case r.Metric == result.AUROCRatio || r.Metric == result.AUROCRaw:
			require.Equal(t, 3, r.Seeds)
		default:
			require.Zero(t, r.Seeds)
		}
	}
	require.Len(t, of(t, store).ofKernels(), 4*3*5, "four sets, three seeds, five Glows")
}

// A family without a set by another kernel leaves a typed gap and no file.
func TestNoKernels(t *testing.T) {
	store := runstest.New(t, runstest.Options{Wanted: []string{"kernel"}})
	schedule := store.Schedule()
	require.NoError(t, schedule.Failures(), "a role without a set is none")
	_, err := schedule.Run("glow-general-box", 1)
	require.EqualError(t, err, "glow-general-box: no set plays the role general_box in family imagenet32")
	rows, err := of(t, store).kernels(t.Context())
	require.NoError(t, err)
	require.Empty(t, rows)
}
