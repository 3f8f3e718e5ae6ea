package fit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/pkg/backend"
	"strata/pkg/density"
	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"
	"strata/pkg/glow"
	"strata/pkg/imageset"
	"strata/pkg/imageset/intake"
	"strata/pkg/imageset/resample"
	"strata/pkg/progress"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	os.Setenv("GOMLX_BACKEND", "go")
	os.Exit(m.Run())
}

// goodFiles are n pictures of slopes, from a number on, as files.
func goodFiles(from, n, channels int) map[string][]byte { return filesOf(from, n, 40, 36, channels) }

// smallFiles are such pictures of a few pixels, where nothing is trained on them: thousands are drawn, written and read in a second.
func smallFiles(from, n, channels int) map[string][]byte { return filesOf(from, n, 10, 9, channels) }

func filesOf(from, n, height, width, channels int) map[string][]byte {
	files := map[string][]byte{}
	for i := range n {
		files[fmt.Sprintf("%04d.png", from+i)] = detectortest.PNG(detectortest.Good(from+i, height, width, channels))
	}
	return files
}

// small writes a small general Glow's file.
func small(t testing.TB, channels int) string {
	t.Helper()
	g, err := detectortest.General(channels)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "general.strata")
	require.NoError(t, g.Save(path))
	return path
}

func ExampleDetector() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	write := func(name string, p *intake.Picture) {
		if err := os.WriteFile(filepath.Join(folder, name), detectortest.PNG(p), 0o644); err != nil {
			panic(err)
		}
	}
	var good []string
	for i := range 220 {
		name := fmt.Sprintf("good%d.png", i)
		write(name, detectortest.Good(i, 32, 32, 3))
		good = append(good, filepath.Join(folder, name))
	}
	write("new.png", detectortest.Noisy(1, 32, 32, 3))

	// A general Glow of its own and few steps, for an example that takes seconds: fit.Options{} will do for yours.
	general, err := detectortest.General(3)
	if err != nil {
		panic(err)
	}
	if err := general.Save(filepath.Join(folder, "general.strata")); err != nil {
		panic(err)
	}
	ctx := context.Background()
	d, err := Detector(ctx, Options{General: filepath.Join(folder, "general.strata"), Steps: 10}, good...)
	if err != nil {
		panic(err)
	}
	defer d.Close()
	if err := d.Save(filepath.Join(folder, "good.strata")); err != nil {
		panic(err)
	}
	results, _, err := d.Detect(ctx, detector.Options{}, filepath.Join(folder, "new.png"))
	fmt.Println(results[0].Anomalous, err)
	// Output: true <nil>
}

func ExampleDrawnGeneral() {
	general, err := DrawnGeneral(detector.Glow, 3)
	fmt.Println(general.Kind(), general.Channels(), err)
	// Output: glow 3 <nil>
}

func ExampleTrainGeneral() {
	images := &imageset.Set{Name: "slopes", Split: imageset.Train, Height: detector.Side, Width: detector.Side, Channels: 1}
	for i := range 40 {
		images.Pixels = append(images.Pixels, detectortest.Good(i, detector.Side, detector.Side, 1).Pixels...)
	}
	work, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(work)
	config := glow.Config{Height: detector.Side, Width: detector.Side, Channels: 1, Scales: 3, K: 1, Hidden: 8}
	general, err := TrainGeneral(context.Background(), Options{GeneralSteps: 3, Batch: 8}, nil, config, images, "40 slopes", work)
	if err != nil {
		panic(err)
	}
	fmt.Println(general.About)
	// Output: 40 slopes, 3 steps
}

// Each file that is embedded is what its name says, and drawn wherever it is read from; Glows are there.
func TestDrawnGeneral(t *testing.T) {
	files, err := drawn.ReadDir("general")
	require.NoError(t, err)
	for _, file := range files {
		data, err := drawn.ReadFile("general/" + file.Name())
		require.NoError(t, err)
		g, err := detector.ReadGeneral(bytes.NewReader(data), int64(len(data)), file.Name())
		require.NoError(t, err)
		require.Equal(t, file.Name(), GeneralFile(g.Kind(), g.Channels()))
		require.Equal(t, Network(g.Kind(), g.Channels()), g.Network)
		is, err := isDrawn(g)
		require.NoError(t, err)
		require.True(t, is)
	}
	for _, channels := range []int{1, 3} {
		g, err := DrawnGeneral(detector.Glow, channels)
		require.NoError(t, err)
		require.Equal(t, channels, g.Channels())
		require.Contains(t, g.About, "leaves that strata draws")
		require.Greater(t, g.Spectrum[0], g.Spectrum[5]+10, "as natural images have it")
	}
	_, err = DrawnGeneral(detector.Glow, 2)
	require.ErrorContains(t, err, "no general Glow of 2 channels comes with strata")
}

