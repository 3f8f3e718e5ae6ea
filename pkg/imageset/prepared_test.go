package imageset

import (
	"bytes"
	"context"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/internal/fs"
	"strata/pkg/imageset/format"
	"strata/pkg/imageset/resample"
)

// tinyLibrary has a file of 80 Million Tiny Images' layout with 20 images, and prepares everything.
func tinyLibrary(t testing.TB) (*Library, Recipe) {
	t.Helper()
	data := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(data, "tiny"), os.DirFS("format/testdata/tinyimages")))
	return &Library{Data: data, Cache: filepath.Join(t.TempDir(), "cache"), inMemory: 1},
		Recipe{Of: "tiny", Tiny: format.Tiny{Chunk: 2, Chunks: 5}}
}

// cached are the prepared sets.
func cached(t testing.TB, l *Library) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(l.Cache, "[^.]*"))
	require.NoError(t, err)
	leftovers, err := filepath.Glob(filepath.Join(l.Cache, makingPrefix+"*"))
	require.NoError(t, err)
	assert.Empty(t, leftovers)
	return folders
}

func TestPreparedEqualsRead(t *testing.T) {
	library, recipe := tinyLibrary(t)
	inMemory := &Library{Data: library.Data}
	for _, split := range []string{Train, Test} {
		want, err := inMemory.Open(recipe, "general", split)
		require.NoError(t, err)
		var made *Set
		for range 2 { // made, then found
			made, err = library.Open(recipe, "general", split)
			require.NoError(t, err)
			assert.Equal(t, want.Hash(), made.Hash())
			assert.Equal(t, made.Hash(), made.rehash(), "the hash that is kept is that of the pixels")
			same := *made
			same.hash, same.mapping = "", nil
			assert.Equal(t, want, &same)
		}
		part := made.Subset(3, 1)
		assert.Equal(t, part.rehash(), part.Hash(), "a part has a hash of its own")
		assert.Len(t, part.Places, min(3, made.Len()))
	}
	assert.Len(t, cached(t, library), 2)

	other := recipe
	other.Tiny.Seed = 7
	set, err := library.Open(other, "general", Train)
	require.NoError(t, err)
	assert.Len(t, cached(t, library), 3, "another choice is another set")
	first, err := library.Open(recipe, "general", Train)
	require.NoError(t, err)
	assert.NotEqual(t, first.Hash(), set.Hash())

	grey := recipe
	grey.Grey = true
	set, err = library.Open(grey, "grey", Train)
	require.NoError(t, err)
	assert.Equal(t, 1, set.Channels)
	assert.Equal(t, set.rehash(), set.Hash())
	assert.Len(t, cached(t, library), 4, "what is made of a prepared set is prepared too")
}

// Labels and class names are kept; a change of the files is noticed.
func TestPreparedWithLabels(t *testing.T) {
	data := t.TempDir()
	path := filepath.Join(data, "pets.zip")
	writeZip(t, path, "test/cat/b.png", "test/dog/a.png", "test/cat/a.png", "train/dog/x.png")
	library := &Library{Data: data, Cache: filepath.Join(t.TempDir(), "cache"), inMemory: 1}
	want, err := Open(data, "pets", Test)
	require.NoError(t, err)
	for range 2 {
		set, err := library.Open(Recipe{Of: "pets"}, "pets", Test)
		require.NoError(t, err)
		assert.Equal(t, want.Hash(), set.Hash())
		assert.Equal(t, want.Labels, set.Labels)
		assert.Equal(t, want.Classes, set.Classes)
		assert.Equal(t, want.History, set.History)
	}
	writeZip(t, path, "test/cat/c.png", "test/cat/d.png")
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)))
	set, err := library.Open(Recipe{Of: "pets"}, "pets", Test)
	require.NoError(t, err)
	assert.Equal(t, 2, set.Len())
	assert.Len(t, cached(t, library), 2)
}

// Large sets go to disk by their size alone, small ones stay in memory; without a cache everything does.
func TestWhatIsPrepared(t *testing.T) {
	library, recipe := tinyLibrary(t)
	library.inMemory = 8 * 3072 // the train split has 8 images
	_, err := library.Open(recipe, "general", Train)
	require.NoError(t, err)
	_, err = library.Open(recipe, "general", Test)
	require.NoError(t, err)
	assert.Len(t, cached(t, library), 1)
	library.inMemory = 0
	assert.Zero(t, library.prepareFrom(format.LSUN))
	assert.Less(t, library.prepareFrom(format.CIFAR10), int64(50_000*3072),
		"training images are mapped: a schedule opens those of all runs")
	assert.Greater(t, library.prepareFrom(format.CIFAR10), int64(10_000*3072), "a small set is read faster than it is found")
}

