package figure

import (
	"path/filepath"
	"strings"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pkg/result refuses what is wrong with a file; a figure passes that on, and refuses what it cannot draw.
func TestMalformedFilesAreRefusedWithTheirPlace(t *testing.T) {
	const (
		differences = "role,set,centre,density\n"
		tile        = "row,column,what,role,set,index,class,value\n"
	)
	for name, test := range map[string]struct{ figure, file, text, want string }{
		"empty": {"fig1a", "pixel_differences.csv", "", "line 1: expected the columns"},
		"no column": {"fig1a", "pixel_differences.csv", "role,set,centre\n",
			`line 1: expected the columns role,set,centre,density`},
		"column twice": {"fig2c", "scores.csv", "role,set,index,in,in\n",
			`line 1: columns 4 and 5 are both named "in"`},
		"no rows": {"fig2c", "scores.csv", "role,set,index,in\n", "has no images, only a header"},
		"no known role": {"fig1a", "pixel_differences.csv", differences + "far,a,1,1\nfar,a,2,1\n",
			"has no role among general, smooth, in"},
		"short row": {"fig2d", "scores.csv", "role,set,index,glow-in\nin,a,0,1\nin,a,1\n",
			"line 3: wrong number of fields"},
		"not a number": {"fig2d", "scores.csv", "role,set,index,glow-in\nin,a,0,1\nin,a,1,x\n",
			`line 3, column glow-in: "x" is no number`},
		"NaN": {"fig1b", "scores.csv", "role,set,index,glow-in\nin,a,0,NaN\n",
			"line 2, column glow-in: NaN is not within"},
		"infinite": {"fig1b", "scores.csv", "role,set,index,glow-in\nin,a,0,-Inf\n",
			"line 2, column glow-in: -Inf is not within"},
		"one bin": {"fig1a", "pixel_differences.csv", differences + "in,a,1,1\n", "role in has a single bin"},
		"a tile's place": {"figS7", "pictures/top_glow-in-from-general.csv", tile + "0,x,raw,general,a,0,,1\n",
			`line 2, column column: "x" is no whole number`},
		"no picture": {"fig3a", "pictures/mixed.csv", tile + "0,0,image,in,a,0,,1\n", "pictures/mixed.png is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, test.file, test.text)
			figure, err := byName(test.figure, dir)
			require.ErrorContains(t, err, test.want)
			assert.Nil(t, figure)
			assert.ErrorContains(t, err, strings.TrimSuffix(filepath.Join(dir, test.file), ".csv"))
			assert.ErrorContains(t, err, "evaluate again", "it says what to do")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	for _, entry := range All() { // every table that a figure reads
		if strings.HasPrefix(entry.Files[0], "pictures/") || entry.Files[0] == result.ScoresFile {
			continue
		}
		dir := t.TempDir()
		writeFile(t, dir, entry.Files[0], "a,b\n")
		_, err := byName(entry.Name, dir)
		require.ErrorContains(t, err, entry.Files[0]+", line 1: expected the columns", entry.Name)
	}
}

// Without its tables there is no figure; a sheet of pictures, and what few results have, may be missing with its run.
func TestMissingFilesAreRefused(t *testing.T) {
	for _, entry := range All() {
		figure, err := byName(entry.Name, filepath.Join(t.TempDir(), "nowhere"))
		if strings.HasPrefix(entry.Files[0], "pictures/") || entry.Extra {
			require.NoError(t, err)
			require.Contains(t, figure.Caption, "not drawn", entry.Name)
			continue
		}
		require.ErrorContains(t, err, "nowhere", entry.Name)
		require.Error(t, err, entry.Name)
	}
}
