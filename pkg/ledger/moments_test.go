package ledger

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMomentsRoundTrip(t *testing.T) {
	folder := t.TempDir()
	want := []Moment{
		{ID: "D2", Measured: "AUROC of the ratio, %", Steps: 50, Run: "R06", Value: 56.5, Low: 51, High: 62, Verdict: DoesNotHold, Images: 400, Note: "raw 5.9, \"low\""},
		{ID: "D2", Measured: "AUROC of the ratio, %", Steps: 100, Run: "R06", Value: 80, Low: 75, High: 85, Verdict: Holds, Images: 400},
	}
	require.NoError(t, WriteMoments(folder, want))
	got, err := ReadMoments(folder)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestMomentsRefuseDamage(t *testing.T) {
	folder := t.TempDir()
	_, err := ReadMoments(folder)
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(folder, MomentsFile)
	header := "id,measured,steps,run,value,low,high,verdict,images,note\n"
	for _, damaged := range []struct{ text, says string }{
		{"", "line 1"},
		{"id,steps\n", "line 1: expected the columns id,measured"},
		{header + "D2,AUROC,fifty,R06,1,0,2,holds,4,\n", `line 2, column steps: "fifty" is no whole number`},
		{header + "D2,AUROC,50,R06,one,0,2,holds,4,\n", `line 2, column value: "one" is no number`},
		{header + "D2,AUROC,50,R06,1,0,2,perhaps,4,\n", `line 2, column verdict: "perhaps" is none`},
		{header + "D2,AUROC\n", "wrong number of fields"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(damaged.text), 0o644))
		_, err := ReadMoments(folder)
		require.ErrorContains(t, err, damaged.says)
		require.ErrorContains(t, err, path)
	}
}
