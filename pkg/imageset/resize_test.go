package imageset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/folders"
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

// All 20,000 test images of MNIST and Fashion-MNIST, resized by Pillow 9.4.0.
func TestResizeEqualsPILOnMNIST(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 20,000 images")
	}
	data := sharedData(t)
	for name, want := range map[string]string{
		"mnist":         "750966a83c3f66b21f310636df69984b116407e280d0e2fc2f606aa33c6749cc",
		"fashion_mnist": "1f1ea0ce7d1ace331ee9219ad0357d38ab7e127a448a67a5ac799f8bf96f8b25",
	} {
		set, err := Open(data, name, Test)
		require.NoError(t, err)
		assert.Equal(t, []int{10000, 32, 32, 1}, []int{set.Len(), set.Height, set.Width, set.Channels})
		assert.Equal(t, want, sha(set.Pixels), name)
	}
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

// sharedData returns ../shared/data, or skips where the default is absent.
func sharedData(t *testing.T) string {
	t.Helper()
	dir, ok, err := folders.Shared()
	require.NoError(t, err)
	if !ok {
		t.Skipf("no reference material: %s is absent", dir)
	}
	return dir + "/data"
}
