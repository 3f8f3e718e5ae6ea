package format

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asPNG encodes the picture.
func asPNG(t testing.TB, picture image.Image) []byte {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, png.Encode(&data, picture))
	return data.Bytes()
}

// fill paints the picture in one colour.
func fill[P interface {
	image.Image
	Set(x, y int, c color.Color)
}](p P, c color.Color) P {
	for y := range p.Bounds().Dy() {
		for x := range p.Bounds().Dx() {
			p.Set(x, y, c)
		}
	}
	return p
}

var square = image.Rect(0, 0, 2, 2)

func rgb(t testing.TB, r, g, b uint8) []byte {
	return asPNG(t, fill(image.NewRGBA(square), color.RGBA{r, g, b, 255}))
}

func grey(t testing.TB, v uint8) []byte {
	return asPNG(t, fill(image.NewGray(square), color.Gray{v}))
}

// file is an entry to write into a zip.
type file struct {
	name string
	data []byte
}

func zipOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var data bytes.Buffer
	w := zip.NewWriter(&data)
	for _, f := range files {
		e, err := w.Create(f.name)
		require.NoError(t, err)
		_, err = e.Write(f.data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return data.Bytes()
}

// both gives the same files as a zip and as a folder.
func both(t *testing.T, limits Limits, files ...file) map[Kind]*Source {
	t.Helper()
	byName := map[string][]byte{}
	for _, f := range files {
		byName[f.name] = f.data
	}
	sources := map[Kind]*Source{}
	for _, path := range []string{write(t, byName), filepath.Join(write(t, map[string][]byte{"set.zip": zipOf(t, files...)}), "set.zip")} {
		source, err := Find(path, Options{Limits: limits})
		require.NoError(t, err)
		sources[source.Kind] = source
	}
	require.Len(t, sources, 2)
	return sources
}

func TestTree(t *testing.T) {
	for _, wrapper := range []string{"", "set/"} {
		for kind, source := range both(t, small,
			file{wrapper + "test/b b/2.PNG", rgb(t, 7, 8, 9)},
			file{wrapper + "test/b/1.png", rgb(t, 4, 5, 6)},
			file{wrapper + "train/a/x.png", rgb(t, 1, 2, 3)},
			file{".DS_Store", []byte("junk")},
			file{wrapper + "test/b/.hidden", nil},
			file{wrapper + "test/Thumbs.db", nil},
			file{"__MACOSX/test/b/._1.png", nil},
		) {
			splits, err := source.Splits()
			require.NoError(t, err, kind)
			assert.Equal(t, []Split{{Train, 1}, {Test, 2}}, splits)
			got, err := source.Read(Test)
			require.NoError(t, err, kind)
			assert.Equal(t, &Images{
				Height: 2, Width: 2, Channels: 3,
				Pixels:  []uint8{7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8, 9, 4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6},
				Labels:  []int32{2, 1}, // "b b/" sorts before "b/"
				Classes: []string{"a", "b", "b b"},
				History: "as stored",
			}, got, "%s: classes are those of both splits", kind)
		}
	}
}

func TestChannels(t *testing.T) {
	for kind, source := range both(t, small, file{"test/a/1.png", grey(t, 10)}, file{"test/a/2.png", grey(t, 20)}) {
		got, err := source.Read(Test)
		require.NoError(t, err, kind)
		assert.Equal(t, 1, got.Channels)
		assert.Equal(t, []uint8{10, 10, 10, 10, 20, 20, 20, 20}, got.Pixels)
	}
	mixed := []uint8{10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}
	for kind, source := range both(t, small, file{"test/a/1.png", grey(t, 10)}, file{"test/a/2.png", rgb(t, 1, 2, 3)}) {
		got, err := source.Read(Test)
		require.NoError(t, err, kind)
		assert.Equal(t, 3, got.Channels)
		assert.Equal(t, mixed, got.Pixels)
	}
}

func TestDecodeKindsOfPictures(t *testing.T) {
	c := color.RGBA{200, 100, 50, 255}
	var jpegRGB, jpegGrey bytes.Buffer
	require.NoError(t, jpeg.Encode(&jpegRGB, fill(image.NewRGBA(square), c), &jpeg.Options{Quality: 100}))
	require.NoError(t, jpeg.Encode(&jpegGrey, fill(image.NewGray(square), color.Gray{77}), &jpeg.Options{Quality: 100}))
	opaqueButOne := fill(image.NewNRGBA(square), c)
	opaqueButOne.SetNRGBA(1, 0, color.NRGBA{1, 2, 3, 254})
	see := fill(image.NewPaletted(square, color.Palette{c, color.NRGBA{}}), c)
	see.SetColorIndex(0, 1, 1)

	for _, p := range []struct {
		name   string
		data   []byte
		pixel  []uint8
		within float64
		err    string
	}{
		{name: "RGB", data: asPNG(t, fill(image.NewRGBA(square), c)), pixel: []uint8{200, 100, 50}},
		{name: "palette", data: asPNG(t, fill(image.NewPaletted(square, color.Palette{color.Black, c}), c)), pixel: []uint8{200, 100, 50}},
		// 8-bit YCbCr of this colour rounds each component by half a step at
		// most, which is 2 steps of RGB at most.
		{name: "JPEG", data: jpegRGB.Bytes(), pixel: []uint8{200, 100, 50}, within: 2},
		{name: "grey JPEG", data: jpegGrey.Bytes(), pixel: []uint8{77}},
		{name: "alpha", data: asPNG(t, opaqueButOne), err: "pixel at row 0, column 1 is transparent"},
		{name: "transparent palette", data: asPNG(t, see), err: "pixel at row 1, column 0 is transparent"},
		{name: "16 bits", data: asPNG(t, fill(image.NewRGBA64(square), c)), err: "16 bits a channel: expected 8"},
		{name: "16 bits grey", data: asPNG(t, fill(image.NewGray16(square), c)), err: "16 bits a channel: expected 8"},
		{name: "GIF", data: []byte("GIF89a......"), err: "expected a PNG, JPEG or WebP, found a file that starts with 47 49 46"},
		{name: "nothing", data: nil, err: "expected a PNG, JPEG or WebP"},
		{name: "truncated PNG", data: rgb(t, 1, 2, 3)[:50], err: "not enough pixel data"},
		{name: "damaged PNG", data: bytes.Replace(rgb(t, 1, 2, 3), []byte("IDAT"), []byte("IDAX"), 1), err: "checksum"},
		{name: "truncated JPEG", data: jpegRGB.Bytes()[:jpegRGB.Len()-20], err: "EOF"},
	} {
		for kind, source := range both(t, small, file{"test/a/1.png", p.data}) {
			got, err := source.Read(Test)
			if p.err != "" {
				assert.ErrorContains(t, err, p.err, "%s in a %s", p.name, kind)
				assert.ErrorContains(t, err, `entry "test/a/1.png"`, p.name)
				assert.ErrorContains(t, err, source.Path, p.name)
				continue
			}
			require.NoError(t, err, p.name)
			require.Equal(t, len(p.pixel), got.Channels, p.name)
			for i, v := range got.Pixels {
				assert.InDelta(t, p.pixel[i%len(p.pixel)], v, p.within, p.name)
			}
		}
	}
	opaque := asPNG(t, opaqueAlpha{fill(image.NewNRGBA(square), c)})
	require.Equal(t, byte(6), opaque[25], "colour type with alpha")
	for _, source := range both(t, small, file{"test/a/1.png", opaque}) {
		got, err := source.Read(Test)
		require.NoError(t, err, "opaque alpha is dropped")
		assert.Equal(t, []uint8{200, 100, 50}, got.Pixels[:3])
	}
}

// opaqueAlpha makes the encoder write an alpha channel that it would leave out.
type opaqueAlpha struct{ *image.NRGBA }

func (opaqueAlpha) Opaque() bool { return false }

func TestTreeRefuses(t *testing.T) {
	good := file{"test/a/1.png", rgb(t, 1, 2, 3)}
	large := asPNG(t, image.NewRGBA(image.Rect(0, 0, 65, 1)))
	other := asPNG(t, image.NewRGBA(image.Rect(0, 0, 3, 2)))
	many := []file{good}
	for i := range small.Entries {
		many = append(many, file{fmt.Sprintf("test/a/more%d.png", i), good.data})
	}
	for _, bad := range []struct {
		name  string
		files []file
		want  string
	}{
		{"another split", []file{good, {"valid/a/1.png", good.data}},
			`entry "valid/a/1.png": expected train/CLASS/NAME or test/CLASS/NAME`},
		{"no class", []file{good, {"test/1.png", good.data}}, `entry "test/1.png": expected train/CLASS/NAME`},
		{"too deep", []file{good, {"test/a/b/1.png", good.data}}, `entry "test/a/b/1.png": expected`},
		{"text", []file{good, {"test/a/list.txt", nil}}, `entry "test/a/list.txt": expected .png, .jpg, .jpeg or .webp`},
		{"text on top", []file{good, {"README", nil}}, `entry "README": expected train/CLASS/NAME`},
		{"another size", []file{good, {"test/a/2.png", other}}, `entry "test/a/2.png": is 2x3 (height x width): expected 2x2`},
		{"large side", []file{{"test/a/1.png", large}}, `entry "test/a/1.png": images of 1x65 pixels`},
		{"large entry", []file{{"test/a/1.png", append(good.data, make([]byte, 4096)...)}}, "unpacks to more than 4096 bytes"},
		{"many entries", many, "8"},
		{"first of two bad ones", []file{good, {"test/a/2.png", []byte("x")}, {"test/a/3.png", []byte("y")}}, `entry "test/a/2.png"`},
	} {
		for kind, source := range both(t, small, bad.files...) {
			_, err := source.Read(Test)
			assert.ErrorContains(t, err, bad.want, "%s in a %s", bad.name, kind)
			assert.ErrorContains(t, err, source.Path, bad.name)
		}
	}
	tight := small
	tight.PixelBytes = 23
	for _, source := range both(t, tight, good, file{"test/a/2.png", good.data}) {
		_, err := source.Read(Test)
		assert.ErrorContains(t, err, "2 images of 2x2x3 take more than")
	}
}

func TestFolderRefusesLinks(t *testing.T) {
	dir := write(t, map[string][]byte{"test/a/1.png": rgb(t, 1, 2, 3)})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "test/a/2.png")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	source, err := Find(dir, Options{})
	require.NoError(t, err)
	_, err = source.Splits()
	assert.ErrorContains(t, err, `entry "test/a/2.png": expected a file, found a link`)
}

