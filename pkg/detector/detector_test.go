package detector_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"strata/pkg/detector"
	"strata/pkg/detector/detectortest"
	"strata/pkg/imageset/intake"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	os.Setenv("GOMLX_BACKEND", "go")
	os.Exit(m.Run())
}

// shared are detectors of 1 and 3 channels for tests that neither close nor calibrate theirs: what is compiled once serves all.
var shared = map[int]func() (*detector.Detector, error){
	1: sync.OnceValues(func() (*detector.Detector, error) { return detectortest.Make(1, nil) }),
	3: sync.OnceValues(func() (*detector.Detector, error) { return detectortest.Make(3, nil) }),
}

func sharedOf(t *testing.T, channels int) *detector.Detector {
	t.Helper()
	d, err := shared[channels]()
	require.NoError(t, err)
	return d
}

func ExampleLoad() {
	// A detector that package fit would make of a folder of good images: here one of slopes, in a second.
	made, err := detectortest.Make(3, nil)
	if err != nil {
		panic(err)
	}
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	model := filepath.Join(folder, "good.strata")
	if err := made.Save(model); err != nil {
		panic(err)
	}
	for name, picture := range map[string]*intake.Picture{"slope.png": detectortest.Good(1, 64, 48, 3),
		"noise.png": detectortest.Noisy(1, 64, 48, 3)} {
		if err := os.WriteFile(filepath.Join(folder, name), detectortest.PNG(picture), 0o644); err != nil {
			panic(err)
		}
	}

	d, err := detector.Load(model)
	if err != nil {
		panic(err)
	}
	defer d.Close()
	results, summary, err := d.Detect(context.Background(), detector.Options{Rate: 0.01}, folder)
	for _, r := range results {
		fmt.Println(filepath.Base(r.Path), r.Anomalous, r.Err)
	}
	fmt.Println(summary.Anomalous, "of", summary.Images, err)
	// Output:
	// noise.png true <nil>
	// slope.png false <nil>
	// 1 of 2 <nil>
}

func ExampleNew() {
	general, err := detectortest.General(1)
	if err != nil {
		panic(err)
	}
	_, err = detector.New(detector.Config{General: general, Own: general.Weights, Preparation: detector.Preparation{Channels: 3}})
	fmt.Println(err)
	// Output: detector: images of 3 channels for a Glow of 1
}

// A file that is in memory, as one that was embedded or downloaded.
func ExampleRead() {
	made, err := detectortest.Make(1, nil)
	if err != nil {
		panic(err)
	}
	file := saved(made.Save)
	d, err := detector.Read(bytes.NewReader(file), int64(len(file)), "good.strata")
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Preparation(), d.Manifest().HeldOut)
	// Output: grey, resized as a whole to 32x32 (bilinear) 120
}

func ExampleReadGeneral() {
	made, err := detectortest.General(1)
	if err != nil {
		panic(err)
	}
	file := saved(made.Save)
	general, err := detector.ReadGeneral(bytes.NewReader(file), int64(len(file)), "general.strata")
	fmt.Println(general.About, err)
	// Output: slopes with noise, for tests <nil>
}

func ExampleLoadGeneral() {
	_, err := detector.LoadGeneral("absent.strata")
	fmt.Println(err)
	// Output: model: open absent.strata: no such file or directory: strata fit makes one
}

// saved is what a model saves.
func saved(save func(path string) error) []byte {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "model.strata")
	if err := save(path); err != nil {
		panic(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return file
}

// Loading brings no training code.
func TestLoadsWithoutTraining(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "strata/pkg/detector", "strata/pkg/detector/output").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "strata/pkg/density\n")
	for _, training := range []string{"train", "optimiser", "objective", "runs", "plan", "detector/fit"} {
		require.NotContains(t, string(out), "strata/pkg/"+training+"\n")
	}
}

func detect(t *testing.T, d *detector.Detector, o detector.Options, paths ...string) ([]detector.Result, detector.Summary) {
	t.Helper()
	results, summary, err := d.Detect(context.Background(), o, paths...)
	require.NoError(t, err)
	return results, summary
}

