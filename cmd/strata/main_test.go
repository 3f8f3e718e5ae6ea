package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata/internal/plugin"
	"strata/pkg/backend/backendtest"
	"strata/pkg/models"

	"github.com/stretchr/testify/require"
)

// strata runs the command in this process.
func strata(args ...string) (code int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	code = run(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// folders gives the test its own data, with sets "plain" and "noisy" in CIFAR-10's format, runs and figures.
func ownFolders(t *testing.T) {
	t.Helper()
	data := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	for set, noise := range map[string]int{"plain": 20, "noisy": 200} {
		require.NoError(t, os.Mkdir(filepath.Join(data, set), 0o755))
		for name, images := range map[string]int{"data_batch_1.bin": 64, "test_batch.bin": 24} {
			var file bytes.Buffer
			for range images {
				file.WriteByte(byte(rng.IntN(10)))
				for range 3072 {
					file.WriteByte(byte(20 + rng.IntN(noise)))
				}
			}
			require.NoError(t, os.WriteFile(filepath.Join(data, set, name), file.Bytes(), 0o644))
		}
	}
	t.Setenv("STRATA_DATA", data)
	t.Setenv("STRATA_RUNS", t.TempDir())
	t.Setenv("STRATA_FIGURES", t.TempDir())
	t.Setenv("GOMLX_BACKEND", "")
}

func TestTrainScoreEvaluate(t *testing.T) {
	ownFolders(t)
	code, out, errOut := strata("train", "--in", "plain", "--size", "smoke", "--steps", "8")
	require.Zero(t, code, errOut)
	id := strings.TrimSpace(out)
	require.Regexp(t, `^glow-plain-l3-k1-h8-s8-[0-9a-f]{12}$`, id)
	require.Contains(t, errOut, "bits/dim")

	code, out, errOut = strata("train", "--in", "plain", "--size", "smoke", "--steps", "8")
	require.Zero(t, code, errOut)
	require.Equal(t, id, strings.TrimSpace(out), "asked for twice, trained once")

	code, general, errOut := strata("train", "--in", "noisy", "--size", "smoke", "--parent", "glow-plain")
	require.Zero(t, code, errOut)
	general = strings.TrimSpace(general)
	require.Contains(t, general, "-ft-")

	scores := filepath.Join(t.TempDir(), "scores.csv")
	code, out, errOut = strata("score", id, "--general", general, "--out", "noisy", "-o", scores)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "48 images, log_likelihood, c1, c2, c3, png_bytes, complexity, general, ratio, ratio_c1, ratio_c2, ratio_c3")

	code, out, errOut = strata("evaluate", scores, "--csv", "--scores", "log_likelihood,ratio")
	require.Zero(t, code, errOut)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 3)
	require.Regexp(t, `^log_likelihood,noisy,`, lines[1])
	require.True(t, strings.HasSuffix(lines[2], ",24,24"), lines[2])
}

// Every model that can be named goes down the same street; what has an inverse comes back from it.
func TestEveryModel(t *testing.T) {
	if testing.Short() {
		t.Skip("trains four models")
	}
	ownFolders(t)
	for _, model := range models.Names() {
		if model == "dense" && testing.Short() {
			continue // drawing an orthogonal matrix of 3072 rows takes ten seconds
		}
		code, out, errOut := strata("train", "--in", "plain", "--size", "smoke", "--steps", "2", "--model", model)
		require.Zero(t, code, errOut)
		id := strings.TrimSpace(out)
		scores := filepath.Join(t.TempDir(), "scores.csv")
		code, out, errOut = strata("score", id, "--out", "noisy", "-o", scores)
		require.Zero(t, code, errOut)
		require.Contains(t, out, "48 images, log_likelihood")

		picture := filepath.Join(t.TempDir(), "samples.png")
		code, out, errOut = strata("sample", id, "--count", "3", "-o", picture)
		require.Zero(t, code, errOut)
		require.Contains(t, out, "3 samples of "+id)
		require.FileExists(t, picture)

		code, out, errOut = strata("reconstruct", id, "plain", "noisy")
		if model == "pixelcnn" {
			require.Equal(t, exitFailed, code)
			require.Contains(t, errOut, "PixelCNN++ R1 F4 M2 has no inverse")
			continue
		}
		require.Zero(t, code, errOut)
		require.Regexp(t, `plain +24 .*100.0% +0\nnoisy +24 .*100.0% +0\n`, out)
	}
}