func TestZipRefuses(t *testing.T) {
	picture := rgb(t, 1, 2, 3)
	var link bytes.Buffer
	w := zip.NewWriter(&link)
	header := &zip.FileHeader{Name: "test/a/1.png"}
	header.SetMode(os.ModeSymlink | 0o777)
	_, err := w.CreateHeader(header)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	good := zipOf(t, file{"test/a/1.png", picture})
	encrypted := bytes.Clone(good)
	directory := bytes.Index(encrypted, []byte("PK\x01\x02"))
	encrypted[directory+8] |= 1
	flipped := bytes.Clone(good)
	flipped[60] ^= 0xff // inside the packed picture: the checksum fails, or what it unpacks to
	lying := bytes.Clone(good)
	end := bytes.Index(lying, []byte("PK\x05\x06"))
	binary.LittleEndian.PutUint16(lying[end+10:], 60000)

	for _, bad := range []struct {
		name string
		data []byte
		want string
	}{
		{"text", []byte("no zip at all"), "not a readable zip"},
		{"nothing", nil, "not a readable zip"},
		{"truncated", good[:len(good)-30], "not a readable zip"},
		{"empty archive", zipOf(t), "holds no files"},
		{"way up", zipOf(t, file{"../test/a/1.png", picture}), `entry "../test/a/1.png": the name is not a plain path`},
		{"hidden way up", zipOf(t, file{"test/a/../../../1.png", picture}), "not a plain path"},
		{"absolute", zipOf(t, file{"/test/a/1.png", picture}), "not a plain path"},
		{"backslashes", zipOf(t, file{`test\a\1.png`, picture}), "not a plain path"},
		{"twice", zipOf(t, file{"test/a/1.png", picture}, file{"test/a/1.png", picture}), "is there twice"},
		{"link", link.Bytes(), "found a link"},
		{"encrypted", encrypted, "is encrypted"},
		{"damaged", flipped, `entry "test/a/1.png"`},
		{"too many records", lying, "not a readable zip"},
	} {
		path := filepath.Join(write(t, map[string][]byte{"set.zip": bad.data}), "set.zip")
		source, err := Find(path, Options{})
		require.NoError(t, err)
		_, err = source.Read(Test)
		assert.ErrorContains(t, err, bad.want, bad.name)
		assert.ErrorContains(t, err, path, bad.name)
	}
}

