package procedural

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Phantom is grey in three channels, and the modalities differ as their contrasts say: bright fluid in T2 only, more light of
// a lesion's rim in T1ce than in T1.
func TestPhantom(t *testing.T) {
	const n = 800
	pixels, labels, _, err := Draw("phantom", "train", n, 0)
	require.NoError(t, err)
	bright, count := map[int32]float64{}, map[int32]float64{}
	for i := range n {
		for p := range Side * Side {
			at := i*ImageSize + p*Channels
			require.Equal(t, pixels[at], pixels[at+1])
			require.Equal(t, pixels[at], pixels[at+2])
			if pixels[at] > 205 {
				bright[labels[i]]++
			}
		}
		count[labels[i]] += Side * Side
	}
	share := func(class int32) float64 { return bright[class] / count[class] }
	t.Logf("share of pixels above 205: t1 %.3f, t1ce %.3f, t2 %.3f, flair %.3f", share(0), share(1), share(2), share(3))
	assert.Greater(t, share(1), share(0))
	assert.Greater(t, share(2), 2*share(0))
}
