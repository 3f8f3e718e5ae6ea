package folders

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var variables = []string{
	"STRATA_ROOT", "STRATA_DATA", "STRATA_RUNS", "STRATA_FIGURES", "STRATA_CACHE", "STRATA_SHARED",
	"STRATA_PARITY", "STRATA_RESULTS",
}

// The tests speak about a world of their own, not about the caller's variables.
func TestMain(m *testing.M) {
	for _, variable := range variables {
		os.Unsetenv(variable)
	}
	os.Exit(m.Run())
}

// newModule makes TMP/module with strata's go.mod and the folders named, and
// returns it.
func newModule(t *testing.T, dirs ...string) string {
	t.Helper()
	tmp, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	root := filepath.Join(tmp, "module")
	require.NoError(t, os.MkdirAll(root, 0o755))
	writeGoMod(t, root, "strata")
	for _, dir := range dirs {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	return root
}

func writeGoMod(t *testing.T, dir, module string) {
	t.Helper()
	text := "// a comment first\n\nmodule " + module + " // and one behind\n\ngo 1.26\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644))
}

func TestRootIsFoundFromAnyFolder(t *testing.T) {
	root := newModule(t, "notebooks/deep", "tools/bin")
	writeGoMod(t, filepath.Join(root, "tools"), "strata/tools")
	for _, cwd := range []string{"", "notebooks", "notebooks/deep", "tools/bin"} {
		t.Chdir(filepath.Join(root, cwd))
		got, err := Root()
		require.NoError(t, err)
		assert.Equal(t, root, got, "from %q", cwd)
	}
}

func TestRootOutsideTheModule(t *testing.T) {
	dir := t.TempDir()
	writeGoMod(t, dir, "gonb_1234") // a notebook's scratch module is not the root
	t.Chdir(dir)
	_, err := Root()
	require.Error(t, err)
	assert.Contains(t, err.Error(), dir)
	assert.Contains(t, err.Error(), "STRATA_ROOT")
	assertOneLine(t, err)

	root := newModule(t)
	t.Setenv("STRATA_ROOT", root)
	got, err := Root()
	require.NoError(t, err)
	assert.Equal(t, root, got)
}

func TestRootThatIsWrong(t *testing.T) {
	for _, value := range []string{"relative", filepath.Join(t.TempDir(), "missing")} {
		t.Setenv("STRATA_ROOT", value)
		_, err := Root()
		require.Error(t, err)
		assert.Contains(t, err.Error(), fmt.Sprintf("STRATA_ROOT=%q", value))
		assertOneLine(t, err)
	}
}

// functions lists all folders in one shape: those that are written have no ok.
var functions = []struct {
	variable string
	fallback string // from the root
	read     bool
	call     func() (string, bool, error)
}{
	{"STRATA_DATA", "data", true, Data},
	{"STRATA_SHARED", "../shared", true, Shared},
	{"STRATA_PARITY", "../shared/parity", true, Parity},
	{"STRATA_RUNS", "runs", false, withoutOK(Runs)},
	{"STRATA_FIGURES", "figures", false, withoutOK(Figures)},
	{"STRATA_CACHE", "cache", false, withoutOK(Cache)},
}

func withoutOK(f func() (string, error)) func() (string, bool, error) {
	return func() (string, bool, error) {
		dir, err := f()
		return dir, false, err
	}
}

func TestRelativeCountsFromTheRoot(t *testing.T) {
	for _, f := range functions {
		t.Run(f.variable, func(t *testing.T) {
			root := newModule(t, "pkg/deep/elsewhere", "elsewhere", "../beside")
			for _, cwd := range []string{"", "pkg", "pkg/deep"} { // pkg/deep has an "elsewhere" of its own
				t.Chdir(filepath.Join(root, cwd))
				for value, want := range map[string]string{
					"elsewhere":                filepath.Join(root, "elsewhere"),
					"./elsewhere/":             filepath.Join(root, "elsewhere"),
					"../beside":                filepath.Join(filepath.Dir(root), "beside"),
					filepath.Join(root, "pkg"): filepath.Join(root, "pkg"),
				} {
					t.Setenv(f.variable, value)
					got, ok, err := f.call()
					require.NoError(t, err)
					assert.Equal(t, want, got, "%q from %q", value, cwd)
					assert.Equal(t, f.read, ok)
				}
			}
		})
	}
}

// A folder that is read must be there where a variable names it; one that is written to may be absent, and asking does
// not make it. What is there and is no folder is an error for both.
func TestSetAndMissing(t *testing.T) {
	for _, f := range functions {
		t.Run(f.variable, func(t *testing.T) {
			root := newModule(t, "data", "runs", "figures", "../shared/parity", "pkg/nowhere")
			require.NoError(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o644))
			t.Chdir(filepath.Join(root, "pkg"))
			reasons := map[string]string{"file": "is not a folder", "file/below": "cannot be read"}
			if f.read {
				reasons["nowhere"] = "does not exist"
			}
			for value, reason := range reasons {
				t.Setenv(f.variable, value)
				dir, ok, err := f.call()
				require.Error(t, err)
				assert.Empty(t, dir)
				assert.False(t, ok)
				assert.Contains(t, err.Error(), fmt.Sprintf("%s=%q: %s %s", f.variable, value, filepath.Join(root, value), reason))
				assertOneLine(t, err)
			}
			if f.read {
				return
			}
			for value, want := range map[string]string{
				"nowhere":                        filepath.Join(root, "nowhere"),
				"new/and/below":                  filepath.Join(root, "new", "and", "below"),
				filepath.Join(root, "elsewhere"): filepath.Join(root, "elsewhere"),
			} {
				t.Setenv(f.variable, value)
				got, _, err := f.call()
				require.NoError(t, err, "whoever writes there makes it")
				assert.Equal(t, want, got)
				assert.NoDirExists(t, want, "asking for a folder does not make it")
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	for _, f := range functions {
		t.Run(f.variable, func(t *testing.T) {
			root := newModule(t, "pkg")
			t.Chdir(filepath.Join(root, "pkg"))
			want := filepath.Join(root, f.fallback)
			t.Setenv(f.variable, "") // empty is unset

			got, ok, err := f.call()
			require.NoError(t, err, "an absent default is no error")
			assert.Equal(t, want, got)
			assert.False(t, ok)
			assert.NoDirExists(t, want, "asking for a folder does not make it")

			require.NoError(t, os.MkdirAll(want, 0o755))
			got, ok, err = f.call()
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.Equal(t, f.read, ok)
		})
	}
}

func TestDefaultThatIsAFile(t *testing.T) {
	root := newModule(t)
	require.NoError(t, os.WriteFile(filepath.Join(root, "data"), nil, 0o644))
	t.Chdir(root)
	require.NoError(t, os.WriteFile(filepath.Join(root, "runs"), nil, 0o644))
	for name, call := range map[string]func() (string, bool, error){"data": Data, "runs": withoutOK(Runs)} {
		_, _, err := call()
		require.Error(t, err)
		assert.Contains(t, err.Error(), filepath.Join(root, name)+" is not a folder")
		assertOneLine(t, err)
	}
}

func TestParityFollowsShared(t *testing.T) {
	root := newModule(t, "other/parity", "bare")
	t.Chdir(root)

	t.Setenv("STRATA_SHARED", "other")
	got, ok, err := Parity()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(root, "other", "parity"), got)
	assert.True(t, ok)

	t.Setenv("STRATA_SHARED", "bare") // a shared folder may lack the parity files
	_, ok, err = Parity()
	require.NoError(t, err)
	assert.False(t, ok)

	t.Setenv("STRATA_SHARED", "missing")
	_, _, err = Parity()
	require.Error(t, err)
	assert.Contains(t, err.Error(), "STRATA_SHARED")
}

func TestAbsoluteValueNeedsNoRoot(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // outside any module
	t.Setenv("STRATA_DATA", dir)
	got, ok, err := Data()
	require.NoError(t, err)
	assert.Equal(t, dir, got)
	assert.True(t, ok)

	t.Setenv("STRATA_DATA", "images")
	_, _, err = Data()
	require.Error(t, err)
	assert.Contains(t, err.Error(), "STRATA_DATA")
	assert.Contains(t, err.Error(), "STRATA_ROOT")
}

func assertOneLine(t *testing.T, err error) {
	t.Helper()
	assert.NotContains(t, strings.TrimSpace(err.Error()), "\n")
}

func ExampleRuns() {
	root, err := Root()
	if err != nil {
		fmt.Println(err)
		return
	}
	runs, err := Runs()
	if err != nil {
		fmt.Println(err)
		return
	}
	below, _ := filepath.Rel(root, runs)
	fmt.Println(below)
	// Output: runs
}