func gatherFolder(t *testing.T, folder string, most int) *gathered {
	t.Helper()
	var o Options
	o = o.withDefaults()
	walk := intake.Open(folder)
	t.Cleanup(walk.Close)
	g, err := o.read(context.Background(), walk, "good images", detector.Preparation{Channels: 3}, most)
	require.NoError(t, err)
	return g
}

func hashes(samples []*sample) map[[32]byte]bool {
	all := map[[32]byte]bool{}
	for _, s := range samples {
		all[s.hash] = true
	}
	return all
}

// Parts are made of the content alone: equal pictures are one, under whatever name and codec; names do not count; and
// what is held out stays so when pictures are added.
func TestSplit(t *testing.T) {
	files := smallFiles(0, 700, 1)
	g := gatherFolder(t, detectortest.Folder(t, files), 10_000)
	before := g.split(true)
	require.Len(t, g.samples, 700)
	require.InDelta(t, 140, len(before.heldOut), 43) // four standard deviations
	require.InDelta(t, 70, len(before.stop), 32)
	require.Equal(t, 700, len(before.heldOut)+len(before.stop)+len(before.train))

	more := map[string][]byte{}
	for name, file := range files {
		more["renamed/"+name] = file
	}
	more["again/a.png"], more["again/b.png"] = files["0003.png"], files["0003.png"]
	maps.Copy(more, smallFiles(5000, 200, 1))
	folder := detectortest.Folder(t, more)
	g = gatherFolder(t, folder, 10_000)
	require.Equal(t, 2, g.duplicates)
	require.Len(t, g.samples, 900)
	after := g.split(true)
	for part, samples := range map[string][2][]*sample{"held out": {before.heldOut, after.heldOut}, "stop": {before.stop, after.stop},
		"train": {before.train, after.train}} {
		now := hashes(samples[1])
		for h := range hashes(samples[0]) {
			require.True(t, now[h], "a picture left the part %s", part)
		}
	}

	g = gatherFolder(t, folder, 300)
	require.Len(t, g.samples, 300)
	require.Equal(t, 600, g.leftOut)
	few := g.split(true)
	require.GreaterOrEqual(t, len(few.heldOut), detector.LeastHeldOut)
	require.GreaterOrEqual(t, len(few.stop), stopLeast)
	require.Equal(t, 300, len(few.heldOut)+len(few.stop)+len(few.train))
	require.Greater(t, len(few.train), 150, "the parts of those that are used are as large as those of all")
	only := g.split(false)
	require.Empty(t, only.train)
	require.Equal(t, 300, len(only.heldOut)+len(only.stop))
	for _, most := range []int{Least, 250} { // of many more
		g := gatherFolder(t, folder, most)
		require.GreaterOrEqual(t, len(g.split(true).train), trainLeast/2)
	}
}

// A picture's part does not depend on whether grey pictures are gathered for a model of colours, as a first fit does, or for a grey
// one, as a fit from that does: else the second would hold out what the first was trained on.
func TestGreySplit(t *testing.T) {
	walk := intake.Open(detectortest.Folder(t, smallFiles(0, 210, 1)))
	defer walk.Close()
	o := Options{}.withDefaults()
	colour, err := o.read(context.Background(), walk, "good images", detector.Preparation{Channels: 3}, 1000)
	require.NoError(t, err)
	grey, err := o.read(context.Background(), walk, "good images", detector.Preparation{Channels: 1}, 1000)
	require.NoError(t, err)
	require.Equal(t, hashes(grey.split(true).heldOut), hashes(colour.split(true).heldOut))
}