func TestUsageAndErrors(t *testing.T) {
	ownFolders(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"train"}, exitUsage, "--in"},
		{[]string{"train", "--in", "plain", "--size", "huge"}, exitUsage, "smoke"},
		{[]string{"train", "--in", "plain", "--model", "diffusion"}, exitUsage, "pixelcnn"},
		{[]string{"sample", "no-run", "-o", "x.gif"}, exitFailed, "written as .png"},
		{[]string{"sample", "no-run", "-o", "x.png"}, exitFailed, "no run"},
		{[]string{"reconstruct", "no-run", "plain"}, exitFailed, "no run"},
		{[]string{"frobnicate"}, exitUsage, "strata --help"},
		{[]string{"train", "--in", "nowhere", "--size", "smoke"}, exitFailed, "nowhere"},
		{[]string{"score", "no-run", "-o", "x.csv"}, exitFailed, "strata train"},
		{[]string{"evaluate", "no-file.csv"}, exitFailed, "no-file.csv"},
		{[]string{"reproduce", "section99", "--size", "smoke"}, exitFailed, "section99"},
		{[]string{"data", "check", "nowhere"}, exitFailed, "nowhere"},
	} {
		code, _, errOut := strata(c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errOut)
		require.Contains(t, errOut, c.says, "%v", c.args)
	}
	t.Setenv("STRATA_DATA", filepath.Join(t.TempDir(), "missing"))
	code, _, errOut := strata("data", "list")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, "STRATA_DATA")
	require.Len(t, strings.Split(strings.TrimSpace(errOut), "\n"), 1, "errors are one line")
}

func TestHelpShowsExamples(t *testing.T) {
	for _, command := range [][]string{{"data", "list"}, {"data", "check"}, {"data", "sheet"}, {"train"}, {"import"}, {"score"}, {"sample"},
		{"reconstruct"}, {"evaluate"}, {"reproduce"}, {"figures"}, {"plugin"}, {"version"}} {
		code, out, _ := strata(append(command, "--help")...)
		require.Zero(t, code, command)
		require.Contains(t, out, "Example", command)
		require.Contains(t, out, "strata "+command[0], command)
	}
}

func TestData(t *testing.T) {
	ownFolders(t)
	code, out, errOut := strata("data", "list")
	require.Zero(t, code, errOut)
	require.Regexp(t, `plain +cifar\S* +64 +24`, out)
	require.Regexp(t, `shapes +procedural`, out)
	code, out, errOut = strata("data", "check", "plain")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "plain/train: 64 images of 32x32x3, 10 classes")
	sheet := filepath.Join(t.TempDir(), "sheet.png")
	code, _, errOut = strata("data", "sheet", "noisy", "-o", sheet)
	require.Zero(t, code, errOut)
	require.FileExists(t, filepath.Join(filepath.Dir(sheet), "ignored", "sheet.png"), "somebody's images")
	code, _, errOut = strata("data", "sheet", "digits", "--split", "test", "-o", sheet)
	require.Zero(t, code, errOut)
	require.FileExists(t, sheet)
}

func TestVersion(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "")
	t.Setenv("STRATA_NO_XLA", "")
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", t.TempDir())
	code, out, errOut := strata("version")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "backends built in: go")
	require.Contains(t, out, "strata plugin brings it")
	require.Regexp(t, `smoke  go\n  quick  go\n  demo   go\n`, out)
	t.Setenv("GOMLX_BACKEND", "abacus")
	code, _, errOut = strata("version")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, "abacus")
}

// With the plugin, what seconds take stays on the Go backend, and the rest does not.
func TestVersionWithPlugin(t *testing.T) {
	backendtest.XLA(t)
	t.Setenv("GOMLX_BACKEND", "")
	code, out, errOut := strata("version")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "XLA's CPU plugin: ")
	require.Contains(t, out, "computes large work on: xla:")
	require.Regexp(t, `smoke  go\n  quick  xla\n  demo   xla\n`, out)
}

// Where no plugin can be had, who wants it is told, and who can do without goes on, in one line.
func TestPluginWithoutNetwork(t *testing.T) {
	if _, pinned := plugin.Pinned(); !pinned {
		t.Skip("nothing is pinned for this platform")
	}
	folder := t.TempDir()
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", folder)
	t.Setenv("PIP_INDEX_URL", "")
	t.Setenv("PIP_PROXY", "http://127.0.0.1:1")
	t.Setenv("STRATA_NO_XLA", "")
	code, out, errOut := strata("plugin")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, errOut, "cannot be downloaded")
	require.Contains(t, errOut, "--from")
	code, out, errOut = strata("plugin", "--optional")
	require.Zero(t, code)
	require.Empty(t, out)
	require.Regexp(t, "^the Go backend computes, not XLA: .*\n$", errOut)
	t.Setenv("STRATA_NO_XLA", "1")
	code, _, errOut = strata("plugin")
	require.Zero(t, code)
	require.Equal(t, "STRATA_NO_XLA is set: XLA's CPU plugin is not fetched\n", errOut)
	code, out, _ = strata("plugin", "--list")
	require.Zero(t, code)
	require.Contains(t, out, "looked for as pjrt_c_api_cpu_plugin.so in "+folder)
	require.Contains(t, out, "found: none")

	// What does not open gets no name.
	t.Setenv("STRATA_NO_XLA", "")
	broken := filepath.Join(t.TempDir(), "broken.so")
	require.NoError(t, os.WriteFile(broken, []byte("no library"), 0o644))
	code, _, errOut = strata("plugin", "--from", broken)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errOut, "does not open here")
	require.NoFileExists(t, filepath.Join(folder, plugin.FileName))
}
