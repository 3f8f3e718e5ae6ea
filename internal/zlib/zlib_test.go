package zlib

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The sizes are those of zlib itself (testdata/make.py), to the byte: from nothing to the largest data that are counted
// exactly, from constants, which are matches alone, to noise, which is stored. What OpenCV makes of images with them is
// tested in package score.
func TestSizeEqualsZlib(t *testing.T) {
	text, err := os.ReadFile("testdata/sizes.json")
	require.NoError(t, err)
	var cases []struct{ Seed, Size, Spread, Slope, Period, Bytes int }
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	for _, c := range cases {
		data, state := make([]byte, c.Size), c.Seed
		for i := range data {
			state = (state*1103515245 + 12345) % (1 << 31)
			data[i] = byte(i%c.Period*c.Slope + (state>>8)%c.Spread)
		}
		assert.Equal(t, c.Bytes, Size(data), "%+v", c)
	}
}

// RFC 1951, 3.2.5: the codes divide lengths and distances without a gap, each into so many as its extra bits count.
func TestCodes(t *testing.T) {
	for _, c := range []struct{ length, code, extra int }{
		{3, 257, 0}, {10, 264, 0}, {11, 265, 1}, {12, 265, 1}, {13, 266, 1}, {18, 268, 1}, {19, 269, 2},
		{227, 284, 5}, {257, 284, 5}, {258, 285, 0},
	} {
		code, extra := lengthCode(c.length)
		assert.Equal(t, []int{c.code, c.extra}, []int{code, extra}, "length %d", c.length)
	}
	for _, c := range []struct{ distance, code, extra int }{
		{1, 0, 0}, {4, 3, 0}, {5, 4, 1}, {6, 4, 1}, {7, 5, 1}, {9, 6, 2}, {257, 16, 7},
		{24576, 28, 13}, {24577, 29, 13}, {32768, 29, 13},
	} {
		code, extra := distanceCode(c.distance)
		assert.Equal(t, []int{c.code, c.extra}, []int{code, extra}, "distance %d", c.distance)
	}
	count := map[int]int{}
	for distance := 1; distance <= 32768; distance++ {
		code, extra := distanceCode(distance)
		count[code]++
		assert.LessOrEqual(t, count[code], 1<<extra)
	}
	assert.Len(t, count, distances)
}

// The counts of Fibonacci's numbers make the deepest tree; its code is cut down to the longest that is allowed and
// stays a code.
func TestCodeLengths(t *testing.T) {
	counts := []int{1, 1}
	for len(counts) < 24 {
		counts = append(counts, counts[len(counts)-1]+counts[len(counts)-2])
	}
	for _, longest := range []int{7, 15} {
		codes, bits := codeLengths(counts, longest)
		require.Len(t, codes, len(counts))
		kraft, sum := 0.0, 0
		for symbol, length := range codes {
			assert.Positive(t, length)
			assert.LessOrEqual(t, length, longest)
			kraft += math.Ldexp(1, -length)
			sum += counts[symbol] * length
		}
		assert.Equal(t, 1.0, kraft, "a complete code, and no more than that")
		assert.Equal(t, bits, sum)
	}

	// Without a limit in the way it is Huffman's: 4·1 + 2·2 + (1 + 1)·3 bits.
	codes, bits := codeLengths([]int{4, 0, 2, 1, 1}, 15)
	assert.Equal(t, []int{1, 0, 2, 3, 3}, codes)
	assert.Equal(t, 14, bits)

	// One symbol alone needs a second one for a code.
	codes, _ = codeLengths([]int{0, 0, 0, 5}, 15)
	assert.Equal(t, []int{1, 0, 0, 1}, codes)
}

func BenchmarkSize(b *testing.B) {
	data, state := make([]byte, 3104), 1
	for i := range data {
		state = (state*1103515245 + 12345) % (1 << 31)
		data[i] = byte(i%97*2 + (state>>8)%17)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Size(data)
	}
}
