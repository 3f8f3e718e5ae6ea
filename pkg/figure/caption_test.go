package figure

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"strata/pkg/result"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mostWords is how long a caption may be, without the sentence of the sets.
const mostWords = 60

// A caption that nobody reads to its end says nothing: it is short, whatever the verdicts are, concludes, and names the
// sets with the paper's.
func TestCaptionsAreShortAndConclude(t *testing.T) {
	folders := []string{results}
	for _, pattern := range []string{"", "*"} { // what the committed figures are of: captions of results that lack runs say so at length
		indices, err := filepath.Glob(filepath.Join("../../figures", pattern, IndexFile))
		require.NoError(t, err)
		require.NotEmpty(t, indices)
		for _, index := range indices {
			rows, err := result.ReadFile[IndexRow](index)
			require.NoError(t, err)
			folders = append(folders, filepath.Join(filepath.Dir(index), rows[0].Results))
		}
	}
	for _, folder := range folders {
		for _, verdict := range []result.Verdict{"", result.DoesNotHold} { // as measured, and in most words
			r, err := Open(folder)
			require.NoError(t, err)
			claims, err := r.claims()
			require.NoError(t, err)
			for i := range claims {
				claims[i].Verdict = cmp.Or(verdict, claims[i].Verdict)
			}
			for _, entry := range All() {
				checkCaption(t, r, entry)
			}
		}
	}
}

// What the numbers in a figure are of is said where it may be other than what the claim rests on: of one seed, and of fewer images.
func TestCaptionsSayWhatTheScoreFileHas(t *testing.T) {
	r, err := Open(results)
	require.NoError(t, err)
	s, err := r.scores()
	require.NoError(t, err)
	for _, name := range []string{"fig1", "fig1b", "fig2", "fig2b", "fig2c", "fig2d", "fig3", "fig3c", "fig3d"} {
		i := slices.IndexFunc(All(), func(e Entry) bool { return e.Name == name })
		figure, err := All()[i].Draw(r)
		require.NoError(t, err)
		assert.Regexp(t, `\. The numbers in the figure are of (\d+ to )?\d+ images a set, seed 1\.$`, figure.MeasuredOn, name)
		assert.True(t, strings.HasSuffix(figure.Caption, figure.MeasuredOn), name)
	}
	assert.Equal(t, fmt.Sprintf("%d images a set, seed 1", s.roles[roleIn].images), r.counted(s, roleIn))
	s.roles[roleIn].images = s.roles[roleSmooth].images + 7
	assert.Equal(t, fmt.Sprintf("%d to %d images a set, seed 1", s.roles[roleSmooth].images, s.roles[roleIn].images),
		r.counted(s, roleIn, roleSmooth))
	assert.Empty(t, r.counted(s))
}

func checkCaption(t *testing.T, r *Results, entry Entry) {
	t.Helper()
	figure, err := entry.Draw(r)
	require.NoError(t, err)
	said, sets, found := strings.Cut(figure.Caption, setsSentence)
	assert.True(t, found, "%s names no sets", entry.Name)
	assert.Contains(t, sets, "; size "+r.manifest.Size+", ", entry.Name)
	words := slices.DeleteFunc(strings.Fields(said), func(word string) bool {
		return !strings.ContainsFunc(word, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) })
	})
	assert.LessOrEqual(t, len(words), mostWords, "%s: %s", entry.Name, said)
	for _, id := range claimsOf[entry.Name] {
		assert.Contains(t, said, id+" ", "%s concludes", entry.Name)
	}
}

