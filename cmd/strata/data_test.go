package main

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDataCommands(t *testing.T) {
	ownFolders(t)
	data := os.Getenv("STRATA_DATA")
	require.NoError(t, os.CopyFS(filepath.Join(data, "lsun"), os.DirFS("../../pkg/imageset/format/testdata/lsun")))
	require.NoError(t, os.CopyFS(filepath.Join(data, "svhn"), os.DirFS("../../pkg/imageset/format/testdata/svhn")))
	require.NoError(t, os.WriteFile(filepath.Join(data, "broken.zip"), []byte("no zip"), 0o644))
	t.Setenv("STRATA_CACHE", t.TempDir())

	code, out, errOut := strata("data", "list")
	require.Zero(t, code, errOut)
	require.Regexp(t, `(?m)^plain +cifar10 +64 +24 `, out)
	require.Regexp(t, `(?m)^lsun +lsun +5 `, out)
	require.Regexp(t, `(?m)^broken +unreadable .*broken.zip`, out)
	require.Regexp(t, `(?m)^shapes +procedural +8000 +2000 +drawn by strata`, out)
	require.Regexp(t, `(?m)^shapes_grey +made of shapes `, out)
	require.NotContains(t, out, "tiny_grey", "made of a set that is not there")

	code, out, errOut = strata("data", "check", "plain", "lsun", "svhn")
	require.Equal(t, exitFailed, code, "files that are not the published ones are a failure")
	require.Contains(t, errOut, "svhn: 2 files are not what was published")
	require.Contains(t, out, "nothing there that has a published hash")
	require.Regexp(t, `(?m)^plain/train: 64 images of 32x32x3, 10 classes, hash [0-9a-f]{16}$`, out)
	require.Contains(t, out, "as distributed; opened in")
	require.Contains(t, out, "WebP at about 64x88, then resized to 32x32")
	require.Regexp(t, `(?m)^svhn: .*test_32x32.mat.*sha256`, out, "these are not the published files, and it says so")

	code, out, errOut = strata("data", "bench", "lsun", "--split", "test", "--seconds", "0.05")
	require.Zero(t, code, errOut)
	require.Regexp(t, `opened again: +5 images`, out)
	require.Regexp(t, `augmented batches of 5: \d+ images/s`, out)
	require.Contains(t, out, "memory: at most")

	sheet := filepath.Join(t.TempDir(), "sheet.png")
	code, out, errOut = strata("data", "sheet", "svhn", "--split", "test", "-o", sheet)
	require.Zero(t, code, errOut)
	hidden := filepath.Join(filepath.Dir(sheet), "ignored")
	require.Equal(t, filepath.Join(hidden, "sheet.png")+"\n", out, "real images")
	require.FileExists(t, filepath.Join(hidden, ".gitignore"))
	file, err := os.Open(strings.TrimSpace(out))
	require.NoError(t, err)
	defer file.Close()
	_, err = png.Decode(file)
	require.NoError(t, err)

	code, _, errOut = strata("data", "export", "svhn", hidden, "--split", "test")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, "is not empty", "git would be told to ignore what is there")
	for set, ignored := range map[string]bool{"svhn": true, "digits": false} {
		folder := filepath.Join(t.TempDir(), set)
		code, _, errOut = strata("data", "export", set, folder, "--split", "test", "--images", "2")
		require.Zero(t, code, errOut)
		require.FileExists(t, filepath.Join(folder, set+"-00001.png"))
		if ignored {
			require.FileExists(t, filepath.Join(folder, ".gitignore"))
		} else {
			require.NoFileExists(t, filepath.Join(folder, ".gitignore"))
		}
	}

	code, _, errOut = strata("data", "check", "svhm")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, `no image set "svhm": in `+data+": broken, lsun, noisy, plain, svhn")
	require.Equal(t, 1, strings.Count(errOut, "\n"), "one line")
}

// Scores of sets with unlike histories come with a warning, and with the list and hash of what was scored.
func TestScoreWarnsAndListsImages(t *testing.T) {
	ownFolders(t)
	data := os.Getenv("STRATA_DATA")
	require.NoError(t, os.CopyFS(filepath.Join(data, "lsun"), os.DirFS("../../pkg/imageset/format/testdata/lsun")))
	t.Setenv("STRATA_CACHE", t.TempDir())
	code, out, errOut := strata("train", "--in", "plain", "--size", "smoke", "--steps", "2")
	require.Zero(t, code, errOut)
	scores := filepath.Join(t.TempDir(), "scores.csv")
	code, _, errOut = strata("score", strings.TrimSpace(out), "--out", "lsun", "--images", "4", "-o", scores)
	require.Zero(t, code, errOut)
	require.Contains(t, errOut, "warning: plain (as distributed) and lsun (WebP at about 64x88, then resized to 32x32) differ in their "+
		"history")
	table, err := os.ReadFile(filepath.Join(filepath.Dir(scores), "scores-subsets.csv"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^lsun,test,4,5,[0-9a-f]{64},.*,scores-subsets/lsun-test-4.txt,split$`, string(table))
	require.FileExists(t, filepath.Join(filepath.Dir(scores), "scores-subsets", "lsun-test-4.txt"))
}
