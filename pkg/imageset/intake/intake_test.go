package intake

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func ExampleDecode() {
	var file bytes.Buffer
	err := png.Encode(&file, image.NewNRGBA(image.Rect(0, 0, 4, 2))) // all of it can be seen through
	if err != nil {
		panic(err)
	}
	picture, err := Decode(file.Bytes(), DefaultLimits)
	fmt.Println(picture.Height, picture.Width, picture.Channels, picture.Pixels[0], picture.Notes, err)
	// Output: 2 4 1 255 [transparent: laid on white] <nil>
}

func ExampleOpen() {
	walk := Open("testdata")
	defer walk.Close()
	for file := range walk.Files {
		if strings.HasSuffix(file.Name, ".bmp") {
			picture, err := file.Read(DefaultLimits)
			fmt.Println(filepath.Base(file.Name), picture.Height, picture.Width, err)
		}
	}
	// Output: plain.bmp 8 16 <nil>
}

// The files of testdata were written by Pillow 13.0.0: 16 x 8, the left half red, the right half blue. What
// is turned must come back as PIL's ImageOps.exif_transpose gives it.
func TestFilesOfPIL(t *testing.T) {
	red, blue, white := [3]int{200, 40, 40}, [3]int{40, 40, 200}, [3]int{255, 255, 255}
	for name, want := range map[string]struct {
		height, width int
		first, last   [3]int
		note          string
		within        int
	}{
		"plain.bmp":              {8, 16, red, blue, "", 0},
		"cmyk.jpg":               {8, 16, red, blue, "CMYK", 6},
		"animated.webp":          {8, 16, red, blue, "first frame", 0},
		"animated.png":           {8, 16, red, blue, "first frame", 0},
		"animated.gif":           {8, 16, red, blue, "first frame", 0},
		"transparent.webp":       {8, 16, white, blue, "laid on white", 0},
		"transparent_lossy.webp": {8, 16, white, blue, "laid on white", 12},
		"animated_alpha.webp":    {8, 16, white, blue, "first frame", 12},
		"turned3.jpg":            {8, 16, blue, red, "EXIF", 6},
		"turned6.jpg":            {16, 8, red, blue, "EXIF", 6},
		"turned8.jpg":            {16, 8, blue, red, "EXIF", 6},
		"turned6.png":            {16, 8, red, blue, "EXIF", 0},
		"turned6.webp":           {16, 8, red, blue, "EXIF", 0},
		"turned6.tiff":           {16, 8, red, blue, "EXIF", 0},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		p, err := Decode(data, DefaultLimits)
		require.NoError(t, err, name)
		require.Equal(t, []int{want.height, want.width, 3}, []int{p.Height, p.Width, p.Channels}, name)
		for c := range 3 {
			require.InDelta(t, want.first[c], p.Pixels[c], float64(want.within), "%s: first pixel", name)
			require.InDelta(t, want.last[c], p.Pixels[len(p.Pixels)-3+c], float64(want.within), "%s: last pixel", name)
		}
		require.Contains(t, strings.Join(p.Notes, "; "), want.note, name)
		if want.note == "" {
			require.Empty(t, p.Notes, name)
		}
	}
	data, err := os.ReadFile("testdata/deep.tiff")
	require.NoError(t, err)
	p, err := Decode(data, DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, 1, p.Channels, "grey")
	require.Equal(t, uint8((127*500*255+32767)/65535), p.Pixels[127])
	require.Equal(t, []string{"16 bits a channel, rounded to 8"}, p.Notes)
}

// All eight orientations by where the four corners go, as EXIF's own table of rows and columns says.
func TestTurn(t *testing.T) {
	// a b c
	// d e f
	for orientation, want := range map[int]string{1: "abcdef", 2: "cbafed", 3: "fedcba", 4: "defabc", 5: "adbecf", 6: "daebfc",
		7: "fcebda", 8: "cfbead"} {
		p := &Picture{Height: 2, Width: 3, Channels: 1, Pixels: []uint8("abcdef")}
		p.turn(orientation)
		require.Equal(t, want, string(p.Pixels), "%d", orientation)
		if orientation >= 5 {
			require.Equal(t, 3, p.Height)
		}
	}
}

func encoded(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, picture))
	return file.Bytes()
}

func TestDepthsAndPalettes(t *testing.T) {
	bounds := image.Rect(0, 0, 2, 1)
	deep := image.NewNRGBA64(bounds)
	deep.Set(0, 0, color.NRGBA64{0xffff, 0x8000, 0, 0xffff})
	deep.Set(1, 0, color.NRGBA64{0, 0, 0, 0x8000})
	p, err := Decode(encoded(t, deep), DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, []uint8{255, 128, 0, 127, 127, 127}, p.Pixels)
	require.Equal(t, []string{"16 bits a channel, rounded to 8", "transparent: laid on white"}, p.Notes)

	palette := image.NewPaletted(bounds, color.Palette{color.NRGBA{10, 20, 30, 255}, color.NRGBA{0, 0, 0, 0}})
	palette.SetColorIndex(1, 0, 1)
	p, err = Decode(encoded(t, palette), DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, []uint8{10, 20, 30, 255, 255, 255}, p.Pixels)

	grey := image.NewGray(bounds)
	grey.Pix[0] = 77
	p, err = Decode(encoded(t, grey), DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, &Picture{Height: 1, Width: 2, Channels: 1, Pixels: []uint8{77, 0}}, p)

	neutral := image.NewRGBA(bounds)
	neutral.Set(0, 0, color.RGBA{9, 9, 9, 255})
	neutral.Set(1, 0, color.RGBA{8, 8, 8, 255})
	p, err = Decode(encoded(t, neutral), DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, []uint8{9, 8}, p.Pixels, "grey that is stored as RGB is grey")
}