// A set that was unloaded, and what was copied from it, have their pixels as before.
func TestUnload(t *testing.T) {
	library, recipe := tinyLibrary(t)
	set, err := library.Open(recipe, "general", Train)
	require.NoError(t, err)
	part, view := set.Subset(3, 1), set.Chunk(1, 2)
	hashes := []string{set.rehash(), part.Hash(), view.Hash()}
	for _, of := range []*Set{set, part, view, {Name: "in memory", Height: 1, Width: 1, Channels: 1, Pixels: []uint8{1, 2}}} {
		seen := 0
		for i, image := range of.Walk {
			assert.Equal(t, of.Image(i), image)
			seen++
		}
		assert.Equal(t, of.Len(), seen)
		of.Unload()
		assert.Equal(t, hashes, []string{set.rehash(), part.Hash(), view.Hash()})
	}
	assert.Equal(t, part.Hash(), set.HashOf(set.Choose(3, 1)), "a part's hash without the part")
}

func TestPreparedDamage(t *testing.T) {
	library, recipe := tinyLibrary(t)
	_, err := library.Open(recipe, "general", Test)
	require.NoError(t, err)
	folder := cached(t, library)[0]
	for _, name := range []string{pixelsFile, placesFile, infoFile} {
		path := filepath.Join(folder, name)
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, good[:len(good)-1], 0o644))
		_, err = library.Open(recipe, "general", Test)
		assert.ErrorContains(t, err, name)
		assert.ErrorContains(t, err, "remove the folder, and it will be made anew")
		require.NoError(t, os.WriteFile(path, good, 0o644))
	}
	for _, name := range []string{pixelsFile, placesFile} { // one that is missing is damage too, and not a set that is not there
		path := filepath.Join(folder, name)
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.Remove(path))
		_, err = library.Open(recipe, "general", Test)
		assert.ErrorContains(t, err, name)
		assert.ErrorContains(t, err, "remove the folder, and it will be made anew")
		require.NoError(t, os.WriteFile(path, good, 0o644))
	}
	// Without what is written last the folder is nothing, and is replaced.
	require.NoError(t, os.Remove(filepath.Join(folder, infoFile)))
	_, err = library.Open(recipe, "general", Test)
	require.NoError(t, err)
	assert.Equal(t, []string{folder}, cached(t, library))

	path := filepath.Join(folder, pixelsFile)
	pixels, err := os.ReadFile(path)
	require.NoError(t, err)
	pixels[100] ^= 1
	require.NoError(t, os.WriteFile(path, pixels, 0o644))
	_, err = library.Check(recipe, "general")
	assert.ErrorContains(t, err, "the prepared copy is damaged")

	require.NoError(t, os.RemoveAll(folder))
	_, err = library.Open(recipe, "general", Test)
	require.NoError(t, err, "made anew")
}

// A preparation that is stopped or fails leaves nothing behind, and the next one makes the set.
func TestPreparationStops(t *testing.T) {
	library, recipe := tinyLibrary(t)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	library.Context = stopped
	_, err := library.Open(recipe, "general", Train)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, cached(t, library))

	library.Context = nil
	tiny := filepath.Join(library.Data, "tiny", "tiny_images.bin")
	whole, err := os.ReadFile(tiny)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(tiny, whole[:len(whole)-1], 0o644))
	_, err = library.Open(recipe, "general", Train)
	assert.ErrorContains(t, err, "truncated")
	assert.Empty(t, cached(t, library))

	require.NoError(t, os.WriteFile(tiny, whole, 0o644))
	var out bytes.Buffer
	library.Out = &out
	_, err = library.Open(recipe, "general", Train)
	require.NoError(t, err)
	assert.Len(t, cached(t, library), 1)

	// What a killed process left is replaced when the same is made again.
	folder := cached(t, library)[0]
	require.NoError(t, os.Rename(folder, filepath.Join(library.Cache, makingPrefix+filepath.Base(folder))))
	_, err = library.Open(recipe, "general", Train)
	require.NoError(t, err)
	assert.Equal(t, []string{folder}, cached(t, library))
}