// Grey pictures, however they are stored, make a grey detector; one of colour makes all of them RGB.
func TestGrey(t *testing.T) {
	files := goodFiles(0, 210, 1)
	files["broken.png"] = files["0001.png"][:60]
	var out bytes.Buffer
	o := Options{General: small(t, 1), Steps: 4, Out: &out}
	d, err := Detector(context.Background(), o, detectortest.Folder(t, files))
	require.NoError(t, err)
	defer d.Close()
	require.Equal(t, 1, d.Preparation().Channels)
	m := d.Manifest()
	require.Equal(t, 210, m.Fit.Images)
	require.Equal(t, 1, m.Fit.Unreadable)
	require.Contains(t, out.String(), "210 good images (grey, resized as a whole to 32x32 (bilinear)), 1 unreadable: ")
	require.Contains(t, out.String(), "broken.png: PNG")

	rgb, err := Detector(context.Background(), Options{General: small(t, 3), OnlyCalibrate: true}, detectortest.Folder(t, files))
	require.NoError(t, err)
	defer rgb.Close()
	require.Equal(t, 3, rgb.Preparation().Channels, "as the general Glow")

	files["colour.png"] = detectortest.PNG(detectortest.Good(1, 30, 30, 3))
	_, err = Detector(context.Background(), o, detectortest.Folder(t, files))
	require.ErrorContains(t, err, "is for images of 1 channels, and the good ones have 3")
}

// Many equal pictures are warned of: held out they are one, and new ones like them are many.
func TestRepeats(t *testing.T) {
	g := &gathered{samples: make([]*sample, 95), duplicates: 5}
	require.Empty(t, g.repeats())
	g.duplicates++
	require.Contains(t, g.repeats(), "6 of 101 good images are equal to others")
}

func TestTooFew(t *testing.T) {
	files := smallFiles(0, 199, 1)
	files["twice.png"] = files["0001.png"]
	_, err := Detector(context.Background(), Options{General: small(t, 1)}, detectortest.Folder(t, files))
	require.ErrorContains(t, err, "199 different good images")
	require.ErrorContains(t, err, "1 duplicates used once: at least 200 are needed, 100 of them to be held out")
	_, err = Detector(context.Background(), Options{}, filepath.Join(t.TempDir(), "absent"))
	require.ErrorContains(t, err, "absent: no such file or directory")
	for what, o := range map[string]Options{"general images": {General: "absent.zip"}, "outliers": {Outliers: "absent.zip"}} {
		var out bytes.Buffer
		o.Out = &out
		_, err := Detector(context.Background(), o, t.TempDir())
		require.ErrorContains(t, err, what+": stat absent.zip: no such file")
		require.Empty(t, out.String(), "before anything is read")
	}
}

func TestValidate(t *testing.T) {
	for says, o := range map[string]Options{
		"brings its general network": {From: "a", General: "b"},
		"brings its preparation":     {From: "a", Tiles: true},
		"nothing is to be trained":   {OnlyCalibrate: true, Outliers: "x"},
		"tiles that share 40 pixels": {Tiles: true, Overlap: 40},
		"are for tiles":              {Overlap: 3},
		"windows along a side":       {Tiles: true, Overlap: 31, Longest: 4096},
		`kernel "sharp"`:             {GeneralKernel: "sharp"},
		"at most 100 images":         {Most: 100},
		"-3 steps":                   {Steps: -3},
		"a learning rate of -1":      {Rate: -1},
		"a learning rate of NaN":     {Rate: math.NaN()},
		"a learning rate of +Inf":    {Rate: math.Inf(1)},
		"no overlap is for tiles":    {NoOverlap: true},
		"leaves out how much":        {Tiles: true, NoOverlap: true, Overlap: 3},
		`score "beauty"`:             {Scores: []string{"ratio", "beauty"}},
		`no rule "mean"`:             {Rule: "mean"},
	} {
		require.ErrorContains(t, o.Validate(), says)
	}
	require.NoError(t, Options{}.Validate())
	require.NoError(t, Options{Tiles: true, GeneralKernel: Nearest}.Validate())
	require.Equal(t, detector.Side/2, Options{Tiles: true}.withDefaults().Overlap)
	require.Zero(t, Options{Tiles: true, NoOverlap: true}.withDefaults().Overlap, "side by side")
}