func FuzzZip(f *testing.F) {
	good := zipOf(f, file{"train/a/1.png", rgb(f, 1, 2, 3)}, file{"test/b/2.png", grey(f, 9)})
	f.Add(good)
	f.Add(good[:len(good)-10])
	f.Add(zipOf(f, file{"../x", nil}))
	f.Add(zipOf(f, file{"wrap/test/a/1.jpg", []byte("\xff\xd8\xff")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		entries, err := listZip(archive, small)
		if err != nil {
			return
		}
		checkTree(t, entries)
	})
}

// FuzzPicture gives the image decoders bytes that no checksum of a zip protects.
func FuzzPicture(f *testing.F) {
	f.Add(rgb(f, 1, 2, 3))
	f.Add(grey(f, 9))
	var data bytes.Buffer
	require.NoError(f, jpeg.Encode(&data, image.NewRGBA(square), nil))
	f.Add(data.Bytes())
	for _, name := range []string{"webp_lossy", "webp_lossless", "jpeg422"} {
		f.Add(seed(f, "codecs/"+name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		checkTree(t, []entry{{"test/a/1.png", open}, {"test/a/2.png", open}})
	})
}

// treeReader makes a source of a tree.
type treeReader struct{ *tree }

func (r treeReader) splits() ([]Split, error) { return r.tree.splits(), nil }

// checkTree reads the splits and fails where what is returned does not agree.
func checkTree(t *testing.T, entries []entry) {
	tree, err := newTree("fuzz", entries, Options{Limits: small})
	if err != nil {
		return
	}
	for _, split := range tree.splits() {
		images, err := (&Source{reader: treeReader{tree}}).Read(split.Name)
		if err != nil {
			continue
		}
		if images.Labels != nil && len(images.Labels) != split.Images ||
			len(images.Pixels) != split.Images*images.Height*images.Width*images.Channels {
			t.Fatalf("%d labels, %d pixels of %dx%dx%d, %d images", len(images.Labels), len(images.Pixels), images.Height, images.Width,
				images.Channels, split.Images)
		}
	}
}
