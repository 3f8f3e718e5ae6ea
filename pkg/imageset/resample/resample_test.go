package resample

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	for _, v := range Resize(grey, 28, 28, 1, 32, 32) {
		require.Equal(t, uint8(255), v)
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
