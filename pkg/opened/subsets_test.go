package opened

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"strata/pkg/imageset"
)

// With the lists and hashes that are written anybody finds the same images again.
func TestWriteSubsets(t *testing.T) {
	if testing.Short() {
		t.Skip("draws two sets of 8,000 images")
	}
	sets := &Sets{Cache: testCache, Out: &bytes.Buffer{}}
	part, err := sets.TestImages("shapes_near", 7)
	require.NoError(t, err)
	_, _, err = sets.TrainingImages("textures", 0)
	require.NoError(t, err)
	folder := filepath.Join(t.TempDir(), "results")
	require.NoError(t, sets.WriteSubsets(folder, "a-"))

	file, err := os.Open(filepath.Join(folder, "a-subsets.csv"))
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, []string{"textures", "train", "8000", "8000"}, rows[2][:4], "all of a split")
	require.Empty(t, rows[2][8], "needs no list")
	require.Equal(t, []string{"shapes_near", "test", "7", "1000"}, rows[1][:4])
	require.Equal(t, part.Hash(), rows[1][4])
	require.Equal(t, "drawn by strata", rows[1][5])
	require.JSONEq(t, `{"of": "shapes", "classes": [5, 6, 7, 8, 9]}`, rows[1][6])

	list, err := os.ReadFile(filepath.Join(folder, rows[1][8]))
	require.NoError(t, err)
	lines := strings.Fields(string(list))
	require.Len(t, lines, 7)
	require.Equal(t, "files", rows[1][9], "shapes_near is a choice of shapes")
	whole, err := imageset.Open("", "shapes", imageset.Test)
	require.NoError(t, err)
	for i, line := range lines {
		at := 0
		for _, digit := range line {
			at = 10*at + int(digit-'0')
		}
		require.Equal(t, whole.Image(at), part.Image(i), "the list counts in the split as it lies on disk")
	}
}

// Sets that went through unlike codecs are warned of, once.
func TestWarnOfHistories(t *testing.T) {
	var out bytes.Buffer
	sets := &Sets{Cache: testCache, Out: &out}
	shapes, err := sets.TestImages("shapes", 4)
	require.NoError(t, err)
	textures, err := sets.TestImages("textures", 4)
	require.NoError(t, err)
	sets.WarnOfHistories(shapes, textures)
	require.Empty(t, out.String())
	coded, err := (&imageset.Library{}).Open(imageset.Recipe{Of: "shapes", Codec: "jpeg75", Draw: imageset.Draw{Test: 4}}, "coded",
		imageset.Test)
	require.NoError(t, err)
	for range 2 {
		sets.WarnOfHistories(shapes, textures, coded)
	}
	require.Equal(t, 1, strings.Count(out.String(), "warning: shapes (drawn by strata) and coded (JPEG 75 4:2:0 at 32x32) differ in "+
		"their history"))
}