// Processes that want the same set make it once: the second waits, then finds it.
func TestPreparationIsMadeOnce(t *testing.T) {
	library, recipe := tinyLibrary(t)
	set, err := library.Open(recipe, "general", Train)
	require.NoError(t, err)
	folder := cached(t, library)[0]
	aside := filepath.Join(t.TempDir(), "aside")
	require.NoError(t, os.Rename(folder, aside))
	unlock, err := fs.Lock(filepath.Join(library.Cache, "."+filepath.Base(folder)+".lock"))
	require.NoError(t, err)
	var out bytes.Buffer
	library.Out = &out
	found := make(chan *Set)
	go func() {
		set, err := library.Open(recipe, "general", Train)
		assert.NoError(t, err)
		found <- set
	}()
	time.Sleep(300 * time.Millisecond) // it waits now, or will see the set at once: both are right
	require.NoError(t, os.Rename(aside, folder))
	unlock()
	assert.Equal(t, set.Hash(), (<-found).Hash())
	assert.Contains(t, out.String(), "is being prepared by another process: waiting for it")

	library, recipe = tinyLibrary(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			set, err := library.Open(recipe, "general", Train)
			assert.NoError(t, err)
			assert.Equal(t, 8, set.Len())
		})
	}
	all.Wait()
	assert.Len(t, cached(t, library), 1)
}

// A set that lies behind a link is made anew when what is there changes.
func TestPreparedBehindALink(t *testing.T) {
	elsewhere, data := filepath.Join(t.TempDir(), "pets"), t.TempDir()
	for name, c := range map[string]color.Color{"test/a/1.png": color.White, "test/a/2.png": color.Black} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(elsewhere, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(elsewhere, name), pngOf(t, 3, 3, c), 0o644))
	}
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(data, "pets")))
	library := &Library{Data: data, Cache: filepath.Join(t.TempDir(), "cache"), inMemory: 1}
	set, err := library.Open(Recipe{Of: "pets"}, "pets", Test)
	require.NoError(t, err)
	assert.Equal(t, 2, set.Len())
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "test/a/3.png"), pngOf(t, 3, 3, color.White), 0o644))
	set, err = library.Open(Recipe{Of: "pets"}, "pets", Test)
	require.NoError(t, err)
	assert.Equal(t, 3, set.Len())
}

// What is made of a set on disk is made on disk too, a chunk at a time, and equals what is made in memory.
func TestDerivedSetsOnDisk(t *testing.T) {
	data := t.TempDir()
	writeZip(t, filepath.Join(data, "pets.zip"), "test/cat/b.png", "test/dog/a.png", "test/cat/a.png", "test/owl/x.png")
	library := &Library{Data: data, Cache: filepath.Join(t.TempDir(), "cache"), inMemory: 1}
	raw, err := library.Open(Recipe{Of: "pets"}, "pets", Test)
	require.NoError(t, err)
	for _, recipe := range []Recipe{{Of: "pets", Classes: []int{2, 0}}, {Of: "pets", Grey: true},
		{Of: "pets", Codec: "jpeg75", Classes: []int{0, 1}, Grey: true}} {
		want, err := (&Library{Data: data}).Open(recipe, "part", Test)
		require.NoError(t, err)
		for range 2 {
			got, err := library.Derive(recipe, "part", raw)
			require.NoError(t, err)
			assert.Equal(t, want.Hash(), got.Hash())
			assert.Equal(t, want.Labels, got.Labels)
			assert.Equal(t, want.Classes, got.Classes)
			assert.Equal(t, want.Places, got.Places)
			assert.Equal(t, want.History, got.History)
			assert.Equal(t, "part", got.Name)
		}
	}
	assert.Len(t, cached(t, library), 4, "all of them small, but made of one that is on disk")
	_, err = library.Derive(Recipe{Of: "pets", Classes: []int{7}}, "part", raw)
	assert.ErrorContains(t, err, "class 7 of pets, which has 3")
}