// Everything that people put into a folder is a line, and stops nothing.
func TestDetectEverything(t *testing.T) {
	d := sharedOf(t, 3)
	good := detectortest.PNG(detectortest.Good(1, 100, 30, 3))
	folder := detectortest.Folder(t, map[string][]byte{
		"good.png": good, "tiny.png": detectortest.PNG(detectortest.Good(2, 1, 1, 3)),
		"grey.png":  detectortest.PNG(detectortest.Good(3, 32, 32, 1)),
		"noisy.png": detectortest.PNG(detectortest.Noisy(4, 64, 64, 3)), "cut.png": good[:len(good)/2], "empty.jpg": nil,
		"text.gif":  []byte("hello"),
		"notes.txt": []byte("no picture by its name"), `<b>&"'.png`: good,
	})
	for _, name := range []string{"cmyk.jpg", "animated.gif", "animated.webp", "turned6.jpg", "deep.tiff", "transparent.webp"} {
		data, err := os.ReadFile(filepath.Join("..", "imageset", "intake", "testdata", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o644))
	}
	results, summary := detect(t, d, detector.Options{}, folder, filepath.Join(folder, "absent"))
	require.Equal(t, 11, summary.Images)
	require.Equal(t, 4, summary.Unreadable)
	require.Len(t, results, 15)
	for i, r := range results[:11] {
		require.NoError(t, r.Err)
		require.Len(t, r.Scores, len(d.Scores()))
		require.Equal(t, r.PValue <= summary.Threshold, r.Anomalous)
		require.GreaterOrEqual(t, r.PValue, 1/float64(detectortest.HeldOut+1)-1e-12)
		require.LessOrEqual(t, r.PValue, 1.0)
		if i > 0 {
			require.GreaterOrEqual(t, results[i-1].Score, r.Score)
		}
	}
	for _, r := range results[11:] {
		require.Error(t, r.Err)
	}
	byName := map[string]detector.Result{}
	for _, r := range results {
		byName[filepath.Base(r.Path)] = r
	}
	require.True(t, byName["noisy.png"].Anomalous)
	require.False(t, byName["good.png"].Anomalous)
	require.Equal(t, byName["good.png"].Score, byName[`<b>&"'.png`].Score)
	require.Contains(t, byName["cmyk.jpg"].Notes[0], "CMYK")
}

