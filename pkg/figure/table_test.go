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
		differences = "role,set,centre,density\n"
		table2      = "model,score,role,set,auroc,low,high\n"
	)
	for name, test := range map[string]struct{ figure, file, text, want string }{
		"empty":            {"fig1a", "pixel_differences.csv", "", "is empty, a header was expected"},
		"no column":        {"fig1a", "pixel_differences.csv", "role,set,centre\n", `line 1: no column "density" among role,set,centre`},
		"column twice":     {"fig2c", "scores.csv", "role,set,index,in,in\n", `line 1: columns 4 and 5 are both named "in"`},
		"no rows":          {"fig2c", "scores.csv", "role,set,index,in\n", "has no images, only a header"},
		"no comparison":    {"table2", "table2.csv", table2, "has no comparison, only a header"},
		"no known role":    {"fig1a", "pixel_differences.csv", differences + "far,a,1,1\nfar,a,2,1\n", "has no role among general, in, smooth"},
		"short row":        {"fig2d", "scores.csv", "role,set,index,in\nin,a,0,1\nin,a,1\n", "line 3, column 3: the row ends here"},
		"not a number":     {"fig2d", "scores.csv", "role,set,index,in\nin,a,0,1\nin,a,1,x\n", `line 3, column 4 (in) is "x"`},
		"NaN":              {"fig1b", "scores.csv", "role,set,index,in\nin,a,0,NaN\n", `line 2, column 4 (in) is "NaN", which is not a number within`},
		"infinite":         {"fig1b", "scores.csv", "role,set,index,in\nin,a,0,-Inf\n", `line 2, column 4 (in) is "-Inf"`},
		"empty field":      {"fig2c", "scores.csv", "role,set,index,in\n,a,0,1\n", "line 2, column 1 (role) is empty"},
		"quote":            {"fig2c", "scores.csv", "role,set,index,in\nin,\"a,0,1\n", "line 2, character 11"},
		"negative density": {"fig1a", "pixel_differences.csv", differences + "in,a,1,-1\n", "line 2, column 4 (density) is -1"},
		"descending bins":  {"fig1a", "pixel_differences.csv", differences + "in,a,1,1\nin,a,1,1\n", "line 3, column 3 (centre) is 1 after 1"},
		"one bin":          {"fig1a", "pixel_differences.csv", differences + "in,a,1,1\n", "role in has a single bin"},
		"two densities":    {"fig1a", "pixel_differences.csv", differences + "in,a,1,1\nin,b,2,1\n", `line 3, column 2 (set) is "b" after "a"`},
		"percent":          {"table2", "table2.csv", table2 + "in,full,far,a,93,90,95\n", "line 2, column 5 (auroc) is 93, a fraction in 0..1"},
		"outside":          {"table2", "table2.csv", table2 + "in,full,far,a,0.5,0.6,0.7\n", "line 2, column 5 (auroc) is 0.5 outside its interval"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, test.file, test.text)
			figure, err := byName(test.figure, dir)
			require.ErrorContains(t, err, test.want)
			assert.Nil(t, figure)
			assert.ErrorContains(t, err, filepath.Join(dir, test.file))
			assert.ErrorContains(t, err, "evaluate again", "it says what to do")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestMissingFilesAreRefused(t *testing.T) {
	for _, entry := range All() {
		_, err := entry.Draw(filepath.Join(t.TempDir(), "nowhere"))
		require.ErrorContains(t, err, "is missing: name the folder that an evaluation wrote", entry.Name)
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