// A disk without room is an error that says what to do; one that fills meanwhile is one too. Neither leaves anything behind.
func TestPreparationOnAFullDisk(t *testing.T) {
	library, recipe := tinyLibrary(t)
	require.NoError(t, os.MkdirAll(library.Cache, 0o755))
	if err := syscall.Mount("tmpfs", library.Cache, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("no small disk can be mounted here:", err)
	}
	t.Cleanup(func() { syscall.Unmount(library.Cache, syscall.MNT_DETACH) })
	junk := filepath.Join(library.Cache, "junk")
	require.NoError(t, os.WriteFile(junk, make([]byte, 50<<10), 0o644))
	_, err := library.Open(recipe, "general", Train) // 24 KiB
	assert.ErrorContains(t, err, "make room, or set STRATA_CACHE")
	require.NoError(t, os.Remove(junk))

	m := &maker{library: library, name: "general", split: Train, folder: filepath.Join(library.Cache, "general")}
	to, err := m.target(format.Shape{Images: 8, Height: 32, Width: 32, Channels: 3})
	require.NoError(t, err)
	require.Error(t, os.WriteFile(junk, make([]byte, 100<<10), 0o644), "the disk is full now")
	_, err = to.WriteAt(make([]byte, 8*3072), 0)
	assert.ErrorIs(t, err, syscall.ENOSPC)
	m.discard()
	require.NoError(t, os.Remove(junk))
	assert.Empty(t, cached(t, library))
	_, err = library.Open(recipe, "general", Train)
	assert.NoError(t, err, "and with room again it works")
}

func TestRecipeValidates(t *testing.T) {
	for _, bad := range []struct {
		recipe Recipe
		want   string
	}{
		{Recipe{}, "without the set that it is of"},
		{Recipe{Of: "shapes", Codec: "jpeg"}, `codec "jpeg"`},
		{Recipe{Of: "shapes", Codec: "jpeg101"}, "quality from 1 to 100"},
		{Recipe{Of: "shapes", Codec: "webp75"}, `codec "webp75"`},
		{Recipe{Of: "shapes", Draw: Draw{Train: -1}}, "-1 training"},
		{Recipe{Of: "shapes", Side: -1}, "side -1"},
		{Recipe{Of: "shapes", Side: 16, Kernel: "nearest"}, `kernel "nearest": expected box`},
		{Recipe{Of: "shapes", Kernel: "box"}, "kernel box without the side"},
		{Recipe{Of: "shapes", Side: 16, Chroma: "nearest"}, `chroma: kernel "nearest": expected box`},
		{Recipe{Of: "shapes", Chroma: "box"}, "chroma box without the side"},
		{Recipe{Of: "shapes", Slices: format.Slices{Every: -1}}, "every -1"},
		{Recipe{Of: "shapes", Faces: 5}, "faces means nothing for a set of kind procedural"},
		{Recipe{Of: "shapes", Tiny: format.Tiny{Chunk: 2}}, "tiny means nothing"},
		{Recipe{Of: "shapes", Classes: []int{10}, Draw: Draw{Train: 3}}, "class 10 of shapes, which has 10"},
	} {
		_, err := (&Library{}).Open(bad.recipe, "bad", Train)
		assert.ErrorContains(t, err, bad.want)
	}
}

// Pictures are made small by the kernel of the recipe, which their history tells; a recipe without one is that of
// before, to the letter, and what is prepared by one kernel is not taken for that of another.
func TestKernelOfARecipe(t *testing.T) {
	data := t.TempDir()
	writeZip(t, filepath.Join(data, "pets.zip"), "test/cat/b.png", "test/dog/a.png", "train/cat/a.png")
	library := &Library{Data: data, Cache: filepath.Join(t.TempDir(), "cache"), inMemory: 1}
	whole, err := library.Open(Recipe{Of: "pets"}, "pets", Test)
	require.NoError(t, err)
	require.Equal(t, `{"of":"pets","side":2}`, Recipe{Of: "pets", Side: 2}.Key())
	for kernel, history := range map[resample.Kernel]string{"": "", resample.Bilinear: "", resample.Box: " by box",
		resample.Bicubic: " by bicubic", resample.Lanczos: " by lanczos"} {
		set, err := library.Open(Recipe{Of: "pets", Side: 2, Kernel: kernel}, "small", Test)
		require.NoError(t, err)
		for i := range set.Len() {
			assert.Equal(t, kernel.Resize(whole.Image(i), 4, 4, 3, 2, 2), set.Image(i), kernel)
		}
		assert.Equal(t, "as stored at about 4x4, then resized to 2x2"+history, set.History)
	}
	set, err := library.Open(Recipe{Of: "pets", Side: 2, Chroma: resample.Bicubic}, "small", Test)
	require.NoError(t, err)
	for i := range set.Len() {
		assert.Equal(t, resample.Bilinear.FitWithChroma(resample.Bicubic, whole.Image(i), 4, 4, 3, 2), set.Image(i))
	}
	assert.Equal(t, "as stored at about 4x4, then resized to 2x2 by bilinear, chroma by bicubic", set.History)
	_, err = library.Open(Recipe{Of: "shapes", Side: 2, Kernel: resample.Box}, "small", Test)
	require.ErrorContains(t, err, "means nothing for a set of kind procedural")
}

