package resample

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// picture is a made-up picture that the references below were computed on too.
func picture(n int) []uint8 {
	p := make([]uint8, n)
	for i := range p {
		p[i] = uint8((i*i*7 + i*13) % 251)
	}
	return p
}

func sha(pixels []uint8) string {
	sum := sha256.Sum256(pixels)
	return hex.EncodeToString(sum[:])
}

// The hashes are of Pillow 9.4.0's Image.resize(size, Image.BILINEAR).tobytes().
func TestResizeEqualsPIL(t *testing.T) {
	for _, want := range []struct {
		h, w, c, newH, newW int
		sha256              string
	}{
		{28, 28, 1, 32, 32, "62b877dd24227bb7f7138eebaeeaff062f896fdf9dfc61c9a378b4a015fb46df"},
		{64, 64, 3, 32, 32, "5b605a6e577a1a25ea01f5600ee62ae98eb209d43884b6888c078123d0f3bc62"},
		{28, 28, 3, 32, 32, "79562a3fd26a090b567872f7615db4b6b2af304cfc09a88376fd1941f779bc61"},
		{5, 7, 1, 3, 4, "6adb6095c513ef52368da5dda02ffba8ed1e3f7d50069efa735a8a271bf02c3c"},
		{5, 7, 3, 11, 2, "064e2608029a678754c94ea32a17fd851bf41a84c1a5e749bbbc8a519d9d7810"},
		{9, 4, 1, 9, 13, "2f942dfdce2917d2dd88cac9be85a50f3698f54d2fd0bd250b1af0f59a94ccf1"},
		{9, 4, 1, 2, 4, "d704867b256b4aaf6157ccfcc95bbdb3c3748362edfaf02d19102ba1afd1baf0"},
	} {
		name := fmt.Sprintf("%dx%dx%d to %dx%d", want.h, want.w, want.c, want.newH, want.newW)
		got := Resize(picture(want.h*want.w*want.c), want.h, want.w, want.c, want.newH, want.newW)
		assert.Equal(t, want.sha256, sha(got), name)
	}
	assert.Equal(t, []uint8{60, 89, 168, 143, 80, 176, 176, 80, 143, 168, 89, 60},
		Resize(picture(35), 5, 7, 1, 3, 4), "the same as numbers")
}

// The hashes are of Pillow 13.0.0's Image.resize with the kernel of that name, of sizes of which it scales the columns
// first as older ones always did.
func TestKernelsEqualPIL(t *testing.T) {
	type size struct{ h, w, c, newH, newW int }
	picturesTo := []size{{64, 64, 3, 32, 32}, {28, 28, 1, 32, 32}, {33, 47, 3, 32, 32}, {5, 7, 3, 11, 2}}
	for kernel, want := range map[Kernel][]string{
		Box: {"bbf206e7341fc7daf15dd191676c5d5d6432f0f21fcab63b16ef1468e13782d4",
			"80263a91da85e2f53bff2b4d1082947a150dc9fbb12396f65d3347e2a9365a93",
			"231bbc6180b7176cde60b09c45be29870992b911ce766f23763b23a5d54a7879",
			"3fc8fdb58172bc77fa49840f703b202d6943cf6405fbc1f3c8426c6f5f024010"},
		Lanczos: {"b6d7c9c605f4e2a27f09c8705aa88c3bfd1e1b654d9b7463089109af89ee12a5",
			"af9a06eef25c4cffcc8e8f1d537ea734957c2a6914e23ea29bba2268ba9d0d38",
			"476e09e5581b8b9a51fe80d48bd4057da91443c3d82408f0408d48ccddbb04d2",
			"99cafe0a0655943927b3f108404b0df61ff3daa6270cb558b644468999e2abe0"},
		Bicubic: {"8bc2555cbceeab8ab42b7df050e5597226f2e4c28d953a127621f910e713362d",
			"218b2839470ce58f7153b25377059c7913f618b2c7813faf072f0ac76a1f4b62",
			"4aae54440578175e3880b1d9234c71eca6f30e410b3403965cd441e8ccf608f7",
			"809d013820157c06dcac4fdce2e1e31d1fcdae460c2a4f0fe7681ea8ffbaa724"},
		Bilinear: {"5b605a6e577a1a25ea01f5600ee62ae98eb209d43884b6888c078123d0f3bc62",
			"62b877dd24227bb7f7138eebaeeaff062f896fdf9dfc61c9a378b4a015fb46df",
			"c4318926355fab26e7b8626f65acfe9f833793d5e3d5d249191aff373ff65a0e",
			"064e2608029a678754c94ea32a17fd851bf41a84c1a5e749bbbc8a519d9d7810"},
	} {
		require.NoError(t, kernel.Validate())
		for i, s := range picturesTo {
			got := kernel.Resize(picture(s.h*s.w*s.c), s.h, s.w, s.c, s.newH, s.newW)
			assert.Equal(t, want[i], sha(got), "%s, %v", kernel, s)
		}
		assert.Equal(t, want[0], sha(kernel.Fit(picture(64*64*3), 64, 64, 3, 32)), "what is square is not cropped")
	}
	assert.Equal(t, []uint8{64, 104, 201, 145, 31, 240, 243, 31, 145, 145, 118, 64},
		Box.Resize(picture(35), 5, 7, 1, 3, 4), "the same as numbers")
	assert.Equal(t, Resize(picture(35), 5, 7, 1, 3, 4), Kernel("").Resize(picture(35), 5, 7, 1, 3, 4))
	require.EqualError(t, Kernel("nearest").Validate(), `kernel "nearest": expected box, lanczos, bicubic or bilinear`)
	assert.Panics(t, func() { Kernel("nearest").Resize(picture(4), 2, 2, 1, 1, 1) })
}

