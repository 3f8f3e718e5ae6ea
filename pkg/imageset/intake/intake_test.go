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

func ExampleBytes() {
	file := Bytes("upload.png", []byte("hello"))
	_, err := file.Read(DefaultLimits)
	fmt.Println(file.Name, err)
	// Output: upload.png is no PNG, JPEG, WebP, GIF, BMP or TIFF: it starts with 68 65 6c 6c 6f
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

// progressive is a grey JPEG of 1024x1024 pixels in so many scans, each of which says that there is nothing in it.
func progressive(scans int) []byte {
	file := []byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0}
	file = append(file, bytes.Repeat([]byte{1}, 64)...)
	file = append(file, 0xff, 0xc2, 0, 11, 8, 4, 0, 4, 0, 1, 1, 0x11, 0)
	file = append(file, 0xff, 0xc4, 0, 20, 0x10, 1)
	file = append(file, make([]byte, 15)...)
	file = append(file, 0xe0)                                       // the code 0 and 14 bits: so many blocks of nothing, from 16,384 on
	scan := []byte{0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0x00, 0x00} // which are all that there are
	return append(append(file, bytes.Repeat(scan, scans)...), 0xff, 0xd9)
}

// framed is an animated WebP of 8x8 pixels whose first frame is of one colour and as large as is said.
func framed(width, height uint32) []byte {
	size := (width - 1) | (height-1)<<14
	still := binary.LittleEndian.AppendUint32([]byte{0x2f}, size)
	still = append(still, 0x88, 0x88, 0x08, 0, 0) // no transforms, no cache, and five codes of one symbol that takes no bits
	chunk := func(kind string, body []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	}
	still = chunk("VP8L", still)
	body := append(chunk("VP8X", []byte{2, 0, 0, 0, 7, 0, 0, 7, 0, 0}), chunk("ANMF", append(make([]byte, 16), still...))...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body))), append([]byte("WEBP"), body...)...)
}

// noOps is a TIFF of so many strips, each of the same bytes, which PackBits unpacks to nothing but one pixel.
func noOps(strips, bytesEach int) []byte {
	file := append([]byte("II*\x00"), binary.LittleEndian.AppendUint32(nil, uint32(8+bytesEach))...)
	file = append(append(file, bytes.Repeat([]byte{0x80}, bytesEach-2)...), 0, 77)
	directory := len(file) + 2 + 9*12 + 4
	tags := [][3]uint32{{256, 4, 1}, {257, 4, uint32(strips)}, {258, 3, 8}, {259, 3, 32773}, {262, 3, 1},
		{273, 4, uint32(directory)}, {277, 3, 1}, {278, 4, 1}, {279, 4, uint32(directory + 4*strips)}}
	file = binary.LittleEndian.AppendUint16(file, uint16(len(tags)))
	for _, tag := range tags {
		count := uint32(1)
		if tag[0] == 273 || tag[0] == 279 {
			count = uint32(strips)
		}
		file = binary.LittleEndian.AppendUint16(file, uint16(tag[0]))
		file = binary.LittleEndian.AppendUint16(file, uint16(tag[1]))
		file = binary.LittleEndian.AppendUint32(file, count)
		file = binary.LittleEndian.AppendUint32(file, tag[2])
	}
	file = append(file, 0, 0, 0, 0)
	for _, v := range []int{8, bytesEach} { // where each is, and how long
		for range strips {
			file = binary.LittleEndian.AppendUint32(file, uint32(v))
		}
	}
	return file
}

// What a small file could make a decoder do is bounded before it begins: many scans of a JPEG, a frame that is larger than the header
// of its WebP says.
func TestWorkIsBounded(t *testing.T) {
	p, err := Decode(progressive(mostScans), DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, []int{1024, 1024, 1}, []int{p.Height, p.Width, p.Channels})
	_, err = Decode(progressive(mostScans+1), DefaultLimits)
	require.ErrorContains(t, err, "JPEG of 101 scans: more than the 100 that are decoded")
	tail := bytes.Repeat(progressive(90), 3) // what follows the end is not decoded: phones put a film there
	_, err = Decode(tail, DefaultLimits)
	require.NoError(t, err)

	p, err = Decode(framed(8, 8), DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, []int{8, 8}, []int{p.Height, p.Width})
	_, err = Decode(framed(64, 64), Limits{Bytes: 1 << 20, Pixels: 1000})
	require.ErrorContains(t, err, "WebP whose first frame is of 64x64 pixels: more than")

	p, err = Decode(noOps(2, 10), DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, []uint8{77, 77}, p.Pixels)
	_, err = Decode(noOps(100, 1000), DefaultLimits)
	require.ErrorContains(t, err, "TIFF whose parts claim 100000 bytes, of a file of")
	_, err = Decode(pngClaiming(1, 1<<20), DefaultLimits)
	require.ErrorContains(t, err, "PNG of 1x1048576 pixels: a side has more than 65535")
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
		"HEIC":          {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), `is HEIC, AVIF or a film ("heic"), which cannot be decoded`},
		"cut JPEG":      {whole.Bytes()[:whole.Len()/2], "JPEG: the file is cut off"},
		"cut PNG":       {good[:len(good)/2], "PNG: the file is cut off"},
		"cut header":    {good[:20], "its header cannot be read"},
		"huge":          {pngClaiming(60000, 60000), "PNG of 60000x60000 pixels: more than the 64 million"},
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

// Photos of phones that cannot be decoded are told; and folders in folders in folders do not stay open.
func TestFoldersInFolders(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c", "d")
	require.NoError(t, os.MkdirAll(deep, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(deep, "IMG_1.HEIC"), []byte("x"), 0o644))
	walk := Open(dir)
	defer walk.Close()
	files := 0
	for file := range walk.Files {
		files++
		require.Equal(t, filepath.Join(deep, "IMG_1.HEIC"), file.Name)
		open := 0
		links, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("there is no list of open files here")
		}
		for _, l := range links {
			if to, err := os.Readlink("/proc/self/fd/" + l.Name()); err == nil && strings.HasPrefix(to, dir) {
				open++
			}
		}
		require.Equal(t, 1, open, "the folder that the file is in")
	}
	require.Equal(t, 1, files)
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
