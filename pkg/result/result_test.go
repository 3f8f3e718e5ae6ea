package result

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"strata/pkg/folders"

	"github.com/stretchr/testify/require"
)

var someManifest = Manifest{Family: "procedural", Size: "demo", Seeds: []uint64{1, 2},
	Roles: map[string]string{"in": "shapes_in", "smooth": "digits"},
	When:  time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC), CodeVersion: 4}

func TestManifestCompletesAFolder(t *testing.T) {
	figures := t.TempDir()
	t.Setenv("STRATA_FIGURES", figures)
	t.Setenv("STRATA_RESULTS", "")
	folder := filepath.Join(figures, "results", "procedural-demo")
	require.NoError(t, Begin(folder))
	require.NoError(t, Begin(folder), "again")
	require.NoError(t, Write(folder, someClaims))
	_, err := ReadManifest(folder)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "not complete")
	require.NoError(t, CheckSchema(folder), "what is there may be read while it is written")
	_, err = folders.Results("")
	require.Error(t, err)

	require.NoError(t, WriteManifest(folder, someManifest))
	read, err := ReadManifest(folder)
	require.NoError(t, err)
	want := someManifest
	want.Schema = Schema
	require.Equal(t, want, read)
	found, err := folders.Results("")
	require.NoError(t, err)
	require.Equal(t, folder, found)

	require.NoError(t, Begin(folder), "written anew it is not complete")
	require.NoFileExists(t, filepath.Join(folder, ManifestFile))
	require.FileExists(t, filepath.Join(folder, "claims.csv"))
}

func TestOtherSchemasAreRefused(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, Write(folder, someClaims))
	for text, says := range map[string]string{
		`{"schema": 3, "size": {"of": "another kind"}}`: "written by a newer strata: schema 3, this one knows 2",
		`{"schema": 1}`:                   "written by an older strata: schema 1, this one knows 2",
		`{}`:                              "older strata: schema 0",
		`{"schema": 2, "seeds": "three"}`: "results.json: json",
		`{"schema": "two"}`:               "results.json: json",
		`no manifest`:                     "results.json: invalid",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, ManifestFile), []byte(text), 0o644))
		_, err := ReadManifest(folder)
		require.ErrorContains(t, err, says)
		_, err = Read[Claim](folder)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, CheckSchema(folder), says)
	}
	require.Error(t, WriteManifest(filepath.Join(folder, "nowhere"), someManifest))
}