// Every claim that experiments/claims.yaml places in a figure or table is concluded there.
func TestClaimsBelongToTheirFigures(t *testing.T) {
	claims, err := result.DeclaredClaims()
	require.NoError(t, err)
	known := map[string]bool{}
	for _, c := range claims {
		known[c.ID] = true
		for _, of := range []struct{ where, name string }{{"Fig 1A", "fig1a"}, {"Fig 1B", "fig1b"}, {"Fig 1C", "fig1c"},
			{"Fig 3A", "fig3a"}, {"Fig 3B", "fig3b"}, {"Fig 3C, D", "fig3c"}, {"Fig 3C, D", "fig3d"},
			{"S3, Fig S1", "figS1"}, {"Figs S2, S3", "figS2"}, {"Figs S2, S3", "figS3"}, {"Fig S4", "figS4"},
			{"Fig S6", "figS6"}, {"Fig S7", "figS7"}, {"Fig S8", "figS8"}, {"Tab 1", "tables/table1"},
			{"Tab 2", "tables/table2"}, {"Tab 3", "tables/table3"}, {"Tab 4", "tables/table4"},
			{"Tab S1", "tables/tableS1"}, {"Tab S4", "tables/tableS4"}} {
			if c.Where == of.where {
				assert.Contains(t, claimsOf[of.name], c.ID, of.name)
			}
		}
	}
	for name, ids := range claimsOf {
		for _, id := range ids {
			assert.True(t, known[id], "%s is about %s", name, id)
		}
	}
}

func TestConcluded(t *testing.T) {
	for _, test := range []struct {
		claim result.Claim
		want  string
	}{
		{result.Claim{ID: "L2", Paper: "\u03C1 > 0.83", Measured: "least Spearman \u03C1", Value: 0.7946,
			Low: 0.75, High: 0.84, Verdict: result.DoesNotHold}, "L2 does not hold (here \u03C1 0.79, paper \u03C1 > 0.83)."},
		{result.Claim{ID: "L3", Paper: "\u03C1 > 0.95", Measured: "Spearman", Value: 0.9477, Low: 0.941, High: 0.954,
			Verdict: result.Open}, "L3 is open (here \u03C1 0.948, paper \u03C1 > 0.95)."},
		{result.Claim{ID: "F5", Paper: "pictures", Measured: "share, %", Value: 2.93, Low: 1.8, High: 4.8,
			Verdict: result.DoesNotHold}, "F5 does not hold (here 2.9 %)."},
		{result.Claim{ID: "V1", Value: math.NaN(), Verdict: result.NotMeasured}, "V1 is not measured."},
	} {
		assert.Equal(t, test.want, concluded([]result.Claim{test.claim}))
	}
	assert.Empty(t, concluded(nil))
}

// Somebody who has a copy of results without the pictures still reads what was measured on them.
func TestCaptionsWithoutPictures(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(folder, os.DirFS(results)))
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "pictures")))
	r, err := Open(folder)
	require.NoError(t, err)
	absent := 0
	for _, entry := range All() {
		checkCaption(t, r, entry)
		figure, err := entry.Draw(r)
		require.NoError(t, err)
		if strings.Contains(figure.Caption, "may not be shared") {
			absent++
		}
		if entry.Name == "fig3" {
			assert.Contains(t, figure.Caption, "Not drawn: A, B. F5 ")
			assert.NotContains(t, figure.Caption, "A: z3")
			width, height := figure.page.size()
			assert.Less(t, height, width, "what is not drawn takes a line, not the room of pictures")
		}
	}
	assert.Equal(t, 8, absent) // 2A, 3A, 3B, S1, S7, S8, sets and augmentation
}

func TestRounded(t *testing.T) {
	for _, c := range []struct {
		value, low, high float64
		want             string
	}{
		{25.27, 22.21, 28.36, "25 [22, 28]"},
		{1.0996, 0.5725, 6.911, "1.1 [0.6, 6.9]"},
		{100, 97.2, 100, "100.0 [97.2, 100.0]"},
		{-0.0916, -0.0983, -0.0856, "−0.092 [−0.098, −0.086]"},
		{9, 9, 9, "9.0 [9.0, 9.0]"},
	} {
		value, interval := Rounded(result.Claim{Value: c.value, Low: c.low, High: c.high})
		require.Equal(t, c.want, value+" "+interval)
	}
}