// Pillow 9.4.0 and torchvision's arithmetic: resize((nw, nh), BILINEAR), then crop.
func TestFitEqualsTorchvision(t *testing.T) {
	for _, want := range []struct {
		h, w   int
		sha256 string
	}{
		{256, 280, "16e801ab4fa3479927dd011d22570355b095bbdbcbfa9a7bd12db602c2c55f0c"},
		{256, 341, "e2f73daee6458e6cc2d7401d6744f00b2e106318fe8d84a69103fc052b149e5d"},
		{218, 178, "b80a60e1695d786a7738084d2ff697375776ee5155a061233061967e30a29b2e"},
		{300, 300, "521b93a5222c7cee8f93b64ffe21a096087b15225a6c68d84e57cee77b4a29f9"},
		{33, 47, "795b10dc8b7c7a6414fc7c6588f7cfa2213e0eacb62661c55c3d6d68b5522fb5"},
		{20, 90, "c2795d18bf9df76d5ad30bc471c2b908c1452de9f7fcf0c974b2682f4cc8270d"},
	} {
		assert.Equal(t, want.sha256, sha(Fit(picture(want.h*want.w*3), want.h, want.w, 3, 32)), "%dx%d", want.h, want.w)
	}
}

// A chroma of its own: luma is the kernel's, what is left of the colours the other's, each to the nearest level.
func TestFitWithChroma(t *testing.T) {
	const h, w, side = 64, 80, 32
	src := make([]uint8, h*w*3)
	for i := range src { // colours in the middle, so that nothing is cut off at 0 or 255
		src[i] = uint8(100 + 50*math.Sin(float64(i*i%977)))
	}
	bilinear, bicubic := Bilinear.Fit(src, h, w, 3, side), Bicubic.Fit(src, h, w, 3, side)
	require.Equal(t, bilinear, Bilinear.FitWithChroma("", src, h, w, 3, side))
	require.Equal(t, bilinear, Kernel("").FitWithChroma(Bilinear, src, h, w, 3, side))
	require.Equal(t, Bilinear.Fit(src, h, w*3, 1, side), Bilinear.FitWithChroma(Bicubic, src, h, w*3, 1, side),
		"grey has no chroma")
	mixed := Bilinear.FitWithChroma(Bicubic, src, h, w, 3, side)
	for p := 0; p < len(mixed); p += 3 {
		require.InDelta(t, Luma(bilinear[p:]), Luma(mixed[p:]), 0.5+1e-9)
		for c := range 3 {
			require.InDelta(t, float64(bicubic[p+c])-Luma(bicubic[p:]), float64(mixed[p+c])-Luma(mixed[p:]), 1+1e-9)
		}
	}
	white := bytesOf(255, h*w*3)
	require.Equal(t, bytesOf(255, side*side*3), Bilinear.FitWithChroma(Lanczos, white, h, w, 3, side))
}

func bytesOf(value uint8, n int) []uint8 { return bytes.Repeat([]uint8{value}, n) }

func TestAll(t *testing.T) {
	two := append(picture(35), picture(35)...)
	one := Resize(picture(35), 5, 7, 1, 3, 4)
	assert.Equal(t, append(one, one...), All(two, 5, 7, 1, 3, 4))
}

func TestResizeKeepsConstantImages(t *testing.T) {
	grey := make([]uint8, 28*28)
	for i := range grey {
		grey[i] = 255
	}
	for kernel := range shapes {
		for _, side := range []int{32, 9} {
			for _, v := range kernel.Resize(grey, 28, 28, 1, side, side) {
				require.Equal(t, uint8(255), v, kernel)
			}
		}
	}
}

func TestResizePanicsOnWrongSizes(t *testing.T) {
	assert.Panics(t, func() { Resize(make([]uint8, 5), 2, 2, 1, 4, 4) })
	assert.Panics(t, func() { Resize(make([]uint8, 4), 2, 2, 1, 0, 4) })
}

func ExampleResize() {
	fmt.Println(Resize([]uint8{0, 100}, 1, 2, 1, 1, 4))
	// Output: [0 25 75 100]
}

func ExampleNewResizer() {
	halve := NewResizer(2, 2, 1, 1, 1)
	one := make([]uint8, 1)
	halve.Resize(one, []uint8{10, 20, 30, 40})
	fmt.Println(one)
	// Output: [25]
}
