package damagetest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"strata/pkg/folders"
)

// Fixture returns the path of a file of SHARED/fixtures and decodes into want what the manifest there says of it. Where
// there is no such folder the test is skipped.
func Fixture(t testing.TB, name string, want any) (path string) {
	t.Helper()
	shared, ok, err := folders.Shared()
	require.NoError(t, err)
	if !ok {
		t.Skipf("%s is absent: it has the files of other writers", shared)
	}
	dir := filepath.Join(shared, "fixtures")
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &all))
	require.Contains(t, all, name)
	require.NoError(t, json.Unmarshal(all[name], want))
	return filepath.Join(dir, name)
}