// Any number of images of any seed, the first ones of which are always the same.
func TestDrawnSets(t *testing.T) {
	library := &Library{}
	draw := func(d Draw) *Set {
		set, err := library.Open(Recipe{Of: "shapes", Draw: d}, "drawn", Test)
		require.NoError(t, err)
		return set
	}
	few, more := draw(Draw{Seed: 5, Test: 4}), draw(Draw{Seed: 5, Test: 12})
	assert.Equal(t, few.Pixels, more.Pixels[:len(few.Pixels)])
	assert.NotEqual(t, few.Pixels, draw(Draw{Seed: 6, Test: 4}).Pixels)
	assert.NotEqual(t, few.Pixels, draw(Draw{Test: 4}).Pixels)
	assert.Equal(t, 12, more.Len())
	// What a seed draws is pinned, on every machine.
	assert.Equal(t, "9e9734a2a4b30ce68dbcca52a5338206176af675d2a4ef2372511021c8dcc39d", sha(few.Pixels))
}

func TestJPEG(t *testing.T) {
	library := &Library{}
	lossless, err := library.Open(Recipe{Of: "shapes", Draw: Draw{Test: 20}}, "a", Test)
	require.NoError(t, err)
	coded, err := library.Open(Recipe{Of: "shapes", Draw: Draw{Test: 20}, Codec: "jpeg75"}, "b", Test)
	require.NoError(t, err)
	assert.Equal(t, "drawn by strata", lossless.History)
	assert.Equal(t, "JPEG 75 4:2:0 at 32x32", coded.History)
	assert.Equal(t, lossless.Labels, coded.Labels)
	assert.NotEqual(t, lossless.Hash(), coded.Hash())
	worse, err := lossless.JPEG(10)
	require.NoError(t, err)
	assert.Less(t, distance(lossless, coded), distance(lossless, worse), "less quality, more loss")
	twice, err := coded.JPEG(75)
	require.NoError(t, err)
	assert.Equal(t, "JPEG 75 4:2:0 at 32x32, then JPEG 75 4:2:0 at 32x32", twice.History)
	assert.Less(t, distance(coded, twice), distance(lossless, coded), "a second pass finds little to take away")

	grey, err := lossless.Grey("grey").JPEG(75)
	require.NoError(t, err)
	assert.Equal(t, 1, grey.Channels)
	_, err = lossless.JPEG(0)
	assert.ErrorContains(t, err, "quality 0")
}

// distance is the mean difference of two sets' pixels, in grey levels.
func distance(a, b *Set) float64 {
	sum := 0
	for i := range a.Pixels {
		sum += max(int(a.Pixels[i])-int(b.Pixels[i]), int(b.Pixels[i])-int(a.Pixels[i]))
	}
	return float64(sum) / float64(len(a.Pixels))
}

// What Pillow 9.4.0 makes of the same picture at quality 75, 4:2:0, lies within one grey level on average: the quantisation tables are the
// same, but transforms and the halving of chroma round otherwise, and what is rounded to another step of the table moves a block.
func TestJPEGAgainstPIL(t *testing.T) {
	file, err := os.ReadFile("format/testdata/codecs/pil75.png")
	require.NoError(t, err)
	lossless := make([]uint8, 32*48*3)
	require.NoError(t, format.DecodePicture(lossless, file, 32, 48, 3))
	file, err = os.ReadFile("format/testdata/codecs/pil75coded.png")
	require.NoError(t, err)
	want := make([]uint8, len(lossless))
	require.NoError(t, format.DecodePicture(want, file, 32, 48, 3))
	set := &Set{Name: "waves", Split: Test, Height: 32, Width: 48, Channels: 3, Pixels: lossless}
	coded, err := set.JPEG(75)
	require.NoError(t, err)
	reference := &Set{Pixels: want}
	loss, off := distance(set, reference), distance(coded, reference)
	t.Logf("PIL moves pixels by %.2f levels on average, and ours lie %.2f from PIL's", loss, off)
	assert.Less(t, off, 1.0)
	assert.Less(t, off, loss/2, "far nearer to PIL's than to the lossless picture")
}