// A fit that is stopped goes on where it was, and ends with the same weights to the bit; with other images or options it is refused.
func TestStopAndGoOn(t *testing.T) {
	folder := detectortest.Folder(t, goodFiles(0, 230, 1))
	o := Options{General: small(t, 1), Steps: 12, Batch: 8, Rate: 1e-3, Seed: 3, Work: filepath.Join(t.TempDir(), "whole")}
	whole, err := Detector(context.Background(), o, folder)
	require.NoError(t, err)
	defer whole.Close()
	require.Positive(t, whole.Manifest().Fit.Best, "its weights are not those of the start")

	o.Work = filepath.Join(t.TempDir(), "stopped")
	ctx, cancel := context.WithCancel(context.Background())
	o.Out = stopper{cancel}
	_, err = Detector(ctx, o, folder)
	require.ErrorIs(t, err, train.ErrStopped)

	other := o
	other.Out, other.Rate = nil, 0.01
	_, err = Detector(context.Background(), other, folder)
	require.ErrorContains(t, err, "has what is left of a fit that was stopped, of other images or with other options")

	o.Out = nil
	resumed, err := Detector(context.Background(), o, folder)
	require.NoError(t, err)
	defer resumed.Close()
	require.Equal(t, whole.Own(), resumed.Own())
	require.Equal(t, whole.Manifest().Fit, resumed.Manifest().Fit)
	require.Equal(t, whole.HeldOut(), resumed.HeldOut())
}

// stopper ends a context when it hears of a step of training.
type stopper struct{ stop context.CancelFunc }

func (s stopper) Write(text []byte) (int, error) { return len(text), nil }

func (s stopper) Progress(e progress.Event) {
	if strings.HasPrefix(e.Label, "finetune") && e.Done > 0 {
		s.stop()
	}
}

// Training gains on images that it does not see, and ends at its best: a rate that ruins the Glow leaves the start, and says so.
func TestEarlyStopping(t *testing.T) {
	folder := detectortest.Folder(t, goodFiles(0, 230, 1))
	o := Options{General: small(t, 1), Steps: 40, Batch: 8, Rate: 2e-3}
	d, err := Detector(context.Background(), o, folder)
	require.NoError(t, err)
	defer d.Close()
	f := d.Manifest().Fit
	require.Less(t, f.To, f.From-0.01)
	require.Positive(t, f.Best)

	o.Rate = 5
	ruined, err := Detector(context.Background(), o, folder)
	require.NoError(t, err)
	defer ruined.Close()
	f = ruined.Manifest().Fit
	require.Zero(t, f.Best)
	require.Equal(t, f.From, f.To)
	require.Less(t, f.Steps, 40, "not all steps were made")
	require.Contains(t, strings.Join(f.Warnings, " "), "no step of training made good images more likely")
	require.Equal(t, ruined.General().Weights, ruined.Own())
}

// Bits/dim that are not finite are never the best, whatever stands beside them, and are told; the start must be finite.
func TestWatchNotFinite(t *testing.T) {
	g, err := detectortest.General(1)
	require.NoError(t, err)
	better := detectortest.New(t, 1, nil).Own() // of good images
	broken := maps.Clone(g.Weights)
	for name, values := range broken {
		broken[name] = slices.Repeat([]float32{float32(math.NaN())}, len(values))
	}
	stop := &imageset.Set{Name: "stop", Split: imageset.Train, Height: 32, Width: 32, Channels: 1}
	for i := range 20 {
		stop.Pixels = append(stop.Pixels, detectortest.Good(i, 32, 32, 1).Pixels...)
	}
	on, _, err := backend.For(backend.Small)
	require.NoError(t, err)
	model, err := g.Network.Model()
	require.NoError(t, err)
	network := density.BlankNetwork(on, backend.Lowering(on), model)
	defer network.Close()
	watched := func() *watch {
		return &watch{training: &training{stop: stop, work: t.TempDir()}, network: network}
	}
	look := func(w *watch, step int, weights detector.Weights) error {
		require.NoError(t, network.Set(weights))
		return w.look(t.Context(), step)
	}
	require.ErrorContains(t, look(watched(), 0, broken), "NaN bits/dim, which is not finite: it is broken")
	require.ErrorContains(t, watched().saw(0, math.Inf(-1)), "-Inf bits/dim")

	w := watched()
	require.NoError(t, look(w, 0, g.Weights))
	require.NoError(t, look(w, 5, broken))
	require.NoError(t, w.saw(10, math.Inf(-1)))
	require.Zero(t, w.best.Step)
	off, err := w.result()
	require.NoError(t, err)
	require.Equal(t, g.Weights, off.weights)
	require.Equal(t, 10, off.steps)
	require.Contains(t, off.warning(), "training went off: at step 5, and at 2 looks in all")

	require.NoError(t, look(w, 15, better), "it came back")
	back, err := w.result()
	require.NoError(t, err)
	require.Equal(t, better, back.weights)
	require.Equal(t, 15, back.best)
	require.Empty(t, back.warning())
	again := &watch{training: w.training, network: network}
	require.NoError(t, again.begin(t.Context()))
	require.Equal(t, w.best, again.best, "and goes on from there")

	for step := range patience - 1 {
		require.NoError(t, w.saw(20+step, math.NaN()))
	}
	require.ErrorIs(t, w.saw(30, math.NaN()), errEnough)
}

