package figure

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMalformedFilesAreRefusedWithTheirPlace(t *testing.T) {
	const (
		differences  = "role,set,centre,density\n"
		correlations = "a,b,spearman,spearman_low,spearman_high,images\n"
		curves       = "configuration,seed,epoch,metric,role,value\n"
		tile         = "row,column,what,role,set,index,class,value\n"
	)
	for name, test := range map[string]struct{ figure, file, text, want string }{
		"empty":            {"fig1a", "pixel_differences.csv", "", "is empty, a header was expected"},
		"no column":        {"fig1a", "pixel_differences.csv", "role,set,centre\n", `line 1: no column "density" among role,set,centre`},
		"column twice":     {"fig2c", "scores.csv", "role,set,index,in,in\n", `line 1: columns 4 and 5 are both named "in"`},
		"no rows":          {"fig2c", "scores.csv", "role,set,index,in\n", "has no images, only a header"},
		"no known role":    {"fig1a", "pixel_differences.csv", differences + "far,a,1,1\nfar,a,2,1\n", "has no role among general, in, smooth"},
		"short row":        {"fig2d", "scores.csv", "role,set,index,R06\nin,a,0,1\nin,a,1\n", "line 3, column 3: the row ends here"},
		"not a number":     {"fig2d", "scores.csv", "role,set,index,R06\nin,a,0,1\nin,a,1,x\n", `line 3, column 4 (R06) is "x"`},
		"NaN":              {"fig1b", "scores.csv", "role,set,index,R03\nin,a,0,NaN\n", `line 2, column 4 (R03) is "NaN", which is not a number within`},
		"infinite":         {"fig1b", "scores.csv", "role,set,index,R03\nin,a,0,-Inf\n", `line 2, column 4 (R03) is "-Inf"`},
		"empty field":      {"fig2c", "scores.csv", "role,set,index,R06\n,a,0,1\n", "line 2, column 1 (role) is empty"},
		"quote":            {"fig2c", "scores.csv", "role,set,index,R06\nin,\"a,0,1\n", "line 2, character 11"},
		"negative density": {"fig1a", "pixel_differences.csv", differences + "in,a,1,-1\n", "line 2, column 4 (density) is -1"},
		"descending bins":  {"fig1a", "pixel_differences.csv", differences + "in,a,1,1\nin,a,1,1\n", "line 3, column 3 (centre) is 1 after 1"},
		"one bin":          {"fig1a", "pixel_differences.csv", differences + "in,a,1,1\n", "role in has a single bin"},
		"two densities":    {"fig1a", "pixel_differences.csv", differences + "in,a,1,1\nin,b,2,1\n", `line 3, column 2 (set) is "b" after "a"`},
		"correlation":      {"fig1c", "correlations.csv", correlations + "R18,R03,0.5,0.4,1.5,9\n", "line 2, column 5 (spearman_high) is 1.5, a correlation is within -1..1"},
		"area":             {"figS2", "curves.csv", curves + "R03,1,5,auroc_ratio,smooth,101\n", "line 2, column 6 (value) is 101, an AUROC is within 0..100 percent"},
		"no epoch":         {"figS3", "curves.csv", curves + "R03,1,0,bits_per_dim,in,4\n", "line 2, column 3 (epoch) is 0, a number above 0"},
		"an epoch twice":   {"figS6", "curves.csv", curves + "R03,1,5,bits_per_dim,in,4\nR03,1,5,bits_per_dim,in,4\n", "line 3, column 3 (epoch) is 5, of which there is a value already"},
		"a tile's place":   {"figS7", "pictures/top_R06.csv", tile + "0,x,raw,general,a,0,,1\n", `line 2, column 2 (column) is "x"`},
		"no picture":       {"fig3a", "pictures/mixed.csv", tile + "0,0,image,in,a,0,,1\n", "pictures/mixed.png is missing"},
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
}

// Without its tables there is no figure; a sheet of pictures may be missing with its run.
func TestMissingFilesAreRefused(t *testing.T) {
	for _, entry := range All() {
		figure, err := entry.Draw(filepath.Join(t.TempDir(), "nowhere"))
		if strings.HasPrefix(entry.Files[0], "pictures/") {
			require.NoError(t, err)
			require.Contains(t, figure.Caption, "not drawn", entry.Name)
			continue
		}
		require.ErrorContains(t, err, "nowhere", entry.Name)
		require.Error(t, err, entry.Name)
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add("role,set,index\nin,a,0\n")
	f.Add("role,set,index,in\nin,\"a,\n0\",1,2\n")
	f.Add("\"\n")
	f.Add("role,role\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := parseTable("fuzz.csv", strings.NewReader(text), "role")
		if err != nil {
			assert.ErrorContains(t, err, "fuzz.csv")
			return
		}
		require.Equal(t, len(table.rows), len(table.lines))
		for row := range table.rows {
			require.Len(t, table.rows[row], len(table.columns))
			_, _ = table.text(row, "role")
			if value, err := table.number(row, "role"); err == nil {
				assert.False(t, value != value)
			}
			if row > 0 {
				assert.Greater(t, table.lines[row], table.lines[row-1])
			}
		}
	})
}