// Good images are called unusual at the rate that was asked for, within the interval that Expect promises. 400 images at
// 10 %: with 120 held out the rate's interval is 5 to 16 %, and counting 400 adds a standard error of 1.5 %, of which
// three are allowed.
func TestFalseAlarms(t *testing.T) {
	d := sharedOf(t, 1)
	alarms := 0
	o := detector.Options{Rate: 0.1}
	summary, err := d.Stream(context.Background(), detectortest.Files(400, func(i int) []byte {
		return detectortest.PNG(detectortest.Good(20_000+i, 40, 48, 1))
	}), o, func(r detector.Result) error {
		if r.Anomalous {
			alarms++
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, alarms, summary.Anomalous)
	rate := float64(alarms) / 400
	require.Greater(t, rate, summary.Expect.Low-0.045)
	require.Less(t, rate, summary.Expect.High+0.045)
	require.Greater(t, summary.Batch, 0.001, "a good batch")

	o.FalseDiscoveries = true
	summary, err = d.Stream(context.Background(), detectortest.Files(60, func(i int) []byte {
		if i%3 == 0 {
			return detectortest.PNG(detectortest.Noisy(i, 40, 48, 1))
		}
		return detectortest.PNG(detectortest.Good(30_000+i, 40, 48, 1))
	}), o, func(r detector.Result) error {
		require.False(t, r.Anomalous, "not known yet")
		return nil
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, summary.Anomalous, 20)
	require.LessOrEqual(t, summary.Anomalous, 26)
	require.Less(t, summary.Batch, 1e-6, "a batch with noise")
}

func TestRatesRefused(t *testing.T) {
	d := sharedOf(t, 1)
	for rate, says := range map[float64]string{0.001: "wants 999 held-out good images, and there are 120",
		-1: "expected one between 0 and 1", 2: "expected one"} {
		_, _, err := d.Detect(context.Background(), detector.Options{Rate: rate}, t.TempDir())
		require.ErrorContains(t, err, says)
	}
	_, summary := detect(t, d, detector.Options{FalseDiscoveries: true, Rate: 0.001},
		detectortest.Folder(t, map[string][]byte{"a.png": detectortest.PNG(detectortest.Noisy(1, 32, 32, 1))}))
	require.Len(t, summary.Warnings, 1)
	require.Contains(t, summary.Warnings[0], "p-values begin at 0.0083 with 120 held-out images")
	results, summary := detect(t, d, detector.Options{}, t.TempDir())
	require.Empty(t, results)
	require.True(t, math.IsNaN(summary.Batch))
}

// However many images come, few are under way: counted, not timed.
func TestStreamIsBounded(t *testing.T) {
	d := sharedOf(t, 1)
	file := detectortest.PNG(detectortest.Good(1, 32, 32, 1))
	var mu sync.Mutex
	begun, done, most := 0, 0, 0
	_, err := d.Stream(context.Background(), detectortest.Files(600, func(int) []byte {
		mu.Lock()
		defer mu.Unlock()
		begun++
		most = max(most, begun-done)
		return file
	}), detector.Options{}, func(detector.Result) error {
		mu.Lock()
		defer mu.Unlock()
		done++
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 600, done)
	require.Less(t, most, 300)
}

// Whoever stops it, by its context or an error, is heard at once, and readers are waited for.
func TestStreamStops(t *testing.T) {
	d := sharedOf(t, 1)
	file := detectortest.PNG(detectortest.Good(1, 32, 32, 1))
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err := d.Stream(ctx, detectortest.Files(100_000, func(int) []byte { return file }), detector.Options{}, func(detector.Result) error {
		if n++; n == 40 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, n, 200)
	full := errors.New("full")
	_, err = d.Stream(context.Background(), detectortest.Files(100_000, func(int) []byte { return file }), detector.Options{},
		func(detector.Result) error { return full })
	require.ErrorIs(t, err, full)
}

// Several goroutines get what one gets.
func TestConcurrent(t *testing.T) {
	d := detectortest.New(t, 3, func(c *detector.Config) { c.Scores = append(detector.DefaultScores(detector.Glow), "dimension") })
	folder := detectortest.Folder(t, map[string][]byte{"1.png": detectortest.PNG(detectortest.Good(1, 40, 40, 3)),
		"2.png": detectortest.PNG(detectortest.Noisy(2, 9, 90, 3))})
	want, _ := detect(t, d, detector.Options{}, folder)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			got, _, err := d.Detect(context.Background(), detector.Options{}, folder)
			if err != nil || len(got) != 2 || got[0].Score != want[0].Score || got[1].Scores[7] != want[1].Scores[7] {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	wait.Wait()
	d.Close()
	again, _ := detect(t, d, detector.Options{}, folder)
	require.Equal(t, want, again, "opened again")
}

// What is judged while others close and calibrate the detector is judged to its end, by what it began with.
func TestCloseAndCalibrateMeanwhile(t *testing.T) {
	d := detectortest.New(t, 1, nil)
	folder := detectortest.Folder(t, map[string][]byte{"1.png": detectortest.PNG(detectortest.Good(1, 40, 40, 1)),
		"2.png": detectortest.PNG(detectortest.Noisy(2, 9, 90, 1))})
	windows := func(from, n int) iter.Seq[detector.Windows] {
		return func(yield func(detector.Windows) bool) {
			for i := range n {
				if !yield(d.Preparation().Of(detectortest.Good(from+i, 40, 48, 1))) {
					return
				}
			}
		}
	}
	before, _ := detect(t, d, detector.Options{}, folder)
	require.NoError(t, d.Calibrate(t.Context(), windows(5000, 20), windows(7000, detector.LeastHeldOut), 1, nil))
	after, _ := detect(t, d, detector.Options{}, folder)
	require.NotEqual(t, before[1].Score, after[1].Score, "compared with others")
	require.Error(t, d.Calibrate(t.Context(), windows(5000, 20), windows(7000, 5), 1, nil), "too few")
	again, _ := detect(t, d, detector.Options{}, folder)
	require.Equal(t, after, again, "a calibration that fails changes nothing")

	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for range 4 {
				got, _, err := d.Detect(t.Context(), detector.Options{}, folder)
				if err != nil || len(got) != 2 || got[0].Scores[0] != after[0].Scores[0] || !got[0].Anomalous || len(d.HeldOut()) == 0 {
					t.Errorf("%v %v", got, err)
				}
			}
		})
	}
	wait.Go(func() {
		for range 4 {
			d.Close()
			runtime.Gosched()
		}
	})
	wait.Go(func() {
		if err := d.Calibrate(t.Context(), windows(5000, 20), windows(6000, detector.LeastHeldOut), 1, nil); err != nil {
			t.Error(err)
		}
	})
	wait.Wait()

	// Closed by who is judged: a Close that waited for what is under way would wait for itself.
	n := 0
	_, err := d.Stream(t.Context(), detectortest.Files(100, func(int) []byte { return detectortest.PNG(detectortest.Good(1, 32, 32, 1)) }),
		detector.Options{}, func(detector.Result) error { d.Close(); n++; return nil })
	require.NoError(t, err)
	require.Equal(t, 100, n)
}

// A picture in tiles has the scores of its most unusual window, score by score.
func TestTiles(t *testing.T) {
	tiled := detectortest.New(t, 3, func(c *detector.Config) {
		c.Preparation.Tiles, c.Preparation.Overlap, c.Preparation.Longest = true, 16, 96
	})
	p := detectortest.Good(1, 64, 80, 3)
	noise := detectortest.Noisy(3, 64, 80, 3)
	for y := 40; y < 64; y++ { // noise in the lower right corner
		for x := 56; x < 80; x++ {
			copy(p.Pixels[3*(y*80+x):][:3], noise.Pixels[3*(y*80+x):])
		}
	}
	whole := detectortest.Folder(t, map[string][]byte{"whole.png": detectortest.PNG(p)})
	results, _ := detect(t, tiled, detector.Options{Look: func(float64) bool { return true }}, whole)
	require.Equal(t, 3*4, results[0].Windows)
	require.True(t, results[0].Anomalous)

	parts := map[string][]byte{}
	windows := tiled.Preparation().Of(p)
	for i, corner := range windows.Corners {
		parts[corner.String()+".png"] = detectortest.PNG(&intake.Picture{Height: 32, Width: 32, Channels: 3,
			Pixels: windows.Pixels[i*3072 : (i+1)*3072]})
	}
	pieces, _ := detect(t, tiled, detector.Options{}, detectortest.Folder(t, parts))
	require.Len(t, pieces, 12)
	for j := range results[0].Scores {
		least := math.Inf(1)
		for _, piece := range pieces {
			least = min(least, piece.Scores[j])
		}
		require.InDelta(t, least, results[0].Scores[j], 1e-3*(1+math.Abs(least)), tiled.Scores()[j].Name)
	}
	heat := results[0].View.Heat
	require.Equal(t, []int{64, 80, 64 * 80}, []int{heat.Height, heat.Width, len(heat.Values)})
	at := func(fromY, toY, fromX, toX int) (mean float64) {
		for y := fromY; y < toY; y++ {
			for x := fromX; x < toX; x++ {
				mean += float64(heat.Values[y*80+x]) / float64((toY-fromY)*(toX-fromX))
			}
		}
		return mean
	}
	require.Greater(t, at(40, 64, 56, 80), at(0, 32, 0, 32)+1, "the heat is where the noise is")
	require.Equal(t, []int{64, 80}, []int{results[0].View.Picture.Height, results[0].View.Picture.Width})
}

// Bytes is no less than what is made of any picture.
func TestBytes(t *testing.T) {
	for _, p := range []detector.Preparation{{Channels: 1}, {Channels: 3}, {Channels: 1, Tiles: true, Longest: 100, Overlap: 31},
		{Channels: 3, Tiles: true, Longest: 256, Overlap: 16}, {Channels: 3, Tiles: true, Longest: 90}} {
		for _, side := range [][2]int{{1, 1}, {20, 500}, {90, 90}, {256, 256}, {300, 299}} {
			w := p.Of(&intake.Picture{Height: side[0], Width: side[1], Channels: 3, Pixels: make([]uint8, 3*side[0]*side[1])})
			made := len(w.Pixels) + 3*w.Height*w.Width
			heat := 4*detector.Side*detector.Side*len(w.Corners) + 8*w.Height*w.Width
			require.LessOrEqual(t, int64(made), p.Bytes(false), "%v of %v", p, side)
			require.LessOrEqual(t, int64(made+heat), p.Bytes(true), "%v of %v", p, side)
			if side[0] == 256 {
				require.Equal(t, int64(made+heat), p.Bytes(true), "no more than the largest")
			}
		}
	}
}

// Progress is said batch by batch: told image by image, the first of a batch would seem to have taken as long as all of it. A file that
// cannot be read is no sign that the networks are compiled.
func TestProgress(t *testing.T) {
	var heard []int
	files := detectortest.Files(41, func(i int) []byte {
		if i == 0 {
			return nil
		}
		return detectortest.PNG(detectortest.Good(i, 32, 32, 3))
	})
	o := detector.Options{Progress: func(done int) { heard = append(heard, done) }}
	_, err := detectortest.New(t, 3, nil).Stream(context.Background(), files, o, func(detector.Result) error { return nil })
	require.NoError(t, err)
	require.Equal(t, []int{33, 41}, heard)
}

func TestLook(t *testing.T) {
	d := sharedOf(t, 3)
	folder := detectortest.Folder(t, map[string][]byte{"1.png": detectortest.PNG(detectortest.Good(1, 400, 200, 3)),
		"2.png": detectortest.PNG(detectortest.Noisy(2, 40, 40, 3))})
	plain, _ := detect(t, d, detector.Options{}, folder)
	results, _ := detect(t, d, detector.Options{Look: func(score float64) bool { return score == plain[1].Score }}, folder)
	require.Nil(t, results[0].View)
	require.Equal(t, []int{128, 64, 3}, []int{results[1].View.Picture.Height, results[1].View.Picture.Width,
		results[1].View.Picture.Channels})
	require.Len(t, results[1].View.Heat.Values, 1024)
}

// What is saved is what is loaded, and what is damaged is refused in words, wherever the damage is.
func TestFile(t *testing.T) {
	d := sharedOf(t, 1)
	path := filepath.Join(t.TempDir(), "good.strata")
	require.NoError(t, d.Save(path))
	require.True(t, detector.IsModel(path))
	loaded, err := detector.Load(path)
	require.NoError(t, err)
	defer loaded.Close()
	folder := detectortest.Folder(t, map[string][]byte{"1.png": detectortest.PNG(detectortest.Good(1, 40, 40, 1)),
		"2.png": detectortest.PNG(detectortest.Noisy(2, 40, 40, 1))})
	want, _ := detect(t, d, detector.Options{}, folder)
	got, _ := detect(t, loaded, detector.Options{}, folder)
	require.Equal(t, want, got)
	require.Equal(t, d.HeldOut(), loaded.HeldOut())
	require.Len(t, loaded.Manifest().Parts, 4)

	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	refused := 0
	for at := 0; at < len(whole); at += 1 + len(whole)/300 {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x55
		other, err := detector.Read(bytes.NewReader(bad), int64(len(bad)), "bad.strata")
		if err != nil {
			refused++
			require.ErrorContains(t, err, "bad.strata")
			require.NotContains(t, err.Error(), "\n")
			continue
		}
		require.Equal(t, loaded.HeldOut(), other.HeldOut(), "what is not read, as a time, may change: byte %d", at)
	}
	require.Greater(t, refused, 250)
	for _, n := range []int{0, 10, len(whole) / 2, len(whole) - 1} {
		_, err := detector.Read(bytes.NewReader(whole[:n]), int64(n), "cut.strata")
		require.ErrorContains(t, err, "model cut.strata: ")
	}
	_, err = detector.Load(filepath.Join(t.TempDir(), "absent"))
	require.ErrorContains(t, err, "strata fit makes one")
	_, err = detector.Load(folder)
	require.ErrorContains(t, err, "is no file")
}

// rewritten is a model's file with other entries: nil takes one out.
func rewritten(t *testing.T, path string, entries map[string][]byte) []byte {
	t.Helper()
	archive, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer archive.Close()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range archive.File {
		r, err := e.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		if other, ok := entries[e.Name]; ok {
			data = other
		}
		if data == nil {
			continue
		}
		to, err := w.CreateHeader(&zip.FileHeader{Name: e.Name, Method: zip.Store})
		require.NoError(t, err)
		_, err = to.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func entry(t *testing.T, path, name string) string {
	t.Helper()
	archive, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer archive.Close()
	file, err := archive.Open(name)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(text)
}

// A Glow whose training failed is no detector's, and none comes out of a file; and a detector that is not calibrated says nothing of
// held-out images.
func TestBrokenWeights(t *testing.T) {
	d := sharedOf(t, 1)
	own := maps.Clone(d.Own())
	for name, values := range own {
		own[name] = slices.Repeat([]float32{float32(math.NaN())}, len(values))
		break
	}
	_, err := detector.New(detector.Config{General: d.General(), Own: own, Preparation: d.Preparation()})
	require.ErrorContains(t, err, "values that are not finite")
	fresh, err := detector.New(detector.Config{General: d.General(), Own: d.Own(), Preparation: d.Preparation()})
	require.NoError(t, err)
	require.Nil(t, fresh.HeldOut())
	require.Nil(t, fresh.HeldOutScores("ratio"))
}

// Files that are whole as zips and wrong as models.
func TestForeignFiles(t *testing.T) {
	d := sharedOf(t, 1)
	path := filepath.Join(t.TempDir(), "good.strata")
	require.NoError(t, d.Save(path))
	manifest := entry(t, path, "detector.json")
	for name, c := range map[string]struct {
		entries map[string][]byte
		says    string
	}{
		"newer": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"format": 1`, `"format": 3`, 1))},
			"format 3, this strata reads formats 1 to 2: use the strata that made it"},
		"no manifest": {map[string][]byte{"detector.json": nil}, "has no detector.json: it is no model of strata"},
		"no JSON":     {map[string][]byte{"detector.json": []byte("{")}, "detector.json is damaged"},
		"no weights":  {map[string][]byte{"own.npz": nil}, "has no own.npz"},
		"other weights": {map[string][]byte{"own.npz": []byte(entry(t, path, "general.npz"))},
			"own.npz is damaged (its SHA-256 is not the one in detector.json)"},
		"fewer held out": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"held_out": 120`, `"held_out": 119`, 1))},
			"calibration.csv is damaged (120 images, the manifest says 119)"},
		"other Glow": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"hidden": 8`, `"hidden": 9`, 1))},
			"general.npz is damaged"},
		"no network": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"glow"`, `"vae"`, 1))},
			"detector.json is damaged (it has not one network: expected glow or pixelcnn)"},
		"two networks": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"glow"`, `"pixelcnn": {}, "glow"`, 1))},
			"it has not one network"},
		"huge Glow": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"scales": 3`, `"scales": 30`, 1))},
			"damaged"},
		"endless Glow": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"k": 1`, `"k": 300000`, 1))},
			"a Glow of 300000 steps a scale"},
		"unknown score": {map[string][]byte{"detector.json": []byte(strings.ReplaceAll(manifest, `"ratio"`, `"beauty"`))},
			"calibration.csv is damaged"},
		"unknown rule": {map[string][]byte{"detector.json": []byte(strings.Replace(manifest, `"harmonic"`, `"mean"`, 1))},
			`no rule "mean"`},
	} {
		bad := rewritten(t, path, c.entries)
		_, err := detector.Read(bytes.NewReader(bad), int64(len(bad)), "bad.strata")
		require.ErrorContains(t, err, c.says, name)
	}

	general := filepath.Join(t.TempDir(), "general.strata")
	require.NoError(t, d.General().Save(general))
	g, err := detector.LoadGeneral(general)
	require.NoError(t, err)
	require.Equal(t, d.General(), g)
	g, err = detector.LoadGeneral(path)
	require.NoError(t, err)
	require.Equal(t, d.General(), g, "a detector's file has one too")
	_, err = detector.Load(general)
	require.ErrorContains(t, err, "is a general Glow and no detector")
}