// The other ways to fit: tiles, outliers, a folder of general images by the nearest kernel, and from another detector.
func TestWaysToFit(t *testing.T) {
	ctx := context.Background()
	large := map[string][]byte{}
	noisy := map[string][]byte{}
	for i := range 205 {
		large[fmt.Sprint(i, ".png")] = detectortest.PNG(detectortest.Good(i, 50, 40, 1))
	}
	for i := range LeastOutliers {
		noisy[fmt.Sprint(i, ".png")] = detectortest.PNG(detectortest.Noisy(i, 64, 64, 1))
	}
	good, bad := detectortest.Folder(t, large), detectortest.Folder(t, noisy)
	tiled, err := Detector(ctx, Options{General: small(t, 1), Tiles: true, Overlap: 8, Longest: 64, Steps: 3, Outliers: bad,
		Scores: []string{"ratio", "latent_fit", "dimension"}, Rule: "fisher"}, good)
	require.NoError(t, err)
	defer tiled.Close()
	m := tiled.Manifest()
	require.Equal(t, []string{"log_likelihood", "ratio", "latent_fit", "dimension"}, m.Scores)
	require.Equal(t, LeastOutliers*9, m.Fit.Outliers, "windows")
	results, _, err := tiled.Detect(ctx, detector.Options{}, filepath.Join(bad, "0.png"))
	require.NoError(t, err)
	require.Equal(t, 9, results[0].Windows)

	path := filepath.Join(t.TempDir(), "tiled.strata")
	require.NoError(t, tiled.Save(path))
	again, err := Detector(ctx, Options{From: path, OnlyCalibrate: true}, detectortest.Folder(t, goodFiles(9000, 210, 1)))
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, tiled.Own(), again.Own())
	require.Equal(t, tiled.Preparation(), again.Preparation())
	require.Equal(t, m.Scores, again.Manifest().Scores)
	require.Equal(t, m.Rule, again.Manifest().Rule)
	require.Zero(t, again.Manifest().Fit.Train)
	require.GreaterOrEqual(t, again.Manifest().HeldOut, 150)
}

// A few dozen outliers are enough, and too few are told before anything is trained: here a general Glow, for hours.
func TestFewOutliers(t *testing.T) {
	good := detectortest.Folder(t, goodFiles(0, Least, 1))
	outliers := func(n int) string {
		files := map[string][]byte{}
		for i := range n {
			files[fmt.Sprint(i, ".png")] = detectortest.PNG(detectortest.Noisy(i, 32, 32, 1))
		}
		return detectortest.Folder(t, files)
	}
	d, err := Detector(t.Context(), Options{General: small(t, 1), Steps: 2, Outliers: outliers(LeastOutliers)}, good)
	require.NoError(t, err)
	defer d.Close()
	require.Equal(t, LeastOutliers, d.Manifest().Fit.Outliers)

	var out bytes.Buffer
	_, err = Detector(t.Context(), Options{General: good, Steps: 2, Outliers: outliers(LeastOutliers - 1), Out: &out}, good)
	require.ErrorContains(t, err, "49 different outliers in ")
	require.ErrorContains(t, err, ": at least 50 are needed")
	require.NotContains(t, out.String(), "train the general Glow")
}

func TestGeneralFromFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("trains the Glow of K 4, hidden 64 for a few steps")
	}
	noisy := map[string][]byte{}
	for i := range 205 {
		noisy[fmt.Sprint(i, ".png")] = detectortest.PNG(detectortest.Noisy(i, 64, 64, 1))
	}
	var out bytes.Buffer
	d, err := Detector(context.Background(), Options{General: detectortest.Folder(t, noisy), GeneralKernel: Nearest, GeneralSteps: 2,
		Steps: 2, Batch: 4, Out: &out},
		detectortest.Folder(t, goodFiles(0, 210, 1)))
	require.NoError(t, err)
	defer d.Close()
	require.Regexp(t, `^205 images of .* \(grey, .*\), trained on from: .* leaves that strata draws .*, 2 steps$`, d.Manifest().About)
	require.Contains(t, out.String(), "which brings their spectrum nearest to the good images'")
	require.NotEmpty(t, d.Manifest().Fit.Warnings, "noise is finer than slopes by any kernel")
}

// The kernel that is nearest is the one by which the good images were made: general pictures of twice the size by each.
func TestNearestKernel(t *testing.T) {
	files := map[string][]byte{}
	var pictures []*intake.Picture
	for i := range 60 {
		p := detectortest.Noisy(i, 64, 64, 1)
		files[fmt.Sprint(i, ".png")] = detectortest.PNG(p)
		pictures = append(pictures, p)
	}
	o := Options{General: detectortest.Folder(t, files)}.withDefaults()
	for _, kernel := range []resample.Kernel{resample.Box, resample.Bicubic, resample.Bilinear} {
		set := &imageset.Set{Name: "good", Split: imageset.Train, Height: 32, Width: 32, Channels: 1}
		for _, p := range pictures {
			set.Pixels = slices.Concat(set.Pixels, kernel.Resize(p.Pixels, 64, 64, 1, 32, 32))
		}
		nearest, err := o.nearest(context.Background(), detector.Preparation{Channels: 1}, detector.SpectrumOf(set))
		require.NoError(t, err)
		require.Equal(t, kernel, nearest)
	}
}

// Training a general Glow from nothing writes a file that is loaded as one.
func TestTrainGeneral(t *testing.T) {
	g, err := detectortest.General(1)
	require.NoError(t, err)
	set := &imageset.Set{Name: "slopes", Split: imageset.Train, Height: 32, Width: 32, Channels: 1}
	for i := range 40 {
		set.Pixels = append(set.Pixels, detectortest.Good(i, 32, 32, 1).Pixels...)
	}
	o := Options{GeneralSteps: 3, Batch: 8, Out: io.Discard}
	trained, err := TrainGeneral(context.Background(), o, nil, g.Network, set, "40 slopes", t.TempDir())
	require.NoError(t, err)
	require.Equal(t, "40 slopes, 3 steps", trained.About)
	path := filepath.Join(t.TempDir(), "slopes.strata")
	require.NoError(t, trained.Save(path))
	loaded, err := detector.LoadGeneral(path)
	require.NoError(t, err)
	require.Equal(t, trained, loaded)
}

func TestDrawnIsKnownByItsWeights(t *testing.T) {
	general, err := DrawnGeneral(detector.Glow, 1)
	require.NoError(t, err)
	drawn, err := isDrawn(general)
	require.NoError(t, err)
	require.True(t, drawn)
	for name := range general.Weights { // of any one parameter
		general.Weights[name][0]++
		break
	}
	drawn, err = isDrawn(general)
	require.NoError(t, err)
	require.False(t, drawn)
	general, err = detectortest.GeneralPixelCNN(1)
	require.NoError(t, err)
	drawn, err = isDrawn(general)
	require.NoError(t, err)
	require.False(t, drawn, "of another kind")
}

// Whether the general network is drawn is passed on with it: of the embedded one it is known, of a file it is found.
func TestGeneralSaysWhetherItIsDrawn(t *testing.T) {
	own, err := DrawnGeneral(detector.Glow, 1)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "copied.strata")
	require.NoError(t, own.Save(copied))
	for named, want := range map[string]bool{Drawn: true, copied: true, small(t, 1): false} {
		o := Options{General: named}.withDefaults()
		s, err := o.start()
		require.NoError(t, err)
		g, drawn, err := o.general(context.Background(), s, detector.Preparation{Channels: 1}, detector.Spectrum{})
		require.NoError(t, err)
		require.Equal(t, want, drawn, named)
		require.Equal(t, want, g.About == own.About, named)
	}
}
