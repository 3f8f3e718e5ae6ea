package procedural

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// golden is the SHA-256 of the first 20 images of every split. It is the same on every machine. A
// change here changes every run that is trained on the set: make it on purpose, and then change the
// version in newRandom's seed too.
var golden = map[string]string{
	"leaves train":   "51c0a5115cc5cc9037cade6c59cbecd42fac8f84685504d9fe3250faa8bbf338",
	"leaves test":    "fe084fea084aa028ae1eba068a6a3bc760d0d312b67bd8f9066e717dc4f42be9",
	"shapes train":   "68648aee4c6fb30186cd82a9144231e3fa4ca9e93ef2b53763b2f629ad23d35b",
	"shapes test":    "912dc0c63b72870ac38a4982c101655ffa34a3ffc033e8a8d0d6912531d42a9e",
	"digits train":   "8c5266d48867432724b3e588b425c5e7f4109f5097f8e6f939f0c63c808205c3",
	"digits test":    "4e9a8aa74b65f0dc943fd463456d6be0bbf66f5e1c2c9a3121be526ccfe7ba29",
	"textures train": "14836b01dc62c7fd39c771a7a406176d062778d36044fd4187c342207c0fd917",
	"textures test":  "fb0b0d9b36e1e1968c630a121df2d809cce24eff53bd3f16614c39fb0636e612",
	"phantom train":  "a523f5cf74512613f35ced5dfcea4e949f55b1d6b19880174f9fd1fafc4a4210",
	"phantom test":   "5c6e1820fe1f34c4fe692d00b0bb45a13176af8a6a5329881993a47fea23dd4b",
}

func TestGolden(t *testing.T) {
	for _, name := range Names() {
		for _, split := range []string{"train", "test"} {
			pixels, _, _, err := Draw(name, split, 20, 0)
			require.NoError(t, err)
			sum := sha256.Sum256(pixels)
			key := name + " " + split
			assert.Equal(t, golden[key], hex.EncodeToString(sum[:]), key)
		}
	}
}

func TestDrawShapesAndLabels(t *testing.T) {
	for _, name := range Names() {
		const n = 43 // not a multiple of the classes
		pixels, labels, classes, err := Draw(name, "train", n, 0)
		require.NoError(t, err)
		assert.Len(t, pixels, n*ImageSize)
		require.Len(t, labels, n)
		counts := make([]int, len(classes))
		for _, l := range labels {
			counts[l]++
		}
		for class, count := range counts {
			assert.InDelta(t, float64(n)/float64(len(classes)), count, 1, "%s %s", name, classes[class])
		}
		assert.NotEmpty(t, Describe(name))
	}
	assert.Equal(t, []string{"leaves", "shapes", "digits", "textures", "phantom"}, Names())
	assert.Empty(t, Describe("cats"))
}

func TestDefaultSize(t *testing.T) {
	assert.Equal(t, 8000, Size("train"))
	assert.Equal(t, 2000, Size("test"))
	assert.Equal(t, 0, Size("validation"))
	if testing.Short() {
		t.Skip("-short: drawing 2000 images takes most of a second")
	}
	for _, n := range []int{0, -3} {
		_, labels, _, err := Draw("textures", "test", n, 0)
		require.NoError(t, err)
		assert.Len(t, labels, Size("test"))
	}
	_, labels, _, err := Draw("textures", "test", 2001, 0) // more than the default
	require.NoError(t, err)
	assert.Len(t, labels, 2001)
}

func TestDrawRefuses(t *testing.T) {
	for _, c := range []struct {
		name, split string
		n           int
		want        string
	}{
		{"cats", "train", 1, `no set "cats"; choose one of leaves, shapes, digits, textures`},
		{"", "train", 1, `no set ""`},
		{"shapes", "val", 1, `set shapes has no split "val"; choose "train" or "test"`},
		{"shapes", "train", maxImages + 1, "ask for at most 1000000"},
	} {
		pixels, labels, classes, err := Draw(c.name, c.split, c.n, 0)
		assert.ErrorContains(t, err, c.want)
		assert.Nil(t, pixels)
		assert.Nil(t, labels)
		assert.Nil(t, classes)
	}
}

// An image depends neither on how many are drawn nor on how many processors draw them.
func TestImageIsAFunctionOfItsIndex(t *testing.T) {
	for _, name := range Names() {
		many, _, _, err := Draw(name, "test", 30, 0)
		require.NoError(t, err)
		few, _, _, err := Draw(name, "test", 7, 0)
		require.NoError(t, err)
		assert.Equal(t, many[:len(few)], few, name)

		before := runtime.GOMAXPROCS(1)
		alone, _, _, err := Draw(name, "test", 30, 0)
		runtime.GOMAXPROCS(before)
		require.NoError(t, err)
		assert.Equal(t, many, alone, name)
	}
}

func TestNoImageTwice(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, name := range Names() {
		for _, split := range []string{"train", "test"} {
			pixels, _, _, err := Draw(name, split, 100, 0)
			require.NoError(t, err)
			for i := range 100 {
				hash := sha256.Sum256(pixels[i*ImageSize : (i+1)*ImageSize])
				this := fmt.Sprintf("%s %s %d", name, split, i)
				assert.Empty(t, seen[hash], "%s is drawn twice", this)
				seen[hash] = this
			}
		}
	}
}

func ExampleDraw() {
	pixels, labels, classes, err := Draw("shapes", "train", 3, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(pixels) == 3*32*32*3)
	for _, label := range labels {
		fmt.Println(classes[label])
	}
	// Output:
	// true
	// disc
	// square
	// triangle
}

func BenchmarkDraw(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, _, err := Draw(name, "train", 500, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}