func TestHistories(t *testing.T) {
	set := func(name, history string) *Set { return &Set{Name: name, History: history} }
	a, b, c := set("cifar10", format.AsDistributed), set("svhn", format.AsStored),
		set("lsun", "WebP at about 256x341, then resized to 32x32")
	assert.Empty(t, CompareHistories(a, b), "both lossless")
	lines := CompareHistories(a, b, c, c)
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "warning: cifar10 (as distributed) and lsun (WebP at about 256x341, then resized to 32x32) differ in "+
		"their history")
	assert.Empty(t, CompareHistories(set("x", "JPEG 75"), set("y", "JPEG 75")))
	assert.Len(t, CompareHistories(set("x", "JPEG 75"), set("y", "")), 1, "unknown is not the same")
}

// Pictures are named after their file or folder, arrays too.
func TestLibraryLists(t *testing.T) {
	data := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(data, "svhn"), os.DirFS("format/testdata/svhn")))
	require.NoError(t, os.CopyFS(filepath.Join(data, "brats"), os.DirFS("format/testdata/brats/nifti")))
	array, err := os.ReadFile("format/testdata/numpy/random.npy")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(data, "random300k.npy"), array, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(data, "holiday.png"), pngOf(t, 2, 2, color.White), 0o644))
	infos, err := (&Library{Data: data}).List()
	require.NoError(t, err)
	var found []string
	for _, info := range infos {
		if info.Path != "" {
			require.NoError(t, info.Problem)
			found = append(found, info.Name+" "+string(info.Kind))
		}
	}
	assert.Equal(t, []string{"brats mri", "random300k numpy", "svhn svhn"}, found)
	set, err := Open(data, "random300k", Test)
	require.NoError(t, err)
	assert.Equal(t, []int{4, 9}, set.Places)
	assert.Empty(t, set.Class(0))
	assert.True(t, strings.HasPrefix(set.History, "as distributed"))
}

func BenchmarkPreparedPrefetch(b *testing.B) {
	library := &Library{Data: b.TempDir(), Cache: b.TempDir(), inMemory: 1}
	require.NoError(b, os.Mkdir(filepath.Join(library.Data, "tiny"), 0o755))
	file, err := os.Create(filepath.Join(library.Data, "tiny", "tiny_images.bin"))
	require.NoError(b, err)
	require.NoError(b, file.Truncate(100_000*3072)) // holes read as black
	require.NoError(b, file.Close())
	set, err := library.Open(Recipe{Of: "tiny"}, "tiny", Train)
	require.NoError(b, err)
	sampler, err := NewSampler(set, 64, PaperAugmentation, 1)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	batches := sampler.Prefetch(ctx, 0, 4)
	images := 0
	for b.Loop() {
		batch := <-batches
		images += len(batch.Indices)
		batch.Release()
	}
	b.ReportMetric(float64(images)/b.Elapsed().Seconds(), "images/s")
}

// Drawn sets are drawn once.
func TestDrawnSetsAreKept(t *testing.T) {
	library := &Library{Cache: filepath.Join(t.TempDir(), "cache")}
	recipe := Recipe{Of: "digits", Draw: Draw{Test: 10}}
	want, err := (&Library{}).Open(recipe, "digits", Test)
	require.NoError(t, err)
	for range 2 {
		got, err := library.Open(recipe, "digits", Test)
		require.NoError(t, err)
		hash := got.hash
		got.hash, got.mapping = "", nil
		assert.Equal(t, want, got)
		assert.Equal(t, want.Hash(), hash)
		assert.Len(t, cached(t, library), 1)
	}
	recipe.Draw.Seed = 2
	_, err = library.Open(recipe, "digits", Test)
	require.NoError(t, err)
	assert.Len(t, cached(t, library), 2)
}