// pngClaiming is a PNG whose header, of a right checksum, says any size.
func pngClaiming(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	header = append(binary.BigEndian.AppendUint32(header, height), 8, 2, 0, 0, 0)
	file := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	file = append(file, header...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
}

// Whatever is wrong with a file is an error in words, and nothing more.
func TestBadFiles(t *testing.T) {
	var whole bytes.Buffer
	picture := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(i * i)
	}
	require.NoError(t, jpeg.Encode(&whole, picture, nil))
	good := encoded(t, picture)
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"empty":         {nil, "is empty"},
		"text":          {[]byte("hello, world"), "is no PNG, JPEG, WebP, GIF, BMP or TIFF: it starts with 68 65"},
		"cut JPEG":      {whole.Bytes()[:whole.Len()/2], "JPEG: the file is cut off"},
		"cut PNG":       {good[:len(good)/2], "PNG: the file is cut off"},
		"cut header":    {good[:20], "its header cannot be read"},
		"huge":          {pngClaiming(1<<20, 1<<20), "PNG of 1048576x1048576 pixels: more than the 64 million"},
		"no pixels":     {pngClaiming(0, 10), "PNG"},
		"GIF of nought": {[]byte("GIF89a\x00\x00\x00\x00\x00\x00\x00"), "GIF"},
		"TIFF of noise": {append([]byte("II*\x00"), bytes.Repeat([]byte{0xff}, 40)...), "TIFF"},
		"WebP of noise": {append([]byte("RIFF\x10\x00\x00\x00WEBPVP8L"), bytes.Repeat([]byte{0xff}, 40)...), "WebP"},
	} {
		p, err := Decode(c.data, DefaultLimits)
		require.ErrorContains(t, err, c.says, name)
		require.Nil(t, p)
	}
	_, err := Bytes("large.png", good).Read(Limits{Bytes: 10, Pixels: 100})
	require.ErrorContains(t, err, "is larger than")
	// Every byte of a file changed, one after the other: an error or a picture of the limits, never a crash.
	for _, name := range []string{"turned6.jpg", "animated_alpha.webp", "turned6.tiff", "animated.gif"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		for at := range data {
			bad := bytes.Clone(data)
			bad[at] ^= 0xff
			if p, err := Decode(bad, Limits{Bytes: 1 << 20, Pixels: 1 << 16}); err == nil {
				require.Len(t, p.Pixels, p.Height*p.Width*p.Channels)
				require.LessOrEqual(t, p.Height*p.Width, 1<<16)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	good := encoded(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	write := func(name string, data []byte) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	for _, name := range []string{"a/2.png", "a/1.PNG", "a/b/3.jpeg", "a/.hidden.png", "a/notes.txt", "a/__MACOSX/4.png", "odd"} {
		write(name, good)
	}
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "a/pipe.png"), 0o644))
	require.NoError(t, os.Symlink(filepath.Join(dir, "odd"), filepath.Join(dir, "a/link.png")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "a/round")))
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range []string{"x/1.png", "x/", "../2.png", "x/read.me"} {
		entry, err := w.Create(name)
		require.NoError(t, err)
		if !strings.HasSuffix(name, "/") {
			_, err = entry.Write(good)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	write("z.zip", archive.Bytes())
	write("broken.zip", archive.Bytes()[:40])

	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "z.zip"), filepath.Join(dir, "broken.zip"), filepath.Join(dir, "odd"),
		filepath.Join(dir, "absent.png")}
	walk := Open(paths...)
	defer walk.Close()
	var lines []string
	for file := range walk.Files {
		name, err := filepath.Rel(dir, file.Name)
		require.NoError(t, err)
		if strings.Contains(file.Name, "..") {
			name = "z.zip/../2.png"
		}
		line := name
		if _, err := file.Read(DefaultLimits); err != nil {
			require.NotContains(t, err.Error(), dir)
			line += ": " + err.Error()
		}
		lines = append(lines, line)
	}
	require.Equal(t, []string{"a/1.PNG", "a/2.png", "a/link.png", "a/pipe.png: is no file but a link, device or pipe", "a/b/3.jpeg",
		"z.zip/x/1.png", "z.zip/../2.png", "broken.zip: not a readable zip: zip: not a valid zip file", "odd",
		"absent.png: no such file or directory"}, lines)
	require.Equal(t, 10, Count(1000, paths...))
	require.Equal(t, 3, Count(3, paths...))
}

// A zip whose entry claims little and unpacks to much is stopped at the limit.
func TestZipBomb(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bomb.zip")
	file, err := os.Create(path)
	require.NoError(t, err)
	w := zip.NewWriter(file)
	entry, err := w.Create("bomb.png")
	require.NoError(t, err)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, err := entry.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
	walk := Open(path)
	defer walk.Close()
	for f := range walk.Files {
		_, err := f.Read(Limits{Bytes: 1 << 20, Pixels: 1 << 20})
		require.ErrorContains(t, err, "is larger than the 1 MiB")
	}
}

// A folder of very many names is walked a few thousand at a time.
func TestManyNames(t *testing.T) {
	dir := t.TempDir()
	const many = namesAtOnce + 100
	for i := range many {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d.png", i)), nil, 0o644))
	}
	walk := Open(dir)
	seen := map[string]bool{}
	for file := range walk.Files {
		_, err := file.Read(DefaultLimits)
		require.ErrorContains(t, err, "is empty")
		seen[file.Name] = true
	}
	require.Len(t, seen, many)
}
