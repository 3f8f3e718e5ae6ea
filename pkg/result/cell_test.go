package result

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnmeasured(t *testing.T) {
	c := Unmeasured(PaperCell{Place: Place{Table: "1", In: "a", Out: "b"}, Value: 8.8}, "demo", "not trained")
	require.False(t, c.IsMeasured())
	require.Equal(t, 8.8, c.Value)
	require.Equal(t, "not trained", c.Note)
	c.Measured = 0
	require.True(t, c.IsMeasured(), "0 is a value")
	folder := t.TempDir()
	require.NoError(t, Write(folder, []Cell{c}))
	cells, err := Read[Cell](folder)
	require.NoError(t, err)
	require.True(t, cells[0].IsMeasured())
	require.NotEqual(t, cells[0].Low, cells[0].Low, "NaN")
	require.Equal(t, c.Place, cells[0].Place)
}
