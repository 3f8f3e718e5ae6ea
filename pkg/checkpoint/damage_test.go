package checkpoint

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func flipBit(t *testing.T, path string, bit int) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[bit/8] ^= 1 << (bit % 8)
	require.NoError(t, os.WriteFile(path, data, 0o644))
}

// Every truncation, and a flipped bit in every byte, of either file: Latest
// falls back to the older checkpoint and names the damaged file.
func TestDamageFallsBack(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Save(dir, state(1), 2))
	require.NoError(t, Save(dir, state(2), 2))
	rng := rand.New(rand.NewPCG(3, 4))
	stride := 1
	if testing.Short() {
		stride = 5
	}
	for _, name := range []string{tensorsName, manifestName} {
		path := filepath.Join(Path(dir, 2), name)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)

		check := func(damaged []byte, what string, at int) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, damaged, 0o644))
			got, warnings, err := Latest(dir)
			require.NoError(t, err, "%s: %s at %d", name, what, at)
			require.Equal(t, 1, got.Step, "%s: %s at %d", name, what, at)
			require.Len(t, warnings, 1)
			require.Contains(t, warnings[0], path)
			require.NotContains(t, warnings[0], "\n")
		}
		for at := 0; at < len(whole); at += stride {
			check(whole[:at], "truncated", at)
			flipped := append([]byte(nil), whole...)
			flipped[at] ^= 1 << rng.IntN(8)
			check(flipped, "bit flipped", at)
		}
		check(append(whole[:len(whole):len(whole)], 0), "longer by a byte", len(whole))
		require.NoError(t, os.Remove(path))
		_, warnings, err := Latest(dir)
		require.NoError(t, err)
		require.Len(t, warnings, 1)
		assert.Contains(t, warnings[0], path)

		require.NoError(t, os.WriteFile(path, whole, 0o644)) // the reference: undamaged it reads
		got, warnings, err := Latest(dir)
		require.NoError(t, err)
		assert.Empty(t, warnings)
		assertSame(t, state(2), got)
	}
}

// The other half of a swapped pair: a whole file of another checkpoint.
func TestTensorsOfAnotherCheckpoint(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Save(dir, state(1), 2))
	require.NoError(t, Save(dir, state(2), 2))
	other, err := os.ReadFile(filepath.Join(Path(dir, 1), tensorsName))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(Path(dir, 2), tensorsName), other, 0o644))
	got, warnings, err := Latest(dir)
	require.NoError(t, err)
	assertSame(t, state(1), got)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "sha256 differs")
}

func TestManifestOfAnotherFormat(t *testing.T) {
	text, err := manifest{Step: 1}.encode()
	require.NoError(t, err)
	m, err := decodeManifest(text)
	require.NoError(t, err)
	assert.Equal(t, 1, m.Step)

	// Sealed properly, but of a format that this code does not know.
	future := []byte(`{"format": 2, "step": 1, "check": "` + noCheck + `"}`)
	setCheck(future, noCheck, sum(future))
	_, err = decodeManifest(future)
	require.ErrorContains(t, err, "format 2")
}

func FuzzManifest(f *testing.F) {
	text, err := manifest{Step: 3, Meta: []byte(`{"seed":[1,2]}`)}.encode()
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"check": "` + noCheck + `"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := decodeManifest(text)
		if err != nil {
			assertOneLine(t, err)
			return
		}
		again, err := m.encode()
		require.NoError(t, err)
		back, err := decodeManifest(again)
		require.NoError(t, err)
		require.Equal(t, m.Step, back.Step)
		require.Equal(t, m.Tensors, back.Tensors)
	})
}
